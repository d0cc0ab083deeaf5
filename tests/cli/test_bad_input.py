"""Every mistake on the command line is exit code 2, one line that starts with "error:", and no new file.

`python tests/cli/test_bad_input.py` runs the whole table and prints their number and those that fail.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import shlex
import shutil
import struct
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from paths import TESTS
from PIL import Image

from ganzoo.cli import run

TOO_LONG = [
    "eval {L}",
    "sample {L}",
    "resume {L}",
    "compare {L}",
    "export {L} --to g.onnx",
    "export {{run}} --to {L}.onnx",
    "sample {{run}} --grid {L}.png",
    "sample {{run}} --to {L}",
    "sample {{run}} --npz {L}.npz",
    "eval {{run}} --out {L}",
    "eval {{run}} --against {L}",
    "eval {{run}} --weights {L}",
    "compare {{run}} --out {L}.png",
    "bench {L}",
    "train vanilla --recipe {L}",
    "train vanilla --data-root {L}",
    "train vanilla --out {L}",
    "train vanilla --dataset {L}",
    "train vanilla --dataset {L}.npz",
    "train vanilla --dataset folder:{L}",
    "plugins new x-thing --into {L}",
]
"""Commands with a name of more than 255 bytes in place of {L}."""

NOBODY = [
    "eval ~nosuch/x",
    "sample ~nosuch/x",
    "train vanilla --out ~nosuch/x",
    "train vanilla --dataset ~nosuch/x",
    "train vanilla --dataset npz:~nosuch/x.npz",
    "train vanilla --dataset folder:~nosuch",
    "train vanilla --data-root ~nosuch",
    "train vanilla --recipe ~nosuch/r.toml",
    "eval {run} --against ~nosuch/x",
    "sample {run} --grid ~nosuch/x.png",
    "bench ~nosuch/g.toml",
]

# The command, with {run} and {conditional} for the folders of runs, and what the line must contain. Other words in
# braces are files that are created for it (FILES).
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
    ("train vanilla --dataset digits:3", "takes no argument after a colon"),
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
    ("train vanilla --set batch=10 --set accumulate=3", "cannot be split"),
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
    ("train vanilla --recipe list.json", "must contain keys and values"),
    ("train dcgan --recipe {conditional}", "unknown recipe key 'network'"),
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
    ("train vanilla --recipe {empty-file.json}", "is not valid JSON"),
    ("train vanilla --recipe {binary.toml}", "not a text file"),
    ("train vanilla --recipe {deep.json}", "is not valid JSON"),
    ("train vanilla --recipe {nan.json}", "g.lr: expected a number above 0"),
    ("train vanilla --recipe {null.json}", "steps: expected a whole number"),
    ("train vanilla --recipe {group.json}", "g is a group of keys"),
    ("train vanilla --recipe {twice.toml}", "is not valid TOML"),
    ("train vanilla --recipe {code.pt}", "cannot read the recipe file"),
    # Names that are none.
    ("train ''", "unknown variant ''"),
    ("train ../../dcgan", "unknown variant"),
    ("train dcgan.", "unknown recipe of dcgan ''"),
    ("train 'dcgan\n'", "unknown variant"),
    ("train vanilla --dataset ''", "type --dataset folder:PATH"),
    ("train vanilla --dataset ../none", "unknown data set '../none': there is no such file or folder"),
    ("train vanilla --device ''", "unknown device ''"),
    ("train vanilla --out ''", ""),
    ("show ''", "unknown name ''"),
    # Numbers.
    ("train vanilla --steps -1", "steps: expected a whole number of at least 1"),
    ("train vanilla --steps 1e3", "not a valid integer"),
    ("train vanilla --epochs -2", "epochs must be a number above 0"),
    ("train vanilla --set g.lr=1e999", "g.lr: expected a number above 0"),
    ("train vanilla --set g.lr=0x10", "g.lr: expected a number above 0"),
    ("train vanilla --set batch=--5", "batch: expected a whole number"),
    ("train vanilla --set seed=1e3", "seed: expected a whole number"),
    ("train vanilla --set g.betas=", "g.betas: expected 2 numbers"),
    ("train vanilla --set g_hidden=0", "g_hidden: expected whole numbers"),
    ("train vanilla --set data.size=99999", "data.size: expected a whole number of at least 1 and of at most 1024"),
    ("train vanilla --eval-every 0", "not in the range"),
    ("train vanilla --on-nonfinite perhaps", "'perhaps' is not one of"),
    # Arrays.
    ("train vanilla --dataset {pickle.npz}", "cannot be read as a .npz file of plain arrays"),
    ("train vanilla --dataset {truncated.npz}", "cannot be read as a .npz file of plain arrays"),
    ("train vanilla --dataset {flat.npz}", "neither images"),
    ("train vanilla --dataset {hollow.npz}", "x contains no samples"),
    ("train vanilla --dataset {nameless.npz}", "none of its arrays (a, b) is named x"),
    ("train vanilla --dataset {infinite.npz}", "not finite"),
    ("train vanilla --dataset {bright.npz}", "floats must be in [0, 1] or [-1, 1]"),
    ("train vanilla --dataset {complex.npz}", "save them as uint8"),
    ("train vanilla --dataset {few-labels.npz}", "there must be one per sample"),
    ("train vanilla --dataset {float-labels.npz}", "they must be integers"),
    ("train vanilla --dataset {negative-labels.npz}", "number the classes from 0"),
    ("train vanilla --dataset {large-labels.npz}", "number the classes from 0"),
    ("train vanilla --dataset npz:empty", "is a folder, not a .npz file"),
    ("train vanilla --dataset npz:{pipe}", "is not a file"),
    # Images of which none can be read.
    ("train dcgan --dataset {images-empty}", "the first is 0.png|could be read"),
    ("train dcgan --dataset {images-text}", "could be read"),
    ("train dcgan --dataset {images-truncated}", "could be read"),
    ("train dcgan --dataset {images-bomb}", "could be read"),
    ("train dcgan --dataset {images-svg}", "there are no images under"),
    ("train dcgan --dataset {images-linked}", "could be read"),
    ("train dcgan --dataset folder:fake.npz", "is a file, not a folder of images"),
    ("train dcgan --dataset {images-bomb} --dry-run", "could be read"),
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
    ("resume {run}", "to train further, `ganzoo resume .* --steps 6`"),
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
    ("sample {conditional} --class 10 --grid a.png", "no such class: this run has classes 0 to 9"),
    ("sample {conditional} --class -1 --grid a.png", "no such class"),
    ("sample {conditional} --class 99999999999999999999 --grid a.png", "no such class"),
    ("sample {conditional} --class seven --grid a.png", "unknown class 'seven'"),
    ("sample {run} --grid picture", "end the name in .png"),
    ("sample {run} --grid broken.json", "broken.json exists"),
    ("sample {run} --npz samples.png", "end the name in .npz"),
    ("sample {run} --to samples.npz", "--to samples.npz would be a folder: for a file of arrays, --npz samples.npz."),
    ("sample {run} --to all.png", "--to all.png would be a folder: for one picture, --grid all.png."),
    ("sample {run} --grid a.png --npz a.npz", "choose one of --grid, --to and --npz"),
    ("sample {run} --to full", "full is not empty: choose another folder with --to."),
    ("sample {run} --truncation 0", "not in the range"),
    ("sample {run} --truncation nan", "truncation must be a number of standard deviations above 0"),
    ("sample {run} --truncation 1 --interpolate", "leave --truncation out"),
    ("sample {run} --truncation 1 --vary 0", "--vary uses latents without truncation"),
    ("sample {run} --interpolate --vary 0", "choose one of --interpolate and --vary"),
    ("sample {run} --vary 100", "no such coordinate: this run's latents have the coordinates 0 to"),
    ("sample {run} --grid broken.json/a.png", "broken.json/a.png"),
    ("resume {run} --set g.lr=fast", "g.lr: expected a number above 0"),
    ("resume {run} --set g.lr", "write it as --set key=value"),
    ("resume {run} --set stpes=9", "unknown recipe key 'stpes': did you mean steps"),
    ("resume {run} --steps 9 --set latent=7", "latent cannot change in a run"),
    ("resume {run} --steps 9 --set g.name=sgd", "the optimiser's state would not fit"),
    ("resume {run} --steps 9 --set loss=hing", "unknown loss 'hing': did you mean hinge"),
    ("resume {run} --steps 9 --set data.size=16", "its shape or classes differ"),
    ("resume {run-edited} --steps 9", "g.lr: 0.0002 in the checkpoint, 0.5 in recipe.json"),
    # Checkpoints.
    ("resume {run-empty} --steps 9", "there is no intact checkpoint in"),
    ("resume {run-truncated} --steps 9", "its checksum does not match"),
    ("resume {run-flipped} --steps 9", "its checksum does not match"),
    ("resume {run-code} --steps 9", "holds more than tensors and plain values; it was not loaded"),
    ("resume {run-linked} --steps 9", "is a link that leads out of it"),
    ("sample {run-empty}", "there is no intact checkpoint in"),
    ("sample {run-truncated}", "its checksum does not match"),
    ("sample {run-flipped}", "its checksum does not match"),
    ("sample {run-code}", "holds more than tensors and plain values; it was not loaded"),
    ("sample {run-linked}", "is a link that leads out of it"),
    ("sample {run-shapes}", "does not fit the networks of 'vanilla'"),
    ("sample {run-options} --grid a.png --npz a.npz", "choose one of --grid, --to and --npz"),
    ("resume {run-options} --steps 9", "recipe.json is damaged: its option devices is 'all'"),
    ("resume {run-plugin} --steps 9", "pip install ganzoo-their==1.2"),
    ("sample {run-plugin}", "pip install ganzoo-their==1.2"),
    # Exports.
    ("export {run}", "Missing option '--to'"),
    ("export none --to g.onnx", "none is not a run folder"),
    ("export {run} --to g.pt", "end the name in .safetensors, .onnx or .html"),
    ("export {run} --to broken.json", "end the name in .safetensors, .onnx or .html"),
    ("export {run} --to broken.safetensors", "broken.json exists: choose another name"),
    ("export {run} --to broken.json/g.safetensors", "broken.json/g.safetensors"),
    ("export {run} --to g.onnx --best", "has no best state"),
    ("export {run-code} --to g.onnx", "holds more than tensors and plain values; it was not loaded"),
    ("export {run-flipped} --to g.safetensors", "its checksum does not match"),
    ("export {run-linked} --to g.safetensors", "is a link that leads out of it"),
    # Scores.
    ("eval none", "none does not exist"),
    ("eval broken.json", "is not a run folder, a folder of images or a .npz file"),
    ("eval {images-text}", "add --against"),
    ("eval {images-text} --against digits", ""),
    ("eval {pickle.npz} --against digits", "cannot be read as a .npz file of plain arrays"),
    ("eval {run} --metrics isc", "unknown metric 'isc': did you mean is"),
    ("eval {run} --metrics ,", "no metric is named"),
    ("eval {run} --features inceptoin", "unknown feature space 'inceptoin'"),
    ("eval {run} --against digit", "unknown data set 'digit': did you mean digits"),
    ("eval {run} --best", "has no best state"),
    ("eval {run} -n 0", "not in the range"),
    ("eval {run} --out broken.json", "broken.json exists"),
    ("eval {run-code}", "holds more than tensors and plain values; it was not loaded"),
    ("eval {run-linked}", "is a link that leads out of it"),
    # Several runs.
    ("compare", "Missing argument"),
    ("compare none", "none is not a run folder"),
    ("compare {run} {run}", "is named twice"),
    ("compare {run} --out broken.json", "end the name in .png"),
    ("compare {run-linked}", "is a link that leads out of it"),
    ("bench none.toml", "cannot read the grid none.toml"),
    ("bench broken.toml", "broken.toml is not valid TOML"),
    # Paths that are none, or cannot be.
    ("eval ''", "an empty text is not a path"),
    ("sample ''", "an empty text is not a path"),
    ("resume ''", "an empty text is not a path"),
    ("compare {run} ''", "an empty text is not a path"),
    ("export '' --to g.onnx", "an empty text is not a path"),
    ("export {run} --to ''", "an empty text is not a path"),
    ("sample {run} --grid ''", "an empty text is not a path"),
    ("sample {run} --to ''", "an empty text is not a path"),
    ("sample {run} --npz ''", "an empty text is not a path"),
    ("eval {run} --out ''", "an empty text is not a path"),
    ("eval {run} --weights ''", "an empty text is not a path"),
    ("eval {run} --against ''", "an empty text is not a path"),
    ("compare {run} --out ''", "an empty text is not a path"),
    ("bench ''", "an empty text is not a path"),
    ("train vanilla --recipe ''", "an empty text is not a path"),
    ("train vanilla --data-root ''", "an empty text is not a path"),
    ("plugins new x-thing --into ''", "an empty text is not a path"),
    # Names over 255 bytes.
    *((command.format(L="n" * 256), "n... is too long") for command in TOO_LONG),
    ("plugins new " + "n" * 300, "has 300 letters, more than 100"),
    # Homes of nobody.
    *((command, "there is no user 'nosuch'") for command in NOBODY),
    # Pipes and devices, which are never read.
    ("train vanilla --recipe {pipe}", "is a pipe, a socket or a device"),
    ("train vanilla --recipe /dev/zero", "is a pipe, a socket or a device"),
    ("bench {pipe}", "is a pipe, a socket or a device"),
    ("eval {pipe}", "is not a run folder"),
    ("sample {pipe}", "is not a run folder"),
    ("train vanilla --dataset {pipe}", "unknown data set"),
    ("train vanilla --dataset folder:{pipe}", "there is no folder"),
]


def archive(**arrays: np.ndarray) -> Callable[[Path], None]:
    return lambda path: np.savez(path, **arrays)  # type: ignore[arg-type]


def text(content: str | bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content.encode() if isinstance(content, str) else content) and None


def folder_of(content: bytes, name: str = "0.png") -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.mkdir()
        for i in range(3):
            (path / name.replace("0", str(i))).write_bytes(content)

    return make


def linked_folder(path: Path) -> None:
    path.mkdir()
    (path / "0.png").symlink_to(path / "none.png")


def png() -> bytes:
    buffer = io.BytesIO()
    Image.effect_noise((32, 32), 50).save(buffer, "png")
    return buffer.getvalue()


def bomb() -> bytes:
    """A PNG whose header claims 30,000 x 30,000 pixels: decoded it would take 900 MB."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(30_001 * 300)))
    return b"\x89PNG\r\n\x1a\n" + header + pixels + chunk(b"IEND", b"")


