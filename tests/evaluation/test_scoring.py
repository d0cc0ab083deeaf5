"""Scoring: every metric that applies, on samples and on real ones, with its protocol."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kinds import IMAGES, POINTS
from torch import Tensor

from ganzoo.builtins.metrics import METRICS
from ganzoo.data import points
from ganzoo.data.dataset import Dataset, as_input, to_uint8
from ganzoo.data.images import digits
from ganzoo.data.samples import Measured, Samples
from ganzoo.errors import GanzooError
from ganzoo.evaluation.metrics.points import count_modes, wasserstein_2
from ganzoo.evaluation.scoring import Score, key_of, score
from ganzoo.recipes import Data
from ganzoo.specs import MetricSpec

COPIES = ("memorised[pixels]", "distance-ratio[pixels]", "memorised[shifted]", "distance-ratio[shifted]")
"""The scores of memorisation, computed by default where that takes about a second."""


def digit_samples(n: int = 300, labels: bool = True) -> Samples:
    data = Data(name="digits", labels=labels)
    dataset = digits.load(data, Path(), "train")
    batch = dataset.batch(torch.arange(n))
    noise = torch.randn(n, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    fake = to_uint8(batch["x"] + 0.3 * noise)
    return Samples(
        fake, batch.get("y"), dataset.spec, data, Path(), 3, lambda split: digits.load(data, Path(), split), IMAGES
    )


def point_samples(kind: str = "ring", fake: Tensor | None = None) -> Samples:
    data = Data(name="points", kind=kind)
    spec = points.load(data, Path(), "train").spec
    fake = 0.01 * torch.randn(600, 2, generator=torch.Generator().manual_seed(0)) if fake is None else fake
    return Samples(fake, None, spec, data, Path(), 0, lambda split: points.load(data, Path(), split), POINTS)


def test_digits_are_scored_by_every_image_metric_beside_real_test_images() -> None:
    result = score(digit_samples(), METRICS)
    by_name = {s.name: s for s in result.scores}
    wanted = ["IS", "FD", "KD", "precision", "recall", "accuracy"]
    assert list(by_name) == [*(f"{name}[domain:digits]" for name in wanted), *COPIES]
    assert result.notes == []
    distance = by_name["FD[domain:digits]"]
    assert distance.better == "lower"
    assert distance.real is not None
    assert distance.real < distance.value
    protocol = distance.protocol
    assert (protocol["n_fake"], protocol["n_real"], protocol["split"], protocol["seed"]) == (300, 1438, "train", 3)
    assert protocol["real"] == {"split": "test", "n": 300}
    assert protocol["features"]["extractor"].startswith("domain-digits-8x8x1-")
    assert protocol["features"]["accuracy"] > 0.96
    assert len(protocol["features"]["sha256"]) == 12
    assert set(protocol["versions"]) == {"torch", "torch-fidelity"}


def test_scoring_again_gives_the_same_file_and_disturbs_no_random_state(tmp_path: Path) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = score(digit_samples(), METRICS)
    assert torch.get_rng_state().equal(before)
    torch.manual_seed(2)
    np.random.seed(2)
    second = score(digit_samples(), METRICS)
    assert first.to_json() == second.to_json()
    first.write(tmp_path / "scores.json")
    assert json.loads((tmp_path / "scores.json").read_text())["scores"][0]["name"] == "IS[domain:digits]"


def test_images_without_labels_get_one_note_no_scores_and_no_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", None)
    result = score(digit_samples(labels=False), METRICS)
    # That of pixels needs no features.
    assert {item.protocol["metric"] for item in result.scores} == {"memorisation"}
    assert result.notes == [
        "no labels to train domain features on in digits: type --set data.labels=true if it has any, "
        "or request other features with --features inception-v3-compat or efficientnet-lite0."
    ]
    assert list(tmp_path.iterdir()) == []


def test_where_no_real_samples_can_be_held_out_there_are_no_real_values() -> None:
    samples = point_samples()

    def load(split: str) -> Dataset:
        if split != samples.reference:
            raise GanzooError("there is no such split.")
        return samples.load(split)

    result = score(dataclasses.replace(samples, load=load), METRICS)
    assert [s.name for s in result.scores] == ["modes", "quality", "MMD", "W2"]
    assert all(s.real is None for s in result.scores)
    assert result.notes == ["no scores of real held-out samples to compare with: there is no such split."]
    assert result.scores[0].protocol["real"] is None


def test_real_samples_are_scored_in_equal_number_or_not_at_all() -> None:
    result = score(digit_samples(300), METRICS, ["fd"])
    assert result.scores[0].protocol["real"] == {"split": "test", "n": 300}
    assert result.scores[0].real is not None
    result = score(digit_samples(1438), METRICS, ["fd"])
    assert result.scores[0].protocol["real"] is None
    assert result.scores[0].real is None
    assert "1,438 samples are scored, and only 359 real ones are held out" in result.notes[0]
    assert "use -n 359" in result.notes[0]
    # What is compared with held-out data has training data as the real samples.
    samples = digit_samples(1438).compared_with("test")
    twice = dataclasses.replace(samples, fake=samples.fake.repeat(2, 1, 1, 1), labels=None)
    with pytest.raises(GanzooError, match="2,876 samples are scored, and only 1,438 real ones are in the training"):
        twice.real_baseline()


def test_too_few_held_out_samples_are_no_note_where_every_metric_is_compared_with_them() -> None:
    (fd,) = (spec for spec in METRICS if spec.name == "fd")
    result = score(digit_samples(1000), [dataclasses.replace(fd, split="test")], ["fd"])
    assert result.notes == []
    assert result.scores[0].protocol["real"] == {"split": "train", "n": 1000}


def test_points_on_one_spot_cover_no_mode_and_are_far_from_the_ring() -> None:
    result = score(point_samples(), METRICS)
    by_name = {s.name: s for s in result.scores}
    assert (by_name["modes"].value, by_name["quality"].value) == (0, 0.0)
    assert by_name["modes"].real == 8
    # A fraction of exp(-9 / 2) of a two-dimensional Gaussian is beyond 3 standard deviations.
    assert by_name["quality"].real == pytest.approx(1 - np.exp(-4.5), abs=0.012)
    assert by_name["W2"].value == pytest.approx(2.0, abs=0.03)
    assert by_name["W2"].real is not None
    assert by_name["W2"].real < 1
    assert by_name["W2"].protocol["split"] == "test"


def test_points_without_modes_are_scored_by_distance_alone() -> None:
    result = score(point_samples("moons"), METRICS)
    assert [s.name for s in result.scores] == ["MMD", "W2"]
    assert result.notes == []
    assert "does not apply" in score(point_samples("moons"), METRICS, ["modes"]).notes[0]


def test_a_mode_is_covered_by_one_sample_within_three_standard_deviations() -> None:
    centres = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    values = np.array([[0.0, 0.29], [0.0, -0.1], [1.0, 0.31], [0.5, 0.5]])
    assert count_modes(values, centres, std=0.1) == (1, 0.5)


def test_the_wasserstein_distance_of_a_shift_is_its_length() -> None:
    a = np.random.RandomState(0).standard_normal((200, 2))
    shuffled = a[np.random.RandomState(1).permutation(200)]
    assert wasserstein_2(a, shuffled) == pytest.approx(0.0, abs=1e-7)
    assert wasserstein_2(a, shuffled + np.array([3.0, 4.0])) == pytest.approx(5.0)


def test_samples_that_are_not_finite_get_a_note() -> None:
    fake = torch.randn(100, 2)
    fake[3, 1] = float("nan")
    result = score(point_samples(fake=fake), METRICS)
    assert result.scores == []
    assert "not finite" in result.notes[0]


def metric(name: str, compute: Mapping[str, float] | Exception) -> MetricSpec:
    def measure(samples: Samples) -> Mapping[str, float]:
        if isinstance(compute, Exception):
            raise compute
        return compute

    return MetricSpec(name, "", "", ("points",), measure, {"a": "higher", "ab": "lower"})


def test_a_third_party_metric_may_fail_or_return_nan_without_affecting_the_others() -> None:
    specs = [
        metric("broken", KeyError("x")),
        metric("nan", {"ac": 1.0, "b": float("nan")}),
        metric("good", {"abc": 2.0}),
    ]
    result = score(point_samples(), specs)
    assert [(s.name, s.value, s.real, s.better) for s in result.scores] == [
        ("ac", 1.0, 1.0, "higher"),
        ("abc", 2.0, 2.0, "lower"),
    ]
    assert result.notes[0] == "broken: failed with KeyError: 'x'"
    assert result.notes[1] == "b: no value, as the result is not a finite number."
    assert "NaN" not in result.to_json()


def test_an_unknown_metric_is_an_error_that_suggests_a_known_one() -> None:
    with pytest.raises(GanzooError, match="did you mean prc"):
        score(point_samples(), METRICS, ["prcc"])
    with pytest.raises(GanzooError, match="leave it out"):
        score(point_samples(), METRICS, ["fd"])


def test_numbers_are_written_with_ten_digits() -> None:
    result = score(point_samples(), [metric("third", {"a": 1 / 3})])
    assert '"value": 0.3333333333\n' in result.to_json()


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(GanzooError, match="draw at least 10"):
        point_samples(fake=torch.zeros(9, 2))


def test_to_uint8_undoes_as_input_and_clamps() -> None:
    every = torch.arange(256).to(torch.uint8)
    assert to_uint8(as_input(every)).equal(every)
    assert to_uint8(torch.tensor([-2.0, 2.0, float("nan"), float("inf")])).tolist() == [0, 255, 128, 255]


def test_small_data_sets_are_scored_with_fewer_samples() -> None:
    assert IMAGES.default_samples(60_000, 10_000) == 10_000
    assert IMAGES.default_samples(1438, 359) == 1438
    assert IMAGES.default_samples(100, 0) == 1000
    assert POINTS.default_samples(100, 0) == 10_000


def test_naming_the_metrics_imports_no_torch() -> None:
    code = "import sys, ganzoo.builtins.metrics; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_protocols_have_short_names() -> None:
    names = {s.name: s.protocol["name"] for s in score(digit_samples(), METRICS).scores}
    assert names == {
        "IS[domain:digits]": "is300[domain:digits]",
        "FD[domain:digits]": "fd300_train[domain:digits]",
        "KD[domain:digits]": "kd300_train[domain:digits]",
        "precision[domain:digits]": "prc300_train[domain:digits]",
        "recall[domain:digits]": "prc300_train[domain:digits]",
        "accuracy[domain:digits]": "accuracy300[domain:digits]",
        **dict.fromkeys(COPIES, "memorisation300_train[pixels]"),
    }
    points_names = [s.protocol["name"] for s in score(point_samples(fake=torch.randn(2000, 2)), METRICS).scores]
    assert points_names == ["modes2k", "modes2k", "mmd2k_test", "w2_2k_test"]


def changed(score: Score, **parts: object) -> str:
    return dataclasses.replace(score, protocol=score.protocol | parts).key


def test_the_key_of_a_score_is_that_of_its_row_in_the_file_and_distinguishes_protocols() -> None:
    result = score(digit_samples(), METRICS, ["fd"])
    found = result.scores[0]
    protocol = found.protocol
    assert key_of(json.loads(result.to_json())["scores"][0]) == found.key
    assert changed(found, seed=9, step=5, weights="raw", versions={}, name="x") == found.key
    assert changed(found, data=protocol["data"] | {"flip": True, "labels": False}) == found.key
    others = {
        "n_fake": 301,
        "n_real": 2,
        "split": "test",
        "real_sha256": "0",
        "resize": "none at all",
        "neighbours": 4,
        "features": protocol["features"] | {"extractor": "another"},
        "data": protocol["data"] | {"size": 32},
        "real": {"split": "test", "n": 299},
    }
    keys = {changed(found, **{name: value}) for name, value in others.items()}
    assert len(keys) == len(others)
    assert found.key not in keys
    assert dataclasses.replace(found, name="KD[domain:digits]").key != found.key


def test_a_metric_that_is_not_run_by_default_runs_when_it_is_named() -> None:
    quiet = dataclasses.replace(metric("quiet", {"a": 1.0}), default=False)
    assert score(point_samples(), [quiet]).scores == []
    assert [s.name for s in score(point_samples(), [quiet], ["quiet"]).scores] == ["a"]


@pytest.mark.parametrize(
    ("estimate", "note"),
    [
        (lambda: 1 / 0, "mine: its standard errors failed with ZeroDivisionError: division by zero"),
        (lambda: None, "mine: its standard errors failed with AttributeError"),
        (lambda: {"a": "many"}, "mine: its standard errors failed with ValueError"),
        (lambda: {"a": float("nan")}, ""),
        (dict, ""),
        (None, ""),
    ],
)
def test_standard_errors_that_fail_cost_no_values(estimate: Any, note: str) -> None:
    spec = MetricSpec("mine", "", "", ("points",), lambda samples: Measured({"a": 2.0}, estimate))
    found = score(point_samples(), [spec])
    assert [(item.value, item.real, item.error, item.real_error) for item in found.scores] == [(2.0, 2.0, None, None)]
    assert len(found.notes) == bool(note)
    assert not note or note in found.notes[0]


def test_fewer_samples_than_features_are_a_note_with_the_number_to_score() -> None:
    found = score(digit_samples(50), METRICS, ["fd", "kid"])
    assert [item.name for item in found.scores] == ["FD[domain:digits]", "KD[domain:digits]"]
    (note,) = found.notes
    assert note.startswith("FD: 50 samples are too few for features of 64 dimensions")
    assert "score more than 64" in note
    assert score(digit_samples(100), METRICS, ["fd"]).notes == []


def test_notes_of_a_metric_that_are_no_text_are_left_out() -> None:
    spec = MetricSpec("mine", "", "", ("points",), lambda samples: Measured({"a": 2.0}, None, ("good", 5, None)))  # type: ignore[arg-type]
    assert score(point_samples(), [spec]).notes == ["good"]
