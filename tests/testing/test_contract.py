"""Every registered spec keeps the contract, and the checks report what is wrong with one that does not."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import SkipTest

import click
import games
import pytest
import torch
from contract_checks import SMALL
from torch import Tensor, nn

from ganzoo.data.dataset import Dataset
from ganzoo.errors import GanzooError
from ganzoo.game import GAN, Augmentation, Batch, Phase, Terms
from ganzoo.games import TwoPlayer
from ganzoo.recipes import Data, DataSpec, Recipe, TwoPlayerRecipe
from ganzoo.specs import AugmentationSpec, DatasetSpec, LossSpec, MetricSpec, Option, PenaltySpec, Variant
from ganzoo.testing import (
    cases,
    check_abilities,
    check_augmentation,
    check_averages,
    check_card,
    check_case,
    check_command,
    check_compile,
    check_dataset,
    check_discriminator,
    check_keys,
    check_labels,
    check_loss,
    check_metric,
    check_penalty,
    check_plugin,
    check_precision,
    check_resume,
    check_samples,
    check_seed,
    check_updates,
    check_variant,
    contract,
    example_data,
    example_samples,
)
from ganzoo.zoo import registry
from ganzoo.zoo import zoo as zoo_module
from ganzoo.zoo.tables import TYPES
from ganzoo.zoo.zoo import current_zoo


def test_everything_that_is_registered_is_checked() -> None:
    names = " ".join(map(str, contract("ganzoo")))
    for kind in TYPES:
        for name, spec in current_zoo().tables[kind].items():
            if current_zoo().owner(kind, spec.name).package == "ganzoo":
                assert name in names


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_data_sets_that_are_downloaded_keep_it_too(name: str, shared_data_root: Path) -> None:
    check_dataset(registry.datasets()[name], root=shared_data_root)


def test_data_sets_of_your_own_files_keep_it_too(tmp_path: Path) -> None:
    import numpy as np

    pixels = np.random.default_rng(0).integers(256, size=(20, 8, 12, 1), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", x=pixels, y=np.arange(20) % 2, x_test=pixels, y_test=np.arange(20) % 2)
    check_dataset(registry.datasets()["npz"], Data(name="npz", path=str(tmp_path / "a.npz")))


def test_one_variant_and_one_case_are_checked_by_themselves() -> None:
    check_variant(registry.variants()["vanilla"], SMALL)
    check_case(cases("dcgan")[0], SMALL)
    check_card(registry.variants()["dcgan"])


def test_a_package_that_is_not_installed_names_the_command_to_install_it() -> None:
    with pytest.raises(GanzooError, match=r"unknown package 'my-gan': .*pip install -e \."):
        contract("my-gan")


def test_a_plugin_that_was_left_out_fails_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = zoo_module.Plugin("mine", "gan-mine", "1.0", error="import failed: ValueError: x")
    monkeypatch.setattr(current_zoo(), "plugins", [*current_zoo().plugins, broken])
    (check,) = contract("gan-mine")
    with pytest.raises(AssertionError, match=r"left out plugin 'mine' .*import failed: ValueError: x"):
        check()


def test_a_variant_without_a_page_gets_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    module = SimpleNamespace(__file__="/nowhere/__init__.py")
    mine = zoo_module.Plugin("mine", "local", "0", module, adds={"variants": ["mine"]})
    with pytest.raises(AssertionError, match=r"write README\.md beside the card"):
        check_plugin(mine)


# Variants that break it, and the message.


def variant(build: Callable[[Any, Any], GAN], recipe: Recipe | None = None) -> tuple[Variant, Recipe]:
    recipe = recipe or games.PlainRecipe(steps=4, batch=4)
    return Variant("bad", "Bad.", "None.", ("points", "image"), {"points": recipe}, build), recipe


class Simple(games.GrowingGame):
    """The growing game keeps the contract; each class below breaks one clause of it."""


class WrongShape(Simple):
    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        return super().sample(n)[:, :1]


class OneSample(Simple):
    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        return super().sample(1).expand(n, -1)


class NotFinite(Simple):
    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        return super().sample(n) / 0


class LoudImages(Simple):
    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        return 100 * torch.randn(n, 1, 8, 8)


class IdleWeight(Simple):
    def __init__(self) -> None:
        super().__init__()
        self.players["d"].register_parameter("forgotten", nn.Parameter(torch.zeros(2)))


class ChangesOther(Simple):
    def judge(self, batch: Batch) -> Terms:
        with torch.no_grad():
            self.players["g"].first.weight.mul_(0.9)
        return super().judge(batch)


class HiddenState(Simple):
    """Its loss depends on a count that is in no checkpoint."""

    count = 0

    def fool(self, batch: Batch) -> Terms:
        self.count += 1
        return {name: term * self.count for name, term in super().fool(batch).items()}


class FrozenPart(Simple):
    def __init__(self) -> None:
        super().__init__()
        self.players["d"][0].bias.requires_grad_(False)


class Idle(Simple):
    """Its second phase cannot change anything."""

    def fool(self, batch: Batch) -> Terms:
        return {name: 0 * term for name, term in super().fool(batch).items()}


class UnseededNoise(Simple):
    """Draws random numbers that do not depend on the seed."""

    def fool(self, batch: Batch) -> Terms:
        factor = 1 + torch.rand((), generator=self.mine).item()
        return {name: term * factor for name, term in super().fool(batch).items()}

    def __init__(self) -> None:
        super().__init__()
        self.mine = torch.Generator()
        self.mine.seed()


class IgnoresLabel(Simple):
    """Claims to be conditional, and gives the same samples for each class."""

    classes = 3

    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        return super().sample(n)


class Branching(Simple):
    """Its network behaves differently when it is compiled."""

    def __init__(self) -> None:
        super().__init__()
        self.players["d"].append(DoubledWhenCompiled())


class OwnLatents(Simple):
    """Draws its latents from a generator of its own."""

    def draw_latent(self, n: int, truncation: float | None = None) -> Tensor:
        return torch.randn(n, 4, generator=torch.Generator().manual_seed(0))

    def generate(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        return z[:, :2]


class AveragesEverything(Simple):
    """Averages buffers that mean nothing on average."""

    def __init__(self) -> None:
        super().__init__()
        self.players["g"].register_buffer("level", torch.zeros(1))
        self.averages["g"] = copy.deepcopy(self.players["g"]).requires_grad_(False)

    def after_update(self, phase: Phase, terms: Terms) -> None:
        self.players["g"].level.add_(1)

    @torch.no_grad()
    def update_averages(self, decay: float | Tensor) -> None:
        for slow, fast in zip(
            self.averages["g"].state_dict().values(), self.players["g"].state_dict().values(), strict=True
        ):
            slow.lerp_(fast, 0.5)


class DoubledWhenCompiled(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * x if torch.compiler.is_compiling() else x


BAD: dict[str, tuple[type[GAN], Callable[..., None], str]] = {
    "wrong shape": (WrongShape, check_samples, r"bad: sample\(5\) returned \(5, 1\), not \(5, 2\)"),
    "one sample": (OneSample, check_samples, "bad: different latents give the same sample"),
    "not finite": (NotFinite, check_samples, "bad: fresh networks generate values that are not finite"),
    "idle weight": (IdleWeight, check_updates, r"bad: no phase has a gradient for d\.forgotten"),
    "meddling phase": (ChangesOther, check_updates, r"bad: phase 'd' changed g\.first\.weight"),
    "idle phase": (Idle, check_updates, "bad: phase 'g' changes no weight of its player"),
    "own randomness": (UnseededNoise, check_seed, "bad: .* differs between two runs with the same seed: draw all"),
    "averaged buffers": (AveragesEverything, check_averages, r"bad: the average of g\.level is not the player's value"),
    "own latents": (OwnLatents, check_seed, r"bad: draw_latent\(\) ignores the seed"),
    "deaf": (IgnoresLabel, check_labels, r"bad: sample\(n, y\) gives the same for each class: pass y to the network"),
    "not compilable": (Branching, check_compile, r"bad: ./\w+ is .* when compiled and .* when not"),
    "hidden state": (
        HiddenState,
        check_resume,
        r"bad: .* differs after resuming: keep all state in .* registered buffers",
    ),
}


@pytest.mark.parametrize("check", [check_samples, check_updates, check_resume])
@pytest.mark.parametrize("game", [Simple, FrozenPart])
def test_a_game_that_keeps_the_contract_passes(game: type[GAN], check: Callable[..., None]) -> None:
    made, recipe = variant(lambda recipe, data: game())  # type: ignore[call-arg]
    before = torch.random.get_rng_state()
    check(made, recipe, example_data("points", (2,)))
    assert not torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("fault", BAD)
def test_a_game_that_breaks_the_contract_gets_a_message(fault: str) -> None:
    game, check, message = BAD[fault]
    made, recipe = variant(lambda recipe, data: game())  # type: ignore[call-arg]
    with pytest.raises(AssertionError, match=message):
        check(made, recipe, example_data("points", (2,)))


def test_images_outside_the_datas_range_get_a_message_with_the_fix() -> None:
    made, recipe = variant(lambda recipe, data: LoudImages())
    with pytest.raises(AssertionError, match=r"bad: samples are outside the range -1.0 to 1.0; end .* with tanh"):
        check_samples(made, recipe, example_data("image", (1, 8, 8)))


def test_a_player_without_an_optimiser_in_the_recipe_gets_its_name() -> None:
    made, recipe = variant(lambda recipe, data: games.TripleGame())
    with pytest.raises(AssertionError, match="bad: give the recipe an Optimiser named 'c', after the player"):
        check_updates(made, recipe, example_data("points", (2,)))


def test_a_key_without_a_meaning_gets_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    unexplained = dataclasses.make_dataclass(
        "Unexplained", [("beta", float, 0.5)], bases=(games.PlainRecipe,), frozen=True, kw_only=True
    )
    made, _ = variant(lambda recipe, data: Simple(), unexplained())
    owner = SimpleNamespace(module=SimpleNamespace(__name__="ganzoo"))
    monkeypatch.setattr(current_zoo(), "owner", lambda kind, name: owner)
    with pytest.raises(AssertionError, match="bad: explain the recipe key 'beta' with"):
        check_card(made)


def test_a_card_that_imports_torch_gets_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = variant(lambda recipe, data: Simple())
    owner = SimpleNamespace(module=SimpleNamespace(__name__="ganzoo.games.losses"))
    monkeypatch.setattr(current_zoo(), "owner", lambda kind, name: owner)
    with pytest.raises(
        AssertionError, match=r"importing ganzoo\.games\.losses imports torch: move that import into build"
    ):
        check_card(made)


def test_a_variant_that_does_not_claim_to_compile_is_skipped() -> None:
    made = Variant("bad", "Bad.", "None.", ("points",), {"points": games.PlainRecipe()}, build=dict, compiles=False)  # type: ignore[arg-type]
    with pytest.raises(SkipTest):
        check_compile(made, made.recipes["points"], example_data("points", (2,)))


def test_a_term_that_bf16_breaks_gets_a_message() -> None:
    class Exact(Simple):
        def fool(self, batch: Batch) -> Terms:
            # Inverting a matrix is not there for bf16.
            extra = torch.linalg.inv(self.players["g"].first(torch.randn(2, 2))[:2, :2])[0, 0]
            return {name: term + extra for name, term in super().fool(batch).items()}

    made, recipe = variant(lambda recipe, data: Exact())
    with pytest.raises(
        AssertionError, match=r"bad: fails under bf16 autocast, cast what must not be bf16 with \.float\(\)"
    ):
        check_precision(made, recipe, example_data("points", (2,)))


# Parts that break it.


class Loss:
    """Keeps the contract; each class below breaks one clause of it."""

    paired = False

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return torch.nn.functional.softplus(fake - real).mean()

    def generator(self, fake: Tensor, real: Tensor) -> Tensor:
        return -fake.mean()


class Unreduced(Loss):
    def generator(self, fake: Tensor, real: Tensor) -> Tensor:
        return -fake


class Detached(Loss):
    def generator(self, fake: Tensor, real: Tensor) -> Tensor:
        return (fake * 0).sum()


class IgnoresReal(Loss):
    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return fake.mean()


class Overflowing(Loss):
    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return -(torch.log(torch.sigmoid(real)) + torch.log(1 - torch.sigmoid(fake))).mean()


class HiddenPairing(Loss):
    def generator(self, fake: Tensor, real: Tensor) -> Tensor:
        return (real.mean() if len(real) else 0) - fake.mean()


class WithoutPaired(Loss):
    paired = None  # type: ignore[assignment]


LOSSES = {
    Unreduced: r"bad: generator\(\) must return a scalar, not \(16,\): take the mean",
    Detached: r"bad: generator\(\) has no gradient for the fake logits",
    IgnoresReal: r"bad: discriminator\(\) must depend on the real and the fake logits",
    Overflowing: r"bad: discriminator\(\) is inf for logits around 30: write it with softplus",
    HiddenPairing: r"bad: generator\(\) uses real logits: set paired = True",
    WithoutPaired: "bad: set `paired`",
}


@pytest.mark.parametrize("loss", LOSSES)
def test_a_loss_that_breaks_the_contract_gets_a_message(loss: type[Loss]) -> None:
    with pytest.raises(AssertionError, match=LOSSES[loss]):
        check_loss(LossSpec("bad", "Bad.", "None.", loss))


def test_a_loss_that_does_not_take_its_option_gets_a_message() -> None:
    with pytest.raises(AssertionError, match=r"bad: build\(margin\) failed: "):
        check_loss(LossSpec("bad", "Bad.", "None.", Loss, (Option("margin", 1.0, "The margin."),)))


PENALTIES: dict[str, tuple[Callable[..., Tensor], str]] = {
    "no gradient": (lambda critic, real, fake: real.square().mean(), "has no gradient for the critic"),
    "in place": (lambda critic, real, fake: critic(real.mul_(2)).square().mean(), "changes the samples in place"),
    "a row each": (lambda critic, real, fake: critic(real).square(), r"must return a scalar, not \(6,\)"),
}


@pytest.mark.parametrize("fault", PENALTIES)
def test_a_penalty_that_breaks_the_contract_gets_a_message(fault: str) -> None:
    function, message = PENALTIES[fault]
    with pytest.raises(AssertionError, match=message):
        check_penalty(PenaltySpec("bad", "Bad.", "None.", lambda: function))


class InPlace(Augmentation):
    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            x.mul_(2)
        return x * 1


class Detached(Augmentation):
    def forward(self, x: Tensor) -> Tensor:
        return x.detach() * 2


class Smaller(Augmentation):
    def forward(self, x: Tensor) -> Tensor:
        return x[..., 1:]


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return 2 * gradient


class OnceOnly(Augmentation):
    def forward(self, x: Tensor) -> Tensor:
        doubled: Tensor = Doubled.apply(x)
        return doubled


class PerSampleTerm(Augmentation):
    def forward(self, x: Tensor) -> Tensor:
        return x**2

    def terms(self, real_logits: Tensor) -> Terms:
        return {"sign": real_logits.sign()}


AUGMENTATIONS: dict[type[nn.Module], str] = {
    InPlace: "it changes the samples in place",
    Detached: "it must be differentiable",
    Smaller: "it returns",
    OnceOnly: "it can be differentiated only once",
    PerSampleTerm: r"the term 'sign' must return a scalar",
    nn.Identity: r"build\(\) must return a ganzoo.game.Augmentation",
}


@pytest.mark.parametrize("kind", AUGMENTATIONS)
def test_an_augmentation_that_breaks_the_contract_gets_a_message(kind: type[nn.Module]) -> None:
    with pytest.raises(AssertionError, match=AUGMENTATIONS[kind]):
        check_augmentation(AugmentationSpec("bad", "Bad.", "None.", ("image",), kind))  # type: ignore[arg-type]


class MinibatchDeviation(nn.Module):
    """A discriminator whose logit of a sample depends on the others, as with a minibatch standard deviation."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(3, 1)

    def forward(self, x: Tensor) -> Tensor:
        spread = x.std(0).mean().expand(len(x), 1)
        return self.body(torch.cat([x, spread], 1))[:, 0]


