"""Samples and their nearest training images: copies are found, held-out images are not mistaken for copies."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from kinds import IMAGES, POINTS
from PIL import Image
from torch import Tensor

from ganzoo.data.dataset import Dataset, to_uint8
from ganzoo.data.samples import Samples
from ganzoo.errors import GanzooError
from ganzoo.evaluation.metrics import neighbours
from ganzoo.evaluation.scoring import score, select_metrics
from ganzoo.pictures.neighbours import GAP, WIDEST
from ganzoo.recipes import Data, DataSpec
from ganzoo.zoo import registry

SPEC = DataSpec("test", "image", (1, 6, 6))


def images(count: int, seed: int) -> Tensor:
    return torch.randint(256, (count, 1, 6, 6), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


TRAIN, TEST = images(1_500, 0), images(600, 1)


def made(fake: Tensor, *, test: Tensor | None = TEST, flip: bool = False, train: Tensor = TRAIN) -> Samples:
    splits = {"train": Dataset({"x": train}, SPEC, flip=flip)}
    if test is not None:
        splits["test"] = Dataset({"x": test}, SPEC)

    def load(split: str) -> Dataset:
        if split not in splits:
            raise GanzooError("there is no test split.")
        return splits[split]

    return Samples(fake, None, SPEC, Data(name="test"), Path(), 0, load, IMAGES)


def measured(fake: Tensor, **more: object) -> tuple[float, float]:
    found = neighbours.memorisation(made(fake, **more))  # type: ignore[arg-type]
    return found["memorised[pixels]"], found["distance-ratio[pixels]"]


def test_copies_are_all_found() -> None:
    assert measured(TRAIN[:600]) == (1.0, 0.0)


def test_half_copies_are_half_found() -> None:
    fraction, _ = measured(torch.cat([TRAIN[:300], images(300, 2)]))
    assert fraction == pytest.approx(0.5, abs=0.02)


def test_slightly_changed_copies_are_found() -> None:
    noise = torch.randint(-3, 4, TRAIN[:600].shape, generator=torch.Generator().manual_seed(3))
    fraction, ratio = measured((TRAIN[:600] + noise).clamp(0, 255).to(torch.uint8))
    assert fraction == 1.0
    assert 0 < ratio < 0.1


def test_held_out_images_are_as_near_as_held_out_images_are() -> None:
    fraction, ratio = measured(images(600, 4))
    assert fraction == pytest.approx(0.01, abs=0.015)
    assert ratio == pytest.approx(1.0, abs=0.03)


def test_mirrored_copies_count_where_training_mirrors() -> None:
    mirrored = TRAIN[:600].flip(-1)
    assert measured(mirrored, flip=True)[0] == 1.0
    assert measured(mirrored, flip=False)[0] < 0.1


def test_copies_are_found_where_held_out_images_are_copies_too() -> None:
    """The quantile is then 0, and no distance is smaller."""
    fraction, _ = measured(TRAIN[:600], test=torch.cat([TRAIN[:20], TEST[:580]]))
    assert fraction == 1.0


@pytest.mark.parametrize("rows_at_once", [64, 4_096])
def test_the_nearest_are_those_of_an_exhaustive_search(rows_at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours, "CHUNK_ROWS", rows_at_once)
    fake = images(40, 5)
    found = neighbours.find_nearest(fake, Dataset({"x": TRAIN}, SPEC), 3)
    a, b = (x.flatten(1).double().numpy() / 127.5 for x in (fake, TRAIN))
    wanted = np.sqrt(((a[:, None] - b[None]) ** 2).mean(-1))
    order = wanted.argsort(1)[:, :3]
    assert np.array_equal(found.indices.numpy(), order)
    assert np.allclose(found.distances.numpy(), np.take_along_axis(wanted, order, 1), atol=1e-5)


def test_a_copy_is_at_distance_0_exactly() -> None:
    found = neighbours.find_nearest(TRAIN[7:9], Dataset({"x": TRAIN}, SPEC))
    assert found.indices[:, 0].tolist() == [7, 8]
    assert found.distances[:, 0].tolist() == [0.0, 0.0]


def test_larger_images_are_averaged_down_and_the_protocol_says_so() -> None:
    spec = DataSpec("large", "image", (1, 64, 64))
    large = torch.randint(256, (110, 1, 64, 64), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    splits = {"train": Dataset({"x": large}, spec), "test": Dataset({"x": large.flip(-1)}, spec)}
    found = neighbours.memorisation(
        Samples(large, None, spec, Data(name="large"), Path(), 0, splits.__getitem__, IMAGES)
    )
    assert found["memorised[pixels]"] == 1.0
    assert found.protocol["resize"] == "average pooling to 32x32"


@pytest.mark.parametrize(
    ("action", "part"),
    [
        (lambda: measured(TRAIN[:99]), "99 samples or held-out images are too few"),
        (lambda: measured(TRAIN, test=TEST[:50]), "50 samples or held-out images are too few"),
        (lambda: measured(TRAIN, test=None), "memorisation compares with held-out images: there is no test split"),
    ],
)
def test_what_cannot_be_measured_is_one_line(action: Callable[[], object], part: str) -> None:
    with pytest.raises(GanzooError, match=part):
        action()


def test_it_is_computed_when_it_is_named_and_not_by_default() -> None:
    specs = registry.metrics().values()
    assert "memorisation" not in [spec.name for spec in select_metrics(specs, None, "image")]
    found = score(made(TRAIN[:300]), specs, ["memorisation"])
    assert [(item.name, item.value, item.better) for item in found.scores] == [
        ("memorised[pixels]", 1.0, "lower"),
        ("distance-ratio[pixels]", 0.0, 1.0),
        ("memorised[shifted]", 1.0, "lower"),
        ("distance-ratio[shifted]", 0.0, 1.0),
    ]
    assert found.scores[0].real == pytest.approx(0.01, abs=0.002)


@pytest.mark.parametrize("shift", [(0, 1), (1, 0), (-1, 1), (-1, -1)])
def test_copies_shifted_by_a_pixel_are_found_where_shifts_are_tried(shift: tuple[int, int]) -> None:
    train, test = smooth(1_500, 0), smooth(600, 1)
    padded = torch.nn.functional.pad(train[:400].float(), (1, 1, 1, 1), mode="replicate").to(torch.uint8)
    y, x = 1 + shift[0], 1 + shift[1]
    found = neighbours.memorisation(made(padded[..., y : y + 6, x : x + 6], train=train, test=test))
    assert found["memorised[pixels]"] < 0.2
    assert found["memorised[shifted]"] > 0.9
    assert found["distance-ratio[shifted]"] == 0
    others = neighbours.memorisation(made(smooth(600, 2), train=train, test=test))
    assert others["memorised[shifted]"] == pytest.approx(0.01, abs=0.02)
    assert others["distance-ratio[shifted]"] == pytest.approx(1, abs=0.1)


def smooth(count: int, seed: int) -> Tensor:
    """Images whose neighbouring pixels are alike, as in photographs."""
    noise = torch.rand(count, 1, 8, 8, generator=torch.Generator().manual_seed(seed))
    return (torch.nn.functional.avg_pool2d(noise, 3, 1) * 255).round().to(torch.uint8)


def test_the_sheet_shows_the_nearest_samples_first_beside_what_they_are_near(tmp_path: Path) -> None:
    fake = torch.cat([images(50, 6), TRAIN[100:101], images(50, 7)])
    path = neighbours.draw_neighbours(made(fake), tmp_path / "deep" / "neighbours.png")
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("L"))
    # Images of 6 pixels are enlarged by 7, with margins of 2: 12 rows of 4, twice, and a column of distances each.
    block = 4 * 44 + 2 + WIDEST
    above = pixels.shape[0] - (12 * 44 + 2)
    assert pixels.shape[1] == 2 * block + GAP
    lefts = [start + 2 + 44 * column for start in (0, block + GAP) for column in range(4)]
    tiles = [pixels[above + 2 : above + 44 : 7, left : left + 42 : 7] for left in lefts]
    assert np.array_equal(tiles[0], TRAIN[100, 0].numpy())
    assert np.array_equal(tiles[1], TRAIN[100, 0].numpy())
    assert not np.array_equal(tiles[2], tiles[0])
    assert np.array_equal(tiles[4], fake[0, 0].numpy())
    assert (pixels[:above] < 128).any(), "titles and heads"
    distances = pixels[above:, block - WIDEST : block][:528].reshape(12, 44, WIDEST)
    assert (distances < 128).any((1, 2)).all(), "a distance for each row"


def test_points_have_no_sheet(tmp_path: Path) -> None:
    spec = DataSpec("points", "points", (2,), range=None)
    samples = Samples(
        torch.zeros(20, 2), None, spec, Data(name="points"), Path(), 0, lambda split: Dataset({}, spec), POINTS
    )
    with pytest.raises(GanzooError, match="points samples cannot be drawn beside their neighbours"):
        neighbours.draw_neighbours(samples, tmp_path / "a.png")


@pytest.mark.slow
def test_held_out_digits_of_mnist_are_no_copies_and_training_digits_are(shared_data_root: Path) -> None:
    from ganzoo.api.planning import make_options
    from ganzoo.runs.reference import Reference, Request

    reference = Reference(Data(name="mnist"), make_options(data_root=str(shared_data_root)))
    train, test = reference.load("train"), reference.load("test")
    for dataset, wanted in ((train, 1.0), (test, 0.01)):
        fake = to_uint8(dataset.batch(torch.arange(5_000, 5_600))["x"])
        found = neighbours.memorisation(reference.samples(fake, None, Request(), 0))
        assert found["memorised[pixels]"] == pytest.approx(wanted, abs=0.01)
