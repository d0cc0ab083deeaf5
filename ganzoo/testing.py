"""The contract that a variant keeps, as tests: the zoo's own variants pass it, and a plugin's tests can call it.

    import pytest
    from ganzoo.testing import cases, check_case

    @pytest.mark.parametrize("case", cases("my-gan"), ids=str)
    def test_contract(case):
        check_case(case)

A failure says what the variant's author should change. No data set is read: samples of the right shape are made up.
"""

from __future__ import annotations

import copy
import itertools
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from lightning_fabric import Fabric

from ganzoo import config, plugins, registry
from ganzoo.data.dataset import Dataset
from ganzoo.game import GAN
from ganzoo.specs import DataSpec, Optimiser, Recipe, Variant
from ganzoo.trainer import Trainer

SHAPES: dict[str, tuple[tuple[int, ...], ...]] = {
    "image": ((1, 8, 8), (1, 28, 28), (3, 32, 32), (3, 64, 64)),
    "points": ((2,),),
}
"""Shapes that a variant of a modality is built for: digits, MNIST, CIFAR-10, faces; points in the plane."""

CLASSES = 3
BATCH = 4


@dataclass(frozen=True)
class Case:
    """One variant, one of its recipes, one shape of data."""

    variant: str
    recipe: str
    modality: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.variant}.{self.recipe}-{'x'.join(str(n) for n in self.shape)}"


def cases(*names: str) -> list[Case]:
    """Every recipe of the named variants (or of all) with every shape of its kind of data."""
    chosen = [registry.variants().find(name) for name in names] or list(registry.variants().values())
    return [case for variant in chosen for case in _cases(variant)]


def _cases(variant: Variant) -> Iterator[Case]:
    for name, recipe in variant.recipes.items():
        modality = registry.datasets().find(recipe.data.name).modality
        for shape in SHAPES.get(modality, ()):
            yield Case(variant.name, name, modality, shape)


def example_data(modality: str, shape: tuple[int, ...], count: int = 32) -> Dataset:
    """Made-up labelled samples: uint8 noise for images, normal noise for anything else."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(count) % CLASSES
    spec = DataSpec("example", modality, shape, CLASSES, range=(-1.0, 1.0) if modality == "image" else None)
    if modality == "image":
        x = torch.randint(256, (count, *shape), generator=generator, dtype=torch.uint8)
    else:
        x = torch.randn(count, *shape, generator=generator)
    return Dataset({"x": x, "y": y}, spec)


def check_case(case: Case, keys: Mapping[str, Any] | None = None) -> None:
    """All checks of one case; AssertionError says what is wrong.

    keys: over the recipe's own, to make large networks small (`{"width": 16}`).
    """
    variant = registry.variants().find(case.variant)
    small = {"batch": BATCH, "accumulate": 1, "steps": 4}
    recipe = config.update(variant.recipes[case.recipe], small | dict(keys or {}))
    data = example_data(case.modality, case.shape)
    check_samples(variant, recipe, data)
    check_updates(variant, recipe, data)
    check_resume(variant, recipe, data)


def check_card(variant: Variant) -> None:
    """The card: recipes survive JSON, every key is explained, and importing the plugin imports no torch."""
    for name, recipe in variant.recipes.items():
        again = config.update(recipe, config.to_dict(recipe))
        assert again == recipe, f"recipe {variant.name}.{name} changes when it is written to JSON and read back"
        for key in config.keys(recipe):
            assert key.help, f"{variant.name}: explain the recipe key {key.path!r} with ganzoo.specs.key(default, help)"
    module = plugins.zoo().owner("variants", variant.name).module.__name__
    check = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"importing {module} imports torch: move that import into build(). {done.stderr}"


def check_samples(variant: Variant, recipe: Recipe, data: Dataset) -> None:
    """Samples have the data's shape and range, are finite, and differ from one another."""
    gan = _build(variant, recipe, data)
    with gan.for_sampling():
        torch.manual_seed(1)
        samples = gan.sample(5)
    wanted = (5, *data.spec.shape)
    assert samples.shape == wanted, f"{variant.name}: sample(5) returned {tuple(samples.shape)}, not {wanted}"
    assert samples.isfinite().all(), f"{variant.name}: fresh networks draw values that are not finite"
    if data.spec.range is not None:
        low, high = data.spec.range
        inside = samples.min() >= low and samples.max() <= high
        assert inside, f"{variant.name}: samples leave the data's range {low} to {high}; end the generator with tanh"
    assert not torch.equal(samples[0], samples[1]), f"{variant.name}: different latents draw the same sample"


def check_updates(variant: Variant, recipe: Recipe, data: Dataset) -> None:
    """Each phase moves its own player alone, and the phases together reach every trainable weight."""
    trainer = _trainer(variant, recipe, data)
    seen: dict[str, set[str]] = {name: set() for name in trainer.gan.players}
    # Early and late in training: a growing network has weights that only learn later.
    for step, phase in itertools.product((0, recipe.steps - 1), trainer.phases):
        trainer.progress.step = step
        trainer.gan.on_step(trainer.progress)
        before = copy.deepcopy(trainer.gan.players.state_dict())
        trainer.update(phase)
        for name, player in trainer.gan.players.items():
            for weight_name, weight in player.named_parameters():
                moved = not torch.equal(before[f"{name}.{weight_name}"], weight)
                if name == phase.player:
                    if weight.grad is not None:
                        seen[name].add(weight_name)
                else:
                    assert not moved, f"{variant.name}: phase {phase.name!r} moved {name}.{weight_name}"
    for name, player in trainer.gan.players.items():
        trainable = {id(weight) for weight in trainer.weights[name]}
        for weight_name, weight in player.named_parameters():
            reached = weight_name in seen[name] or id(weight) not in trainable
            assert reached, f"{variant.name}: no phase sends a gradient to {name}.{weight_name}"


def check_resume(variant: Variant, recipe: Recipe, data: Dataset) -> None:
    """Two steps, a checkpoint and two more steps end bitwise where four steps end; the same seed, in the same place."""
    straight = _trainer(variant, recipe, data)
    for _ in range(4):
        straight.play_step()
    first = _trainer(variant, recipe, data)
    for _ in range(2):
        first.play_step()
    second = _trainer(variant, recipe, data)
    second.load_state(copy.deepcopy(first.state()))
    for _ in range(2):
        second.play_step()
    wanted = straight.gan.state_dict()
    for name, value in second.gan.state_dict().items():
        same = torch.equal(value, wanted[name])
        assert same, f"{variant.name}: {name} differs after a resume: keep all state in weights or registered buffers"


def _build(variant: Variant, recipe: Recipe, data: Dataset) -> GAN:
    torch.manual_seed(recipe.seed)
    gan = variant.build(recipe, data.spec)
    for player in gan.players:
        owned = isinstance(getattr(recipe, player, None), Optimiser)
        assert owned, f"{variant.name}: give the recipe an Optimiser named {player!r}, after the player"
    return gan


def _trainer(variant: Variant, recipe: Recipe, data: Dataset) -> Trainer:
    return Trainer(_build(variant, recipe, data), data, recipe, Fabric(accelerator="cpu", devices=1))
