"""A game with inputs, by the command line alone: trained, resumed, sampled from files, scored, compared, exported."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import translator
from doc_examples import room_for_examples
from PIL import Image
from torch.nn.functional import interpolate

import ganzoo
from ganzoo import cli
from ganzoo.testing import check_variant
from ganzoo.zoo import registry
from ganzoo.zoo.zoo import Plugin


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with room_for_examples() as zoo:
        plugin = zoo.add(Plugin("tint", "tint", "example", translator))
        assert plugin.error == ""
        out = tmp_path_factory.mktemp("inputs") / "run"
        assert cli.run(["train", "tint", "--out", str(out), "--no-scores", "--eval-every", "15"]) == 0
        yield out


@pytest.fixture
def sketches(tmp_path: Path) -> Path:
    """Two images of other sizes and modes than the input's, in a folder with a subfolder."""
    folder = tmp_path / "sketches"
    (folder / "more").mkdir(parents=True)
    Image.fromarray(np.full((40, 40, 3), 200, np.uint8)).save(folder / "bright.png")
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(folder / "more" / "dark.png")
    return folder


def test_a_variant_with_inputs_keeps_the_contract(trained: Path) -> None:
    check_variant(registry.variants().find("tint"))


def test_data_without_the_input_are_refused_in_one_line(trained: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["train", "tint", "--dataset", "digits", "--steps", "1"]) == 2
    assert "tint needs data with the input small, and digits has none" in capfd.readouterr().err


def test_inputs_and_notes_of_the_data_survive_the_run_folder(trained: Path) -> None:
    data = ganzoo.load(trained).data
    assert data.inputs["small"].shape == (1, 4, 4)
    assert data.inputs["level"].modality == "points"
    assert data.note == {"tint": [1.0, 0.5, 0.25]}


def test_sheets_show_each_sample_below_its_held_out_input(trained: Path) -> None:
    run = ganzoo.load(trained)
    test = registry.datasets().find("tinted").load(run.recipe.data, Path(), "test")
    sheet = np.asarray(Image.open(trained / "samples.png").convert("RGB"))
    # Tiles of 8x8 pixels, enlarged five times, with a margin of 2: a row of inputs, then a row of samples.
    tile = sheet[2:42, 2:42][2::5, 2::5]
    wanted = interpolate(test.arrays["small"][:1].float(), (8, 8)).expand(-1, 3, -1, -1)[0].permute(1, 2, 0)
    assert np.array_equal(tile, wanted.numpy().astype(np.uint8))
    below = sheet[44:84, 2:42][2::5, 2::5]
    drawn = run.sample(1, given={"small": test.batch(torch.arange(1))["small"]})
    assert np.abs(below.astype(int) - np.asarray((drawn[0] + 1) * 127.5).transpose(1, 2, 0)).max() <= 1


def test_samples_come_from_held_out_inputs_by_default(trained: Path) -> None:
    run = ganzoo.load(trained)
    test = registry.datasets().find("tinted").load(run.recipe.data, Path(), "test")
    given = {"small": test.batch(torch.arange(20))["small"]}
    assert torch.equal(run.sample(20), run.sample(20, given=given))
    assert torch.equal(run.sample(20)[:7], run.sample(7))


def test_a_folder_of_pictures_becomes_a_folder_of_pictures_with_the_same_names(
    trained: Path, sketches: Path, tmp_path: Path
) -> None:
    assert cli.run(["sample", str(trained), "--given", str(sketches), "--to", str(tmp_path / "out")]) == 0
    found = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.png"))
    assert found == ["bright.png", "more/dark.png"]
    bright, dark = (np.asarray(Image.open(tmp_path / "out" / name)) for name in found)
    assert bright.shape == dark.shape == (8, 8, 3)
    run = ganzoo.load(trained)
    given = torch.full((1, 1, 4, 4), 200 / 127.5 - 1)
    wanted = (run.sample(1, given={"small": given})[0] + 1) * 127.5
    assert np.abs(bright.astype(int) - wanted.permute(1, 2, 0).numpy()).max() <= 1
    assert bright.mean() > dark.mean()


