"""Files of shapes: voxels in .npz and .binvox files are read; .npz, .obj and .stl files are written.

A shape is a boolean array `[D, H, W]`: upwards, backwards, to the right.
"""

from __future__ import annotations

import io
import math
import zipfile
from pathlib import Path

import numpy as np

from ganzoo.errors import GanzooError

ENDINGS = (".npz", ".npy", ".binvox")
MOST_VOXELS = 512**3
HEADER = 4096
"""Bytes within which the header of a .binvox file ends."""


def read_shapes(path: Path) -> list[tuple[str, np.ndarray]]:
    """The shapes in a file, or in a folder at any depth, in the order of their names. GanzooError if there are none."""
    if not path.exists():
        raise GanzooError(f"{path} does not exist: name a folder of .npz or .binvox files.")
    if path.is_file():
        return read_file(path, path.stem)
    files = sorted(
        file
        for file in path.rglob("*")
        if file.suffix.lower() in ENDINGS
        and file.is_file()
        and not any(p.startswith(".") for p in file.relative_to(path).parts)
    )
    found = [shape for file in files for shape in read_file(file, file.relative_to(path).with_suffix("").as_posix())]
    if not found:
        raise GanzooError(f"there are no .npz or .binvox files under {path}.")
    if len({name for name, _ in found}) < len(found):
        # Two files may differ in their ending only.
        return [(f"{name}-{number}", shape) for number, (name, shape) in enumerate(found)]
    return found


def read_file(path: Path, name: str) -> list[tuple[str, np.ndarray]]:
    """The shapes in one file, called `name`, with numbers if there are several."""
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise GanzooError(f"{path} cannot be read as voxels: name a .npz or .binvox file, or a folder of these.")
    try:
        if ending == ".binvox":
            return [(name, from_binvox(path.read_bytes()))]
        shapes = occupied(from_numpy(path))
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise GanzooError(f"{path} cannot be read as voxels: {str(error).splitlines()[0]}.") from error
    return [(name, shapes[0])] if len(shapes) == 1 else [(f"{name}-{n}", shape) for n, shape in enumerate(shapes)]


def from_numpy(path: Path) -> np.ndarray:
    """The array of voxels in a NumPy file: voxels, x, or else the only one with enough axes. ValueError if none is."""
    loaded = np.load(path, allow_pickle=False)
    if isinstance(loaded, np.ndarray):
        return loaded
    with loaded:
        for name in ("voxels", "x"):
            if name in loaded.files:
                return loaded[name]
        arrays = {name: loaded[name] for name in loaded.files}
    fitting = [array for array in arrays.values() if array.ndim in (3, 4, 5)]
    if len(fitting) != 1:
        shown = ", ".join(f"{name} {list(array.shape)}" for name, array in arrays.items()) or "nothing"
        raise ValueError(f"it has {shown}; save them with np.savez(FILE, voxels=array)")
    return fitting[0]


def occupied(values: np.ndarray) -> np.ndarray:
    """Shapes `[N, D, H, W]`, booleans, from `[D, H, W]`, `[N, D, H, W]` or `[N, 1, D, H, W]`. ValueError for others.

    Numbers are occupied above the middle of their range, which is 0 if some are negative: 0 and 1, 0 and 255, logits.
    """
    if values.ndim == 5 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim == 3:
        values = values[None]
    if values.ndim != 4 or 0 in values.shape:
        raise ValueError(f"voxels must be [D, H, W] or [N, D, H, W], not {list(values.shape)}")
    if values.dtype == bool:
        return values
    if values.dtype.kind not in "iuf" or not np.isfinite(values).all():
        raise ValueError("voxels must be finite numbers")
    low, high = values.min(), values.max()
    return values > (0 if low < 0 else high / 2)


def from_binvox(content: bytes) -> np.ndarray:
    """A shape from the content of a .binvox file. Raises ValueError if it is damaged.

    https://www.patrickmin.com/binvox/binvox.html: runs of voxels in the order x, z, y (upwards), the last fastest.
    """
    lines, end = [], 0
    for line in io.BytesIO(content[:HEADER]):
        end += len(line)
        lines.append(line.decode("ascii", "replace").split())
        if lines[-1] == ["data"]:
            break
    header = {line[0]: line[1:] for line in lines if line}
    if not lines or lines[0] != ["#binvox", "1"]:
        raise ValueError("its first line is not #binvox 1")
    if "data" not in header or len(header.get("dim", ())) != 3 or not all(n.isdigit() for n in header["dim"]):
        raise ValueError("its header needs a line dim with three numbers, and a line data")
    x, z, y = (int(number) for number in header["dim"])
    if not 0 < math.prod((x, z, y)) <= MOST_VOXELS:
        raise ValueError(f"its header says {x}x{z}x{y} voxels")
    runs = np.frombuffer(content[end:], np.uint8)
    values, counts = runs[0 : len(runs) // 2 * 2 : 2], runs[1::2]
    if counts.sum(dtype=np.int64) != x * z * y or values.max(initial=0) > 1:
        raise ValueError(f"it has {counts.sum(dtype=np.int64):,} voxels, and its header says {x * z * y:,}")
    return np.repeat(values, counts).reshape(x, z, y).transpose(2, 1, 0).astype(bool)


def mesh(shape: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The surface of a shape: vertices `[V, 3]` (x, y, z; z is upwards) and squares `[F, 4]`, anticlockwise outside."""
    padded = np.pad(shape, 1)
    inside, squares = padded[1:-1, 1:-1, 1:-1], []
    for axis in range(3):
        for step in (0, 1):
            beyond = np.roll(padded, -1 if step else 1, axis)[1:-1, 1:-1, 1:-1]
            at = np.argwhere(inside & ~beyond)
            first, second = [other for other in range(3) if other != axis]
            corners = []
            for a, b in ((0, 0), (0, 1), (1, 1), (1, 0)):
                corner = at.copy()
                corner[:, axis] += step
                corner[:, first] += a
                corner[:, second] += b
                corners.append(corner)
            # In x, y, z order, (first, second, axis) is left-handed but for axis 1.
            outwards = (axis == 1) != bool(step)
            squares.append(np.stack(corners if outwards else corners[::-1], 1))
    corners_of = np.concatenate(squares).reshape(-1, 3)
    vertices, index = np.unique(corners_of, axis=0, return_inverse=True)
    return vertices[:, ::-1].astype(np.float32), index.reshape(-1, 4)


def as_obj(shape: np.ndarray) -> bytes:
    """A Wavefront .obj file of the surface."""
    vertices, squares = mesh(shape)
    lines = [f"v {x:g} {y:g} {z:g}" for x, y, z in vertices]
    lines += ["f " + " ".join(str(corner + 1) for corner in square) for square in squares]
    return ("\n".join(lines) + "\n").encode("ascii")


def as_stl(shape: np.ndarray) -> bytes:
    """A binary .stl file of the surface, two triangles a square."""
    vertices, squares = mesh(shape)
    triangles = vertices[np.concatenate([squares[:, [0, 1, 2]], squares[:, [0, 2, 3]]])]
    normals = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    records = np.zeros(len(triangles), [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    records["normal"], records["corners"] = normals, triangles
    return b"ganzoo".ljust(80) + np.uint32(len(triangles)).astype("<u4").tobytes() + records.tobytes()
