"""Growing games: batch, rates, optimisers and remaining time change with the level, and resuming needs no state."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from kinds_of_data import growing
from small import point_data, recipe, same, two_player

from ganzoo.data.dataset import Dataset
from ganzoo.errors import GanzooError
from ganzoo.game import Course, Level, Progress, course_of
from ganzoo.games import TwoPlayer
from ganzoo.machine.fabric import SingleDevice
from ganzoo.recipes import Optimiser, Recipe
from ganzoo.runs.callbacks.progress import ProgressBar
from ganzoo.testing import check_updates, check_variant
from ganzoo.testing.examples import example_data
from ganzoo.training.trainer import Trainer

LEVELS = {0: Level(0), 2: Level(1, batch=12, rate=0.5, cost=2.0, resets=("d",)), 4: Level(2, batch=4, cost=5.0)}


class Growing(TwoPlayer):
    def level(self, progress: Progress) -> Level:
        return LEVELS[max(step for step in LEVELS if step <= progress.step)]


def made(used: Any = None) -> Trainer:
    used = used or recipe(steps=6, d=Optimiser(lr=1e-2))
    return Trainer(two_player(used, kind=Growing), point_data(), used, SingleDevice(torch.device("cpu")))


def test_each_level_has_its_batch_and_its_rate() -> None:
    trainer = made()
    seen: list[tuple[int, float]] = []
    fakes = trainer.gan.fakes

    def watched(batch: Any) -> Any:
        drawn = fakes(batch)
        if torch.is_grad_enabled():
            seen.append((len(drawn), trainer.optimisers["d"].param_groups[0]["lr"]))
        return drawn

    trainer.gan.fakes = watched
    for _ in range(6):
        trainer.play_step()
    assert [size for size, _ in seen] == [8, 8, 12, 12, 4, 4]
    assert [rate for _, rate in seen] == pytest.approx([0.01, 0.01, 0.005, 0.005, 0.01, 0.01])
    assert trainer.progress.samples == 2 * (8 + 12 + 4)


def test_batches_of_other_sizes_follow_each_other_in_the_stream() -> None:
    trainer = made()
    order = [trainer.stream._between(0, 48)]
    taken = []
    inputs = trainer.stream.inputs

    def watched(*given: Any) -> Any:
        found = inputs(*given)
        taken.append(found[0])
        return found

    trainer.stream.inputs = watched  # type: ignore[method-assign]
    for _ in range(6):
        trainer.play_step()
    of_d, of_g = taken[::2], taken[1::2]
    assert torch.equal(torch.cat(of_d), order[0])
    assert all(torch.equal(a, b) for a, b in zip(of_d, of_g, strict=True))


def test_an_optimiser_begins_anew_with_the_level_that_says_so() -> None:
    trainer = made()
    counts = []
    for _ in range(6):
        trainer.play_step()
        steps = [{float(state["step"]) for state in trainer.optimisers[name].state.values()} for name in ("d", "g")]
        counts.append(tuple(next(iter(each)) for each in steps))
    assert counts == [(1, 1), (2, 2), (1, 3), (2, 4), (3, 5), (4, 6)]


@pytest.mark.parametrize("at", [1, 2, 3, 4, 5])
def test_resuming_before_at_and_after_a_boundary_is_bit_for_bit(at: int) -> None:
    straight = made()
    for _ in range(6):
        straight.play_step()
    first = made()
    for _ in range(at):
        first.play_step()
    second = made()
    second.load_state(first.state())
    for _ in range(6 - at):
        second.play_step()
    assert same(straight.state(), second.state())


def test_parts_of_a_levels_batch_are_the_whole() -> None:
    def weights(**keys: Any) -> dict[str, torch.Tensor]:
        trainer = made(recipe(steps=6, **keys))
        for _ in range(6):
            trainer.play_step()
        return dict(trainer.gan.state_dict())

    whole, parts = weights(), weights(accumulate=2)
    for name, value in whole.items():
        assert torch.allclose(parts[name], value, rtol=1e-3, atol=1e-5), name


def test_a_level_that_cannot_be_split_is_refused_before_the_first_step() -> None:
    with pytest.raises(GanzooError, match=r"the batch of level 1 is 12, which cannot be split into 8 equal parts"):
        made(recipe(steps=6, batch=24, accumulate=8))
    made(recipe(steps=4, batch=24, accumulate=4))


def test_the_course_knows_what_steps_cost() -> None:
    course = course_of(made().gan, 6)
    assert course == Course(tuple(LEVELS.values()), (0, 2, 4, 6))
    assert [course.cost(done) for done in range(7)] == [0, 1, 2, 4, 6, 11, 16]
    assert course_of(two_player(recipe()), 1000) == Course((Level(),), (0, 1000))


def test_the_time_left_is_that_of_later_levels() -> None:
    bar = ProgressBar()
    bar.course, bar.first_step = course_of(made().gan, 6), 0
    # Two steps of cost 1 took 2 s: what is left costs 14.
    assert bar.seconds_left(2, 6, 2.0) == pytest.approx(14.0)
    bar.first_step = 4
    assert bar.seconds_left(5, 6, 3.0) == pytest.approx(3.0)


def test_a_growing_variant_keeps_the_contract() -> None:
    from doc_examples import room_for_examples

    from ganzoo.zoo import registry
    from ganzoo.zoo.zoo import Plugin

    with room_for_examples() as zoo:
        assert zoo.add(Plugin("growing", "growing", "example", growing)).error == ""
        check_variant(registry.variants().find("growing-gan"))


def test_a_weight_that_no_level_trains_is_found() -> None:
    (variant,) = growing.ganzoo_variants()

    def build(used: Any, data: Any) -> Any:
        gan = growing.build(used, data)
        gan.players["g"].forgotten = torch.nn.Linear(1, 1)
        return gan

    broken = dataclasses.replace(variant, build=build)
    data: Dataset = example_data("image", (1, 8, 8))
    used: Recipe = dataclasses.replace(variant.recipes["digits"], batch=16, steps=4, ema=0.0)
    check_updates(variant, used, data)
    with pytest.raises(AssertionError, match=r"no phase has a gradient for g\.forgotten\.weight"):
        check_updates(broken, used, data)
