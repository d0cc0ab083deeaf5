"""`ganzoo eval` and `ganzoo.evaluate`: runs, folders and files in; scores out, and none of the earlier ones lost."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from small import train_digits

import ganzoo
from ganzoo.api import targets
from ganzoo.api.planning import make_options
from ganzoo.api.sample import write_samples
from ganzoo.cli import run as command_line
from ganzoo.evaluation import records
from ganzoo.evaluation.scoring import Scores, key_of
from ganzoo.pictures.neighbours import GAP, WIDEST
from ganzoo.recipes import Data
from ganzoo.runs.reference import Reference, Request, make_request

FD, MEMORISED = "FD[domain:digits]", "memorised[pixels]"
MEMORISATION = (MEMORISED, "distance-ratio[pixels]", "memorised[shifted]", "distance-ratio[shifted]")
N = 120


@pytest.fixture
def copied(digits_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of which the tests may write the scores; the current folder is a temporary one."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(digits_run, tmp_path / "run")
    return tmp_path / "run"


def values(scores: Scores) -> dict[str, float]:
    return {item.name: item.value for item in scores.scores}


def rows(path: Path) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in json.loads(path.read_text())["scores"]}


def digits_pixels(split: str) -> np.ndarray:
    """uint8 `[N, 8, 8]`."""
    x = Reference(Data(name="digits"), make_options()).load(split).arrays["x"]
    assert isinstance(x, torch.Tensor)
    return x[:, 0].numpy()


def save_pictures(folder: Path, pixels: np.ndarray) -> Path:
    folder.mkdir(parents=True)
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(folder / f"{number:04d}.png")
    return folder


# Runs.


def test_a_run_is_scored_by_its_path_as_by_itself(copied: Path) -> None:
    by_path = ganzoo.evaluate(copied, n=N, metrics="fd")
    text = (copied / "scores.json").read_text()
    (copied / "scores.json").unlink()
    assert values(ganzoo.evaluate(ganzoo.load(copied), n=N, metrics=["fd"])) == values(by_path)
    assert (copied / "scores.json").read_text() == text
    protocol = rows(copied / "scores.json")[FD]["protocol"]
    assert (protocol["step"], protocol["weights"], protocol["n_fake"]) == (3, "ema", N)


def test_other_metrics_join_the_scores_and_equal_ones_are_replaced(copied: Path) -> None:
    first = ganzoo.evaluate(copied, n=N, metrics="is,fd")
    ganzoo.evaluate(copied, n=N, metrics="memorisation")
    second = ganzoo.evaluate(copied, n=N, metrics="fd", seed=99)
    found = rows(copied / "scores.json")
    assert list(found) == ["IS[domain:digits]", FD, *MEMORISATION]
    assert values(first)[FD] != values(second)[FD]
    assert found[FD]["value"] == pytest.approx(values(second)[FD])
    assert found[FD]["protocol"]["seed"] == 99


def test_another_protocol_does_not_replace_the_standard_one(copied: Path) -> None:
    for n in (N, N + 1):
        ganzoo.evaluate(copied, n=n, metrics="fd")
    found = json.loads((copied / "scores.json").read_text())["scores"]
    assert [(row["name"], row["protocol"]["n_fake"]) for row in found] == [(FD, N), (FD, N + 1)]
    assert len({key_of(row) for row in found}) == 2


def test_scores_of_an_earlier_step_are_put_aside(copied: Path) -> None:
    message: list[str] = []
    ganzoo.evaluate(copied, n=N, metrics="fd")
    before = (copied / "scores.json").read_text()
    ganzoo.resume(copied, 4, progress=False)
    ganzoo.evaluate(copied, n=N, metrics="is", report=message.append)
    assert list(rows(copied / "scores.json")) == ["IS[domain:digits]"]
    assert (copied / "scores-step-000000003.json").read_text() == before
    assert "scores.json was of step 3: it is now scores-step-000000003.json." in message


@pytest.mark.parametrize("content", ["{", "[]", '{"scores": [1], "notes": []}', '{"scores": [{"name": "FD"}]}'])
def test_a_damaged_file_of_scores_is_put_aside(content: str, tmp_path: Path) -> None:
    for number in range(2):
        (tmp_path / "scores.json").write_text(content)
        assert len(records.write_merged(tmp_path / "scores.json", Scores([], [f"note {number}"]), 3)) == 1
    kept = [(tmp_path / f"scores-damaged{end}.json").read_text() for end in ("", "-2")]
    assert kept == [content, content]
    assert json.loads((tmp_path / "scores.json").read_text())["notes"] == ["note 1"]


def test_a_run_is_compared_with_other_data_at_their_size(copied: Path) -> None:
    save_pictures(Path("large"), digits_pixels("train")[:40].repeat(2, 1).repeat(2, 2))
    scores = ganzoo.evaluate(copied, n=N, metrics="memorisation", against="digits")
    assert "prepared" not in scores.scores[0].protocol
    pixels = np.stack([np.full((16, 16), level, np.uint8) for level in range(200)])
    np.savez("grey.npz", x=pixels, x_test=pixels + 1)
    changed = ganzoo.evaluate(copied, n=N, metrics="memorisation", against="grey.npz").scores[0]
    assert changed.protocol["prepared"] == "1x8x8 to 1x16x16"
    assert changed.protocol["data"]["shape"] == [1, 16, 16]
    assert "prepared" in key_of({"name": changed.name, "protocol": changed.protocol})


def test_with_neighbours_memorisation_is_measured_once(copied: Path) -> None:
    names = [score.name for score in ganzoo.evaluate(copied, n=N, neighbours=True).scores]
    assert "memorised[pixels]" in names
    assert len(names) == len(set(names))


def test_neighbours_are_drawn_and_measured(copied: Path) -> None:
    scores = ganzoo.evaluate(copied, n=N, metrics="fd", neighbours=True)
    assert list(values(scores)) == [FD, *MEMORISATION]
    with Image.open(copied / "neighbours.png") as picture:
        assert picture.width == 2 * (4 * 42 + 2 + WIDEST) + GAP


# The best state.


@pytest.fixture(scope="module")
def with_best(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 4 steps whose best state is taken to be that of step 2."""
    folder = tmp_path_factory.mktemp("best") / "run"
    train_digits(folder, steps=2)
    shutil.copytree(folder / "checkpoints", folder / "checkpoints" / "best")
    ganzoo.resume(folder, 4, progress=False)
    return folder