class GoesAround(TwoPlayer):
    def g_terms(self, batch: Batch, fakes: Any, fake: Any, real: Any) -> Terms:
        return {"loss": -self.discriminator(fakes).mean()}


class JudgesItself(TwoPlayer):
    def judge(self, x: Any, y: Tensor | None = None) -> Tensor:
        return super().judge(x, y) * 2


def two_player_variant(kind: type[TwoPlayer], d: nn.Module, **options: Any) -> Variant:
    return Variant(
        "bad",
        "Bad.",
        "None.",
        ("points",),
        {"points": TwoPlayerRecipe(data=Data(name="points"), latent=2, batch=4)},
        lambda recipe, data: kind.from_recipe(nn.Linear(2, 2), d, recipe, data, **options),
    )


@pytest.mark.parametrize(
    ("kind", "d", "message"),
    [
        (TwoPlayer, MinibatchDeviation(), "logit of a sample depends on the others: pass joint=False"),
        (GoesAround, nn.Sequential(nn.Linear(2, 1), nn.Flatten(0)), "phase 'g' calls the discriminator itself"),
        (JudgesItself, nn.Sequential(nn.Linear(2, 1), nn.Flatten(0)), r"judge\(\) is not called in training"),
    ],
)
def test_a_discriminator_that_breaks_the_contract_gets_a_message(
    kind: type[TwoPlayer], d: nn.Module, message: str
) -> None:
    made = two_player_variant(kind, d)
    with pytest.raises(AssertionError, match=message):
        check_discriminator(made, made.recipes["points"], example_data("points", (2,)))


