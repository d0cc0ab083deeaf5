"""The feature extractors of torch-fidelity as feature spaces: Inception-v3, VGG16, DINOv2, CLIP."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch_fidelity.feature_extractor_base import FeatureExtractorBase
from torch_fidelity.feature_extractor_clip import MODEL_METADATA as CLIP_FILES
from torch_fidelity.feature_extractor_clip import MODEL_URLS as CLIP_URLS
from torch_fidelity.feature_extractor_inceptionv3 import URL_INCEPTION_V3
from torch_fidelity.registry import FEATURE_EXTRACTORS_REGISTRY
from torch_fidelity.utils import create_feature_extractor
from torchvision.models import VGG16_Weights

from ganzoo.data.memo import Memo
from ganzoo.errors import GanzooError
from ganzoo.evaluation.features.classifier import weights_digest
from ganzoo.evaluation.features.extraction import Features
from ganzoo.evaluation.features.names import INCEPTION
from ganzoo.evaluation.features.weights import Weights, cached_file, fetch, read_bytes, read_state, tensors_only

BATCH_SIZE = 64
MAX_REAL = 50_000

PUBLISHED = {
    INCEPTION: "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    "vgg16": "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
}
"""SHA-256 of the published weights; each file's name contains the first eight digits."""

URLS = {INCEPTION: URL_INCEPTION_V3, "vgg16": VGG16_Weights.IMAGENET1K_V1.url}
"""The spaces whose weights are a file of tensors and can be given as `weights`."""


@dataclass(frozen=True, eq=False)
class FidelitySpace:
    """A feature extractor of torch-fidelity. Its features are float32, as the network returns them.

    sha256: of the weights file; for DINOv2, which is downloaded as code and weights, of the weights in memory.
    """

    extractor: FeatureExtractorBase
    sha256: str
    resize: str

    @property
    def name(self) -> str:
        """The extractor's name, followed by the hash of the weights unless they are the published ones."""
        name: str = self.extractor.get_name()
        published = self.sha256 == PUBLISHED.get(name, self.sha256)
        return name if published else f"{name}:{self.sha256[:8]}"

    @property
    def suffix(self) -> str:
        """Empty only for the published Inception weights: distances in any other space are not FID."""
        return "" if self.name == INCEPTION else f"[{self.name}]"

    @property
    def max_real(self) -> int:
        return MAX_REAL

    @property
    def identity(self) -> str:
        return f"{self.extractor.get_name()} {self.sha256} {','.join(self.layers)} torch {torch.__version__}"

    @property
    def layers(self) -> list[str]:
        """Names of the layers of the features and, for a classifier, of the logits."""
        found: list[str] = self.extractor.get_requested_features_list()
        return found

    def extract(self, images: Tensor) -> Features:
        """Features float32 `[N, D]` of uint8 images `[N, 1 or 3, H, W]`, grey ones as RGB, computed on their device."""
        if images.shape[1] not in (1, 3):
            raise GanzooError(
                f"{self.name} takes grey or RGB images, not {images.shape[1]} channels: "
                "train with --set data.channels=3."
            )
        network, parts = self.extractor.to(images.device), []
        with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
            for part in images.split(BATCH_SIZE):
                parts.append([output.cpu() for output in network(part.expand(-1, 3, -1, -1))])
        joined = [torch.cat(outputs) for outputs in zip(*parts, strict=True)]
        return Features(joined[0], joined[1] if len(joined) > 1 else None)

    def to_dict(self) -> dict[str, Any]:
        """Plain values from which `from_dict` rebuilds the space on another rank."""
        return {"extractor": self.extractor.get_name(), "sha256": self.sha256}

    def describe(self) -> dict[str, Any]:
        return {"space": self.name, "extractor": self.name, "sha256": self.sha256, "layers": self.layers}


# Every metric looks up its feature space, and reading a network takes a second. A network depends only on its weights
# file and not on the samples or the data set, so it is cached per process.
_SPACES = Memo()


def is_downloaded(name: str) -> bool:
    """Whether the weights of a space are in torch's cache."""
    return name in URLS and cached_file(URLS[name]).is_file()


