"""`ganzoo pull`: a generator from a model hub."""

from __future__ import annotations

import click


@click.command("pull")
@click.argument("repository", metavar="OWNER/NAME")
@click.option("--to", type=click.Path(), metavar="FOLDER", help="New folder [default: NAME].")
@click.option("--revision", help="A branch, tag or commit.")
@click.option("--endpoint", metavar="URL", help="Address of the hub [default: HF_ENDPOINT, or Hugging Face].")
def command(repository: str, to: str | None, revision: str | None, endpoint: str | None) -> None:
    """Fetch a generator of ganzoo from a model hub.

    Only weights as safetensors, their description, the card and a picture are fetched; nothing in them is run.

    \b
    ganzoo pull me/dcgan-digits
    """
    from ganzoo.cli.output import say
    from ganzoo.exporting.hub import pull

    weights = pull(repository, to, revision=revision, endpoint=endpoint)
    say(f"pulled {weights}")
    say(f'next: ganzoo serve {weights}, or ganzoo.load_generator("{weights}") in Python')
