"""Augmentations of what the discriminator sees: differentiable, and the same for real and generated samples.

They let a GAN learn from few data: D can no longer memorise the real samples, and G learns to generate samples that are
not augmented, as long as the augmentation can be inverted in distribution (Karras et al. 2020,
https://arxiv.org/abs/2006.06676, section 2.2).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ganzoo.errors import GanzooError
from ganzoo.game import Augmentation, Terms


class DiffAugment(Augmentation):
    """Random colour, translation and cutout of every image `[N, C, H, W]` (Zhao et al. 2020).

    https://arxiv.org/abs/2006.10738, section 3.2 and appendix B. colour: strength of brightness, saturation and
    contrast; 1 is the paper's. translation: largest shift as a fraction of the side. cutout: side of the removed square
    as a fraction of the image's. 0 turns each off. edge: what a shift moves in, as a multiple of the nearest pixel of
    the image. The paper's 0 is grey, which on images with a black or white background is a frame that shows the shift.
    """

    def __init__(self, colour: float = 1.0, translation: float = 0.125, cutout: float = 0.5, edge: float = 0.0) -> None:
        super().__init__()
        self.colour, self.translation, self.cutout, self.edge = colour, translation, cutout, edge

    def forward(self, x: Tensor) -> Tensor:
        require_images(x)
        if self.colour:
            x = recoloured(x, self.colour)
        if self.translation:
            x = translated(x, self.translation, self.edge)
        if self.cutout:
            x = cut_out(x, self.cutout)
        return x


class FixedProbability(Augmentation):
    """ADA's augmentations (Karras et al. 2020), https://arxiv.org/abs/2006.06676, with a probability p that is given.

    Mirroring, quarter turns, shifts, scaling, rotation and colour, each applied to an image with probability p. Unlike
    in the paper, an image is rotated once, not before and after anisotropic scaling, and resampled bilinearly, without
    a filter against aliasing.

    p: may have a schedule, as in R3GAN (Huang et al. 2024). colour, cutout: factors of p for each change of colours
    and for removing a square of half the image's side; R3GAN has 0.5 and 1.
    """

    p: Tensor | float

    def __init__(self, p: float = 0.5, colour: float = 1.0, cutout: float = 0.0) -> None:
        super().__init__()
        self.colour, self.cutout = colour, cutout
        self._set(p)

    def _set(self, p: float) -> None:
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        require_images(x)
        x = transformed(x, self._geometry(x))
        if self.colour and x.shape[1] in (1, 3):
            x = self._recoloured(x)
        if self.cutout:
            chosen = torch.rand(len(x), 1, 1, 1, device=x.device) < self.p * self.cutout
            x = torch.where(chosen, cut_out(x, 0.5), x)
        return x

    def _chosen(self, value: Tensor, neutral: float = 0.0, factor: float = 1.0) -> Tensor:
        """The random values `[N]` with probability `factor * p` each, else the value that changes nothing."""
        return torch.where(torch.rand(len(value), device=value.device) < self.p * factor, value, neutral)

    def _geometry(self, x: Tensor) -> Tensor:
        """Affine maps `[N, 2, 3]` from output to input coordinates, in pixels from the centre."""
        n, height, width, device = len(x), x.shape[2], x.shape[3], x.device

        def uniform(low: float, high: float) -> Tensor:
            return torch.rand(n, device=device) * (high - low) + low

        def normal(std: float) -> Tensor:
            return torch.randn(n, device=device) * std

        mirror = 1 - 2 * self._chosen(torch.randint(2, (n,), device=device).float())
        if height == width:
            turns = self._chosen(torch.randint(4, (n,), device=device).float()) * (math.pi / 2)
        else:
            turns = self._chosen(torch.randint(2, (n,), device=device).float()) * math.pi
        shift_x = self._chosen((uniform(-0.125, 0.125) * width).round())
        shift_y = self._chosen((uniform(-0.125, 0.125) * height).round())
        scale = self._chosen(torch.exp2(normal(0.2)), 1.0)
        angle = self._chosen(uniform(-math.pi, math.pi))
        stretch = self._chosen(torch.exp2(normal(0.2)), 1.0)
        shift_x = shift_x + self._chosen(normal(0.125) * width)
        shift_y = shift_y + self._chosen(normal(0.125) * height)
        cos, sin = torch.cos(turns + angle), torch.sin(turns + angle)
        across, down = 1 / (scale * stretch), stretch / scale
        rows = [mirror * across * cos, mirror * across * sin, -shift_x, -down * sin, down * cos, -shift_y]
        return torch.stack(rows, 1).view(n, 2, 3)

    def _recoloured(self, x: Tensor) -> Tensor:
        n, device = len(x), x.device

        def normal(std: float) -> Tensor:
            return torch.randn(n, device=device) * std

        def chosen(value: Tensor, neutral: float = 0.0) -> Tensor:
            return self._chosen(value, neutral, self.colour)

        brightness = chosen(normal(0.2)).view(n, 1, 1, 1)
        contrast = chosen(torch.exp2(normal(0.5)), 1.0).view(n, 1, 1, 1)
        x = x * contrast + brightness
        if x.shape[1] == 1:
            return x
        # Luma is the component along the grey axis: flipping it, turning hue and scaling saturation leave it apart.
        luma = x.mean(1, keepdim=True)
        chroma = x - luma
        flip = 1 - 2 * chosen(torch.randint(2, (n,), device=device).float()).view(n, 1, 1, 1)
        hue = chosen((torch.rand(n, device=device) * 2 - 1) * math.pi)
        saturation = chosen(torch.exp2(normal(1.0)), 1.0).view(n, 1, 1, 1)
        return luma * flip + saturation * turned_hue(chroma, hue)


class Adaptive(FixedProbability):
    """Adaptive discriminator augmentation, ADA (Karras et al. 2020), https://arxiv.org/abs/2006.06676, section 3.

    The augmentations of `FixedProbability` with a probability p that rises while D is more confident of the real images
    than `target`, and falls otherwise.

    target: the mean sign of D's logits for real images, where p stays. thousands: p moves from 0 to 1 in that many
    thousand real images. p is 0 at the start and a buffer, so it is saved with a run.
    """

    INTERVAL = 4
    """Updates of D over which the mean sign is taken, as in the paper's implementation."""

    p: Tensor
    signs: Tensor
    updates: Tensor

    def __init__(self, target: float = 0.6, thousands: float = 500.0) -> None:
        super().__init__(0.0)
        self.target, self.thousands = target, thousands
        for name in ("signs", "updates"):
            self.register_buffer(name, torch.zeros(()))

    def _set(self, p: float) -> None:
        self.register_buffer("p", torch.tensor(p))

    def terms(self, real_logits: Tensor) -> Terms:
        with torch.no_grad():
            return {"sign": real_logits.float().sign().mean(), "augment-p": self.p.clone()}

    @torch.no_grad()
    def adapt(self, terms: Terms) -> None:
        self.signs.add_(terms["sign"])
        self.updates.add_(1)
        due = (self.updates >= self.INTERVAL).float()
        step = self.INTERVAL * self.batch / (1000 * self.thousands)
        self.p.add_(due * step * (self.signs / self.INTERVAL - self.target).sign()).clamp_(0, 1)
        self.signs.mul_(1 - due)
        self.updates.mul_(1 - due)


