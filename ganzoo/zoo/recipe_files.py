"""Recipe files: TOML, JSON, or the recipe.json of a run."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from ganzoo.errors import GanzooError
from ganzoo.files.typed import require_readable_kind, typed_path


def read_file(path: str | Path) -> dict[str, Any]:
    """The keys in a recipe file: TOML, JSON, or a run's recipe.json. GanzooError if it cannot be read or parsed."""
    path = typed_path(path)
    if path.is_dir():
        path = path / "recipe.json"
    require_readable_kind(path)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise GanzooError(f"cannot read the recipe file {path}: {reason}.") from error
    try:
        values = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (ValueError, RecursionError) as error:
        kind = "TOML" if path.suffix == ".toml" else "JSON"
        raise GanzooError(f"{path} is not valid {kind}: {' '.join(str(error).split())}.") from error
    if not isinstance(values, dict):
        raise GanzooError(f'{path} must contain keys and values, like {{"steps": 500}}.')
    inner = values.get("recipe")
    return with_later_keys(_with_absolute_path(inner, values.get("source"))) if isinstance(inner, dict) else values


def _with_absolute_path(recipe: dict[str, Any], source: Any) -> dict[str, Any]:
    """A run's recipe, with the paths of its data as they were recorded, which mean the same from every folder."""
    data = recipe.get("data")
    if not isinstance(data, dict) or not data.get("path") or not isinstance(source, dict):
        return recipe
    recorded = {name: source[name] for name in ("path", "second_path") if isinstance(source.get(name), str)}
    return {**recipe, "data": {**data, **recorded}}


def with_later_keys(recipe: dict[str, Any]) -> dict[str, Any]:
    """A run's recorded recipe, with what it did without keys that were added later, if that is not their default.

    All samples were trained on before data.held_out.
    """
    data = recipe.get("data")
    if not isinstance(data, dict) or not data.get("path") or "held_out" in data:
        return recipe
    return {**recipe, "data": {**data, "held_out": 0}}
