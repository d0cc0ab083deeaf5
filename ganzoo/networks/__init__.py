"""Networks and building blocks that several variants share, each after its paper.

A variant may bring its own; nothing in the core depends on these.
"""

from ganzoo.networks.attention import SelfAttention
from ganzoo.networks.autoencoders import AutoencodingDiscriminator
from ganzoo.networks.conditional_norms import AdaptiveInstanceNorm, ConditionalBatchNorm, SPADENorm
from ganzoo.networks.equalised import EqualisedConv2d, EqualisedLinear, PixelNorm
from ganzoo.networks.equalised_pyramids import EqualisedDown, EqualisedEnd, EqualisedGenerator
from ganzoo.networks.layers import (
    NORMS,
    fully_connected,
    normal_init,
    normalisation,
    orthogonal_init,
    plain_normalisation,
    xavier_init,
)
from ganzoo.networks.layouts import as_maps, as_vectors
from ganzoo.networks.minibatch import MinibatchStd
from ganzoo.networks.patches import PatchDiscriminator
from ganzoo.networks.perceptrons import MLPDiscriminator, MLPGenerator, mlp
from ganzoo.networks.plain import PlainDiscriminator, PlainGenerator
from ganzoo.networks.pyramids import (
    ConvDiscriminator,
    ConvEncoder,
    ConvGenerator,
    channel_ladder,
    doubling,
    halvings,
    pyramid,
)
from ganzoo.networks.recurrent import RecurrentDiscriminator, RecurrentGenerator
from ganzoo.networks.resampling import (
    Blur,
    BlurPool,
    FIRDownsample,
    FIRUpsample,
    fir_kernel,
    pixel_shuffle,
    upfirdn,
)
from ganzoo.networks.residual_blocks import FixupBottleneck, ResidualDown, ResidualUp
from ganzoo.networks.residual_pyramids import ResidualDiscriminator, ResidualGenerator, residual_levels
from ganzoo.networks.rows import Choices, RowSoftmax, row_parts
from ganzoo.networks.signals import PhaseShuffle, SignalDiscriminator, SignalGenerator, signal_levels
from ganzoo.networks.styles import MappingNetwork, ModulatedConv2d, NoiseInjection
from ganzoo.networks.token_networks import (
    LSTMMemory,
    RelationalMemory,
    TokenDiscriminator,
    TokenGenerator,
    counted,
)
from ganzoo.networks.tokens import GumbelSoftmax, TokenEmbedding
from ganzoo.networks.translators import ReflectedResidual, ResnetTranslator, UNet
from ganzoo.networks.volumes import VolumeDiscriminator, VolumeGenerator, volume_levels

__all__ = [
    "NORMS",
    "AdaptiveInstanceNorm",
    "AutoencodingDiscriminator",
    "Blur",
    "BlurPool",
    "Choices",
    "ConditionalBatchNorm",
    "ConvDiscriminator",
    "ConvEncoder",
    "ConvGenerator",
    "EqualisedConv2d",
    "EqualisedDown",
    "EqualisedEnd",
    "EqualisedGenerator",
    "EqualisedLinear",
    "FIRDownsample",
    "FIRUpsample",
    "FixupBottleneck",
    "GumbelSoftmax",
    "LSTMMemory",
    "MLPDiscriminator",
    "MLPGenerator",
    "MappingNetwork",
    "MinibatchStd",
    "ModulatedConv2d",
    "NoiseInjection",
    "PatchDiscriminator",
    "PhaseShuffle",
    "PixelNorm",
    "PlainDiscriminator",
    "PlainGenerator",
    "RecurrentDiscriminator",
    "RecurrentGenerator",
    "ReflectedResidual",
    "RelationalMemory",
    "ResidualDiscriminator",
    "ResidualDown",
    "ResidualGenerator",
    "ResidualUp",
    "ResnetTranslator",
    "RowSoftmax",
    "SPADENorm",
    "SelfAttention",
    "SignalDiscriminator",
    "SignalGenerator",
    "TokenDiscriminator",
    "TokenEmbedding",
    "TokenGenerator",
    "UNet",
    "VolumeDiscriminator",
    "VolumeGenerator",
    "as_maps",
    "as_vectors",
    "channel_ladder",
    "counted",
    "doubling",
    "fir_kernel",
    "fully_connected",
    "halvings",
    "mlp",
    "normal_init",
    "normalisation",
    "orthogonal_init",
    "pixel_shuffle",
    "plain_normalisation",
    "pyramid",
    "residual_levels",
    "row_parts",
    "signal_levels",
    "upfirdn",
    "volume_levels",
    "xavier_init",
]
