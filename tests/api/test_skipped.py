"""A large folder of images of which some are damaged: it trains, and says which."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest
from PIL import Image
from small import SET

from ganzoo.api import planning
from ganzoo.cli import run
from ganzoo.data.dataset import Dataset
from ganzoo.recipes import DataSpec

IMAGES, DAMAGED = 10_000, 50


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with a cache of its own."""
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def png(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (8, 8), shade).save(buffer, "png")
    return buffer.getvalue()


def test_all_of_fifty_damaged_images_among_ten_thousand_are_named(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = [png(shade) for shade in range(0, 250, 10)]
    damaged = set(random.Random(0).sample(range(IMAGES), DAMAGED))
    broken = [b"", whole[0][:40], b"not a picture", whole[1][:45]]
    (here / "photos").mkdir()
    for i in range(IMAGES):
        content = broken[i % len(broken)] if i in damaged else whole[i % len(whole)]
        (here / "photos" / f"{i:05d}.png").write_bytes(content)
    arguments = ["train", "vanilla", "--dataset", "photos", "--set", "data.size=8", "--steps", "2", "--no-scores"]
    assert run([*arguments, *SET, "--out", "run"]) == 0
    message = capsys.readouterr().out
    names = [f"{i:05d}.png" for i in sorted(damaged)]
    listed = [line.split("\t") for line in (here / "run" / "skipped.txt").read_text().splitlines()]
    reasons = dict(listed)
    # A tenth of the readable ones is held out.
    assert "data: 8,955 samples of 1x8x8" in message
    assert "995 of 9,950 samples are held out" in message
    first = ", ".join(f"{name} ({reasons[name]})" for name in names[:5])
    assert f"skipped 50 files that could not be read: {first}, ... (all of them in run/skipped.txt)" in message
    assert [name for name, _ in listed] == names
    for name, reason in listed:
        content = broken[int(name[:5]) % len(broken)]
        if content in (b"", b"not a picture"):
            assert reason == ("not in a format that can be read" if content else "empty file")
        assert reason


def test_a_folder_without_damaged_images_has_no_list(here: Path) -> None:
    (here / "photos").mkdir()
    for i in range(20):
        (here / "photos" / f"{i}.png").write_bytes(png(i))
    arguments = ["train", "vanilla", "--dataset", "photos", "--set", "data.size=8", "--steps", "1", "--no-scores"]
    assert run([*arguments, *SET, "--out", "run"]) == 0
    assert not (here / "run" / "skipped.txt").exists()


def test_names_are_one_a_line_and_harmless_to_a_terminal(tmp_path: Path) -> None:
    import torch

    spec = DataSpec("folder", "image", (1, 8, 8))
    dataset = Dataset({"x": torch.zeros(1, 1, 8, 8)}, spec, skipped=("a\nb.png", "\x1b[2J.png"))
    planning.write_skipped(dataset, tmp_path)
    assert (tmp_path / "skipped.txt").read_text() == "a?b.png\n?[2J.png\n"
    dataset.reasons = ("cut\tshort", "\x1b[2J")
    planning.write_skipped(dataset, tmp_path)
    assert (tmp_path / "skipped.txt").read_text() == "a?b.png\tcut?short\n?[2J.png\t?[2J\n"
    dataset.reasons = ()
    assert planning.describe_data(dataset)[1] == "skipped 2 files that could not be read: a?b.png, ?[2J.png"