def test_the_best_state_has_scores_of_its_own(with_best: Path) -> None:
    last = ganzoo.evaluate(with_best, n=N, metrics="fd")
    before = (with_best / "scores.json").read_text()
    best = ganzoo.evaluate(with_best, n=N, metrics="fd", best=True)
    assert (with_best / "scores.json").read_text() == before
    assert rows(with_best / "scores.json")[FD]["protocol"]["step"] == 4
    assert rows(with_best / "scores-best.json")[FD]["protocol"]["step"] == 2
    assert values(last) != values(best)
    run = ganzoo.load(with_best)
    assert run.scores != run.best().scores
    assert not torch.equal(run.sample(4), run.best().sample(4))


def test_the_best_state_is_drawn_from(with_best: Path, tmp_path: Path) -> None:
    for name, options in (("last", []), ("best", ["--best"])):
        assert (
            command_line(["sample", str(with_best), "-n", "4", "--npz", str(tmp_path / f"{name}.npz"), *options]) == 0
        )
    with np.load(tmp_path / "last.npz") as last, np.load(tmp_path / "best.npz") as best:
        assert not np.array_equal(last["x"], best["x"])
        wanted = ganzoo.load(with_best).best().sample(4)
        assert np.array_equal(best["x"][..., 0], ((wanted[:, 0] + 1) * 127.5).round().clamp(0, 255).byte().numpy())


