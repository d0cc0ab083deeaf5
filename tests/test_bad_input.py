"""Every mistake on the command line is exit code 2, one line that starts with "error:", and no new file."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import torch

from ganzoo.cli import run

# What is typed, with {run} and {conditional} for the folders of runs, and what the line must say.
MISTAKES: list[tuple[str, str]] = [
    # Commands and options.
    ("trian dcgan", "unknown command 'trian': did you mean train"),
    ("--versoin", "No such option"),
    ("train dcgan --stesp 5", "No such option"),
    ("train", "Missing argument"),
    ("train dcgan extra", "unexpected extra argument"),
    ("train dcgan --steps", "requires an argument"),
    ("list things", "'things' is not one of"),
    ("completion tcsh", "'tcsh' is not one of"),
    ("train vanilla --compile=yes", "does not take a value"),
    # Names.
    ("train dcgn", "unknown variant 'dcgn': did you mean dcgan"),
    ("train dcgan.mnits", "unknown recipe of dcgan 'mnits'"),
    ("train vanilla --dataset digit", "unknown data set 'digit': did you mean digits"),
    ("train vanilla --dataset digits:3", "takes nothing after a colon"),
    ("train vanilla --dataset points:circle", "unknown kind of points 'circle'"),
    ("train vanilla --set data.name=mnits", "unknown data set 'mnits'"),
    ("train vanilla --set loss=hing", "unknown loss 'hing': did you mean hinge"),
    ("train vanilla --set loss_options.smoth=0.1", "has no option 'smoth': it has smoothing"),
    ("train vanilla --set penalties=r3", "unknown penalty 'r3'"),
    ("train vanilla --logger tensorbord", "unknown logger 'tensorbord': did you mean tensorboard"),
    ("resume {run} --steps 9 --logger tensorbord", "unknown logger 'tensorbord': did you mean tensorboard"),
    ("show dcgn", "unknown name 'dcgn': did you mean dcgan"),
    ("show dcgan.mnits", "unknown recipe of dcgan 'mnits'"),
    ("show", "Missing argument"),
    # Keys and values.
    ("train vanilla --set stpes=5", "unknown recipe key 'stpes': did you mean steps"),
    ("train vanilla --set g.lrr=5", "did you mean g.lr"),
    ("train vanilla --set width=5", "unknown recipe key 'width'"),
    ("train vanilla --set steps", "write it as --set key=value"),
    ("train vanilla --set =5", "write it as --set key=value"),
    ("train vanilla --set g=5", "g is a group of keys"),
    ("train vanilla --set steps.x=5", "steps is a single value"),
    ("train vanilla --set g.lr=fast", "expected a number above 0, got 'fast'"),
    ("train vanilla --set g.lr=-1", "expected a number above 0"),
    ("train vanilla --set g.lr=nan", "expected a number above 0"),
    ("train vanilla --set g.betas=1,2", "g.betas: expected 2 numbers"),
    ("train vanilla --set batch=0", "expected a whole number of at least 1"),
    ("train vanilla --set batch=10 --set accumulate=3", "cannot be cut"),
    ("train vanilla --set data.flip=perhaps", "expected true or false"),
    ("train vanilla --set g.name=adma", "did you mean adam"),
    ("train vanilla --set ema=1", "below 1"),
    ("train vanilla --set latent=1.5", "expected a whole number"),
    ("train vanilla --steps 0", "steps: expected a whole number of at least 1"),
    ("train vanilla --steps many", "'many' is not a valid integer"),
    ("train vanilla --steps 5 --epochs 1", "either steps or epochs"),
    ("train vanilla --epochs 0", "epochs must be a number above 0"),
    ("train vanilla --epochs nan", "epochs must be a number above 0"),
    ("train vanilla --epochs inf", "epochs must be a number above 0"),
    ("train vanilla --seed -1", "seed: expected a whole number of at least 0"),
    ("train vanilla --seed 99999999999", "seed: expected a whole number"),
    # Recipe files.
    ("train vanilla --recipe none.toml", "cannot read the recipe file none.toml"),
    ("train vanilla --recipe broken.toml", "broken.toml is not valid TOML"),
    ("train vanilla --recipe broken.json", "broken.json is not valid JSON"),
    ("train vanilla --recipe unknown.json", "unknown recipe key 'stpes'"),
    ("train vanilla --recipe wrong.json", "steps: expected a whole number"),
    ("train vanilla --recipe list.json", "must hold keys and values"),
    ("train dcgan --recipe {run}", "unknown recipe key 'g_hidden'"),
    ("train vanilla --recipe empty", "cannot read the recipe file"),
    # Data.
    ("train dcgan --dataset mnist", "mnist"),
    ("train dcgan --dataset celeba", "celeba"),
    ("train dcgan.folder", "type --dataset folder:PATH"),
    ("train dcgan --dataset folder:none", "none"),
    ("train dcgan --dataset empty", "empty"),
    ("train dcgan --dataset none.npz", "none.npz"),
    ("train dcgan --dataset fake.npz", "fake.npz"),
    ("train dcgan --set data.size=30", "cannot be halved"),
    ("train dcgan --set data.size=4", "too small"),
    ("train dcgan --set data.size=0", "data.size: expected a whole number of at least 1"),
    ("train dcgan --dataset points", "dcgan takes image data"),
    ("train wgan-gp --dataset points --set network=conv", "network=conv needs images"),
    ("train vanilla --dataset points --set data.size=8", "leave out data.size"),
    ("train conditional --set data.labels=false", "needs class labels, and data.labels is off"),
    ("train conditional --dataset points:moons", "needs class labels"),
    # The machine.
    ("train vanilla --device cuda", "torch sees no CUDA GPU here"),
    ("train vanilla --device cuda:7", "CUDA|GPU"),
    ("train vanilla --device toaster", "unknown device 'toaster'"),
    ("train vanilla --device mps", "no Apple GPU"),
    ("train vanilla --precision fp16", "'fp16' is not one of"),
    ("train vanilla --devices 0", "0 is not in the range"),
    ("train vanilla --out {run}", "is not empty: choose another folder"),
    ("train vanilla --out full", "full is not empty"),
    ("train vanilla --out broken.json", "broken.json is a file"),
    ("train vanilla --out broken.json/run", "broken.json/run"),
    # Dry runs make the same mistakes.
    ("train dcgan --dry-run --dataset points", "dcgan takes image data"),
    ("train dcgan --dry-run --set data.size=30", "cannot be halved"),
    ("train vanilla --dry-run --device cuda", "torch sees no CUDA GPU here"),
    # Runs.
    ("resume none", "none is not a run folder: it does not exist"),
    ("resume empty", "empty is not a run folder: it has no recipe.json"),
    ("resume damaged", "recipe.json is damaged"),
    ("resume {run}", "to go on, `ganzoo resume .* --steps 6`"),
    ("resume {run} --steps 2", "is at step 3 of 2"),
    ("resume {run} --steps 0", "0 is not in the range"),
    ("sample none", "none is not a run folder"),
    ("sample broken.json", "broken.json is not a run folder"),
    ("sample damaged", "recipe.json is damaged"),
    ("sample {run} -n 0", "0 is not in the range"),
    ("sample {run} -n few", "'few' is not a valid integer"),
    ("sample {run} --seed -1", "-1 is not in the range"),
    ("sample {run} --seed 99999999999999999999", "not in the range"),
    ("sample {run} --class 3 --grid a.png", "is not conditional"),
    ("sample {conditional} --class 10 --grid a.png", "no such class: this run has the classes 0 to 9"),
    ("sample {conditional} --class -1 --grid a.png", "no such class"),
    ("sample {conditional} --class 99999999999999999999 --grid a.png", "no such class"),
    ("sample {conditional} --class seven --grid a.png", "unknown class 'seven'"),
    ("sample {run} --grid picture", "end the name in .png"),
    ("sample {run} --grid broken.json", "broken.json exists"),
    ("sample {run} --npz samples.png", "end the name in .npz"),
    ("sample {run} --grid a.png --npz a.npz", "choose one of --grid, --to and --npz"),
    ("sample {run} --to full", "full is not empty"),
    ("sample {run} --truncation 0", "not in the range"),
    ("sample {run} --truncation nan", "truncation must be a number of deviations above 0"),
    ("sample {run} --truncation 1 --interpolate", "leave --truncation out"),
    ("sample {run} --grid broken.json/a.png", "broken.json/a.png"),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with files to stumble over."""
    (tmp_path / "broken.toml").write_text("steps = ")
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "unknown.json").write_text('{"stpes": 5}')
    (tmp_path / "wrong.json").write_text('{"steps": "many"}')
    (tmp_path / "list.json").write_text("[1, 2]")
    (tmp_path / "fake.npz").write_text("not an archive")
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "recipe.json").write_text('{"format": 1}')
    monkeypatch.chdir(tmp_path)
    # The data sets that are downloaded must not be.
    monkeypatch.setenv("GANZOO_DATA", str(tmp_path / "full" / "file"))
    return tmp_path


def listing(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*"))


@pytest.mark.parametrize(("typed", "part"), MISTAKES, ids=[typed for typed, _ in MISTAKES])
def test_one_line_and_exit_code_2(
    typed: str, part: str, folder: Path, digits_run: Path, conditional_run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if "cuda" in typed and torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    if "mps" in typed and sys.platform == "darwin":
        pytest.skip("there may be an Apple GPU here")
    before = [listing(place) for place in (folder, digits_run, conditional_run)]
    code = run(typed.format(run=digits_run, conditional=conditional_run).split())
    err = capfd.readouterr().err
    assert code == 2, err
    assert "Traceback" not in err
    lines = err.splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("error: ")
    assert re.search(re.escape(part).replace(r"\.\*", ".*").replace(r"\|", "|"), lines[0]), lines[0]
    assert [listing(place) for place in (folder, digits_run, conditional_run)] == before


def test_there_are_many_mistakes_and_each_is_typed_once() -> None:
    assert len(MISTAKES) >= 45
    assert len({typed for typed, _ in MISTAKES}) == len(MISTAKES)
