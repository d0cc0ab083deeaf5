"""The steps of a two-player update that a subclass can override, each on its own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from ganzoo.errors import GanzooError
from ganzoo.game import Batch, Terms
from ganzoo.games import TwoPlayer
from ganzoo.games.losses import Hinge, NonSaturating, RelativisticPairing
from ganzoo.games.outputs import flattened, joined, per_sample, restored, split
from ganzoo.games.penalties import R1, WGANGradientPenalty
from ganzoo.recipes import DataSpec, Term, TwoPlayerRecipe


class Heads(nn.Module):
    """Logits `[N]` and class logits `[N, 3]`, fixed functions of a sample's two coordinates."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x.sum(1), x[:, :1] * self.scale


class AuxiliaryClassifier(TwoPlayer):
    def logits(self, output: Any) -> Tensor:
        return output[0]

    def d_terms(self, batch: Batch, real: Any, fake: Any) -> Terms:
        return super().d_terms(batch, real, fake) | {"class": functional.cross_entropy(real[1], batch["y"])}

    def g_terms(self, batch: Batch, fakes: Any, fake: Any, real: Any) -> Terms:
        wanted = self.fake_labels(batch)
        return super().g_terms(batch, fakes, fake, real) | {"class": functional.cross_entropy(fake[1], wanted)}


class Labelled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        return self.weight * z + y[:, None]


@pytest.mark.parametrize("joint", [True, False])
def test_an_auxiliary_classifier_overrides_logits_and_terms(joint: bool) -> None:
    game = AuxiliaryClassifier(Labelled(), Heads(), NonSaturating(), latent=2, classes=3, d_labels=False, joint=joint)
    x, y = torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([0, 2])
    torch.manual_seed(0)
    z = torch.randn(2, 2)
    torch.manual_seed(0)
    terms = game.discriminator_loss({"x": x, "y": y})
    fake = z + y[:, None]
    wanted = functional.softplus(-x.sum(1)).mean() + functional.softplus(fake.sum(1)).mean()
    assert terms["loss"].item() == pytest.approx(wanted.item())
    # All three class logits of a sample are equal.
    assert terms["class"].item() == pytest.approx(torch.tensor(3.0).log().item())
    torch.manual_seed(0)
    terms = game.generator_loss({"x": x, "y": y})
    assert terms["loss"].item() == pytest.approx(functional.softplus(-fake.sum(1)).mean().item())
    assert set(terms) == {"loss", "class"}


class Codes(TwoPlayer):
    """Of the latent's three numbers, D recovers the first, as InfoGAN's continuous code."""

    def logits(self, output: Any) -> Tensor:
        return output[0]

    def g_terms(self, batch: Batch, fakes: Any, fake: Any, real: Any) -> Terms:
        code = batch["z"][:, 0]
        return super().g_terms(batch, fakes, fake, real) | {"code": functional.mse_loss(fake[1][:, 0], code)}


def test_the_latents_of_an_update_are_left_in_its_batch() -> None:
    game = Codes(nn.Linear(3, 2), Heads(), Hinge(), latent=3)
    torch.manual_seed(0)
    z = torch.randn(4, 3)
    torch.manual_seed(0)
    batch = {"x": torch.zeros(4, 2)}
    terms = game.generator_loss(batch)
    assert torch.equal(batch["z"], z)
    assert terms["code"].item() == pytest.approx(functional.mse_loss(game.generator(z)[:, 0], z[:, 0]).item())


class TwoScales(nn.Module):
    """Logits of both coordinates as patches `[N, 2]`, and of their sum `[N]`."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(2))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return x * self.scale, x.sum(1)


@pytest.mark.parametrize("loss", [NonSaturating(), RelativisticPairing()])
def test_losses_of_several_scales_are_averaged(loss: Any) -> None:
    game = TwoPlayer(nn.Linear(2, 2), TwoScales(), loss, latent=2)
    x = torch.tensor([[1.0, -1.0], [2.0, 0.5]])
    torch.manual_seed(0)
    fake = game.generator(torch.randn(2, 2)).detach()
    torch.manual_seed(0)
    value = game.discriminator_loss({"x": x})["loss"]
    each = [loss.discriminator(x, fake), loss.discriminator(x.sum(1), fake.sum(1))]
    assert value.item() == pytest.approx(sum(each).item() / 2)
    torch.manual_seed(0)
    value = game.generator_loss({"x": x})["loss"]
    each = [loss.generator(fake, x), loss.generator(fake.sum(1), x.sum(1))]
    assert value.item() == pytest.approx(sum(each).item() / 2, rel=1e-5)


def test_a_penalty_of_several_scales_is_that_of_their_mean() -> None:
    game = TwoPlayer(nn.Linear(2, 2), TwoScales(), Hinge(), {"r1": (R1(), Term(weight=2.0))}, latent=2)
    # The mean over patches is (a + b) / 2, that of both scales (3 / 4) (a + b): half its squared gradient is 9 / 16.
    value = game.penalty("r1", torch.randn(4, 2), torch.randn(4, 2), None)
    assert value.item() == pytest.approx(2 * 9 / 16)


class Pairs(TwoPlayer):
    """D is shown samples together with an input of the batch."""

    def fakes(self, batch: Batch) -> Tensor:
        return self.generator(batch["given"])

    def shown(self, x: Tensor, batch: Batch) -> Tensor:
        return torch.cat([x, batch["given"]], 1)


class Record(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(x.detach())
        return x.sum(1) * self.weight


def test_d_is_shown_what_the_game_says_in_both_updates_and_in_penalties() -> None:
    game = Pairs(nn.Identity(), Record(), Hinge(), {"r1": (R1(), Term())}, latent=1, ema=False)
    x, given = torch.zeros(3, 2), torch.ones(3, 2)
    game.discriminator_loss({"x": x, "given": given})
    game.generator_loss({"x": x, "given": given})
    real, fake = torch.cat([x, given], 1), torch.cat([given, given], 1)
    assert [seen.tolist() for seen in game.discriminator.seen] == [
        # R1 shares the pass of D's loss.
        real.tolist(),
        fake.tolist(),
        fake.tolist(),
    ]


class Pyramid(nn.Module):
    """Two scales of a sample: both are shown to D, the finer one is the sample."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(2, 4)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        fine = self.body(z)
        return fine[:, ::2], fine


