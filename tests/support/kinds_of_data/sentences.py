"""Sentences: a kind of data (word numbers), a data set that reads .txt files, a metric, and a GAN on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ganzoo import hookimpl
from ganzoo.recipes import Data, DataSpec, TwoPlayerRecipe
from ganzoo.specs import DatasetSpec, MetricSpec, ModalitySpec, Variant

SUBJECTS, VERBS, OBJECTS = ("a cat", "the dog", "my bird"), ("sees", "likes", "follows"), ("milk", "a ball", "the rain")
LENGTH, PAD = 6, "_"


def load(data: Data, root: Path, split: str) -> Any:
    """One sentence a line from data.path; without a path, 270 sentences of a small grammar. Every tenth is held out."""
    import torch

    from ganzoo.data.common import check_request
    from ganzoo.data.dataset import Dataset
    from ganzoo.errors import GanzooError

    check_request("sentences", data, split, argument="path")
    if data.path:
        try:
            lines = Path(data.path).read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise GanzooError(
                f"{data.path} cannot be read as text: name a .txt file with a sentence a line."
            ) from error
    else:
        lines = [f"{s} {v} {o}" for s in SUBJECTS for v in VERBS for o in OBJECTS] * 10
    lines = [line for line in lines if line.split()]
    if len(lines) < 10:
        raise GanzooError(f"{data.path} has {len(lines)} sentences: at least 10 are needed, each on its own line.")
    words = [PAD, *sorted({word for line in lines for word in line.split()})]
    spec = DataSpec("sentences", "words", (LENGTH,), range=None, note={"words": words})
    kept = [line for number, line in enumerate(lines) if (number % 10 == 9) == (split == "test")]
    return Dataset({"x": torch.stack([encode(line, words) for line in kept])}, spec)


def encode(line: str, words: list[str]) -> Any:
    """Word numbers `[LENGTH]`, int64, padded at the end. Raises ValueError for an unknown word."""
    import torch

    numbers = [words.index(word) for word in line.split()[:LENGTH]]
    return torch.tensor(numbers + [0] * (LENGTH - len(numbers)))


def load_modality(name: str) -> Any:
    import torch
    from PIL import Image, ImageDraw

    from ganzoo.errors import GanzooError
    from ganzoo.modalities import Modality

    class Tokens(Modality):
        example_dataset = "sentences"
        file_endings = (".txt",)
        value_bytes = 8

        def lines(self, x: Any, spec: DataSpec) -> list[str]:
            words = spec.note["words"]
            return [" ".join(words[number] for number in row).rstrip(f" {PAD}") for row in x.tolist()]

        def picture(self, x: Any, spec: DataSpec, **more: Any) -> Any:
            image = Image.new("L", (6 * 40, 12 * len(x)), 255)
            for row, line in enumerate(self.lines(x, spec)):
                ImageDraw.Draw(image).text((2, 12 * row), line[:38], fill=0)
            return image

        def write_file(self, x: Any, spec: DataSpec, path: Path, labels: Any = None) -> None:
            path.write_text("".join(line + "\n" for line in self.lines(x, spec)), "utf-8")

        def read(self, path: Path, spec: DataSpec) -> Any:
            if path.suffix != ".txt":
                return super().read(path, spec)
            lines = path.read_text("utf-8").splitlines()
            try:
                x = torch.stack([encode(line, spec.note["words"]) for line in lines])
            except (ValueError, RuntimeError) as error:
                raise GanzooError(f"{path} has words that are not in the training data ({error}).") from error
            return x, [str(number) for number in range(1, len(lines) + 1)]

        def check_scored(self, x: Any) -> None:
            if x.dtype != torch.int64:
                raise ValueError(f"tokens to score must be int64, not {x.dtype}")

        def example(self, shape: tuple[int, ...], count: int, generator: Any) -> Any:
            return torch.randint(4, (count, *shape), generator=generator)

    return Tokens(name)


def pairs_distance(samples: Any) -> dict[str, float]:
    """Total variation distance between the distributions of adjacent words, 0 to 1."""
    import torch

    words = len(samples.spec.note["words"])

    def frequencies(x: Any) -> Any:
        pairs = (x[:, :-1] * words + x[:, 1:]).flatten()
        return torch.bincount(pairs, minlength=words**2).double() / len(pairs)

    real = torch.as_tensor(samples.real(samples.reference).arrays["x"])
    return {"pairs-TV": float((frequencies(samples.fake) - frequencies(real)).abs().sum() / 2)}


def build(recipe: TwoPlayerRecipe, data: DataSpec) -> Any:
    from torch import nn
    from torch.nn.functional import gumbel_softmax, one_hot

    from ganzoo.games import TwoPlayer

    words = len(data.note["words"])
    body = nn.Sequential(nn.Linear(recipe.latent, 64), nn.ReLU(), nn.Linear(64, LENGTH * words))
    g = nn.Sequential(body, nn.Unflatten(1, (LENGTH, words)))
    d = nn.Sequential(nn.Flatten(), nn.Linear(LENGTH * words, 32), nn.LeakyReLU(0.2), nn.Linear(32, 1), nn.Flatten(0))

    class SentenceGAN(TwoPlayer):
        def shown(self, x: Any, batch: Any) -> Any:
            return one_hot(x, words).float() if x.ndim == 2 else gumbel_softmax(x)

        def image_of(self, generated: Any) -> Any:
            return generated.argmax(-1)

    return SentenceGAN.from_recipe(g, d, recipe, data)


@hookimpl
def ganzoo_modalities() -> list[ModalitySpec]:
    return [ModalitySpec("words", "Word numbers [N, L].", load_modality)]


@hookimpl
def ganzoo_datasets() -> list[DatasetSpec]:
    return [
        DatasetSpec(
            "sentences",
            "Sentences of a small grammar, or your own.",
            "none",
            "words",
            load,
            argument="path",
            test=True,
            endings=(".txt",),
            downloads=False,
        )
    ]


@hookimpl
def ganzoo_metrics() -> list[MetricSpec]:
    return [
        MetricSpec("pairs", "Adjacent words.", "none", ("words",), pairs_distance, {"pairs-TV": "lower"}, split="test")
    ]


@hookimpl
def ganzoo_variants() -> list[Variant]:
    recipes = {"sentences": TwoPlayerRecipe(data=Data(name="sentences"), steps=30, batch=16, latent=8)}
    return [Variant("sentence-gan", "A GAN on tokens, by Gumbel-softmax.", "none", ("words",), recipes, build)]
