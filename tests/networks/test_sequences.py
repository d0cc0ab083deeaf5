"""Recurrent networks, embeddings of tokens and Gumbel-softmax samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.autograd import gradgradcheck

from ganzoo.errors import GanzooError
from ganzoo.games import add_spectral_norm
from ganzoo.networks import GumbelSoftmax, RecurrentDiscriminator, RecurrentGenerator, TokenEmbedding


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("per_step", [True, False])
@pytest.mark.parametrize("shape", [(6, 3), (1, 1)])
def test_recurrent_networks_make_and_take_series(shape: tuple[int, int], per_step: bool, cell: str) -> None:
    x = RecurrentGenerator(12, shape, 4, 2, cell=cell, per_step=per_step)(torch.randn(5, 12))
    assert x.shape == (5, *shape)
    assert x.abs().max() <= 1
    for both_ways in (True, False):
        network = RecurrentDiscriminator(shape, 4, 2, cell=cell, per_step=per_step, both_ways=both_ways)
        assert network(x).shape == ((5, shape[0]) if per_step else (5,))


def test_a_step_of_a_series_depends_on_the_latents_so_far() -> None:
    network, z = RecurrentGenerator(12, (6, 2), 4), torch.randn(1, 12)
    changed = z.clone()
    changed[:, 6] += 1
    same = (network(z) == network(changed)).all(-1)[0].tolist()
    assert same == [True, True, True, False, False, False]


def test_the_gru_by_hand() -> None:
    network, x = RecurrentDiscriminator((4, 2), 3), torch.randn(1, 4, 2)
    p = {name: value.detach().numpy().astype(float) for name, value in network.named_parameters()}
    h, logits = np.zeros(3), []
    for step in x[0].numpy().astype(float):
        of_x = np.split(p["body.weight_ih_l0"] @ step + p["body.bias_ih_l0"], 3)
        of_h = np.split(p["body.weight_hh_l0"] @ h + p["body.bias_hh_l0"], 3)
        reset, update = (1 / (1 + np.exp(-of_x[k] - of_h[k])) for k in (0, 1))
        h = (1 - update) * np.tanh(of_x[2] + reset * of_h[2]) + update * h
        logits.append((p["output.weight"] @ h + p["output.bias"])[0])
    assert network(x)[0].tolist() == pytest.approx(logits, abs=1e-5)


def test_reading_both_ways_ends_at_both_ends() -> None:
    network, x = RecurrentDiscriminator((5, 2), 3, per_step=False, both_ways=True), torch.randn(2, 5, 2)
    states, last = network.body(x)
    assert torch.allclose(network(x), network.output(torch.cat([last[0], last[1]], 1))[:, 0])
    assert states.shape == (2, 5, 6)


def test_an_unknown_cell_is_refused() -> None:
    with pytest.raises(GanzooError, match=r"unknown cell 'rnn'.*gru"):
        RecurrentDiscriminator((4, 2), cell="rnn")


def test_a_latent_that_cannot_be_split_among_steps_is_refused() -> None:
    with pytest.raises(GanzooError, match=r"a latent of 10 cannot be split evenly among 4 steps: use --set latent=8"):
        RecurrentGenerator(10, (4, 2))


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_a_recurrent_discriminator_can_be_differentiated_twice(cell: str) -> None:
    network = RecurrentDiscriminator((3, 2), 2, cell=cell).double()
    x = torch.randn(2, 3, 2, dtype=torch.float64, requires_grad=True)
    assert gradgradcheck(network, (x,))


def test_spectral_normalisation_refuses_recurrent_networks() -> None:
    with pytest.raises(GanzooError, match="recurrent"):
        add_spectral_norm(RecurrentDiscriminator((3, 2), 2))


def test_integer_and_one_hot_tokens_have_the_same_embedding() -> None:
    embed, tokens = TokenEmbedding(5, 3), torch.tensor([[0, 4, 1], [2, 2, 3]])
    rows = torch.nn.functional.one_hot(tokens, 5).float()
    assert torch.equal(embed(tokens), embed.weight[tokens])
    assert torch.allclose(embed(rows), embed(tokens))


def test_soft_tokens_have_the_mean_embedding_and_carry_gradients() -> None:
    embed, rows = TokenEmbedding(3, 2), torch.tensor([[[0.5, 0.25, 0.25]]], requires_grad=True)
    y = embed(rows)
    assert torch.allclose(y[0, 0], 0.5 * embed.weight[0] + 0.25 * embed.weight[1] + 0.25 * embed.weight[2])
    y.sum().backward()
    assert torch.allclose(rows.grad[0, 0], embed.weight.sum(1))


def test_embeddings_begin_small_and_can_be_normalised() -> None:
    torch.manual_seed(0)
    embed = TokenEmbedding(1000, 32)
    assert embed.weight.std().item() == pytest.approx(0.1, rel=0.02)
    add_spectral_norm(embed)
    assert embed(torch.tensor([[1, 2]])).shape == (1, 2, 32)


def test_gumbel_softmax_draws_from_the_softmax() -> None:
    torch.manual_seed(0)
    logits = torch.tensor([2.0, 0.0, 1.0, -1.0])
    rows = GumbelSoftmax(0.5)(logits.expand(20_000, -1))
    assert torch.allclose(rows.sum(-1), torch.ones(20_000), atol=1e-5)
    counts = rows.argmax(-1).bincount(minlength=4) / 20_000
    expected = [math.exp(v) / sum(math.exp(u) for u in logits.tolist()) for v in logits.tolist()]
    assert counts.tolist() == pytest.approx(expected, abs=0.015)


def test_straight_through_rows_are_one_hot_with_the_soft_rows_gradient() -> None:
    logits = torch.randn(2, 3, 4, requires_grad=True)
    weights, grads = torch.randn(2, 3, 4), []
    for straight_through in (True, False):
        torch.manual_seed(0)
        rows = GumbelSoftmax(0.7, straight_through=straight_through)(logits)
        grads.append(torch.autograd.grad((rows * weights).sum(), logits)[0])
        if straight_through:
            assert torch.allclose(rows.sort(-1).values, torch.tensor([0.0, 0.0, 0.0, 1.0]), atol=1e-6)
    assert torch.allclose(*grads, atol=1e-6)


def test_the_temperature_can_be_changed_and_is_in_checkpoints() -> None:
    layer, logits = GumbelSoftmax(5.0), torch.zeros(1000, 4)
    soft = layer(logits).max(-1).values.mean()
    layer.anneal(0.01)
    assert layer(logits).max(-1).values.mean() > 0.95 > soft
    assert layer.state_dict()["temperature"].item() == pytest.approx(0.01)
