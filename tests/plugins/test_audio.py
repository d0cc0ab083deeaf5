"""Sounds: the data sets, .wav files of every kind, spectrograms, scores, and wavegan on them."""

from __future__ import annotations

import json
import sys
import wave
from pathlib import Path

import numpy as np
import pytest
import torch
from ganzoo_audio import metrics, spectrogram
from ganzoo_audio.files import Wish, read_wave, write_wave

import ganzoo
from ganzoo import cli
from ganzoo.data.samples import Samples
from ganzoo.errors import GanzooError
from ganzoo.evaluation.features import classifier
from ganzoo.evaluation.features.views import as_images
from ganzoo.recipes import Data, RunOptions
from ganzoo.testing import check_dataset, check_modality
from ganzoo.testing.examples import example_data
from ganzoo.zoo import registry
from ganzoo.zoo.datasets import load_data

RATE = 8000
TINY = ["--set", "width=2", "--set", "batch=4", "--steps", "3", "--no-scores", "--device", "cpu"]


def pcm(path: Path, values: np.ndarray, rate: int = RATE, width: int = 2) -> Path:
    """Write samples `[T]` or `[T, C]` in -1..1 with the standard library, independently of the plugin."""
    values = np.asarray(values, dtype=np.float64).reshape(len(values), -1 if len(values) else 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((values.shape[1], width, rate, 0, "NONE", ""))
        if width == 1:
            file.writeframes(np.rint(values * 127 + 128).astype(np.uint8).tobytes())
        else:
            file.writeframes(np.rint(values * 32767).astype("<i2").tobytes())
    return path


def sine(hertz: float, count: int = 512, rate: int = RATE, loudness: float = 0.5) -> np.ndarray:
    return loudness * np.sin(2 * np.pi * hertz * np.arange(count) / rate)


def pitch(x: torch.Tensor, rate: int = RATE) -> float:
    """The frequency with the most energy."""
    power = np.abs(np.fft.rfft(x.flatten().numpy()))
    return float(np.fft.rfftfreq(x.numel(), 1 / rate)[power.argmax()])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve files of each of two classes, of 512 samples."""
    for number in range(12):
        pcm(tmp_path / "mine" / "low" / f"{number}.wav", sine(300 + 5 * number))
        pcm(tmp_path / "mine" / "high" / f"{number}.wav", sine(1500 + 20 * number))
    return tmp_path / "mine"


def loaded(path: Path, **keys: object) -> ganzoo.data.dataset.Dataset:  # type: ignore[name-defined]
    return load_data(Data(name="wav-folder", path=str(path), **{"length": 512, **keys}), RunOptions())  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["spoken-digits", "drums", "tones"])
def test_generated_data_keep_the_contract(name: str) -> None:
    check_dataset(registry.datasets().find(name))


def test_the_modality_keeps_the_contract() -> None:
    check_modality(registry.modalities().find("audio"))


def test_vowels_have_their_formants() -> None:
    """Second formants: of "three" around 2,300 Hz in a man's voice, of "four" around 840 Hz."""
    digits = load_data(Data(name="spoken-digits"), RunOptions())
    spectra = np.abs(np.fft.rfft(digits.arrays["x"][:, 0, 1500:2200].numpy())) ** 2
    hertz = np.fft.rfftfreq(700, 1 / RATE)
    high, middle = (spectra[:, (hertz > low) & (hertz < low + 700)].sum(1) for low in (2100, 700))
    y = digits.arrays["y"].numpy()
    assert np.median((high / middle)[y == 3]) > 10 * np.median((high / middle)[y == 4])


def test_tones_have_the_pitch_of_their_class() -> None:
    tones = load_data(Data(name="tones"), RunOptions())
    for number, hertz in ((0, 261.6), (5, 440.0), (7, 523.3)):
        assert pitch(tones.arrays["x"][number]) == pytest.approx(hertz, rel=0.02)


def test_a_sine_of_amplitude_one_has_0_dB_in_its_band_alone() -> None:
    x = torch.from_numpy(np.stack([sine(1000, 4096, loudness=1.0), np.zeros(4096)])).float()[:, None]
    mel = spectrogram.log_mel(x, RATE)
    assert mel.shape == (2, 32, 32)
    assert float(mel[1].max()) == -80
    assert float(mel[0, :, 5:-5].max()) == pytest.approx(0, abs=1.0)
    centres = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + 4000 / 700), 34)[1:-1] / 2595) - 1)
    assert int(mel[0, :, 16].argmax()) == int(np.abs(centres - 1000).argmin())
    assert float(mel[0, 0, 16]) == -80