# Folders and files.


def test_a_folder_and_a_file_of_a_runs_samples_score_as_the_run_does(copied: Path) -> None:
    wanted = values(ganzoo.evaluate(copied, n=N, metrics="is,fd", seed=5))
    write_samples(copied, N, seed=5, folder=Path("many"))
    write_samples(copied, N, seed=5, npz=Path("many.npz"))
    for target in ("many", "many.npz"):
        scores = ganzoo.evaluate(target, against="digits", metrics="is,fd")
        assert values(scores) == wanted, target
        assert scores.scores[0].protocol["seed"] is None
    assert sorted(path.name for path in Path().iterdir()) == ["many", "many.npz", "many.npz.provenance.json", "run"]


def test_copies_of_the_training_images_in_a_folder_are_found_out(tmp_path: Path) -> None:
    folder = save_pictures(tmp_path / "copies", digits_pixels("train")[:N])
    found = values(ganzoo.evaluate(folder, against="digits", metrics="memorisation"))
    assert found == dict(zip(MEMORISATION, (1.0, 0.0, 1.0, 0.0), strict=True))


def test_other_sizes_and_colours_are_brought_to_the_references_and_it_is_said(tmp_path: Path) -> None:
    levels = np.arange(N, dtype=np.uint8)
    plain = np.broadcast_to(levels[:, None, None, None], (N, 32, 32, 3))
    np.savez(tmp_path / "large.npz", x=plain)
    save_pictures(tmp_path / "large", plain)
    for name, wanted in (("large.npz", "3x32x32 to 1x8x8"), ("large", "3x32x32 to 1x8x8")):
        samples, resized = targets.from_files(tmp_path / name, Request(), make_options(), "digits", lambda line: None)
        assert resized == wanted
        assert np.array_equal(samples.fake.numpy(), np.broadcast_to(levels[:, None, None, None], (N, 1, 8, 8)))
        scores = ganzoo.evaluate(tmp_path / name, against="digits", metrics="fd")
        assert scores.scores[0].protocol["prepared"] == wanted


def test_labels_in_a_file_are_asked_for_classes(tmp_path: Path) -> None:
    x, y = load_digits(return_X_y=True)
    pixels = np.rint(x[:N] * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8)
    np.savez(tmp_path / "right.npz", x=pixels, y=y[:N])
    np.savez(tmp_path / "wrong.npz", x=pixels, y=(y[:N] + 1) % 10)
    found = [
        values(ganzoo.evaluate(tmp_path / f"{name}.npz", against="digits", metrics="accuracy"))
        for name in ("right", "wrong")
    ]
    assert found[0]["accuracy[domain:digits]"] > 0.9
    assert found[1]["accuracy[domain:digits]"] < 0.1


def test_a_reference_folder_without_held_out_images_leaves_the_floor_out_and_says_so(tmp_path: Path) -> None:
    x, y = load_digits(return_X_y=True)
    pixels = np.rint(x * (255 / 16)).astype(np.uint8).reshape(-1, 8, 8)
    for name in "01":
        save_pictures(tmp_path / "real" / name, pixels[y == int(name)])
    fake = save_pictures(tmp_path / "fake", pixels[y < 2][:60])
    scores = ganzoo.evaluate(fake, against=tmp_path / "real", metrics="fd")
    (item,) = scores.scores
    assert (item.name, item.real, item.protocol["real"]) == ("FD[domain:folder]", None, None)
    assert item.protocol["data"]["shape"] == [1, 8, 8]
    assert any("no scores of real held-out samples" in note for note in scores.notes)


