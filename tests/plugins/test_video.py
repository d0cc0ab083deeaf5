"""Clips: digits that move, videos of every kind, scores of content and motion, and mocogan on them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from ganzoo_video import files, metrics
from ganzoo_video.files import Wish, read_clips
from PIL import Image

import ganzoo
from ganzoo import cli
from ganzoo.data.samples import Samples
from ganzoo.errors import GanzooError
from ganzoo.evaluation.features import classifier
from ganzoo.pictures.videos import write_video
from ganzoo.recipes import Data, RunOptions
from ganzoo.testing import check_dataset, check_modality
from ganzoo.testing.examples import example_data
from ganzoo.zoo import registry
from ganzoo.zoo.datasets import load_data

TINY = ["--set", "width=2", "--set", "batch=4", "--steps", "3", "--no-scores", "--device", "cpu"]
SMALL = ["--set", "data.size=16", "--set", "data.length=4"]


def squares(frames: int, height: int = 16, width: int = 16, speed: int = 1, grey: int = 255) -> list[np.ndarray]:
    """A square of 4 pixels that moves to the right by `speed` pixels a frame: uint8 `[H, W, 1]` each."""
    found = []
    for t in range(frames):
        frame = np.zeros((height, width, 1), np.uint8)
        left = speed * t % (width - 4)
        frame[4:8, left : left + 4] = grey
        found.append(frame)
    return found


def gif(path: Path, frames: list[np.ndarray], milliseconds: int = 100) -> Path:
    """Write a GIF with Pillow, independently of the plugin."""
    path.parent.mkdir(parents=True, exist_ok=True)
    first, *others = [Image.fromarray(frame[:, :, 0]) for frame in frames]
    first.save(path, save_all=True, append_images=others, duration=milliseconds, disposal=1)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six videos of two clips of four frames in each of two classes."""
    for number in range(6):
        gif(tmp_path / "mine" / "slow" / f"{number}.gif", squares(8, speed=1, grey=200 + number))
        gif(tmp_path / "mine" / "fast" / f"{number}.gif", squares(9, speed=3, grey=200 + number))
    return tmp_path / "mine"


def loaded(path: Path, split: str = "train", **keys: object) -> ganzoo.data.dataset.Dataset:  # type: ignore[name-defined]
    given = {"size": 16, "length": 4, "channels": 1, **keys}
    return load_data(Data(name="video-folder", path=str(path), **given), RunOptions(), split)  # type: ignore[arg-type]


def test_moving_digits_keep_the_contract() -> None:
    check_dataset(registry.datasets().find("moving-digits"))


def test_the_modality_keeps_the_contract() -> None:
    pytest.importorskip("av")
    check_modality(registry.modalities().find("video"))


def test_a_digit_keeps_its_pixels_and_moves_at_most_two_a_frame() -> None:
    x = load_data(Data(name="moving-digits"), RunOptions()).arrays["x"][:50, 0].double()
    assert float((x.sum((2, 3)) - x[:, :1].sum((2, 3))).abs().max()) == 0
    total, places = x.sum((2, 3)), torch.arange(16.0)
    centre = torch.stack([(x.sum(3) * places).sum(2) / total, (x.sum(2) * places).sum(2) / total], 2)
    steps = centre.diff(dim=1).abs()
    assert float(steps.max()) <= 2.0001
    assert 0.5 < float(steps.mean()) < 1.3
    turned = (centre.diff(dim=1).sign().diff(dim=1).abs() > 1.5).any(1)
    assert float(turned.double().mean()) > 0.5


def test_a_gif_is_cut_into_clips(tmp_path: Path) -> None:
    path = gif(tmp_path / "a.gif", squares(11))
    x, rate = read_clips(path, Wish(1, 4, 16, 16))
    assert (x.shape, x.dtype, rate) == ((2, 1, 4, 16, 16), torch.uint8, pytest.approx(10))
    wanted = np.stack(squares(8))[:, :, :, 0].reshape(2, 4, 16, 16)
    assert np.array_equal(x[:, 0].numpy(), wanted)


def test_frames_are_taken_at_the_wanted_rate(tmp_path: Path) -> None:
    path = gif(tmp_path / "a.gif", squares(10))
    slower, _ = read_clips(path, Wish(1, 5, 16, 16, 5.0))
    assert np.array_equal(slower[0, 0].numpy(), np.stack(squares(10))[::2, :, :, 0])
    faster, _ = read_clips(path, Wish(1, 20, 16, 16, 20.0))
    assert np.array_equal(faster[0, 0, ::2].numpy(), faster[0, 0, 1::2].numpy())


