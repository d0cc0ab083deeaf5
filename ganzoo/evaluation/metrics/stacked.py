"""Scores of Stacked MNIST: how many of its 1,000 modes the samples cover, and how evenly."""

from __future__ import annotations

import torch
from torch import Tensor

from ganzoo.data.dataset import to_uint8
from ganzoo.data.images.stacked_mnist import MODES, NAME, SCORED, load_digits, stack_class
from ganzoo.data.samples import Measured, Samples, subset
from ganzoo.evaluation.features.digits import Digits, digit_domain
from ganzoo.evaluation.features.domain import Domain
from ganzoo.evaluation.features.extraction import fake_features
from ganzoo.evaluation.standard_errors import jackknife, without_each

DIGITS = 10


def modes(samples: Samples) -> Measured:
    """Modes covered, 0 to 1,000, and KL, 0 to ln 1,000 = 6.9 nats. Empty for any other data set.

    The classifier misreads some digits, so samples of few modes are counted in many. `certain-modes` leaves out the
    modes with no more samples than that explains (`beyond_misreading`).

    An MNIST classifier predicts the digit in each channel of 26,000 samples; one sample covers a mode. KL is
    KL(samples || uniform) over the modes (as in Metz et al. 2017, section 3.3.1,
    https://arxiv.org/abs/1611.02163, and Lin et al. 2018, PacGAN, https://arxiv.org/abs/1712.04086). For real stacks it
    is not 0: MNIST's digits are not equally frequent, and n samples add about 999 / (2 n).
    """
    if samples.data.name != NAME:
        return Measured({})
    domain = digit_domain(samples)
    found = fake_features(samples, Digits(domain)).features.long()
    digits = found[subset(len(found), SCORED)]
    stacks = stack_class(digits)
    counts = torch.bincount(stacks, minlength=MODES)
    confusion = confusions(samples, domain)
    certain = float(beyond_misreading(counts, confusion).sum())
    covered = float((counts > 0).sum())
    values = {"modes": covered, "certain-modes": certain, "KL": divergence_from_uniform(counts)}
    named = {f"{name}{domain.suffix}": value for name, value in values.items()}

    def errors() -> dict[str, float]:
        without = [torch.bincount(stacks[rows], minlength=MODES) for rows in without_each(len(stacks))]
        parts = (
            [float((counts > 0).sum()) for counts in without],
            [float(beyond_misreading(counts, confusion).sum()) for counts in without],
            [divergence_from_uniform(counts) for counts in without],
        )
        return dict(zip(named, map(jackknife, parts), strict=True))

    error = 1 - float(confusion.diagonal().mean())
    notes = []
    if covered - certain > covered / 20:
        notes.append(
            f"modes: of {covered:.0f} modes counted, {covered - certain:.0f} have no more samples than misread digits "
            f"of other modes explain, as {error:.1%} of digits are misread; certain-modes leaves these out."
        )
    return Measured(
        named,
        errors,
        notes,
        n_fake=len(digits),
        of=MODES,
        digit_error=error,
        features=domain.describe(),
        resize=domain.resize,
    )


def confusions(samples: Samples, domain: Domain) -> Tensor:
    """How often each digit is read as each digit: float64 `[10, 10]`, rows sum to 1, from MNIST's held-out digits."""

    def measure() -> Tensor:
        test = load_digits(samples.data, samples.root, "test")
        images = to_uint8(test.batch(torch.arange(test.count))["x"])
        logits = domain.extract(images).logits
        assert logits is not None
        found = torch.zeros(DIGITS, DIGITS, dtype=torch.float64)
        labels = torch.as_tensor(test.arrays["y"]).long()
        found.index_put_((labels, logits.argmax(1)), torch.ones(len(labels), dtype=torch.float64), accumulate=True)
        return found / found.sum(1, keepdim=True).clamp(min=1)

    return samples.real(samples.reference).memo.once("confusions of digits", measure)


def beyond_misreading(counts: Tensor, confusion: Tensor) -> Tensor:
    """Which modes have more samples than misread digits of the other modes explain: bool `[1000]`.

    counts: samples read as each mode, integers `[1000]`. Were these the true modes, `expected` samples of other modes
    would be read as a mode by mistake. A mode is certain if it has more than these by three standard deviations of a
    Poisson number.
    """
    cube = counts.double().view(DIGITS, DIGITS, DIGITS)
    read = torch.einsum("abc,ai,bj,ck->ijk", cube, confusion, confusion, confusion)
    right = confusion.diagonal()
    own = cube * torch.einsum("i,j,k->ijk", right, right, right)
    expected = (read - own).clamp(min=0).flatten()
    return counts.double() > expected + 3 * expected.sqrt()


def divergence_from_uniform(counts: Tensor) -> float:
    """KL(p || u) in nats, where p are the relative frequencies of `counts` (integers `[K]`) and u is uniform over K."""
    p = counts.double() / counts.sum()
    return float(torch.special.xlogy(p, p * len(p)).sum())
