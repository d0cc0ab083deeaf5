"""Adversarial losses: what each side minimises, from the logits `[N]` of real and fake samples."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus


class Minimax:
    """The original game: D minimises cross-entropy, G maximises D's (Goodfellow et al. 2014, equation 1).

    G's gradient vanishes where D is confident; `NonSaturating` is the paper's remedy.
    """

    paired = False

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(-real).mean() + softplus(fake).mean()

    def generator(self, fake: Tensor, real: Tensor) -> Tensor:
        return -softplus(fake).mean()


class NonSaturating:
    """Cross-entropy for D, and G maximises log D(G(z)) (Goodfellow et al. 2014, section 3).

    smoothing: one-sided label smoothing; the target of real samples is `1 - smoothing` (Salimans et al. 2016, 3.4).
    """

    paired = False

    def __init__(self, smoothing: float = 0.0) -> None:
        self.smoothing = smoothing

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        loss = softplus(-real).mean() + softplus(fake).mean()
        # Cross-entropy with target t is softplus(-logit) + (1 - t) * logit.
        return loss + self.smoothing * real.mean() if self.smoothing else loss

    def generator(self, fake: Tensor, real: Tensor) -> Tensor:
        return softplus(-fake).mean()


class LeastSquares:
    """D regresses real to `real_target` and fake to `fake_target`; G pulls fake to `generator_target`.

    Mao et al. 2017, equation 2 with its factor one half; the defaults are the paper's 0-1 coding (equation 9).
    """

    paired = False

    def __init__(self, real_target: float = 1.0, fake_target: float = 0.0, generator_target: float = 1.0) -> None:
        self.real_target, self.fake_target, self.generator_target = real_target, fake_target, generator_target

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return 0.5 * ((real - self.real_target).square().mean() + (fake - self.fake_target).square().mean())

    def generator(self, fake: Tensor, real: Tensor) -> Tensor:
        return 0.5 * (fake - self.generator_target).square().mean()


class Wasserstein:
    """The critic estimates the 1-Wasserstein distance, G lowers it (Arjovsky et al. 2017, equations 2 and 3).

    Meaningful only for a Lipschitz critic: with weight clipping, a gradient penalty or spectral normalisation.
    """

    paired = False

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return fake.mean() - real.mean()

    def generator(self, fake: Tensor, real: Tensor) -> Tensor:
        return -fake.mean()


class Hinge:
    """D ignores samples beyond a margin of 1 (Lim & Ye 2017; Miyato et al. 2018, equations 16 and 17)."""

    paired = False

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return relu(1 - real).mean() + relu(1 + fake).mean()

    def generator(self, fake: Tensor, real: Tensor) -> Tensor:
        return -fake.mean()


class RelativisticPairing:
    """Each side compares a fake with a real sample: D(x) - D(G(z)) (Jolicoeur-Martineau 2018, equations 6 and 7).

    The loss of R3GAN (Huang et al. 2024, equation 2), where R1 and R2 make it converge.
    """

    paired = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(fake - real).mean()

    def generator(self, fake: Tensor, real: Tensor) -> Tensor:
        return softplus(real - fake).mean()


class RelativisticAverage:
    """Each side compares a sample with the mean of the other kind (Jolicoeur-Martineau 2018, equations 8 and 9)."""

    paired = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return 0.5 * (softplus(fake.mean() - real).mean() + softplus(fake - real.mean()).mean())

    def generator(self, fake: Tensor, real: Tensor) -> Tensor:
        return 0.5 * (softplus(real.mean() - fake).mean() + softplus(real - fake.mean()).mean())


class RelativisticHinge:
    """The relativistic average with hinges (Jolicoeur-Martineau 2018, RaHingeGAN): a margin of 1 to the other mean."""

    paired = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return relu(1 - (real - fake.mean())).mean() + relu(1 + (fake - real.mean())).mean()

    def generator(self, fake: Tensor, real: Tensor) -> Tensor:
        return relu(1 - (fake - real.mean())).mean() + relu(1 + (real - fake.mean())).mean()


def mean_logits(real: Tensor, fake: Tensor) -> dict[str, Tensor]:
    """The mean logits of real and of fake samples, detached, to be logged in any two-player game."""
    with torch.no_grad():
        return {"real": real.mean(), "fake": fake.mean()}
