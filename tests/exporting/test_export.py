"""Exported generators: the same samples as the run's, from files that nothing but tensors is read from."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import pickle
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

import ganzoo
from ganzoo.cli import run as typed
from ganzoo.errors import GanzooError
from ganzoo.exporting.reading import ExportedGenerator
from ganzoo.game import GAN
from ganzoo.machine.rank_group import BATCH
from ganzoo.machine.seeds import mixed_seed
from ganzoo.networks import NoiseInjection
from ganzoo.recipes import DataSpec
from ganzoo.runs.run import Run
from ganzoo.zoo import config, registry
from ganzoo.zoo.zoo import current_zoo

needs_onnx = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("onnx", "onnxruntime", "onnxscript")),
    reason="needs the packages of ganzoo[onnx]",
)

IMAGES = DataSpec("digits", "image", (1, 8, 8), 10)
COLOURS = {"colours": [[0, 0, 0], [255, 0, 0], [0, 0, 255]]}
PAIRS = DataSpec("pairs", "image", (3, 8, 8), inputs={"source": DataSpec("source", "image", (3, 8, 8), note=COLOURS)})
LOWRES = DataSpec("lowres", "image", (3, 32, 32), inputs={"source": DataSpec("source", "image", (3, 8, 8))})
HOLES = DataSpec("holes", "image", (1, 8, 8), inputs={"source": DataSpec("source", "image", (4, 8, 8))})
VOXELS = DataSpec("shapes", "voxels", (1, 8, 8, 8), 4)
POINTS = DataSpec("points", "points", (2,), 8, range=None)
PARTS = {"parts": [["value", 1], ["choice", 3], ["value", 1], ["choice", 2]]}
ROWS = DataSpec("rows", "table", (7,), range=None, note=PARTS)
SERIES = DataSpec("sines", "series", (12, 2), 3)
TOKENS = DataSpec("some", "tokens", (5,), range=None, note={"level": "words", "tokens": list("ab cdef")})
SOUNDS = DataSpec("sounds", "audio", (1, 512), 3, note={"rate": 8000})
CLIPS = DataSpec("clips", "video", (1, 4, 8, 8), 3, note={"fps": 8})
TINY = {"latent": 4, "width": 4, "d_width": 4, "depth": 1, "embedding": 3, "g_hidden": [8], "d_hidden": [8]}
TINY |= {"bottleneck": 6, "blocks": 1, "hidden": 4, "layers": 1, "noise": 2, "levels": 1}
GAMES = [
    pytest.param(name, data, options, id=f"{name}-{data.modality}{''.join('-' + str(v) for v in options.values())}")
    for name, data, options in [
        ("vanilla", IMAGES, {}),
        ("vanilla", POINTS, {}),
        ("dcgan", IMAGES, {}),
        ("wgan", IMAGES, {"network": "conv", "latent_distribution": "uniform"}),
        ("wgan-gp", IMAGES, {"network": "residual"}),
        ("wgan-gp", POINTS, {}),
        ("conditional", IMAGES, {"network": "conv"}),
        ("conditional", POINTS, {}),
        ("lsgan", IMAGES, {}),
        ("sngan", IMAGES, {}),
        ("sngan", IMAGES, {"network": "residual"}),
        ("acgan", IMAGES, {}),
        ("reacgan", IMAGES, {}),
        ("biggan", IMAGES, {}),
        ("projection", IMAGES, {}),
        ("sagan", IMAGES, {}),
        ("infogan", IMAGES, {"continuous": 1}),
        ("pacgan", IMAGES, {}),
        ("pacgan", POINTS, {}),
        ("r3gan", IMAGES, {"group": 4}),
        ("ebgan", IMAGES, {}),
        ("began", IMAGES, {}),
        ("msg-gan", IMAGES, {}),
        ("progan", IMAGES, {}),
        ("dragan", IMAGES, {}),
        ("seqgan", TOKENS, {}),
        ("3dgan", VOXELS, {}),
        ("bigan", IMAGES, {}),
        ("f-anogan", IMAGES, {}),
        ("relgan", TOKENS, {}),
        ("pix2pix", PAIRS, {"dropout": 0.0}),
        ("cyclegan", PAIRS, {}),
        ("spade", PAIRS, {}),
        ("srgan", LOWRES, {"crop": None}),
        ("srgan", LOWRES, {"crop": None, "skip": False}),
        ("context-encoder", HOLES, {}),
        ("ctgan", ROWS, {}),
        ("wgan-gp", ROWS, {}),
        ("timegan", SERIES, {}),
        ("rcgan", SERIES, {"cell": "lstm"}),
        ("quantgan", SERIES, {}),
        ("wavegan", SOUNDS, {}),
        ("specgan", SOUNDS, {"iterations": 2}),
        ("mocogan", CLIPS, {}),
    ]
]

NOISY = ("stylegan2", "stylegan2-ada", "fastgan")
"""Variants whose networks draw noise for every sample, which ONNX would draw otherwise."""


def game(name: str, data: DataSpec, options: dict[str, Any]) -> GAN:
    variant = registry.variants()[name]
    base = variant.recipes[variant.default]
    known = {key.path for key in config.keys(base)}
    torch.manual_seed(0)
    gan = variant.build(config.override(base, {k: v for k, v in (TINY | options).items() if k in known}), data)
    # Batch normalisation with statistics of its own, so that evaluation mode is not the identity.
    for module in gan.modules():
        if isinstance(module, NoiseInjection):
            nn.init.constant_(module.strength, 0.5)
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            assert module.running_mean is not None
            module.running_mean.normal_()
    return gan


def refused(*arguments: Any, **options: Any) -> str:
    with pytest.raises(GanzooError) as caught:
        ganzoo.export(*arguments, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def exported(conditional_run: Path, tmp_path: Path) -> Path:
    return ganzoo.export(conditional_run, tmp_path / "g.safetensors")


# Weights with a note.


def test_every_bundled_variant_is_among_the_games() -> None:
    ours = {name for name in registry.variants() if current_zoo().owner("variants", name).package == "ganzoo"}
    assert {param.values[0] for param in GAMES} | set(NOISY) == ours


@pytest.mark.parametrize("raw", [False, True])
def test_the_file_draws_the_same_samples_as_the_run(digits_run: Path, tmp_path: Path, raw: bool) -> None:
    path = ganzoo.export(digits_run, tmp_path / "g.safetensors", raw=raw)
    run, found = ganzoo.load(digits_run), ganzoo.load_generator(path)
    for options in ({"n": 5, "seed": 3}, {"n": 300}, {"n": 4, "truncation": 0.5}):
        assert torch.equal(found.sample(**options), run.sample(**options, averaged=not raw))  # type: ignore[arg-type]
    assert not torch.equal(found.sample(5), run.sample(5, averaged=raw))


def test_classes_are_drawn_as_by_the_run(conditional_run: Path, exported: Path) -> None:
    run, found = ganzoo.load(conditional_run), ganzoo.load_generator(exported)
    for labels in (None, 3, [1, 2, 5]):
        assert torch.equal(found.sample(7, labels, seed=1), run.sample(7, labels, seed=1))
    with pytest.raises(GanzooError, match="no such class"):
        found.sample(1, 10)


def test_the_note_says_what_the_file_is_and_nothing_of_the_machine(exported: Path) -> None:
    note = json.loads(exported.with_suffix(".json").read_text())
    assert (note["format"], note["variant"], note["step"], note["weights"]) == (1, "conditional", 3, "averaged")
    assert (note["latent"], note["latent_distribution"], note["classes"]) == (4, "normal", 10)
    assert note["range"] == [-1.0, 1.0]
    assert note["data"]["shape"] == [1, 8, 8]
    assert torch.__version__.startswith(note["versions"]["torch"])
    assert note["sha256"] == hashlib.sha256(exported.read_bytes()).hexdigest()
    assert "options" not in note
    assert "hardware" not in note


def test_the_place_of_the_users_data_is_not_exported(digits_run: Path, tmp_path: Path) -> None:
    run = Run.open(digits_run)
    run.info["recipe"]["data"]["path"] = "/home/me/secret"
    path = ganzoo.export(run, tmp_path / "g.safetensors")
    assert "secret" not in path.with_suffix(".json").read_text()
    assert run.info["recipe"]["data"]["path"] == "/home/me/secret"


def test_only_the_generator_is_in_the_file(exported: Path, conditional_run: Path) -> None:
    names = safetensors.torch.load_file(exported)
    assert names
    assert all(name.startswith("players.g.") for name in names)
    averaged = ganzoo.load(conditional_run).gan.averages["g"].state_dict()
    assert {name.removeprefix("players.g."): value.sum() for name, value in names.items()} == {
        name: value.sum() for name, value in averaged.items()
    }


class Tied(GAN):
    """A game without a generator of that name, with tied weights and a buffer that drawing needs."""

    mean: Tensor

    def __init__(self) -> None:
        super().__init__({"a": nn.Linear(2, 2), "b": nn.Linear(2, 2)})
        self.players["b"].weight = self.players["a"].weight
        self.register_buffer("mean", torch.tensor(5.0))

    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        return self.players["b"](self.players["a"](torch.randn(n, 2))) + self.mean


def test_a_game_without_a_generator_is_exported_whole() -> None:
    from ganzoo.exporting.writing import sampling_players, weights

    gan = Tied()
    assert sampling_players(gan) == ["a", "b"]
    found = safetensors.torch.load(safetensors.torch.save(weights(gan, ["a", "b"], True)))
    assert set(found) == {"mean", *(f"players.{p}.{w}" for p in "ab" for w in ("weight", "bias"))}


def test_without_averages_the_note_says_raw(tmp_path: Path) -> None:
    from small import train_digits

    run = train_digits(tmp_path / "run", ema="0")
    note = json.loads(ganzoo.export(run, tmp_path / "g.safetensors").with_suffix(".json").read_text())
    assert note["weights"] == "raw"


@pytest.mark.parametrize("name", ["g.safetensors", "g.json", "g.onnx"])
def test_nothing_is_overwritten(digits_run: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    to = "g.onnx" if name == "g.onnx" else "g.safetensors"
    assert "exists: choose another name" in refused(digits_run, tmp_path / to)
    assert [file.read_text() for file in tmp_path.iterdir()] == ["mine"]


def test_a_link_to_nowhere_is_not_written_through(digits_run: Path, tmp_path: Path) -> None:
    (tmp_path / "g.safetensors").symlink_to(tmp_path / "elsewhere")
    assert "exists" in refused(digits_run, tmp_path / "g.safetensors")
    assert not (tmp_path / "elsewhere").exists()


def test_other_endings_are_refused(digits_run: Path, tmp_path: Path) -> None:
    assert "end the name in .safetensors, .onnx or .html" in refused(digits_run, tmp_path / "g.pt")


def test_a_run_without_a_best_state_says_so(digits_run: Path, tmp_path: Path) -> None:
    assert "--eval-every" in refused(digits_run, tmp_path / "g.safetensors", best=True)


def test_the_best_state_is_exported(digits_run: Path, tmp_path: Path) -> None:
    from ganzoo.files import checkpoint

    shutil.copytree(digits_run, tmp_path / "run")
    _, state, _ = checkpoint.newest(tmp_path / "run" / "checkpoints")
    state["progress"]["step"] = 2
    state["gan"] = {name: value + 1 if value.is_floating_point() else value for name, value in state["gan"].items()}
    checkpoint.save(tmp_path / "run" / "checkpoints" / "best", 2, state, keep=1)
    best = ganzoo.load_generator(ganzoo.export(tmp_path / "run", tmp_path / "best.safetensors", best=True))
    newest = ganzoo.load_generator(ganzoo.export(tmp_path / "run", tmp_path / "newest.safetensors"))
    assert (best.info["step"], newest.info["step"]) == (2, 3)
    assert not torch.equal(best.sample(3), newest.sample(3))


# Opening.


def not_opened(path: Path) -> str:
    with pytest.raises(GanzooError) as caught:
        ganzoo.load_generator(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def noted(path: Path, **values: Any) -> None:
    file = path.with_suffix(".json")
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_a_missing_file_or_note_says_so(exported: Path, tmp_path: Path, digits_run: Path) -> None:
    assert "there is no file" in not_opened(tmp_path / "none.safetensors")
    assert "opened with ganzoo.load" in not_opened(digits_run)
    exported.with_suffix(".json").unlink()
    assert "g.json" in not_opened(exported)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 1}'])
def test_a_damaged_note_says_so(exported: Path, content: str) -> None:
    exported.with_suffix(".json").write_text(content)
    assert "g.json is damaged" in not_opened(exported)


def test_a_note_of_another_format_or_without_players_says_so(exported: Path) -> None:
    noted(exported, format=2)
    assert "has format 2" in not_opened(exported)
    noted(exported, format=1, players=None)
    assert "does not describe an exported generator" in not_opened(exported)


@pytest.mark.parametrize("at", [10, -10])
def test_a_flipped_bit_is_found(exported: Path, at: int) -> None:
    content = bytearray(exported.read_bytes())
    content[at] ^= 1
    exported.write_bytes(content)
    assert "the checksum does not match" in not_opened(exported)


def test_a_pickle_in_its_place_is_not_opened(exported: Path, tmp_path: Path) -> None:
    class Marker:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "ran",)

    content = pickle.dumps(Marker())
    exported.write_bytes(content)
    noted(exported, sha256=hashlib.sha256(content).hexdigest())
    assert "holds no safetensors; it was not loaded" in not_opened(exported)
    assert not (tmp_path / "ran").exists()


def test_weights_of_other_networks_say_so(exported: Path) -> None:
    note = json.loads(exported.with_suffix(".json").read_text())
    noted(exported, recipe=note["recipe"] | {"g_hidden": [3]})
    assert "does not fit the networks of 'conditional'" in not_opened(exported)


def test_missing_weights_say_so(exported: Path) -> None:
    state = safetensors.torch.load_file(exported)
    content = safetensors.torch.save(dict(list(state.items())[1:]))
    exported.write_bytes(content)
    noted(exported, sha256=hashlib.sha256(content).hexdigest())
    assert "does not fit" in not_opened(exported)


def test_a_missing_plugin_says_what_to_install(exported: Path) -> None:
    noted(exported, variant="their-gan", plugin={"name": "their", "package": "ganzoo-their", "version": "1.2"})
    assert "pip install ganzoo-their==1.2" in not_opened(exported)


def test_loading_leaves_the_random_state_alone(exported: Path) -> None:
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    assert isinstance(ganzoo.load_generator(exported), ExportedGenerator)
    assert torch.equal(torch.rand(3), wanted)


# ONNX.


MADE_OF_OTHERS = frozenset(
    {
        "wgan-image-conv-uniform",
        "wgan-gp-points",
        "conditional-points",
        "sngan-image",
        "biggan-image",
        "projection-image",
        "pacgan-image",
        "pacgan-points",
        "ebgan-image",
        "dragan-image",
        "srgan-image-None-False",
    }
)
"""Games whose generators have no kind of module that an earlier one in GAMES has not; an export takes seconds."""


def modules_of(games: Iterable[Any]) -> set[str]:
    """By their names: of parametrised modules, each is of a class of its own."""
    kinds = {type(module) for each in games for module in game(*each.values).players["g"].modules()}
    return {f"{kind.__module__}.{kind.__name__}" for kind in kinds}


def test_the_exported_games_have_every_kind_of_module() -> None:
    exported = [each for each in GAMES if each.id not in MADE_OF_OTHERS]
    assert len(exported) == len(GAMES) - len(MADE_OF_OTHERS)
    assert modules_of(exported) == modules_of(GAMES)


@needs_onnx
@pytest.mark.parametrize(("name", "data", "options"), [each for each in GAMES if each.id not in MADE_OF_OTHERS])
def test_every_kind_of_generator_goes_into_onnx(name: str, data: DataSpec, options: dict[str, Any]) -> None:
    import onnxruntime

    from ganzoo.exporting.onnx_file import onnx_bytes

    gan: Any = game(name, data, options)
    session = onnxruntime.InferenceSession(onnx_bytes(gan, name, True, {"step": 3}, data))
    inputs = {put.name: put.shape for put in session.get_inputs()}
    names = [*(gan.inputs or ["z"]), *(["y"] if gan.classes else [])]
    assert list(inputs) == names
    assert isinstance(inputs[names[0]][0], str), "the batch axis is fixed"
    with gan.for_sampling():
        y = torch.arange(9) % gan.classes if gan.classes else None
        if gan.inputs:
            given = {name: torch.rand(9, *data.inputs[name].shape) * 2 - 1 for name in gan.inputs}
            wanted = gan.sample(9, y, given=given)
        else:
            given = {"z": gan.draw_latent(9)}
            wanted = gan.generate(given["z"], y)
    fed = {name: value.numpy() for name, value in given.items()} | ({} if y is None else {"y": y.numpy()})
    (found,) = session.run(None, fed)
    np.testing.assert_allclose(found, wanted.numpy(), atol=1e-4)
    assert json.loads(session.get_modelmeta().custom_metadata_map["ganzoo"]) == {"step": 3}


@needs_onnx
@pytest.mark.parametrize("name", NOISY)
def test_a_variant_that_draws_noise_goes_into_safetensors_only(name: str) -> None:
    from ganzoo.exporting.onnx_file import onnx_bytes

    with pytest.raises(GanzooError, match=r"export to \.safetensors"):
        onnx_bytes(game(name, IMAGES, {}), name, True, {}, IMAGES)


@needs_onnx
def test_an_onnx_file_of_a_run_draws_its_samples(digits_run: Path, tmp_path: Path) -> None:
    import onnxruntime

    path = ganzoo.export(digits_run, tmp_path / "new" / "g.onnx")
    assert list(path.parent.iterdir()) == [path]
    run = ganzoo.load(digits_run)
    # The first latents of the first chunk of samples.
    torch.manual_seed(mixed_seed("sample", 4, 0))
    z = run.gan.draw_latent(BATCH)[:6]  # type: ignore[operator]
    (found,) = onnxruntime.InferenceSession(path).run(None, {"z": z.numpy()})
    np.testing.assert_allclose(found, run.sample(6, seed=4).numpy(), atol=1e-4)
    assert found.shape == (6, 1, 8, 8)


@needs_onnx
@pytest.mark.parametrize("kind", ["noisy", "fixed batch"])
def test_a_generator_that_onnx_draws_otherwise_is_not_exported(
    kind: str, digits_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.open(digits_run)

    class Noisy(nn.Module):
        def forward(self, z: Tensor) -> Tensor:
            return torch.rand_like(z[:, :1]).reshape(-1, 1, 1, 1).expand(-1, 1, 8, 8)

    class Fixed(nn.Module):
        def forward(self, z: Tensor) -> Tensor:
            return z.reshape(len(z), -1)[:, :1].reshape(len(z), 1, 1, 1).expand(len(z), 1, 8, 8)

    run.gan.averages["g"] = Noisy() if kind == "noisy" else Fixed()
    assert ("gives different samples" if kind == "noisy" else "x.shape[0]") in refused(run, tmp_path / "g.onnx")
    assert list(tmp_path.iterdir()) == []


@needs_onnx
def test_a_game_without_latents_does_not_go_into_onnx(tmp_path: Path) -> None:
    from ganzoo.exporting.onnx_file import onnx_bytes

    with pytest.raises(GanzooError, match="has no latent vectors"):
        onnx_bytes(Tied(), "tied", True, {}, DataSpec("test", "points", (2,)))


def test_missing_onnx_packages_are_one_line_with_the_command(
    digits_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "pip install 'ganzoo[onnx]'" in refused(digits_run, tmp_path / "g.onnx")
    assert list(tmp_path.iterdir()) == []


# The command line.


def test_the_command_says_what_it_wrote(digits_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert typed(["export", str(digits_run), "--to", str(tmp_path / "g.safetensors"), "--raw"]) == 0
    assert capsys.readouterr().out == f"wrote {tmp_path / 'g.safetensors'}\n"
    assert ganzoo.load_generator(tmp_path / "g.safetensors").info["weights"] == "raw"
