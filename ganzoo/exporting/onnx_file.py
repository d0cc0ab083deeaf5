"""A generator as an ONNX network, checked with onnxruntime before it is written."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from ganzoo.data.dataset import as_input
from ganzoo.errors import GanzooError
from ganzoo.game import GAN, has_latent
from ganzoo.recipes import DataSpec
from ganzoo.zoo import registry

PACKAGES = ("onnx", "onnxruntime", "onnxscript")

BATCH_SIZES = (1, 2, 5)
"""Batch sizes that the network is checked with: the batch axis must not be fixed to the size it was traced with."""

TOLERANCE = 1e-4
"""Largest difference allowed from torch's samples, relative to their largest value where that is above 1."""


class Network(nn.Module):
    """z `[N, latent]` or the game's inputs, and y `[N]` if it is conditional, to x `[N, *shape]` in the range."""

    def __init__(self, gan: GAN, range: tuple[float, float] | None) -> None:
        super().__init__()
        self.gan, self.range = gan, range

    def forward(self, *tensors: Tensor) -> Tensor:
        fed = dict(zip(_names(self.gan), tensors, strict=True))
        y = fed.pop("y", None)
        if self.gan.inputs:
            x = self.gan.sample(tensors[0].shape[0], y, fed)
        else:
            x = self.gan.generate(fed["z"], y)  # type: ignore[operator]
        x = x.float() if x.is_floating_point() else x
        return x if self.range is None else x.clamp(*self.range)


def _names(gan: GAN) -> list[str]:
    """The names of the network's inputs."""
    return [*(gan.inputs or ("z",)), *(["y"] if gan.classes else [])]


def require_packages() -> None:
    """Raise GanzooError, with the command to run, unless the packages that write and run ONNX are installed."""
    if any(importlib.util.find_spec(name) is None for name in PACKAGES):
        raise GanzooError("an .onnx file needs packages: pip install 'ganzoo[onnx]'.")


def onnx_bytes(gan: GAN, variant: str, averaged: bool, info: dict[str, Any], data: DataSpec) -> bytes:
    """The generator as an ONNX file with a dynamic batch axis; `info` is in its metadata, as JSON under `ganzoo`.

    data: the description of the training data, for the shapes of a game's inputs.

    Raises GanzooError for a game without latent vectors or one that cannot be converted, and if onnxruntime's samples
    differ from torch's.
    """
    if not has_latent(gan) and not gan.inputs:
        raise GanzooError(f"{variant!r} has no latent vectors to feed to an ONNX network: export to .safetensors.")
    with gan.for_sampling(averaged), torch.random.fork_rng():
        torch.manual_seed(0)
        try:
            with _quiet():
                content = _convert(gan, info, data, _inputs(gan, data, 3))
                distance = max(_distance(gan, content, data, _inputs(gan, data, n)) for n in BATCH_SIZES)
        except Exception as error:  # exporter and runtime raise many types, none of them meant for users
            raise GanzooError(
                f"{variant!r} cannot be converted to ONNX ({type(error).__name__}): export to .safetensors. "
                "(Networks that use len(x) fix the batch axis; x.shape[0] does not.)"
            ) from error
    if not distance <= TOLERANCE:
        raise GanzooError(
            f"{variant!r} gives different samples in ONNX (by {distance:.2g}); nothing was written. "
            "Networks that draw random numbers do that: export to .safetensors."
        )
    return content


def _inputs(gan: Any, data: DataSpec, n: int) -> tuple[Tensor, ...]:
    specs = [data.inputs[name] for name in gan.inputs]
    fed = [_made_up(spec, n) for spec in specs] or [gan.draw_latent(n)]
    return (*fed, torch.arange(n) % gan.classes) if gan.classes else tuple(fed)


def _made_up(spec: DataSpec, n: int) -> Tensor:
    """An input `[n, *shape]` of its kind: no training data, which an exported file might keep."""
    return as_input(registry.modality(spec.modality).example(spec.shape, n, torch.Generator().manual_seed(n)))


def _convert(gan: Any, info: dict[str, Any], data: DataSpec, inputs: tuple[Tensor, ...]) -> bytes:
    import onnx

    batch = torch.export.Dim("N", min=1)
    program = torch.onnx.export(
        Network(gan, data.range).eval(),
        inputs,
        dynamo=True,
        verbose=False,
        input_names=_names(gan),
        output_names=["x"],
        dynamic_shapes=(tuple({0: batch} for _ in inputs),),
    )
    assert program is not None
    model = program.model_proto
    onnx.helper.set_model_props(model, {"ganzoo": json.dumps(info)})
    content: bytes = model.SerializeToString()
    return content


def _distance(gan: GAN, content: bytes, data: DataSpec, inputs: tuple[Tensor, ...]) -> float:
    """The largest difference between onnxruntime's samples and torch's; infinite if their shapes differ."""
    import onnxruntime

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    fed = {name: value.numpy() for name, value in zip(_names(gan), inputs, strict=True)}
    theirs = torch.from_numpy(session.run(["x"], fed)[0])
    ours = Network(gan, data.range)(*inputs)
    if theirs.shape != ours.shape:
        return float("inf")
    return float((theirs - ours).abs().max() / max(1.0, float(ours.abs().max())))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's progress messages off the terminal."""
    names = ("torch.onnx", "onnxscript", "onnx_ir", "torch.export")
    levels = {name: logging.getLogger(name).level for name in names}
    try:
        for name in names:
            logging.getLogger(name).setLevel(logging.ERROR)
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
