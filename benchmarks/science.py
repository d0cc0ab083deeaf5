"""Claims of GAN papers, checked by training: numbers, and a figure for each.

python -m benchmarks.science [--only NAME ...] [--data-root FOLDER] [--runs FOLDER] [--seeds 0 1 2] [--draw]

Numbers are written to benchmarks/results/science.json, figures to docs/images/claim-NAME.png; docs/science.md shows
them. Runs are kept in --runs, and a second start goes on with them. --draw only draws what was measured.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from benchmarks import results
from benchmarks.claims import augmentation, dirac, packing, spectral_norm, truncation
from benchmarks.claims.setting import Setting
from benchmarks.results import IMAGES
from ganzoo.machine.facts import machine
from ganzoo.pictures.plots import new_figure

NEEDS = "MNIST in the data folder, and three hours"
CLAIMS: dict[str, ModuleType] = {
    "dirac": dirac,
    "spectral-norm": spectral_norm,
    "truncation": truncation,
    "augmentation": augmentation,
    "packing": packing,
}
SIZES = {"dirac": (9, 3), "truncation": (8, 3.5)}


def main(arguments: Sequence[str] | None = None) -> None:
    options = parser().parse_args(arguments)
    setting = Setting(options.runs, options.data_root, tuple(options.seeds), options.steps)
    for name in options.only or CLAIMS:
        if not options.draw:
            record(name, CLAIMS[name].measure(setting))
        found = read()["claims"][name]
        for what, value in CLAIMS[name].summary(found):
            print(f"{name}: {what}: {value}", flush=True)
        figure = new_figure(*SIZES.get(name, (6, 3.5)))
        CLAIMS[name].draw(found, figure)
        IMAGES.mkdir(parents=True, exist_ok=True)
        figure.savefig(IMAGES / f"claim-{name}.png")


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--only", nargs="*", choices=list(CLAIMS), metavar="NAME")
    made.add_argument("--data-root")
    made.add_argument("--runs", type=Path, default=Path("runs/science"))
    made.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    made.add_argument("--steps", type=int, help="instead of each claim's own, to try the script")
    made.add_argument("--draw", action="store_true", help="draw the figures again, train nothing")
    return made


def read() -> dict[str, Any]:
    """The results file, if there is one."""
    path = results.FOLDER / "science.json"
    found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
    return found


def record(name: str, found: dict[str, Any]) -> None:
    """Write what was measured of one claim, with its date and processor, and keep the others."""
    facts = {key: machine()[key] for key in ("date", "processor")}
    claims = read().get("claims", {}) | {name: facts | dict(found)}
    results.write("science", "python -m benchmarks.science", {"claims": claims})


if __name__ == "__main__":
    main()
