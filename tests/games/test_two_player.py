"""The common game: one generator, one discriminator, any loss, any penalties."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from typing import Any

import pytest
import torch
from small import Logits, penalty, perceptron, point_data, recipe, same, trainer, two_player
from torch import Tensor, nn

from ganzoo.errors import GanzooError
from ganzoo.game import LazyBatch, uncompiled
from ganzoo.games import TwoPlayer, add_spectral_norm
from ganzoo.games.losses import NonSaturating, Wasserstein
from ganzoo.machine.launch import launch
from ganzoo.recipes import Optimiser, RunOptions, Term
from ganzoo.training.trainer import Trainer
from ganzoo.zoo import registry

LOSSES, PENALTIES = list(registry.losses()), list(registry.penalties())


def with_batch_norm() -> nn.Module:
    return Logits(nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.LeakyReLU(), nn.Linear(8, 1)))


@pytest.mark.parametrize("loss", LOSSES)
def test_one_joint_pass_equals_two_where_there_is_no_batch_norm(loss: str) -> None:
    grads = []
    for joint in (True, False):
        game = two_player(recipe(loss=loss))
        game.joint = joint
        torch.manual_seed(1)
        batch = point_data().batch(torch.arange(8))
        for terms in (game.discriminator_loss(batch), game.generator_loss(batch)):
            terms["loss"].backward()
        grads.append([p.grad for p in game.parameters() if p.grad is not None])
    assert grads[0]
    torch.testing.assert_close(grads[0], grads[1])


def test_the_joint_pass_is_off_with_batch_norm_in_the_discriminator_only() -> None:
    assert not two_player(recipe(), with_batch_norm()).joint
    assert two_player(recipe()).joint
    generator = nn.Sequential(nn.Linear(4, 2), nn.BatchNorm1d(2))
    assert TwoPlayer(generator, Logits(perceptron(2, 1)), NonSaturating(), latent=4).joint


def test_batch_norm_sees_real_and_fake_samples_apart() -> None:
    game = two_player(recipe(), with_batch_norm())
    sizes: list[int] = []
    game.discriminator.register_forward_hook(lambda module, args, out: sizes.append(len(args[0])))
    game.discriminator_loss({"x": torch.ones(8, 2)})
    assert sizes == [8, 8]


@pytest.mark.parametrize("name", PENALTIES)
@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_trains_with_every_penalty(loss: str, name: str) -> None:
    used = recipe(loss=loss, penalties={name: Term(weight=1.0)})
    played = trainer(used)
    before = played.gan.state_dict()
    before = {key: value.clone() for key, value in before.items()}
    played.play_step()
    played.play_step()
    values = played.read_log()
    assert set(values) == {"d/loss", "d/real", "d/fake", f"d/{name}", "g/loss"}
    assert all(torch.tensor(value).isfinite() for value in values.values())
    assert all(weight.isfinite().all() for weight in played.gan.parameters())
    assert not same(before, dict(played.gan.state_dict()))


def test_a_penaltys_weight_multiplies_it() -> None:
    values = []
    for weight in (1.0, 3.0):
        game = two_player(recipe(penalties={"r1": Term(weight=weight)}))
        torch.manual_seed(1)
        values.append(game.discriminator_loss({"x": torch.ones(8, 2)})["r1"])
    torch.testing.assert_close(values[1], 3 * values[0])


def test_the_discriminators_phase_repeats_n_critic_times_and_comes_before_the_generators() -> None:
    rows = two_player(recipe(n_critic=4)).phases()
    assert [(row.name, row.player, row.repeats) for row in rows] == [("d", "d", 4), ("g", "g", 1)]


def test_a_lazy_penalty_is_a_phase_of_its_own_and_leaves_the_discriminators() -> None:
    game = two_player(recipe(penalties={"r1": Term(every=4), "r2": Term(every=1)}))
    rows = [(row.name, row.player, row.every) for row in game.phases()]
    assert rows == [("d", "d", 1), ("r1", "d", 4), ("g", "g", 1)]
    assert set(game.discriminator_loss({"x": torch.ones(8, 2)})) == {"loss", "real", "fake", "r2"}


def test_clipping_bounds_every_weight_of_the_discriminator_alone() -> None:
    played = trainer(recipe(clip=0.01))
    for _ in range(2):
        played.play_step()
    assert max(weight.abs().max() for weight in played.gan.discriminator.parameters()) <= 0.01
    assert max(weight.abs().max() for weight in played.gan.generator.parameters()) > 0.01


def test_without_clip_weights_are_free() -> None:
    played = trainer(recipe())
    played.play_step()
    assert max(weight.abs().max() for weight in played.gan.discriminator.parameters()) > 0.1


def test_spectral_norm_makes_the_largest_singular_value_of_each_layer_one() -> None:
    played = trainer(recipe(spectral_norm=True, steps=60))
    for _ in range(60):
        played.play_step()
    layers = [layer for layer in played.gan.discriminator.modules() if isinstance(layer, nn.Linear)]
    assert len(layers) == 2
    for layer in layers:
        assert torch.linalg.matrix_norm(layer.weight, 2).item() == pytest.approx(1.0, abs=0.02)


def test_spectral_norm_leaves_the_generator_alone() -> None:
    game = two_player(recipe(spectral_norm=True))
    assert not any("parametrizations" in name for name, _ in game.generator.named_parameters())


def test_spectral_norm_reaches_convolutions_too() -> None:
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ConvTranspose2d(4, 4, 3), nn.Flatten(), nn.Linear(4, 1))
    add_spectral_norm(net)
    assert sum("parametrizations" in name and name.endswith("original") for name, _ in net.named_parameters()) == 3


class Conditional(nn.Module):
    """Takes labels and remembers them."""

    def __init__(self, fan_in: int, fan_out: int, logits: bool) -> None:
        super().__init__()
        self.body, self.embed, self.logits = perceptron(fan_in, fan_out), nn.Embedding(3, fan_in), logits
        self.seen: list[Tensor] = []

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        self.seen.append(y)
        out = self.body(x + self.embed(y))
        return out[:, 0] if self.logits else out


@pytest.mark.parametrize("joint", [True, False])
def test_labels_reach_both_networks(joint: bool) -> None:
    g, d = Conditional(4, 2, False), Conditional(2, 1, True)
    game = TwoPlayer(g, d, NonSaturating(), penalty("r1", Term()), latent=4, classes=3, joint=joint)
    y = torch.tensor([0, 1, 2, 2])
    game.discriminator_loss({"x": torch.ones(4, 2), "y": y})
    assert torch.equal(g.seen[0], y)
    assert all(torch.equal(labels, y.repeat(len(labels) // 4)) for labels in d.seen)
    # Where samples are judged one by one, R1 needs no pass of its own.
    assert sum(len(labels) for labels in d.seen) == (8 if joint else 12)
    game.generator_loss({"x": torch.ones(4, 2), "y": y})
    assert torch.equal(g.seen[-1], y)
    assert torch.equal(d.seen[-1], y)


def test_a_conditional_game_draws_labels_when_it_is_given_none() -> None:
    game = TwoPlayer(Conditional(4, 2, False), Conditional(2, 1, True), NonSaturating(), latent=4, classes=3)
    game.sample(60)
    assert game.generator.seen[-1].unique().tolist() == [0, 1, 2]


def test_normal_latents_are_normal_and_uniform_ones_stay_in_the_cube() -> None:
    torch.manual_seed(0)
    normal = two_player(recipe()).draw_latent(2000)
    uniform = two_player(recipe(latent_distribution="uniform")).draw_latent(2000)
    assert normal.shape == uniform.shape == (2000, 4)
    assert normal.std().item() == pytest.approx(1.0, abs=0.05)
    assert uniform.abs().max() <= 1
    assert uniform.std().item() == pytest.approx(1 / 3**0.5, abs=0.02)


def test_only_losses_that_look_at_real_samples_have_them_gathered_for_the_generator(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    read = LazyBatch.__getitem__
    monkeypatch.setattr(LazyBatch, "__getitem__", lambda self, name: asked.append(name) or read(self, name))
    for loss, wanted in (("non-saturating", False), ("relativistic", True)):
        play = trainer(recipe(loss=loss))
        asked.clear()
        play.update(next(phase for phase in play.phases if phase.name == "g"))
        assert ("x" in asked) == wanted


def test_latents_are_drawn_where_the_game_is_moved_to() -> None:
    game = two_player(recipe())
    assert game.device == torch.device("cpu")
    game.to("meta")
    assert game.device == game.draw_latent(2).device == torch.device("meta")


def test_without_ema_there_are_no_averages() -> None:
    assert list(two_player(recipe(ema=0.0)).averages) == []
    assert list(two_player(recipe(ema=0.9)).averages) == ["g"]


def test_an_option_that_the_loss_does_not_have_is_named_with_those_it_has() -> None:
    with pytest.raises(GanzooError, match=r"'non-saturating' has no option 'smothing': it has smoothing"):
        two_player(recipe(loss_options={"smothing": 0.1}))
    with pytest.raises(GanzooError, match=r"'hinge' has no option 'x': it has none"):
        two_player(recipe(loss="hinge", loss_options={"x": 0.1}))


def test_loss_options_reach_the_loss() -> None:
    assert two_player(recipe(loss_options={"smoothing": 0.25})).loss.smoothing == 0.25


def test_an_unknown_penalty_is_refused_with_a_suggestion() -> None:
    with pytest.raises(GanzooError, match="did you mean wgan-gp"):
        two_player(recipe(penalties={"wgan-g": Term()}))


def test_bf16_steps_run_on_the_cpu_and_keep_weights_and_penalties_in_fp32() -> None:
    used = recipe(penalties={"wgan-gp": Term(weight=10.0)})
    kinds: list[torch.dtype] = []
    game = two_player(used)
    game.generator.register_forward_hook(lambda module, args, out: kinds.append(out.dtype))
    critic, _ = game.penalties["wgan-gp"]
    game.penalties["wgan-gp"] = (lambda d, real, fake: kinds.append(d(real).dtype) or critic(d, real, fake), Term())
    played = Trainer(game, point_data(), used, launch(RunOptions(device="cpu", precision="bf16")))
    played.play_step()
    assert kinds[:2] == [torch.bfloat16, torch.float32]
    assert {weight.dtype for weight in game.parameters()} == {torch.float32}
    assert all(torch.tensor(value).isfinite() for value in played.read_log().values())


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("c++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled_networks_train_as_eager_ones_with_a_second_order_penalty() -> None:
    torch._dynamo.reset()
    # One of the two steps has the penalty, so that both ways through D are compiled.
    used = recipe(penalties={"wgan-gp": Term(weight=10.0, every=2)})
    eager, compiled = trainer(used), trainer(used)
    for player in compiled.gan.players.values():
        player.compile()
    for _ in range(2):
        eager.play_step()
        compiled.play_step()
    for a, b in zip(eager.gan.parameters(), compiled.gan.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_uncompiled_gives_the_compiled_call_back_even_after_an_error() -> None:
    module = nn.Linear(2, 2)
    module.compile()
    call = module._compiled_call_impl
    with uncompiled(module):
        assert module._compiled_call_impl is None
    assert module._compiled_call_impl is call
    with pytest.raises(ZeroDivisionError), uncompiled(module):
        _ = 1 / 0
    assert module._compiled_call_impl is call


class Sum(nn.Module):
    """A critic of one weight, whose penalties below have a gradient of 1 wherever it is."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight.expand(len(x)) + 0 * x.sum(1)