def find(name: str, weights: Path | None = None) -> FidelitySpace:
    """The feature space of torch-fidelity's extractor `name`, with the weights in a file or the published ones.

    Raises GanzooError if the weights are missing and cannot be downloaded, belong to another network, contain more than
    tensors, or if `weights` is given for an extractor that takes no weights file.
    """
    if weights is not None and name not in URLS:
        raise GanzooError(f"{name} takes no weights file: leave out --weights, or use {' or '.join(URLS)}.")
    return _SPACES.once((name, weights, _stamp(weights)), lambda: _read(name, weights))


def from_dict(values: dict[str, Any], weights: Path | None) -> FidelitySpace:
    """The feature space that another rank uses. Raises GanzooError if the weights differ on this machine."""
    space = find(values["extractor"], weights)
    if space.sha256 != values["sha256"]:
        raise GanzooError(
            f"the weights of {space.name} differ between machines: copy those of the first machine to all."
        )
    return space


def _read(name: str, weights: Path | None) -> FidelitySpace:
    if name in URLS:
        return _from_state(name, weights)
    return _clip(name) if name in CLIP_URLS else _hub(name)


def _stamp(path: Path | None) -> tuple[int, int]:
    try:
        found = path.stat() if path is not None else None
    except OSError:
        found = None
    return (found.st_mtime_ns, found.st_size) if found else (0, 0)


def _from_state(name: str, path: Path | None) -> FidelitySpace:
    if path is None:
        path = cached_file(URLS[name])
        fetch(name, URLS[name], path, PUBLISHED[name])
    weights = read_state(path, name)
    try:
        with tensors_only():
            extractor = _create(name, weights)
    except (RuntimeError, KeyError, TypeError, AttributeError) as error:
        wrong = GanzooError(f"{path} does not contain weights of {name}: its tensors have other names or shapes.")
        raise wrong from error
    return FidelitySpace(extractor, weights.sha256, _resize(extractor.INPUT_IMAGE_SIZE))


def _clip(name: str) -> FidelitySpace:
    wanted = CLIP_FILES[name]["hash"]
    path = cached_file(CLIP_URLS[name], f"{name}-{wanted}.pt")
    try:
        fetch(name, CLIP_URLS[name], path, wanted)
    except GanzooError as error:
        as_here = str(error).replace(", or name the file with --weights FILE", f" as {path.name}")
        raise GanzooError(as_here) from error
    weights = read_bytes(path, name)
    # A TorchScript archive is a program, so only the published file is run.
    if weights.sha256 != wanted:
        raise GanzooError(f"{path} is not the published file of {name}: its checksum differs; remove it and try again.")
    extractor = _create(name, weights)
    return FidelitySpace(extractor, weights.sha256, _resize(extractor.resolution))


def _hub(name: str) -> FidelitySpace:
    try:
        with tensors_only():
            extractor = _create(name, None)
    # The network is built by downloaded code, which can fail in any way.
    except Exception as error:
        reason = str(getattr(error, "reason", None) or error).splitlines()[:1] or [type(error).__name__]
        raise GanzooError(
            f"{name} cannot be loaded ({reason[0]}): torch.hub downloads facebookresearch/dinov2 and its weights; "
            f"without a network, copy {torch.hub.get_dir()} from a machine that has them."
        ) from error
    return FidelitySpace(extractor, weights_digest(extractor), _resize(extractor.INPUT_IMAGE_SIZE))


def _create(name: str, weights: Weights | None) -> Any:
    """torch-fidelity's extractor in evaluation mode, created from the verified bytes."""
    extractor = FEATURE_EXTRACTORS_REGISTRY[name]
    layers = [extractor.get_default_feature_layer_for_metric("fid")]
    if name == INCEPTION:
        layers.append(extractor.get_default_feature_layer_for_metric("isc"))
    options = {} if weights is None else {"feature_extractor_weights_path": weights.open()}
    # Initial weights are drawn and then replaced; the random state is restored.
    with torch.random.fork_rng(devices=[]):
        return create_feature_extractor(name, layers, cuda=False, verbose=False, **options)


def _resize(size: int) -> str:
    return f"bilinear to {size}x{size}, as in TensorFlow 1"
