"""R1 and R2 from the pass of D's loss are those of a pass of their own, and share it only where that is so."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from small import Logits, perceptron, point_data, recipe, same, trainer
from torch import Tensor, nn

from ganzoo.game import Augmentation, SharedPenalty
from ganzoo.games import TwoPlayer
from ganzoo.games.penalties import DRAGAN, R1, R2, WGANGradientPenalty
from ganzoo.recipes import Term


class Patches(nn.Module):
    """Logits `[N, 1, 2, 2]`."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Conv2d(1, 4, 4, 2, 1)
        self.out = nn.Conv2d(4, 1, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.body(x).square())


class ByClass(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body, self.embed = perceptron(2, 8), nn.Embedding(3, 8)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return (self.body(x) * self.embed(y)).sum(1)


def game(d: nn.Module | None = None, names: str = "r1,r2", kind: type[TwoPlayer] = TwoPlayer, **more: Any) -> TwoPlayer:
    torch.manual_seed(0)
    known: dict[str, Any] = {"r1": R1(), "r2": R2(), "wgan-gp": WGANGradientPenalty(), "dragan": DRAGAN()}
    used = {name: (known[name], Term(weight=2.0)) for name in names.split(",")}
    from ganzoo.games.losses import NonSaturating

    return kind(perceptron(4, 2), d or Logits(perceptron(2, 1)), NonSaturating(), used, latent=4, **more)


def terms_and_gradients(made: TwoPlayer, batch: dict[str, Tensor], own: bool) -> tuple[dict[str, Tensor], list[Tensor]]:
    if own:
        made._shared_penalties = lambda *_: {}  # type: ignore[method-assign]
    torch.manual_seed(1)
    made.zero_grad()
    terms = made.discriminator_loss(dict(batch))
    torch.stack([term for term in terms.values() if term.requires_grad]).sum().backward()
    return terms, [weight.grad for weight in made.discriminator.parameters() if weight.grad is not None]


def images_game() -> TwoPlayer:
    torch.manual_seed(0)
    made = game(Patches())
    made.players["g"] = nn.Sequential(nn.Linear(4, 16), nn.Unflatten(1, (1, 4, 4)))
    return made


POINTS = {"x": point_data(8).arrays["x"]}
CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "both": (game, POINTS),
    "r1": (lambda: game(names="r1"), POINTS),
    "r2": (lambda: game(names="r2"), POINTS),
    "with another": (lambda: game(names="wgan-gp,r1"), POINTS),
    "by class": (
        lambda: game(ByClass(), classes=3, kind=Blind),
        POINTS | {"y": torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])},
    ),
    "patches": (images_game, {"x": torch.randn(8, 1, 4, 4, generator=torch.Generator().manual_seed(0))}),
}


class Blind(TwoPlayer):
    """A class-conditional D, and a G that does not read the class."""

    def _generated(self, z: Tensor, y: Tensor | None) -> Any:
        return self.generator(z)


@pytest.mark.parametrize("name", list(CASES))
def test_values_and_gradients_are_those_of_a_pass_of_its_own(name: str) -> None:
    make, batch = CASES[name]
    shared, own = terms_and_gradients(make(), batch, own=False), terms_and_gradients(make(), batch, own=True)
    assert make()._shared_penalties(batch["x"], batch.get("y"))
    assert list(shared[0]) == list(own[0])
    for key, value in shared[0].items():
        assert torch.allclose(value, own[0][key], rtol=1e-4, atol=1e-6), key
    for a, b in zip(shared[1], own[1], strict=True):
        assert torch.allclose(a, b, rtol=1e-3, atol=1e-6)


class Noisy(TwoPlayer):
    def look(self, x: Any, y: Tensor | None = None) -> Any:
        return super().look(x + torch.randn_like(x), y)


class Half(Augmentation):
    def forward(self, x: Tensor) -> Tensor:
        return x / 2


class OwnPair(TwoPlayer):
    def look_at_both(self, real: Any, fake: Any, y: Tensor | None, fake_y: Tensor | None) -> Any:
        return super().look_at_both(real + 1, fake + 1, y, fake_y)


class OwnPenalty(TwoPlayer):
    def penalty(self, name: str, real: Tensor, fake: Tensor, y: Tensor | None) -> Tensor:
        return 2 * super().penalty(name, real, fake, y)


class OwnJudge(TwoPlayer):
    def judge(self, x: Any, y: Tensor | None = None) -> Tensor:
        return 2 * super().judge(x, y)


