"""The contract of variants: what they sample, which weights their phases update, and that training can be resumed."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from unittest import SkipTest

import torch
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.errors import GanzooError
from ganzoo.files import checkpoint
from ganzoo.game import GAN, RUNNING_STATISTICS, Augmentation, Latent, Progress
from ganzoo.games import TwoPlayer
from ganzoo.machine.seeds import mixed_seed
from ganzoo.recipes import Recipe, to_dict
from ganzoo.runs.inputs import inputs_from
from ganzoo.specs import Variant
from ganzoo.testing.abilities import check_abilities
from ganzoo.testing.building import built_game, built_trainer
from ganzoo.testing.examples import Case, case_data, cases_of, example_data
from ganzoo.testing.keys import check_keys
from ganzoo.training.rank_random import first_rows_random
from ganzoo.training.trainer import Trainer, reseed
from ganzoo.zoo import config, registry
from ganzoo.zoo.zoo import current_zoo

BATCH = 4


def check_variant(variant: Variant, keys: Mapping[str, Any] | None = None) -> None:
    """All checks of a variant: its card, and every recipe with every shape of its kind of data.

    keys: values for keys that a recipe has, to make large networks small (`{"width": 16}`).
    Raises AssertionError with what is wrong.
    """
    check_recipes(variant)
    if registry.variants().get(variant.name) is variant:
        module = current_zoo().owner("variants", variant.name).target.partition(":")[0]
        if module:
            check_import(module)
    for case in cases_of(variant):
        for check in case_checks(variant, case):
            try:
                run_check(check, variant, case, keys)
            except SkipTest:
                continue


def check_case(case: Case, keys: Mapping[str, Any] | None = None) -> None:
    """Shapes, updates and resuming in one case of a registered variant; AssertionError with what is wrong."""
    variant = registry.variants().find(case.variant)
    for check in (check_samples, check_updates, check_resume):
        run_check(check, variant, case, keys)


def run_check(check: Any, variant: Variant, case: Case, keys: Mapping[str, Any] | None = None) -> None:
    """One check in one case. Raises SkipTest if the variant refuses a shape that is not its recipe's own."""
    recipe = variant.recipes[case.recipe]
    has = {key.path.partition(".")[0] for key in config.keys(recipe)}
    smaller = {name: value for name, value in (keys or {}).items() if name.partition(".")[0] in has}
    recipe = config.override(recipe, {"batch": BATCH, "accumulate": 1, "steps": 4} | smaller)
    try:
        data = case_data(case, recipe)
    except GanzooError as error:
        raise SkipTest(str(error)) from error
    try:
        built_game(variant, recipe, data)
    except GanzooError as error:
        if not case.own:
            raise SkipTest(str(error)) from error
        raise AssertionError(f"{case.variant}.{case.recipe} refuses its own data: {error}") from error
    check(variant, recipe, data)


def check_card(variant: Variant) -> None:
    """The card: recipes survive JSON, every key has a help text, and importing the plugin imports no torch."""
    check_recipes(variant)
    check_import(current_zoo().owner("variants", variant.name).module.__name__)


def check_recipes(variant: Variant) -> None:
    """Recipes survive JSON, every key has a help text, and every name in them is registered."""
    for name, recipe in variant.recipes.items():
        full = f"{variant.name}.{name}"
        plain = "__dataclass_fields__" in vars(type(recipe))
        assert plain, f"{full}: put @recipe_class above class {type(recipe).__name__}"
        try:
            again = config.override(recipe, to_dict(recipe))
        except (GanzooError, TypeError) as error:
            raise AssertionError(f"recipe {full} cannot be read back from JSON: {error}") from error
        assert again == recipe, f"recipe {full} changes when it is written to JSON and read back"
        for key in config.keys(recipe):
            assert key.help, (
                f"{variant.name}: explain the recipe key {key.path!r} with ganzoo.recipes.key(default, help)"
            )
        dataset = registry.datasets().get(recipe.data.name)
        assert dataset, f"recipe {full} names the data set {recipe.data.name!r}, which no plugin registers"
        takes = dataset.modality in variant.modalities
        assert takes, f"{variant.name}: add {dataset.modality!r} to modalities, or train {full} on other data"


