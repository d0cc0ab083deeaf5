"""Every seed and every step has random numbers of its own, on a CPU too, whose generator reads 32 bits of a seed."""

from __future__ import annotations

import pytest
import torch
from small import point_data, recipe, two_player
from small import trainer as make_trainer

import ganzoo
from ganzoo.data.dataset import BatchStream
from ganzoo.machine.seeds import mixed_seed
from ganzoo.training.trainer import Trainer, reseed

SEEDS = (0, 1, 7, 2**31 - 1)


def latents(seed: int, steps: int = 3) -> list[torch.Tensor]:
    """The latents that a run of this seed draws, of all its phases, from the same weights."""
    gan = two_player(recipe())
    drawn: list[torch.Tensor] = []
    draw = gan.draw_latent

    def recorded(n: int, truncation: float | None = None) -> torch.Tensor:
        drawn.append(draw(n, truncation))
        return drawn[-1]

    gan.draw_latent = recorded  # type: ignore[method-assign]
    trainer: Trainer = make_trainer(recipe(seed=seed), gan)
    for _ in range(steps):
        trainer.play_step()
    return drawn


def test_runs_of_other_seeds_draw_other_latents_in_every_step() -> None:
    runs = [latents(seed) for seed in SEEDS]
    assert all(len(run) == 6 for run in runs)
    flat = [tuple(z.flatten().tolist()) for run in runs for z in run]
    assert len(set(flat)) == len(flat)


def test_the_seeds_differ_in_the_bits_that_a_cpus_generator_reads() -> None:
    low = {mixed_seed(seed, step) & 0xFFFFFFFF for seed in range(100) for step in range(1000)}
    # Of 100,000 random numbers of 32 bits about one pair is equal.
    assert len(low) > 99_980


@pytest.mark.parametrize("seed", SEEDS)
def test_a_step_can_be_drawn_again(seed: int) -> None:
    reseed(mixed_seed(seed, 5), torch.device("cpu"))
    first = torch.rand(3)
    reseed(mixed_seed(seed, 5), torch.device("cpu"))
    assert torch.equal(torch.rand(3), first)


def test_runs_of_other_seeds_shuffle_otherwise() -> None:
    # 2^32 apart, which the generator alone would take for one seed.
    orders = [BatchStream(point_data(50), 50, seed).indices(0) for seed in (0, 1, 2**32)]
    assert not torch.equal(orders[0], orders[1])
    assert not torch.equal(orders[0], orders[2])


def test_samples_of_other_seeds_differ(digits_run: object) -> None:
    run = ganzoo.load(str(digits_run))
    drawn = [run.sample(4, seed=seed) for seed in (0, 1, 2**32)]
    assert not torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    walks = [run.interpolate(1, 4, seed=seed) for seed in (0, 2**32)]
    assert not torch.equal(walks[0], walks[1])


def test_sample_k_of_a_seed_does_not_depend_on_how_many_are_drawn(digits_run: object) -> None:
    run = ganzoo.load(str(digits_run))
    many = run.sample(300, seed=3)
    for n in (1, 10, 64, 256, 257):
        torch.testing.assert_close(run.sample(n, seed=3), many[:n], rtol=0, atol=1e-5)


@pytest.mark.parametrize("accumulate", [2, 3, 4, 6])
def test_parts_of_a_batch_draw_what_the_undivided_batch_would(accumulate: int) -> None:
    def trained(parts: int) -> dict[str, torch.Tensor]:
        used = recipe(batch=60, accumulate=parts)
        trainer = make_trainer(used, two_player(used))
        for _ in range(3):
            trainer.play_step()
        return dict(trainer.gan.state_dict())

    torch.testing.assert_close(trained(accumulate), trained(1), rtol=1e-4, atol=1e-5)
