"""TF32 on a GPU: whether it rounds the factors of fp32 products to 10 bits, which its matrix units need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

# The modes of convolutions and of other products; torch's stubs do not know the former.
CONVOLUTIONS: Any = getattr(torch.backends.cudnn, "conv")  # noqa: B009
ALLOWED, FULL = ("tf32", "high"), ("ieee", "highest")


def set_tf32(device: torch.device, allowed: bool) -> None:
    """Allow it or not, from here on; nothing on other devices than a CUDA GPU."""
    if device.type == "cuda":
        _set(*(ALLOWED if allowed else FULL))


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """No TF32, of which the fourth digit is rounded: samples and scores are to be those of another machine."""
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
