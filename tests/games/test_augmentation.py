"""Augmentations: what they do to pixels, that they can be differentiated twice, and how ADA's probability adapts."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

import ganzoo
from ganzoo.errors import GanzooError
from ganzoo.games import TwoPlayer
from ganzoo.games.augmentation import Adaptive, DiffAugment, FixedProbability, mirrored, transformed, turned_hue
from ganzoo.games.losses import Hinge
from ganzoo.recipes import DataSpec, TwoPlayerRecipe


def images(n: int = 64, channels: int = 3, height: int = 8, width: int = 8) -> torch.Tensor:
    return torch.rand(n, channels, height, width, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_colour_keeps_the_structure_of_an_image() -> None:
    x = images()
    torch.manual_seed(0)
    changed = DiffAugment(translation=0, cutout=0)(x)
    # Brightness, saturation and contrast are affine in the pixels: so luma is an affine map of luma.
    before, after = x.mean(1).flatten(1), changed.mean(1).flatten(1)
    slopes = []
    for a, b in zip(before, after, strict=True):
        assert np.corrcoef(a, b)[0, 1] == pytest.approx(1, abs=1e-5)
        slopes.append(float(np.polyfit(a, b, 1)[0]))
    assert 0.5 <= min(slopes) < 0.7
    assert 1.3 < max(slopes) <= 1.5
    shift = changed.mean((1, 2, 3)) - x.mean((1, 2, 3))
    assert shift.abs().max() <= 0.5
    assert shift.std() == pytest.approx(1 / math.sqrt(12), abs=0.05)


def test_translation_moves_an_image_by_whole_pixels_and_fills_with_0() -> None:
    x = images(200)
    torch.manual_seed(0)
    moved = DiffAugment(colour=0, translation=0.25, cutout=0)(x)
    found = set()
    for before, after in zip(x.numpy(), moved.numpy(), strict=True):
        matches = []
        for down in range(-2, 3):
            for right in range(-2, 3):
                padded = np.pad(before, ((0, 0), (2, 2), (2, 2)))
                if np.array_equal(padded[:, 2 + down : 10 + down, 2 + right : 10 + right], after):
                    matches.append((down, right))
        assert len(matches) == 1
        found.add(matches[0])
    assert len(found) == 25


@pytest.mark.parametrize("edge", [1.0, 0.5])
def test_what_a_shift_moves_in_can_be_the_pixels_of_the_border(edge: float) -> None:
    x = images(100)
    torch.manual_seed(0)
    grey = DiffAugment(colour=0, translation=0.25, cutout=0)(x)
    torch.manual_seed(0)
    moved = DiffAugment(colour=0, translation=0.25, cutout=0, edge=edge)(x)
    assert torch.equal(moved[grey != 0], grey[grey != 0])
    found = 0
    for before, after, hole in zip(x.numpy(), moved.numpy(), (grey == 0).numpy(), strict=True):
        repeated = np.pad(before, ((0, 0), (2, 2), (2, 2)), mode="edge")
        shifts = [repeated[:, down : down + 8, right : right + 8] for down in range(5) for right in range(5)]
        found += any(np.allclose(np.where(hole, edge * shift, shift), after) for shift in shifts)
    assert found == 100


@pytest.mark.parametrize("side", [8, 7])
def test_cutout_removes_one_square(side: int) -> None:
    x = torch.ones(300, 1, side, side)
    torch.manual_seed(0)
    removed = (DiffAugment(colour=0, translation=0)(x) == 0).squeeze(1)
    size = round(side / 2)
    assert removed.flatten(1).sum(1).max() == size**2
    for gone in removed:
        rows, columns = gone.any(1), gone.any(0)
        assert torch.equal(gone, rows[:, None] & columns[None])
        assert 1 <= int(rows.sum()) <= size
        assert 1 <= int(columns.sum()) <= size
    # Every pixel can be removed, the corners too.
    assert removed.any(0).all()


def test_an_adaptive_augmentation_starts_turned_off() -> None:
    x = images()
    torch.manual_seed(0)
    # Colour is split into luma and the rest and put together again.
    assert torch.allclose(Adaptive()(x), x, atol=1e-6)


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 8, 8), (3, 8, 12), (4, 5, 5)])
def test_an_adaptive_augmentation_changes_a_fraction_p_of_everything(shape: tuple[int, int, int]) -> None:
    made = Adaptive()
    made.p.fill_(1.0)
    x = images(64, *shape)
    torch.manual_seed(0)
    changed = made(x)
    assert changed.shape == x.shape
    assert all(not torch.equal(a, b) for a, b in zip(x, changed, strict=True))
    made.p.fill_(0.02)
    torch.manual_seed(0)
    same = sum(torch.allclose(a, b, atol=1e-6) for a, b in zip(x, made(x), strict=True))
    assert 32 <= same < 64


def test_an_affine_map_moves_turns_and_mirrors_whole_pixels_exactly() -> None:
    x = images(1)

    def under(*rows: list[float]) -> torch.Tensor:
        return transformed(x, torch.tensor([rows]))

    assert torch.equal(under([1, 0, 0], [0, 1, 0]), x)
    assert torch.equal(under([-1, 0, 0], [0, 1, 0]), x.flip(-1))
    # A quarter turn.
    assert torch.equal(under([0, 1, 0], [-1, 0, 0]), x.rot90(1, (2, 3)).flip(2).flip(3))
    shifted = under([1, 0, 2], [0, 1, 0])
    assert torch.equal(shifted[..., :6], x[..., 2:])
    assert torch.equal(shifted[..., 6:], x[..., [6, 5]])
    halfway = under([1, 0, 0.5], [0, 1, 0])
    assert torch.allclose(halfway[..., :7], (x[..., :7] + x[..., 1:]) / 2)


def test_positions_are_mirrored_at_the_borders() -> None:
    assert mirrored(torch.arange(-4.0, 8.0), 4).tolist() == [2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1]
    assert mirrored(torch.tensor([-1.0, 5.0]), 1).tolist() == [0, 0]


def test_hue_turns_red_into_green() -> None:
    red = torch.tensor([2.0, -1.0, -1.0]).view(1, 3, 1, 1)
    turned = turned_hue(red, torch.tensor([2 * math.pi / 3]))
    assert turned.flatten().tolist() == pytest.approx([-1.0, 2.0, -1.0], abs=1e-6)


def test_p_rises_while_d_is_confident_of_real_images_and_falls_otherwise() -> None:
    made = Adaptive(target=0.6, thousands=1.0)
    made.batch = 50
    steps = []
    for logits in ([torch.ones(8)] * 8) + ([-torch.ones(8)] * 8):
        made.adapt(made.terms(logits))
        steps.append(round(float(made.p), 6))
    # Four updates of 50 images are 200 of the 1,000 in which p goes from 0 to 1.
    assert steps == [0, 0, 0, 0.2, 0.2, 0.2, 0.2, 0.4, 0.4, 0.4, 0.4, 0.2, 0.2, 0.2, 0.2, 0]


def test_a_fixed_probability_is_adas_augmentation_with_that_p() -> None:
    x = images()
    adaptive, fixed = Adaptive(), FixedProbability(0.3)
    adaptive.p.fill_(0.3)
    results = []
    for made in (adaptive, fixed):
        torch.manual_seed(0)
        results.append(made(x))
    assert torch.equal(*results)
    assert torch.allclose(FixedProbability(0.0, cutout=1.0)(x), x, atol=1e-6)
    assert fixed.terms(torch.ones(8)) == {}


def test_a_fixed_probability_has_factors_for_colours_and_cutout() -> None:
    x = images(400).abs() + 0.1
    torch.manual_seed(0)
    cut = FixedProbability(0.5, colour=0.0, cutout=0.5)(x)
    # Geometry mirrors at the borders, so only cutout makes zeros: in a quarter of the images.
    holes = (cut == 0).all(1).flatten(1).sum(1)
    assert (holes > 0).float().mean().item() == pytest.approx(0.25, abs=0.06)
    assert holes.max() == 16
    # Without colours no value leaves the range of the image.
    assert cut.max() <= x.max() + 1e-5


def test_positions_are_exact_under_autocast() -> None:
    x = torch.rand(2, 1, 64, 64)
    shift = torch.tensor([[[1.0, 0.0, 3.0], [0.0, 1.0, 0.0]]]).expand(2, -1, -1)
    with torch.autocast("cpu", torch.bfloat16):
        moved = transformed(x, shift)
    assert torch.equal(moved[..., :61], x[..., 3:])


def test_p_is_saved_with_a_run_and_resumed(tmp_path: object) -> None:
    keys = {"augment": "ada", "augment_options.thousands": 0.5, "augment_options.target": -1.0, "batch": 16}
    options = {"progress": False, "scores": False, "set": keys}
    straight = ganzoo.train("vanilla", steps=12, out=f"{tmp_path}/straight", **options)
    stopped = ganzoo.train("vanilla", steps=6, out=f"{tmp_path}/stopped", **options)
    # One adjustment so far, of 4 updates of 16 images.
    assert float(stopped.gan.augmentation.p) == pytest.approx(0.128)
    resumed = ganzoo.resume(stopped.path, steps=12, progress=False, scores=False)
    assert float(resumed.gan.augmentation.p) == float(straight.gan.augmentation.p) == pytest.approx(3 * 0.128)
    for name, weight in straight.gan.state_dict().items():
        assert torch.equal(weight, resumed.gan.state_dict()[name]), name
    assert any("d/augment-p" in row for row in straight.metrics())


class Marked(DiffAugment):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + 100


def test_real_and_generated_samples_are_augmented_alike_in_every_phase() -> None:
    seen = []

    class Watching(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(x.detach())
            return super().forward(x)[:, 0]

    for joint in (True, False):
        game = TwoPlayer(nn.Linear(2, 2), Watching(2, 1), Hinge(), latent=2, joint=joint, augmentation=Marked())
        game.discriminator_loss({"x": torch.zeros(4, 2)})
        game.generator_loss({"x": torch.zeros(4, 2)})
        assert game.sample(4).abs().max() < 50
    assert min(float(x.min()) for x in seen) > 50


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"augment": "difaug"}, "unknown augmentation 'difaug'"),
        ({"augment": "diffaug", "augment_options": {"colours": 1.0}}, "augment 'diffaug' has no option 'colours'"),
        ({"augment": "diffaug", "augment_options": {"cutout": 1.5}}, "augment_options.cutout: expected a number"),
        ({"augment_options": {"cutout": 0.5}}, "no meaning without augment"),
    ],
)
def test_a_wrong_augmentation_is_one_line(keys: dict[str, object], words: str) -> None:
    spec = DataSpec("test", "image", (1, 8, 8))
    with pytest.raises(GanzooError, match=words):
        TwoPlayer.from_recipe(nn.Linear(2, 2), nn.Linear(2, 1), TwoPlayerRecipe(**keys), spec)


def test_an_augmentation_of_images_is_refused_for_points() -> None:
    with pytest.raises(GanzooError, match=r"diffaug.*image, not points"):
        ganzoo.train("vanilla", dataset="points:ring", steps=1, set={"augment": "diffaug"}, progress=False)