def test_statistics_of_a_batch_are_fine_where_real_and_generated_samples_are_apart() -> None:
    made = two_player_variant(TwoPlayer, MinibatchDeviation(), joint=False)
    check_discriminator(made, made.recipes["points"], example_data("points", (2,)))


def dataset_spec(change: Callable[[Any, Any, str], Any], **fields: Any) -> DatasetSpec:
    """A data set of eight points, after a change of what its load returns."""

    def load(data: Data, root: Path, split: str) -> Any:
        if split not in ("train", *(["test"] if fields.get("test") else [])):
            raise GanzooError("no such split")
        arrays = {"x": torch.linspace(-1, 1, 16).view(8, 2)}
        return change(arrays, DataSpec("bad", "points", (2,), range=None), split)

    return DatasetSpec("bad", "Bad.", "None.", "points", load, **fields)


def test_a_data_set_that_keeps_the_contract_passes() -> None:
    check_dataset(dataset_spec(lambda arrays, spec, split: Dataset(arrays, spec)))


DATASETS: dict[str, tuple[Callable[[Any, Any, str], Any], dict[str, Any], str]] = {
    "shape": (
        lambda arrays, spec, split: Dataset(arrays, dataclasses.replace(spec, shape=(3,))),
        {},
        r"bad \(train\): samples have the shape \(2,\), its DataSpec says \(3,\)",
    ),
    "range": (
        lambda arrays, spec, split: Dataset(arrays, dataclasses.replace(spec, range=(0.0, 1.0))),
        {},
        "'x' is outside the range 0.0 to 1.0",
    ),
    "double": (
        lambda arrays, spec, split: Dataset({"x": arrays["x"].double()}, spec),
        {},
        "'x' is torch.float64: store uint8 images or float32",
    ),
    "labels": (
        lambda arrays, spec, split: Dataset(arrays, dataclasses.replace(spec, classes=2)),
        {},
        "there must be labels 'y' if and only if its DataSpec has classes",
    ),
    "class numbers": (
        lambda arrays, spec, split: Dataset({**arrays, "y": torch.arange(8)}, dataclasses.replace(spec, classes=2)),
        {"labelled": True},
        "labels must be class numbers from 0 to 1",
    ),
    "another each time": (
        lambda arrays, spec, split: Dataset({"x": torch.randn(8, 2)}, spec),
        {},
        "gives other samples the second time",
    ),
}