def linear_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
    return critic(real).mean()


@pytest.mark.parametrize("n_critic", [1, 2, 5])
@pytest.mark.parametrize("every", [1, 2, 4])
def test_a_penaltys_weight_means_the_same_for_each_every_and_n_critic(every: int, n_critic: int) -> None:
    """The Wasserstein loss of a constant critic has no gradient, so SGD moves the weight by the penalty alone."""
    sgd = Optimiser(name="sgd", lr=1.0)
    used = recipe(n_critic=n_critic, steps=4, d=sgd, g=sgd)
    penalties = {"linear": (linear_penalty, Term(weight=0.5, every=every))}
    gan = TwoPlayer(perceptron(4, 2), Sum(), Wasserstein(), penalties, latent=4, n_critic=n_critic, ema=False)
    playing = trainer(used, gan)
    for _ in range(4):
        playing.play_step()
    assert gan.discriminator.weight.item() == pytest.approx(-0.5 * n_critic * 4)


def test_karras_correction_of_rate_and_betas_is_an_option() -> None:
    adam = Optimiser(lr=2e-3, betas=(0.5, 0.99))
    lazy = recipe(d=adam, g=adam, penalties={"r1": Term(weight=1.0, every=16)})
    assert lazy.optimiser("d") == adam
    corrected = dataclasses.replace(lazy, lazy_correction=True)
    c = 16 / 17
    assert corrected.optimiser("d").lr == pytest.approx(2e-3 * c)
    assert corrected.optimiser("d").betas == pytest.approx((0.5**c, 0.99**c))
    assert corrected.optimiser("g") == adam
    assert trainer(corrected).optimisers["d"].param_groups[0]["betas"] == pytest.approx((0.5**c, 0.99**c))


