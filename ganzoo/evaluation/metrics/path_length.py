"""Perceptual path length: how far samples move for a small change of the latent. Computed with torch-fidelity."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch_fidelity.generative_model_base import GenerativeModelBase
from torch_fidelity.metric_ppl import KEY_METRIC_PPL_RAW, calculate_ppl
from torch_fidelity.registry import (
    NOISE_SOURCE_REGISTRY,
    SAMPLE_SIMILARITY_REGISTRY,
    register_noise_source,
    register_sample_similarity,
)
from torch_fidelity.sample_similarity_base import SampleSimilarityBase

from ganzoo.data.dataset import to_uint8
from ganzoo.data.samples import Measured, Samples
from ganzoo.errors import GanzooError
from ganzoo.evaluation.features import classifier, domain
from ganzoo.evaluation.features.names import DOMAIN, has_labels
from ganzoo.evaluation.features.weights import tensors_only

LPIPS = "lpips-vgg16"
EPSILON = 1e-4
PATHS = 10_000
PERCENTILES = 1.0, 99.0
LATENTS = "ganzoo-latents"


def perceptual_path_length(samples: Samples) -> Measured:
    """Mean squared distance between the samples of two latents 1e-4 of a path apart, divided by 1e-4 squared.

    Karras et al. 2019, https://arxiv.org/abs/1812.04948, section 4.1, at the start of straight paths in z, without the
    smallest and the largest 1 % of the distances. Distances are LPIPS or, in the domain space, squared distances
    between domain features of samples that are not rounded to uint8. The generator is a `Latent`.
    Raises GanzooError if the weights of LPIPS cannot be loaded.
    """
    gan: Any = samples.generator
    in_domain = samples.features == DOMAIN or (samples.features == "auto" and has_labels(samples.real("train")))
    paths = min(PATHS, len(samples.fake))
    described: dict[str, Any] = {"space": LPIPS}
    name, similarity, resize = "PPL", LPIPS, "to 64x64"
    if in_domain:
        space = domain.find_domain(samples)
        described, resize = space.describe(), space.resize
        name, similarity = f"PPL{space.suffix}", _similarity(space)
    elif samples.spec.shape[0] not in (1, 3):
        raise GanzooError(f"{LPIPS} takes grey or RGB images, not {samples.spec.shape[0]} channels.")
    rounded = not in_domain
    distances = path_distances(gan, similarity, paths, samples.seed, rounded=rounded, averaged=samples.averaged)
    kept = _without_extremes(distances)
    return Measured(
        {name: float(np.mean(kept))},
        lambda: {name: float(np.std(kept, ddof=1) / np.sqrt(len(kept)))},
        n_fake=paths,
        features=described,
        resize=resize,
        epsilon=EPSILON,
        kept=list(PERCENTILES),
    )


def path_distances(
    gan: Any, similarity: str, paths: int, seed: int, *, rounded: bool, averaged: bool = True
) -> np.ndarray:
    """Distances over epsilon squared along `paths` paths, float `[paths]`.

    gan: a game that is a `Latent`. similarity: the name of a distance registered with torch-fidelity. rounded: whether
    it takes uint8 RGB images rather than images in [-1, 1]. averaged: as of `GAN.for_sampling`.
    """
    with gan.for_sampling(averaged), torch.random.fork_rng(), _latents_from(gan), tensors_only():
        model = _Model(gan, rounded)
        try:
            result = calculate_ppl(
                1,
                input1=model,
                input1_model_num_samples=paths,
                input1_model_num_classes=model.num_classes,
                input1_model_z_size=model.z_size,
                input1_model_z_type=model.z_type,
                ppl_epsilon=EPSILON,
                ppl_reduction="none",
                ppl_sample_similarity=similarity,
                # Extremes are removed below: torch-fidelity does it with a keyword argument that numpy has removed.
                ppl_discard_percentile_lower=None,
                ppl_discard_percentile_higher=None,
                batch_size=250,
                rng_seed=seed,
                cuda=False,
                verbose=False,
            )
        except OSError as error:
            raise GanzooError(
                f"the weights of {LPIPS} cannot be loaded ({getattr(error, 'reason', None) or error}): copy the "
                f"files that torch-fidelity downloads to {torch.hub.get_dir()}/checkpoints, or use domain features."
            ) from error
    distances: np.ndarray = result[KEY_METRIC_PPL_RAW]
    return distances.reshape(-1)


def _without_extremes(distances: np.ndarray) -> np.ndarray:
    low = np.percentile(distances, PERCENTILES[0], method="lower")
    high = np.percentile(distances, PERCENTILES[1], method="higher")
    return distances[(low <= distances) & (distances <= high)]


class _Model(GenerativeModelBase):
    """A game's generator with the interface of torch-fidelity."""

    def __init__(self, gan: Any, rounded: bool) -> None:
        super().__init__()
        # In a tuple, so that torch-fidelity does not move it or switch its mode as it would for a submodule.
        self.game, self.rounded = (gan,), rounded
        with torch.random.fork_rng():
            self.latent = int(gan.draw_latent(1).shape[1])

    @property
    def z_size(self) -> int:
        return self.latent

    @property
    def z_type(self) -> str:
        return LATENTS

    @property
    def num_classes(self) -> int:
        return self.game[0].classes

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        gan = self.game[0]
        device = next(gan.parameters()).device
        images: Tensor = gan.generate(z.to(device), None if y is None else y.to(device)).float()
        return to_uint8(images).expand(-1, 3, -1, -1).cpu() if self.rounded else images


@contextmanager
def _latents_from(gan: Any) -> Iterator[None]:
    """Register the latents of `gan` as a noise source within this block, as torch-fidelity finds them by name."""

    def draw(rng: np.random.RandomState, shape: tuple[int, ...]) -> Tensor:
        torch.manual_seed(int(rng.randint(2**31 - 1)))
        latents: Tensor = gan.draw_latent(shape[0])
        return latents.float().cpu()

    register_noise_source(LATENTS, draw)
    try:
        yield
    finally:
        del NOISE_SOURCE_REGISTRY[LATENTS]


class DomainSimilarity(SampleSimilarityBase):
    """Squared distances `[N]` between the domain features of two batches of images `[N, C, H, W]` in [-1, 1]."""

    domain: domain.Domain

    def __init__(self, name: str, **options: Any) -> None:
        super().__init__(name)

    def forward(self, *images: Tensor) -> Tensor:
        network = self.domain.classifier.to(images[0].device)
        a, b = (classifier.outputs(network, each)[0] for each in images)
        return (a - b).square().sum(dim=1)


def _similarity(space: domain.Domain) -> str:
    if space.extractor not in SAMPLE_SIMILARITY_REGISTRY:
        made = type("DomainSimilarity", (DomainSimilarity,), {"domain": space})
        register_sample_similarity(space.extractor, made)
    return space.extractor
