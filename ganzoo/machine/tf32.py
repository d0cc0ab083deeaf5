"""TF32 on a GPU: whether its matrix units round the factors of fp32 products to 10 bits."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

# torch's type stubs lack this module.
CONVOLUTIONS: Any = getattr(torch.backends.cudnn, "conv")  # noqa: B009
# The settings of convolutions and of other products.
ALLOWED, FULL = ("tf32", "high"), ("ieee", "highest")


def set_tf32(device: torch.device, allowed: bool) -> None:
    """Allow TF32 or not from now on; does nothing on devices other than a CUDA GPU."""
    if device.type == "cuda":
        _set(*(ALLOWED if allowed else FULL))


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Disable TF32, which rounds the fourth digit, so that samples and scores agree between machines."""
    before = CONVOLUTIONS.fp32_precision, torch.get_float32_matmul_precision()
    set_tf32(device, False)
    try:
        yield
    finally:
        if device.type == "cuda":
            _set(*before)


def _set(convolutions: str, products: str) -> None:
    CONVOLUTIONS.fp32_precision = convolutions
    if torch.get_float32_matmul_precision() != products:
        torch.set_float32_matmul_precision(products)
