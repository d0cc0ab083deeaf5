"""What the subfolders of an image folder mean, label files beside it, and which files are images."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ganzoo.data.dataset import Dataset
from ganzoo.data.images import folder, scan
from ganzoo.errors import GanzooError
from ganzoo.recipes import Data
from ganzoo.testing import check_dataset
from ganzoo.zoo import registry


@pytest.fixture(autouse=True)
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "cache"))
    (tmp_path / "images").mkdir()
    return tmp_path / "images"


def put(path: Path, level: int = 9, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (12, 12), level).save(path, **options)


def load(path: Path, split: str = "train", **data: Any) -> Dataset:
    return folder.load(Data(name="folder", path=str(path), size=8, **data), Path("unused"), split)


def levels(dataset: Dataset) -> list[int]:
    return [int(image[0, 0, 0]) for image in np.asarray(dataset.arrays["x"])]


def by_class(dataset: Dataset) -> dict[int, str]:
    """The class of each image, by its grey level."""
    classes = [dataset.spec.class_names[y] for y in np.asarray(dataset.arrays["y"])]
    return dict(zip(levels(dataset), classes, strict=True))


@pytest.mark.parametrize("names", [("train", "test"), ("train", "val"), ("Training", "Validation"), ("train", "dev")])
@pytest.mark.parametrize("wrapper", ["", "set/", "a/b/"])
def test_split_names_are_splits_and_no_classes(names: tuple[str, str], wrapper: str, images: Path) -> None:
    for i, (split, label) in enumerate([(s, c) for s in names for c in ("cat", "dog")], 1):
        put(images / f"{wrapper}{split}/{label}/a.png", 10 * i)
    assert by_class(load(images)) == {10: "cat", 20: "dog"}
    assert by_class(load(images, "test")) == {30: "cat", 40: "dog"}
    assert any("is the test split" in note for note in load(images).notes)


def test_folders_with_splits_fulfil_the_contract_of_data_sets(images: Path) -> None:
    for i, name in enumerate(("train/cat", "train/dog", "test/cat", "test/dog"), 1):
        put(images / name / "a.png", 10 * i)
    check_dataset(registry.datasets()["folder"], Data(name="folder", path=str(images), size=8))


def test_splits_without_classes_have_no_labels(images: Path) -> None:
    for i, split in enumerate(("train", "test", "val"), 1):
        put(images / split / "a.png", 10 * i)
    assert levels(load(images)) == [10]
    assert load(images).spec.classes == 0
    assert levels(load(images, "test")) == [20]
    assert any("1 images in val are not used" in note for note in load(images).notes)


def test_the_test_split_has_the_classes_and_channels_of_the_training_split(images: Path) -> None:
    for label in ("ant", "bee", "cow"):
        put(images / "train" / label / "a.png")
    put(images / "test" / "cow" / "a.png")
    put(images / "test" / "elk" / "a.png", 5)
    Image.new("RGB", (12, 12), (200, 0, 0)).save(images / "test" / "cow" / "red.png")
    test = load(images, "test")
    assert test.spec == load(images).spec
    assert test.spec.shape == (1, 8, 8)
    assert np.asarray(test.arrays["y"]).tolist() == [2, 2]
    assert any("test/elk/a.png" in note for note in test.notes)


@pytest.mark.parametrize("wrapper", ["", "photos/"])
@pytest.mark.parametrize("names", [("train", "test"), ("Training", "val")])
def test_splits_within_each_class_are_splits(names: tuple[str, str], wrapper: str, images: Path) -> None:
    for i, label in enumerate(("ant", "bee"), 1):
        put(images / f"{wrapper}{label}/{names[0]}/a.png", 10 * i)
        put(images / f"{wrapper}{label}/{names[1]}/a.png", 10 * i + 5)
    assert by_class(load(images)) == {10: "ant", 20: "bee"}
    assert by_class(load(images, "test")) == {15: "ant", 25: "bee"}
    assert levels(load(images, labels=False)) == [10, 20]
    check_dataset(registry.datasets()["folder"], Data(name="folder", path=str(images), size=8))


def test_what_is_in_no_split_of_its_class_is_reported(images: Path) -> None:
    for label in ("ant", "bee"):
        for number in range(3):
            put(images / label / "train" / f"{number}.png")
        put(images / label / "test" / "a.png")
        put(images / label / "val" / "a.png")
    put(images / "ant" / "stray.png", 99)
    put(images / "cow" / "test" / "a.png", 50)
    assert len(load(images)) == 6
    assert any("3 images that are in neither are not used" in note for note in load(images).notes)
    test = load(images, "test")
    assert len(test) == 2
    assert any("cow/test/a.png" in note for note in test.notes)


def test_folders_called_train_within_classes_are_no_splits_without_a_test_folder(images: Path) -> None:
    for label in ("ant", "bee"):
        put(images / label / "train" / "a.png")
        put(images / label / "toys" / "a.png")
    assert load(images).spec.class_names == ("ant", "bee")
    assert len(load(images)) == 4


@pytest.mark.parametrize("wrapper", ["", "horse2zebra/"])
@pytest.mark.parametrize(
    "names", [("trainA", "trainB", "testA", "testB"), ("trainA", "trainB"), ("train_a", "train_b")]
)
def test_two_unpaired_sets_are_refused_with_what_to_type(names: tuple[str, ...], wrapper: str, images: Path) -> None:
    for name in names:
        put(images / f"{wrapper}{name}/a.png")
    last = f"{wrapper}{sorted(names)[-1]}"
    for split in ("train", "test"):
        with pytest.raises(GanzooError, match=f"two unpaired sets.*type --dataset folder:{images / last}.$"):
            load(images, split)
    assert len(load(images / last)) == 1


def test_held_out_folders_alone_are_reported_and_no_classes(images: Path) -> None:
    put(images / "test" / "a.png")
    put(images / "val" / "a.png")
    dataset = load(images)
    assert (len(dataset), dataset.spec.classes) == (2, 0)
    assert any("look like splits" in note for note in dataset.notes)


def test_a_class_called_train_beside_others_stays_a_class(images: Path) -> None:
    for label in ("bus", "car", "train"):
        put(images / label / "a.png")
    dataset = load(images)
    assert dataset.spec.class_names == ("bus", "car", "train")
    assert any("train is read as a class" in note for note in dataset.notes)


@pytest.mark.parametrize("stray", ["stray.png", "stray.jpg"])
@pytest.mark.parametrize("wrapper", ["", "photos/", "x/y/"])
def test_neither_a_stray_image_nor_a_wrapper_folder_loses_the_labels(stray: str, wrapper: str, images: Path) -> None:
    put(images / f"{wrapper}cats/1.png", 10)
    put(images / f"{wrapper}dogs/1.png", 20)
    put(images / stray, 30)
    for labels in (True, False):
        dataset = load(images, labels=labels)
        assert levels(dataset) == [10, 20]
        assert any(stray in note and "left out" in note for note in dataset.notes)
    assert by_class(load(images)) == {10: "cats", 20: "dogs"}


def test_many_images_beside_the_folders_leave_no_classes_and_lose_no_image(images: Path) -> None:
    put(images / "cats" / "1.png")
    put(images / "dogs" / "1.png")
    for i in range(3):
        put(images / f"{i}.png")
    dataset = load(images)
    assert (len(dataset), dataset.spec.classes) == (5, 0)
    assert any(note.startswith("no classes") for note in dataset.notes)


def test_images_and_masks_are_no_classes(images: Path) -> None:
    put(images / "images" / "1.png")
    put(images / "masks" / "1.png")
    dataset = load(images)
    assert dataset.spec.classes == 0
    assert any("images, masks" in note for note in dataset.notes)


@pytest.mark.parametrize("name", ["@eaDir", "lost+found", "__MACOSX", "#recycle", "$RECYCLE.BIN"])
def test_folders_of_systems_are_left_out_at_any_depth(name: str, images: Path) -> None:
    put(images / "cats" / "1.png", 10)
    put(images / "dogs" / "1.png", 20)
    put(images / name / "1.png")
    put(images / "cats" / name / "1.png")
    dataset = load(images)
    assert by_class(dataset) == {10: "cats", 20: "dogs"}
    assert any("ignored 2 files" in note and name in note for note in dataset.notes)


def stylegan(images: Path, labels: Any) -> None:
    for i in range(4):
        put(images / f"{i // 2:05d}" / f"img{i:08d}.png", 10 * i + 10)
    (images / "dataset.json").write_text(json.dumps({"labels": labels}))


def test_dataset_json_has_the_labels(images: Path) -> None:
    stylegan(images, [[f"{i // 2:05d}/img{i:08d}.png", label] for i, label in enumerate([6, 0, 6, 2])])
    dataset = load(images)
    assert np.asarray(dataset.arrays["y"]).tolist() == [6, 0, 6, 2]
    assert dataset.spec.classes == 7


def test_a_dataset_json_without_labels_makes_no_classes_of_its_folders(images: Path) -> None:
    stylegan(images, None)
    dataset = load(images)
    assert (len(dataset), dataset.spec.classes) == (4, 0)


def test_folders_of_a_thousand_numbered_files_are_no_classes(images: Path) -> None:
    for i in (0, 999, 1000, 2001):
        put(images / f"{i // 1000:05d}" / f"img{i:08d}.png")
    assert load(images).spec.classes == 0
    put(images / "00001" / "other.png")
    assert load(images).spec.class_names == ("00000", "00001", "00002")


@pytest.mark.parametrize("kind", ["csv", "jsonl", "windows csv"])
@pytest.mark.parametrize("split", ["", "train/"])
def test_metadata_has_the_labels(kind: str, split: str, images: Path) -> None:
    rows = [("a.png", "dog"), ("sub/b.png", "cat"), ("c.png", "dog")]
    for i, (name, _) in enumerate(rows, 1):
        put(images / split / name, i)
    text = "\n".join(json.dumps({"file_name": name, "label": label, "note": "x"}) for name, label in rows)
    if kind == "csv":
        text = "file_name,note,label\n" + "".join(f'{name},"a, b",{label}\n' for name, label in rows)
    elif kind == "windows csv":
        text = "\ufefffile_name,label\r\n" + "".join(name.replace("/", "\\") + f",{label}\r\n" for name, label in rows)
    (images / split / f"metadata.{kind.split()[-1]}").write_text(text, newline="")
    dataset = load(images)
    assert dataset.spec.class_names == ("cat", "dog")
    assert by_class(dataset) == {1: "dog", 2: "cat", 3: "dog"}


def test_an_image_without_a_label_is_left_out_with_its_name(images: Path) -> None:
    for i in range(5):
        put(images / f"{i}.png", i)
    (images / "metadata.csv").write_text("file_name,label\n0.png,a\n1.png,b\n2.png,a\n3.png,\ngone.png,b\n")
    assert any("3 of 5 images: they are not used" in note for note in load(images).notes)
    (images / "metadata.csv").write_text("file_name,label\n0.png,a\n1.png,b\n2.png,a\n3.png,b\n")
    dataset = load(images)
    assert by_class(dataset) == {0: "a", 1: "b", 2: "a", 3: "b"}
    assert any("4.png" in note for note in dataset.notes)


def test_captions_are_no_labels(images: Path) -> None:
    put(images / "cats" / "1.png", 10)
    put(images / "dogs" / "1.png", 20)
    (images / "metadata.csv").write_text("file_name,text\ncats/1.png,a cat\n")
    assert by_class(load(images)) == {10: "cats", 20: "dogs"}


@pytest.mark.parametrize(
    ("name", "text"), [("dataset.json", "{"), ("metadata.jsonl", '{"file_name"'), ("metadata.jsonl", "[1]")]
)
def test_damaged_label_files_are_refused_in_one_line(name: str, text: str, images: Path) -> None:
    put(images / "a.png")
    (images / name).write_text(text)
    with pytest.raises(GanzooError) as error:
        load(images)
    assert name in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "kind"), [("a.jfif", "jpeg"), ("b.avif", "avif"), ("c", "png"), ("d.dat", "webp"), ("e.jpg.bak", "jpeg")]
)
def test_what_pillow_reads_is_read_whatever_its_name(name: str, kind: str, images: Path) -> None:
    put(images / name, 90, format=kind)
    (abs_level,) = levels(load(images))
    assert abs(abs_level - 90) <= 4


def test_other_files_are_counted_and_named(images: Path) -> None:
    put(images / "a.png")
    (images / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    (images / "note.txt").write_text("P1 is a note, not a bitmap")
    (images / "BMW").write_text("BM")
    (images / ".hidden").write_text("")
    dataset = load(images)
    assert len(dataset) == 1
    assert dataset.skipped == ()
    (line,) = [note for note in dataset.notes if note.startswith("ignored")]
    assert "ignored 3 files other than images" in line
    for part in ("1 .heic", "1 .txt", "1 without an ending", "BMW", "note.txt", "phone.heic"):
        assert part in line
    assert any("convert them to JPEG" in note for note in dataset.notes)


def test_every_skipped_file_has_a_reason(images: Path) -> None:
    put(images / "a.png")
    (images / "empty.png").write_bytes(b"")
    (images / "text.jpg").write_text("no image")
    (images / "cut.png").write_bytes((images / "a.png").read_bytes()[:50])
    (images / "link.png").symlink_to(images / "absent.png")
    dataset = load(images)
    found = dict(zip(dataset.skipped, dataset.reasons, strict=True))
    assert set(found) == {"empty.png", "text.jpg", "cut.png", "link.png"}
    assert all(found.values())
    assert found["text.jpg"] == "not in a format that can be read"
    assert found["empty.png"] == "empty file"
    assert found["link.png"] == "No such file or directory"


def test_a_subfolder_that_cannot_be_read_is_skipped_with_its_reason(
    images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(images / "a.png")
    put(images / "closed" / "b.png")
    real = os.scandir

    def refuse(path: Any) -> Any:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(scan.os, "scandir", refuse)
    dataset = load(images)
    assert (len(dataset), dataset.skipped, dataset.reasons) == (1, ("closed/",), ("Permission denied",))

    def refuse_all(path: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(scan.os, "scandir", refuse_all)
    with pytest.raises(GanzooError, match="Permission denied"):
        load(images)
