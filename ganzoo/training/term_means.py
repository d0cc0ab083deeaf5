"""What the updates report: the means that the log shows, and whether a number in them was not finite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ganzoo.training.nonfinite import NonFinite, Update


class Ledger:
    """Keeps the reports of updates on the device until somebody reads: reading makes the host wait for a GPU."""

    def __init__(self) -> None:
        self._unread: list[Update] = []
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}
        self._fault: NonFinite | None = None

    def add(self, update: Update) -> None:
        self._unread.append(update)

    def settle(self) -> None:
        """Read what was reported so far. Raises NonFinite for the first update that was not finite."""
        if self._unread:
            reports = torch.cat([update.report for update in self._unread]).tolist()
            for update in self._unread:
                values = reports[: len(update.report)]
                reports = reports[len(update.report) :]
                if values.pop():
                    self._fault = self._fault or NonFinite(f"{update.blame()} {update.where}.")
                # One by one, in the order of the updates: then it does not matter how often the ledger was settled.
                for name, value in zip(update.named, values, strict=True):
                    self._sums[name] = self._sums.get(name, 0.0) + value
                    self._counts[name] = self._counts.get(name, 0) + 1
            self._unread = []
        # Kept, as of several ranks one may ask more often than the others.
        if self._fault:
            raise self._fault

    def means(self) -> dict[str, float]:
        """Means of all terms since they were last asked for. Raises NonFinite as `settle` does."""
        self.settle()
        found = {name: total / self._counts[name] for name, total in self._sums.items()}
        self._sums, self._counts = {}, {}
        return found

    def state(self) -> dict[str, Any]:
        """What has been reported and not been logged. Raises NonFinite as `settle` does."""
        self.settle()
        return {"sums": dict(self._sums), "counts": dict(self._counts)}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go back to where `state` was taken."""
        self._unread, self._fault = [], None
        self._sums = {name: float(value) for name, value in state["sums"].items()}
        self._counts = dict(state["counts"])
