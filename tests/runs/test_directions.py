"""Directions in latent space: those of the first layers, in whatever network these are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from kinds import IMAGES
from PIL import Image
from small import train_points
from torch import Tensor, nn

import ganzoo
from ganzoo.cli import run as typed
from ganzoo.errors import GanzooError
from ganzoo.game import GAN
from ganzoo.recipes import DataSpec
from ganzoo.runs.directions import Directions, find_directions
from ganzoo.zoo import config, registry

PICTURES = DataSpec("digits", "image", (1, 8, 8), 10)
POINTS = DataSpec("points", "points", (2,), 8, range=None)
ROWS = DataSpec(
    "rows", "table", (7,), range=None, note={"parts": [["value", 1], ["choice", 3], ["value", 1], ["choice", 2]]}
)
SERIES = DataSpec("sines", "series", (12, 2), 3)
SOUNDS = DataSpec("sounds", "audio", (1, 512), 3, note={"rate": 8000})
CLIPS = DataSpec("clips", "video", (1, 4, 8, 8), 3, note={"fps": 8})
SHAPES = DataSpec("shapes", "voxels", (1, 8, 8, 8), 4)
TOKENS = DataSpec("some", "tokens", (5,), range=None, note={"level": "words", "tokens": list("ab cdef")})
TINY = {"latent": 4, "width": 4, "d_width": 4, "depth": 1, "embedding": 3, "g_hidden": [8], "d_hidden": [8]}
TINY |= {"hidden": 4, "layers": 1, "noise": 2, "levels": 1, "style": 6, "mapping": 2}


class Game(GAN):
    """A generator and standard normal latents."""

    def __init__(self, network: nn.Module, latent: int) -> None:
        super().__init__({"g": network})
        self.latent = latent

    def draw_latent(self, n: int, truncation: float | None = None) -> Tensor:
        return torch.randn(n, self.latent)

    def generate(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        samples: Tensor = self.players["g"](z)
        return samples


def built(name: str, data: DataSpec, **options: Any) -> GAN:
    variant = registry.variants()[name]
    base = variant.recipes[variant.default]
    known = {key.path for key in config.keys(base)}
    torch.manual_seed(0)
    return variant.build(config.override(base, {k: v for k, v in (TINY | options).items() if k in known}), data)


def leading(weight: Tensor, count: int) -> Tensor:
    return torch.linalg.svd(weight.detach().double())[2][:count].float()


def same_lines(a: Tensor, b: Tensor) -> bool:
    """Whether rows are equal up to their signs."""
    return torch.allclose((a * b).sum(1).abs(), torch.ones(len(a)), atol=1e-4)


def test_sefa_is_the_factorisation_of_the_first_weight() -> None:
    gan = built("dcgan", PICTURES, latent=6)
    first = next(module for module in gan.players["g"].modules() if isinstance(module, nn.Linear))
    found = find_directions(gan, "dcgan", 3)
    assert same_lines(found.vectors, leading(first.weight, 3))
    values = torch.linalg.svdvals(first.weight.detach()).square()
    assert torch.allclose(found.shares, (values / values.sum())[:3], atol=1e-5)
    assert torch.allclose(found.deviations, torch.ones(3), atol=0.1)


def test_only_what_the_layer_gets_from_the_latent_counts() -> None:
    # The label's embedding is part of the same layer's input.
    gan = built("conditional", POINTS)
    first = next(module for module in gan.players["g"].modules() if isinstance(module, nn.Linear))
    latent = 4
    parts = [first.weight[:, :latent], first.weight[:, -latent:]]
    found = find_directions(gan, "conditional", 2).vectors
    assert any(same_lines(found, leading(part, 2)) for part in parts)


def test_a_spectrally_normalised_convolution_is_a_layer() -> None:
    torch.manual_seed(0)
    conv = nn.utils.parametrizations.spectral_norm(nn.ConvTranspose2d(5, 3, 4)).eval()
    gan = Game(nn.Sequential(nn.Unflatten(1, (5, 1, 1)), conv, nn.Conv2d(3, 1, 1)), 5)
    found = find_directions(gan.eval(), "conv", 2)
    assert found.layers == ("players.g.1",)
    assert same_lines(found.vectors, leading(conv.weight.flatten(1).T, 2))


def test_all_layers_that_receive_a_part_of_the_latent_count() -> None:
    gan = built("biggan", PICTURES, latent=8)
    found = find_directions(gan, "biggan", 8)
    assert len(found.layers) > 2
    assert found.shares.sum() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("method", ["sefa", "pca"])
def test_a_style_based_generator_has_directions_of_styles(method: str) -> None:
    gan = built("stylegan2", PICTURES)
    found = find_directions(gan, "stylegan2", 3, method)
    assert found.module == "players.g.mapping"
    assert found.vectors.shape == (3, 6)
    affine = [gan.get_submodule(name) for name in found.layers]
    assert len(affine) == len(gan.players["g"].layers) + len(gan.players["g"].to_image)
    if method == "sefa":
        assert same_lines(
            found.vectors, leading(torch.cat([layer(torch.eye(6)) - layer(torch.zeros(6)) for layer in affine], 1).T, 3)
        )
    z, y = torch.randn(2, 4), torch.tensor([1, 2])
    with gan.for_sampling():
        w = gan.players["g"].mapping(z, y)
        move = w + 2 * found.deviations[0] * found.vectors[0]
        torch.manual_seed(0)
        moved = found.generate(gan, z, torch.tensor([[2.0, 0, 0]]).expand(2, -1), y)
        torch.manual_seed(0)
        wanted = (
            gan.players["g"].synthesise(move[:, None].expand(-1, len(gan.players["g"].layers) + 1, -1)).clamp(-1, 1)
        )
    assert torch.allclose(moved, wanted, atol=1e-5)


def test_several_last_layers_of_the_same_features_are_no_styles() -> None:
    class Heads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(nn.Linear(4, 6), nn.ReLU())
            self.heads = nn.ModuleList([nn.Linear(6, 1), nn.Linear(6, 1)])

        def forward(self, z: Tensor) -> Tensor:
            h = self.body(z)
            return torch.cat([head(h) for head in self.heads], 1)

    found = find_directions(Game(Heads(), 4).eval(), "heads", 2)
    assert (found.module, found.layers) == ("", ("players.g.body.0",))


def test_principal_components_see_what_the_activation_leaves() -> None:
    # The first coordinate has the larger weight, but the activation removes what it does.
    first, last = nn.Linear(3, 4), nn.Linear(4, 2)
    with torch.no_grad():
        first.weight.copy_(torch.tensor([[9.0, 0, 0], [0, 2.0, 0], [0, -2.0, 0], [0, 0, 0.1]]))
        first.bias.copy_(torch.tensor([-1e3, 0, 0, 0]))
    gan = Game(nn.Sequential(first, nn.ReLU(), last), 3).eval()
    assert same_lines(find_directions(gan, "relu", 1).vectors, torch.eye(3)[:1])
    found = find_directions(gan, "relu", 1, "pca")
    assert found.vectors[0, 1] > 0.99
    assert found.shares[0] > 0.7


def test_directions_are_the_same_each_time_and_change_no_state() -> None:
    gan = built("sagan", PICTURES).train()
    before = {name: value.clone() for name, value in gan.state_dict().items()}
    state = torch.get_rng_state()
    first, second = (find_directions(gan, "sagan", 2, "pca") for _ in range(2))
    assert torch.equal(first.vectors, second.vectors)
    assert torch.equal(torch.get_rng_state(), state)
    assert gan.training
    assert all(torch.equal(value, before[name]) for name, value in gan.state_dict().items())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in gan.modules())


@pytest.mark.parametrize("method", ["sefa", "pca"])
@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("rcgan", SERIES),
        ("quantgan", SERIES),
        ("ctgan", ROWS),
        ("3dgan", SHAPES),
        ("wavegan", SOUNDS),
        ("specgan", SOUNDS),
        ("mocogan", CLIPS),
        ("fastgan", PICTURES),
        ("progan", PICTURES),
    ],
)
def test_every_kind_of_network_is_followed(name: str, data: DataSpec, method: str) -> None:
    gan = built(name, data)
    found = find_directions(gan, name, 2, method)
    assert torch.allclose(found.vectors.norm(dim=1), torch.ones(2), atol=1e-4)
    assert 1 >= found.shares[0] >= found.shares[1] > 0
    with gan.for_sampling():
        z = gan.draw_latent(2)
        torch.manual_seed(0)
        still = found.generate(gan, z, torch.zeros(2, 2), torch.zeros(2, dtype=torch.long) if gan.classes else None)
        torch.manual_seed(0)
        assert torch.equal(still, gan.generate(z, torch.zeros(2, dtype=torch.long) if gan.classes else None))


@pytest.mark.parametrize("name", ["seqgan", "relgan"])
def test_latents_that_no_layer_receives_are_refused(name: str) -> None:
    with pytest.raises(GanzooError, match="no layer that receives its latent vectors"):
        find_directions(built(name, TOKENS), name)


def test_at_most_as_many_directions_as_coordinates(digits_run: Path) -> None:
    found: Directions = ganzoo.load(digits_run).directions(50)
    assert found.vectors.shape == (4, 4)
    assert torch.allclose(found.vectors @ found.vectors.T, torch.eye(4), atol=1e-5)


@pytest.mark.parametrize(("options", "wanted"), [({"method": "ica"}, "sefa or pca"), ({"count": 0}, "at least one")])
def test_bad_arguments(options: dict[str, Any], wanted: str, digits_run: Path) -> None:
    with pytest.raises(GanzooError, match=wanted):
        ganzoo.load(digits_run).directions(**options)


# The sheet.


def test_a_sheet_has_a_row_per_direction_and_start(
    conditional_run: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    sizes = []
    for starts in (1, 2):
        file = tmp_path / f"{starts}.png"
        arguments = [
            "directions",
            str(conditional_run),
            "--count",
            "2",
            "-n",
            str(starts),
            "--class",
            "3",
            "--to",
            str(file),
        ]
        assert typed(arguments) == 0
        said = capfd.readouterr().out
        assert "direction 2: " in said
        assert f"wrote {file}" in said
        with Image.open(file) as picture:
            assert "trainedAlgorithmicMedia" in str(picture.info)
            sizes.append(picture.size)
        assert typed(arguments) == 2
    row = IMAGES.picture(torch.zeros(7, 1, 8, 8), PICTURES, columns=7)
    assert sizes[1][0] == sizes[0][0] >= row.width
    assert sizes[1][1] - sizes[0][1] == 2 * row.height


def test_the_middle_column_is_the_latent_itself(digits_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ganzoo.api import directions

    run = ganzoo.load(digits_run)
    found = run.directions(2)
    moved = directions._moved(run, found, 3, None, seed=5)
    assert len(moved) == 2
    assert torch.equal(moved[0][3], moved[1][3])
    assert not torch.allclose(moved[0][0], moved[0][6])


def test_points_move_together(tmp_path: Path) -> None:
    run = train_points(tmp_path / "run")
    assert typed(["directions", str(run.path), "--count", "1"]) == 0
    with Image.open(run.path / "directions-1.png") as picture:
        assert picture.width > 7 * picture.height / 3


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--to", "a.gif"], ".webp"),
        (["--class", "3"], "not conditional"),
        (["--best"], "no best state"),
    ],
)
def test_bad_options_are_one_line(
    arguments: list[str], wanted: str, digits_run: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert typed(["directions", str(digits_run), *arguments]) == 2
    assert wanted in capfd.readouterr().err
