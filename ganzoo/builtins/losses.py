"""The core's losses and penalties. Imports no torch."""

from __future__ import annotations

from ganzoo.builtins.lazy import lazy
from ganzoo.specs import LossSpec, Option, PenaltySpec


def _loss(name: str, cls: str, summary: str, paper: str, *options: Option) -> LossSpec:
    return LossSpec(name, summary, paper, lazy(f"ganzoo.games.losses:{cls}"), options)


def _penalty(name: str, cls: str, summary: str, paper: str, weight: float, *options: Option) -> PenaltySpec:
    return PenaltySpec(name, summary, paper, lazy(f"ganzoo.games.penalties:{cls}"), weight, options)


TARGET = Option("target", 1.0, "Norm of the gradient; the penalty is relative to its square.", minimum=0.001)


GOODFELLOW = "Goodfellow et al. 2014, Generative Adversarial Networks, https://arxiv.org/abs/1406.2661"
RELATIVISTIC = "Jolicoeur-Martineau 2018, The relativistic discriminator, https://arxiv.org/abs/1807.00734"
MESCHEDER = (
    "Mescheder et al. 2018, Which Training Methods for GANs do actually Converge?, https://arxiv.org/abs/1801.04406"
)

LOSSES = [
    _loss(
        "non-saturating",
        "NonSaturating",
        "Cross-entropy for D; G maximises log D(G(z)).",
        GOODFELLOW,
        Option(
            "smoothing", 0.0, "One-sided label smoothing: real samples' target is 1 - smoothing.", minimum=0, below=1
        ),
    ),
    _loss("minimax", "Minimax", "The original zero-sum game; G's gradient vanishes when D wins.", GOODFELLOW),
    _loss(
        "least-squares",
        "LeastSquares",
        "D regresses real and fake to targets.",
        "Mao et al. 2017, Least Squares Generative Adversarial Networks, https://arxiv.org/abs/1611.04076",
        Option("real_target", 1.0, "D's target for real samples."),
        Option("fake_target", 0.0, "D's target for fake samples."),
        Option("generator_target", 1.0, "The target for fake samples in G's loss."),
    ),
    _loss(
        "wasserstein",
        "Wasserstein",
        "The critic's difference of means; needs a Lipschitz critic (a penalty, clipping or spectral norm).",
        "Arjovsky et al. 2017, Wasserstein GAN, https://arxiv.org/abs/1701.07875",
    ),
    _loss(
        "hinge",
        "Hinge",
        "D ignores samples beyond a margin of 1.",
        "Lim & Ye 2017, Geometric GAN, https://arxiv.org/abs/1705.02894",
    ),
    _loss(
        "relativistic",
        "RelativisticPairing",
        "Each fake is compared with a real sample (as in R3GAN, which adds R1 and R2).",
        RELATIVISTIC,
    ),
    _loss(
        "relativistic-average",
        "RelativisticAverage",
        "Each logit is compared with the mean logit of the opposite kind.",
        RELATIVISTIC,
    ),
    _loss(
        "relativistic-hinge",
        "RelativisticHinge",
        "As relativistic-average, with hinges: differences beyond 1 are ignored.",
        RELATIVISTIC,
    ),
]

PENALTIES = [
    _penalty(
        "wgan-gp",
        "WGANGradientPenalty",
        "Pulls D's gradient norm to 1 between real and fake samples.",
        "Gulrajani et al. 2017, Improved Training of Wasserstein GANs, https://arxiv.org/abs/1704.00028",
        10.0,
        TARGET,
    ),
    _penalty(
        "dragan",
        "DRAGAN",
        "Pulls D's gradient norm to 1 around real samples.",
        "Kodali et al. 2017, On Convergence and Stability of GANs, https://arxiv.org/abs/1705.07215",
        10.0,
        Option("noise", 0.5, "Largest noise, in standard deviations of the real samples.", minimum=0),
        TARGET,
    ),
    _penalty("r1", "R1", "Pulls D's gradient to 0 at real samples.", MESCHEDER, 10.0),
    _penalty("r2", "R2", "Pulls D's gradient to 0 at fake samples.", MESCHEDER, 10.0),
]
