"""The user's own images: which are found, how they are read, and the cache of decoded images."""

from __future__ import annotations

import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ganzoo.data.dataset import BatchStream, Dataset
from ganzoo.data.images import cache as image_cache
from ganzoo.data.images import folder, workers
from ganzoo.data.images.scan import scan
from ganzoo.errors import GanzooError
from ganzoo.recipes import Data

RED, BLUE = (200, 0, 0), (0, 0, 200)


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A separate cache for each test; returns the folder of decoded images."""
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "folder"


@pytest.fixture
def images(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    return tmp_path / "images"


def load(path: Path, split: str = "train", **data: Any) -> Dataset:
    return folder.load(Data(name="folder", path=str(path), **{"size": 8, **data}), Path("unused"), split)


def pixels(dataset: Dataset) -> np.ndarray:
    return np.asarray(dataset.arrays["x"])


def put(path: Path, colour: Any = RED, mode: str = "RGB", size: tuple[int, int] = (12, 12), **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path, **options)


def refusal(path: Path | str, **data: Any) -> str:
    with pytest.raises(GanzooError) as error:
        load(path, **data)  # type: ignore[arg-type]
    assert "\n" not in str(error.value)
    return str(error.value)


def test_any_depth_size_and_format(images: Path) -> None:
    endings = sorted(folder.EXTENSIONS)
    for i, ending in enumerate(endings):
        put(
            images / "/".join("abc"[: i % 3]) / f"{i}{ending.upper() if i % 2 else ending}",
            90,
            "L",
            (5 + 9 * i, 40 - 2 * i),
        )
    put(images / "note.txt", 90, "L", format="png")
    put(images / "no_ending", 90, "L", format="png")
    dataset = load(images)
    assert dataset.skipped == ()
    assert pixels(dataset).shape == (len(endings) + 2, 1, 8, 8)
    assert np.abs(pixels(dataset).astype(int) - 90).max() <= 4
    assert (dataset.spec.name, dataset.spec.modality, dataset.spec.shape) == ("folder", "image", (1, 8, 8))


def test_the_default_size_is_64(images: Path) -> None:
    put(images / "a.png")
    assert load(images, size=None).spec.shape == (3, 64, 64)


def test_hidden_files_and_folders_are_left_out(images: Path) -> None:
    put(images / "a.png")
    put(images / ".hidden.png")
    put(images / ".thumbnails" / "a.png")
    assert len(load(images)) == 1


def test_colour_in_one_image_makes_all_of_them_rgb(images: Path) -> None:
    put(images / "a.png", 10, "L")
    put(images / "b.png", (10, 10, 10))
    assert pixels(load(images)).tolist() == np.full((2, 1, 8, 8), 10).tolist()
    put(images / "c.png", RED)
    assert pixels(load(images))[:, :, 0, 0].tolist() == [[10] * 3, [10] * 3, [200, 0, 0]]


def test_channels_can_be_chosen(images: Path) -> None:
    put(images / "a.png", RED)
    assert pixels(load(images, channels=1))[0, :, 0, 0].tolist() == [60]
    put(images / "a.png", 10, "L")
    assert pixels(load(images, channels=3))[0, :, 0, 0].tolist() == [10] * 3
    assert "1 (grey) or 3 (RGB)" in refusal(images, channels=4)


def test_only_images_in_two_or_more_subfolders_have_labels(images: Path) -> None:
    put(images / "10" / "a.png", 10, "L")
    put(images / "2" / "deep" / "down" / "a.png", 2, "L")
    dataset = load(images)
    assert dataset.spec.class_names == ("2", "10")
    assert dataset.spec.classes == 2
    assert [dataset.spec.class_names[y] for y in np.asarray(dataset.arrays["y"])] == [
        str(x) for x in pixels(dataset)[:, 0, 0, 0]
    ]
    assert "y" not in load(images, labels=False).arrays
    for i in range(2):
        put(images / f"loose-{i}.png", 10, "L")
    assert "y" not in load(images).arrays


def test_one_subfolder_is_no_classes(images: Path) -> None:
    put(images / "only" / "a.png")
    put(images / "empty" / "note.txt", format="png")
    (images / "empty" / "note.txt").write_text("no image")
    dataset = load(images)
    assert "y" not in dataset.arrays
    assert dataset.spec.classes == 0


def test_labels_stay_with_their_images_when_some_are_damaged(images: Path) -> None:
    for name, level in (("a", 10), ("b", 20)):
        for i in range(3):
            put(images / name / f"{i}.png", level, "L")
    (images / "a" / "1.png").write_bytes(b"")
    (images / "all_damaged").mkdir()
    (images / "all_damaged" / "x.png").write_bytes(b"")
    dataset = load(images)
    assert dataset.spec.class_names == ("a", "b")
    assert np.asarray(dataset.arrays["y"]).tolist() == [0, 0, 1, 1, 1]
    assert pixels(dataset)[:, 0, 0, 0].tolist() == [10, 10, 20, 20, 20]


def test_200_images_of_which_7_are_damaged(images: Path) -> None:
    random = np.random.RandomState(0)
    for i in range(200):
        noise = random.randint(0, 256, (20, 24, 3)).astype(np.uint8)
        noise[:, :, 0] = i
        Image.fromarray(noise).save(images / f"{i:03}.{'jpg' if i % 10 == 7 else 'png'}")
    damaged = {
        "004.png": lambda b: b"",
        "017.jpg": lambda b: b[: len(b) // 2],
        "050.png": lambda b: b[: len(b) // 2],
        "051.png": lambda b: b"not an image",
        "102.png": lambda b: b[:8],
        "150.png": lambda b: b[:100] + bytes(100) + b[200:],
        "199.png": lambda b: b[:-300],
    }
    for name, damage in damaged.items():
        (images / name).write_bytes(damage((images / name).read_bytes()))
    for _ in ("decoded", "cached"):
        dataset = load(images)
        assert dataset.skipped == tuple(damaged)
        assert pixels(dataset).shape == (193, 3, 8, 8)
        kept = [i for i in range(200) if not any(name.startswith(f"{i:03}") for name in damaged)]
        assert np.abs(pixels(dataset)[:, 0].mean((1, 2)) - kept).max() < 25
    assert BatchStream(dataset, batch=16, seed=0).batch(3)["x"].shape == (16, 3, 8, 8)


def test_a_decompression_bomb_is_skipped(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(images / "a.png", size=(20, 20))
    put(images / "bomb.png", size=(50, 50))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    assert load(images).skipped == ("bomb.png",)


def test_files_are_decoded_once(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(images / "a.png")
    first = load(images)

    def fail(*args: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(workers, "read_square", fail)
    assert np.array_equal(pixels(load(images)), pixels(first))
    assert isinstance(load(images).arrays["x"], np.memmap)


@pytest.mark.parametrize("change", ["content", "time", "more", "fewer", "size", "channels"])
def test_whatever_changes_the_images_makes_another_cache(change: str, images: Path, store: Path) -> None:
    put(images / "a.png")
    put(images / "b.png")
    load(images)
    if change == "content":
        put(images / "a.png", BLUE, size=(30, 30))
    elif change == "time":
        os.utime(images / "a.png", ns=(1, 1))
    elif change == "more":
        put(images / "c.png")
    elif change == "fewer":
        (images / "b.png").unlink()
    load(images, size=9 if change == "size" else 8, channels=1 if change == "channels" else None)
    assert len(list(store.iterdir())) == 2


@pytest.mark.parametrize(
    "damage", ["cut", "no array", "other array", "no facts", "other facts", "pickle", "empty folder"]
)
def test_a_damaged_cache_is_made_again(damage: str, images: Path, store: Path) -> None:
    put(images / "a.png")
    put(images / "b.png")
    expected = pixels(load(images)).copy()
    (cache,) = store.iterdir()
    array, facts = cache / "images.npy", cache / "facts.json"
    if damage == "cut":
        os.truncate(array, array.stat().st_size - 1)
    elif damage == "no array":
        array.unlink()
    elif damage == "other array":
        np.save(array, np.zeros((1, 3, 8, 8), np.uint8))
    elif damage == "no facts":
        facts.unlink()
    elif damage == "other facts":
        facts.write_text(json.dumps([]))
    elif damage == "pickle":
        np.save(array, np.array([{}], dtype=object), allow_pickle=True)
    else:
        array.unlink()
        facts.unlink()
    assert np.array_equal(pixels(load(images)), expected)
    assert list(store.iterdir()) == [cache]


def test_a_crash_leaves_nothing_that_is_believed(images: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(5):
        put(images / f"{i}.png", i, "L")
    with monkeypatch.context() as patch:
        patch.setattr(image_cache, "_header", _interrupt_second())
        with pytest.raises(KeyboardInterrupt):
            load(images)
    assert list(store.iterdir()) == []
    # A killed process cannot even clean up.
    (store / f"{image_cache.BUILDING}x" / "made").mkdir(parents=True)
    (store / f"{image_cache.BUILDING}x" / "made" / "images.npy").write_bytes(b"half")
    assert pixels(load(images))[:, 0, 0, 0].tolist() == list(range(5))


def _interrupt_second() -> Any:
    real, calls = image_cache._header, []

    def header(*args: Any) -> None:
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        real(*args)

    return header


def test_what_a_killed_process_left_is_removed_after_a_day(images: Path, store: Path) -> None:
    put(images / "a.png")
    for name, day in (("old", 1), ("new", 2_000_000_000)):
        leftover = store / f"{image_cache.BUILDING}{name}"
        leftover.mkdir(parents=True)
        os.utime(leftover, (day, day))
    load(images)
    assert {path.name for path in store.glob(".*")} == {f"{image_cache.BUILDING}new"}


def test_a_full_disk_is_said_in_one_line(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(images / "a.png")

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(image_cache, "_sync", full)
    line = refusal(images)
    assert "No space left on device" in line
    assert "GANZOO_CACHE" in line


def test_a_refusal_of_the_system_is_tried_again_next_time(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(images / "a.png")
    put(images / "b.png")
    real = workers.read_square

    def refuse_b(path: Path, size: int, channels: int) -> np.ndarray:
        if path.name == "b.png":
            raise PermissionError(13, "Permission denied")
        return real(path, size, channels)

    with monkeypatch.context() as patch:
        patch.setattr(workers, "read_square", refuse_b)
        assert load(images).skipped == ("b.png",)
    assert load(images).skipped == ()


def test_links_are_followed_without_going_in_circles(images: Path, tmp_path: Path) -> None:
    put(tmp_path / "elsewhere" / "a.png")
    put(images / "a.png")
    (images / "file.png").symlink_to(tmp_path / "elsewhere" / "a.png")
    (images / "linked").symlink_to(tmp_path / "elsewhere")
    (images / "circle").symlink_to(images)
    (tmp_path / "elsewhere" / "back").symlink_to(images)
    (images / "nowhere.png").symlink_to(tmp_path / "absent.png")
    assert [name for name, _, _ in scan(images)] == ["a.png", "file.png", "linked/a.png", "nowhere.png"]
    assert load(images).skipped == ("nowhere.png",)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_with_an_image_name_does_not_hang(images: Path) -> None:
    put(images / "a.png")
    os.mkfifo(images / "pipe.png")
    dataset = load(images)
    assert (len(dataset), dataset.skipped) == (1, ())


def test_a_name_that_is_no_utf8_can_be_printed(images: Path) -> None:
    put(images / "a.png")
    try:
        Path(os.fsdecode(bytes(images) + b"/\xff.png")).write_bytes(b"")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    for _ in ("decoded", "cached"):
        (name,) = load(images).skipped
        assert name.encode("utf-8").decode() == "\ufffd.png"


def test_single_pixels_and_thin_strips_are_read(images: Path) -> None:
    put(images / "a.png", size=(1, 1))
    put(images / "b.png", size=(1, 3000))
    put(images / "c.png", size=(3000, 1))
    assert pixels(load(images))[:, 0].tolist() == np.full((3, 8, 8), 200).tolist()


def test_a_missing_path_says_what_to_type() -> None:
    assert "--dataset folder:PATH" in refusal("")
    assert "there is no folder nowhere" in refusal("nowhere")


def test_a_file_in_place_of_a_folder_says_what_to_type(images: Path) -> None:
    put(images / "a.png")
    assert f"--dataset folder:{images}" in refusal(images / "a.png")
    np.savez(images / "a.npz", x=[1])
    assert f"--dataset npz:{images / 'a.npz'}" in refusal(images / "a.npz")


def test_a_folder_without_images_says_what_was_looked_for(images: Path) -> None:
    (images / "note.txt").write_text("")
    assert ".jpeg, .jpg" in refusal(images)


def test_a_folder_of_damaged_images_names_the_first(images: Path, store: Path) -> None:
    (images / "a.png").write_bytes(b"")
    (images / "b.png").write_bytes(b"")
    assert "none of the 2 image files" in refusal(images)
    assert "the first is a.png" in refusal(images)
    assert list(store.iterdir()) == []


def test_there_is_no_test_split(images: Path) -> None:
    put(images / "a.png")
    with pytest.raises(GanzooError, match="no test split"):
        load(images, "test")


def test_folders_with_equal_names_sizes_and_times_are_not_taken_for_one_another(images: Path, tmp_path: Path) -> None:
    Image.new("L", (12, 12), 50).save(images / "a.bmp")
    shutil.copytree(images, tmp_path / "copy", copy_function=shutil.copy2)
    Image.new("L", (12, 12), 99).save(tmp_path / "copy" / "a.bmp")
    facts = (images / "a.bmp").stat()
    os.utime(tmp_path / "copy" / "a.bmp", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert (tmp_path / "copy" / "a.bmp").stat().st_size == facts.st_size
    assert [int(pixels(load(path))[0, 0, 0, 0]) for path in (images, tmp_path / "copy")] == [50, 99]
    # Nor is one that was moved to where the other one was.
    images.rename(tmp_path / "before")
    (tmp_path / "copy").rename(images)
    assert pixels(load(images))[0, 0, 0, 0] == 99


def test_an_edit_that_keeps_size_and_time_is_seen(images: Path) -> None:
    Image.new("L", (12, 12), 50).save(images / "a.bmp")
    assert pixels(load(images))[0, 0, 0, 0] == 50
    facts = (images / "a.bmp").stat()
    content = (images / "a.bmp").read_bytes()
    with (images / "a.bmp").open("r+b") as file:
        file.write(content[:-144] + bytes([99]) * 144)
    os.utime(images / "a.bmp", ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert pixels(load(images))[0, 0, 0, 0] == 99


@pytest.mark.parametrize("block", [0, 1, 2])
def test_a_zeroed_block_of_the_array_is_not_believed(block: int, images: Path, store: Path) -> None:
    for i in range(12):
        put(images / f"{i:02}.png", 10 + i, "L")
    expected = pixels(load(images, size=512)).copy()
    (cache,) = store.iterdir()
    start = 4096 + block * (1 << 20)
    with (cache / "images.npy").open("r+b") as file:
        file.seek(start)
        file.write(bytes(4096))
    assert np.array_equal(pixels(load(images, size=512)), expected)


def test_an_array_of_other_images_with_its_own_checksums_is_not_believed(
    images: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(images / "a.png", 50, "L")
    load(images)
    (cache,) = store.iterdir()
    put(images / "a.png", 99, "L")
    load(images)
    (other,) = set(store.iterdir()) - {cache}
    shutil.rmtree(other)
    cache.rename(other)
    assert pixels(load(images))[0, 0, 0, 0] == 99


@pytest.mark.parametrize("part", ["skipped", "shape", "digest"])
def test_facts_that_were_changed_are_not_believed(part: str, images: Path, store: Path) -> None:
    put(images / "a.png", 50, "L")
    (images / "b.png").write_bytes(b"")
    load(images)
    (cache,) = store.iterdir()
    content = json.loads((cache / "facts.json").read_text())
    content["facts"][part] = {"skipped": ["a.png"], "shape": [1, 1, 8, 8], "digest": "0" * 64}[part]
    if part == "shape":
        content["digest"] = "0" * 64
    (cache / "facts.json").write_text(json.dumps(content))
    assert load(images).skipped == ("b.png",)


def test_nearly_grey_images_that_become_grey_are_decoded_once(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Each channel is 10.4 on average, and the rounded luma 10.6.
    nearly = np.full((80, 80, 3), 10, np.uint8)
    nearly[:, 0::5, 1] = nearly[:, 2::5, 1] = nearly[:, 3::5, 2] = nearly[:, 4::5, 2] = 11
    nearly[:, 1::5, 0] = 12
    for i in range(20):
        Image.fromarray(nearly).save(images / f"{i:02}.png")
    assert pixels(load(images)).shape[1] == 1
    with monkeypatch.context() as patch:
        patch.setattr(image_cache, "_build", None)
        assert pixels(load(images))[:, 0].tolist() == np.full((20, 8, 8), 10).tolist()


def test_a_file_that_stays_forbidden_costs_no_second_decoding(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(40):
        put(images / f"{i:02}.png", 10 + i, "L")
    real, read = workers.read_square, []

    def refuse(path: Path, *args: Any) -> np.ndarray:
        read.append(path.name)
        if path.name == "07.png":
            raise PermissionError(13, "Permission denied")
        return real(path, *args)

    monkeypatch.setattr(workers, "read_square", refuse)
    for expected in (range(40, 41), range(1, 20)):
        read.clear()
        dataset = load(images)
        assert (dataset.skipped, dataset.reasons) == (("07.png",), ("Permission denied",))
        assert len(read) in expected


def test_flip_counts_every_image_twice(images: Path) -> None:
    put(images / "a.png")
    assert len(load(images, flip=True)) == 2


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "shown"), [(Terminal(), True), (io.StringIO(), False)], ids=["terminal", "file"])
def test_a_long_wait_shows_a_bar_on_terminals_only(
    stream: io.StringIO, shown: bool, images: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put(images / "a.png")
    monkeypatch.setattr(image_cache, "SHOW_AFTER", -1.0)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", stream)
    load(images)
    assert ("Decoding images" in stream.getvalue()) is shown
    assert capsys.readouterr().out == ""