def test_other_sizes_are_cropped_and_resized(tmp_path: Path) -> None:
    path = gif(tmp_path / "a.gif", squares(4, 32, 64))
    x, _ = read_clips(path, Wish(3, 4, 16, 16))
    assert x.shape == (1, 3, 4, 16, 16)
    middle = np.stack(squares(4, 32, 64))[:, :, 16:48, 0].reshape(4, 16, 2, 16, 2).mean((2, 4))
    assert np.abs(x[0, 0].numpy() - middle).max() <= 0.5


@pytest.mark.parametrize("ending", [".gif", ".mp4"])
def test_what_is_written_is_read_back(tmp_path: Path, ending: str) -> None:
    if ending == ".mp4":
        pytest.importorskip("av")
    generator = torch.Generator().manual_seed(0)
    x = (torch.rand(2, 1, 4, 8, 8, generator=generator) > 0.5).float() * 2 - 1
    modality = registry.modality("video")
    spec = ganzoo.recipes.DataSpec("clips", "video", (1, 4, 8, 8), note={"fps": 5})
    modality.write_file(x, spec, tmp_path / f"all{ending}")
    found, names = modality.read(tmp_path / f"all{ending}", spec)
    assert float((found - x).abs().max()) <= (0 if ending == ".gif" else 0.2)
    assert names == ["all-0", "all-1"]
    _, rate = read_clips(tmp_path / f"all{ending}", Wish(1, 4, 8, 8))
    assert rate == pytest.approx(5, rel=0.01)


@pytest.mark.parametrize("channels", [1, 3])
def test_equal_frames_of_a_gif_are_kept(tmp_path: Path, channels: int) -> None:
    still, other = (np.full((8, 8, channels), grey, np.uint8) for grey in (0, 200))
    for name, frames in (("still", [still] * 4), ("mixed", [still, still, other, other])):
        write_video(tmp_path / f"{name}.gif", frames, 10)
        x, rate = read_clips(tmp_path / f"{name}.gif", Wish(channels, 4, 8, 8))
        assert np.array_equal(x[0].numpy(), np.stack(frames).transpose(3, 0, 1, 2))
        assert rate == pytest.approx(10)


def bad(name: str, path: Path) -> None:
    if name == "one.gif":
        gif(path, squares(1))
    elif name == "short.gif":
        gif(path, squares(3))
    elif name == "broken.mp4":
        write_video(path, squares(30), 10)
        path.write_bytes(path.read_bytes()[:200])
    else:
        path.write_bytes(b"" if name.startswith("nothing") else b"this is no video\n" * 20)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("one.gif", "has 1 frame, and is no video"),
        ("short.gif", "has 3 frames, and a clip has 4: use --set data.length=3 or less"),
        ("broken.mp4", "cannot be read as a video"),
        ("text.mp4", "cannot be read as a video"),
        ("text.gif", "cannot be read as a video"),
        ("nothing.mp4", "cannot be read as a video"),
    ],
)
def test_a_file_that_is_no_video_is_skipped_and_alone_is_one_line(
    name: str, told: str, folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if name.endswith(".mp4"):
        pytest.importorskip("av")
    (tmp_path / "alone").mkdir()
    for place in (tmp_path / "alone", folder / "slow"):
        bad(name, place / name)
    found = loaded(folder)
    assert (found.count, found.skipped) == (24, (f"slow/{name}",))
    words = ["train", "mocogan", "--dataset", f"video-folder:{tmp_path / 'alone'}", *TINY, *SMALL]
    assert cli.run(words) == 2
    error = capfd.readouterr().err
    assert error.startswith(f"error: none of the 1 videos in {tmp_path / 'alone'} can be read: {name}: ")
    assert told in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["video-folder:empty"], "there are no videos in empty"),
        (["video-folder:missing"], "there is no file or folder missing"),
        (["video-folder:mine", "--set", "data.flip=true"], "contains clips, not images: leave out data.flip"),
        (["video-folder:mine", "--set", "data.channels=4"], "clips have 1 or 3 channels, not 4"),
        (["video-folder:mine", "--set", "data.length=100"], "a clip has 100: use --set data.length="),
        (["moving-digits:circle"], "unknown kind of moving-digits 'circle': available: line, plane."),
        (["moving-digits", "--set", "data.length=8"], "the samples of moving-digits have a length of their own"),
    ],
)
def test_mistakes_are_one_line(
    words: list[str], told: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder.parent)
    Path("empty").mkdir()
    assert cli.run(["train", "mocogan", "--dataset", *words, *TINY]) == 2
    error = capfd.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_without_av_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.mp4").write_bytes(b"anything")
    monkeypatch.setitem(sys.modules, "av", None)
    assert cli.run(["train", "mocogan", "--dataset", str(tmp_path / "a.mp4"), *TINY]) == 2
    assert "needs the package av: pip install 'ganzoo[video]'" in capfd.readouterr().err
    with pytest.raises(GanzooError, match=r"or use \.gif"):
        write_video(tmp_path / "b.mp4", squares(3), 5)