def require_images(x: object) -> None:
    """Raise GanzooError for anything but a batch of images `[N, C, H, W]`."""
    if not isinstance(x, Tensor) or x.ndim != 4:
        raise GanzooError("this augmentation changes one batch of images, and D is shown something else: leave it out.")


def recoloured(x: Tensor, strength: float = 1.0) -> Tensor:
    """Images with random brightness (+-0.5), saturation (0 to 2 times) and contrast (0.5 to 1.5 times)."""

    def draw() -> Tensor:
        return torch.rand(len(x), 1, 1, 1, device=x.device, dtype=x.dtype) - 0.5

    x = x + strength * draw()
    if x.shape[1] > 1:
        grey = x.mean(1, keepdim=True)
        x = (x - grey) * (1 + 2 * strength * draw()) + grey
    mean = x.mean((1, 2, 3), keepdim=True)
    return (x - mean) * (1 + strength * draw()) + mean


def translated(x: Tensor, fraction: float, edge: float = 0.0) -> Tensor:
    """Images shifted by up to `fraction` of their sides, by whole pixels; what moves in is `edge` times the border."""
    n, channels, height, width = x.shape
    reach = [round(fraction * side) for side in (height, width)]
    down, right = (torch.randint(-far, far + 1, (n, 1, 1), device=x.device) for far in reach)
    rows = torch.arange(height, device=x.device).view(1, -1, 1) + down
    columns = torch.arange(width, device=x.device).view(1, 1, -1) + right
    index = (rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1)).view(n, 1, -1).expand(-1, channels, -1)
    moved = x.flatten(2).gather(2, index).view_as(x)
    if edge == 1:
        return moved
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    return torch.where(inside[:, None], moved, edge * moved)


