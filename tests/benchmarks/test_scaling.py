"""The measurements and the model of the scaling benchmark."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest
from paths import ROOT

from benchmarks import results, scaling
from benchmarks.scaling import Configuration, Traffic, all_reduce_seconds, break_even_compute, fit_line, traffic_of

SIZES = [1024, 65536]


def test_a_ring_sends_twice_what_the_other_ranks_hold() -> None:
    assert all_reduce_seconds(1, 1e6, 2, 1e9, 1e-4) == 0
    assert all_reduce_seconds(4, 1e6, 2, 1e9, 1e-4) == pytest.approx(2e-4 + 1.5e-3)


def test_at_the_least_compute_ranks_are_as_fast_as_one() -> None:
    for ranks in (2, 8):
        compute = break_even_compute(ranks, 5e6, 3, 2e9, 5e-5)
        assert compute / ranks + all_reduce_seconds(ranks, 5e6, 3, 2e9, 5e-5) == pytest.approx(compute)


def test_latency_and_bandwidth_are_found_in_times_that_have_them() -> None:
    fit = fit_line({size: 3e-4 + size / 2e9 for size in (1024, 65536, 2**22, 2**26)})
    assert fit["latency"] == pytest.approx(3e-4)
    assert fit["bandwidth"] == pytest.approx(2e9)
    assert fit["largest error"] < 1e-9


def test_times_that_fall_with_the_bytes_give_no_negative_cost() -> None:
    fit = fit_line({1024: 9e-4, 65536: 8e-4, 2**22: 3e-4})
    assert fit["latency"] > 0
    assert fit["bandwidth"] == float("inf")


def test_the_bytes_are_those_of_the_networks_and_turns() -> None:
    gan, recipe = scaling.game("wgan-gp.points")
    weights = {name: 4 * sum(w.numel() for w in player.parameters()) for name, player in gan.players.items()}
    found = traffic_of("wgan-gp.points")
    # These networks have no running statistics; one all-reduce per update, and one to agree on continuing.
    assert found == Traffic(weights, recipe.n_critic * weights["d"] + weights["g"], recipe.n_critic + 2)


def test_every_bundled_recipe_has_data_without_a_download() -> None:
    from ganzoo.zoo import registry

    for name in scaling.bundled():
        data = registry.find_recipe(name)[2].data.name
        # Data that come with a package are read.
        assert data in scaling.SHAPES or not registry.datasets()[data].downloads


@pytest.mark.slow
def test_it_writes_what_it_measures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    in_processes = scaling.run_in_process

    def run_in_process(config: Configuration, options: argparse.Namespace) -> dict[str, Any]:
        if config.ranks > 1:
            return in_processes(config, options)
        options.to = tmp_path / "times"
        scaling.measure_steps(config, options)
        found: dict[str, Any] = json.loads(options.to.read_text())
        return found

    monkeypatch.setattr(scaling, "run_in_process", run_in_process)
    # Each takes seconds to build; which there are is another test's subject.
    chosen = ["vanilla.mnist", "dcgan.mnist", "conditional.digits"]
    monkeypatch.setattr(scaling, "bundled", lambda: chosen)
    monkeypatch.chdir(ROOT)
    sizes = [str(size) for size in SIZES]
    scaling.main(["--rounds", "1", "--seconds", "0.05", "--only", "vanilla.mnist", "--sizes", *sizes])
    found = json.loads((tmp_path / "scaling.json").read_text())
    assert set(found["steps"]["vanilla.mnist"]) == {config.name for config in scaling.CONFIGURATIONS}
    assert all(row["median"] > 0 for row in found["steps"]["vanilla.mnist"].values())
    assert list(found["all-reduce"]) == sizes
    assert found["predicted"]["vanilla.mnist"]["seconds"] > 0
    assert set(found["least compute"]) == set(chosen)
