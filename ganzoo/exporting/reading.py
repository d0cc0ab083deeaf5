"""Loading an exported generator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ganzoo.errors import GanzooError, printable
from ganzoo.exporting.trained_index import trained
from ganzoo.exporting.writing import needed_to_sample
from ganzoo.files.typed import typed_path
from ganzoo.game import GAN
from ganzoo.recipes import DataSpec
from ganzoo.runs.classes import Labels
from ganzoo.runs.exported import read_exported
from ganzoo.runs.reading import read_data, read_recipe
from ganzoo.runs.sampling import build_at, draw_for
from ganzoo.training.restoring import require_like
from ganzoo.zoo import provenance, registry


@dataclass(frozen=True, eq=False)
class ExportedGenerator:
    """A generator without its training state, which draws the same samples as the run that it was exported from.

    info: the JSON file beside it: variant, recipe, step, which weights, latent, classes, versions.
    data: the description of the training data.
    """

    info: dict[str, Any]
    data: DataSpec
    gan: GAN

    def __repr__(self) -> str:
        names = [printable(str(self.info.get(key, "?"))) for key in ("variant", "recipe_name")]
        step, weights = (printable(str(self.info.get(key, "?"))) for key in ("step", "weights"))
        return f"<Generator {'.'.join(names)} on {printable(self.data.name)}, step {step}, {weights} weights>"

    def sample(
        self,
        n: int = 64,
        labels: Labels = None,
        *,
        seed: int = 0,
        truncation: float | None = None,
        device: torch.device | None = None,
        given: Mapping[str, Tensor] | None = None,
    ) -> Tensor:
        """Draw samples `[n, *shape]`, bitwise those of `Run.sample` with the same arguments.

        The arguments are the fields of `ganzoo.runs.sampling.Draw`, without `averaged`, as the file holds one set of
        weights only. A generator with inputs needs `given`. The errors are those of `Run.sample`.
        """
        return draw_for(
            self.gan,
            self.info["variant"],
            self.data,
            n,
            labels,
            seed=seed,
            truncation=truncation,
            averaged=False,
            device=device,
            given=given,
        )


def load_generator(path: str | Path) -> ExportedGenerator:
    """Load what `export` wrote to `FILE.safetensors`, on the CPU. Only tensors are read from it, never code.

    path: also the name of a generator that comes with ganzoo (`ganzoo list --trained`), such as "dcgan.digits".
    Raises GanzooError if the file or the JSON file beside it is missing or damaged, if they do not belong together, or
    if the variant is not installed (naming the package to install).
    """
    path = typed_path(path)
    shipped = trained().get(str(path))
    if shipped is not None and not path.exists():
        path = shipped.file
    if path.suffix != ".safetensors":
        raise GanzooError(f"{path} is not an exported .safetensors file; a run folder is opened with ganzoo.load.")
    file = path.with_suffix(".json")
    info, state = read_exported(path)
    data = read_data(info, file)
    provenance.require(path, info)
    variant = registry.variants().find(info["variant"])
    recipe = read_recipe(variant, info, path)
    gan = build_at(variant, recipe, data, info["step"])
    _load_weights(gan, state, info["players"], path, info["variant"])
    return ExportedGenerator(info, data, gan.eval())


def _load_weights(gan: GAN, state: dict[str, Tensor], players: list[str], path: Path, variant: str) -> None:
    wrong = GanzooError(f"{path} does not fit the networks of {variant!r} as installed here.")
    try:
        for name, own in gan.state_dict().items():
            if name in state and isinstance(own, Tensor):
                require_like(state[name], own, own.dtype, name)
        missing, unexpected = gan.load_state_dict(state, strict=False)
    except (RuntimeError, ValueError) as error:
        raise wrong from error
    if unexpected or any(needed_to_sample(name, players) for name in missing):
        raise wrong
