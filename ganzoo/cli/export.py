"""`ganzoo export`: the generator of a run as a single file."""

from __future__ import annotations

import click


@click.command("export")
@click.argument("run", type=click.Path())
@click.option(
    "--to",
    "to",
    type=click.Path(),
    required=True,
    metavar="FILE",
    help="FILE.safetensors, .onnx or .html, or a folder.",
)
@click.option("--raw", is_flag=True, help="Export the weights as trained, not the averaged ones.")
@click.option("--best", is_flag=True, help="Export the best state that --eval-every kept, not the last.")
@click.option(
    "--runtime",
    type=click.Path(),
    metavar="FOLDER",
    help="The npm package onnxruntime-web, for .html [default: node_modules here or above].",
)
def command(run: str, to: str, raw: bool, best: bool, runtime: str | None) -> None:
    """Write a run's generator to a file.

    Weights with a description (.safetensors), an ONNX model, or a page that draws samples (.html). A name without an
    ending is a folder in the layout of a model hub: weights, config.json and a model card.

    \b
    ganzoo export runs/dcgan-digits-1 --to digits.safetensors
    ganzoo export runs/dcgan-digits-1 --to digits.onnx
    ganzoo export runs/dcgan-digits-1 --to digits.html
    ganzoo export runs/dcgan-digits-1 --to digits-model
    """
    from ganzoo.cli.output import say
    from ganzoo.cli.printing import open_generator
    from ganzoo.exporting.writing import export

    say(f"wrote {export(open_generator(run), to, raw=raw, best=best, runtime=runtime)}")
