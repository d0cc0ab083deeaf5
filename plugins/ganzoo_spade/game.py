"""SPADE's game: label maps as indicators of classes, and the distance between D's features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, l1_loss

from ganzoo.errors import GanzooError
from ganzoo.game import Batch, Terms
from ganzoo.games import SOURCE, PairedTranslator, require_pairs, source_of
from ganzoo.recipes import DataSpec

from .networks import MultiscaleDiscriminator, SPADEGenerator

if TYPE_CHECKING:
    from . import SPADERecipe


class SPADE(PairedTranslator):
    """Both networks see the map as indicators of its classes; D returns a tuple of features for each scale."""

    weight: Tensor
    bias: Tensor

    def setup(self, recipe: Any, data: DataSpec) -> None:
        # In the range of the images, in which maps are gathered.
        colours = torch.tensor(data.inputs[SOURCE].note["colours"]) / 127.5 - 1
        self.register_buffer("weight", 2 * colours[:, :, None, None], persistent=False)
        self.register_buffer("bias", -colours.square().sum(1), persistent=False)

    def condition(self, batch: Batch) -> Tensor:
        """`[N, classes, H, W]`: 1 for the class of a pixel, whose colour is the nearest one, else 0."""
        source = batch[SOURCE].float()
        # |p - c|^2 without |p|^2, which is the same for all colours, as a convolution of 1x1.
        with torch.autocast(source.device.type, enabled=False):
            classes = conv2d(source, self.weight, self.bias).argmax(1, keepdim=True)
        # Not by one_hot, which makes the host wait for the device.
        each = torch.arange(len(self.weight), device=source.device).view(1, -1, 1, 1)
        return (classes == each).to(batch[SOURCE].dtype)

    def logits(self, output: Any) -> Any:
        return tuple(features[-1] for features in output)

    def generator_loss(self, batch: Batch) -> Terms:
        # As of a paired loss: D's features of the targets are needed too.
        batch = self._jittered(batch)
        fakes = self.fakes(batch)
        real, fake = self.look_at_both(self.shown(batch["x"], batch), self.shown(fakes, batch), None, None)
        return self.g_terms(batch, fakes, fake, real)

    def g_terms(self, batch: Batch, fakes: Any, fake: Any, real: Any) -> Terms:
        terms = super().g_terms(batch, fakes, fake, real)
        if self.recipe.matching:
            terms["matching"] = self.recipe.matching * matching(fake, real)
        return terms


def matching(fake: Any, real: Any) -> Tensor:
    """L1 distance between D's features of generated and real samples: summed over layers, averaged over scales."""
    scales = [
        torch.stack([l1_loss(a, b.detach()) for a, b in zip(of_fake[:-1], of_real[:-1], strict=True)]).sum()
        for of_fake, of_real in zip(fake, real, strict=True)
    ]
    return torch.stack(scales).mean()


def networks(recipe: SPADERecipe, data: DataSpec) -> tuple[nn.Module, nn.Module]:
    """The generator, and the discriminators of map and image. Raises GanzooError for inputs that are no label maps."""
    source = source_of("spade", data)
    require_pairs("spade", data)
    if "colours" not in source.note:
        raise GanzooError(
            f"spade makes images from label maps, and the inputs of {data.name} are none: use --dataset segments, or "
            "--dataset maps:MAPS --set data.second_path=PHOTOS; for other inputs, train pix2pix."
        )
    classes = len(source.note["colours"])
    g = SPADEGenerator(
        classes, data.shape, recipe.width, ups=recipe.ups, hidden=recipe.hidden, spectral=recipe.g_spectral_norm
    )
    shape = (classes + data.shape[0], *data.shape[1:])
    return g, MultiscaleDiscriminator(
        shape, recipe.d_width, layers=recipe.d_layers, scales=recipe.d_scales, norm=recipe.d_norm
    )