class OfPyramid(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(6, 1)

    def forward(self, x: tuple[Tensor, Tensor]) -> Tensor:
        return self.body(torch.cat(x, 1))[:, 0]


class MultiScale(TwoPlayer):
    def shown(self, x: Any, batch: Batch) -> Any:
        return (x[:, ::2], x) if isinstance(x, Tensor) else x

    def image_of(self, generated: Any) -> Tensor:
        return generated[1]


@pytest.mark.parametrize("joint", [True, False])
def test_a_multi_scale_game_shows_tuples_and_samples_the_finest(joint: bool) -> None:
    game = MultiScale(Pyramid(), OfPyramid(), Hinge(), latent=2, joint=joint)
    batch = {"x": torch.randn(5, 4)}
    assert game.discriminator_loss(batch)["loss"].requires_grad
    assert game.generator_loss(batch)["loss"].requires_grad
    assert game.sample(3).shape == (3, 4)
    z = torch.randn(3, 2)
    assert torch.equal(game.generate(z), game.generator(z)[1])


class Stretched(TwoPlayer):
    def setup(self, recipe: Any, data: DataSpec) -> None:
        self.register_buffer("stretch", torch.full(data.shape, float(recipe.latent)))


def test_setup_is_called_with_recipe_and_data() -> None:
    spec, recipe = DataSpec("test", "points", (2,), range=None), TwoPlayerRecipe(latent=3)
    game = Stretched.from_recipe(nn.Linear(3, 2), nn.Linear(2, 1), recipe, spec, joint=False)
    assert game.stretch.tolist() == [3.0, 3.0]
    assert game.recipe is recipe
    assert game.data is spec
    assert not game.joint


def test_structures_are_joined_and_split_part_by_part() -> None:
    a, b = {"x": (torch.zeros(2), torch.ones(2, 3))}, {"x": (torch.ones(1), torch.zeros(1, 3))}
    both = joined(a, b)
    first, second = split(both, 2)
    for part, whole in ((first, a), (second, b)):
        assert [t.tolist() for t in part["x"]] == [t.tolist() for t in whole["x"]]
    assert per_sample((torch.ones(2, 4), torch.zeros(2))).tolist() == [0.5, 0.5]


class Scales(TwoPlayer):
    def shown(self, x: Any, batch: Batch) -> Any:
        return {"fine": x, "coarse": (x.mean(1, keepdim=True), x.sum(1))}


class OfScales(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([2.0, 3.0, 5.0]))

    def forward(self, x: Any) -> Tensor:
        (mean, total), fine = x["coarse"], x["fine"]
        return self.weight[0] * fine.square().sum(1) + self.weight[1] * mean[:, 0] + self.weight[2] * total


@pytest.mark.parametrize("every", [1, 4])
def test_a_penalty_sees_several_tensors_as_one_vector(every: int) -> None:
    term = Term(weight=2.0, every=every)
    penalties: Any = {"r1": (R1(), term), "wgan-gp": (WGANGradientPenalty(), term)}
    game = Scales(nn.Identity(), OfScales(), NonSaturating(), penalties, latent=2)
    real, fake = torch.randn(3, 2), torch.randn(3, 2)
    shown = [game.shown(x, {}) for x in (real, fake)]
    # The gradient is 4 x at the fine scale, and constant at the others.
    wanted = 0.5 * ((4 * real).square().sum(1) + 9 + 25).mean()
    assert game.penalty("r1", *shown, None).item() == pytest.approx(2 * wanted.item(), rel=1e-5)
    torch.manual_seed(4)
    value = game.penalty("wgan-gp", *shown, None)
    torch.manual_seed(4)
    between = torch.lerp(real, fake, torch.rand(3, 1))
    norms = ((4 * between).square().sum(1) + 9 + 25).sqrt()
    assert value.item() == pytest.approx(2 * (norms - 1).square().mean().item(), rel=1e-5)
    torch.manual_seed(5)
    batch = {"x": real}
    terms = game.discriminator_loss(batch) if every == 1 else game.lazy_penalty("r1", batch)
    assert terms["r1" if every == 1 else "loss"].item() == pytest.approx(2 * wanted.item(), rel=1e-5)
    terms["r1" if every == 1 else "loss"].backward()


def test_a_penalty_refuses_integers_among_several_tensors() -> None:
    game = Scales(nn.Identity(), OfScales(), NonSaturating(), {"r1": (R1(), Term())}, latent=2)
    with pytest.raises(GanzooError, match="'r1' cannot differentiate the integers that D is shown: leave it out"):
        game.penalty("r1", (torch.randn(2, 2), torch.tensor([1, 2])), (torch.randn(2, 2), torch.tensor([1, 2])), None)


def test_flattening_can_be_undone() -> None:
    x = {"a": torch.randn(3, 2, 2), "b": (torch.randn(3), torch.randn(3, 1, 4))}
    flat = flattened(x)
    assert flat.shape == (3, 4 + 1 + 4)
    back = restored(flat, x)
    assert torch.equal(back["a"], x["a"])
    assert all(map(torch.equal, back["b"], x["b"]))
    assert isinstance(back["b"], tuple)
    assert restored(flat[:1], x)["a"].shape == (1, 2, 2)
