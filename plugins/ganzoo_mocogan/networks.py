"""MoCoGAN's networks: frames from content and motion, and two discriminators, of frames and of clips."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ganzoo.networks import ConvDiscriminator, ConvGenerator, VolumeDiscriminator, normal_init
from ganzoo.recipes import DataSpec

if TYPE_CHECKING:
    from . import MoCoGANRecipe


def latent_size(recipe: MoCoGANRecipe, data: DataSpec) -> int:
    """Dimensions of z: content, the first state of the recurrent network, and its input for each frame."""
    return recipe.content + recipe.motion * (1 + data.shape[1])


class Generator(nn.Module):
    """`z [N, latent]` and classes `y [N]` to clips `[N, C, T, H, W]`.

    The content is the same in all frames. The motion of each is the state of a GRU, whose first state and inputs are
    noise, parts of z too. An image generator makes each frame of its content, motion and, if there are labels, class.
    """

    def __init__(self, recipe: MoCoGANRecipe, data: DataSpec) -> None:
        super().__init__()
        channels, self.frames, height, width = data.shape
        self.parts = [recipe.content, recipe.motion, recipe.motion * self.frames]
        labels = recipe.embedding if data.classes else 0
        self.embed = nn.Embedding(data.classes, labels) if labels else None
        self.motion = nn.GRU(recipe.motion, recipe.motion, batch_first=True)
        self.image = ConvGenerator(recipe.content + recipe.motion + labels, (channels, height, width), recipe.width)
        normal_init(self.image)

    def forward(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        content, first, noise = z.split(self.parts, 1)
        states, _ = self.motion(noise.unflatten(1, (self.frames, -1)), first[None].contiguous())
        fixed = content if self.embed is None else torch.cat([content, self.embed(y)], 1)
        each = torch.cat([fixed[:, None].expand(-1, self.frames, -1), states], 2)
        clip: Tensor = self.image(each.flatten(0, 1)).unflatten(0, (-1, self.frames))
        return clip.transpose(1, 2)


class Discriminators(nn.Module):
    """Clips `[N, C, T, H, W]` and classes `y [N]` to logits: `[N, frames]` of frames at random, `[N]` of the clip.

    With labels, each logit has an inner product of the class and the last features added (Miyato & Koyama 2018).
    """

    def __init__(self, recipe: MoCoGANRecipe, data: DataSpec) -> None:
        super().__init__()
        channels, _, height, width = data.shape
        wide = recipe.d_width or recipe.width
        outputs, norm = data.classes, recipe.d_norm
        self.frames = recipe.frames
        self.frame = ConvDiscriminator((channels, height, width), wide, norm=norm, classes=outputs)
        self.clip = VolumeDiscriminator(data.shape, recipe.clip_width or wide, norm=norm)
        self.of_class = nn.Linear(self.clip.head.in_features, outputs, bias=False) if outputs else None
        normal_init(self)

    def forward(self, x: Tensor, y: Tensor | None = None) -> tuple[Tensor, Tensor]:
        n, channels, length, height, width = x.shape
        at = torch.randint(length, (n, 1, self.frames, 1, 1), device=x.device)
        chosen = x.gather(2, at.expand(-1, channels, -1, height, width)).transpose(1, 2).flatten(0, 1)
        frame, features = self.frame(chosen).unflatten(0, (n, self.frames)), self.clip.body(x).flatten(1)
        clip = self.clip.head(features)[:, 0]
        if self.of_class is None or y is None:
            return frame, clip
        own = y[:, None]
        of_frame = frame[:, :, 1:].gather(2, own[:, None].expand(-1, self.frames, -1))[:, :, 0]
        return frame[:, :, 0] + of_frame, clip + self.of_class(features).gather(1, own)[:, 0]


def networks(recipe: MoCoGANRecipe, data: DataSpec) -> tuple[nn.Module, nn.Module]:
    """The generator, and both discriminators. Raises GanzooError for sides that cannot be halved evenly."""
    return Generator(recipe, data), Discriminators(recipe, data)
