"""A generator as a folder in the layout of a model hub: weights, config.json, and a model card in README.md."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ganzoo.errors import GanzooError, printable
from ganzoo.evaluation.records import preferred
from ganzoo.files.typed import typed_path
from ganzoo.pictures.tables import ScoreTable, escape_markdown, format_mean
from ganzoo.runs.folders import claimed
from ganzoo.runs.run import Run
from ganzoo.zoo import registry

WEIGHTS = "model.safetensors"
TASKS = {"image": "unconditional-image-generation"}
"""A hub's names of what a model is for, by kind of data; a model with inputs that are images is image-to-image."""


def write_model_folder(run: Run, to: str | Path, content: bytes, info: Mapping[str, Any]) -> Path:
    """Write a new folder with the weights, their description, config.json, README.md and samples.png; returns it.

    content: of the weights; info: their description. Raises GanzooError if the folder exists and is not empty.
    """
    path = typed_path(to)
    described = dict(info) | {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    picture = run.path / "samples.png"
    with claimed(path) as folder:
        (folder / WEIGHTS).write_bytes(content)
        text = json.dumps(described, indent=1) + "\n"
        # load_generator reads the file beside the weights, hubs read config.json.
        for name in ("model.json", "config.json"):
            (folder / name).write_text(text, "utf-8")
        if picture.is_file():
            (folder / "samples.png").write_bytes(picture.read_bytes())
        (folder / "README.md").write_text(card(run, described, picture.is_file()), "utf-8")
    return path


def card(run: Run, info: Mapping[str, Any], has_picture: bool) -> str:
    """The model card: metadata for the hub, then what the model is, how to use it, its scores, and where it is from."""
    rows = _scores(run, str(info["weights"]))
    title = escape_markdown(f"{info['variant']}.{info['recipe_name']} on {run.data.name}")
    parts = [
        _front_matter(run, info, rows),
        f"# {title}\n",
        f"{escape_markdown(_summary(run))}\n",
        "![samples](samples.png)\n" if has_picture else "",
        _use(run, info),
        _table("Model", _facts(run, info)),
        _score_section(rows),
        _table("Provenance", _provenance(run, info)),
        "Samples of this model are synthetic. Its limits are those of its training data, parts of which it may copy.\n",
    ]
    return "\n".join(part for part in parts if part)


def _summary(run: Run) -> str:
    spec = registry.variants().get(run.info["variant"])
    about = f"{spec.summary} {spec.paper}" if spec else ""
    return f"A generator trained with ganzoo. {about}".strip()


def _front_matter(run: Run, info: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """Metadata in YAML, of which JSON's strings, lists and numbers are a part."""
    task = "image-to-image" if info["inputs"] and run.data.modality == "image" else TASKS.get(run.data.modality)
    data = printable(run.data.name)
    fields: dict[str, Any] = {
        "library_name": "ganzoo",
        "tags": ["gan", "ganzoo", printable(info["variant"]), printable(run.data.modality)],
        **({"pipeline_tag": task} if task else {}),
    }
    if rows:
        metrics = [{"type": printable(row["name"]), "value": row["value"]} for row in rows]
        result = {
            "task": {"type": task or "other"},
            "dataset": {"type": data, "name": data},
            "metrics": metrics,
        }
        name = printable(f"{info['variant']}.{info['recipe_name']}")
        fields["model-index"] = [{"name": name, "results": [result]}]
    lines = [f"{name}: {json.dumps(value)}" for name, value in fields.items()]
    return "\n".join(["---", *lines, "---", ""])


def _use(run: Run, info: Mapping[str, Any]) -> str:
    package = printable(str(info["plugin"].get("package", "ganzoo"))) if isinstance(info["plugin"], dict) else "ganzoo"
    shape = ", ".join(map(str, run.data.shape))
    given = ", ".join(f"{json.dumps(printable(name))}: {printable(name)}" for name in info["inputs"])
    drawn = f"given={{{given}}}" if given else "seed=0"
    return "\n".join(
        [
            "## Use\n",
            f"Needs the package `{package}`. Nothing in these files is run as code.\n",
            "```python",
            "import ganzoo",
            "",
            f'generator = ganzoo.load_generator("{WEIGHTS}")',
            f"samples = generator.sample(16, {drawn})  # [16, {shape}]",
            "```\n",
        ]
    )


def _facts(run: Run, info: Mapping[str, Any]) -> list[tuple[str, str]]:
    recipe = run.info["recipe"]
    fraction = recipe.get("data", {}).get("fraction", 1)
    part = "" if fraction == 1 else f", data.fraction {fraction}"
    found = [
        ("recipe", f"{info['variant']}.{info['recipe_name']}"),
        ("data", f"{run.data.name}, {'x'.join(map(str, run.data.shape))}{part}"),
        ("classes", str(info["classes"] or "none")),
        ("steps", f"{info['step']:,}"),
        ("batch", str(recipe.get("batch", ""))),
        ("loss", str(recipe.get("loss", ""))),
        ("seed", str(recipe.get("seed", ""))),
        ("weights", str(info["weights"])),
        ("latent", f"{info['latent']}, {info['latent_distribution']}" if info["latent"] else ""),
    ]
    return [(name, text) for name, text in found if text]


def _provenance(run: Run, info: Mapping[str, Any]) -> list[tuple[str, str]]:
    started = run.info.get("initialised")
    versions = ", ".join(f"{name} {version}" for name, version in info["versions"].items())
    found = [
        ("weights", f"SHA-256 {info['sha256']}"),
        ("checkpoint", f"SHA-256 {run.digest()}"),
        ("trained", str(run.info.get("created", ""))),
        ("versions", versions),
    ]
    if isinstance(started, dict):
        found.append(("started from", f"{started.get('variant', '')} weights, SHA-256 {started.get('sha256', '')}"))
    return [(name, text) for name, text in found if text]


def _scores(run: Run, weights: str) -> list[dict[str, Any]]:
    """The scores of these weights at this step, as they are in the run."""
    try:
        content = run.scores
    except GanzooError:
        return []
    kind = "ema" if weights == "averaged" else "raw"
    rows = [] if content is None else preferred(content["scores"])
    return [row for row in rows if row["protocol"].get("step") == run.step and row["protocol"].get("weights") == kind]


def _score_section(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    cells = [
        [
            str(row["name"]),
            format_mean(row["value"], row.get("error")),
            "" if row.get("real") is None else format_mean(row["real"], row.get("real_error")),
            str(row["protocol"].get("name", "")),
        ]
        for row in rows
    ]
    table = ScoreTable("", ["score", "samples", "real data", "protocol"], cells).markdown()
    return f"## Scores\n\n{table}\n±: one standard error, because of the number of samples.\n"


def _table(title: str, rows: Sequence[tuple[str, str]]) -> str:
    lines = [f"| {escape_markdown(name)} | {escape_markdown(text)} |" for name, text in rows]
    return "\n".join([f"## {title}\n", "| | |", "|---|---|", *lines, ""])