class Code:
    """Creates a file when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("ran",)


def code() -> bytes:
    buffer = io.BytesIO()
    torch.save(Code(), buffer)
    return buffer.getvalue()


def objects(path: Path) -> None:
    np.savez(path, x=np.array([Code()] * 20, dtype=object))


def cut(path: Path) -> None:
    np.savez(path, x=np.zeros((20, 8, 8), np.uint8))
    path.write_bytes(path.read_bytes()[:300])


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def run_with(change: Callable[[bytes], bytes], right_checksum: bool = False) -> Callable[[Path, Path], None]:
    """A run with other checkpoints."""

    def make(path: Path, source: Path) -> None:
        shutil.copytree(source, path)
        for file in (path / "checkpoints").glob("*.pt"):
            file.write_bytes(change(file.read_bytes()))
            if right_checksum:
                note = json.loads(file.with_suffix(".json").read_text())
                note["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
                file.with_suffix(".json").write_text(json.dumps(note))

    return make


def run_with_recipe(**values: object) -> Callable[[Path, Path], None]:
    """A run with changed values in recipe.json; names with two underscores are nested."""

    def make(path: Path, source: Path) -> None:
        shutil.copytree(source, path)
        info = json.loads((path / "recipe.json").read_text())
        for name, value in values.items():
            place, *inner = name.split("__")
            target = info
            for part in inner:
                target, place = target[place], part
            target[place] = value
        (path / "recipe.json").write_text(json.dumps(info))

    return make


def linked_run(path: Path, source: Path) -> None:
    shutil.copytree(source, path)
    shutil.rmtree(path / "samples")
    (path / "samples").symlink_to(path.parent / "full")


IMAGES = np.zeros((20, 8, 8), np.uint8)

FILES: dict[str, Callable[[Path], None]] = {
    "empty-file.json": text(""),
    "binary.toml": text(b"\xff\xfe\x00"),
    "deep.json": text("[" * 50_000),
    "nan.json": text('{"g": {"lr": NaN}}'),
    "null.json": text('{"steps": null}'),
    "group.json": text('{"g": 5}'),
    "twice.toml": text("steps = 1\nsteps = 2\n"),
    "code.pt": text(code()),
    "pickle.npz": objects,
    "truncated.npz": cut,
    "flat.npz": archive(x=np.zeros(20, np.uint8)),
    "hollow.npz": archive(x=np.zeros((0, 8, 8), np.uint8)),
    "nameless.npz": archive(a=IMAGES, b=IMAGES),
    "infinite.npz": archive(x=np.full((20, 2), np.inf)),
    "bright.npz": archive(x=np.full((20, 8, 8), 200.0)),
    "complex.npz": archive(x=IMAGES.astype(np.complex64)),
    "few-labels.npz": archive(x=IMAGES, y=np.zeros(3, np.int64)),
    "float-labels.npz": archive(x=IMAGES, y=np.zeros(20)),
    "negative-labels.npz": archive(x=IMAGES, y=np.full(20, -1)),
    "large-labels.npz": archive(x=IMAGES, y=10**8 * np.arange(20)),
    "pipe": os.mkfifo,
    "images-empty": folder_of(b""),
    "images-text": folder_of(b"not a picture"),
    "images-truncated": folder_of(png()[:200]),
    "images-bomb": folder_of(bomb()),
    "images-svg": folder_of(b"<svg/>", "0.svg"),
    "images-linked": linked_folder,
}
RUNS: dict[str, Callable[[Path, Path], None]] = {
    "run-empty": run_with(lambda content: b""),
    "run-truncated": run_with(lambda content: content[: len(content) // 2]),
    "run-flipped": run_with(flipped),
    "run-code": run_with(lambda content: code(), right_checksum=True),
    "run-linked": linked_run,
    "run-edited": run_with_recipe(recipe__g__lr=0.5),
    "run-shapes": run_with_recipe(recipe__g_hidden=[3]),
    "run-options": run_with_recipe(options__devices="all"),
    "run-plugin": run_with_recipe(variant="their", plugin={"name": "t", "package": "ganzoo-their", "version": "1.2"}),
}


def prepare(folder: Path) -> None:
    """Invalid files in the current directory."""
    (folder / "broken.toml").write_text("steps = ")
    (folder / "broken.json").write_text("{")
    (folder / "unknown.json").write_text('{"stpes": 5}')
    (folder / "wrong.json").write_text('{"steps": "many"}')
    (folder / "list.json").write_text("[1, 2]")
    (folder / "fake.npz").write_text("not an archive")
    (folder / "empty").mkdir()
    (folder / "full").mkdir()
    (folder / "full" / "file").write_text("mine")
    (folder / "damaged").mkdir()
    (folder / "damaged" / "recipe.json").write_text('{"format": 1}')


def fill_in(typed: str, folder: Path, runs: dict[str, Path]) -> list[str]:
    """The arguments, with the files that they name in braces created in the folder."""

    def path(match: re.Match[str]) -> str:
        name = match[1]
        if name not in runs:
            made = folder / name
            if name in RUNS:
                RUNS[name](made, runs["run"])
            else:
                FILES[name](made)
            return str(made)
        return str(runs[name])

    return [re.sub(r"\{([^}]+)\}", path, word) for word in shlex.split(typed)]


def listing(folder: Path) -> list[str]:
    return sorted(str(path) for path in folder.rglob("*"))


def problem(code: int, err: str, part: str) -> str:
    """What is wrong with the outcome of a mistake; empty if nothing."""
    lines = err.splitlines()
    if code != 2:
        return f"exit code {code}: {err}"
    if len(lines) != 1 or not lines[0].startswith("error: "):
        return f"{len(lines)} lines: {err}"
    if not re.search(re.escape(part).replace(r"\.\*", ".*").replace(r"\|", "|"), lines[0]):
        return f"{part!r} is not in: {lines[0]}"
    return ""


def cannot_be_tried(typed: str) -> str:
    """Why a mistake cannot be made on this machine."""
    if "cuda" in typed and torch.cuda.is_available():
        return "there is a GPU here"
    if "mps" in typed and sys.platform == "darwin":
        return "there may be an Apple GPU here"
    return ""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, with invalid files."""
    prepare(tmp_path)
    monkeypatch.chdir(tmp_path)
    # The data sets that are downloaded must not be.
    monkeypatch.setenv("GANZOO_DATA", str(tmp_path / "full" / "file"))
    return tmp_path