@pytest.mark.parametrize("fault", DATASETS)
def test_a_data_set_that_breaks_the_contract_gets_a_message(fault: str) -> None:
    change, fields, message = DATASETS[fault]
    with pytest.raises(AssertionError, match=message):
        check_dataset(dataset_spec(change, **fields))


def test_a_data_set_that_takes_any_split_gets_a_message() -> None:
    spec = DataSpec("bad", "points", (2,), range=None)
    loose = DatasetSpec("bad", "Bad.", "None.", "points", lambda *given: Dataset({"x": torch.zeros(8, 2)}, spec))
    with pytest.raises(AssertionError, match="must raise GanzooError for an unknown split"):
        check_dataset(loose)


METRICS: dict[str, tuple[Callable[[Any], Any], dict[str, Any], str]] = {
    "not finite": (lambda samples: {"a": float("nan")}, {}, "'a' is nan, which is not a finite number"),
    "direction": (
        lambda samples: {"a": 1.0},
        {"a": "up"},
        "must say 'higher', 'lower', the number that is best, or '' .none., not 'up'",
    ),
    "direction that is no number": (
        lambda samples: {"a": 1.0},
        {"a": float("nan")},
        "the number that is best, or '' .none., not nan",
    ),
    "infinite direction": (lambda samples: {"a": 1.0}, {"a": float("inf")}, "the number that is best.*not inf"),
    "unknown name": (lambda samples: {"a": 1.0}, {"b": "lower"}, "`better` names none of a"),
    "another each time": (lambda samples: {"a": torch.rand(()).item()}, {}, "gives another value the second time"),
    "in place": (lambda samples: {"a": float(samples.fake.zero_().sum())}, {}, "changes the samples in place"),
}


