"""A trained generator that answers requests for samples with the content of files, as `ganzoo serve` does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ganzoo.api.marking import TOOL
from ganzoo.api.sample import Drawn, file_content, npz_content
from ganzoo.errors import GanzooError, unknown
from ganzoo.exporting.reading import ExportedGenerator, load_generator
from ganzoo.files.marks import marked, source_type
from ganzoo.files.typed import typed_path
from ganzoo.pictures.sheets import encoded
from ganzoo.runs.classes import class_number, drawn
from ganzoo.runs.run import Run
from ganzoo.runs.sampling import class_numbers
from ganzoo.zoo import registry

MEDIA_TYPES = {"png": "image/png", "npz": "application/octet-stream", "csv": "text/csv", "txt": "text/plain"}


@dataclass(frozen=True)
class Answer:
    """The content of a file, and its media type."""

    content: bytes
    media_type: str


class Served:
    """A generator from a run folder, an exported .safetensors file, or one that comes with ganzoo.

    Only tensors and plain values are read from it. Raises GanzooError if it cannot be opened.
    """

    def __init__(self, source: str | Path) -> None:
        path = typed_path(source)
        self.name = str(source)
        self.generator: Run | ExportedGenerator = Run.open(path) if path.is_dir() else load_generator(source)
        self.gan, self.data, self.info = self.generator.gan, self.generator.data, self.generator.info
        self.modality = registry.modality(self.data.modality)
        self.drawn = drawn(self.gan, self.data)

    @property
    def formats(self) -> list[str]:
        """What samples can be had as: a picture, arrays, and the files of their kind of data."""
        endings = [ending.removeprefix(".") for ending in self.modality.file_endings]
        return [*(["png"] if self.modality.has_picture else []), "npz", *endings]

    def describe(self) -> dict[str, Any]:
        """What it draws and which weights it has, in the types of JSON."""
        run = self.generator
        return {
            "name": self.name,
            "variant": f"{self.info['variant']}.{self.info['recipe_name']}",
            "data": {"name": self.data.name, "kind": self.data.modality, "shape": list(self.data.shape)},
            "classes": self._class_names(),
            "formats": self.formats,
            "step": run.step if isinstance(run, Run) else self.info["step"],
            "weights": self._weights(),
        }

    def _class_names(self) -> list[str]:
        count = self.gan.classes
        return [str(name) for name in self.drawn.class_names][:count] or [str(number) for number in range(count)]

    def _weights(self) -> str:
        run = self.generator
        return f"sha256:{run.digest() if isinstance(run, Run) else self.info['sha256']}"

    def answer(
        self, n: int = 1, seed: int = 0, label: str | None = None, truncation: float | None = None, form: str = ""
    ) -> Answer:
        """Draw `n` samples; the same arguments give the same bytes, those of `ganzoo sample` with that seed.

        label: a class by name or number. form: one of `formats`, by default the first. Pictures say that they are
        synthetic. Raises GanzooError for what the generator cannot draw. Not for several threads at a time.
        """
        form = form or self.formats[0]
        if form not in self.formats:
            raise unknown("format", form, self.formats)
        labels = None if label is None else [class_number(label, self.drawn)]
        samples = self.generator.sample(n, labels, seed=seed, truncation=truncation)
        made = Drawn(samples, class_numbers(self.gan, self.info["variant"], n, labels))
        media_type = MEDIA_TYPES.get(form, "application/octet-stream")
        if form == "npz":
            return Answer(npz_content(self.data, made), media_type)
        if form != "png":
            return Answer(file_content(self.data, made, f".{form}"), media_type)
        picture = self.modality.picture(samples, self.data)
        if picture is None:
            raise GanzooError(f"{self.data.modality} data have no picture: ask for {' or '.join(self.formats[1:])}.")
        content = encoded(picture, ".png")
        return Answer(marked(content, TOOL, self._note(seed)) or content, media_type)

    def _note(self, seed: int) -> Mapping[str, Any]:
        described = self.describe()
        return {
            "digitalSourceType": source_type(bool(self.gan.inputs)),
            **{name: described[name] for name in ("variant", "step", "weights")},
            "dataset": self.data.name,
            "seed": seed,
        }
