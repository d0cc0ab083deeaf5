"""A loss, a penalty, a data set, a metric and a callback."""

from __future__ import annotations

import torch
from torch.nn.functional import relu

from ganzoo.callbacks import Callback
from ganzoo.data.common import check_request, image_dataset
from ganzoo.data.dataset import to_uint8
from ganzoo.data.resize import prepare
from ganzoo.data.samples import Measured, subset

COUNTS = {"train": 600, "test": 200}
SEEDS = {"train": 1, "test": 2}
COMPARED = 200


class MarginHinge:
    """D ignores samples beyond `margin`."""

    paired = False

    def __init__(self, margin=1.0):
        self.margin = margin

    def discriminator(self, real, fake):
        return relu(self.margin - real).mean() + relu(self.margin + fake).mean()

    def generator(self, fake, real):
        return -fake.mean()


def drift(critic, real, fake):
    """Mean squared logit of real samples."""
    return critic(real).square().mean()


def load_bars(data, root, split):
    """One to three vertical bars, uint8 `[N, 1, 16, 32]`; the label is their number minus one."""
    check_request("bars", data, split)
    generator = torch.Generator().manual_seed(SEEDS[split])
    count = COUNTS[split]
    labels = torch.randint(3, (count,), generator=generator)
    images = torch.zeros(count, 1, 16, 32, dtype=torch.uint8)
    for image, label in zip(images, labels.tolist(), strict=True):
        for place in (10 * torch.randperm(3, generator=generator)[: label + 1]).tolist():
            left = place + int(torch.randint(6, (1,), generator=generator))
            image[:, 2:14, left : left + 5] = 255
    names = ("one", "two", "three")
    return image_dataset("bars", prepare("bars", images, data), data, labels=labels, class_names=names)


def variety(samples):
    """Mean distance between pairs of 200 samples, divided by that of 200 real ones."""
    real = samples.real(samples.reference)
    held = real.batch(subset(real.count, COMPARED))["x"]
    if samples.spec.modality == "image":
        held = to_uint8(held)
    fake = samples.fake[subset(len(samples.fake), COMPARED)]
    apart = [torch.pdist(x.flatten(1).double().cpu()).mean().item() for x in (fake, held)]
    return Measured({"variety": apart[0] / apart[1]}, n_real=len(held), split=samples.reference)


class PackLog(Callback):
    """Writes a line with the pack and the discriminator's lead for each line of the log."""

    def __init__(self, path, pack):
        self.path, self.pack = path, pack

    def on_start(self, trainer):
        if not self.path.exists():
            self.path.write_text("step,pack,lead\n")

    def on_log(self, trainer, values):
        lead = values["d/real"] - values["d/fake"]
        with self.path.open("a") as file:
            file.write(f"{trainer.progress.step},{self.pack},{lead:.4f}\n")