def check_import(module: str) -> None:
    """Importing a plugin's module, in a fresh Python, works, imports no torch and prints nothing."""
    check = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    path = os.pathsep.join(folder for folder in sys.path if folder)
    done = subprocess.run(
        [sys.executable, "-c", check],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": path},
    )
    assert done.returncode == 0, f"importing {module} imports torch: move that import into build(). {done.stderr}"
    assert not done.stdout, f"importing {module} prints {done.stdout[:60]!r}: print in commands and callbacks only"


def check_samples(variant: Variant, recipe: Recipe, data: Dataset) -> None:
    """Samples have the data's shape and range, are finite, and differ from one another."""
    gan = built_game(variant, recipe, data)
    gan.on_step(Progress(steps=recipe.steps))
    with gan.for_sampling():
        torch.manual_seed(1)
        samples = gan.sample(5, None, **gan.given(inputs_from(data, gan, 5)))
    wanted = (5, *data.spec.shape)
    assert samples.shape == wanted, f"{variant.name}: sample(5) returned {tuple(samples.shape)}, not {wanted}"
    assert samples.isfinite().all(), f"{variant.name}: fresh networks generate values that are not finite"
    if data.spec.range is not None:
        low, high = data.spec.range
        inside = samples.min() >= low and samples.max() <= high
        assert inside, f"{variant.name}: samples are outside the range {low} to {high}; end the generator with tanh"
    assert not torch.equal(samples[0], samples[1]), f"{variant.name}: different latents give the same sample"
    if gan.scale:
        check_any_size(variant, gan, data)


def check_any_size(variant: Variant, gan: GAN, data: Dataset) -> None:
    """A game with a `scale` makes samples of that many times the size of an input that it was not trained on."""
    (name,) = gan.inputs
    x = inputs_from(data, gan, 1)[name].repeat_interleave(2, 2).repeat_interleave(2, 3)
    with gan.for_sampling():
        made = gan.sample(1, None, **gan.given({name: x}))
    wanted = (1, data.spec.shape[0], *(gan.scale * side for side in x.shape[2:]))
    assert made.shape == wanted, f"{variant.name}: with scale {gan.scale}, {x.shape} gave {made.shape}, not {wanted}"


COURSE = 32
"""Steps in which a game is visited that changes from step to step."""


def changes(variant: Variant, recipe: Recipe, data: Dataset) -> bool:
    """Whether a game changes from step to step."""
    kind = type(built_game(variant, recipe, data))
    return kind.on_step is not GAN.on_step or kind.level is not GAN.level


def check_updates(variant: Variant, recipe: Recipe, data: Dataset) -> None:
    """Each phase updates only its own player, and the phases together reach every trainable weight.

    A game that changes from step to step is visited throughout its course, as a growing network has weights that are
    trained only at one of its levels.
    """
    steps = COURSE if changes(variant, recipe, data) else recipe.steps
    recipe = dataclasses.replace(recipe, steps=steps)
    trainer = built_trainer(variant, recipe, data)
    seen: dict[str, set[str]] = {name: set() for name in trainer.gan.players}
    moved: dict[str, bool] = {phase.name: False for phase in trainer.phases}
    visited = range(steps) if steps == COURSE else (0, steps - 1)
    for step, phase in itertools.product(visited, trainer.phases):
        trainer.progress.step = step
        trainer.begin_step()
        before = copy.deepcopy(trainer.gan.players.state_dict())
        trainer.update(phase)
        for name, player in trainer.gan.players.items():
            for weight_name, weight in player.named_parameters():
                changed = not torch.equal(before[f"{name}.{weight_name}"], weight)
                if name == phase.player:
                    moved[phase.name] |= changed
                    if weight.grad is not None:
                        seen[name].add(weight_name)
                else:
                    assert not changed, f"{variant.name}: phase {phase.name!r} changed {name}.{weight_name}"
    for phase_name, any_moved in moved.items():
        assert any_moved, f"{variant.name}: phase {phase_name!r} changes no weight of its player"
    for name, player in trainer.gan.players.items():
        trainable = {id(weight) for weight in trainer.updater.weights[name]}
        for weight_name, weight in player.named_parameters():
            reached = weight_name in seen[name] or id(weight) not in trainable
            assert reached, f"{variant.name}: no phase has a gradient for {name}.{weight_name}"


