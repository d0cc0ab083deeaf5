"""`ganzoo directions`: what samples change along in latent space."""

from __future__ import annotations

import click


@click.command("directions")
@click.argument("run", type=click.Path())
@click.option("--count", type=click.IntRange(1), default=5, metavar="K", help="Number of directions [default: 5].")
@click.option(
    "--method",
    type=click.Choice(["sefa", "pca"]),
    default="sefa",
    help="sefa: factorise the first layer's weights; pca: principal components of its features [default: sefa].",
)
@click.option("--to", type=click.Path(), metavar="FILE", help="The picture [default: RUN/directions-1.png, -2, ...].")
@click.option("-n", "starts", type=click.IntRange(1), default=1, help="Latents to move, a row for each [default: 1].")
@click.option("--class", "classes", multiple=True, metavar="C", help="Class number or name; repeat for several.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, help="Seed of the latents [default: 0].")
@click.option("--best", is_flag=True, help="Draw from the best state that --eval-every kept, not the last.")
@click.option("--mark/--no-mark", default=True, help="Say in the file that it is synthetic [default: yes].")
def command(
    run: str,
    count: int,
    method: str,
    to: str | None,
    starts: int,
    classes: tuple[str, ...],
    seed: int,
    best: bool,
    mark: bool,
) -> None:
    """Draw the directions in latent space that change samples most.

    A row for each direction; along it, latents move from -3 to 3 standard deviations.

    \b
    ganzoo directions runs/dcgan-digits-1
    ganzoo directions runs/conditional-digits-1 --class 3 --class 7 -n 2 --method pca --to threes-and-sevens.png
    """
    from ganzoo.api.directions import write_directions
    from ganzoo.cli.output import say
    from ganzoo.cli.printing import open_generator

    opened = open_generator(run)
    opened = opened.best() if best else opened
    written = write_directions(
        opened, to, count=count, method=method, starts=starts, classes=classes, seed=seed, mark=mark
    )
    found = written.directions
    what = "response of" if method == "sefa" else "variance of styles of" if found.module else "variance after"
    layers = found.layers[0] if len(found.layers) == 1 else f"{found.layers[0]} and {len(found.layers) - 1} more"
    for number, share in enumerate(found.shares, 1):
        say(f"direction {number}: {float(share):.1%} of the {what} {layers}")
    say(f"wrote {written.path}")