def test_subfolders_are_classes_and_every_clip_has_that_of_its_video(folder: Path) -> None:
    found = loaded(folder)
    assert (found.spec.class_names, found.spec.shape) == (("fast", "slow"), (1, 4, 16, 16))
    assert found.arrays["y"].tolist() == [0, 0, 1, 1] * 6
    moved = metrics.moved(found.batch(torch.arange(24))["x"])[:, 0]
    assert float(moved[found.arrays["y"] == 0].min()) > float(moved[found.arrays["y"] == 1].max())
    assert found.spec.note == {"fps": 10.0}


def samples_of(folder: Path, x: torch.Tensor | None = None) -> Samples:
    found = loaded(folder)
    x = found.batch(torch.arange(24))["x"] if x is None else x
    y = found.arrays["y"][: len(x)]
    data = Data(name="video-folder", path=str(folder), size=16, length=4, channels=1)
    return Samples(x, y, found.spec, data, Path(), 0, lambda split: loaded(folder, split), registry.modality("video"))


def test_speed_is_that_of_the_square(folder: Path) -> None:
    x = torch.from_numpy(np.stack(squares(4, speed=2))[None, None, :, :, :, 0]).float() / 127.5 - 1
    assert float(metrics.moved(x)[0, 0]) == pytest.approx(2, abs=1e-4)
    assert float(metrics.moved(x)[0, 1]) == pytest.approx(16 / 256, abs=1e-6)
    real = samples_of(folder)
    assert metrics.motion(real) == {"speed-ratio": pytest.approx(1), "change-ratio": pytest.approx(1)}
    still = real.fake[:, :, :1].expand(-1, -1, 4, -1, -1)
    assert metrics.motion(samples_of(folder, still)) == {"speed-ratio": 0, "change-ratio": 0}


def test_clips_of_a_folder_are_scored_as_those_of_a_generator(folder: Path) -> None:
    shown, stored = samples_of(folder), samples_of(folder, loaded(folder).arrays["x"])
    assert (shown.fake.dtype, stored.fake.dtype) == (torch.float32, torch.uint8)
    assert metrics.motion(stored) == pytest.approx(metrics.motion(shown))
    for view in (metrics.clips, metrics.frames):
        assert torch.equal(view(stored).fake, view(shown).fake)


