"""The generator of a run as a file to share: weights with a JSON file, or an ONNX network that needs no ganzoo."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from ganzoo.errors import GanzooError
from ganzoo.exporting.model_folder import write_model_folder
from ganzoo.files.atomic import write_all_new
from ganzoo.files.new_files import require_absent, writing
from ganzoo.files.typed import typed_path
from ganzoo.game import GAN
from ganzoo.machine.facts import versions
from ganzoo.runs.folders import require_new
from ganzoo.runs.run import Run

FORMAT = 1
ENDINGS = (".safetensors", ".onnx", ".html")


def export(
    run: str | Path | Run,
    to: str | Path,
    *,
    raw: bool = False,
    best: bool = False,
    runtime: str | Path | None = None,
) -> Path:
    """Write the generator of a run to a new file; returns its path.

    to: `FILE.safetensors`, the weights, with a description FILE.json beside it, for `load_generator`; or `FILE.onnx`,
    the network: inputs z `[N, latent]` and, if the variant is conditional, y `[N]` (int64); output x `[N, *shape]` in
    the data's range. It is run with onnxruntime before it is written, and must give the same samples. Or `FILE.html`, a
    page with this network that draws images or points in a browser without a network connection. Or a folder, a name
    without an ending, in the layout of a model hub.
    raw: the weights as trained, not the averaged ones. best: from the best state of `--eval-every`, not the newest.
    runtime: for a page, the folder of the npm package onnxruntime-web, by default node_modules here or above.
    Raises GanzooError if a file exists already, for another extension, if the variant cannot be converted to ONNX, and
    for a page without its runtime or of a kind of data that it cannot show.
    """
    run = run if isinstance(run, Run) else Run.open(run)
    path = typed_path(to)
    description_path = path.with_suffix(".json")
    if path.suffix and path.suffix not in ENDINGS:
        known = f"{', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}"
        raise GanzooError(f"--to {path}: end the name in {known}, or in nothing for a folder.")
    if runtime is not None and path.suffix != ".html":
        raise GanzooError(f"--runtime is for pages (FILE.html), not for {path.suffix} files: leave it out.")
    if raw and run.info.get("weights") == "averaged":
        raise GanzooError(f"{run.path} has averaged weights only: leave --raw out.")
    if not path.suffix:
        require_new(path, "--to")
    for file in () if not path.suffix else (path, description_path) if path.suffix == ".safetensors" else (path,):
        require_absent(file)
    if path.suffix not in ("", ".safetensors"):
        require_convertible(run, path.suffix)
    run = run.best() if best else run
    gan = run.gan
    info = describe(run, raw)
    if path.suffix in ("", ".safetensors"):
        content = safetensors.torch.save(weights(gan, info["players"], not raw))
    else:
        content = _network(run, info, raw, path.suffix, runtime)
    if not path.suffix:
        return write_model_folder(run, path, content, info)
    info |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    files = {path: content}
    if path.suffix == ".safetensors":
        files[description_path] = (json.dumps(info, indent=1) + "\n").encode()
    with writing(path):
        write_all_new(files)
    return path


def require_convertible(run: Run, suffix: str) -> None:
    """Raise GanzooError for a page of a kind of data that no page shows, and without the packages that convert."""
    from ganzoo.exporting.onnx_file import require_packages
    from ganzoo.exporting.page import require_drawable

    if suffix == ".html":
        # First, so that nobody installs packages in vain.
        require_drawable(run.gan, run.info["variant"], run.data)
    require_packages()


def _network(run: Run, info: dict[str, Any], raw: bool, suffix: str, runtime: str | Path | None) -> bytes:
    """The content of an .onnx or .html file."""
    from ganzoo.exporting.onnx_file import onnx_bytes
    from ganzoo.exporting.page import find_runtime, page_bytes

    found = find_runtime(runtime) if suffix == ".html" else None
    content = onnx_bytes(run.gan, info["variant"], not raw, info, run.data)
    return content if found is None else page_bytes(run.gan, content, found, info, run.data, not raw)


def describe(run: Run, raw: bool) -> dict[str, Any]:
    """The description of an exported file, without run options and without the path of the data."""
    gan = run.gan
    recipe = dict(run.info["recipe"])
    recipe["data"] = dict(recipe.get("data", {})) | {"path": "", "second_path": ""}
    latent = getattr(gan, "latent", None)
    return {
        "format": FORMAT,
        "variant": run.info["variant"],
        "recipe_name": run.info["recipe_name"],
        "plugin": run.info["plugin"],
        "uses": run.info.get("uses", []),
        "recipe": recipe,
        "data": dataclasses.asdict(run.data),
        "step": run.step,
        "weights": "averaged" if len(gan.averages) and not raw else "raw",
        "players": sampling_players(gan),
        "latent": latent if isinstance(latent, int) else None,
        "latent_distribution": getattr(gan, "latent_distribution", None),
        "classes": gan.classes,
        "inputs": list(gan.inputs),
        "range": run.data.range,
        "versions": versions(),
    }


def sampling_players(gan: GAN) -> list[str]:
    """The players needed to sample: the generator if the game has an attribute `generator`, else all of them."""
    generator = getattr(gan, "generator", None)
    return [name for name, player in gan.players.items() if player is generator] or list(gan.players)


def weights(gan: GAN, players: list[str], averaged: bool) -> dict[str, Tensor]:
    """The tensors needed to sample, named as in the game's state: those of `players` and those outside any player."""
    with gan.for_sampling(averaged):
        state = {name: value for name, value in gan.state_dict().items() if needed_to_sample(name, players)}
        # safetensors refuses tied weights, which share memory; loading ties them again.
        return {name: value.detach().cpu().clone().contiguous() for name, value in state.items()}


def needed_to_sample(name: str, players: list[str]) -> bool:
    """Whether a tensor of a game's state is needed to sample with these players."""
    kind, _, rest = name.partition(".")
    return kind not in ("players", "averages") or (kind == "players" and rest.partition(".")[0] in players)
