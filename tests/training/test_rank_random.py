"""Random numbers for the global batch: each rank's draws are its rows of what one rank would draw."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from ganzoo.training import rank_random as draws
from ganzoo.training.rank_random import GlobalBatchRandom

ROWS, RANKS = 3, 4

DRAWN: dict[str, Callable[[Tensor], Tensor]] = {
    "randn": lambda x: torch.randn(len(x), 5),
    "rand with a tuple": lambda x: torch.rand((len(x), 1, 1)),
    "rand with a named size": lambda x: torch.rand(size=(len(x), 2), dtype=torch.float64),
    "randint": lambda x: torch.randint(10, (len(x),)),
    "randint with both ends": lambda x: torch.randint(5, 10, size=(len(x), 2)),
    "normal of a size": lambda x: torch.normal(1.0, 2.0, (len(x), 2)),
    "normal of tensors": lambda x: torch.normal(x, torch.ones(x.shape[1:])),
    "new tensor, in place": lambda x: x.new_empty(len(x), 7).normal_(0, 2),
    "uniform_": lambda x: torch.empty_like(x).uniform_(-1, 1),
    "exponential_": lambda x: torch.empty_like(x).exponential_(),
    "bernoulli_": lambda x: torch.empty_like(x).bernoulli_(0.3),
    "rand_like": torch.rand_like,
    "randn_like": lambda x: torch.randn_like(x.to(memory_format=torch.channels_last)),
    "randint_like": lambda x: torch.randint_like(x, 9),
    "bernoulli": lambda x: torch.bernoulli(x.sigmoid()),
    "multinomial": lambda x: torch.multinomial(x.flatten(1).exp(), 2, replacement=True),
    "dropout": functional.dropout,
    "dropout of channels": functional.dropout2d,
    "dropout in place": lambda x: functional.dropout(x.clone(), 0.5, True, True),
    "alpha dropout": functional.alpha_dropout,
    "gumbel_softmax": lambda x: functional.gumbel_softmax(x, hard=True),
    "categorical distribution": lambda x: torch.distributions.Categorical(logits=x.flatten(1)).sample(),
    "normal distribution": lambda x: torch.distributions.Normal(x, 1.0).rsample(),
    "twice": lambda x: torch.randn(len(x)) * torch.rand(len(x)),
}


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_the_ranks_draw_what_one_rank_would_bit_for_bit(draw: Callable[[Tensor], Tensor]) -> None:
    x = torch.randn(ROWS * RANKS, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(1)
    whole, after = draw(x), torch.rand(())
    parts = []
    for rank in range(RANKS):
        torch.manual_seed(1)
        with GlobalBatchRandom(rank, RANKS, ROWS):
            parts.append(draw(x[rank * ROWS : (rank + 1) * ROWS]))
            # What was drawn in all is the same too, so that the next draw is.
            assert torch.equal(torch.rand(()), after)
    assert torch.equal(torch.cat(parts), whole)
    assert not torch.equal(parts[0], parts[1])


def test_real_and_fake_samples_in_one_tensor_are_both_taken_apart() -> None:
    real, fake = torch.randn(ROWS * RANKS, 6), torch.randn(ROWS * RANKS, 6)
    torch.manual_seed(1)
    whole = functional.dropout(torch.cat([real, fake]))
    for rank in range(RANKS):
        own = slice(rank * ROWS, (rank + 1) * ROWS)
        torch.manual_seed(1)
        with GlobalBatchRandom(rank, RANKS, ROWS):
            both = functional.dropout(torch.cat([real[own], fake[own]]))
        assert torch.equal(both, torch.cat([whole[: len(real)][own], whole[len(real) :][own]]))


def test_a_draw_that_is_not_for_the_samples_is_the_same_on_all_ranks() -> None:
    drawn = []
    for rank in range(RANKS):
        torch.manual_seed(1)
        with GlobalBatchRandom(rank, RANKS, ROWS):
            drawn.append(torch.cat([torch.rand(()).view(1), torch.randn(ROWS + 1), torch.randperm(ROWS).float()]))
    assert all(torch.equal(drawn[0], other) for other in drawn)


def test_gradients_flow_through_dropout() -> None:
    weight = torch.ones(6, requires_grad=True)
    x = torch.randn(ROWS, 6)
    with GlobalBatchRandom(1, RANKS, ROWS):
        dropped = functional.dropout(x * weight)
        (gradient,) = torch.autograd.grad(dropped.sum(), weight)
    torch.testing.assert_close(gradient, dropped.detach().sum(0))


def test_a_drawn_leaf_can_have_a_gradient() -> None:
    with GlobalBatchRandom(1, RANKS, ROWS):
        z = torch.randn(ROWS, 2, requires_grad=True)
    assert z.is_leaf
    assert z.requires_grad


def test_every_operation_that_draws_is_handled_or_said_to_be_left() -> None:
    """torch marks what takes numbers from a generator; a new one has to be looked at."""
    handled = {function.__name__.rstrip("_") for function in (*draws.SIZED, *draws.BY_ROW, *draws.BY_VALUE)} | set(
        draws.SAME_ON_ALL_RANKS
    )
    inner = {
        "_fused_dropout": "dropout", "normal_functional": "normal", "rrelu_with_noise": "rrelu",
        "rrelu_with_noise_functional": "rrelu", "cauchy": "cauchy", "exponential": "exponential",
    }  # fmt: skip
    unknown = set()
    for name in dir(torch.ops.aten):
        packet = getattr(torch.ops.aten, name)
        if not hasattr(packet, "overloads"):
            continue
        tags = {tag for overload in packet.overloads() for tag in getattr(packet, overload).tags}
        plain = inner.get(name.rstrip("_"), name.rstrip("_"))
        attention = "scaled_dot_product" in name or "_attention_forward" in name
        if torch.Tag.nondeterministic_seeded in tags and not attention and plain not in handled:
            unknown.add(name)
    assert not unknown
