"""specgan: spectrograms of known sounds, the way back, the networks' sizes, and wavs from one line."""

from __future__ import annotations

import math
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ganzoo_specgan.spectra import Spectra
from torch import Tensor

from ganzoo import cli
from ganzoo.data.dataset import Dataset
from ganzoo.errors import GanzooError
from ganzoo.recipes import Data, DataSpec, RunOptions
from ganzoo.zoo import config, registry
from ganzoo.zoo.datasets import load_data

RATE = 8000


def spectra(length: int = 4096, **more: Any) -> Spectra:
    return Spectra(length, **{"window": 256, "hop": 128, "floor": -80.0, "iterations": 16, **more})


def sine(bin_: float, loudness: float = 1.0, length: int = 4096) -> Tensor:
    """A sine in the middle of a frequency of windows of 256 samples, `[1, 1, length]`."""
    return (loudness * torch.sin(2 * math.pi * bin_ / 256 * torch.arange(length)))[None, None]


def decibels(values: Tensor) -> Tensor:
    return (values - 1) * 40


@pytest.mark.parametrize(("loudness", "expected"), [(1.0, 0.0), (0.5, -6.0206), (0.001, -60.0), (0.0, -80.0)])
def test_a_sine_has_its_decibels_at_its_frequency(loudness: float, expected: float) -> None:
    values = decibels(spectra().of_sounds(sine(20, loudness)))
    assert values.shape == (1, 1, 128, 32)
    # The first and the last windows are partly outside the sound.
    assert values[0, 0, 20, 2:-2].numpy() == pytest.approx(expected, abs=0.01)
    # A Hann window has half the value in the two neighbours, and nothing beyond.
    assert values[0, 0, 19, 5].item() == pytest.approx(max(-80, expected - 6.0206), abs=0.01)
    assert values[0, 0, 30, 5].item() == -80


def test_transforms_are_those_of_torch() -> None:
    made, x = spectra(), drums().batch(torch.arange(4))["x"][:, 0]
    window = torch.hann_window(256)
    expected = torch.stft(x, 256, 128, window=window, pad_mode="constant", return_complex=True)
    found = torch.complex(*made._transform(x).chunk(2, 1)) * window.sum() / 2
    assert torch.allclose(found, expected, atol=1e-4)
    # Any spectra, also those that no sound has.
    spoilt = expected * torch.rand(expected.shape)
    back = torch.istft(spoilt, 256, 128, window=window, length=4096)
    parts = torch.cat([spoilt.real, spoilt.imag], 1) / (window.sum() / 2)
    assert torch.allclose(made._inverse(parts), back, atol=1e-5)


@pytest.mark.parametrize(("length", "frames"), [(4096, 32), (16_384, 128), (512, 8), (5000, 40), (100, 8)])
def test_frames_cover_the_sound_and_can_be_halved(length: int, frames: int) -> None:
    """Of 5,000 samples there are 39.06 hops: 40 frames, which 8 divides."""
    made = spectra(length)
    x = torch.rand(2, 3, length) - 0.5
    values = made.of_sounds(x)
    assert values.shape == (2, 3, 128, frames)
    assert made.to_sounds(values).shape == x.shape


def drums(split: str = "train") -> Dataset:
    return load_data(Data(name="drums"), RunOptions(), split)


def test_sounds_come_back_with_their_spectrograms() -> None:
    made, x = spectra(), drums().batch(torch.arange(24))["x"]
    values = made.of_sounds(x)
    back = made.to_sounds(values)
    assert back.abs().max() <= 1
    error = (decibels(made.of_sounds(back)) - decibels(values)).abs().mean()
    # Phases at random, as a comparison.
    unlucky = spectra(iterations=1)
    worse = (decibels(made.of_sounds(unlucky.to_sounds(values))) - decibels(values)).abs().mean()
    assert error < 1.5
    assert error < worse / 2


def test_what_is_nearly_silent_is_silent() -> None:
    """-79.2 dB is less than 1 dB above the floor; -76 dB is not."""
    values = torch.full((2, 1, 128, 32), -0.98)
    values[1] = -0.9
    silence, noise = spectra().to_sounds(values)
    assert silence.abs().max() == 0
    assert noise.abs().max() > 0


