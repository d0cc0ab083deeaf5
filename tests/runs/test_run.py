"""Run folders: opening them, and drawing from what they hold."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import ganzoo
from ganzoo.api.sample import class_number, write_samples
from ganzoo.errors import GanzooError
from ganzoo.files import checkpoint
from ganzoo.game import GAN
from ganzoo.machine.seeds import mixed_seed
from ganzoo.runs.folders import next_free, require_new
from ganzoo.runs.run import Run
from ganzoo.runs.sampling import Draw, slerp


@pytest.fixture
def copied(digits_run: Path, tmp_path: Path) -> Path:
    """A run folder that may be damaged."""
    shutil.copytree(digits_run, tmp_path / "run")
    return tmp_path / "run"


def change(folder: Path, **values: Any) -> None:
    file = folder / "recipe.json"
    info = json.loads(file.read_text())
    file.write_text(json.dumps(info | values))


def refused(folder: Path) -> str:
    """The one line that drawing from a folder ends in."""
    with pytest.raises(GanzooError) as caught:
        Run.open(folder).sample(1)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Opening.


def test_a_missing_folder_says_so(tmp_path: Path) -> None:
    assert "it does not exist" in refused(tmp_path / "none")


def test_a_folder_without_a_recipe_says_so(tmp_path: Path) -> None:
    assert "it has no recipe.json" in refused(tmp_path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"5", b'{"format": 1}', b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_recipe_says_so(copied: Path, content: bytes) -> None:
    (copied / "recipe.json").write_bytes(content)
    assert "recipe.json is damaged: it does not describe a run" in refused(copied)


def test_another_format_says_so(copied: Path) -> None:
    change(copied, format=2)
    assert "has format 2; this ganzoo reads format 1" in refused(copied)


def test_an_unknown_variant_names_the_package_to_install(copied: Path) -> None:
    change(copied, variant="their-gan", plugin={"name": "their", "package": "ganzoo-their", "version": "1.2"})
    wanted = "needs the variant 'their-gan' of ganzoo-their 1.2, which is not installed: pip install ganzoo-their==1.2"
    assert wanted in refused(copied)


@pytest.mark.parametrize("data", [{}, {"name": "x"}, {"name": "x", "modality": "image", "shape": 5, "classes": 0}])
def test_data_that_are_not_described_say_so(copied: Path, data: dict[str, Any]) -> None:
    change(copied, data=data)
    assert "is damaged: its data are not described" in refused(copied)


def test_a_recipe_with_an_unknown_key_says_so(copied: Path) -> None:
    change(copied, recipe={"colour": "red"})
    assert "unknown recipe key 'colour'" in refused(copied)


def test_a_recipe_whose_networks_differ_from_the_checkpoint_says_so(copied: Path) -> None:
    change(copied, recipe={"g_hidden": [3], "latent": 4, "d_hidden": [8]})
    assert "does not fit the networks of 'vanilla' as installed here" in refused(copied)


def test_a_checkpoint_of_something_else_says_so(copied: Path) -> None:
    checkpoint.save(copied / "checkpoints", 99, {"weights": torch.ones(2)})
    assert "does not fit the networks of 'vanilla'" in refused(copied)


def test_a_run_without_checkpoints_says_so(copied: Path) -> None:
    shutil.rmtree(copied / "checkpoints")
    assert "there is no intact checkpoint" in refused(copied)


def test_a_damaged_checkpoint_gives_way_to_the_older_one(copied: Path) -> None:
    newest = sorted((copied / "checkpoints").glob("*.pt"))[-1]
    newest.write_bytes(newest.read_bytes()[:100])
    assert Run.open(copied).sample(2).shape == (2, 1, 8, 8)


def test_what_was_written_is_read(digits_run: Path) -> None:
    run = ganzoo.load(digits_run)
    assert run.variant.name == "vanilla"
    assert (run.recipe.steps, run.recipe.latent, run.recipe.g_hidden) == (3, 4, (8,))
    assert (run.data.shape, run.data.classes, run.data.range) == ((1, 8, 8), 10, (-1.0, 1.0))
    assert run.info["plugin"]["package"] == "ganzoo"
    assert run.info["versions"]["torch"]
    assert [record["step"] for record in run.metrics()] == [3]
    assert run.scores is None


# Drawing.


def test_samples_have_the_datas_shape_and_range(digits_run: Path) -> None:
    samples = ganzoo.load(digits_run).sample(5)
    assert samples.shape == (5, 1, 8, 8)
    assert samples.dtype == torch.float32
    assert samples.abs().max() <= 1
    assert not torch.equal(samples[0], samples[1])


def test_the_same_seed_draws_the_same_samples_and_another_others(digits_run: Path) -> None:
    run = ganzoo.load(digits_run)
    first = run.sample(5, seed=3)
    assert torch.equal(first, run.sample(5, seed=3))
    assert torch.equal(first, ganzoo.load(digits_run).sample(5, seed=3))
    assert not torch.equal(first, run.sample(5, seed=4))


def test_more_samples_than_a_batch_are_all_drawn_and_differ(digits_run: Path) -> None:
    samples = ganzoo.load(digits_run).sample(300)
    assert len(samples) == 300
    assert len(samples.flatten(1).unique(dim=0)) == 300


@pytest.mark.parametrize("how", ["sample", "interpolate"])
def test_drawing_leaves_the_global_random_state_undisturbed(digits_run: Path, how: str) -> None:
    run = ganzoo.load(digits_run)
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    run.sample(2) if how == "sample" else run.interpolate(1, 2)
    assert torch.equal(torch.rand(3), wanted)


@pytest.mark.parametrize("n", [0, -1])
def test_fewer_than_one_sample_is_refused(digits_run: Path, n: int) -> None:
    with pytest.raises(GanzooError, match=f"cannot draw {n} samples"):
        ganzoo.load(digits_run).sample(n)


def test_averaged_and_last_weights_differ(digits_run: Path) -> None:
    run = ganzoo.load(digits_run)
    assert not torch.equal(run.sample(3), run.sample(3, averaged=False))


def test_a_small_truncation_brings_samples_together(digits_run: Path) -> None:
    run = ganzoo.load(digits_run)
    assert run.sample(64, truncation=0.1).std(0).mean() < 0.5 * run.sample(64).std(0).mean()


@pytest.mark.parametrize("truncation", [0, -1, float("nan")])
def test_a_truncation_that_is_not_above_nothing_is_refused(digits_run: Path, truncation: float) -> None:
    with pytest.raises(GanzooError, match="truncation must be a number of standard deviations above 0"):
        ganzoo.load(digits_run).sample(2, truncation=truncation)


@pytest.mark.parametrize("values", [{"n": 0}, {"n": 1, "truncation": 0.0}])
def test_a_draw_checks_its_values(values: dict[str, Any]) -> None:
    with pytest.raises(GanzooError):
        Draw(**values)


def test_a_game_without_latents_is_neither_truncated_nor_interpolated(digits_run: Path) -> None:
    class Bare(GAN):
        def sample(self, n: int, y: Tensor | None = None) -> Tensor:
            return torch.randn(n, 1, 8, 8)

    run = ganzoo.load(digits_run)
    vars(run)["_trained"] = Bare({}), 0
    assert run.sample(3).shape == (3, 1, 8, 8)
    with pytest.raises(GanzooError, match="'vanilla' has no latent vector to truncate"):
        run.sample(3, truncation=1.0)
    with pytest.raises(GanzooError, match="'vanilla' has no latent vectors to interpolate between"):
        run.interpolate(2, 2)
    with pytest.raises(GanzooError, match="'vanilla' has no latent vectors to vary"):
        run.vary(0)


@pytest.mark.parametrize(("distribution", "reach"), [("normal", 2.0), ("uniform", 1.0)])
def test_one_coordinate_of_the_latents_varies_along_each_row(digits_run: Path, distribution: str, reach: float) -> None:
    class Plain(GAN):
        latent_distribution = distribution

        def draw_latent(self, n: int) -> Tensor:
            return torch.rand(n, 3)

        def generate(self, z: Tensor, y: Tensor | None = None) -> Tensor:
            return z / 10

    run, game = ganzoo.load(digits_run), Plain({})
    vars(run)["_trained"] = game, 0
    walk = 10 * run.vary(1, 2, 5, seed=2).view(2, 5, 3)
    torch.manual_seed(mixed_seed("walk", 2))
    drawn = game.draw_latent(2)
    torch.testing.assert_close(walk[:, :, 1], torch.linspace(-reach, reach, 5).expand(2, 5))
    torch.testing.assert_close(walk[:, :, [0, 2]], drawn[:, None, [0, 2]].expand(2, 5, 2))
    with pytest.raises(GanzooError, match=r"no such coordinate: this run's latents have the coordinates 0 to 2"):
        run.vary(3)


def test_latents_of_a_distribution_that_is_not_named_are_interpolated_on_the_sphere(digits_run: Path) -> None:
    class Plain(GAN):
        def draw_latent(self, n: int) -> Tensor:
            return torch.randn(n, 2)

        def generate(self, z: Tensor, y: Tensor | None = None) -> Tensor:
            return z / 10

    run, game = ganzoo.load(digits_run), Plain({})
    vars(run)["_trained"] = game, 0
    walk = run.interpolate(1, 5, seed=2)
    torch.manual_seed(mixed_seed("walk", 2))
    a, b = game.draw_latent(1), game.draw_latent(1)
    torch.testing.assert_close(walk, torch.cat([slerp(a, b, share) for share in torch.linspace(0, 1, 5)]) / 10)


def test_a_walk_starts_and_ends_apart_and_each_step_is_small(digits_run: Path) -> None:
    walk = ganzoo.load(digits_run).interpolate(2, 9).flatten(1).view(2, 9, -1)
    whole = (walk[:, -1] - walk[:, 0]).norm(dim=1)
    steps = (walk[:, 1:] - walk[:, :-1]).norm(dim=2)
    assert walk.shape == (2, 9, 64)
    assert (whole > 0).all()
    assert (steps.max(1).values < whole).all()


def test_walks_of_a_conditional_run_keep_their_class(conditional_run: Path) -> None:
    assert ganzoo.load(conditional_run).interpolate(3, 2, [1, 2, 3]).shape == (6, 1, 8, 8)


def test_spherical_interpolation_keeps_the_length_and_meets_both_ends() -> None:
    a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]])
    torch.testing.assert_close(slerp(a, b, 0.0), a)
    torch.testing.assert_close(slerp(a, b, 1.0), b)
    torch.testing.assert_close(slerp(a, b, 0.5), torch.full((1, 2), 0.5**0.5))


def test_parallel_vectors_are_interpolated_too() -> None:
    a = torch.tensor([[1.0, 2.0]])
    assert slerp(a, a, 0.5).isfinite().all()


# Classes.


def test_without_labels_every_class_is_drawn_in_turn(conditional_run: Path) -> None:
    run = ganzoo.load(conditional_run)
    assert run.labels(12, None).tolist() == [*range(10), 0, 1]
    assert torch.equal(run.sample(12), run.sample(12, list(range(10))))


def test_a_class_draws_that_class_alone(conditional_run: Path) -> None:
    run = ganzoo.load(conditional_run)
    assert run.labels(3, 7).tolist() == [7, 7, 7]
    assert run.labels(5, [1, 2]).tolist() == [1, 2, 1, 2, 1]
    assert not torch.equal(run.sample(3, 7), run.sample(3, 8))
    assert torch.equal(run.sample(3, 7), run.sample(3, torch.tensor([7])))


@pytest.mark.parametrize("labels", [10, -1, [3, 10], [], 10**30, "seven"])
def test_a_class_that_is_not_there_is_refused(conditional_run: Path, labels: Any) -> None:
    with pytest.raises(GanzooError, match="no such class: this run has classes 0 to 9"):
        ganzoo.load(conditional_run).sample(2, labels)


def test_an_unconditional_run_refuses_classes(digits_run: Path) -> None:
    run = ganzoo.load(digits_run)
    assert run.labels(3, None) is None
    with pytest.raises(GanzooError, match="'vanilla' is not conditional"):
        run.sample(3, 7)


def test_classes_are_found_by_number_and_by_name(conditional_run: Path) -> None:
    run = ganzoo.load(conditional_run)
    assert [class_number(run, name) for name in (3, "3", "-1")] == [3, 3, -1]
    with pytest.raises(GanzooError, match="unknown class 'three'"):
        class_number(run, "three")


# Files of samples.


def test_a_grid_is_a_picture(digits_run: Path, tmp_path: Path) -> None:
    path = write_samples(digits_run, 4, grid=tmp_path / "deep" / "a.png")
    with Image.open(path) as picture:
        assert picture.size == (2 * 42 + 2, 2 * 42 + 2)


def test_a_folder_gets_one_picture_per_sample(digits_run: Path, tmp_path: Path) -> None:
    folder = write_samples(digits_run, 3, folder=tmp_path / "many")
    assert sorted(path.name for path in folder.iterdir()) == ["00000.png", "00001.png", "00002.png"]
    with Image.open(folder / "00000.png") as picture:
        assert (picture.size, picture.mode) == ((8, 8), "L")


def test_a_npz_holds_pixels_and_classes(conditional_run: Path, digits_run: Path, tmp_path: Path) -> None:
    path = write_samples(conditional_run, 5, classes=["3", "4"], npz=tmp_path / "a.npz")
    with np.load(path, allow_pickle=False) as arrays:
        assert (arrays["x"].shape, arrays["x"].dtype) == ((5, 8, 8, 1), np.uint8)
        assert arrays["y"].tolist() == [3, 4, 3, 4, 3]
    with np.load(write_samples(digits_run, 2, npz=tmp_path / "b.npz"), allow_pickle=False) as arrays:
        # The last one says what kind of data these are.
        assert arrays.files == ["x", "ganzoo"]


def test_without_a_target_grids_in_the_run_folder_are_numbered(copied: Path) -> None:
    assert [write_samples(copied, 2).name for _ in range(2)] == ["grid-1.png", "grid-2.png"]


@pytest.mark.parametrize("target", ["grid", "npz"])
def test_a_file_that_exists_is_never_overwritten(digits_run: Path, tmp_path: Path, target: str) -> None:
    file = tmp_path / f"a.{'png' if target == 'grid' else 'npz'}"
    file.write_text("mine")
    with pytest.raises(GanzooError, match="exists: choose another name"):
        write_samples(digits_run, 2, **{target: file})  # type: ignore[arg-type]
    assert file.read_text() == "mine"


# New folders.


def test_an_empty_or_missing_folder_is_free_and_others_are_not(tmp_path: Path) -> None:
    require_new(tmp_path / "none")
    require_new(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(GanzooError, match="is not empty: choose another folder with --out, or `ganzoo resume"):
        require_new(tmp_path)
    with pytest.raises(GanzooError, match="is a file"):
        require_new(tmp_path / "file")


def test_run_folders_are_numbered(tmp_path: Path) -> None:
    assert next_free("a", tmp_path) == tmp_path / "a-1"
    (tmp_path / "a-1").mkdir()
    (tmp_path / "a-3").mkdir()
    assert next_free("a", tmp_path) == tmp_path / "a-2"
