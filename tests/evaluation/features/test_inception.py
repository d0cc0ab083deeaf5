"""Inception features: torch-fidelity's own network and numbers; weights files are never unpickled."""

from __future__ import annotations

import hashlib
import os
import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
import torch_fidelity
from fidelity_images import Images
from kinds import IMAGES
from random_inception import save_random_inception
from torch import Tensor

from ganzoo.builtins.metrics import METRICS
from ganzoo.data.dataset import Dataset
from ganzoo.data.samples import Samples
from ganzoo.errors import GanzooError
from ganzoo.evaluation.features import published, spaces, weights
from ganzoo.evaluation.features.names import names
from ganzoo.evaluation.features.pairs import in_space
from ganzoo.evaluation.scoring import Scores, protocol_name, score
from ganzoo.recipes import Data, DataSpec

INCEPTION = "inception-v3-compat"
N = 10


@pytest.fixture(scope="module")
def weights_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    save_random_inception(path)
    return path


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """No network, and an empty folder for torch's downloads, which is yielded."""

    def fail(*_: object, **__: object) -> None:
        raise URLError("no network here")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "urlopen", fail)
    yield tmp_path / "hub" / "checkpoints"
    assert "TORCH_FORCE_WEIGHTS_ONLY_LOAD" not in os.environ


def grey(split: str) -> Dataset:
    """Grey images in two brightnesses, the test split without labels."""
    generator = torch.Generator().manual_seed(len(split))
    x = torch.randint(0, 200, (N, 1, 9, 7), generator=generator).to(torch.uint8)
    return Dataset({"x": x}, DataSpec("grey", "image", (1, 9, 7)))