class Own(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 3))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight.T


LAYERS: dict[str, tuple[Callable[[], nn.Module], Tensor]] = {
    "linear": (lambda: nn.Linear(3, 4), torch.randn(2, 3)),
    "bilinear": (lambda: nn.Bilinear(3, 3, 4), torch.randn(2, 3)),
    "conv 1d": (lambda: nn.Conv1d(3, 4, 3), torch.randn(2, 3, 8)),
    "conv 2d": (lambda: nn.Conv2d(3, 4, 3), torch.randn(2, 3, 8, 8)),
    "conv 3d": (lambda: nn.Conv3d(3, 4, 3), torch.randn(2, 3, 4, 4, 4)),
    "transposed 1d": (lambda: nn.ConvTranspose1d(3, 4, 3), torch.randn(2, 3, 8)),
    "transposed 2d": (lambda: nn.ConvTranspose2d(3, 4, 3), torch.randn(2, 3, 8, 8)),
    "transposed 3d": (lambda: nn.ConvTranspose3d(3, 4, 3), torch.randn(2, 3, 4, 4, 4)),
    "embedding": (lambda: nn.Embedding(5, 4), torch.tensor([0, 3])),
    "own": (Own, torch.randn(2, 3)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_spectral_normalisation_knows_every_layer_with_a_weight(name: str) -> None:
    make, x = LAYERS[name]
    torch.manual_seed(0)
    network = nn.Sequential(make())
    add_spectral_norm(network)
    for _ in range(60):
        network[0](x, x) if name == "bilinear" else network(x)
    network.eval()
    weight = network[0].weight.detach()
    rows = weight.transpose(0, 1) if "transposed" in name else weight
    assert torch.linalg.matrix_norm(rows.flatten(1), 2).item() == pytest.approx(1.0, abs=1e-3)


def test_normalisation_layers_keep_their_weights_and_other_parameters_are_named(caplog: Any) -> None:
    class Constant(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.start = nn.Parameter(torch.randn(4, 2))

    network = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm([2, 4]), nn.BatchNorm1d(4), Constant())
    add_spectral_norm(network)
    assert {name for name, _ in network.named_parameters()} >= {"1.weight", "2.weight", "3.start"}
    assert "spectral_norm leaves out the parameters 3.start of the discriminator." in caplog.text


@pytest.mark.parametrize(
    ("network", "part"),
    [
        (nn.Sequential(nn.LSTM(3, 4)), "the recurrent layer '0' cannot be normalised"),
        (nn.Sequential(nn.Tanh(), nn.BatchNorm1d(3)), "has no layer with a weight to normalise"),
    ],
)
def test_spectral_normalisation_without_effect_is_refused(network: nn.Module, part: str) -> None:
    with pytest.raises(GanzooError, match=part):
        add_spectral_norm(network)


@pytest.mark.parametrize("value", [3.0, 1.0, -0.1, float("nan"), float("inf")])
def test_an_option_of_a_loss_outside_its_bounds_is_refused(value: float) -> None:
    with pytest.raises(GanzooError, match=r"loss_options\.smoothing: expected a number of at least 0 and below 1, not"):
        two_player(recipe(loss_options={"smoothing": value}))
