"""Training on and scoring folders of images: what is reported, recorded and shown of them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small import SET

import ganzoo
from ganzoo.cli import run
from ganzoo.data.images import workers

TRAIN = ["train", "vanilla", *SET, "--steps", "2", "--no-scores", "--device", "cpu", "--set", "data.size=40"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with a cache of its own."""
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(path: str, level: int) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (40, 40), level).save(path)


def tiles(path: Path) -> set[int]:
    """The grey levels of the tiles of 40 pixels in a sheet, between its margins of 2."""
    with Image.open(path) as picture:
        page = np.asarray(picture.convert("L"))
    return {int(page[y, x]) for y in range(20, page.shape[0], 42) for x in range(20, page.shape[1], 42)}


def test_class_names_are_printed_with_their_counts(capsys: pytest.CaptureFixture[str]) -> None:
    for label, count in (("cat", 3), ("dog", 2)):
        for i in range(count):
            put(f"photos/{label}/{i}.png", 100 + i)
    for more in (["--dry-run"], ["--out", "run"]):
        assert run([*TRAIN, "--dataset", "photos", *more]) == 0
        shown = capsys.readouterr().out
        assert "data: 5 samples of 1x40x40, 2 classes\nclasses: cat 3, dog 2\n" in shown


def test_reals_are_the_images_that_are_trained_on(here: Path) -> None:
    for i in range(6):
        put(f"photos/train/{i}.png", 20 + 10 * i)
        put(f"photos/test/{i}.png", 200 + i)
    assert run([*TRAIN, "--dataset", "photos", "--out", "run"]) == 0
    assert tiles(here / "run" / "reals.png") - {255} == {20, 30, 40, 50, 60, 70}
    before = (here / "run" / "reals.png").stat().st_mtime_ns
    assert run(["resume", "run", "--steps", "3"]) == 0
    assert (here / "run" / "reals.png").stat().st_mtime_ns == before


def test_a_conditional_run_shows_each_class_in_its_column(here: Path) -> None:
    for label in range(3):
        for i in range(9):
            put(f"photos/{label}/{i}.png", 50 * label + i + 20)
    arguments = ["train", "conditional", "--set", "data.size=40", "--set", "batch=4", "--steps", "1", "--no-scores"]
    assert run([*arguments, "--dataset", "photos", "--device", "cpu", "--out", "run"]) == 0
    with Image.open(here / "run" / "reals.png") as picture:
        page = np.asarray(picture.convert("L"))
    with Image.open(here / "run" / "samples.png") as picture:
        assert (picture.height, picture.width) == (8 * 42 + 2, 3 * 42 + 2)
    # Above each column are the name of its class and the number of its samples.
    above = page.shape[0] - (8 * 42 + 2)
    assert page.shape[1] == 3 * 42 + 2
    heads = page[:above, :126].reshape(above, 3, 42)
    assert above > 20
    assert (heads < 128).any((0, 2)).all()
    assert not np.array_equal(heads[: above // 2, 0], heads[: above // 2, 1]), "the names differ"
    assert (heads[above // 2 :] < 128).any((0, 2)).all(), "and the counts are below"
    columns = page[above + 20 :: 42, 20::42].astype(int)
    assert ((columns - 20) // 50 == [[0, 1, 2]] * 8).all()
    assert all(len(set(column)) == 8 for column in columns.T)


def test_points_have_a_picture_of_real_ones_too(here: Path) -> None:
    assert run([*TRAIN[:-2], "--dataset", "points:grid", "--out", "run"]) == 0
    assert (here / "run" / "reals.png").is_file()


def noise(folder: str, count: int, seed: int) -> None:
    random = np.random.RandomState(seed)
    for i in range(count):
        Path(folder).mkdir(exist_ok=True)
        Image.fromarray(random.randint(0, 256, (8, 8)).astype(np.uint8)).save(f"{folder}/{i:03}.png")


def test_unreadable_samples_are_in_the_output_and_the_protocol(capsys: pytest.CaptureFixture[str]) -> None:
    noise("samples", 40, 0)
    Path("samples/007.png").write_bytes(b"")
    Path("samples/008.png").write_bytes(Path("samples/009.png").read_bytes()[:60])
    Path("samples/prompts.txt").write_text("a prompt")
    arguments = ["eval", "samples", "--against", "digits", "--metrics", "fd", "--device", "cpu"]
    assert run([*arguments, "--out", "scores.json"]) == 0
    assert "skipped 2 files that could not be read: 007.png (empty file), 008.png (" in capsys.readouterr().out
    content = json.loads(Path("scores.json").read_text())
    for score in content["scores"]:
        assert (score["protocol"]["n_fake"], score["protocol"]["skipped"]) == (38, 2)
    assert any("007.png" in note for note in content["notes"])
    assert any("1 .txt (prompts.txt)" in note for note in content["notes"])
    assert run([*arguments, "-n", "39"]) == 2
    assert "38 samples that can be read, and 2 that cannot" in capsys.readouterr().err


def test_intact_samples_have_no_such_entry() -> None:
    noise("samples", 20, 0)
    scores = ganzoo.evaluate("samples", against="digits", metrics="fd", device="cpu")
    assert all("skipped" not in score.protocol for score in scores.scores)
    assert not any("skipped" in note for note in scores.notes)


def test_a_forbidden_file_is_named_with_its_reason(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(4):
        put(f"photos/{i}.png", 100 + i)
    real = workers.read_square

    def refuse(path: Path, *args: object) -> np.ndarray:
        if path.name == "2.png":
            raise PermissionError(13, "Permission denied")
        return real(path, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(workers, "read_square", refuse)
    assert run([*TRAIN, "--dataset", "photos", "--out", "run"]) == 0
    assert (here / "run" / "skipped.txt").read_text() == "2.png\tPermission denied\n"