def grey_samples(weights: Path | None, features: str = INCEPTION) -> Samples:
    fake = torch.randint(0, 256, (N, 1, 9, 7), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    spec = grey("train").spec
    return Samples(fake, None, spec, Data(name="grey"), Path(), 0, grey, IMAGES, features=features, weights=weights)


def refusal(path: Path) -> str:
    """The one-line message with which a weights file is refused."""
    with pytest.raises(GanzooError) as refused:
        spaces.find_space(grey_samples(path))
    assert "\n" not in str(refused.value)
    return str(refused.value)


FEW = f"FD: {N} samples and {N} real images to compare with are too few for features of 2"
"""The beginning of the note: the features have 2,048 dimensions."""


@pytest.fixture(scope="module")
def scored(weights_file: Path) -> Scores:
    return score(grey_samples(weights_file), METRICS, ["is", "fd", "kid", "prc"])


def test_scores_equal_torch_fidelity_called_by_hand_on_the_same_images(scored: Scores, weights_file: Path) -> None:
    samples = grey_samples(weights_file)
    by_hand = torch_fidelity.calculate_metrics(
        input1=Images(samples.fake.expand(-1, 3, -1, -1)),
        input2=Images(torch.as_tensor(grey("train").arrays["x"]).expand(-1, 3, -1, -1)),
        feature_extractor=INCEPTION,
        feature_extractor_weights_path=str(weights_file),
        isc=True,
        fid=True,
        kid=True,
        prc=True,
        isc_splits=1,
        kid_subset_size=N // 2,
        cuda=False,
        cache=False,
        verbose=False,
        save_cpu_ram=True,
    )
    digest = hashlib.sha256(weights_file.read_bytes()).hexdigest()
    end = f"[inception-v3-compat:{digest[:8]}]"
    values = {item.name: item.value for item in scored.scores}
    over_all_pairs, subsets = values.pop(f"KD{end}"), by_hand["kernel_inception_distance_mean"]
    assert over_all_pairs == pytest.approx(subsets, abs=4 * by_hand["kernel_inception_distance_std"] / 10)
    assert all(item.error is not None and item.real_error is not None for item in scored.scores)
    assert values == pytest.approx(
        {
            f"IS{end}": by_hand["inception_score_mean"],
            f"FD{end}": by_hand["frechet_inception_distance"],
            f"precision{end}": by_hand["precision"],
            f"recall{end}": by_hand["recall"],
        },
        rel=1e-6,
    )
    assert by_hand["inception_score_mean"] > 1.01
    assert by_hand["frechet_inception_distance"] > 1


def test_the_protocol_names_weights_layers_and_resizing(scored: Scores, weights_file: Path) -> None:
    distance = next(item for item in scored.scores if item.name.startswith("FD"))
    assert [note.partition(",")[0] for note in scored.notes] == [FEW]
    assert distance.real is not None
    assert distance.better == "lower"
    assert distance.protocol["features"]["sha256"] == hashlib.sha256(weights_file.read_bytes()).hexdigest()
    assert distance.protocol["features"]["layers"] == ["2048", "logits_unbiased"]
    assert distance.protocol["resize"] == "bilinear to 299x299, as in TensorFlow 1"
    assert (distance.protocol["n_real"], distance.protocol["split"]) == (N, "train")
    assert distance.protocol["name"].startswith(f"fd{N}_train[inception-v3-compat:")


def test_scoring_again_gives_the_same_file_and_processes_no_real_image_again(
    scored: Scores, weights_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    original = published.FidelitySpace.extract

    def counting(self: published.FidelitySpace, x: Tensor) -> object:
        seen.append(len(x))
        return original(self, x)

    monkeypatch.setattr(published.FidelitySpace, "extract", counting)
    again = score(grey_samples(weights_file), METRICS, ["is", "fd", "kid", "prc"])
    assert again.to_json() == scored.to_json()
    assert seen == [N]


def test_only_the_published_weights_give_names_without_the_space(
    weights_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = published.find(INCEPTION, weights_file)
    distances = {"FD": 1.0, "KD": 1.0, "precision": 1.0}
    end = f"[{INCEPTION}:{space.sha256[:8]}]"
    assert set(in_space(space, distances)) == {f"FD{end}", f"KD{end}", f"precision{end}"}
    monkeypatch.setitem(published.PUBLISHED, INCEPTION, space.sha256)
    assert set(in_space(space, distances)) == {"FID", "KID", "precision"}
    assert protocol_name("fd", ["FID"], {"n_fake": 50_000, "split": "train"}) == "fid50k_train"
    assert protocol_name("kid", ["KID"], {"n_fake": 10_000, "split": "train"}) == "kid10k_train"


def test_features_are_float32_and_grey_images_are_converted_to_rgb(weights_file: Path) -> None:
    space = published.find(INCEPTION, weights_file)
    grey = torch.randint(0, 256, (2, 1, 8, 8), dtype=torch.uint8)
    found, rgb = space.extract(grey), space.extract(grey.repeat(1, 3, 1, 1))
    assert found.features.dtype == torch.float32
    assert found.features.shape == (2, 2048)
    assert found.features.equal(rgb.features)
    assert found.logits is not None
    assert found.logits.shape == (2, 1008)


def test_images_of_two_channels_are_refused(weights_file: Path) -> None:
    space = published.find(INCEPTION, weights_file)
    with pytest.raises(GanzooError, match=r"data\.channels=3"):
        space.extract(torch.zeros(1, 2, 8, 8, dtype=torch.uint8))


class Code:
    """Writes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.write_text, (self.marker, "run")


def code_in(path: Path, weights_file: Path, legacy: bool) -> Path:
    """Write a weights file of the right layout with code in it; returns the file that the code would write."""
    marker = path.with_suffix(".ran")
    state = dict(torch.load(weights_file, weights_only=True))
    state["extra"] = Code(marker)
    torch.save(state, path, _use_new_zipfile_serialization=not legacy)
    return marker


@pytest.mark.parametrize("legacy", [False, True])
def test_a_weights_file_with_code_is_refused_and_the_code_not_run(
    tmp_path: Path, weights_file: Path, legacy: bool
) -> None:
    marker = code_in(tmp_path / "code.pth", weights_file, legacy)
    message = refusal(tmp_path / "code.pth")
    assert "holds more than tensors and plain values; it was not loaded" in message
    assert not marker.exists()
    # The file is indeed dangerous: loading it as torch-fidelity does runs the code.
    torch.load(tmp_path / "code.pth", weights_only=False)
    assert marker.exists()


def test_a_plain_pickle_is_refused(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Code(marker), protocol=2))
    assert "does not contain weights" in refusal(tmp_path / "plain.pth")
    assert not marker.exists()


def test_what_is_loaded_is_what_was_verified(
    tmp_path: Path, weights_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "swapped.pth"
    path.write_bytes(weights_file.read_bytes())
    marker = code_in(tmp_path / "code.pth", weights_file, legacy=False)
    original = weights.read_state

    def swap(given: Path, space: str) -> weights.Weights:
        verified = original(given, space)
        (tmp_path / "code.pth").replace(path)
        return verified

    monkeypatch.setattr(published, "read_state", swap)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    space = published.find(INCEPTION, path)
    assert torch.get_rng_state().equal(before)
    assert space.sha256 == hashlib.sha256(weights_file.read_bytes()).hexdigest()
    assert not marker.exists()


def test_a_truncated_file_is_refused(tmp_path: Path, weights_file: Path) -> None:
    for size in (0, 100, 1_000_000):
        (tmp_path / "cut.pth").write_bytes(weights_file.read_bytes()[:size])
        assert "damaged or in another format" in refusal(tmp_path / "cut.pth")


def test_a_file_of_another_layout_a_folder_and_no_file_are_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    assert "its tensors have other names or shapes" in refusal(tmp_path / "other.pth")
    torch.save([torch.zeros(3)], tmp_path / "list.pth")
    assert "not a dictionary of tensors" in refusal(tmp_path / "list.pth")
    assert "a folder; name a file" in refusal(tmp_path)
    assert "no such file" in refusal(tmp_path / "nowhere.pth")
    with zipfile.ZipFile(tmp_path / "zip.pth", "w") as archive:
        archive.writestr("a", "b")
    assert "does not contain weights" in refusal(tmp_path / "zip.pth")


def test_missing_weights_are_one_line_with_the_address_and_the_folder(offline: Path) -> None:
    result = score(grey_samples(None), METRICS, ["is", "fd", "kid", "prc"])
    assert result.scores == []
    (note,) = result.notes
    assert "no network here" in note
    assert torch_fidelity.feature_extractor_inceptionv3.URL_INCEPTION_V3 in note
    assert str(offline) in note
    assert "--weights FILE" in note
    assert "\n" not in note


def test_weights_in_torchs_folder_are_found_and_read_as_carefully(offline: Path, weights_file: Path) -> None:
    offline.mkdir(parents=True)
    file = offline / "weights-inception-2015-12-05-6726825d.pth"
    file.write_bytes(weights_file.read_bytes())
    assert published.is_downloaded(INCEPTION)
    assert spaces.resolve(grey_samples(None, "auto")) == INCEPTION
    assert published._from_state(INCEPTION, None).sha256 == hashlib.sha256(weights_file.read_bytes()).hexdigest()
    marker = code_in(file, weights_file, legacy=False)
    with pytest.raises(GanzooError, match="more than tensors"):
        published._from_state(INCEPTION, None)
    assert not marker.exists()


@pytest.mark.parametrize("name", ["dinov2-vit-b-14", "clip-vit-b-32", "vgg16"])
def test_other_networks_offline_are_one_line(name: str, offline: Path) -> None:
    with pytest.raises(GanzooError) as refused:
        spaces.find_space(grey_samples(None, name))
    assert "no network here" in str(refused.value) or "internet connection" in str(refused.value)
    assert str(offline.parent) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_clip_file_that_is_not_the_published_one_is_not_run(offline: Path) -> None:
    offline.mkdir(parents=True)
    digest = published.CLIP_FILES["clip-vit-b-32"]["hash"]
    (offline / f"clip-vit-b-32-{digest}.pt").write_bytes(b"another program")
    with pytest.raises(GanzooError, match="its checksum differs"):
        published.find("clip-vit-b-32")


def test_weights_for_a_space_that_takes_none_are_refused(weights_file: Path) -> None:
    with pytest.raises(GanzooError, match="domain features take no weights file"):
        spaces.find_space(grey_samples(weights_file, "domain"))
    with pytest.raises(GanzooError, match="dinov2-vit-b-14 takes no weights file"):
        spaces.find_space(grey_samples(weights_file, "dinov2-vit-b-14"))


def test_an_unknown_space_is_an_error_that_suggests_a_known_one() -> None:
    with pytest.raises(GanzooError, match="did you mean inception-v3-compat"):
        spaces.find_space(grey_samples(None, "inception"))


def test_the_spaces_are_those_that_torch_fidelity_registers() -> None:
    shipped = [name for name in published.FEATURE_EXTRACTORS_REGISTRY if not name.startswith("domain-")]
    assert sorted(names()) == sorted(["domain", "efficientnet-lite0", *shipped])
    for name, digest in published.PUBLISHED.items():
        assert f"-{digest[:8]}.pth" in published.URLS[name]
