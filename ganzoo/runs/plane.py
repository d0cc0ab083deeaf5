"""What a game in the plane looks like: samples, D's logits around them, the push on G's samples, the latent grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from ganzoo.game import GAN, AdversarialLoss, has_latent
from ganzoo.recipes import DataSpec
from ganzoo.zoo.boundary import describe

if TYPE_CHECKING:
    from ganzoo.callbacks import Training

REAL, FAKE, PUSHED, CELLS, LINES = 400, 400, 60, 32, 13
MARGIN = 0.3
FARTHEST = 2.0
"""Standard deviations of normal latents that the latent grid reaches."""


@runtime_checkable
class Judge(Protocol):
    """A game whose discriminator can be asked about any samples, such as TwoPlayer."""

    loss: AdversarialLoss

    def judge(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Logits `[N]` of samples `x [N, *shape]`, of classes `y [N]` if D is conditional."""
        ...


@dataclass(frozen=True, eq=False)
class Plane:
    """A game on points `[N, 2]`, at one step. What a game cannot show is None.

    bounds: `(left, right, bottom, top)` of what is shown. real, fake: `[N, 2]`. logits: `[rows, columns]` of D at the
    centres of equal cells, from the bottom left. middle, spread: the logit between those of real and generated samples,
    and their standard deviation, by which logits can be coloured. pushes: `[M, 2]`, the direction in which the first M
    generated samples would lower G's loss, each a gradient. grid: `[L, L, 2]`, where G puts a square grid in the first
    two latent coordinates (the others are 0). problem: why D could not be asked.
    """

    bounds: tuple[float, float, float, float]
    real: Tensor
    fake: Tensor
    logits: Tensor | None = None
    middle: float = 0.0
    spread: float = 1.0
    pushes: Tensor | None = None
    grid: Tensor | None = None
    problem: str = ""


def is_plane(spec: DataSpec) -> bool:
    """Whether samples are points in a plane."""
    return spec.modality == "points" and spec.shape == (2,)


def view(trainer: Training, *, averaged: bool = False, label: int = 0) -> Plane:
    """The game as it is now, from the same latents each time; its weights and buffers stay as they are.

    averaged: draw samples from the averaged weights. label: the class that D and the latent grid are asked about, in a
    conditional game; samples have all classes. The caller restores torch's random state.
    """
    gan, dataset = trainer.gan, trainer.stream.dataset
    device = trainer.fabric.device
    everything = dataset.batch(torch.arange(min(REAL, dataset.count)))
    real = everything["x"].float()
    bounds = bounds_of(real)
    with gan.for_sampling(averaged):
        torch.manual_seed(trainer.recipe.seed)
        y = torch.arange(FAKE, device=device) % gan.classes if gan.classes else None
        fake = gan.sample(FAKE, y).float()
        grid = latent_grid(gan, label, device)
    seen: dict[str, Any] = {}
    if isinstance(gan, Judge):
        # Of the weights in training: it is these that play.
        with gan.for_sampling(averaged=False):
            seen = ask(gan, real, fake, bounds, label)
    return Plane(bounds, real.cpu(), fake.cpu(), grid=grid, **seen)


def bounds_of(real: Tensor) -> tuple[float, float, float, float]:
    """What to show of the plane, `(left, right, bottom, top)`: a square around the real points `[N, 2]`."""
    low, high = real.min(0).values, real.max(0).values
    centre, half = (low + high) / 2, max(float((high - low).max()) * (0.5 + MARGIN), 1e-6)
    x, y = centre.tolist()
    return x - half, x + half, y - half, y + half


def latent_grid(gan: GAN, label: int, device: torch.device) -> Tensor | None:
    """Where the generator puts a grid of latents, `[L, L, 2]`; None for a game without latents of two dimensions."""
    game: Any = gan
    size = getattr(gan, "latent", 0)
    if not has_latent(gan) or not isinstance(size, int) or size < 2:
        return None
    reach = 1.0 if getattr(gan, "latent_distribution", "normal") == "uniform" else FARTHEST
    line = torch.linspace(-reach, reach, LINES, device=device)
    z = torch.zeros(LINES * LINES, size, device=device)
    z[:, :2] = torch.cartesian_prod(line, line)
    y = torch.full((len(z),), label, device=device) if gan.classes else None
    return game.generate(z, y).float().view(LINES, LINES, -1)[..., :2].cpu()


def ask(
    gan: Judge, real: Tensor, fake: Tensor, bounds: tuple[float, float, float, float], label: int
) -> dict[str, Any]:
    """The fields of a Plane that come from D; none of a game whose D cannot judge single samples."""
    left, right, bottom, top = bounds
    cell_x, cell_y = (right - left) / CELLS, (top - bottom) / CELLS
    xs = torch.linspace(left + cell_x / 2, right - cell_x / 2, CELLS, device=real.device)
    ys = torch.linspace(bottom + cell_y / 2, top - cell_y / 2, CELLS, device=real.device)
    places = torch.cartesian_prod(ys, xs).flip(1)
    count = min(PUSHED, len(real), len(fake))

    def judge(x: Tensor) -> Tensor:
        y = torch.full((len(x),), label, device=x.device) if getattr(gan, "classes", 0) else None
        return gan.judge(x, y).float()

    try:
        logits, of_real, of_fake = judge(places), judge(real), judge(fake)
        with torch.enable_grad():
            x = fake[:count].detach().requires_grad_()
            loss = gan.loss.generator(judge(x), of_real[:count])
            (gradient,) = torch.autograd.grad(loss, x)
    except Exception as error:
        # A discriminator of packed samples, or anyone's, takes other samples than single ones.
        return {"problem": f"D cannot be asked about single points ({describe(error)})"}
    middle = (float(of_real.mean()) + float(of_fake.mean())) / 2
    spread = float(torch.cat([of_real, of_fake]).std())
    return {
        "logits": logits.view(CELLS, CELLS).cpu(),
        "middle": middle,
        "spread": spread,
        "pushes": (-count * gradient).cpu(),
    }
