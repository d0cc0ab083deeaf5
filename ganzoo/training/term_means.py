"""Means of the logged terms, and detection of non-finite ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ganzoo.training.nonfinite import NonFinite, UpdateReport


class TermMeans:
    """Keeps reported values on the device until they are needed, as reading them makes the host wait for a GPU."""

    def __init__(self) -> None:
        self._unread: list[UpdateReport] = []
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}
        self._error: NonFinite | None = None

    def add(self, update: UpdateReport) -> None:
        self._unread.append(update)

    def read(self) -> None:
        """Read the values reported so far. Raises NonFinite for the first update that was not finite."""
        if self._unread:
            reports = torch.cat([update.values for update in self._unread]).tolist()
            for update in self._unread:
                values = reports[: len(update.values)]
                reports = reports[len(update.values) :]
                if values.pop():
                    self._error = self._error or NonFinite(f"{update.first_nonfinite()} {update.where}.")
                # One by one, in the order of the updates, so that the sums do not depend on when this is called.
                for name, value in zip(update.logged_names, values, strict=True):
                    self._sums[name] = self._sums.get(name, 0.0) + value
                    self._counts[name] = self._counts.get(name, 0) + 1
            self._unread = []
        # Stored, as one rank may call this more often than the others.
        if self._error:
            raise self._error

    def means(self) -> dict[str, float]:
        """Means of all terms since the last call. Raises NonFinite as `read` does."""
        self.read()
        found = {name: total / self._counts[name] for name, total in self._sums.items()}
        self._sums, self._counts = {}, {}
        return found

    def state(self) -> dict[str, Any]:
        """The sums and counts that are not yet logged. Raises NonFinite as `read` does."""
        self.read()
        return {"sums": dict(self._sums), "counts": dict(self._counts)}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned."""
        self._unread, self._error = [], None
        self._sums = {name: float(value) for name, value in state["sums"].items()}
        self._counts = dict(state["counts"])
