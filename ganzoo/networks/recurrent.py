"""Recurrent networks for series."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from ganzoo.errors import GanzooError, unknown

CELLS: dict[str, type[nn.GRU] | type[nn.LSTM]] = {"gru": nn.GRU, "lstm": nn.LSTM}


class RecurrentGenerator(nn.Module):
    """`z [N, latent]` to series `[N, T, F]`, for `shape = (T, F)`: a recurrent network with an output in every step.

    Esteban et al. 2017, section 3 (RCGAN, https://arxiv.org/abs/1706.02633): the input of each step is its own part of
    z, and a linear layer maps the hidden state to the output. TimeGAN's networks (Yoon et al. 2019) are of this kind
    too, with GRU cells in three layers.

    hidden: units of each layer. cell: "gru" or "lstm". per_step: whether each step has its own part of z, of `latent /
    T` numbers (GanzooError if that is not whole); else every step has all of z. bounded: tanh at the end. Weights have
    PyTorch's initialisation, as the papers name none.
    """

    def __init__(
        self,
        latent: int,
        shape: Sequence[int],
        hidden: int = 100,
        layers: int = 1,
        *,
        cell: str = "gru",
        per_step: bool = True,
        bounded: bool = True,
    ) -> None:
        super().__init__()
        self.steps, features = shape
        if per_step and latent % self.steps:
            near = max(1, round(latent / self.steps)) * self.steps
            raise GanzooError(
                f"a latent of {latent} cannot be split evenly among {self.steps} steps: use --set latent={near}."
            )
        self.per_step = per_step
        size = latent // self.steps if per_step else latent
        self.body = _cell(cell)(size, hidden, layers, batch_first=True)
        self.output = nn.Linear(hidden, features)
        self.bound = nn.Tanh() if bounded else nn.Identity()

    def forward(self, z: Tensor) -> Tensor:
        steps = z.unflatten(1, (self.steps, -1)) if self.per_step else z[:, None].expand(-1, self.steps, -1)
        series: Tensor = self.bound(self.output(self.body(steps)[0]))
        return series


class RecurrentDiscriminator(nn.Module):
    """Series `[N, T, F]` to logits `[N, T]`, one for every step, or `[N]` with `per_step=False`.

    Esteban et al. 2017, section 3: a recurrent network and a linear layer on the hidden state of each step; the loss is
    the mean over steps. With `per_step=False`, the last hidden state is judged. TimeGAN's has GRU cells.

    hidden, layers, cell: as in `RecurrentGenerator`. both_ways: whether the series is also read backwards; the logit of
    the whole series is then of the two last states.
    twice: whether the network can be differentiated twice on a GPU, as gradient penalties need; it is slower there, as
    cuDNN's recurrent layers cannot be used. On a CPU it always can. Spectral normalisation refuses recurrent layers.
    """

    def __init__(
        self,
        shape: Sequence[int],
        hidden: int = 100,
        layers: int = 1,
        *,
        cell: str = "gru",
        per_step: bool = True,
        both_ways: bool = False,
        twice: bool = False,
    ) -> None:
        super().__init__()
        _, features = shape
        self.body = _cell(cell)(features, hidden, layers, batch_first=True, bidirectional=both_ways)
        self.output = nn.Linear(hidden * (2 if both_ways else 1), 1)
        self.per_step, self.hidden, self.both_ways, self.twice = per_step, hidden, both_ways, twice

    def forward(self, x: Tensor) -> Tensor:
        without = torch.backends.cudnn.flags(enabled=False) if self.twice else nullcontext()
        with without:
            states = self.body(x)[0]
        if not self.per_step:
            # Reading backwards ends at the first step.
            parts = states[:, -1, : self.hidden], states[:, 0, self.hidden :]
            states = torch.cat(parts, 1) if self.both_ways else parts[0]
        logits: Tensor = self.output(states)
        return logits[..., 0]


def _cell(name: str) -> type[nn.GRU] | type[nn.LSTM]:
    if name not in CELLS:
        raise unknown("cell", name, CELLS)
    return CELLS[name]
