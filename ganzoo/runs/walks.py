"""Paths through latent space: between latents, along a coordinate, and closed ones for animations."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ganzoo.errors import GanzooError
from ganzoo.runs.sampling import slerp


def between(gan: Any, rows: int, columns: int) -> Tensor:
    """Latents `[rows, columns, latent]` from one to another along each row."""
    return torch.stack(_leg(gan, gan.draw_latent(rows), gan.draw_latent(rows), torch.linspace(0, 1, columns)), 1)


def along(gan: Any, coordinate: int, rows: int, columns: int) -> Tensor:
    """Latents `[rows, columns, latent]` whose coordinate rises along each row. GanzooError if they do not have it."""
    return _varied(gan, coordinate, rows, torch.linspace(-1, 1, columns))


def loop(gan: Any, count: int, legs: int, frames: int) -> Tensor:
    """Latents `[legs * frames, count, latent]` that pass `legs` others, and return to where they began."""
    stops = [gan.draw_latent(count) for _ in range(legs)]
    fractions = torch.arange(frames) / frames
    path = [_leg(gan, start, end, fractions) for start, end in zip(stops, [*stops[1:], stops[0]], strict=True)]
    return torch.stack([z for leg in path for z in leg])


def swing(gan: Any, coordinate: int, count: int, frames: int) -> Tensor:
    """Latents `[frames, count, latent]` whose coordinate rises and falls back. GanzooError if they do not have it."""
    return _varied(gan, coordinate, count, -torch.cos(2 * math.pi * torch.arange(frames) / frames)).transpose(0, 1)


def _leg(gan: Any, start: Tensor, end: Tensor, fractions: Tensor) -> list[Tensor]:
    linear = getattr(gan, "latent_distribution", "normal") == "uniform"
    return [torch.lerp(start, end, f) if linear else slerp(start, end, f) for f in fractions]


def _varied(gan: Any, coordinate: int, rows: int, parts: Tensor) -> Tensor:
    """Latents `[rows, columns, latent]`; parts: of the largest value of the coordinate, one for each column."""
    reach = 1.0 if getattr(gan, "latent_distribution", "normal") == "uniform" else 2.0
    z = gan.draw_latent(rows)
    if not 0 <= coordinate < z.shape[1]:
        raise GanzooError(f"no such coordinate: this run's latents have the coordinates 0 to {z.shape[1] - 1}.")
    z = z[:, None].repeat(1, len(parts), 1)
    z[:, :, coordinate] = reach * parts
    return z
