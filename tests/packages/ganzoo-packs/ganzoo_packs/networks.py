"""The packed discriminator (Lin et al. 2018, section 2)."""

from __future__ import annotations

from torch import nn

from ganzoo import GanzooError


class Packed(nn.Module):
    """`x [N, C, ...]` to logits `[N]`: each `pack` consecutive samples are concatenated and judged as one.

    All samples of a pack get the logit of their pack: a loss that takes means sees what it would see of the packs.
    """

    def __init__(self, body, pack):
        super().__init__()
        self.body, self.pack = body, pack

    def forward(self, x):
        count = len(x)
        if count % self.pack:
            raise GanzooError(f"{count} samples cannot be split into packs of {self.pack}: choose another batch.")
        logits = self.body(x.reshape(count // self.pack, *packed_shape(x.shape[1:], self.pack)))
        return logits.repeat_interleave(self.pack)


def packed_shape(shape, pack):
    """The shape of a pack: as many times the channels (of points: the coordinates)."""
    return (pack * shape[0], *shape[1:])
