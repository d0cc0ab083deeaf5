"""An epoch is over when the discriminator has seen every sample, whatever else asks for real samples."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from small import SET, recipe
from small import trainer as make_trainer

from ganzoo import cli
from ganzoo.recipes import Term, TwoPlayerRecipe


def shown(used: TwoPlayerRecipe, steps: int) -> Counter[float]:
    """How often D's own phase was shown each sample of 32."""
    trainer = make_trainer(used)
    seen: Counter[float] = Counter()
    loss = trainer.gan.discriminator_loss

    def watched(batch: Any) -> Any:
        seen.update(batch["x"][:, 0].tolist())
        return loss(batch)

    trainer.gan.discriminator_loss = watched
    trainer.phases = trainer.gan.phases()
    for _ in range(steps):
        trainer.play_step()
    assert trainer.progress.samples == sum(seen.values())
    return seen


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"loss": "relativistic"},
        {"n_critic": 2},
        {"penalties": {"r1": Term(weight=1.0, every=2)}},
        {"n_critic": 2, "penalties": {"r1": Term(weight=1.0, every=1), "r2": Term(weight=1.0, every=3)}},
    ],
    ids=str,
)
def test_every_sample_is_seen_once_in_an_epoch(keys: dict[str, Any]) -> None:
    used = recipe(**keys)
    counts = shown(used, 32 // used.images_per_step())
    assert len(counts) == 32
    assert set(counts.values()) == {1}


def epochs(run: Path) -> list[float]:
    return [json.loads(line)["epoch"] for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_epochs_are_counted_through_a_change_of_the_batch(tmp_path: Path) -> None:
    """1,438 digits: 40 steps of 16, then 20 of 64."""
    run = tmp_path / "run"
    assert cli.run(["train", "vanilla", *SET, "--steps", "40", "--out", str(run), "--no-scores"]) == 0
    assert cli.run(["resume", str(run), "--steps", "60", "--set", "batch=64", "--no-scores"]) == 0
    assert epochs(run) == pytest.approx([16 * 20 / 1438, 16 * 40 / 1438, (16 * 40 + 64 * 20) / 1438], abs=1e-4)


def test_one_epoch_of_the_command_line_shows_every_digit(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert cli.run(["train", "vanilla", *SET, "--epochs", "1", "--out", str(run), "--no-scores"]) == 0
    # 90 steps of 16 samples are the first to reach 1,438.
    assert epochs(run)[-1] == pytest.approx(90 * 16 / 1438, abs=1e-4)


def test_a_changed_batch_continues_where_the_stream_was() -> None:
    used = recipe()
    first = make_trainer(used)
    for _ in range(2):
        first.play_step()
    second = make_trainer(recipe(batch=4))
    second.load_state(first.state())
    start = second.progress.samples
    assert start == 16
    order = torch.cat([second.stream.part_from(i, 0, 1) for i in range(0, 32, 4)])
    assert torch.equal(order[start : start + 4], second.stream.part_from(start, 0, 1))
