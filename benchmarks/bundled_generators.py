"""Trains the generators that come with ganzoo, scores them, and writes them as `ganzoo export` does.

python -m benchmarks.bundled_generators ganzoo/exporting/trained_files

One thread, on the CPU: the same machine and versions give the same bytes again. Files that exist are left alone.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import ganzoo
from ganzoo.evaluation.scoring import Scores

NEEDS = "FOLDER"

LARGEST = 300_000
"""Bytes of a file of weights."""


@dataclass(frozen=True)
class Wanted:
    """What to train: changes to the recipe that make it small, and the scores to say."""

    name: str
    set: dict[str, Any]
    steps: int
    scores: tuple[str, ...]


WANTED = (
    Wanted(
        "dcgan.digits", {"width": 16, "d_width": 32, "latent": 32, "g_hidden": [128, 128]}, 3000, ("FD", "precision")
    ),
    Wanted("conditional.digits-mlp", {"latent": 32, "g_hidden": [128, 256]}, 3000, ("FD", "accuracy")),
    Wanted("wgan-gp.points", {}, 3000, ("modes", "quality", "MMD")),
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    for wanted in WANTED:
        file = folder / f"{wanted.name}.safetensors"
        if file.exists():
            print(f"{file} exists", flush=True)
            continue
        with tempfile.TemporaryDirectory() as place:
            run = ganzoo.train(wanted.name, steps=wanted.steps, set=wanted.set, out=f"{place}/run", device="cpu")
            write(run, wanted, file)
        print(f"wrote {file}", flush=True)
    return 0


def write(run: ganzoo.Run, wanted: Wanted, file: Path) -> None:
    """Write the generator of a run, with its scores in the description."""
    ganzoo.export(run, file)
    if file.stat().st_size > LARGEST:
        raise SystemExit(f"error: {file} has more than {LARGEST:,} bytes: make the networks smaller.")
    description = file.with_suffix(".json")
    info = json.loads(description.read_text("utf-8"))
    info["trained"] = {
        "set": wanted.set,
        "command": "python -m benchmarks.bundled_generators ganzoo/exporting/trained_files",
        "scores": chosen(ganzoo.evaluate(run), wanted),
    }
    description.write_text(json.dumps(info, indent=1) + "\n", "utf-8")


def chosen(scores: Scores, wanted: Wanted) -> list[dict[str, Any]]:
    """The scores to say, with how many samples of which seed they are of."""
    rows = []
    for item in scores.scores:
        if item.name.partition("[")[0] in wanted.scores:
            protocol = {key: item.protocol[key] for key in ("metric", "n_fake", "real", "seed") if key in item.protocol}
            rows.append({"name": item.name, "value": item.value, "real": item.real, "protocol": protocol})
    return rows


if __name__ == "__main__":
    sys.exit(main())