def check_resume(variant: Variant, recipe: Recipe, data: Dataset) -> None:
    """Two steps, a checkpoint file and two more steps give bitwise the same weights as four steps."""
    straight = built_trainer(variant, recipe, data)
    for _ in range(4):
        straight.play_step()
    first = built_trainer(variant, recipe, data)
    for _ in range(2):
        first.play_step()
    second = built_trainer(variant, recipe, data)
    second.load_state(_saved_and_loaded(variant, first))
    for _ in range(2):
        second.play_step()
    advice = "differs after resuming: keep all state in weights or registered buffers"
    _assert_same_weights(second.gan, straight.gan, f"{variant.name}: {{}} {advice}")


def _saved_and_loaded(variant: Variant, trainer: Trainer) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        try:
            return checkpoint.load(checkpoint.save(Path(folder), trainer.progress.step, trainer.state()))
        except GanzooError as error:
            raise AssertionError(f"{variant.name}: {error} Keep only tensors and plain values in state.") from error


def check_seed(variant: Variant, recipe: Recipe, data: Dataset) -> None:
    """The same seed gives the same weights, at the start and after a step; another seed other weights and latents."""
    runs = [built_trainer(variant, dataclasses.replace(recipe, seed=seed), data) for seed in (0, 0, 1)]
    advice = "differs between two runs with the same seed: draw all random numbers with torch's global generator"
    _assert_same_weights(runs[0].gan, runs[1].gan, f"{variant.name}: {{}} {advice}")
    for run in runs[:2]:
        run.play_step()
    _assert_same_weights(runs[0].gan, runs[1].gan, f"{variant.name}: {{}} {advice}")
    one, other = (next(run.gan.players.parameters()) for run in runs[1:])
    assert not torch.equal(one, other), f"{variant.name}: build() ignores the seed: it must not seed torch itself"
    gan = runs[0].gan
    if isinstance(gan, Latent):
        drawn = []
        for seed in (0, 1):
            reseed(mixed_seed(seed, 0), torch.device("cpu"))
            drawn.append(gan.draw_latent(4))
        ignored = f"{variant.name}: draw_latent() ignores the seed: draw with torch's global generator"
        assert not torch.equal(*drawn), ignored


def check_averages(variant: Variant, recipe: Recipe, data: Dataset) -> None:
    """Averages have averaged weights and running statistics, and the player's own values in all other buffers.

    SkipTest for a game without averages.
    """
    trainer = built_trainer(variant, recipe, data)
    gan = trainer.gan
    if not len(gan.averages):
        raise SkipTest(f"{variant.name} keeps no averages")
    for _ in range(2):
        trainer.play_step()
    for name, average in gan.averages.items():
        for (path, kept), value in zip(average.named_buffers(), gan.players[name].buffers(), strict=True):
            copied = path.rpartition(".")[2] in RUNNING_STATISTICS or torch.equal(kept, value)
            advice = "average weights, running_mean and running_var, and copy other buffers"
            assert copied, f"{variant.name}: the average of {name}.{path} is not the player's value: {advice}"


def check_labels(variant: Variant, recipe: Recipe, data: Dataset) -> None:
    """A conditional game generates the requested class; any other game trains without labels.

    Checked after a few steps, as a network may begin with label weights of 0.
    """
    if not variant.needs_labels and data.spec.name == "example":
        built_trainer(variant, recipe, example_data(data.spec.modality, data.spec.shape, classes=0)).play_step()
    trainer = built_trainer(variant, recipe, data)
    gan = trainer.gan
    if not gan.classes:
        assert not variant.needs_labels, f"{variant.name} needs labels, but its game does not set `classes`"
        return
    for _ in range(3):
        trainer.play_step()
    drawn = []
    for label in (0, gan.classes - 1):
        with gan.for_sampling(averaged=False):
            torch.manual_seed(1)
            drawn.append(gan.sample(3, torch.full((3,), label), **gan.given(inputs_from(data, gan, 3))))
    assert drawn[0].shape == (3, *data.spec.shape), f"{variant.name}: sample(3, y) returned {tuple(drawn[0].shape)}"
    assert not torch.equal(*drawn), f"{variant.name}: sample(n, y) gives the same for each class: pass y to the network"