@pytest.mark.parametrize("fault", METRICS)
def test_a_metric_that_breaks_the_contract_gets_a_message(fault: str) -> None:
    compute, better, message = METRICS[fault]
    with pytest.raises(AssertionError, match=message):
        check_metric(MetricSpec("bad", "Bad.", "None.", ("points",), compute, better))


NOT_FINITE: dict[str, tuple[Callable[[Any], None], Any, str]] = {
    "weight": (
        check_penalty,
        PenaltySpec("bad", "Bad.", "None.", dict, weight=float("nan")),
        "weight of the penalty 'bad' must be a finite number of at least 0, not nan",
    ),
    "default": (
        check_loss,
        LossSpec("bad", "Bad.", "None.", dict, options=(Option("scale", float("inf"), "A scale."),)),
        "default of the option 'scale' of the loss 'bad' must be a finite number, not inf",
    ),
    "bound": (
        check_augmentation,
        AugmentationSpec(
            "bad", "Bad.", "None.", ("image",), dict, options=(Option("p", 0.5, "A chance.", maximum=float("nan")),)
        ),
        "maximum of the option 'p' of the augmentation 'bad' must be a finite number or None, not nan",
    ),
    "samples": (
        check_dataset,
        DatasetSpec("bad", "Bad.", "None.", "points", dict, samples=float("inf")),  # type: ignore[arg-type]
        "samples of the data set 'bad' must be a whole number, not inf",
    ),
}


