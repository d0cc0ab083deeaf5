"""No file of the core knows a kind of data by its name, except its own files, and the data sets and scores of one."""

from __future__ import annotations

import ast

import pytest
from paths import ROOT

from ganzoo.builtins.modalities import MODALITIES

NAMES = {spec.name for spec in MODALITIES}

OWN = (
    "ganzoo/builtins/modalities.py",
    "ganzoo/builtins/datasets.py",
    "ganzoo/builtins/metrics.py",
    "ganzoo/builtins/augmentations.py",
    "ganzoo/data/common.py",
    "ganzoo/data/npz.py",
    "ganzoo/modalities/",
)
"""The kinds themselves, and the cards and data sets that say which kind is theirs."""


def compared_names(code: str) -> list[int]:
    """The lines on which a modality's name is compared, looked up, or passed as one."""
    lines = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Constant) and node.value in NAMES:
            lines.append(node.lineno)
    return lines


@pytest.mark.parametrize(
    "code", ['x = spec.modality == "image"', 'registry.modality("points")', 'if m in ("image", "points"): pass']
)
def test_a_name_is_found(code: str) -> None:
    assert compared_names(code)


OTHER_MEANINGS = {
    "ganzoo/data/images/layout.py",
    "ganzoo/data/points.py",
    "ganzoo/evaluation/metrics/points.py",
    "ganzoo/exporting/model_folder.py",
    "ganzoo/exporting/page.py",
    "ganzoo/runs/plane.py",
    "ganzoo/testing/examples.py",
    "ganzoo/zoo/synonyms.py",
}
"""Here the words are the name of a folder (images, labels, ...) or of the data set of points; a hub's names of tasks;
or what can only be of one kind: a page that draws without Python, a view of the plane."""


def test_no_other_file_names_a_kind_of_data() -> None:
    naming = set()
    for path in sorted((ROOT / "ganzoo").rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(OWN) and compared_names(path.read_text("utf-8")):
            naming.add(name)
    assert naming == OTHER_MEANINGS
