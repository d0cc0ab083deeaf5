"""Enlarging and repairing: the damaged data, the simple methods, the games, and the user's own photos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bundled import recipe_of
from ganzoo_pairs import metrics, restoration
from PIL import Image

import ganzoo
from ganzoo import cli
from ganzoo.data import common
from ganzoo.data.dataset import Dataset, as_input, to_uint8
from ganzoo.data.images import photo_crops
from ganzoo.data.samples import Samples
from ganzoo.errors import GanzooError
from ganzoo.recipes import Data, DataSpec
from ganzoo.zoo import registry

SMALL = DataSpec("lowres", "image", (3, 32, 32), inputs={"source": DataSpec("source", "image", (3, 8, 8))})
HOLES = DataSpec("holes", "image", (3, 16, 16), inputs={"source": DataSpec("source", "image", (4, 16, 16))})
RANDOM = np.random.RandomState(0)


def loaded(name: str, split: str = "train", **keys: Any) -> Dataset:
    return registry.datasets().find(name).load(Data(name=name, **keys), Path(), split)


def game(name: str, data: DataSpec, **keys: Any) -> Any:
    torch.manual_seed(0)
    small = {"width": 4, "d_width": 4} | ({"blocks": 1} if name.startswith("srgan") else {"bottleneck": 8})
    return registry.variants()[name.partition(".")[0]].build(recipe_of(name, **small | keys), data)


def picture(path: Path, pixels: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path)
    return path


def noise(height: int, width: int, channels: int = 3) -> Any:
    return RANDOM.randint(0, 256, (height, width, channels)).astype(np.uint8)


def refused(*words: Any, capfd: pytest.CaptureFixture[str]) -> str:
    capfd.readouterr()
    assert cli.run([str(word) for word in words]) == 2
    lines = capfd.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


# The data.


def test_no_crop_for_training_shares_a_pixel_with_one_for_testing(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = np.arange(640)
    place = np.stack([columns // 256 * 50, columns % 256, columns % 2 * 200], 1).astype(np.uint8)
    monkeypatch.setattr(photo_crops, "_photo", lambda file: np.broadcast_to(place, (427, 640, 3)))
    seen = []
    for split in ("train", "test"):
        x = torch.as_tensor(photo_crops.load(Data(), Path(), split).arrays["x"])[:, :2, 0].long()
        seen.append(set((x[:, 0] // 50 * 256 + x[:, 1]).flatten().tolist()))
    assert not seen[0] & seen[1]
    assert seen[1] == set(range(*photo_crops.HELD_OUT))


def test_plain_crops_are_left_out_and_labels_follow_the_photographs() -> None:
    train = loaded("photo-crops")
    x, y = (torch.as_tensor(train.arrays[name]) for name in ("x", "y"))
    assert x.float().std((2, 3), unbiased=False).mean(1).min() > photo_crops.PLAIN
    # The sky is blue, and the leaves behind the dahlia are dark.
    brightness = x.float().mean((1, 2, 3))
    assert brightness[y == 0].mean() > brightness[y == 1].mean() + 20


def test_the_list_of_data_sets_says_how_many_crops_there_are() -> None:
    stated = int(registry.datasets().find("photo-crops").summary.split()[0].replace(",", ""))
    # Decoders of JPEG differ a little, which decides about crops that are nearly plain.
    assert loaded("photo-crops").count == pytest.approx(stated, rel=0.02)


def test_photographs_that_are_not_installed_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "find_spec", lambda name: None)
    with pytest.raises(GanzooError, match=r"has no china\.jpg: install it with pip, or name other data"):
        photo_crops.load(Data(), Path(), "train")


@pytest.mark.parametrize("factor", [2, 4])
def test_small_images_are_those_of_pillow(factor: int) -> None:
    found = loaded("lowres", kind="digits", size=16, channels=3, settings={"factor": str(factor)})
    x, source = (torch.as_tensor(found.arrays[name])[7].permute(1, 2, 0).numpy() for name in ("x", "source"))
    wanted = Image.fromarray(x).resize((16 // factor, 16 // factor), Image.Resampling.BICUBIC)
    difference = np.abs(source.astype(int) - np.asarray(wanted))
    # Pillow rounds and clips after each of two passes.
    assert difference.max() <= 6
    assert difference.mean() < 0.5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--dataset lowres:digits --set data.settings.factor=3", "2, 4, 8 or 16 times smaller, not '3'"),
        ("--dataset lowres:digits", None),
        ("--dataset lowres:digits --set data.size=14", "use --set data.size=16"),
        ("--dataset lowres:digits --set data.settings.size=3", "unknown setting of lowres 'size'"),
        ("--dataset edges", "choose --dataset lowres"),
        ("--set crop=18", "set crop to a multiple of 4 of at most 64"),
    ],
)
def test_images_that_cannot_be_enlarged_are_one_line(
    words: str, said: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    typed = ["train", "srgan", *words.split(), "--set", "crop=none", "--dry-run"]
    if "crop=" in words:
        del typed[-3:-1]
    if said is None:
        assert cli.run(typed) == 0
    else:
        assert said in refused(*typed, capfd=capfd)


@pytest.mark.parametrize("where", ["middle", "random"])
def test_holes_are_transparent_and_all_else_is_the_image(where: str) -> None:
    found = loaded("holes", "test", size=16, settings={"where": where})
    x, source = (torch.as_tensor(found.arrays[name]) for name in ("x", "source"))
    hole = source[:, 3:] < 128
    assert torch.equal(source[:, :3][~hole.expand(-1, 3, -1, -1)], x.expand(-1, 3, -1, -1)[~hole.expand(-1, 3, -1, -1)])
    assert set(source[:, 3].unique().tolist()) == {0, 255}
    rows, columns = hole[:, 0].any(2).sum(1), hole[:, 0].any(1).sum(1)
    assert torch.equal(rows * columns, hole.sum((1, 2, 3))), "a rectangle"
    if where == "middle":
        assert hole[:, 0, 4:12, 4:12].all()
        assert set(rows.tolist()) == set(columns.tolist()) == {8}
    else:
        assert set(rows.tolist()) == set(columns.tolist()) == set(range(4, 9))
        again = loaded("holes", "test", size=16, settings={"where": where})
        assert torch.equal(torch.as_tensor(again.arrays["source"]), source)


def test_a_place_of_holes_that_there_is_none_of_is_one_line(capfd: pytest.CaptureFixture[str]) -> None:
    words = ("train", "context-encoder", "--set", "data.settings.where=top", "--dry-run")
    assert "unknown place of holes 'top'" in refused(*words, capfd=capfd)
    assert "choose --dataset holes" in refused("train", "context-encoder", "--dataset", "edges", capfd=capfd)


# Simple methods, and what they score.


def test_the_nearest_known_pixel_fills_a_hole() -> None:
    source = torch.full((1, 4, 4, 6), 255, dtype=torch.uint8)
    source[0, :3] = torch.arange(6) * 10
    source[0, 3, 1:3, 1:5] = 0
    source[0, :3, 1:3, 1:5] = 99
    made = restoration.nearest(source, (1, 4, 6))
    # The rows above and below are as near as the columns beside.
    assert made[0, 0, 0].tolist() == made[0, 0, 3].tolist() == [0, 10, 20, 30, 40, 50]
    assert made[0, 0, 1, 2:4].tolist() == [20, 30]
    assert 99 not in made


def scored(compute: Any, dataset: Dataset, fake: Any, **more: Any) -> Any:
    x = torch.as_tensor(dataset.arrays["x"])[: len(fake)]
    given = {"source": as_input(torch.as_tensor(dataset.arrays["source"])[: len(fake)])}
    modality = registry.modality("image")
    return compute(
        Samples(
            fake, None, dataset.spec, Data(name=dataset.spec.name), Path(), 0, lambda split: dataset, modality,
            targets=x, given=given, **more,
        )
    )  # fmt: skip


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    from ganzoo.evaluation.features import classifier

    monkeypatch.setattr(classifier, "MIN_STEPS", 60)
    monkeypatch.setattr(classifier, "MAX_STEPS", 60)


def test_the_baseline_is_scored_like_the_samples(quick: None) -> None:
    dataset = loaded("lowres", "test", kind="digits", settings={"factor": "2"})
    made = restoration.bicubic(torch.as_tensor(dataset.arrays["source"])[:40], dataset.spec.shape)
    found = scored(metrics.of_baseline, dataset, torch.zeros_like(made))
    like = scored(metrics.targets, dataset, made)
    assert (found["PSNR-baseline"], found["SSIM-baseline"]) == (like["PSNR"], like["SSIM"])
    assert found["FD-baseline[domain:lowres]"] > 0
    assert found.protocol["method"] == "bicubic"
    assert found.standard_errors()["PSNR-baseline"] == like.standard_errors()["PSNR"]
    assert scored(metrics.of_baseline, loaded("edges", "test"), torch.zeros(20, 1, 8, 8, dtype=torch.uint8)) == {}


def test_the_score_of_holes_sees_their_pixels_alone() -> None:
    dataset = loaded("holes", "test", size=16)
    x = torch.as_tensor(dataset.arrays["x"])[:20]
    hole = torch.as_tensor(dataset.arrays["source"])[:20, 3:] < 128
    wrong = (x.int() + torch.where(hole, 16, 0)).clamp(max=255)
    moved = torch.where(x > 200, x.int() - torch.where(hole, 16, 0), wrong).to(torch.uint8)
    found = scored(metrics.inside_holes, dataset, moved)
    assert found["hole-PSNR"] == pytest.approx(20 * np.log10(255 / 16))
    around = torch.where(hole, moved, 0).to(torch.uint8)
    assert scored(metrics.inside_holes, dataset, around)["hole-PSNR"] == found["hole-PSNR"]
    assert found["hole-PSNR-baseline"] < 15


# srgan.


def test_srgan_learns_from_pixels_before_it_learns_from_d() -> None:
    gan = game("srgan.photos", SMALL, steps=100, alone=0.3, crop=None)
    rows = [(phase.name, phase.player, phase.start, phase.stop, phase.new_batch) for phase in gan.phases()]
    assert rows == [("content", "g", 0, 30, True), ("d", "d", 30, None, True), ("g", "g", 30, None, False)]
    assert [phase.name for phase in game("srgan.photos", SMALL, alone=0.0, crop=None).phases()] == ["d", "g"]
    x, fakes = torch.zeros(2, 3, 32, 32), torch.full((2, 3, 32, 32), 0.5)
    terms = gan.g_terms({"x": x}, fakes, torch.zeros(2), None)
    assert terms["content"].item() == pytest.approx(0.25)
    assert terms["loss"].item() == pytest.approx(gan.recipe.adversarial_weight * np.log(2))


def test_crops_of_small_and_large_images_are_of_the_same_place() -> None:
    from ganzoo_srgan.game import crops

    source = torch.rand(5, 3, 6, 9)
    x = torch.nn.functional.interpolate(source, scale_factor=4)
    torch.manual_seed(0)
    large, small = crops(x, source, 16, 4)
    assert (large.shape, small.shape) == ((5, 3, 16, 16), (5, 3, 4, 4))
    assert torch.equal(large, torch.nn.functional.interpolate(small, scale_factor=4))
    assert not torch.equal(large, crops(x, source, 16, 4)[0])


@pytest.mark.parametrize("skip", [True, False])
def test_an_image_in_parts_is_enlarged_as_a_whole_one(skip: bool) -> None:
    from ganzoo_srgan.networks import enlarged

    generator = game("srgan.photos", SMALL, skip=skip, blocks=2, crop=None).generator.eval()
    for weight in generator.parameters():
        torch.nn.init.normal_(weight, std=0.2)
    x = torch.rand(1, 3, 41, 30) * 2 - 1
    with torch.no_grad():
        whole = generator(x)
        assert whole.shape == (1, 3, 164, 120)
        torch.testing.assert_close(enlarged(generator, x, 12), whole, rtol=1e-3, atol=1e-3)
        generator.reach = 1
        assert (enlarged(generator, x, 12) - whole).abs().max() > 1e-2


def test_an_untrained_network_that_adds_to_its_input_enlarges_it_bicubically() -> None:
    gan = game("srgan.photos", SMALL, skip=True, crop=None)
    x = torch.rand(2, 3, 8, 8)
    with gan.for_sampling():
        made = to_uint8(gan.sample(2, given={"source": x}))
    wanted = restoration.bicubic(to_uint8(x), (3, 32, 32))
    assert (made.int() - wanted.int()).abs().max() <= 2


# context-encoder.


def with_hole(count: int = 3) -> Any:
    torch.manual_seed(1)
    source = torch.rand(count, 4, 16, 16) * 2 - 1
    source[:, 3] = 1
    source[:, 3, 4:12, 4:12] = -1
    return source


def test_what_is_outside_the_hole_stays_and_what_is_in_it_is_not_seen() -> None:
    gan, source = game("context-encoder.digits", HOLES), with_hole()
    other = torch.where(source[:, 3:] < 0, source + 0.3, source)
    other[:, 3] = source[:, 3]
    with gan.for_sampling():
        one, two = (gan.sample(3, given={"source": each}) for each in (source, other))
    torch.testing.assert_close(one, two)
    hole = (source[:, 3:] < 0).expand(-1, 3, -1, -1)
    assert torch.equal(one[~hole], source[:, :3][~hole])
    assert not torch.equal(one[hole], source[:, :3][hole])


def test_the_hole_and_its_border_are_learnt() -> None:
    gan = game("context-encoder.digits", HOLES, border=1, border_weight=10.0, content_weight=2.0)
    source, x = with_hole(1), torch.zeros(1, 3, 16, 16)
    fakes = torch.zeros_like(x)
    fakes[:, :, 0] = 9.0  # neither hole nor border
    fakes[:, :, 5, 5], fakes[:, :, 3, 4] = 1.0, 2.0
    terms = gan.g_terms({"x": x, "source": source}, fakes, torch.zeros(1), None)
    # 64 pixels of the hole, and 36 around it that count ten times.
    assert terms["content"].item() == pytest.approx(2 * (1 + 10 * 4) / (64 + 360))


def test_random_holes_are_drawn_anew_in_each_update() -> None:
    note = DataSpec("source", "image", (4, 16, 16), note={"holes": "random"})
    gan = game("context-encoder.digits", DataSpec("holes", "image", (1, 16, 16), inputs={"source": note}))
    source, x = with_hole(40), torch.rand(40, 1, 16, 16)
    drawn = [gan._with_new_holes({"x": x, "source": source})["source"] for _ in range(2)]
    assert not torch.equal(*drawn)
    hole = drawn[0][:, 3] < 0
    rows, columns = hole.any(2).sum(1), hole.any(1).sum(1)
    assert torch.equal(rows * columns, hole.sum((1, 2)))
    assert set(rows.tolist()) | set(columns.tolist()) == set(range(4, 9))
    assert torch.equal(drawn[0][:, :1], x)


def test_holes_in_a_large_photo_are_filled_and_nothing_else_changes() -> None:
    gan = game("context-encoder.digits", HOLES)
    photo = torch.rand(1, 4, 50, 70) * 2 - 1
    photo[:, 3] = 1
    photo[:, 3, 0:9, 60:70] = photo[:, 3, 20:44, 5:30] = -1
    with gan.for_sampling():
        made = gan.sample(1, given={"source": photo})
    hole = (photo[:, 3:] < 0).expand(-1, 3, -1, -1)
    assert torch.equal(made[~hole], photo[:, :3][~hole])
    assert made[hole].abs().max() <= 1
    assert (made[hole] != photo[:, :3][hole]).float().mean() > 0.99


@pytest.mark.parametrize(
    ("rows", "columns", "wanted"),
    [
        (slice(20, 30), slice(40, 44), (15, 35, 32, 52)),
        (slice(0, 10), slice(66, 70), (0, 20, 50, 70)),
        (slice(5, 45), slice(5, 10), (0, 50, 0, 70)),
    ],
)
def test_the_window_around_a_hole_is_inside_the_image(rows: slice, columns: slice, wanted: Any) -> None:
    from ganzoo_context_encoder.networks import window

    assert window(rows, columns, (50, 70), 1.0) == wanted


# The user's own photos.


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for number in range(12):
        picture(folder / f"{number:02d}.png", noise(40, 36))
    return folder


@pytest.fixture(scope="module")
def enlarger(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("runs") / "srgan"
    small = [f"--set={key}" for key in ("width=4", "d_width=4", "blocks=1", "batch=4", "crop=none", "data.size=16")]
    words = ["train", "srgan", "--dataset", "lowres:folder", "--set", f"data.path={photos}", *small]
    assert cli.run([*words, "--steps", "4", "--out", str(run), "--no-scores"]) == 0
    return run


def test_photos_of_any_size_are_enlarged_and_bad_ones_are_named(
    enlarger: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    mine, out = tmp_path / "mine", tmp_path / "out"
    picture(mine / "wide.png", noise(20, 90))
    picture(mine / "sub" / "grey.jpg", noise(150, 9)[:, :, 0])
    (mine / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\nno picture")
    assert cli.run(["sample", str(enlarger), "--given", str(mine), "--to", str(out)]) == 0
    assert "left out 1 of 3 files: " in caplog.text
    assert "damaged.png cannot be read" in caplog.text
    found = {str(path.relative_to(out)): Image.open(path).size for path in out.rglob("*.png")}
    assert found == {"wide.png": (360, 80), "sub/grey.png": (36, 600)}
    assert "has only one: use --to FOLDER" in refused(
        "sample", enlarger, "--given", mine, "--grid", tmp_path / "x.png", capfd=capfd
    )
    assert not (tmp_path / "x.png").exists()
    one = picture(tmp_path / "one.png", noise(10, 14))
    assert cli.run(["sample", str(enlarger), "--given", str(one), "--npz", str(tmp_path / "x.npz")]) == 0
    assert np.load(tmp_path / "x.npz")["x"].shape == (1, 40, 56, 3)


def test_a_folder_without_a_photo_that_can_be_read_leaves_nothing(
    enlarger: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ganzoo.api import given

    mine, out = tmp_path / "mine", tmp_path / "out"
    mine.mkdir()
    words = ("sample", enlarger, "--given", mine, "--to", out)
    assert "there are no images in" in refused(*words, capfd=capfd)
    (mine / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\nno picture")
    assert "damaged.png cannot be read" in refused(*words, capfd=capfd)
    picture(mine / "damaged.png", noise(30, 40))
    monkeypatch.setattr(given, "LARGEST", 30 * 40 * 16 - 1)
    assert "damaged: 4 times as large as 40x30 pixels" in refused(*words, capfd=capfd)
    assert not out.exists()
    assert "nowhere does not exist" in refused(*words[:3], tmp_path / "nowhere", *words[4:], capfd=capfd)


def test_what_is_erased_in_photos_is_repaired_and_photos_without_holes_are_named(
    photos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    run, mine, out = tmp_path / "run", tmp_path / "mine", tmp_path / "out"
    small = [f"--set={key}" for key in ("width=4", "d_width=4", "bottleneck=8", "batch=4", "data.size=16")]
    words = ["train", "context-encoder", "--dataset", "holes:folder", "--set", f"data.path={photos}", *small]
    words += ["--set", "data.settings.where=random"]
    assert cli.run([*words, "--steps", "3", "--out", str(run), "--no-scores"]) == 0
    erased = noise(50, 70, 4)
    erased[..., 3] = 255
    erased[10:30, 40:60, 3] = 0
    picture(mine / "erased.png", erased)
    picture(mine / "intact.jpg", noise(20, 20))
    assert cli.run(["sample", str(run), "--given", str(mine), "--to", str(out)]) == 0
    assert "left out 1 of 2 files: intact: there is nothing to repair, as no pixel is transparent" in caplog.text
    made = np.asarray(Image.open(out / "erased.png"))
    known = erased[..., 3] > 0
    assert made.shape == (50, 70, 3)
    assert np.array_equal(made[known], erased[..., :3][known])
    assert (made[~known] != erased[..., :3][~known]).any()
    (mine / "erased.png").unlink()
    assert "there is nothing to repair" in refused("sample", run, "--given", mine, "--to", tmp_path / "b", capfd=capfd)
    assert not (tmp_path / "b").exists()
    # An exported generator does the same.
    picture(mine / "erased.png", erased)
    generator = ganzoo.load_generator(ganzoo.export(run, tmp_path / "g.safetensors"))
    given = {"source": as_input(torch.from_numpy(erased.transpose(2, 0, 1)[None].copy()))}
    assert np.array_equal(to_uint8(generator.sample(1, given=given))[0].permute(1, 2, 0).numpy(), made)
