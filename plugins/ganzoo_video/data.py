"""Data sets of clips: digits that move, and the user's own videos."""

from __future__ import annotations

from functools import cache, partial

import numpy as np
import torch
from torch import Tensor

from ganzoo.data.common import check_request, refuse_image_keys
from ganzoo.data.dataset import Dataset
from ganzoo.data.images import digits
from ganzoo.data.own_files import find_files, read_files
from ganzoo.errors import GanzooError, unknown
from ganzoo.recipes import Data, DataSpec

from .files import ENDINGS, Wish, read_clips

SIDE, FRAMES, RATE = 16, 12, 8
KINDS = ("plane", "line")
TRAIN, TEST = 2500, 500
OWN_SIZE, OWN_FRAMES = 32, 16


def load_moving_digits(data: Data, split: str) -> Dataset:
    """Handwritten digits that move over a canvas and bounce off its edges: `[1, 12, 16, 16]`, uint8, 8 per second.

    2,500 clips for training, of the training digits, and 500 of the test digits; classes take turns. Positions and
    velocities are drawn at random; each coordinate moves by 0.5 to 1.5 pixels per frame. data.kind "line": digits move
    to the left and right only, `[1, 12, 8, 16]`.
    """
    check_request("moving-digits", data, split, argument="kind")
    refuse_image_keys("moving-digits", data, "clips")
    kind = data.kind or KINDS[0]
    if kind not in KINDS:
        raise unknown("kind of moving-digits", kind, KINDS)
    x, y = _moving(kind, split)
    names = digits.CLASS_NAMES
    spec = DataSpec(
        "moving-digits",
        "video",
        tuple(x.shape[1:]),
        classes=len(names) if data.labels else 0,
        class_names=names if data.labels else (),
        note={"fps": RATE},
    )
    return Dataset({"x": x, **({"y": y} if data.labels else {})}, spec)


@cache
def _moving(kind: str, split: str) -> tuple[Tensor, Tensor]:
    """The clips uint8 `[N, 1, T, H, W]` and labels `[N]` of a split, generated once per process."""
    from pathlib import Path

    # NumPy guarantees the stream of RandomState; that of default_rng may change.
    count, random = (TRAIN, np.random.RandomState(0)) if split == "train" else (TEST, np.random.RandomState(1))
    source = digits.load(Data(), Path(), split)
    images, labels = np.asarray(source.arrays["x"])[:, 0], np.asarray(source.arrays["y"])
    chosen = np.array([random.choice(np.flatnonzero(labels == k % 10)) for k in range(count)])
    height = images.shape[1] if kind == "line" else SIDE
    room = np.array([height, SIDE]) - images.shape[1]
    start = random.uniform(0, room, (count, 2))
    velocity = random.uniform(0.5, 1.5, (count, 2)) * random.choice([-1, 1], (count, 2)) * (room > 0)
    clips = np.zeros((count, 1, FRAMES, height, SIDE), np.uint8)
    for t in range(FRAMES):
        # A reflection at both edges: a triangle wave.
        folded = np.abs((start + velocity * t) % np.maximum(1, 2 * room) - room)
        places = np.rint(room - folded).astype(int)
        for k, (row, column) in enumerate(places):
            clips[k, 0, t, row : row + 8, column : column + 8] = images[chosen[k]]
    return torch.from_numpy(clips), torch.from_numpy(labels[chosen].astype(np.int64))


def load_videos(data: Data, split: str) -> Dataset:
    """The videos at data.path as clips `[C, T, H, W]`, uint8: data.length frames (16) of data.size (32), data.rate.

    A video is cut into as many clips as it has. Without data.rate, its own frames are used. data.channels is 3, or 1
    for grey. Raises GanzooError for a wrong path, keys of other data, and if no file can be read.
    """
    check_request("video-folder", data, split, argument="path", length=True, rate=True)
    refuse_image_keys("video-folder", data, "clips", reads=("size", "channels"))
    if data.channels not in (None, 1, 3):
        raise GanzooError(f"clips have 1 or 3 channels, not {data.channels}: use --set data.channels=3.")
    size = data.size or OWN_SIZE
    height, width = (size, size) if isinstance(size, int) else size
    wish = Wish(data.channels or 3, data.length or OWN_FRAMES, height, width, data.rate)
    files = find_files("video-folder", data.path, split, ENDINGS, "videos")
    found = read_files(files, partial(read_clips, wish=wish), "videos")
    clips = [clip for clip, _ in found.samples]
    rate = data.rate or found.samples[0][1]
    labelled = bool(files.class_names) and data.labels
    counts = torch.tensor([len(clip) for clip in clips])
    y = {"y": found.y().repeat_interleave(counts)} if labelled else {}
    spec = DataSpec(
        "video-folder",
        "video",
        wish.shape,
        classes=len(files.class_names) if labelled else 0,
        class_names=files.class_names if labelled else (),
        note={"fps": round(float(rate), 3)},
    )
    note = f"{len(clips):,} videos read as {int(counts.sum()):,} clips of {wish.frames} frames at {rate:g} per second"
    return Dataset(
        {"x": torch.cat(clips), **y},
        spec,
        skipped=tuple(found.skipped),
        reasons=tuple(found.reasons),
        notes=(*files.notes, note),
    )