def test_scores_tell_clips_from_noise_and_say_what_they_are(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MIN_STEPS", "MAX_STEPS"):
        monkeypatch.setattr(classifier, name, 20)
    real = samples_of(folder)
    noise = samples_of(folder, torch.rand(24, 1, 4, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1)
    for score in (metrics.clip_distance, metrics.frame_distance):
        (good,), (bad,) = score(real).values(), score(noise).values()
        assert abs(good) < 1e-3 * bad
    assert list(metrics.clip_distance(real)) == ["clip-FD[domain:video-folder-clips]"]
    assert list(metrics.frame_distance(real)) == ["frame-FD[domain:video-folder-frames]"]
    found = metrics.persistence(real)
    assert set(found) == {"persistence[domain:video-folder-frames]", "accuracy[domain:video-folder-frames]"}
    assert 0.5 <= found["persistence[domain:video-folder-frames]"] <= 1


def test_own_files_are_trained_on_sampled_read_back_and_scored(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder.parent)
    words = ["train", "mocogan", "--dataset", "video-folder:mine", "--out", "run", *TINY, *SMALL]
    assert cli.run(words) == 0
    assert (folder.parent / "run" / "samples.png").exists()
    assert cli.run(["sample", "run", "-n", "12", "--to", "new"]) == 0
    assert {path.parent.name for path in Path("new").rglob("*.gif")} == {"fast", "slow"}
    run = ganzoo.load("run")
    x, names = registry.modality("video").read(Path("new"), run.data)
    drawn = run.sample(12, labels=[0] * 6 + [1] * 6)
    assert len(set(names)) == 12
    assert x.shape == drawn.shape
    capfd.readouterr()
    assert cli.run(["eval", "run", "--metrics", "video-motion", "-n", "12", "--json"]) == 0
    assert {row["name"] for row in json.loads(capfd.readouterr().out)["scores"]} == {"speed-ratio", "change-ratio"}


def built(shape: tuple[int, ...] = (1, 8, 16, 16), **keys: object):  # type: ignore[no-untyped-def]
    card = registry.variants()["mocogan"]
    data = example_data("video", shape).spec
    recipe = ganzoo.zoo.config.override(card.recipes[card.default], {"width": 2, **keys})  # type: ignore[attr-defined]
    torch.manual_seed(0)
    return card.build(recipe, data)


def test_frames_share_the_content_and_a_gru_carries_the_motion() -> None:
    """Each frame by hand: a GRU cell from its equations, and the image generator on content, motion and class."""
    gan = built(content=3, motion=2, embedding=2)
    g = gan.generator.eval()
    z, y = gan.draw_latent(2), torch.tensor([1, 0])
    content, h, noise = z[:, :3], z[:, 3:5], z[:, 5:].view(2, 8, 2)
    weights = dict(g.motion.named_parameters())
    with torch.no_grad():
        clip = gan.generate(z, y)
        for t in range(8):
            of_input = noise[:, t] @ weights["weight_ih_l0"].T + weights["bias_ih_l0"]
            of_state = h @ weights["weight_hh_l0"].T + weights["bias_hh_l0"]
            (r, u, n), (hr, hu, hn) = of_input.chunk(3, 1), of_state.chunk(3, 1)
            reset, update = torch.sigmoid(r + hr), torch.sigmoid(u + hu)
            h = (1 - update) * torch.tanh(n + reset * hn) + update * h
            frame = g.image(torch.cat([content, g.embed(y), h], 1))
            assert torch.allclose(clip[:, :, t], frame, atol=1e-6)


def test_one_discriminator_sees_frames_and_the_other_the_clip() -> None:
    gan = built(frames=2)
    d = gan.discriminator.eval()
    x, y = torch.randn(3, 1, 8, 16, 16), torch.tensor([0, 1, 2])
    torch.manual_seed(3)
    frames, clip = d(x, y)
    assert (frames.shape, clip.shape) == ((3, 2), (3,))
    torch.manual_seed(3)
    at = torch.randint(8, (3, 1, 2, 1, 1)).flatten(1)
    for k in range(2):
        by_hand = d.frame(x[torch.arange(3), :, at[:, k]])
        assert torch.allclose(frames[:, k], by_hand[:, 0] + by_hand[torch.arange(3), 1 + y], atol=1e-6)
    still = x.clone()
    still[:, :, 1:] = 0
    torch.manual_seed(3)
    assert not torch.allclose(d(still, y)[1], clip)
    terms = gan.discriminator_loss({"x": x, "y": y})
    assert terms["loss"].isfinite()


def test_on_a_line_digits_move_sideways_only() -> None:
    x = load_data(Data(name="moving-digits", kind="line"), RunOptions()).arrays["x"][:50, 0].double()
    assert x.shape == (50, 12, 8, 16)
    assert float((x.sum(3) - x[:, :1].sum(3)).abs().max()) == 0
    places = (x.sum(2) * torch.arange(16.0)).sum(2) / x.sum((2, 3))
    assert 0.5 < float(places.diff(dim=1).abs().mean()) < 1.3


def test_enlarged_frames_are_large_enough_for_encoders() -> None:
    assert files.pixels(torch.zeros(1, 1, 2, 8, 16)).shape == (1, 2, 64, 128, 1)
    assert files.pixels(torch.zeros(1, 3, 2, 100, 80)).shape == (1, 2, 100, 80, 3)
