"""Copies pictures from a benchmark's folder to where the documentation pages show them.

python -m benchmarks.gallery FOLDER

FOLDER is the output of `ganzoo bench benchmarks/zoo.toml --out FOLDER`; the pictures are those of seed 0.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import ganzoo
from ganzoo.errors import GanzooError

NEEDS = "FOLDER"

ROOT = Path(__file__).resolve().parents[1]
IMAGES = "docs/images"


@dataclass(frozen=True)
class Row:
    """A group of the benchmark, the target of its sample picture, and further (source, target) files of its run."""

    group: str
    picture: str
    also: tuple[tuple[str, str], ...] = ()


ROWS = (
    Row("dcgan.digits-digits", "plugins/ganzoo_dcgan/samples-digits.png", (("training.gif", f"{IMAGES}/digits.gif"),)),
    Row("vanilla.digits-digits", "plugins/ganzoo_vanilla/samples-digits.png"),
    Row("wgan-gp.digits-digits", "plugins/ganzoo_wgan_gp/samples-digits.png"),
    Row("wgan.digits-digits", "plugins/ganzoo_wgan_gp/samples-wgan-digits.png"),
    Row("conditional.digits-digits", "plugins/ganzoo_conditional/samples-digits.png"),
    Row("conditional.digits-mlp-digits", "plugins/ganzoo_conditional/samples-digits-mlp.png"),
    Row("lsgan.digits-digits", "plugins/ganzoo_lsgan/samples-digits.png"),
    Row("lsgan.mnist-mnist", "plugins/ganzoo_lsgan/samples-mnist.png"),
    Row("sngan.digits-digits", "plugins/ganzoo_sngan/samples-digits.png"),
    Row("sngan.mnist-mnist", "plugins/ganzoo_sngan/samples-mnist.png"),
    Row("acgan.digits-digits", "plugins/ganzoo_acgan/samples-digits.png"),
    Row("acgan.mnist-mnist", "plugins/ganzoo_acgan/samples-mnist.png"),
    Row("sagan.digits-digits", "plugins/ganzoo_sagan/samples-digits.png"),
    Row("sagan.mnist-mnist", "plugins/ganzoo_sagan/samples-mnist.png"),
    Row("infogan.digits-digits", "plugins/ganzoo_infogan/samples-digits.png"),
    Row("pacgan.digits-digits", "plugins/ganzoo_pacgan/samples-digits.png"),
    Row("pacgan.mnist-mnist", "plugins/ganzoo_pacgan/samples-mnist.png"),
    Row("projection.digits-digits", "plugins/ganzoo_projection/samples-digits.png"),
    Row("biggan.digits-digits", "plugins/ganzoo_biggan/samples-digits.png"),
    Row("biggan.mnist-mnist", "plugins/ganzoo_biggan/samples-mnist.png"),
    Row("r3gan.digits-digits", "plugins/ganzoo_r3gan/samples-digits.png"),
    Row("r3gan.mnist-mnist", "plugins/ganzoo_r3gan/samples-mnist.png"),
    Row("reacgan.digits-digits", "plugins/ganzoo_reacgan/samples-digits.png"),
    Row("reacgan.mnist-mnist", "plugins/ganzoo_reacgan/samples-mnist.png"),
    Row("ebgan.digits-digits", "plugins/ganzoo_ebgan/samples-digits.png"),
    Row("ebgan.mnist-mnist", "plugins/ganzoo_ebgan/samples-mnist.png"),
    Row("began.digits-digits", "plugins/ganzoo_began/samples-digits.png"),
    Row("began.mnist-mnist", "plugins/ganzoo_began/samples-mnist.png"),
    Row("msg-gan.digits-digits", "plugins/ganzoo_msg_gan/samples-digits.png"),
    Row("msg-gan.mnist-mnist", "plugins/ganzoo_msg_gan/samples-mnist.png"),
    Row("progan.digits-digits", "plugins/ganzoo_progan/samples-digits.png"),
    Row("progan.mnist-mnist", "plugins/ganzoo_progan/samples-mnist.png"),
    Row("stylegan2.digits-digits", "plugins/ganzoo_stylegan2/samples-digits.png"),
    Row("stylegan2.mnist-mnist", "plugins/ganzoo_stylegan2/samples-mnist.png"),
    Row("stylegan2-ada.digits-digits", "plugins/ganzoo_stylegan2/samples-stylegan2-ada-digits.png"),
    Row("stylegan2-ada.mnist-mnist", "plugins/ganzoo_stylegan2/samples-stylegan2-ada-mnist.png"),
    Row("fastgan.digits-digits", "plugins/ganzoo_fastgan/samples-digits.png"),
    Row("fastgan.mnist-mnist", "plugins/ganzoo_fastgan/samples-mnist.png"),
    Row("dragan.digits-digits", "plugins/ganzoo_dragan/samples-digits.png"),
    Row("dragan.mnist-mnist", "plugins/ganzoo_dragan/samples-mnist.png"),
    Row("vanilla.points-points-ring", "plugins/ganzoo_vanilla/samples-points.png"),
    Row(
        "wgan-gp.points-points-ring",
        "plugins/ganzoo_wgan_gp/samples-points.png",
        (("samples.png", f"{IMAGES}/ring.png"),),
    ),
    Row("wgan.points-points-ring", "plugins/ganzoo_wgan_gp/samples-wgan-points.png"),
    Row("dcgan.mnist-mnist", "plugins/ganzoo_dcgan/samples-mnist.png"),
    Row("dcgan.cifar10-small-cifar10", "plugins/ganzoo_dcgan/samples-cifar10-small.png"),
    Row(
        "conditional.mnist-mnist",
        "plugins/ganzoo_conditional/samples-mnist.png",
        (("samples.png", f"{IMAGES}/mnist-by-class.png"),),
    ),
    Row("wavegan.drums-drums", "plugins/ganzoo_wavegan/samples-drums.png"),
    Row("specgan.drums-drums", "plugins/ganzoo_specgan/samples-drums.png"),
    Row("specgan.spoken-digits-spoken-digits", "plugins/ganzoo_specgan/samples-spoken-digits.png"),
    Row("mocogan.moving-digits-moving-digits-line", "plugins/ganzoo_mocogan/samples-moving-digits.png"),
    Row("projection.cifar10-small-cifar10", "plugins/ganzoo_projection/samples-cifar10-small.png"),
    Row("projection.mnist-mnist", "plugins/ganzoo_projection/samples-mnist.png"),
    Row("vanilla.mnist-mnist", "plugins/ganzoo_vanilla/samples-mnist.png"),
    Row("wgan-gp.mnist-mnist", "plugins/ganzoo_wgan_gp/samples-mnist.png"),
    Row("wgan.mnist-mnist", "plugins/ganzoo_wgan_gp/samples-wgan-mnist.png"),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    missing = [problem for row in ROWS for problem in copy_pictures(row, folder)]
    for problem in missing:
        print(f"not updated: {problem}", file=sys.stderr)
    return 1 if missing else 0


def copy_pictures(row: Row, folder: Path, root: Path = ROOT) -> list[str]:
    """Copy the pictures of a finished run; if that is not possible, return the reason in a list."""
    path = folder / row.group / "seed-0"
    try:
        if ganzoo.load(path).scores is None:
            return [f"{row.picture}: {path} is not finished."]
    except GanzooError as error:
        return [f"{row.picture}: {error}"]
    for source, target in (("samples.png", row.picture), *row.also):
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path / source, root / target)
        print(f"{target}: {path / source}")
    return []


if __name__ == "__main__":
    sys.exit(main())
