"""ctgan: mixtures, conditions and training by sampling, packs, and what its critic sees."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ganzoo_ctgan.game import uniform
from ganzoo_ctgan.mixtures import Mixtures
from ganzoo_ctgan.rows import Rows, chosen
from torch.nn.functional import one_hot

from ganzoo.data.dataset import Dataset
from ganzoo.errors import GanzooError
from ganzoo.networks import Choices, RowSoftmax, row_parts
from ganzoo.recipes import Data, DataSpec
from ganzoo.zoo import config, registry

SMALL = {"latent": 5, "g_hidden": [8], "d_hidden": [8], "modes": 3, "pack": 2, "batch": 12}
PARTS = [["value", 1], ["choice", 3], ["value", 1], ["choice", 1], ["choice", 2]]
SPEC = DataSpec("t", "table", (8,), range=None, note={"parts": PARTS})


def made(spec: DataSpec = SPEC, **keys: Any) -> Any:
    card = registry.variants()["ctgan"]
    torch.manual_seed(0)
    return card.build(config.override(card.recipes["breast-cancer"], SMALL | keys), spec)


def rows(count: int = 400) -> Dataset:
    """Rows of SPEC: the first choice has values of frequencies 0.9, 0.1 and 0, the last one follows it."""
    generator = torch.Generator().manual_seed(1)
    first = (torch.rand(count, generator=generator) < 0.1).long()
    last = 1 - first
    values = torch.randn(count, 2, generator=generator) * 0.1 + torch.stack([3.0 * first, -first], 1)
    parts = [values[:, :1], one_hot(first, 3), values[:, 1:], torch.ones(count, 1), one_hot(last, 2)]
    return Dataset({"x": torch.cat([part.float() for part in parts], 1)}, SPEC)


def prepared(**keys: Any) -> Any:
    game = made(**keys)
    game.prepare(rows())
    return game


# Rows


def test_the_parts_of_a_row() -> None:
    assert row_parts(SPEC) == ([0, 4], [(1, 3), (5, 1), (6, 2)])
    with pytest.raises(GanzooError, match="what the numbers of its rows are"):
        row_parts(DataSpec("t", "table", (9,), note={"parts": PARTS}))
    with pytest.raises(GanzooError, match="what the numbers of its rows are"):
        made(DataSpec("t", "table", (8,)))


def test_each_choice_has_its_own_softmax() -> None:
    x = torch.randn(6, 8)
    found = RowSoftmax(SPEC)(x)
    assert torch.equal(found[:, [0, 4]], x[:, [0, 4]])
    assert torch.allclose(found[:, 1:4], x[:, 1:4].softmax(1))
    assert torch.allclose(found[:, 5], torch.ones(6))
    assert torch.allclose(found[:, 6:], x[:, 6:].softmax(1))
    hard = Choices([(1, 3), (6, 2)], 8).hard(x)
    assert torch.equal(hard[:, 1:4], one_hot(x[:, 1:4].argmax(1), 3).float())
    assert torch.equal(hard[:, 4:6], x[:, 4:6])


# Mixtures


def test_the_modes_of_a_column_are_found() -> None:
    generator = torch.Generator().manual_seed(0)
    which = torch.arange(600) % 3
    centres = torch.tensor([-5.0, 0.0, 8.0])
    x = centres[which] + torch.tensor([0.5, 0.1, 1.0])[which] * torch.randn(600, generator=generator)
    mixtures = Mixtures(1, 6)
    mixtures.fit(x[:, None])
    used = mixtures.weights[0] > 0
    assert used.sum() == 3
    order = mixtures.means[0, used].argsort()
    assert mixtures.means[0, used][order].tolist() == pytest.approx(centres.tolist(), abs=0.2)
    position, mode = mixtures.encode(x[:, None])
    assert position.abs().max() <= 0.99
    assert torch.allclose(mixtures.decode(position, mode)[:, 0], x, atol=1e-4)
    kept = mixtures.means[0, mode[:, 0]] - centres[which]
    assert kept.abs().max() < 0.5


def test_modes_are_drawn_by_their_probabilities() -> None:
    mixtures = Mixtures(1, 3)
    mixtures.weights.copy_(torch.tensor([[0.6, 0.4, 0.0]]))
    mixtures.means.copy_(torch.tensor([[0.0, 1.0, 0.5]]))
    torch.manual_seed(0)
    x = torch.full((4000, 1), 0.2)
    _, mode = mixtures.encode(x)
    odds = 0.6 * math.exp(-0.5 * 0.04), 0.4 * math.exp(-0.5 * 0.64)
    assert (mode == 0).float().mean().item() == pytest.approx(odds[0] / sum(odds), abs=0.03)
    assert not (mode == 2).any()


def test_a_constant_column_has_a_mode() -> None:
    mixtures = Mixtures(1, 4)
    mixtures.fit(torch.zeros(30, 1))
    assert mixtures.means.isfinite().all()
    assert (mixtures.deviations > 0).all()
    assert mixtures.weights.sum() > 0.9


# Conditions


def test_values_are_requested_by_the_logarithm_of_their_frequency_and_rows_have_them() -> None:
    game, x = prepared(), rows().arrays["x"]
    torch.manual_seed(0)
    column, place, row = game.rows.draw(20_000, torch.device("cpu"))
    # The choice of a single value is never requested.
    assert set(column.tolist()) == {0, 2}
    counts = torch.stack([x[:, 1:4].sum(0), torch.tensor([*x[:, 6:].sum(0), 0.0])]).double()
    for number, at in ((0, 0), (2, 1)):
        weights = (counts[at] + 1).log()
        found = torch.bincount(place[column == number], minlength=3).double()
        assert (found / found.sum()).tolist() == pytest.approx((weights / weights.sum()).tolist(), abs=0.02)
    starts = torch.tensor([1, 5, 6])
    assert torch.equal(x[row, starts[column] + place], torch.ones(20_000))
    # All rows with a value are as likely.
    rare = row[(column == 0) & (place == 1)].bincount(minlength=400)[x[:, 2] == 1]
    assert rare.min() > 0.6 * rare.float().mean()


def test_sampled_conditions_are_as_frequent_as_the_data() -> None:
    game, x = prepared(), rows().arrays["x"]
    u = torch.rand(2, 20_000, generator=torch.Generator().manual_seed(0))
    condition = game.rows.frequent(u[0], u[1])
    assert torch.equal(condition.sum(1), torch.ones(20_000))
    wanted = torch.cat([x[:, 1:4].mean(0), torch.zeros(1), x[:, 6:].mean(0)]) / 2
    assert condition.mean(0).tolist() == pytest.approx(wanted.tolist(), abs=0.01)


def test_what_comes_after_the_last_value_is_never_chosen() -> None:
    steps = torch.tensor([[0.5, 0.9999999, 0.9999999]])
    assert chosen(steps, torch.tensor([1.0])).item() == 1
    assert chosen(steps, torch.tensor([0.0])).item() == 0


def test_the_generator_pays_for_other_values_than_requested() -> None:
    game = prepared()
    batch = {"x": rows().arrays["x"][:4], "column": torch.tensor([0, 0, 2, 2]), "value": torch.tensor([0, 1, 0, 1])}
    raw = torch.randn(4, 2 + 6 + 6)
    logits = raw[:, 8:]
    by_hand = [-logits[0, 0:3].log_softmax(0)[0], -logits[1, 0:3].log_softmax(0)[1]]
    by_hand += [-logits[2, 4:6].log_softmax(0)[0], -logits[3, 4:6].log_softmax(0)[1]]
    terms = game.g_terms(batch, (raw, torch.zeros(4, 12)), torch.zeros(2), None)
    assert terms["condition"].item() == pytest.approx(float(sum(by_hand)) / 4, rel=1e-5)


def test_without_conditions_the_batch_stays_as_it_is() -> None:
    game = prepared(condition=False)
    batch = {"x": rows().arrays["x"][:4]}
    game.fakes(batch)
    assert torch.equal(batch["x"], rows().arrays["x"][:4])
    assert game.shown(batch["x"], batch).shape == (2, 2 * 14)
    assert set(game.g_terms(batch, None, torch.zeros(2), None)) == {"loss"}
    numbers = DataSpec("t", "table", (2,), range=None, note={"parts": [["value", 1]] * 2})
    alone = made(numbers)
    alone.prepare(Dataset({"x": torch.randn(30, 2)}, numbers))
    assert alone.fakes({"x": torch.zeros(4, 2)})[0].shape == (4, 8)
    assert alone.sample(3).shape == (3, 2)


# What the critic sees


def test_packs_are_rows_one_after_the_other_with_their_conditions() -> None:
    game = prepared()
    batch = {"x": rows().arrays["x"][:5]}
    torch.manual_seed(0)
    fakes = game.fakes(batch)
    seen = game.shown(fakes, batch)
    width = 2 + 6 + 6 + 6
    assert seen.shape == (3, 2 * width)
    flat = seen.reshape(6, width)
    # The last pack is filled up with the first row.
    assert torch.equal(flat[5], flat[0])
    assert torch.equal(flat[:5, -6:], batch["condition"])
    assert torch.allclose(flat[:, 2:5].sum(1), torch.ones(6))
    assert torch.allclose(flat[:, 8:11].sum(1), torch.ones(6))
    assert flat[:, :2].abs().max() < 1
    real = game.shown(batch["x"], batch).reshape(6, width)
    assert torch.equal(real[:5, 8:11], batch["x"][:, 1:4])
    assert ((real[:, 2:8] == 0) | (real[:, 2:8] == 1)).all()
    # Real rows have what is requested.
    assert ((real[:5, 8:14] * batch["condition"]).sum(1) == 1).all()


def test_the_noise_is_gumbels_and_a_row_is_a_function_of_its_latent() -> None:
    game = prepared()
    z = game.draw_latent(2000)
    assert z.shape == (2000, 5 + 12 + 2)
    _, noise = game.generated(z, torch.zeros(2000, 6))
    assert noise.mean().item() == pytest.approx(0.5772, abs=0.03)
    assert noise.var().item() == pytest.approx(math.pi**2 / 6, rel=0.05)
    with game.for_sampling():
        assert torch.equal(game.generate(z[:7]), game.generate(z)[:7])
        sampled = game.generate(z)
    assert torch.equal(sampled[:, 1:4].sum(1), torch.ones(2000))
    assert uniform(torch.tensor([-40.0, 0.0, 40.0])).tolist() == pytest.approx([0, 0.5, 1], abs=1e-5)


def test_truncation_is_of_the_generators_own_noise() -> None:
    game = prepared()
    torch.manual_seed(0)
    z = game.draw_latent(500, 0.5)
    assert z[:, :5].abs().max() <= 0.5
    assert z[:, 5:].abs().max() > 2


def test_samples_have_modes_in_use_alone_and_the_frequencies_of_the_logits() -> None:
    game = prepared(ema=0.0)
    with torch.no_grad():
        game.generator.head.weight.zero_()
        game.generator.head.bias.zero_()
        game.generator.head.bias[8:11] = torch.tensor([0.7, 0.2, 0.1]).log()
    with game.for_sampling():
        torch.manual_seed(0)
        x = game.sample(8000)
    assert x[:, 1:4].mean(0).tolist() == pytest.approx([0.7, 0.2, 0.1], abs=0.02)
    used = game.mixtures.means[0][game.mixtures.weights[0] > 0]
    assert set(x[:, 0].tolist()) == set(used.tolist())


def test_statistics_are_in_checkpoints_and_rows_are_not() -> None:
    game = prepared()
    names = {name for name in game.state_dict() if not name.startswith(("players", "averages"))}
    assert names == {"mixtures.means", "mixtures.deviations", "mixtures.weights", "rows.frequencies"}
    other = made()
    other.load_state_dict(game.state_dict())
    z = game.draw_latent(20)
    with game.for_sampling(), other.for_sampling():
        assert torch.equal(game.generate(z), other.generate(z))


def test_real_rows_without_training_data_are_seen_with_their_own_values() -> None:
    game = made()
    batch = {"x": rows().arrays["x"][:50]}
    game.fakes(batch)
    places = batch["x"][:, [1, 2, 3, 5, 6, 7]]
    assert ((places * batch["condition"]).sum(1) == 1).all()


def test_rows_of_one_category() -> None:
    found = Rows([(0, 1)], True)
    found.count(torch.ones(5, 1))
    column, place, row = found.draw(10, torch.device("cpu"))
    assert set(column.tolist()) == set(place.tolist()) == {0}
    assert set(row.tolist()) <= set(range(5))


def test_wgan_gp_generates_probabilities_of_categories() -> None:
    card = registry.variants()["wgan-gp"]
    spec = registry.datasets()["wine"].load(Data(name="wine"), Path(), "train").spec
    game = card.build(config.override(card.recipes["table"], {"width": 8}), spec)
    with game.for_sampling():
        x = game.sample(5)
    assert x.shape == (5, *spec.shape)
    assert x[:, -3:].sum(1).numpy() == pytest.approx(np.ones(5), abs=1e-5)