@pytest.mark.parametrize("width", [1, 2])
def test_8_and_16_bits_are_read(tmp_path: Path, width: int) -> None:
    x, changed = read_wave(pcm(tmp_path / "a.wav", sine(440), width=width), Wish(RATE, 512))
    assert changed == []
    assert np.abs(x[0].numpy() - sine(440)).max() < (0.01 if width == 1 else 1e-4)


def test_floats_stereo_other_rates_and_lengths_are_converted(tmp_path: Path) -> None:
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "f.wav", np.float32(sine(440, loudness=3.0)), RATE, subtype="FLOAT")
    x, changed = read_wave(tmp_path / "f.wav", Wish(RATE, 512))
    assert (float(x.abs().max()), changed) == (pytest.approx(1.0), ["scaled down to 1"])
    both = np.stack([sine(440), np.zeros(512)], 1)
    x, changed = read_wave(pcm(tmp_path / "s.wav", both), Wish(RATE, 512))
    assert np.abs(x[0].numpy() - sine(440) / 2).max() < 1e-4
    assert changed == ["mixed to mono"]
    assert read_wave(tmp_path / "s.wav", Wish(RATE, 512, 2))[0].shape == (2, 512)
    x, changed = read_wave(pcm(tmp_path / "r.wav", sine(440, 44100, 44100), 44100), Wish(RATE, 4000))
    assert pitch(x) == pytest.approx(440, abs=3)
    assert changed == ["cropped to the loudest part", "resampled"]
    x, changed = read_wave(pcm(tmp_path / "p.wav", sine(440, 100)), Wish(RATE, 512))
    assert x.shape == (1, 512)
    assert not x[0, 100:].any()
    assert changed == ["padded"]


def test_the_loudest_part_is_kept(tmp_path: Path) -> None:
    values = np.concatenate([sine(200, 3000, loudness=0.01), sine(900), sine(200, 1000, loudness=0.01)])
    x, _ = read_wave(pcm(tmp_path / "a.wav", values), Wish(RATE, 512))
    assert np.abs(x[0].numpy() - sine(900)).max() < 0.05


def test_files_are_written_as_they_are_read(tmp_path: Path) -> None:
    x = torch.rand(2, 300, generator=torch.Generator().manual_seed(0)) * 2 - 1
    write_wave(tmp_path / "a.wav", x, 11025)
    with wave.open(str(tmp_path / "a.wav")) as file:
        assert file.getparams()[:4] == (2, 2, 11025, 300)
    assert float((read_wave(tmp_path / "a.wav", Wish(11025, 300, 2))[0] - x).abs().max()) < 1 / 16000


BAD = {
    "header.wav": b"RIFF\x00\x00\x00\x00WAVEfmt ",
    "text.wav": b"this is no sound\n" * 20,
    "nothing.wav": b"",
}


@pytest.mark.parametrize("name", [*BAD, "none.wav", "nan.wav"])
def test_a_file_that_is_no_sound_is_skipped_and_alone_is_one_line(
    name: str, folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    soundfile = pytest.importorskip("soundfile")
    alone = tmp_path / "alone"
    alone.mkdir()
    for place in (alone, folder / "low"):
        if name == "nan.wav":
            soundfile.write(place / name, np.full(600, np.nan), RATE, subtype="FLOAT")
        elif name == "none.wav":
            pcm(place / name, np.zeros(0))
        else:
            (place / name).write_bytes(BAD[name])
    found = loaded(folder)
    assert (found.count, found.skipped) == (24, (f"low/{name}",))
    assert cli.run(["train", "wavegan", "--dataset", str(alone), *TINY]) == 2
    error = capfd.readouterr().err
    assert error.startswith(f"error: none of the 1 sounds in {alone} can be read: {name}: ")
    assert error.count("\n") == 1


def test_a_sound_that_breaks_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    path = pcm(tmp_path / "a.wav", sine(440, 600))
    path.write_bytes(path.read_bytes()[: 44 + 2 * 300])
    x, changed = read_wave(path, Wish(RATE, 512))
    assert np.abs(x[0, :300].numpy() - sine(440, 300)).max() < 1e-4
    assert changed == ["padded"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["wav-folder:empty"], "there are no sounds in empty"),
        (["wav-folder:missing"], "there is no file or folder missing"),
        (["wav-folder"], "wav-folder needs your own files"),
        (["wav-folder:mine", "--set", "data.rate=1.5"], "a rate of 1.5 is not possible"),
        (["wav-folder:mine", "--set", "data.size=64"], "wav-folder contains sounds, not images: leave out data.size"),
        (["wav-folder:mine", "--set", "data.channels=3"], "sounds have 1 or 2 channels, not 3"),
        (["wav-folder:mine", "--set", "data.length=102"], "signals of 102 samples cannot be divided by 4 evenly"),
        (["spoken-digits", "--set", "data.length=512"], "the samples of spoken-digits have a length of their own"),
        (["tones:mine"], "takes no argument after a colon"),
    ],
)
def test_mistakes_are_one_line(
    words: list[str], told: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder.parent)
    Path("empty").mkdir()
    assert cli.run(["train", "wavegan", "--dataset", *words, *TINY]) == 2
    error = capfd.readouterr().err
    assert told in error
    assert error.count("\n") == 1


