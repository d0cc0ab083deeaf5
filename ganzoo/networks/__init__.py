"""Networks that several variants share: multilayer perceptrons and convolutional pyramids for data of any shape.

A variant may bring its own; nothing in the core depends on these.
"""

from ganzoo.networks.layers import NORMS, fully_connected, normal_init, normalisation
from ganzoo.networks.perceptrons import MLPDiscriminator, MLPGenerator, mlp
from ganzoo.networks.pyramids import ConvDiscriminator, ConvGenerator, channel_ladder, doubling, pyramid

__all__ = [
    "NORMS",
    "ConvDiscriminator",
    "ConvGenerator",
    "MLPDiscriminator",
    "MLPGenerator",
    "channel_ladder",
    "doubling",
    "fully_connected",
    "mlp",
    "normal_init",
    "normalisation",
    "pyramid",
]