class Noise(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + torch.randn_like(x)


class Drops(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(x, 0.5, self.training)


class Centred(nn.Module):
    """Subtracts a running mean."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(4))

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            self.mean.lerp_(x.mean(0), 0.1)
        return x - self.mean


def layered(layer: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return Logits(nn.Sequential(nn.Linear(2, 4), layer, nn.Tanh(), nn.Linear(4, 1)))


def normalised() -> nn.Module:
    """Spectral normalisation as torch had it first, with a hook."""
    torch.manual_seed(0)
    return Logits(nn.Sequential(nn.utils.spectral_norm(nn.Linear(2, 4)), nn.Tanh(), nn.Linear(4, 1)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: game(names="wgan-gp,dragan"),
        lambda: game(kind=Noisy),
        lambda: game(augmentation=Half()),
        lambda: game(joint=False),
        lambda: game(kind=OwnPair),
        lambda: game(kind=OwnPenalty),
        lambda: game(kind=OwnJudge),
        lambda: game(layered(Noise())),
        lambda: game(layered(Drops())),
        lambda: game(layered(Centred())),
        lambda: game(normalised()),
        lambda: game(nn.Sequential(nn.Linear(2, 4), nn.Dropout(0.5), nn.Linear(4, 1), nn.Flatten(0))),
        lambda: game(nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.Linear(4, 1), nn.Flatten(0))),
        lambda: game(nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(2, 1)), nn.Flatten(0))),
    ],
)
def test_where_it_would_be_another_value_it_is_not_shared(make: Any) -> None:
    assert make()._shared_penalties(POINTS["x"], None) == {}


def test_it_is_not_shared_in_lower_precision_or_lazily() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert game()._shared_penalties(POINTS["x"], None) == {}
    lazy = game()
    lazy.penalties = {name: (penalty, Term(every=4)) for name, (penalty, _) in lazy.penalties.items()}
    assert lazy._shared_penalties(POINTS["x"], None) == {}


def test_a_compiled_critic_is_not_differentiated_twice() -> None:
    made = game()
    made.discriminator.compile()
    assert made._shared_penalties(POINTS["x"], None) == {}


def test_which_penalties_can_share() -> None:
    assert isinstance(R1(), SharedPenalty)
    assert isinstance(R2(), SharedPenalty)
    assert not isinstance(WGANGradientPenalty(), SharedPenalty)


@pytest.mark.parametrize("d", [layered(Noise()), layered(Centred()), normalised()])
def test_finding_out_leaves_no_trace(d: nn.Module) -> None:
    made = game(d)
    before, random = {name: value.clone() for name, value in made.state_dict().items()}, torch.get_rng_state()
    made._shared_penalties(POINTS["x"], None)
    assert same(before, dict(made.state_dict()))
    assert torch.equal(random, torch.get_rng_state())
    assert all(weight.grad is None for weight in made.parameters())


class Counts(nn.Module):
    """Judges samples that are whole numbers."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = perceptron(2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x.float())[:, 0]


@pytest.mark.parametrize("dtype", [torch.int64, torch.float64])
def test_samples_that_are_not_float32_have_a_pass_of_their_own(dtype: torch.dtype) -> None:
    batch = {"x": torch.arange(16).reshape(8, 2).to(dtype)}
    shared, own = (terms_and_gradients(game(Counts(), names="r1", joint=j), batch, own=False) for j in (False, True))
    assert same(shared[0]["r1"], own[0]["r1"])


class OtherLabels(Blind):
    def fake_labels(self, batch: Any) -> Tensor | None:
        return (batch["y"] + 1) % 3


def test_with_labels_of_their_own_fake_samples_have_a_pass_of_their_own() -> None:
    batch = {**POINTS, "y": torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])}
    made = game(ByClass(), classes=3, kind=OtherLabels)
    assert made._shared_penalties(batch["x"], batch["y"]) == {"r1": "real"}
    shared, own = (terms_and_gradients(game(ByClass(), classes=3, kind=OtherLabels), batch, o) for o in (False, True))
    for key, value in shared[0].items():
        assert torch.allclose(value, own[0][key], rtol=1e-4, atol=1e-6), key


def test_other_penalties_get_samples_without_gradient() -> None:
    seen = []

    def watching(critic: Any, real: Tensor, fake: Tensor) -> Tensor:
        seen.append((real.requires_grad, fake.requires_grad))
        return critic(real).square().mean()

    made = game(names="r1,r2")
    made.penalties["drift"] = (watching, Term())
    made.discriminator_loss(dict(POINTS))
    assert seen == [(False, False)]


@pytest.mark.parametrize("name", ["r1", "r2"])
def test_only_the_samples_of_the_penalty_take_a_gradient(name: str) -> None:
    made, seen = game(names=name), []
    made.discriminator.register_forward_hook(lambda module, args, out: seen.append(args[0].requires_grad))
    made._shared_penalties(POINTS["x"], None)
    seen.clear()
    made.discriminator_loss(dict(POINTS))
    assert seen == [name == "r1", name == "r2"]


def test_a_run_that_is_resumed_shares_as_before() -> None:
    used = recipe(penalties={"r1": Term()}, steps=6)
    straight = trainer(used)
    for _ in range(6):
        straight.play_step()
    first, second = trainer(used), trainer(used)
    for _ in range(3):
        first.play_step()
    second.load_state(first.state())
    for _ in range(3):
        second.play_step()
    assert same(straight.state(), second.state())
