"""Plugins' callbacks: one that fails is left out, and training continues."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from ganzoo.callbacks import Callback
from ganzoo.errors import GanzooError
from ganzoo.zoo.boundary import Broken, contained, kind_of

if TYPE_CHECKING:
    from ganzoo.callbacks import Training


class IsolatedCallback(Callback):
    """A plugin's callback. If it fails, a warning names the plugin, and training continues without it.

    A GanzooError is passed on: a callback can refuse a run with it.
    """

    def __init__(self, callback: Callback, source: str) -> None:
        self.callback, self.source = callback, source
        self.failed = False

    def on_start(self, trainer: Training) -> None:
        self._call("on_start", trainer)

    def on_step(self, trainer: Training) -> None:
        self._call("on_step", trainer)

    def on_log(self, trainer: Training, values: dict[str, float]) -> None:
        # A copy: other callbacks read the same dict.
        self._call("on_log", trainer, dict(values))

    def on_end(self, trainer: Training) -> None:
        self._call("on_end", trainer)

    def _call(self, moment: str, *values: Any) -> None:
        if self.failed:
            return
        try:
            with contained(GanzooError):
                getattr(self.callback, moment)(*values)
        except Broken as error:
            self.failed = True
            what = f"{kind_of(self.callback)}.{moment} failed: {error}"
            logging.getLogger("ganzoo").warning("%s: %s; training continues without it.", self.source, what)