@pytest.mark.parametrize("field", NOT_FINITE)
def test_a_card_with_a_number_that_is_not_finite_gets_a_message(field: str) -> None:
    check, spec, message = NOT_FINITE[field]
    with pytest.raises(AssertionError, match=message):
        check(spec)


def test_a_range_that_is_none_gets_a_message() -> None:
    for high in (float("nan"), float("inf"), -2.0):
        described = DataSpec("bad", "points", (2,), range=(-1.0, high))
        spec = DatasetSpec(
            "bad", "Bad.", "None.", "points", lambda *_, d=described: Dataset({"x": torch.zeros(8, 2)}, d)
        )
        with pytest.raises(AssertionError, match=r"the range of its DataSpec is -1\.0 to"):
            check_dataset(spec)


def test_a_metric_of_another_modality_needs_samples() -> None:
    spec = MetricSpec("sounds", "Good.", "None.", ("sound",), lambda samples: {"a": 1.0})
    with pytest.raises(SkipTest, match="of sound data"):
        check_metric(spec)
    check_metric(spec, example_samples("points"))


def test_a_command_without_help_gets_a_message() -> None:
    with pytest.raises(AssertionError, match="ganzoo mine: give its function a docstring"):
        check_command(click.Command("mine"))
    with pytest.raises(AssertionError, match="ganzoo mine: explain the option --loud"):
        check_command(click.Command("mine", help="Mine.", params=[click.Option(["--loud"])]))


