"""Scores by networks that are trained after the generator: Yoon et al. 2019, section 5.1.

The networks and their training are smaller and stronger than the authors' (https://github.com/jsyoon0823/TimeGAN,
metrics/), whose GRU has half as many units as the data have columns and is trained for 2,000 and 5,000 batches.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, l1_loss

from ganzoo.data.samples import Measured, Samples, subset

from .metrics import real_of

UNITS, STEPS, BATCH, RATE = 24, 250, 128, 1e-2
MOST = 2_000
SEED = 2019


class Reader(nn.Module):
    """A GRU with one output: of its last state, or of every step."""

    def __init__(self, columns: int, every_step: bool) -> None:
        super().__init__()
        self.body, self.head = nn.GRU(columns, UNITS, batch_first=True), nn.Linear(UNITS, 1)
        self.every_step = every_step

    def forward(self, x: Tensor) -> Tensor:
        states = self.body(x)[0]
        output: Tensor = self.head(states if self.every_step else states[:, -1])[..., 0]
        return output


def pair(samples: Samples) -> tuple[Tensor, Tensor]:
    """Equally many generated and real series, columns scaled so that the real ones are in [0, 1]."""
    real = real_of(samples)
    n = min(len(samples.fake), len(real), MOST)
    real, fake = real[subset(len(real), n)], samples.fake[subset(len(samples.fake), n)].float().cpu()
    low, high = real.flatten(0, 1).min(0).values, real.flatten(0, 1).max(0).values
    span = (high - low).clamp(min=1e-12)
    # What lies far outside says enough by being outside.
    return ((fake - low) / span).clamp(-5, 6), (real - low) / span


def trained(network: nn.Module, inputs: Tensor, targets: Tensor, classify: bool) -> nn.Module:
    """The network after STEPS batches. The random state is the caller's."""
    optimiser = torch.optim.Adam(network.parameters(), RATE)
    for step in range(STEPS):
        for group in optimiser.param_groups:
            group["lr"] = RATE * (1 - step / STEPS)
        rows = torch.randint(len(inputs), (BATCH,))
        output = network(inputs[rows])
        value = (binary_cross_entropy_with_logits if classify else l1_loss)(output, targets[rows])
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
    return network


def discriminative(samples: Samples) -> Measured:
    """|accuracy - 1/2| on a fifth of the series, held back at random, of a classifier trained on the others.

    Windows of one long series overlap, so held-back ones are partly known to the classifier: compare with the score of
    real data.
    """
    fake, real = pair(samples)
    if len(fake) < 10:
        return Measured({})
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(SEED)
        cut = max(1, len(fake) // 5)
        orders = [torch.randperm(len(part)) for part in (fake, real)]
        parts = [part[order] for part, order in zip((fake, real), orders, strict=True)]
        scale = real.flatten(0, 1).std(0).clamp(min=1e-6)
        parts = [(part - real.mean((0, 1))) / scale for part in parts]
        inputs = torch.cat([part[cut:] for part in parts])
        targets = torch.cat([torch.zeros(len(fake) - cut), torch.ones(len(real) - cut)])
        network = trained(Reader(fake.shape[2], every_step=False), inputs, targets, classify=True)
        with torch.no_grad():
            right = torch.cat([network(parts[0][:cut]) < 0, network(parts[1][:cut]) > 0]).double()
    accuracy = float(right.mean())
    error = (accuracy * (1 - accuracy) / len(right)) ** 0.5
    return Measured(
        {"discriminative": abs(accuracy - 0.5)},
        lambda: {"discriminative": error},
        n_real=len(real),
        split=samples.reference,
        units=UNITS,
        steps=STEPS,
        tested_on=len(right),
    )


def predictive(samples: Samples) -> Measured:
    """Mean absolute error on real series of a forecast that was learnt from generated ones; values are in [0, 1].

    The last column at the next step is forecast from all other columns up to now, as in the authors' code; a single
    column is forecast from itself.
    """
    fake, real = pair(samples)
    if fake.shape[1] < 3:
        return Measured({})

    def split(x: Tensor) -> tuple[Tensor, Tensor]:
        return (x[:, :-1, :-1] if x.shape[2] > 1 else x[:, :-1]), x[:, 1:, -1]

    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(SEED)
        inputs, targets = split(fake)
        network = trained(Reader(inputs.shape[2], every_step=True), inputs, targets, classify=False)
        with torch.no_grad():
            inputs, targets = split(real)
            error = (network(inputs) - targets).abs().mean(1).double()
    return Measured(
        {"predictive": float(error.mean())},
        lambda: {"predictive": float(error.std() / len(error) ** 0.5)},
        n_real=len(real),
        split=samples.reference,
        units=UNITS,
        steps=STEPS,
    )
