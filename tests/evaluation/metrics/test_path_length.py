"""Perceptual path length: closed-form values, and torch-fidelity's own numbers."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest
import torch
from kinds import IMAGES
from torch import Tensor, nn
from torch_fidelity.registry import SAMPLE_SIMILARITY_REGISTRY, register_sample_similarity
from torch_fidelity.sample_similarity_base import SampleSimilarityBase

from ganzoo.builtins.metrics import METRICS
from ganzoo.data.images import digits
from ganzoo.data.samples import Samples
from ganzoo.errors import GanzooError
from ganzoo.evaluation.features import domain
from ganzoo.evaluation.metrics.path_length import EPSILON, path_distances, perceptual_path_length
from ganzoo.evaluation.scoring import score
from ganzoo.games import TwoPlayer
from ganzoo.games.losses import NonSaturating
from ganzoo.recipes import Data

LATENT = 16


class Pixels(SampleSimilarityBase):
    """Squared distance between images."""

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(name)

    def forward(self, *images: Tensor) -> Tensor:
        a, b = images
        return (a.double() - b.double()).flatten(1).square().sum(1)


class Linear(nn.Module):
    """Images that are linear in the latent and scaled by the class number."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        drawn = torch.randn(LATENT, 64, generator=torch.Generator().manual_seed(0))
        self.weight = nn.Parameter(scale * drawn / 64**0.5)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        brightness = 0 if y is None else y.view(-1, 1, 1, 1)
        return (z @ self.weight).view(-1, 1, 8, 8) * (1 + brightness)


def game(scale: float = 0.1, classes: int = 0, distribution: str = "normal") -> TwoPlayer:
    return TwoPlayer(
        Linear(scale),
        nn.Linear(1, 1),
        NonSaturating(),
        latent=LATENT,
        latent_distribution=distribution,
        classes=classes,
    )


@pytest.fixture(scope="module", autouse=True)
def _pixels() -> None:
    if "pixels" not in SAMPLE_SIMILARITY_REGISTRY:
        register_sample_similarity("pixels", Pixels)


def samples_of(gan: object, n: int = 600, features: str = "domain") -> Samples:
    train = digits.load(Data(), Path(), "train")
    x = torch.as_tensor(train.arrays["x"])[:n]
    load = lambda split: digits.load(Data(), Path(), split)  # noqa: E731
    return Samples(x, None, train.spec, Data(name="digits"), Path(), 4, load, IMAGES, features=features, generator=gan)


@pytest.mark.parametrize(("distribution", "variance"), [("normal", 1.0), ("uniform", 1 / 3)])
def test_a_linear_generator_has_the_path_length_of_its_matrix(distribution: str, variance: float) -> None:
    gan = game(distribution=distribution)
    distances = path_distances(gan, "pixels", 4000, seed=0, rounded=False)
    # E |A (z1 - z0)|^2 = 2 var(z) |A|^2 in the Frobenius norm.
    matrix = next(gan.generator.parameters()).square().sum().item()
    assert len(distances) == 4000
    assert distances.mean() == pytest.approx(2 * variance * matrix, rel=0.04)


def test_the_path_length_grows_with_the_square_of_the_generators_speed() -> None:
    slow, fast = (path_distances(game(scale), "pixels", 50, seed=0, rounded=False) for scale in (0.05, 0.1))
    assert fast == pytest.approx(4 * slow, rel=1e-2)


def test_the_weights_that_the_samples_are_of_are_used() -> None:
    gan = game(0.1)
    with torch.no_grad():
        for weight in gan.averages.parameters():
            weight.mul_(2)
    raw, averaged = (
        path_distances(gan, "pixels", 50, seed=0, rounded=False, averaged=which).mean() for which in (False, True)
    )
    assert averaged == pytest.approx(4 * raw, rel=1e-2)
    values = [
        perceptual_path_length(dataclasses.replace(samples_of(game_now), averaged=which))["PPL[domain:digits]"]
        for game_now, which in ((gan, False), (game(0.1), True), (gan, True))
    ]
    assert values[0] == values[1] != values[2]


def test_classes_are_drawn_for_a_conditional_generator() -> None:
    plain = path_distances(game(), "pixels", 200, seed=0, rounded=False)
    with_classes = path_distances(game(classes=3), "pixels", 200, seed=0, rounded=False)
    factors = np.sqrt(with_classes / plain)
    assert set(np.unique(factors.round(1))) == {1.0, 2.0, 3.0}


def test_in_the_domain_it_is_the_squared_distance_of_domain_features_and_named_after_it() -> None:
    gan = game(0.3)
    samples = samples_of(gan)
    torch.manual_seed(0)
    before = torch.get_rng_state()
    measured = perceptual_path_length(samples)
    assert torch.get_rng_state().equal(before)
    assert list(measured) == ["PPL[domain:digits]"]
    assert dict(perceptual_path_length(samples)) == dict(measured)
    assert measured.protocol["n_fake"] == 600
    assert measured.protocol["epsilon"] == EPSILON
    with gan.for_sampling(), torch.random.fork_rng():
        torch.manual_seed(9)
        z = gan.draw_latent(3000)
        a, b = gan.generate(z), gan.generate(torch.lerp(z, gan.draw_latent(3000), EPSILON))
    network = domain.find_domain(samples).classifier
    with torch.no_grad():
        apart = (network(a)[0].double() - network(b)[0].double()).square().sum(1).numpy() / EPSILON**2
    low, high = np.percentile(apart, [1, 99])
    expected = apart[(apart >= low) & (apart <= high)].mean()
    assert expected > 1
    assert measured["PPL[domain:digits]"] == pytest.approx(expected, rel=0.25)


def test_a_generator_that_does_not_move_has_no_path_length() -> None:
    assert perceptual_path_length(samples_of(game(0.0), 50))["PPL[domain:digits]"] == 0.0


def test_without_a_generator_with_latents_it_does_not_apply() -> None:
    for generator in (None, object()):
        found = score(samples_of(generator), METRICS, ["ppl"], with_real=False)
        assert found.scores == []
        assert found.notes == ["ppl: it scores only games with latent vectors: leave it out."]


def test_real_samples_have_none() -> None:
    (row,) = score(samples_of(game(), 300), METRICS, ["ppl"]).scores
    assert row.real is None


def test_lpips_offline_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise URLError("no network here")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "urlopen", fail)
    with pytest.raises(GanzooError) as refused:
        perceptual_path_length(samples_of(game(), 50, "inception-v3-compat"))
    assert "no network here" in str(refused.value)
    assert str(tmp_path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_lpips_gets_rgb_bytes_from_the_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Tensor] = []

    class Recorder(Pixels):
        def forward(self, *images: Tensor) -> Tensor:
            seen.extend(images)
            return super().forward(*images)

    monkeypatch.setitem(SAMPLE_SIMILARITY_REGISTRY, "lpips-vgg16", Recorder)
    measured = perceptual_path_length(samples_of(game(), 20, "inception-v3-compat"))
    assert list(measured) == ["PPL"]
    assert measured.protocol["features"] == {"space": "lpips-vgg16"}
    assert {(x.dtype, tuple(x.shape)) for x in seen} == {(torch.uint8, (20, 3, 8, 8))}