def test_a_spectrogram_is_always_the_same_sound() -> None:
    made, x = spectra(), drums().batch(torch.arange(3))["x"]
    values = made.of_sounds(x)
    together = made.to_sounds(values)
    torch.rand(7)
    assert torch.allclose(spectra().to_sounds(values[1:2]), together[1:2], atol=1e-4)


def built(recipe: str, data: DataSpec, **keys: Any) -> Any:
    card = registry.variants()["specgan"]
    torch.manual_seed(0)
    return card.build(config.override(card.recipes[recipe], keys), data)


def test_the_discriminator_sees_spectrograms_of_both() -> None:
    found = drums()
    gan = built("drums", found.spec, width=2)
    batch = found.batch(torch.arange(4))
    seen: list[Tensor] = []
    gan.discriminator.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    gan.discriminator_loss(batch)
    both = torch.cat(seen)
    assert both.shape == (8, 1, 128, 32)
    assert torch.equal(both[:4], spectra().of_sounds(batch["x"]))
    assert gan.sample(3).shape == (3, 1, 4096)


def test_a_class_adds_a_linear_output_of_the_features() -> None:
    gan = built("drums", drums().spec, width=2, spectral_norm=False)
    critic, y = gan.discriminator, torch.tensor([0, 2, 1])
    x = torch.randn(3, 1, 128, 32)
    features = critic.body.body(x).flatten(1)
    weight, bias = critic.body.head.weight, critic.body.head.bias
    expected = features @ weight[0] + bias[0] + (features * weight[1 + y]).sum(1) + bias[1 + y]
    assert torch.allclose(critic(x, y), expected, atol=1e-5)


def test_the_paper_s_networks_have_the_authors_number_of_weights() -> None:
    """100 to 4x4x1024, then kernels of 5x5 to 512, 256, 128, 64 and 1 channels; and back to 1024, then a logit."""
    gan = built("paper", DataSpec("own", "audio", (1, 16_384), note={"rate": 16_000}))
    kernels = 25 * (1024 * 512 + 512 * 256 + 256 * 128 + 128 * 64 + 64 * 1)
    g = 100 * 16_384 + 16_384 + kernels + (512 + 256 + 128 + 64 + 1)
    d = kernels + (64 + 128 + 256 + 512 + 1024) + 16_384 + 1
    assert sum(weight.numel() for weight in gan.generator.parameters()) == g == 19_065_345
    assert sum(weight.numel() for weight in gan.discriminator.parameters()) == d == 17_427_969


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"hop": 129}, r"hop=129 is more than half of window=256: use --set hop=128 or less\."),
        ({"window": 250}, r"window=250 is no power of two, as halving needs: use --set window=256\."),
    ],
)
def test_a_spectrogram_that_has_no_way_back_is_refused(keys: dict[str, int], told: str) -> None:
    with pytest.raises(GanzooError, match=told):
        built("drums", drums().spec, **keys)


def test_own_sounds_from_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number in range(12):
        for name, hertz in (("low", 300), ("high", 1500)):
            Path("mine", name).mkdir(parents=True, exist_ok=True)
            with wave.open(f"mine/{name}/{number}.wav", "wb") as file:
                file.setparams((1, 2, RATE, 0, "NONE", ""))
                tone = 16_000 * np.sin(2 * np.pi * (hertz + number) * np.arange(600) / RATE)
                file.writeframes(tone.astype("<i2").tobytes())
    tiny = ["--set", "width=2", "--set", "batch=4", "--set", "data.length=600", "--steps", "3", "--no-scores"]
    assert cli.run(["train", "specgan", "--dataset", "mine", "--out", "run", *tiny]) == 0
    assert Path("run", "samples.png").exists()
    assert cli.run(["sample", "run", "-n", "4", "--to", "new"]) == 0
    files = sorted(Path("new").rglob("*.wav"))
    assert len(files) == 4
    with wave.open(str(files[0])) as file:
        assert (file.getnframes(), file.getframerate()) == (600, RATE)
