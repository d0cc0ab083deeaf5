"""Images for direct calls of torch-fidelity."""

from __future__ import annotations

from torch import Tensor
from torch.utils.data import Dataset


class Images(Dataset[Tensor]):
    """A data set of images, as torch-fidelity expects it."""

    def __init__(self, images: Tensor) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.images[index]
