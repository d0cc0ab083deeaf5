"""`ganzoo push`: a run's generator to a model hub."""

from __future__ import annotations

import click


@click.command("push")
@click.argument("run", type=click.Path())
@click.argument("repository", metavar="OWNER/NAME")
@click.option("--private", is_flag=True, help="Create the repository as a private one.")
@click.option("--endpoint", metavar="URL", help="Address of the hub [default: HF_ENDPOINT, or Hugging Face].")
@click.option("--raw", is_flag=True, help="The weights as trained, not the averaged ones.")
@click.option("--best", is_flag=True, help="The best state that --eval-every kept, not the last.")
def command(run: str, repository: str, private: bool, endpoint: str | None, raw: bool, best: bool) -> None:
    """Upload a run's generator, with its card, to a model hub.

    The token is the one that `hf auth login` or HF_TOKEN gave.

    \b
    ganzoo push runs/dcgan-digits-1 me/dcgan-digits
    """
    from ganzoo.cli.output import say
    from ganzoo.cli.printing import open_generator
    from ganzoo.exporting.hub import push

    address = push(open_generator(run), repository, private=private, endpoint=endpoint, raw=raw, best=best)
    say(f"pushed to {address}")
