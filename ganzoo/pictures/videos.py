"""Writing videos: .gif by Pillow, .mp4 by PyAV."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import GifImagePlugin, Image

from ganzoo.errors import GanzooError


def write_video(path: Path, frames: Iterable[np.ndarray], rate: float) -> None:
    """Write uint8 frames `[H, W, C]`, one or three channels, to a .gif or .mp4 file; a .gif repeats for ever.

    rate: frames per second. An odd last row or column is left out of .mp4. Raises GanzooError for .mp4 if av is not
    installed.
    """
    if path.suffix.lower() == ".gif":
        path.write_bytes(_gif(frames, round(1000 / rate)))
        return
    require_av(path)
    import av

    with av.open(str(path), "w", format="mp4") as video:
        stream = None
        for frame in frames:
            if stream is None:
                stream = video.add_stream("libx264", rate=Fraction(rate).limit_denominator(1000))
                stream.height, stream.width = (side - side % 2 for side in frame.shape[:2])
                stream.pix_fmt, stream.options = "yuv420p", {"crf": "12"}
            rgb = np.repeat(frame, 3, 2) if frame.shape[2] == 1 else frame
            even = np.ascontiguousarray(rgb[: stream.height, : stream.width])
            video.mux(stream.encode(av.VideoFrame.from_ndarray(even, format="rgb24")))
        if stream is not None:
            video.mux(stream.encode())


def _gif(frames: Iterable[np.ndarray], milliseconds: int) -> bytes:
    """The frames as a .gif file. Image.save would leave out those that are equal to the ones before them."""
    images = [Image.fromarray(frame[:, :, 0] if frame.shape[2] == 1 else frame) for frame in frames]
    images = [image if image.mode == "L" else image.convert("P", palette=Image.Palette.ADAPTIVE) for image in images]
    header, _ = GifImagePlugin.getheader(images[0], info={"loop": 0})
    parts = [GifImagePlugin.getdata(image, duration=milliseconds, include_color_table=True) for image in images]
    return b"".join([*header, *(piece for part in parts for piece in part), b";"])


def require_av(path: Path) -> None:
    """Raise GanzooError, with the command to run, if a file of this name needs av and it is not installed."""
    if path.suffix.lower() == ".gif":
        return
    try:
        import av  # noqa: F401
    except ImportError as error:
        raise GanzooError(f"writing {path} needs the package av: pip install 'ganzoo[video]', or use .gif.") from error