def test_inputs_are_named_and_may_be_arrays_or_a_single_file(trained: Path, sketches: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "in.npz", x=np.full((3, 4, 4), 200, np.uint8))
    outs = []
    for given in (f"small={tmp_path / 'in.npz'}", str(tmp_path / "in.npz"), str(sketches / "bright.png")):
        out = tmp_path / f"out-{len(outs)}.npz"
        assert cli.run(["sample", str(trained), "--given", given, "--npz", str(out)]) == 0
        outs.append(np.load(out)["x"])
    assert [len(x) for x in outs] == [3, 3, 1]
    assert np.array_equal(outs[0][:1], outs[2])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("nowhere.png", "nowhere.png does not exist"),
        ("edges=nowhere.png", "unknown input 'edges'"),
        ("empty", "there are no images in"),
        ("text.png", "text.png cannot be read: not in a format that can be read"),
        ("wrong.npz", "wrong.npz cannot be used"),
    ],
)
def test_inputs_that_cannot_be_used_are_one_line(
    given: str,
    words: str,
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.png").write_text("no image")
    np.savez(tmp_path / "wrong.npz", x=np.zeros((3, 4, 4, 4, 4), np.uint8))
    assert cli.run(["sample", str(trained), "--given", given, "--grid", "x.png"]) == 2
    assert words in capfd.readouterr().err
    assert not (tmp_path / "x.png").exists()


def test_a_game_without_inputs_refuses_them(
    tmp_path: Path, digits_run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["sample", str(digits_run), "--given", str(tmp_path), "--grid", str(tmp_path / "x.png")]) == 2
    assert "takes no inputs: leave --given out" in capfd.readouterr().err


def test_a_grid_shows_the_inputs_above_the_samples(trained: Path, sketches: Path, tmp_path: Path) -> None:
    grid = tmp_path / "grid.png"
    assert cli.run(["sample", str(trained), "--given", str(sketches), "--grid", str(grid)]) == 0
    assert Image.open(grid).size == (2 * 42 + 2, 2 * 42 + 2)


def test_a_game_with_inputs_is_scored_and_compared(
    trained: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert [line["n"] for line in ganzoo.load(trained).evaluations()] == [359, 359]
    assert cli.run(["eval", str(trained), "--metrics", "memorisation", "--json"]) == 0
    scores = json.loads(capfd.readouterr().out)["scores"]
    assert scores[0]["protocol"]["n_fake"] == 359
    assert cli.run(["eval", str(trained), "-n", "500", "--metrics", "memorisation"]) == 2
    assert "there are only 359 inputs" in capfd.readouterr().err
    shutil.copytree(trained, tmp_path / "copy")
    assert cli.run(["compare", str(trained), str(tmp_path / "copy"), "--out", str(tmp_path / "both.png")]) == 0


def test_latents_are_asked_for_in_vain(trained: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for option in (["--interpolate"], ["--truncation", "0.5"]):
        assert cli.run(["sample", str(trained), *option]) == 2
        assert "latent vector" in capfd.readouterr().err


def test_a_run_with_inputs_resumes_bit_for_bit(trained: Path, tmp_path: Path) -> None:
    half = tmp_path / "half"
    assert cli.run(["train", "tint", "--out", str(half), "--no-scores", "--eval-every", "15", "--steps", "17"]) == 0
    assert cli.run(["resume", str(half), "--steps", "30", "--no-scores", "--eval-every", "15"]) == 0
    whole, resumed = (ganzoo.load(path).gan.state_dict() for path in (trained, half))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_an_exported_generator_takes_inputs(trained: Path, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    for ending in ("safetensors", "onnx"):
        assert cli.run(["export", str(trained), "--to", str(tmp_path / f"g.{ending}")]) == 0
    given = {"small": torch.rand(5, 1, 4, 4) * 2 - 1}
    wanted = ganzoo.load(trained).sample(5, given=given)
    assert torch.equal(ganzoo.load_generator(tmp_path / "g.safetensors").sample(5, given=given), wanted)
    session = onnxruntime.InferenceSession(str(tmp_path / "g.onnx"))
    (made,) = session.run(["x"], {"small": given["small"].numpy()})
    assert np.allclose(made, wanted.numpy(), atol=1e-4)
