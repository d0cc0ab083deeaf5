"""Reading videos: .gif by Pillow, everything else by PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageSequence
from torch import Tensor
from torch.nn.functional import interpolate

from ganzoo.errors import GanzooError

from . import FILES

ENDINGS = (*FILES, ".gif")
SMALLEST = 64
"""Pixels of the shorter side below which written frames are enlarged, by a whole factor: encoders need some pixels."""

MOST_FRAMES = 100_000
USUAL_RATE = 25.0


@dataclass(frozen=True)
class Wish:
    """How clips are to be. rate: frames per second; None for a video's own."""

    channels: int
    frames: int
    height: int
    width: int
    rate: float | None = None

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return self.channels, self.frames, self.height, self.width


def read_clips(path: Path, wish: Wish) -> tuple[Tensor, float]:
    """The clips of a video, uint8 `[N, C, T, H, W]`, one after the other, and its frames per second.

    Frames are cropped to their centre and resized. What is left at the end is not used. Raises GanzooError for a file
    that cannot be read, and for one with fewer frames than a clip.
    """
    images: list[Tensor] = []
    times: list[float] = []
    try:
        for time, frame in _frames(path):
            images.append(_fitted(frame, wish))
            times.append(time)
            if len(images) > MOST_FRAMES:
                raise GanzooError(f"{path} has more than {MOST_FRAMES:,} frames: split it into shorter videos.")
    except GanzooError:
        raise
    except Exception as error:  # decoders raise nearly any type of error on damaged files
        why = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise GanzooError(f"{path} cannot be read as a video: {why}.") from error
    if len(images) < 2:
        raise GanzooError(f"{path} has {len(images)} frame{'s' * (not images)}, and is no video.")
    rate = (len(times) - 1) / (times[-1] - times[0]) if times[-1] > times[0] else USUAL_RATE
    if wish.rate is not None:
        images = [images[at] for at in _at_rate(times, wish.rate, 1 / rate)]
    count = len(images) // wish.frames
    if not count:
        raise GanzooError(
            f"{path} has {len(images)} frames{'' if wish.rate is None else f' at {wish.rate:g} per second'}, and a "
            f"clip has {wish.frames}: use --set data.length={max(2, len(images))} or less."
        )
    x = torch.stack(images[: count * wish.frames]).unflatten(0, (count, wish.frames))
    return x.transpose(1, 2).contiguous(), rate


def _at_rate(times: list[float], rate: float, last: float) -> list[int]:
    """For each moment of a regular clock, the frame that is shown then. last: seconds that the last one is shown."""
    wanted = times[0] + np.arange(max(1, round((times[-1] - times[0] + last) * rate))) / rate
    return np.clip(np.searchsorted(times, wanted + 1e-6, side="right") - 1, 0, len(times) - 1).tolist()


def _frames(path: Path) -> Iterator[tuple[float, Image.Image]]:
    """The frames of a video, with their times in seconds."""
    if path.suffix.lower() == ".gif":
        with Image.open(path) as gif:
            time = 0.0
            for frame in ImageSequence.Iterator(gif):
                yield time, frame.convert("RGB")
                # Browsers show frames without a duration for 0.1 s.
                time += (frame.info.get("duration") or 100) / 1000
        return
    try:
        import av
    except ImportError as error:
        raise GanzooError(f"reading {path} needs the package av: pip install 'ganzoo[video]'.") from error
    with av.open(str(path)) as video:
        if not video.streams.video:
            raise GanzooError(f"{path} has no pictures.")
        rate = float(video.streams.video[0].average_rate or USUAL_RATE)
        for number, decoded in enumerate(video.decode(video=0)):
            yield (number / rate if decoded.time is None else float(decoded.time)), decoded.to_image()


def _fitted(image: Image.Image, wish: Wish) -> Tensor:
    """The largest central part of a frame with the shape of a clip's, resized: uint8 `[C, H, W]`."""
    factor = min(image.width / wish.width, image.height / wish.height)
    width, height = max(1, round(wish.width * factor)), max(1, round(wish.height * factor))
    left, top = (image.width - width) // 2, (image.height - height) // 2
    part = image.crop((left, top, left + width, top + height)).convert("L" if wish.channels == 1 else "RGB")
    x = torch.from_numpy(np.array(part)).view(height, width, -1).permute(2, 0, 1)
    if (height, width) == (wish.height, wish.width):
        return x
    # Means over areas when it shrinks: what was enlarged by a whole factor becomes what it was.
    mode = "area" if height >= wish.height else "bilinear"
    return interpolate(x[None].float(), (wish.height, wish.width), mode=mode)[0].round().to(torch.uint8)


def pixels(x: Tensor) -> np.ndarray:
    """Clips `[N, C, T, H, W]` in -1..1 as uint8 frames `[N, T, H, W, C]`, enlarged by a whole factor if they are small.

    One channel, or three.
    """
    shown = x.float().nan_to_num(0.0).add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)
    shown = shown[:, :3] if shown.shape[1] >= 3 else shown[:, :1]
    factor = max(1, -(-SMALLEST // min(shown.shape[-2:])))
    return shown.repeat_interleave(factor, 3).repeat_interleave(factor, 4).permute(0, 2, 3, 4, 1).cpu().numpy()
