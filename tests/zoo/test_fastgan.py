"""fastgan: its networks, excitation and reconstruction, worked out by hand."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from bundled import CIFAR10, built, weights

from ganzoo.recipes import DataSpec


def down(a: int, b: int) -> int:
    """Weights of D's block from a to b channels."""
    return 16 * a * b + 9 * b * b + a * b + 6 * b


def test_fastgan_has_the_weights_of_the_authors_networks_at_256_pixels_layer_by_layer() -> None:
    # An eighth of the authors' width of 64, as spectral normalisation of those takes seconds.
    w = 8
    game = built("fastgan.folder", DataSpec("folder", "image", (3, 256, 256)), width=w)
    # Channels of the authors' generator from 4 to 256 pixels; two channels per output of a gated linear unit.
    n = [16 * w, 8 * w, 4 * w, 2 * w, 2 * w, w, w // 2]
    g = 256 * 2 * n[0] * 16 + 4 * n[0]
    for level in range(1, 7):
        double = level % 2
        g += 9 * n[level - 1] * 2 * n[level] + 4 * n[level]
        g += double * (9 * n[level] * 2 * n[level] + 4 * n[level] + 2)
    # Excitation of 64, 128 and 256 pixels by 4, 8 and 16.
    g += sum(16 * n[level - 4] * n[level] + n[level] ** 2 for level in (4, 5, 6)) + 9 * n[6] * 3
    assert weights(game.generator) == g
    m = [w // 4, w // 2, w, 2 * w, 4 * w, 8 * w]
    d = 27 * m[0] + sum(down(a, b) for a, b in pairwise(m))
    d += sum(16 * m[k - 3] * m[k] + m[k] ** 2 for k in (3, 4, 5)) + (8 * w * 16 * w + 2 * 16 * w + 16 * 16 * w)
    d += 16 * 3 * m[1] + down(m[1], m[2]) + down(m[2], m[3]) + down(m[3], m[4]) + 16 * m[4]
    # Decoders: from 8 to 128 pixels.
    fine = [2 * w, w, w, w // 2]
    for first in (m[5], m[4], m[4]):
        d += sum(9 * a * 2 * b + 4 * b for a, b in zip([first, *fine[:-1]], fine, strict=True)) + 9 * fine[3] * 3
    assert weights(game.discriminator) == d


def test_fastgan_scales_the_channels_of_a_level_by_a_coarser_one() -> None:
    game = built("fastgan.digits")
    block = game.generator.excitations["1"].eval()
    coarse, fine = torch.randn(2, block.body[0].in_channels, 4, 4), torch.randn(2, block.body[2].in_channels, 8, 8)
    h = torch.einsum("nchw,ochw->no", coarse, block.body[0].weight)
    h = torch.einsum("nc,oc->no", h * torch.sigmoid(h), block.body[2].weight[:, :, 0, 0])
    assert torch.allclose(block(coarse, fine), fine * torch.sigmoid(h)[:, :, None, None], atol=1e-5)


def test_fastgans_discriminator_also_learns_to_reconstruct_what_it_saw() -> None:
    game = built("fastgan.digits", reconstruction=0.5)
    real, fake = game.look(torch.randn(4, 1, 8, 8)), game.look(torch.randn(4, 1, 8, 8))
    torch.manual_seed(2)
    terms = game.d_terms({}, real, fake)
    torch.manual_seed(2)
    quarter = int(torch.randint(4, (1,)))
    rows, columns = (slice(4 * (quarter // 2), None), slice(4 * (quarter % 2), None))
    part = real.images[:, :, rows, columns][:, :, :4, :4]
    features = real.middle[:, :, rows, columns][:, :, :4, :4]
    decoders = game.discriminator.decoders
    enlarged = part.repeat_interleave(2, 2).repeat_interleave(2, 3)
    error = (decoders["last"](real.last) - real.images).abs().mean() + (
        decoders["middle"](features) - enlarged
    ).abs().mean()
    assert terms["reconstruction"].item() == pytest.approx(0.5 * error.item(), rel=1e-4)
    logits = [output.logits[0].detach() for output in (real, fake)]
    assert terms["loss"].item() == pytest.approx(
        (torch.relu(1 - logits[0]).mean() + torch.relu(1 + logits[1]).mean()).item(), rel=1e-5
    )
    terms["reconstruction"].backward()
    assert all(p.grad is not None for name, p in game.discriminator.named_parameters() if "decoders" in name)


def test_fastgans_networks_for_cifar10_layer_by_layer() -> None:
    w = 8
    game = built("fastgan.cifar10", CIFAR10, width=w)
    # The authors' channels from 4 to 32 pixels, in both networks.
    n = [16 * w, 8 * w, 4 * w, 2 * w]
    g = 256 * 2 * n[0] * 16 + 4 * n[0]
    for level in range(1, 4):
        double = level % 2
        g += 9 * n[level - 1] * 2 * n[level] + 4 * n[level]
        g += double * (9 * n[level] * 2 * n[level] + 4 * n[level] + 2)
    # Excitation of 16 and 32 pixels by 4 and 8.
    g += sum(16 * n[level - 2] * n[level] + n[level] ** 2 for level in (2, 3)) + 9 * n[3] * 3
    assert weights(game.generator) == g

    m = n[::-1]
    d = 27 * m[0] + sum(down(a, b) for a, b in pairwise(m)) + 16 * m[0] * m[3] + m[3] ** 2
    d += m[3] * 16 * w + 2 * 16 * w + 16 * 16 * w
    # The second branch, from 8 pixels to 4.
    d += 16 * 3 * m[1] + down(m[1], m[2]) + 16 * m[2]
    # Decoders: from 4 to 32 pixels.
    fine = [2 * w, w, w]
    for first in (m[3], m[2], m[2]):
        d += sum(9 * a * 2 * b + 4 * b for a, b in zip([first, *fine[:-1]], fine, strict=True)) + 9 * fine[2] * 3
    assert weights(game.discriminator) == d
    assert [patch.shape for patch in game.look(torch.randn(2, 3, 32, 32)).logits] == [(2, 1), (2, 1)]
