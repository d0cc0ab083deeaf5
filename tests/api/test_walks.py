"""Animations of walks through latent space: without a seam, of every kind of data that has pictures."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence
from small import train_points

import ganzoo
from ganzoo.api import walks
from ganzoo.cli import run as typed
from ganzoo.runs.walks import loop, swing


def frames_of(file: Path) -> np.ndarray:
    if file.suffix == ".gif":
        with Image.open(file) as video:
            assert video.info["loop"] == 0
            return np.stack([np.asarray(frame.convert("L"), np.int16) for frame in ImageSequence.Iterator(video)])
    av = pytest.importorskip("av", reason="needs the package av")
    with av.open(str(file)) as video:
        return np.stack([frame.to_ndarray(format="gray").astype(np.int16) for frame in video.decode(video=0)])


@pytest.mark.parametrize("ending", [".gif", ".mp4"])
def test_an_animation_ends_where_it_began(ending: str, conditional_run: Path, tmp_path: Path) -> None:
    if ending == ".mp4":
        pytest.importorskip("av", reason="needs the package av")
    file = tmp_path / f"walk{ending}"
    assert typed(["sample", str(conditional_run), "--interpolate", "--class", "3", "-n", "4", "--to", str(file)]) == 0
    frames = frames_of(file)
    assert frames.shape == (walks.LEGS * walks.SMOOTH[0], 86, 86)
    steps = np.abs(np.diff(frames, axis=0)).mean((1, 2))
    seam = np.abs(frames[0] - frames[-1]).mean()
    assert 0 < seam <= 1.5 * steps.max()
    assert np.abs(frames[0] - frames[len(frames) // 2]).mean() > 2 * steps.mean()
    # Its mark is beside it, and neither is overwritten.
    note = json.loads((tmp_path / f"walk{ending}.provenance.json").read_text())
    assert "trainedAlgorithmicMedia" in json.dumps(note)
    assert typed(["sample", str(conditional_run), "--interpolate", "--to", str(file)]) == 2


def test_all_steps_of_a_closed_walk_are_small(digits_run: Path) -> None:
    gan = ganzoo.load(digits_run).gan
    path = loop(gan, 3, 4, 10)
    assert path.shape == (40, 3, 4)
    steps = (path - path.roll(1, 0)).norm(dim=2)
    assert steps.max() < 0.5 * path.norm(dim=2).max()


def test_a_coordinate_rises_and_falls_back(digits_run: Path) -> None:
    path = swing(ganzoo.load(digits_run).gan, 2, 3, 8)
    assert path.shape == (8, 3, 4)
    assert torch.allclose(path[:, :, 2], -2 * torch.cos(torch.arange(8) * torch.pi / 4)[:, None].expand(8, 3))
    assert torch.equal(path[:, :, [0, 1, 3]], path[:1, :, [0, 1, 3]].expand(8, 3, 3))


def test_points_walk_in_plots_of_one_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walks, "PLOTTED", (2, 12.0))
    run = train_points(tmp_path / "run")
    assert typed(["sample", str(run.path), "--vary", "1", "--no-mark", "--to", str(tmp_path / "a.gif")]) == 0
    assert len(frames_of(tmp_path / "a.gif")) == 8
    assert not (tmp_path / "a.gif.provenance.json").exists()


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ("--to a.gif", "add --interpolate or --vary I"),
        ("--interpolate --vary 0 --to a.mp4", "choose one of --interpolate and --vary"),
        ("--interpolate --truncation 1 --to a.gif", "leave --truncation out"),
        ("--interpolate --given x --to a.gif", "leave --given out"),
        ("--vary 4 --to a.gif", "the coordinates 0 to 3"),
    ],
)
def test_bad_options_are_one_line(
    options: str,
    wanted: str,
    digits_run: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert typed(["sample", str(digits_run), *options.split()]) == 2
    assert wanted in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_missing_av_is_one_line(
    digits_run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    assert typed(["sample", str(digits_run), "--interpolate", "--to", str(tmp_path / "a.mp4")]) == 2
    assert "pip install 'ganzoo[video]'" in capfd.readouterr().err
