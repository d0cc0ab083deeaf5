"""docs/gallery.md: a sheet of samples of every variant, and what the results say of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ganzoo.specs import Variant

COLUMNS = 3
TITLES = {
    "digits": "Digits",
    "mnist": "MNIST",
    "cifar10": "CIFAR-10",
    "edges": "From edges",
    "segments": "From label maps",
    "domains": "From images of another kind",
    "lowres": "From small images",
    "holes": "From images with holes",
    "drums": "Drums",
    "spoken-digits": "Spoken digits",
    "moving-digits": "Video",
}
"""The data sets that are shown, with their headings."""

INTRODUCTION = """\
# Gallery

Samples of every variant, by the data set that it was trained on: the last state of a complete training run of the named
recipe, drawn with seed 0, not chosen. Below each sheet: the Inception Score as a fraction of that of real test samples,
on [domain features](scores.md#domain-features) (for CIFAR-10 on EfficientNet's), and the CPU seconds of training, means
over the seeds of [the results](results.md). The best fraction comes first; sheets of recipes without results yet come
last.
"""

CURVES = """\
## During training

The Inception Score as a fraction of that of real test samples, over CPU seconds; a line is the mean over a recipe's
seeds ([times to 80 and 90 %](performance.md#time-to-quality)):

![fraction of the real score over CPU seconds, a line per recipe](images/quality.png)
"""


def picture_of(page: Path, variant: Variant, recipe: str) -> Path:
    """The sheet of a recipe's samples, beside its variant's page."""
    folder = page.parent
    own = folder.name.removeprefix("ganzoo_").replace("_", "-")
    middle = "" if variant.name == own else f"{variant.name}-"
    return folder / f"samples-{middle}{recipe}.png"


def gallery_page(note: str, variants: Sequence[tuple[Variant, Path]], zoo: Mapping[str, Any], root: Path) -> str:
    """The page. `variants` are given with their pages, `zoo` is the report of the grid of all variants."""
    groups = {
        (group["recipe"], group["dataset"].partition(":")[0]): group for group in zoo["groups"] if not group["label"]
    }
    parts = [note, INTRODUCTION]
    for dataset, title in TITLES.items():
        found = []
        for variant, page in variants:
            for name, recipe in variant.recipes.items():
                picture = picture_of(page, variant, name)
                if recipe.data.name == dataset and picture.exists():
                    full = f"{variant.name}.{name}"
                    share, text = caption(groups.get((full, dataset)))
                    path, target = (f"../{place.relative_to(root).as_posix()}" for place in (picture, page))
                    found.append((share, f"![samples of {full}]({path})<br>**[{full}]({target})**{text}"))
        found.sort(key=lambda cell: -cell[0])
        parts += [f"## {title}\n", *table([cell for _, cell in found]), ""]
    return "\n".join([*parts, CURVES])


def caption(group: Mapping[str, Any] | None) -> tuple[float, str]:
    """The fraction of the real score, and what is written below the sheet."""
    scores = [score for score in group["scores"] if score["name"].startswith(("IS[", "clip-IS["))] if group else []
    if not group or not scores or not scores[0]["n"]:
        return 0.0, ""
    share = scores[0]["mean"] / scores[0]["real"]["mean"]
    return share, f"<br>{share:.0%} in {group['cpu_seconds']['mean']:.0f} CPU s"


def table(cells: Sequence[str]) -> Iterator[str]:
    """Rows of a Markdown table without a header."""
    yield "|" + " |" * COLUMNS
    yield "|" + "---|" * COLUMNS
    for start in range(0, len(cells), COLUMNS):
        row = list(cells[start : start + COLUMNS])
        yield f"| {' | '.join(row + [''] * (COLUMNS - len(row)))} |"
