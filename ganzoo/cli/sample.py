"""`ganzoo sample`: draw from a trained generator."""

from __future__ import annotations

from pathlib import Path

import click

from ganzoo.machine.imports import importing_torch


@click.command("sample")
@click.argument("run", type=click.Path())
@click.option("-n", "count", type=click.IntRange(1), help="Number of samples [default: 64, or one for each input].")
@click.option("--class", "classes", multiple=True, metavar="C", help="Class number or name; repeat for several.")
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=0, help="Seed of the latents [default: 0].")
@click.option("--grid", type=click.Path(), help="Write one picture [default: RUN/grid-1.png, -2, ...].")
@click.option(
    "--to",
    "folder",
    type=click.Path(),
    help="Write a file per sample into this folder (PNG for images), or a file of all (.csv), if the data have such; "
    "with --interpolate or --vary, FILE.gif or FILE.mp4 is an animation.",
)
@click.option("--npz", type=click.Path(), help="Write a .npz file with the arrays x and, for classes, y.")
@click.option(
    "--truncation",
    type=click.FloatRange(0, min_open=True),
    metavar="T",
    help="Keep latents within T standard deviations.",
)
@click.option("--best", is_flag=True, help="Draw from the best state that --eval-every kept, not the last.")
@click.option("--raw", is_flag=True, help="Draw with the weights as trained, not the averaged ones.")
@click.option(
    "--given",
    multiple=True,
    metavar="PATH",
    help="What to make samples from, for a variant with an input: a file or a folder (NAME=PATH for each of several).",
)
@click.option("--like", type=click.Path(), metavar="PATH", help="Reconstruct these samples, by a variant's encoder.")
@click.option(
    "--back", type=click.Path(), metavar="PATH", help="Make inputs from these samples, by a variant that can do both."
)
@click.option("--interpolate", is_flag=True, help="Interpolate from one latent to another along each row.")
@click.option(
    "--vary",
    type=click.IntRange(0),
    metavar="I",
    help="Vary one coordinate of the latent, counted from 0, along each row.",
)
@click.option(
    "--mark/--no-mark",
    default=True,
    help="Say in the files, or in a .json beside them, that they are synthetic and by which weights [default: yes].",
)
def command(
    run: str,
    count: int | None,
    classes: tuple[str, ...],
    seed: int,
    grid: str | None,
    folder: str | None,
    npz: str | None,
    truncation: float | None,
    best: bool,
    raw: bool,
    given: tuple[str, ...],
    like: str | None,
    back: str | None,
    interpolate: bool,
    vary: int | None,
    mark: bool,
) -> None:
    """Draw samples of a run into a picture, a folder or a file.

    \b
    ganzoo sample runs/dcgan-digits-1 -n 100 --grid digits.png
    ganzoo sample runs/conditional-digits-1 --class 3 --to threes
    ganzoo sample runs/dcgan-digits-1 --interpolate --to walk.gif
    """
    with importing_torch():
        from ganzoo.api.sample import write_samples
        from ganzoo.cli.output import say
        from ganzoo.cli.printing import open_generator

    opened = open_generator(run)
    opened = opened.best() if best else opened
    written = write_samples(
        opened.raw() if raw else opened,
        count,
        classes=classes,
        seed=seed,
        grid=grid,
        folder=folder,
        npz=npz,
        truncation=truncation,
        interpolate=interpolate,
        vary=vary,
        given=parse_given(given),
        like=like,
        back=back,
        mark=mark,
    )
    say(f"wrote {written}")


def parse_given(texts: tuple[str, ...]) -> str | dict[str, str] | None:
    """The paths of inputs, by name if they have names; None if there are none. Raises UsageError for names missing."""
    if len(texts) < 2:
        name, equals, path = (texts[0] if texts else "").partition("=")
        return {name: path} if equals and not Path(texts[0]).exists() else (texts[0] if texts else None)
    pairs = [text.partition("=") for text in texts]
    if not all(equals for _, equals, _ in pairs):
        raise click.UsageError("with several inputs, write --given NAME=PATH for each.")
    return {name: path for name, _, path in pairs}