def cut_out(x: Tensor, fraction: float) -> Tensor:
    """Images with a square of `fraction` of their sides set to 0, at a random place that may overlap the border."""
    n, _, height, width = x.shape
    inside = []
    for dim, side in ((2, height), (3, width)):
        size = max(1, round(fraction * side))
        centre = torch.randint(side + (1 - size % 2), (n,), device=x.device)
        distance = torch.arange(side, device=x.device) - centre[:, None] + size // 2
        shape = [n, 1, 1, 1]
        shape[dim] = side
        inside.append(((distance >= 0) & (distance < size)).view(shape))
    return x * ~(inside[0] & inside[1])


def transformed(x: Tensor, maps: Tensor) -> Tensor:
    """Images `[N, C, H, W]` under affine maps `[N, 2, 3]` from output to input pixels, counted from the centre.

    Bilinear, mirrored at the borders. Not grid_sample, which not every version of torch can differentiate twice, as
    gradient penalties do.
    """
    channels, height, width = x.shape[1:]
    ys = torch.arange(height, device=x.device, dtype=torch.float32) - (height - 1) / 2
    xs = torch.arange(width, device=x.device, dtype=torch.float32) - (width - 1) / 2
    grid = torch.stack([xs.repeat(height), ys.repeat_interleave(width), torch.ones_like(xs).repeat(height)])
    with torch.autocast(x.device.type, enabled=False):
        # Positions in bf16 would be whole pixels off.
        found = maps.float() @ grid
    at_x, at_y = found[:, 0] + (width - 1) / 2, found[:, 1] + (height - 1) / 2
    left, top = at_x.floor(), at_y.floor()
    flat = x.flatten(2)
    result = torch.zeros_like(flat)
    for dy in (0, 1):
        for dx in (0, 1):
            weight = (1 - (at_x - left - dx).abs()) * (1 - (at_y - top - dy).abs())
            index = mirrored(top + dy, height) * width + mirrored(left + dx, width)
            part = flat.gather(2, index.long().unsqueeze(1).expand(-1, channels, -1))
            result = result + part * weight.unsqueeze(1).to(x.dtype)
    return result.view_as(x)


def mirrored(position: Tensor, side: int) -> Tensor:
    """Whole positions, reflected at the first and last pixel until they are between 0 and `side` - 1."""
    if side == 1:
        return torch.zeros_like(position)
    period = 2 * (side - 1)
    position = position.remainder(period)
    return torch.minimum(position, period - position)


def turned_hue(chroma: Tensor, angle: Tensor) -> Tensor:
    """RGB images without luma, rotated around the grey axis by `angle [N]` (Rodrigues' formula)."""
    cos, sin = torch.cos(angle).view(-1, 1, 1, 1), torch.sin(angle).view(-1, 1, 1, 1)
    red, green, blue = chroma.unbind(1)
    # The cross product with the unit vector along (1, 1, 1).
    across = torch.stack([blue - green, red - blue, green - red], 1) / math.sqrt(3)
    return chroma * cos + across * sin
