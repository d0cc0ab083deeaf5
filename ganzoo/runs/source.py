"""That a run is continued and scored on the data that it was trained on: the user's own files may move or change.

recipe.json has the absolute path of these files, the number of samples, and digests of samples and labels.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any, Protocol

from ganzoo.data.dataset import Dataset
from ganzoo.data.fingerprint import fingerprint
from ganzoo.errors import GanzooError
from ganzoo.files.typed import typed_path
from ganzoo.recipes import Data, Recipe

Source = dict[str, Any]
"""`{"path": "/home/me/photos", "count": 500, "digest": "...", "labels": "...", "range": [0, 255]}`

Also `second_path`, of data that have two, and `others`, a digest of all that the data hold beside samples and labels.
"""


class Recorded(Protocol):
    """A run, as far as it records its data. (`Run` itself reads its data through this module.)"""

    path: Path
    info: dict[str, Any]

    @property
    def recipe(self) -> Recipe: ...

    def write_info(self) -> None: ...


KNOWN = {
    "path": str,
    "second_path": str,
    "count": int,
    "digest": str,
    "labels": str,
    "others": str,
    "range": list,
}


def describe(dataset: Dataset, data: Data) -> Source | None:
    """What a run records about the user's own files; None for other data."""
    if not data.path:
        return None
    levels = {"range": [dataset.levels.low, dataset.levels.high]} if dataset.levels else {}
    second = {"second_path": absolute(data.second_path)} if data.second_path else {}
    return {"path": absolute(data.path), **second, **fingerprint(dataset), **levels}


def absolute(path: str) -> str:
    """A path that means the same from every folder."""
    return str(typed_path(path).absolute())


def recorded(run: Recorded) -> Source | None:
    """What recipe.json says of the run's data; None in runs that did not record it. GanzooError if it is damaged."""
    found = run.info.get("source")
    if found is None:
        return None
    if not isinstance(found, dict) or not all(isinstance(found.get(name), KNOWN[name]) for name in ("path", "count")):
        raise GanzooError(f"{run.path / 'recipe.json'} is damaged: its source is not described.")
    return {name: value for name, value in found.items() if name in KNOWN and isinstance(value, KNOWN[name])}


def own_data(run: Recorded, data: Data | None = None, moved: str | None = None) -> Data:
    """The data keys with which a run's own data are read.

    data: the recipe's data, if they are not those of recipe.json. moved: where the files are now, if the user says so;
    two paths, joined as in PATH, for data that have two. Raises GanzooError if there is nothing at a recorded path, nor
    at that of the recipe.
    """
    data = data or run.recipe.data
    if not data.path:
        if moved is not None:
            raise GanzooError(f"{run.path} was trained on {data.name}, not on your own files: leave --data out.")
        return data
    before = recorded(run)
    if moved is not None:
        return _moved(data, moved)
    if before is None or (data.path, data.second_path) != (run.recipe.data.path, run.recipe.data.second_path):
        return data
    path = _existing(run, before["path"], data.path)
    second = data.second_path and _existing(run, before.get("second_path", data.second_path), data.second_path)
    return dataclasses.replace(data, path=path, second_path=second)


def _moved(data: Data, moved: str) -> Data:
    paths = moved.split(os.pathsep) if data.second_path else [moved]
    if data.second_path and len(paths) != 2:
        raise GanzooError(f"{data.name} reads two files or folders: write --data FIRST{os.pathsep}SECOND.")
    first, *others = map(absolute, paths)
    return dataclasses.replace(data, path=first, second_path=others[0] if others else "")


def _existing(run: Recorded, before: str, typed: str) -> str:
    """The recorded path, or the one of the recipe, whichever exists."""
    for path in (before, absolute(typed)):
        if Path(path).exists():
            return path
    raise GanzooError(
        f"the data of {run.path} are no longer at {before}: add --data PATH with the path where they are now."
    )


def difference(run: Recorded, dataset: Dataset) -> str:
    """How the data differ from those that the run was trained on, in words; "" if not, or if nothing was recorded.

    Labels are compared if they were read both times.
    """
    before = recorded(run)
    if before is None:
        return ""
    now = fingerprint(dataset)
    if now["count"] != before["count"]:
        return f"{now['count']:,} samples, not {before['count']:,}"
    for name, words in (("digest", "other samples"), ("labels", "other labels"), ("others", "other inputs")):
        if name in now and name in before and now[name] != before[name]:
            return words
    return ""


def require_same(run: Recorded, dataset: Dataset, data: Data, *, other: bool) -> None:
    """Raise GanzooError if the data are not those that the run was trained on, unless `other` ones are allowed."""
    found = difference(run, dataset)
    if data.path and found and not other:
        raise GanzooError(
            f"{data.path} does not hold the data that {run.path} was trained on ({found}): name the right ones with "
            "--data PATH, or add --other-data to use these."
        )


def record(run: Recorded, dataset: Dataset, data: Data, step: int) -> None:
    """Write into recipe.json what the run's data are from this step on; nothing if that is what it says already."""
    before, now = recorded(run), describe(dataset, data)
    if now is None or now == before:
        return
    run.info["source"] = (before or {}) | now
    if before is not None:
        changes = run.info.get("data_changes")
        change = {"step": step, "from": before, "to": now}
        run.info["data_changes"] = [*(changes if isinstance(changes, list) else []), change]
    run.write_info()


def protocol(run: Recorded, dataset: Dataset) -> dict[str, Any]:
    """The entry in the protocol of scores against other data than the run was trained on; {} otherwise."""
    return {"other_data": fingerprint(dataset)} if difference(run, dataset) else {}
