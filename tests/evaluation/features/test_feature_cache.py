"""Features of real images on disk: found for the same images, and for no others."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from kinds import IMAGES
from torch import Tensor

from ganzoo.data.dataset import Dataset
from ganzoo.data.samples import Samples
from ganzoo.evaluation.features import cache as feature_cache
from ganzoo.evaluation.features import extraction
from ganzoo.evaluation.features.extraction import Features, fake_features, reference_features
from ganzoo.machine import rank_group
from ganzoo.machine.tf32 import full_precision
from ganzoo.recipes import Data, DataSpec


class Means:
    """A space of two features that counts the images passed to it."""

    name, suffix, resize, max_real = "means", "[means]", "none", 20

    def __init__(self, identity: str = "means 1") -> None:
        self.identity = identity
        self.seen = 0

    def extract(self, images: Tensor) -> Features:
        self.seen += len(images)
        x = images.flatten(1).float()
        return Features(torch.stack([x.mean(1), x.std(1)], 1), None)

    def describe(self) -> dict[str, object]:
        return {"space": self.name}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path))
    return tmp_path / "features"


def samples(seed: int = 0, n: int = 30, side: int = 4, channels: int = 1, name: str = "noise") -> Samples:
    """Black samples, and noise as real images."""
    spec = DataSpec(name, "image", (channels, side, side))

    def load(split: str) -> Dataset:
        generator = torch.Generator().manual_seed(seed + len(split))
        return Dataset({"x": torch.randint(0, 256, (n, *spec.shape), generator=generator).to(torch.uint8)}, spec)

    fake = torch.zeros(12, *spec.shape, dtype=torch.uint8)
    return Samples(fake, None, spec, Data(name=name), Path(), 0, load, IMAGES)


def extracted(given: Samples, space: Means) -> int:
    """Number of real images that had to be processed for the reference features of new samples."""
    before = space.seen
    reference_features(given, space)
    return space.seen - before


def test_the_reference_is_extracted_once_for_equal_content_and_kept_bit_for_bit() -> None:
    space = Means()
    first = reference_features(samples(), space)
    again = reference_features(samples(), space)
    assert space.seen == 20
    assert again.features.equal(first.features)
    assert again.features.dtype == first.features.dtype
    assert again.sha256 == first.sha256


@pytest.mark.parametrize("other", [{"seed": 1}, {"side": 5}, {"channels": 3}, {"n": 19}, {"name": "other"}])
def test_other_real_images_are_another_entry(other: dict[str, object]) -> None:
    space = Means()
    extracted(samples(), space)
    assert extracted(samples(**other), space) > 0  # type: ignore[arg-type]


def test_other_weights_and_another_number_of_images_are_another_entry() -> None:
    extracted(samples(), Means())
    assert extracted(samples(), Means("means 2")) == 20
    fewer = Means()
    fewer.max_real = 15
    assert extracted(samples(), fewer) == 15


def test_another_version_of_torch_fidelity_is_another_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    extracted(samples(), Means())
    monkeypatch.setattr(feature_cache.importlib.metadata, "version", lambda package: "99")
    assert extracted(samples(), Means()) == 20


def test_each_part_of_the_key_changes_it() -> None:
    given: dict[str, object] = {"images": "a", "data": "b", "shape": (2, 3), "split": "train", "space": "s"}
    others = {"images": "x", "data": "x", "shape": (2, 4), "split": "test", "space": "x"}
    keys = {feature_cache.key(**(given | {name: value})) for name, value in others.items()}  # type: ignore[arg-type]
    assert len(keys | {feature_cache.key(**given)}) == len(others) + 1  # type: ignore[arg-type]


def test_features_of_the_real_baseline_are_cached_and_those_of_fake_samples_are_not(cache: Path) -> None:
    space = Means()
    fake_features(samples(), space)
    assert not cache.exists()
    fake_features(samples().real_baseline(), space)
    fake_features(samples().real_baseline(), space)
    assert space.seen == 12 + 12
    assert len(list(cache.glob("*.npz"))) == 1


@pytest.mark.parametrize("damage", ["cut", "changed", "pickle", "no checksum"])
def test_a_damaged_entry_is_made_again_with_a_warning(
    cache: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    space = Means()
    first = reference_features(samples(), space)
    file = next(cache.glob("*.npz"))
    whole = file.read_bytes()
    if damage == "cut":
        file.write_bytes(whole[:100])
    elif damage == "changed":
        file.write_bytes(whole[:-40] + bytes([whole[-40] ^ 1]) + whole[-39:])
    elif damage == "pickle":
        np.savez(file, features=np.array([{"a": 1}], dtype=object))
    else:
        file.with_suffix(".sha256").unlink()
    with caplog.at_level(logging.WARNING):
        assert reference_features(samples(), space).features.equal(first.features)
    assert space.seen == 40
    assert len(caplog.records) == (damage != "no checksum")
    assert file.read_bytes() == whole


def test_a_cache_that_cannot_be_written_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "file"))
    with caplog.at_level(logging.WARNING):
        assert len(reference_features(samples(), Means()).features) == 20
    assert "cannot cache features" in caplog.text


def test_the_digest_of_images_knows_their_shape() -> None:
    x = torch.arange(24, dtype=torch.uint8)
    assert extraction._digest([x.view(2, 1, 3, 4)]) != extraction._digest([x.view(2, 1, 4, 3)])


def test_images_are_read_in_chunks_and_long_extractions_log_their_progress(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    whole = reference_features(samples(name="whole"), Means())
    monkeypatch.setattr(rank_group, "CHUNK", 8)
    monkeypatch.setattr(extraction, "SECONDS_BETWEEN_REPORTS", -1)
    with caplog.at_level(logging.INFO):
        parts = reference_features(samples(name="parts"), Means())
    assert parts.features.equal(whole.features)
    assert parts.sha256 == whole.sha256
    assert [record.getMessage() for record in caplog.records] == [
        "means features of 8 of 20 images",
        "means features of 16 of 20 images",
    ]


def test_on_a_gpu_samples_and_features_are_computed_without_tf32_and_the_settings_come_back() -> None:
    convolutions = torch.backends.cudnn.conv
    before = convolutions.fp32_precision, torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        with full_precision(torch.device("cuda")):
            assert (convolutions.fp32_precision, torch.get_float32_matmul_precision()) == ("ieee", "highest")
        assert (convolutions.fp32_precision, torch.get_float32_matmul_precision()) == (before[0], "high")
    finally:
        torch.set_float32_matmul_precision(before[1])
