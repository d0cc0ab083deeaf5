"""A generator as one HTML file that draws samples in a browser, without a network."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import html
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ganzoo.errors import GanzooError
from ganzoo.files.marks import source_type
from ganzoo.files.typed import typed_path
from ganzoo.game import GAN, has_latent
from ganzoo.recipes import DataSpec
from ganzoo.runs.classes import drawn, folder_names
from ganzoo.runs.directions import Directions, find_directions

PARTS = Path(__file__).parent / "page_parts"
MARKER = re.compile(r"\{\{(\w+)\}\}")

PACKAGE = "onnxruntime-web"
RUNTIME = {
    "library": "ort.wasm.min.js",
    "module": "ort-wasm-simd-threaded.mjs",
    "binary": "ort-wasm-simd-threaded.wasm",
}
"""Files of the npm package onnxruntime-web that run a network on the processor."""

SLIDERS = 8


@dataclass(frozen=True)
class Runtime:
    """The contents of the files of onnxruntime-web, by the names in `RUNTIME`, and its version, "" if unknown."""

    files: dict[str, bytes]
    version: str


def find_runtime(folder: str | Path | None) -> Runtime:
    """Read onnxruntime-web from a folder, by default from node_modules in this folder or one above it.

    folder: that of the npm package, its dist, or one with node_modules. Raises GanzooError, saying what to type, if the
    files are not there.
    """
    if folder is None:
        here = Path.cwd()
        places = [parent / "node_modules" / PACKAGE / "dist" for parent in (here, *here.parents)]
    else:
        base = typed_path(folder)
        places = [base, base / "dist", base / PACKAGE / "dist", base / "node_modules" / PACKAGE / "dist"]
    for place in places:
        if all((place / name).is_file() for name in RUNTIME.values()):
            files = {part: (place / name).read_bytes() for part, name in RUNTIME.items()}
            found = re.search(rb"ONNX Runtime Web v([\d.]+)", files["library"][:400])
            return Runtime(files, found[1].decode() if found else "")
    where = "is not in node_modules here or above" if folder is None else f"is not in {folder}"
    raise GanzooError(
        f"a page needs {PACKAGE}, which {where} ({', '.join(RUNTIME.values())}): type `npm install {PACKAGE}`, "
        "or --runtime FOLDER."
    )


def require_drawable(gan: GAN, variant: str, data: DataSpec) -> None:
    """Raise GanzooError unless a page can show what a game generates: images, and points in the plane, from latents."""
    if not has_latent(gan):
        raise GanzooError(f"{variant!r} has no latent vectors for the sliders of a page: export to .safetensors.")
    images = data.modality == "image" and data.shape[0] in (1, 3)
    points = data.modality == "points" and len(data.shape) == 1 and data.shape[0] > 1
    if not images and not points:
        shape = "x".join(str(n) for n in data.shape)
        raise GanzooError(
            f"a page shows images of 1 or 3 channels and points, not {data.modality} of {shape}: export to .onnx."
        )


def page_bytes(
    gan: GAN, network: bytes, runtime: Runtime, info: dict[str, Any], data: DataSpec, averaged: bool
) -> bytes:
    """The HTML file with an ONNX network and the runtime inside. info: the description of the exported generator.

    The texts in it may come from anywhere: they are escaped, and the script shows them as text.
    """
    name = f"{info['variant']}.{info['recipe_name']} on {data.name}"
    found = _sliders(gan, info["variant"], averaged)
    classes = drawn(gan, data)
    settings = {
        "name": name,
        "shape": data.shape,
        "kind": data.modality,
        "latent": found.vectors.shape[1],
        "uniform": getattr(gan, "latent_distribution", "normal") == "uniform",
        "classes": list(classes.class_names or folder_names(classes)) if gan.classes else [],
        "vectors": found.vectors.tolist(),
        "deviations": found.deviations.tolist(),
        "labels": [_label(found, number) for number in range(len(found))],
        "digitalSourceType": source_type(False),
        "runtime": runtime.version,
    }
    values = {
        "title": html.escape(name),
        "facts": html.escape(f"{info['weights']} weights of step {info['step']:,}; {_latents(settings)}"),
        "version": html.escape(runtime.version),
        "style": (PARTS / "page.css").read_text("utf-8"),
        "script": (PARTS / "page.js").read_text("utf-8"),
        "settings": _as_json(settings),
        "info": _as_json(info),
        # Inside a script element only an end tag, or the start of a comment with a tag in it, means anything.
        "library": re.sub(r"<(?=/script|!--)", r"\\x3c", runtime.files["library"].decode("utf-8")),
        "module": _packed(runtime.files["module"]),
        "binary": _packed(runtime.files["binary"]),
        "network": _packed(network),
    }
    template = (PARTS / "page.html").read_text("utf-8")
    return MARKER.sub(lambda found: values[found[1]], template).encode()


def _sliders(gan: Any, variant: str, averaged: bool) -> Directions:
    """Principal directions; the first coordinates for a game without directions of latents."""
    try:
        found = find_directions(gan, variant, SLIDERS, "pca", averaged=averaged)
        if not found.module:
            return found
    except GanzooError:
        pass
    with torch.random.fork_rng():
        torch.manual_seed(0)
        z = gan.draw_latent(2048)
    count = min(SLIDERS, z.shape[1])
    return Directions("", torch.eye(z.shape[1])[:count], z.std(0)[:count], torch.zeros(count), ())


def _label(found: Directions, number: int) -> str:
    if not found.method:
        return f"coordinate {number + 1}"
    return f"direction {number + 1} ({float(found.shares[number]):.0%})"


def _latents(settings: dict[str, Any]) -> str:
    return f"{settings['latent']} latent dimensions, {'uniform on [-1, 1]' if settings['uniform'] else 'normal'}"


def _as_json(value: Any) -> str:
    """JSON that cannot end the script element that it is in."""
    return json.dumps(value, default=dataclasses.asdict).replace("<", "\\u003c")


def _packed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()