def test_points_are_scored_against_held_out_points_or_without_any_against_all(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    points = random.normal(size=(300, 2)).astype(np.float32)
    np.savez(tmp_path / "a.npz", x=points)
    np.savez(tmp_path / "b.npz", x=points + 1, x_test=points + 2)
    (alone,) = ganzoo.evaluate(tmp_path / "a.npz", against=tmp_path / "a.npz", metrics="w2").scores
    assert (alone.value, alone.real, alone.protocol["split"]) == (pytest.approx(0, abs=1e-9), None, "train")
    (shifted,) = ganzoo.evaluate(tmp_path / "a.npz", against=tmp_path / "b.npz", metrics="w2").scores
    assert shifted.value == pytest.approx(2 * 2**0.5)
    assert shifted.real == pytest.approx(2**0.5)
    assert shifted.protocol["split"] == "test"


def test_fewer_samples_of_a_file_are_the_same_ones_each_time(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=digits_pixels("train"))
    first, second = (ganzoo.evaluate(tmp_path / "a.npz", n=N, against="digits", metrics="fd") for _ in range(2))
    assert values(first) == values(second)
    assert first.scores[0].protocol["n_fake"] == N


# Names of metrics.


@pytest.mark.parametrize("features", ["auto", "inception-v3-compat"])
def test_fid_is_the_frechet_distance_on_inception_features(features: str) -> None:
    request = make_request("fid, kid,fd", features=features)
    assert (request.metrics, request.features) == (("fd", "kid"), "inception-v3-compat")
    assert make_request("fd,kid", features="domain").features == "domain"


# The command line.


def test_json_goes_to_standard_output_alone(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line(["eval", "run", "-n", str(N), "--metrics", "fd", "--json", "--out", "mine.json"]) == 0
    shown = capsys.readouterr().out
    assert [row["name"] for row in json.loads(shown)["scores"]] == [FD]
    assert Path("mine.json").read_text() == shown


def test_a_table_is_printed_with_the_floor(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line(["eval", "run", "-n", str(N), "--metrics", "fd", "--device", "cpu"]) == 0
    shown = capsys.readouterr().out
    number = r"[0-9.]+ ± [0-9.]+"
    assert re.search(rf"^FD\[domain:digits\] +{number} +{number}  lower is better$", shown, re.MULTILINE)
    assert f"scoring {N} samples ..." in shown


MISTAKES = [
    ("eval", "Missing argument"),
    ("eval none", "none does not exist: name a run folder, a folder of images or a .npz file"),
    ("eval text", "text is not a run folder, a folder of images or a .npz file"),
    ("eval empty --against digits", "there are no images in empty"),
    ("eval broken --against digits", "none of the 1 image files under broken could be read"),
    ("eval pictures", "add --against"),
    ("eval pictures --against digit", "unknown data set 'digit': did you mean digits"),
    ("eval pictures --against empty", "there are no images in empty to compare with"),
    ("eval pictures --against run", "run is a run: compare with a data set"),
    ("eval pictures --against points", "pictures has image data and points points data"),
    ("eval pictures --against digits -n 99", "pictures has only 30 samples"),
    ("eval pictures --against digits -n 5", "5 samples are too few to score"),
    ("eval pictures --against digits --seed 1", "leave --seed out"),
    ("eval pictures --against digits --best", "only runs have a best state"),
    ("eval pictures --against digits --neighbours", "only runs have a best state, raw weights and neighbours.png"),
    ("eval pictures --against digits --metrics w2", "the metric 'w2' scores data of the kind points, not image"),
    ("eval pictures --against wide.npz", "wide.npz|npz has images of 4x6"),
    ("eval few.npz --against digits", "5 samples are too few to score"),
    ("eval nothing.npz --against digits", r"none of its arrays \(a, b\) is named x"),
    ("eval fake.npz --against digits", "fake.npz cannot be used"),
    ("eval points.npz --against digits", "points.npz has points data and digits image data"),
    ("eval points3.npz --against points", "points3.npz has samples of shape 3 and points of 2"),
    ("eval run --metrics fds", "unknown metric 'fds': did you mean"),
    ("eval run --metrics ,", "no metric is named"),
    ("eval run --metrics modes", "scores data of the kind points, not image"),
    ("eval run --features inception", "unknown feature space 'inception': did you mean inception-v3-compat"),
    ("eval run --metrics fid --features domain", "with --features domain, use fd"),
    ("eval run -n 0", "0 is not in the range"),
    ("eval run -n 9", "9 samples are too few to score"),
    ("eval run --best", "run has no best state: train or resume it with --eval-every N"),
    ("eval run --out text", "text exists: choose another name"),
    ("eval run --against points", "has image data and points points data"),
    ("eval run --metrics accuracy -n 20", "accuracy: does not apply"),
    ("eval run --device toaster", "unknown device 'toaster'"),
    ("sample run --best", "run has no best state"),
    ("train vanilla --eval-every 0", "0 is not in the range"),
    ("resume run --steps 9 --eval-every many", "'many' is not a valid integer"),
]


@pytest.mark.parametrize(("typed", "part"), MISTAKES, ids=[typed for typed, _ in MISTAKES])
def test_mistakes_are_one_line_exit_code_2_and_no_new_file(
    typed: str, part: str, copied: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Path("text").write_text("mine")
    Path("empty").mkdir()
    Path("broken").mkdir()
    Path("broken/a.png").write_text("no picture")
    random = np.random.default_rng(0)
    save_pictures(Path("pictures"), random.integers(0, 255, (30, 8, 8), np.uint8))
    np.savez("wide.npz", x=np.zeros((20, 4, 6), np.uint8))
    np.savez("few.npz", x=np.zeros((5, 8, 8), np.uint8))
    np.savez("nothing.npz", a=np.zeros(3), b=np.zeros(3))
    np.savez("points.npz", x=np.zeros((20, 2), np.float32))
    np.savez("points3.npz", x=np.zeros((20, 3), np.float32))
    Path("fake.npz").write_text("not an archive")
    before = sorted(Path().rglob("*"))
    code = command_line(typed.split())
    err = capfd.readouterr().err
    assert code == 2, err
    assert len(err.splitlines()) == 1, err
    assert re.search(part, err), err
    assert sorted(Path().rglob("*")) == before


def test_raw_weights_are_scored_beside_the_averaged_ones(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for raw in ([], ["--raw"]):
        assert command_line(["eval", "run", "-n", str(N), "--metrics", "fd", "--device", "cpu", *raw]) == 0
    rows = [row for row in json.loads((copied / "scores.json").read_text())["scores"] if row["protocol"]["n_fake"] == N]
    values = {row["protocol"]["weights"]: row["value"] for row in rows if row["name"].startswith("FD")}
    assert set(values) == {"ema", "raw"}
    run = ganzoo.load(copied)
    seed = run.recipe.seed + 1
    assert not run.sample(4, seed=seed).equal(run.sample(4, seed=seed, averaged=False))
    assert values["ema"] != values["raw"]
    # A table has one of both: that of the averaged weights.
    row = ganzoo.compare([copied]).rows[0]
    assert values["ema"] in [score["value"] for score in row.scores.values()]
    assert values["raw"] not in [score["value"] for score in row.scores.values()]
    capsys.readouterr()


def test_raw_is_refused_without_averages_and_for_files(copied: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = {"progress": False, "scores": False, "steps": 1, "set": {"ema": 0.0}, "out": "plain"}
    ganzoo.train("vanilla", dataset="digits", **options)
    assert command_line(["eval", "plain", "--raw", "--metrics", "fd"]) == 2
    assert "keeps no averaged weights" in capsys.readouterr().err
    assert command_line(["sample", "run", "--npz", "x.npz"]) == 0
    assert command_line(["eval", "x.npz", "--against", "digits", "--raw"]) == 2
    assert "only runs have a best state, raw weights" in capsys.readouterr().err
