"""Directions in a trained generator's latent space along which its samples change most."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ganzoo.errors import GanzooError
from ganzoo.game import GAN, has_latent
from ganzoo.machine.seeds import mixed_seed
from ganzoo.runs.first_layers import Latents, first_layers, generated, next_features, sensitivity, style_module
from ganzoo.runs.sampling import sampling

METHODS = ("sefa", "pca")

POINTS = 8
"""Latents at which the first layers' derivatives are taken; one is enough where these layers are linear."""

DRAWS = 2048
"""Latents for standard deviations and principal components."""

CHUNK = 127
"""Latents that are generated from at a time: a prime, see `first_layers`."""


@dataclass(frozen=True, eq=False)
class Directions:
    """Directions in latent space, those first along which samples change most.

    vectors: `[K, latent]`, of length 1. deviations: `[K]`, the standard deviation of latents along each.
    shares: `[K]`, the fraction of all change that is along each: of the first layers' squared response ("sefa"), or of
    the variance of their features ("pca").
    layers: names of the layers that they were found in. module: for a style-based generator, the name of the network
    that maps latents to styles; then the vectors are directions of styles, `[K, style]`. "" for any other.
    """

    method: str
    vectors: Tensor
    deviations: Tensor
    shares: Tensor
    layers: tuple[str, ...]
    module: str = ""

    def __len__(self) -> int:
        return len(self.vectors)

    def generate(self, gan: GAN, z: Tensor, amounts: Tensor, y: Tensor | None = None) -> Tensor:
        """Samples `[N, *shape]` from latents `z [N, latent]` moved along the directions; not clamped, on their device.

        amounts: `[N, K]`, in standard deviations; 0 leaves the samples as they are. Call it within
        `ganzoo.runs.sampling.sampling` or `gan.for_sampling()`.
        """
        move = (amounts * self.deviations.to(amounts.device)) @ self.vectors.to(amounts.device)
        return generated(gan, Latents(z, y), self.module, lambda latents: latents + move.to(latents.dtype))


def find_directions(gan: GAN, name: str, count: int = 5, method: str = "sefa", *, averaged: bool = True) -> Directions:
    """The directions along which a trained game's samples change most; the same each time.

    name: the variant's, for messages. count: number of directions, at most as many as latents have coordinates.
    method: "sefa", closed-form factorisation: the eigenvectors of A^T A with the largest eigenvalues, where A is the
    weight of the layers that receive the latent (Shen & Zhou 2021, https://arxiv.org/abs/2007.06600, equation 5; in a
    style-based generator, of the layers that receive the style, section 3.3). "pca": principal components of these
    layers' features after their activation, regressed onto the latents, or of the styles (GANSpace, Harkonen et al.
    2020, https://arxiv.org/abs/2004.02546, sections 2.1 and 2.2). averaged: of the averaged weights, if there are any.

    The layers are found by following the latent through the network, and A by differentiating them, so this works for
    any network; where the layers are not linear in the latent, A^T A is the mean over eight latents. Raises GanzooError
    for a game without latent vectors, one in which no layer receives them, and bad arguments.
    """
    if method not in METHODS:
        raise GanzooError(f"unknown method {method!r}: choose sefa or pca.")
    if count < 1:
        raise GanzooError(f"cannot find {count} directions: at least one is needed.")
    if not has_latent(gan):
        raise GanzooError(f"{name!r} has no latent vectors: directions are for variants that draw samples from these.")
    with sampling(gan, torch.device("cpu"), averaged):
        torch.manual_seed(mixed_seed("directions"))
        few, many = _latents(gan, POINTS), _latents(gan, DRAWS)
        try:
            module = style_module(gan, few)
            layers = first_layers(gan, few, module)
            if not layers:
                raise GanzooError(
                    f"{name!r} has no layer that receives its latent vectors: they have no directions to find."
                )
            values = many.z if not module else _styles(gan, many, module)
            count = min(count, values.shape[1])
            if method == "sefa":
                vectors, shares = _largest(sensitivity(gan, few, module, layers), count)
            elif module:
                vectors, shares = _largest(torch.cov(values.double().T), count)
            else:
                vectors, shares = _regressed(_features(gan, many, layers), values, count)
        except NotImplementedError as error:
            raise GanzooError(f"{name!r} has layers that cannot be followed to find directions in them.") from error
        return Directions(method, vectors, (values @ vectors.T).std(0), shares, layers, module)


def _latents(gan: Any, count: int) -> Latents:
    return Latents(gan.draw_latent(count), torch.arange(count) % gan.classes if gan.classes else None)


def _chunks(gan: GAN, many: Latents, found: Callable[[Latents], Tensor]) -> Tensor:
    parts = [slice(start, start + CHUNK) for start in range(0, len(many.z), CHUNK)]
    return torch.cat([found(Latents(many.z[at], None if many.y is None else many.y[at])) for at in parts])


def _styles(gan: GAN, many: Latents, module: str) -> Tensor:
    """Styles `[N, style]` of latents."""
    return _chunks(gan, many, lambda part: next_features(gan, part, module, ()))


def _features(gan: GAN, many: Latents, layers: tuple[str, ...]) -> Tensor:
    """What the first layers give to the next one, `[N, features]`."""
    return _chunks(gan, many, lambda part: next_features(gan, part, "", layers))


def _largest(matrix: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Eigenvectors `[count, D]` of a symmetric matrix with the largest eigenvalues, and the fractions of their sum."""
    values, vectors = torch.linalg.eigh(matrix.double())
    values = values.flip(0).clamp(min=0)
    shares = values[:count] / values.sum().clamp(min=torch.finfo(torch.float64).tiny)
    return _oriented(vectors.flip(1)[:, :count].T).float(), shares.float()


def _regressed(features: Tensor, z: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The latents' directions `[count, latent]` that belong to the principal components of features `[N, D]`."""
    x = features.double() - features.double().mean(0)
    count = min(count, *x.shape)
    components = torch.pca_lowrank(x, q=min(count + 10, *x.shape), center=False, niter=4)[2][:, :count]
    coordinates = x @ components
    variance = coordinates.square().sum(0)
    tiny = torch.finfo(torch.float64).tiny
    # The coordinates are uncorrelated, so that least squares is one product for each.
    vectors = (coordinates / variance.clamp(min=tiny)).T @ (z.double() - z.double().mean(0))
    vectors = vectors / vectors.norm(dim=1, keepdim=True).clamp(min=tiny)
    return _oriented(vectors).float(), (variance / x.square().sum().clamp(min=tiny)).float()


def _oriented(vectors: Tensor) -> Tensor:
    """Rows with the sign that makes their largest coordinate positive: eigenvectors have none of their own."""
    largest = vectors.gather(1, vectors.abs().argmax(1, keepdim=True))
    return vectors * torch.where(largest < 0, -1.0, 1.0)