def check_discriminator(variant: Variant, recipe: Recipe, data: Dataset) -> None:
    """In a two-player game, every sample that D sees goes through `look`; and D judges each on its own where `joint`.

    SkipTest for any other game.
    """
    trainer = built_trainer(variant, recipe, data)
    gan = trainer.gan
    if not isinstance(gan, TwoPlayer):
        raise SkipTest(f"{variant.name} is not a two-player game")
    trainer.begin_step()
    own = type(gan).judge is not TwoPlayer.judge
    assert not own, f"{variant.name}: judge() is not called in training: override look() or logits() instead"
    if gan.joint:
        batch = data.batch(torch.arange(8) % len(data))
        half = {name: part[:4] for name, part in batch.items()}
        logits = []
        for part, count in ((batch, 8), (half, 4)):
            torch.manual_seed(0)
            # The game may add noise to what D sees.
            with gan.for_sampling(averaged=False), first_rows_random(count, 8):
                logits.append(gan.judge(gan.shown(part["x"], part), part.get("y")))
        alone = torch.allclose(logits[0][: len(logits[1])], logits[1], rtol=1e-3, atol=1e-4)
        advice = "pass joint=False to from_recipe, or real and generated samples are mixed"
        assert alone, f"{variant.name}: the discriminator's logit of a sample depends on the others: {advice}"
    probe = gan.augmentation = _Probe()
    gan.discriminator.register_forward_pre_hook(probe.check)
    for phase in trainer.phases:
        probe.missed = False
        trainer.update(phase)
        advice = "call it through self.look(x, y) or self.judge(x, y), or --set augment=NAME would miss it"
        assert not probe.missed, f"{variant.name}: phase {phase.name!r} calls the discriminator itself: {advice}"


class _Probe(Augmentation):
    """An augmentation that changes nothing, and notices samples that D sees without it."""

    missed = False

    def __init__(self) -> None:
        super().__init__()
        self._last: Any = None

    def forward(self, x: Any) -> Any:
        self._last = x.clone() if isinstance(x, Tensor) else copy.copy(x)
        return self._last

    def check(self, module: Any, inputs: tuple[Any, ...]) -> None:
        self.missed |= inputs[0] is not self._last


def check_precision(variant: Variant, recipe: Recipe, data: Dataset) -> None:
    """Two steps under bf16 autocast: finite terms, and weights that stay in fp32."""
    trainer = built_trainer(variant, recipe, data, "bf16")
    try:
        for _ in range(2):
            trainer.play_step()
        trainer.read_log()
    except (RuntimeError, GanzooError) as error:
        advice = "cast what must not be bf16 with .float()"
        raise AssertionError(f"{variant.name}: fails under bf16 autocast, {advice}: {_one_line(error)}") from error
    for name, weight in trainer.gan.named_parameters():
        assert weight.dtype != torch.bfloat16, f"{variant.name}: {name} became bf16: leave the casting to autocast"


def check_compile(variant: Variant, recipe: Recipe, data: Dataset) -> None:
    """Compiled networks give the same losses as eager ones. SkipTest for a variant that does not claim to compile.

    The graphs are captured and differentiated as for any backend, then run eagerly ("aot_eager"). That needs no C++
    compiler, takes seconds, and still fails if a variant's code cannot be compiled.
    """
    if not variant.compiles:
        raise SkipTest(f"{variant.name} does not claim to compile")
    eager = built_trainer(variant, recipe, data)
    eager.play_step()
    compiled = built_trainer(variant, recipe, data)
    torch._dynamo.reset()
    for player in compiled.gan.players.values():
        player.compile(backend="aot_eager")
    try:
        compiled.play_step()
    except Exception as error:
        advice = "write it so that torch.compile takes it, or set compiles=False in the Variant"
        raise AssertionError(f"{variant.name}: {advice}: {_one_line(error)}") from error
    values = compiled.read_log()
    for name, value in eager.read_log().items():
        same = abs(values[name] - value) <= 1e-3 * max(1.0, abs(value))
        assert same, f"{variant.name}: {name} is {values[name]:g} when compiled and {value:g} when not"


def case_checks(variant: Variant, case: Case) -> list[Callable[[Variant, Recipe, Dataset], None]]:
    """The checks of a case: a few for any shape of data, all for the recipe's own.

    What takes longest, or is the same for all recipes, is checked for the default one only.
    """
    checks: list[Callable[[Variant, Recipe, Dataset], None]] = [check_samples, check_updates]
    if case.own:
        checks += [check_resume, check_seed, check_averages, check_labels, check_discriminator, check_precision]
        checks.append(check_abilities)
        if case.recipe == variant.default:
            checks += [check_keys, check_compile]
    return checks


def _assert_same_weights(a: GAN, b: GAN, message: str) -> None:
    wanted: dict[str, Tensor] = b.state_dict()
    for name, value in a.state_dict().items():
        assert torch.equal(value, wanted[name]), message.format(name)


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