def _encoder(encode: Any = None, score: Any = None) -> Any:
    """A variant whose game also encodes and scores samples, as these functions of the game and samples do."""
    from ganzoo.games import TwoPlayer
    from ganzoo.networks import MLPDiscriminator, MLPGenerator

    members = {} if encode is None else {"encode": encode}
    members |= {} if score is None else {"anomaly_scores": score}
    game: Any = type("Game", (TwoPlayer,), members)

    def build(recipe: Any, data: Any) -> Any:
        g = MLPGenerator(recipe.latent, [8], data.shape, bounded=False)
        return game.from_recipe(g, MLPDiscriminator(data.shape, [8]), recipe, data)

    recipes = {"points": TwoPlayerRecipe(data=Data(name="points"), latent=3)}
    return Variant("encoder", "Encodes.", "none", ("points",), recipes, build)


@pytest.mark.parametrize(
    ("members", "advice"),
    [
        ({"encode": lambda self, x: x.new_zeros(len(x), 3)}, ""),
        ({"score": lambda self, x: x.mean(1)}, ""),
        ({"encode": lambda self, x: x.new_zeros(len(x), 2)}, r"encode\(x\) returns \(5, 2\), not \(5, 3\)"),
        ({"encode": lambda self, x: x.new_zeros(3)}, "a finite latent vector for each sample"),
        ({"encode": lambda self, x: x.new_full((len(x), 3), float("nan"))}, "a finite latent vector"),
        ({"score": lambda self, x: x}, "one finite number for each sample"),
        ({"score": lambda self, x: x.mean(1) / 0}, "one finite number for each sample"),
    ],
)
def test_what_encoders_and_scorers_return_is_checked(members: dict[str, Any], advice: str) -> None:
    made = _encoder(**members)
    data = example_data("points", (2,))
    if advice:
        with pytest.raises(AssertionError, match=advice):
            check_abilities(made, made.recipes["points"], data)
    else:
        check_abilities(made, made.recipes["points"], data)


def test_games_without_abilities_have_none_to_check() -> None:
    made = _encoder()
    with pytest.raises(SkipTest, match="neither encodes nor scores"):
        check_abilities(made, made.recipes["points"], example_data("points", (2,)))


def _deaf(fixes: tuple[str, ...] = ()) -> Any:
    """A variant whose game has a loss of its own."""
    from ganzoo.games import TwoPlayer
    from ganzoo.networks import MLPDiscriminator, MLPGenerator

    class Deaf(TwoPlayer):
        def d_terms(self, batch: Any, real: Any, fake: Any) -> Any:
            return {"loss": fake.mean() - real.mean()}

        def g_terms(self, batch: Any, fakes: Any, fake: Any, real: Any) -> Any:
            return {"loss": -fake.mean()}

    def build(recipe: Any, data: Any) -> Any:
        g = MLPGenerator(recipe.latent, [8], data.shape, bounded=False)
        return Deaf.from_recipe(g, MLPDiscriminator(data.shape, [8]), recipe, data)

    recipes = {"points": TwoPlayerRecipe(data=Data(name="points"), latent=3, batch=8, ema=0.0)}
    return Variant("deaf", "Has a loss.", "none", ("points",), recipes, build, fixes=fixes)


def test_a_key_that_changes_nothing_must_be_named_in_the_card() -> None:
    made, data = _deaf(), example_data("points", (2,))
    with pytest.raises(AssertionError, match="deaf: the recipe key 'loss' changes nothing: add 'loss' to `fixes`"):
        check_keys(made, made.recipes["points"], data)
    made = _deaf(("loss",))
    check_keys(made, made.recipes["points"], data)


def test_a_recipe_of_another_game_has_no_such_keys() -> None:
    made = _deaf()
    with pytest.raises(SkipTest, match="no two-player recipe"):
        check_keys(made, Recipe(), example_data("points", (2,)))
