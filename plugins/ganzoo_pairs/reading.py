"""A small network that reads label maps from images, trained once on the real pairs of a data set and cached."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ganzoo.data.dataset import Dataset, as_input, to_uint8
from ganzoo.evaluation.features import cache

VERSION = 1
"""Part of the cache key: increment it with any change below that changes the weights."""

LARGEST, WIDTH = 32, 32
STEPS, BATCH, LEARNING_RATE = 300, 16, 3e-3
CHUNK = 200
DTYPE = torch.float64
"""In which the weights come out the same on every processor, up to rounding."""


def classes_of(maps: Tensor, colours: Sequence[Sequence[int]]) -> Tensor:
    """The class `[N, H, W]` of each pixel of uint8 maps `[N, C, H, W]`: the colour that is nearest."""
    palette = torch.tensor(colours, dtype=torch.float32)
    # |p - c|^2 without |p|^2, as a convolution of 1x1.
    weight, bias = 2 * palette[:, :, None, None], -palette.square().sum(1)
    return torch.cat([functional.conv2d(part.float(), weight, bias).argmax(1) for part in maps.split(CHUNK)])


class Segmenter(nn.Module):
    """Images `[N, C, h, w]` to logits `[N, classes, h, w]`: convolutions of growing dilation that see 32x32."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for number, dilation in enumerate((1, 2, 4, 8)):
            size = WIDTH if number else channels
            layers += [nn.Conv2d(size, WIDTH, 3, padding=dilation, dilation=dilation, bias=False)]
            layers += [nn.BatchNorm2d(WIDTH), nn.ReLU()]
        self.body = nn.Sequential(*layers, nn.Conv2d(WIDTH, classes, 1))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.body(x)
        return logits


@dataclass(frozen=True, eq=False)
class Reader:
    """A trained segmenter. size: height and width in which it reads."""

    network: Segmenter
    size: tuple[int, int]
    digest: str

    def resized(self, classes: Tensor) -> Tensor:
        """Maps `[N, H, W]` in the size that is read (nearest neighbour)."""
        if tuple(classes.shape[1:]) == self.size:
            return classes
        return functional.interpolate(classes[:, None].float(), self.size)[:, 0].long()

    def read(self, x: Tensor) -> Tensor:
        """The classes `[N, h, w]` in uint8 images."""
        with torch.no_grad():
            return torch.cat([self.network(small(part, self.size)).argmax(1) for part in x.cpu().split(CHUNK)])

    def describe(self) -> dict[str, Any]:
        return {"recipe": f"map reader {VERSION}", "pairs": self.digest[:12], "size": list(self.size)}


def small(x: Tensor, size: tuple[int, int]) -> Tensor:
    """uint8 images in [-1, 1], averaged down to a size."""
    return functional.adaptive_avg_pool2d(as_input(x).to(DTYPE), size)


def find_reader(train: Dataset) -> Reader:
    """The reader of a data set's training pairs, from the cache or trained (seconds to a minute)."""
    return train.memo.once("map reader", lambda: _cached_or_trained(train))


def _cached_or_trained(train: Dataset) -> Reader:
    channels, height, width = train.spec.shape
    colours = train.spec.inputs["source"].note["colours"]
    size = min(height, LARGEST), min(width, LARGEST)
    digest = _digest(train)
    key = cache.key(digest, train.spec.name, (train.count, channels, height, width), "train", f"map reader {VERSION}")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        network = Segmenter(channels, len(colours)).to(DTYPE)
    found = cache.read(key)
    if found is None:
        with torch.enable_grad():
            _train(network, train, colours, size)
        cache.write(key, {name: np.asarray(value) for name, value in network.state_dict().items()})
    else:
        network.load_state_dict({name: torch.from_numpy(value) for name, value in found.items()})
    return Reader(network.eval().requires_grad_(False), size, digest)


def _digest(train: Dataset) -> str:
    """Of the pairs; of images that are made when they are gathered, of what they are made of."""
    digest = hashlib.sha256(json.dumps([VERSION, train.spec.inputs["source"].note, train.digest]).encode())
    for at in range(0, train.count, CHUNK):
        batch = train.batch(torch.arange(at, min(at + CHUNK, train.count)))
        for name in ("x", "source"):
            digest.update(to_uint8(batch[name]).cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _train(network: Segmenter, train: Dataset, colours: Sequence[Sequence[int]], size: tuple[int, int]) -> None:
    optimiser = torch.optim.AdamW(network.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, STEPS)
    order = torch.randint(train.count, (STEPS, BATCH), generator=torch.Generator().manual_seed(0))
    for rows in order:
        batch = train.batch(rows)
        maps = classes_of(to_uint8(batch["source"].cpu()), colours)
        wanted = functional.interpolate(maps[:, None].float(), size)[:, 0].long()
        loss = functional.cross_entropy(network(small(to_uint8(batch["x"].cpu()), size)), wanted)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    for weight in network.state_dict().values():
        if weight.is_floating_point():
            weight.copy_(weight.float())