def test_without_soundfile_one_line_says_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "soundfile", None)
    assert cli.run(["train", "wavegan", "--dataset", str(folder), *TINY]) == 2
    assert "needs the package soundfile: pip install 'ganzoo[audio]'" in capfd.readouterr().err


def test_subfolders_are_splits_and_classes(folder: Path) -> None:
    found = loaded(folder)
    assert (found.spec.class_names, found.spec.shape) == (("high", "low"), (1, 512))
    assert found.arrays["y"].tolist() == [0, 1] * 12
    assert pitch(found.arrays["x"][1]) < 500 < pitch(found.arrays["x"][0])
    assert "y" not in loaded(folder, labels=False).arrays
    pcm(folder.parent / "parts" / "train" / "a.wav", sine(300))
    pcm(folder.parent / "parts" / "test" / "b.wav", sine(900))
    assert loaded(folder.parent / "parts").count == 1
    held_out = load_data(Data(name="wav-folder", path=str(folder.parent / "parts"), length=512), RunOptions(), "test")
    assert pitch(held_out.arrays["x"][0]) > 800
    with pytest.raises(GanzooError, match="has no test split"):
        load_data(Data(name="wav-folder", path=str(folder), length=512), RunOptions(), "test")


def samples_of(folder: Path, fake: torch.Tensor | None = None, **more: object) -> Samples:
    data = Data(name="wav-folder", path=str(folder), length=512)
    found = loaded(folder)
    x = found.arrays["x"] if fake is None else fake
    y = found.arrays["y"][: len(x)]
    modality = registry.modality("audio")
    return Samples(x, y, found.spec, data, Path(), 0, lambda split: loaded(folder), modality, **more)  # type: ignore[arg-type]


