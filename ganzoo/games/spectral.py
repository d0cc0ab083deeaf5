"""Spectral normalisation of a whole network."""

from __future__ import annotations

import logging

from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from ganzoo.errors import GanzooError
from ganzoo.networks import ConditionalBatchNorm

log = logging.getLogger(__name__)

NORMALISATION = (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.modules.batchnorm._NormBase, ConditionalBatchNorm)


def add_spectral_norm(module: nn.Module) -> None:
    """Divide each weight by its largest singular value (Miyato et al. 2018, https://arxiv.org/abs/1802.05957).

    These are the parameters named `weight` with two dimensions or more: of linear, convolution and embedding layers,
    and of layers of your own. Normalisation layers keep theirs. Other parameters of two dimensions or more are left as
    they are, with a warning unless they are named `bias`. Raises GanzooError for recurrent layers, whose weights are
    not read when they are normalised, and if there is no layer to normalise.
    """
    left_out, found = [], False
    for path, layer in list(module.named_modules()):
        if isinstance(layer, nn.RNNBase):
            raise GanzooError(f"spectral_norm: the recurrent layer {path!r} cannot be normalised: leave it out.")
        if isinstance(layer, NORMALISATION):
            continue
        for name, weight in list(layer.named_parameters(recurse=False)):
            if name == "weight" and weight.ndim > 1:
                spectral_norm(layer)
                found = True
            elif weight.ndim > 1 and name != "bias" and not name.startswith("original"):
                left_out.append(f"{path}.{name}".removeprefix("."))
    if not found:
        raise GanzooError("spectral_norm: the discriminator has no layer with a weight to normalise: leave it out.")
    if left_out:
        log.warning("spectral_norm leaves out the parameters %s of the discriminator.", ", ".join(left_out))
