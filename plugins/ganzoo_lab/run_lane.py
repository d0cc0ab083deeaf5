"""What the page shows of a run folder that is only read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ganzoo_lab.lanes import Lane, classes_of, names_of, thinned, url

SHEET = re.compile(r"\d{1,15}\.png", re.ASCII)
LARGEST_FILE = 32 * 2**20


class RunLane(Lane):
    """A run folder that is only read: a finished run, or one that another process is training."""

    def __init__(self, number: int, run: Any) -> None:
        super().__init__(number, run)
        self.averaged = True
        self.seen: tuple[float, ...] = ()
        self.shown: int | None = None
        self._loaded: tuple[float, Any] | None = None

    def changed(self) -> bool:
        """Whether the folder has new content since the last call."""
        seen = tuple(_age(self.run.path / name) for name in ("metrics.jsonl", "samples", "hints.jsonl", "checkpoints"))
        changed, self.seen = seen != self.seen, seen
        return changed

    def sheets(self) -> dict[int, Path]:
        """The sheets of samples by step."""
        folder = self.run.path / "samples"
        return {int(p.stem): p for p in sorted(folder.glob("*.png")) if SHEET.fullmatch(p.name) and not p.is_symlink()}

    def state(self) -> dict[str, Any]:
        run, recipe = self.run, self.run.recipe
        history = run.metrics()
        sheets = list(self.sheets())
        explorer = self.explorer() if run.checkpoints.is_dir() and any(run.checkpoints.glob("step-*.pt")) else None
        found = run.state()
        return {
            "lane": self.number,
            "kind": "run",
            **names_of(run, recipe.data),
            "path": str(run.path),
            "step": found.step,
            "steps": recipe.steps,
            "finished": found.name == "finished",
            "doing": found.name,
            "view": "picture",
            "modality": run.data.modality,
            "abilities": [],
            "phases": [],
            "keys": [],
            "failures": [],
            "classes": classes_of(run.gan.classes, run.data) if explorer is not None else [],
            "explorable": explorer is not None,
            "averaged": True,
            "sheets": sheets,
            "hints": run.hints(),
            "measured": run.measurements()[-1:],
            "changes": run.info.get("changes", []),
            "history": thinned(history),
            "scores": thinned(run.evaluations()),
            "final": (run.scores or {}).get("scores", []),
        }

    def frame(self) -> dict[str, Any]:
        sheets = self.sheets()
        step = self.shown if self.shown in sheets else max(sheets, default=None)
        found: dict[str, Any] = {"frame": self.number, "step": step or 0}
        if step is not None and sheets[step].stat().st_size < LARGEST_FILE:
            found["image"] = url(sheets[step].read_bytes())
        return found

    def explorer(self) -> Any:
        age = _age(self.run.path / "checkpoints")
        if self._loaded is None or self._loaded[0] != age:
            self.run = type(self.run).open(self.run.path)
            self._loaded = (age, self.run.explorer())
        return self._loaded[1]


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
