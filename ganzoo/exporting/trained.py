"""A generator that comes with ganzoo, opened like a run that can be sampled."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from ganzoo.errors import GanzooError
from ganzoo.exporting.reading import ExportedGenerator, load_generator
from ganzoo.exporting.trained_index import trained
from ganzoo.runs.run import Run


class TrainedRun(Run):
    """An exported generator as a run without a folder: it can be sampled and exported, but not resumed.

    Pictures of it are written to the current folder.
    """

    def __init__(self, name: str, generator: ExportedGenerator) -> None:
        super().__init__(Path(name), generator.info)
        gan = generator.gan
        for player, average in gan.averages.items():
            # The file has one set of weights, which is what samples are drawn from.
            average.load_state_dict(gan.players[player].state_dict())
        vars(self).update(data=generator.data, _trained=(gan, generator.info["step"]))

    def digest(self) -> str:
        digest: str = self.info["sha256"]
        return digest

    def best(self) -> Run:
        raise GanzooError(f"{self.path} comes with ganzoo and has one state: leave --best out.")

    def new_pictures(self, stem: str) -> Iterator[Path]:
        return (Path(f"{self.path}-{stem}-{number}.png") for number in itertools.count(1))


def open_trained(name: str) -> TrainedRun:
    """Open a generator that comes with ganzoo. Raises KeyError for another name, GanzooError for a damaged file."""
    return TrainedRun(name, load_generator(trained()[name].file))