def test_scores_tell_sounds_from_noise(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MIN_STEPS", "MAX_STEPS"):
        monkeypatch.setattr(classifier, name, 20)
    real, noise = samples_of(folder), samples_of(folder, torch.rand(24, 1, 512) * 2 - 1)
    assert metrics.accuracy(real) == {"accuracy[domain:wav-folder]": 1.0}
    assert metrics.accuracy(noise)["accuracy[domain:wav-folder]"] < 0.8
    assert metrics.inception_score(real)["IS[domain:wav-folder]"] > 1.4
    for score in (metrics.frechet_distance, metrics.spectrum_distance):
        (good,), (bad,) = score(real).values(), score(noise).values()
        assert abs(good) < 1e-3 * bad


def test_spectrograms_are_compared_on_features_of_sounds_only(folder: Path) -> None:
    with pytest.raises(GanzooError, match="leave out --features"):
        as_images(samples_of(folder, features="vgg16"), "sounds", lambda x: x)


def test_views_keep_the_labels_and_convert_each_set_once(folder: Path) -> None:
    calls = []

    def convert(x: torch.Tensor) -> torch.Tensor:
        calls.append(len(x))
        return torch.zeros(len(x), 1, 4, 4, dtype=torch.uint8)

    samples = samples_of(folder)
    view = as_images(samples, "sounds", convert)
    assert as_images(samples, "sounds", convert) is view
    assert (view.spec.name, view.spec.shape, view.spec.classes) == ("sounds", (1, 4, 4), 2)
    assert torch.equal(view.real("train").arrays["y"], samples.real("train").arrays["y"])
    view.real("train")
    assert calls == [24, 24]


def test_own_files_are_trained_on_sampled_read_back_and_scored(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder.parent)
    assert cli.run(["train", "wavegan", "--dataset", "mine", "--out", "run", *TINY, "--set", "data.length=512"]) == 0
    assert (folder.parent / "run" / "samples.png").exists()
    assert cli.run(["sample", "run", "-n", "12", "--to", "new"]) == 0
    files = sorted(path.relative_to("new").as_posix() for path in Path("new").rglob("*.wav"))
    assert len(files) == 12
    assert {name.partition("/")[0] for name in files} == {"high", "low"}
    run = ganzoo.load("run")
    x, names = registry.modality("audio").read(Path("new"), run.data)
    drawn = run.sample(12, labels=[0] * 6 + [1] * 6)
    assert len(set(names)) == 12
    capfd.readouterr()
    assert cli.run(["eval", "new", "--against", "wav-folder:mine", "--metrics", "audio-spectrum", "--json"]) == 0
    assert any("12 padded" in note for note in json.loads(capfd.readouterr().out)["notes"])
    assert cli.run(["eval", "run", "--metrics", "audio-spectrum", "-n", "20", "--json"]) == 0
    (row,) = json.loads(capfd.readouterr().out)["scores"]
    assert row["name"] == "log-mel-FD"
    assert x.shape == drawn.shape


def test_the_class_enters_the_critic_as_an_inner_product() -> None:
    card = registry.variants()["wavegan"]
    data = example_data("audio", (1, 512)).spec
    recipe = ganzoo.zoo.config.override(card.recipes[card.default], {"width": 2, "shuffle": 0, "spectral_norm": False})  # type: ignore[attr-defined]
    torch.manual_seed(0)
    gan = card.build(recipe, data)
    x, y = torch.randn(3, 1, 512), torch.tensor([0, 2, 1])
    critic = gan.players["d"]
    features = critic.body.body(x).flatten(1)
    by_hand = critic.body.head(features)[:, 0] + torch.stack(
        [critic.embed.weight[int(y[k])] @ features[k] for k in range(3)]
    )
    assert torch.allclose(critic(x, y), by_hand, atol=1e-6)


def test_the_generator_ends_with_the_inverse_of_what_the_critic_sees() -> None:
    """By hand: the mu-law's inverse, then scipy's recursive filter, which the truncated one approximates."""
    from scipy.signal import lfilter

    card = registry.variants()["wavegan"]
    keys = {"width": 2, "emphasis": 0.9, "companding": 255.0, "g_norm": "none"}
    recipe = ganzoo.zoo.config.override(card.recipes[card.default], keys)  # type: ignore[attr-defined]
    gan = card.build(recipe, example_data("audio", (1, 512)).spec)
    z, y = gan.draw_latent(2), torch.tensor([0, 1])
    with torch.no_grad():
        coded = gan.generator.body(torch.cat([z, gan.generator.embed(y)], 1)).numpy()
        sound = gan.generate(z, y)
    raised = np.sign(coded) * (256 ** np.abs(coded) - 1) / 255 * 1.9
    assert np.abs(lfilter([1], [1, -0.9], raised) - sound.numpy()).max() < 0.01 * np.abs(sound.numpy()).max()
    assert np.abs(gan.shown(sound, {}).numpy() - coded).max() < 0.02


def test_new_weights_keep_the_scale_of_what_passes_the_critic() -> None:
    card = registry.variants()["wavegan"]
    x = torch.rand(8, 1, 4096) * 2 - 1
    spread = {}
    for init in ("xavier", "he"):
        recipe = ganzoo.zoo.config.override(
            card.recipes[card.default], {"d_width": 8, "init": init, "spectral_norm": False}
        )  # type: ignore[attr-defined]
        torch.manual_seed(0)
        critic = card.build(recipe, example_data("audio", (1, 4096)).spec).discriminator
        spread[init] = float(critic.body.features(x).detach().std())
    assert spread["xavier"] < 0.1 < spread["he"] < 2


def test_without_labels_wavegan_is_unconditional(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    words = ["--set", "data.length=512", "--set", "data.labels=false"]
    assert cli.run(["train", "wavegan", "--dataset", "mine", "--out", "run", *TINY, *words]) == 0
    run = ganzoo.load("run")
    assert run.gan.classes == 0
    assert run.sample(2).shape == (2, 1, 512)