@pytest.mark.parametrize(("typed", "part"), MISTAKES, ids=[typed for typed, _ in MISTAKES])
def test_one_line_and_exit_code_2(
    typed: str, part: str, folder: Path, digits_run: Path, conditional_run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if reason := cannot_be_tried(typed):
        pytest.skip(reason)
    arguments = fill_in(typed, folder, {"run": digits_run, "conditional": conditional_run})
    before = [listing(place) for place in (folder, digits_run, conditional_run)]
    code = run(arguments)
    assert problem(code, capfd.readouterr().err, part) == ""
    assert [listing(place) for place in (folder, digits_run, conditional_run)] == before


def test_there_are_many_mistakes_and_each_is_typed_once() -> None:
    assert len(MISTAKES) >= 200
    assert len({typed for typed, _ in MISTAKES}) == len(MISTAKES)


def test_every_file_that_is_made_is_typed() -> None:
    used = {name for typed, _ in MISTAKES for name in re.findall(r"\{([^}]+)\}", typed)}
    assert used == {*FILES, *RUNS, "run", "conditional"}


def test_the_decompression_bomb_is_refused() -> None:
    with pytest.raises(Image.DecompressionBombError):
        Image.open(io.BytesIO(bomb()))


def main() -> int:
    """Run the table; returns the exit code."""
    from small import train_digits

    failures, skipped = [], 0
    with tempfile.TemporaryDirectory() as place:
        os.environ["GANZOO_CACHE"] = f"{place}/cache"
        runs = {"run": Path(f"{place}/digits"), "conditional": Path(f"{place}/conditional")}
        train_digits(runs["run"])
        train_digits(runs["conditional"], "conditional")
        for number, (typed, part) in enumerate(MISTAKES):
            if cannot_be_tried(typed):
                skipped += 1
                continue
            folder = Path(place) / str(number)
            folder.mkdir()
            prepare(folder)
            os.chdir(folder)
            os.environ["GANZOO_DATA"] = str(folder / "full" / "file")
            arguments = fill_in(typed, folder, runs)
            places = (folder, *runs.values())
            before = [listing(place) for place in places]
            err = io.StringIO()
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(err):
                code = run(arguments)
            wrong = problem(code, err.getvalue(), part)
            if [listing(place) for place in places] != before:
                wrong = wrong or "something was written"
            if wrong:
                failures.append(f"ganzoo {typed}: {wrong.strip()}")
        os.chdir(TESTS)
    for line in failures:
        print(line)
    print(f"{len(MISTAKES)} mistakes, {len(failures)} failures, {skipped} that cannot be made on this machine")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
