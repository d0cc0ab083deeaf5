"""Voxels: shapes in files and pictures, scores of shapes, and 3dgan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from bundled import built, weights
from ganzoo_3dgan.formats import as_obj, as_stl, from_binvox, mesh, occupied, read_shapes
from ganzoo_3dgan.metrics import overlap
from ganzoo_3dgan.render import render
from PIL import Image

from ganzoo import cli
from ganzoo.data.samples import Samples
from ganzoo.errors import GanzooError
from ganzoo.game import Phase
from ganzoo.recipes import Data, DataSpec
from ganzoo.testing import check_dataset, check_modality
from ganzoo.zoo import registry

SPEC = DataSpec("voxel-shapes", "voxels", (1, 8, 8, 8), 4)
TINY = {"width": 2, "latent": 3}


def load(split: str = "train", name: str = "voxel-shapes", **keys: Any) -> Any:
    return registry.datasets().find(name).load(Data(name=name, **keys), Path(), split)


def shape(seed: int = 0, *sides: int) -> np.ndarray:
    return np.random.default_rng(seed).random(sides or (8, 8, 8)) < 0.3


def binvox(voxels: np.ndarray, **header: str) -> bytes:
    """A .binvox file by the format's description, written independently of what reads it."""
    up, back, right = voxels.shape
    lines = {
        "magic": "#binvox 1",
        "dim": f"dim {right} {back} {up}",
        "translate": "translate 0 0 0",
        "scale": "scale 1",
    }
    content = "\n".join({**lines, **header}.values()) + "\ndata\n"
    values = [int(voxels[y, z, x]) for x in range(right) for z in range(back) for y in range(up)]
    runs: list[int] = []
    while values:
        count = 1
        while count < min(255, len(values)) and values[count] == values[0]:
            count += 1
        runs += [values[0], count]
        values = values[count:]
    return content.encode() + bytes(runs)


# Data


def test_generated_shapes_are_what_their_classes_say() -> None:
    data = load()
    x, y = data.arrays["x"][:400, 0] > 0, data.arrays["y"][:400]
    assert data.spec.class_names == ("box", "ball", "table", "chair")
    for voxels, label in zip(x, y, strict=True):
        bounds = voxels[tuple(slice(int(at.min()), int(at.max()) + 1) for at in voxels.nonzero(as_tuple=True))]
        name, full = data.spec.class_names[label], bounds.float().mean()
        if name == "box":
            assert full == 1
        elif name == "ball":
            # Of the volume of its bounds, an ellipsoid has pi / 6.
            assert 0.4 < full < 0.75
        else:
            # Legs: four pieces on the floor, apart from each other, at the corners.
            floor = voxels[0]
            rows, columns = (floor.any(1 - axis).int() for axis in (0, 1))
            assert [int((line.diff() == 1).sum()) + int(line[0]) for line in (rows, columns)] == [2, 2]
            # What is above the seat of a chair is the back, and nothing is above the top of a table.
            layers = voxels.flatten(1).sum(1)
            widest = int(layers.argmax())
            above = int(layers[widest + 3 :].sum())
            assert (above > 0) == (name == "chair")


def test_generated_shapes_have_sizes_from_8_to_64_and_differ_between_splits() -> None:
    check_dataset(registry.datasets()["voxel-shapes"])
    assert load(size=8).spec.shape == (1, 8, 8, 8)
    assert not torch.equal(load("train").arrays["x"][:1000], load("test").arrays["x"])
    assert load(labels=False).spec.classes == 0
    for keys, words in (
        ({"size": 7}, "cubes of 8 to 64"),
        ({"size": (8, 16)}, "to one number"),
        ({"channels": 3}, "one channel"),
        ({"kind": "chairs"}, "no kinds"),
    ):
        with pytest.raises(GanzooError, match=words):
            load(**keys)


def test_binvox_files_are_read_with_y_upwards(tmp_path: Path) -> None:
    voxels = shape(0, 4, 5, 6)
    assert np.array_equal(from_binvox(binvox(voxels)), voxels)
    # A long run is in several parts.
    assert from_binvox(binvox(np.ones((16, 16, 16), bool))).all()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"magic": "#voxbin 1"}, "its first line is not #binvox 1"),
        ({"magic": "#binvox 2"}, "its first line is not #binvox 1"),
        ({"dim": "dim 8 8"}, "its header needs a line dim with three numbers"),
        ({"dim": "dim 8 8 eight"}, "its header needs a line dim with three numbers"),
        ({"dim": "dim 0 8 8"}, "its header says 0x8x8"),
        ({"dim": "dim 90000 90000 90000"}, "its header says 90000x90000x90000"),
        ({"dim": "dim 8 8 9"}, "it has 512 voxels, and its header says 576"),
    ],
)
def test_a_binvox_file_with_a_wrong_header_is_one_line(tmp_path: Path, changes: dict[str, str], words: str) -> None:
    path = tmp_path / "a.binvox"
    path.write_bytes(binvox(shape(), **changes))
    with pytest.raises(GanzooError, match=rf"a\.binvox cannot be read as voxels: {words}"):
        read_shapes(path)


def test_damaged_and_unsuitable_files_are_one_line(tmp_path: Path) -> None:
    def refused(words: str) -> None:
        with pytest.raises(GanzooError, match=words):
            load(name="voxel-files", path=str(tmp_path))

    refused("there are no .npz or .binvox files under")
    (tmp_path / "notes.txt").write_text("no shapes")
    (tmp_path / ".hidden.binvox").write_bytes(b"")
    refused("there are no .npz or .binvox files under")
    for content, words in (
        (binvox(shape())[:-3], "it has .* voxels, and its header says 512"),
        (b"#binvox 1\ndim 8 8 8\n", "a line data"),
        (b"", "its first line is not #binvox 1"),
    ):
        (tmp_path / "a.binvox").write_bytes(content)
        refused(words)
    (tmp_path / "a.binvox").unlink()
    path = tmp_path / "a.npz"
    for arrays, words in (
        ({"y": np.zeros(3)}, r"it has y \[3\]; save them with np.savez\(FILE, voxels=array\)"),
        ({}, "it has nothing"),
        ({"voxels": np.zeros((3, 2, 8, 8, 8))}, "must be .* not"),
        ({"voxels": np.full((8, 8, 8), np.nan)}, "finite numbers"),
        ({"voxels": np.full((8, 8, 8), "a")}, "finite numbers"),
        ({"voxels": np.full((8, 8, 8), None)}, "cannot be read as voxels"),
        ({"voxels": np.zeros((0, 8, 8, 8))}, "not"),
    ):
        np.savez(path, **arrays)
        refused(words)
    path.write_bytes(b"PK no archive")
    refused("cannot be read as voxels")
    np.savez(path, voxels=shape(0, 8, 8, 8))
    np.savez(tmp_path / "b.npz", voxels=shape(0, 8, 8, 9))
    refused(r"a has 8x8x8 voxels and b 8x8x9: all shapes must have the same size, so type --set data\.size=16")
    with pytest.raises(GanzooError, match="every tenth is held out"):
        load("test", "voxel-files", path=str(tmp_path), size=8)


def test_a_folder_of_shapes_is_read_with_its_classes_and_resampled(tmp_path: Path) -> None:
    for kind in ("chairs", "lamps"):
        (tmp_path / kind).mkdir()
        for n in range(10):
            (tmp_path / kind / f"{n}.binvox").write_bytes(binvox(shape(n)))
    train, test = (load(split, "voxel-files", path=str(tmp_path)) for split in ("train", "test"))
    assert (train.count, test.count, train.spec.class_names) == (18, 2, ("chairs", "lamps"))
    assert test.arrays["y"].tolist() == [0, 1]
    assert np.array_equal(test.arrays["x"][0, 0].numpy() > 0, shape(9))
    check_dataset(registry.datasets()["voxel-files"], Data(name="voxel-files", path=str(tmp_path)))
    # A voxel of the smaller shape is occupied if any of the eight is; one of the larger is eight.
    small, large = (
        load("train", "voxel-files", path=str(tmp_path), size=size).arrays["x"][0, 0] > 0 for size in (4, 16)
    )
    assert np.array_equal(small.numpy(), shape(0).reshape(4, 2, 4, 2, 4, 2).any((1, 3, 5)))
    assert np.array_equal(large.numpy(), shape(0).repeat(2, 0).repeat(2, 1).repeat(2, 2))


@pytest.mark.parametrize("values", [(0, 1), (0, 255), (-1.0, 1.0), (0.0, 1.0), (-7.5, 0.2), (False, True)])
def test_numbers_are_occupied_above_the_middle_of_their_range(values: tuple[Any, Any]) -> None:
    voxels = shape()
    for axes in ((), (None,), (None, None)):
        assert np.array_equal(occupied(np.where(voxels, values[1], values[0])[axes])[0], voxels)


# Files that are written


def test_a_mesh_is_closed_and_encloses_the_voxels() -> None:
    voxels = shape()
    vertices, squares = mesh(voxels)
    # The divergence theorem: a closed surface whose sides point outwards encloses its volume.
    triangles = vertices[np.concatenate([squares[:, [0, 1, 2]], squares[:, [0, 2, 3]]])].astype(float)
    volume = np.einsum("ij,ij->i", triangles[:, 0], np.cross(triangles[:, 1], triangles[:, 2])).sum() / 6
    assert volume == pytest.approx(voxels.sum())
    edges = np.concatenate([squares[:, [n, (n + 1) % 4]] for n in range(4)])
    forth, back = (sorted(map(tuple, both)) for both in (edges, edges[:, ::-1]))
    assert forth == back
    # x is to the right, z upwards.
    vertices, _ = mesh(np.pad(np.ones((1, 1, 1), bool), ((2, 0), (1, 0), (0, 0))))
    assert vertices.min(0).tolist() == [0, 1, 2]
    assert mesh(np.zeros((2, 2, 2), bool))[1].shape == (0, 4)


def test_obj_and_stl_files_hold_that_mesh() -> None:
    voxels = np.ones((1, 1, 1), bool)
    lines = as_obj(voxels).decode().splitlines()
    assert sum(line.startswith("v ") for line in lines) == 8
    faces = [[int(n) for n in line.split()[1:]] for line in lines if line.startswith("f ")]
    assert len(faces) == 6
    assert {corner for face in faces for corner in face} == set(range(1, 9))
    content = as_stl(voxels)
    assert len(content) == 84 + 50 * 12
    assert int.from_bytes(content[80:84], "little") == 12
    records = np.frombuffer(content[84:], [("normal", "<f4", 3), ("corners", "<f4", (3, 3)), ("attribute", "<u2")])
    outwards = records["corners"].mean(1) - 0.5
    assert (np.einsum("ij,ij->i", outwards, records["normal"]) > 0).all()


# Pictures


def test_a_shape_is_drawn_with_its_top_above_and_lighter_than_its_sides() -> None:
    block = np.zeros((8, 8, 8), bool)
    block[2:6, 2:6, 2:6] = True
    picture = render(block, 64).astype(int)
    drawn = (picture < 250).any(2)
    rows = drawn.any(1).nonzero()[0]
    assert 15 < rows.min() < 32 < rows.max() < 50
    light = picture.sum(2)
    middle = drawn.any(0).nonzero()[0].mean().astype(int)
    assert light[rows.min() + 4, middle] > light[rows.max() - 4, middle] + 50
    # What is higher is drawn higher; nothing is drawn of nothing.
    high, low = np.zeros((8, 8, 8), bool), np.zeros((8, 8, 8), bool)
    high[7, 3:5, 3:5], low[0, 3:5, 3:5] = True, True
    tops = [(render(one, 64) < 250).any((1, 2)).nonzero()[0].mean() for one in (high, low)]
    assert tops[0] < 24 < 40 < tops[1]
    assert (render(np.zeros((8, 8, 8), bool), 64) == 255).all()


def test_what_is_in_front_hides_what_is_behind() -> None:
    wall, behind = np.zeros((8, 8, 8), bool), np.zeros((8, 8, 8), bool)
    wall[:, 0, :] = True
    behind[1:3, 3:5, 3:5] = True
    assert np.array_equal(render(wall | behind, 64), render(wall, 64))
    assert not np.array_equal(render(behind, 64), render(np.zeros_like(wall), 64))


def test_the_contract_of_the_kind() -> None:
    check_modality(registry.modalities()["voxels"])


# Scores


def test_the_overlap_of_shapes_is_intersection_over_union() -> None:
    a, b = (torch.from_numpy(np.stack([shape(seed + n) for n in range(3)])).byte() for seed in (0, 10))
    for i in range(3):
        for j in range(3):
            both, either = (a[i] & b[j]).sum(), (a[i] | b[j]).sum()
            assert overlap(a, b)[i, j].item() == pytest.approx((both / either).item())
    nothing = torch.zeros(1, 8, 8, 8, dtype=torch.uint8)
    assert overlap(nothing, nothing).item() == 1
    assert overlap(nothing, a).sum() == 0


def scored(fake: torch.Tensor, **keys: Any) -> Samples:
    data, spec = Data(name="voxel-shapes", size=8, **keys), registry.datasets()["voxel-shapes"]
    splits = {split: spec.load(data, Path(), split) for split in ("train", "test")}
    kind = registry.modality("voxels")
    made = Samples(fake, None, splits["train"].spec, data, Path(), 0, splits.__getitem__, kind, against="test")
    return made


def test_samples_that_are_the_held_out_shapes_cover_and_match_them() -> None:
    test = (load("test", size=8).arrays["x"] > 0).byte()
    compute = registry.metrics()["voxel-matching"].compute
    perfect = compute(scored(test))
    # Shapes of 8 voxels are sometimes equal to each other; the nearest is then the first of them.
    different = len(test.flatten(1).unique(dim=0)) / len(test)
    assert perfect["coverage[IoU]"] == pytest.approx(different)
    assert perfect["matching[IoU]"] == pytest.approx(0, abs=1e-6)
    collapsed = compute(scored(test[:1].expand(50, -1, -1, -1, -1)))
    assert collapsed["coverage[IoU]"] == 1 / 50
    assert collapsed["matching[IoU]"] > 0.3
    assert collapsed.protocol == {"n_real": 50, "split": "test"}


def test_the_frechet_distance_is_on_features_of_the_shapes_own_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ganzoo.evaluation.features import classifier

    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path))
    monkeypatch.setattr(classifier, "MIN_STEPS", 20)
    monkeypatch.setattr(classifier, "MAX_STEPS", 20)
    compute = registry.metrics()["voxel-fd"].compute
    real = (load("test", size=8).arrays["x"] > 0).byte()
    found = compute(scored(real[:300]))
    assert list(found) == ["FD[domain:voxel-shapes]"]
    assert found.protocol["features"]["accuracy"] > 0.6
    boxes = compute(scored(real[::4]))
    assert boxes["FD[domain:voxel-shapes]"] > 3 * found["FD[domain:voxel-shapes]"]
    assert compute(scored(real, labels=False)) == {}


# The variant


def test_the_networks_of_the_paper() -> None:
    game = built("3dgan.paper", DataSpec("shapes", "voxels", (1, 64, 64, 64)), "meta")
    g = [(200, 512), (512, 256), (256, 128), (128, 64), (64, 1)]
    # The first layer makes 4x4x4 of a vector, the others double the size; batch normalisation follows all but the last.
    assert weights(game.generator) == sum(64 * a * b for a, b in g) + 2 * (512 + 256 + 128 + 64) + 1
    d = [(1, 64), (64, 128), (128, 256), (256, 512), (512, 1)]
    assert weights(game.discriminator) == sum(64 * a * b for a, b in d) + 2 * (128 + 256 + 512) + 64 + 1
    for wrong in ((3, 8, 8, 8), (1, 8, 8)):
        with pytest.raises(GanzooError, match="3dgan needs shapes of 1xDxHxW voxels"):
            built("3dgan.shapes", DataSpec("clips", "voxels", wrong))


def test_d_pauses_after_an_update_in_which_it_was_right_too_often() -> None:
    game = built("3dgan.shapes", SPEC, **TINY, max_accuracy=0.7)
    real, fake = (torch.tensor(logits, requires_grad=True) for logits in ([1.0, 2.0, -1.0], [-1.0, -2.0, 0.5]))
    gradients = []
    for accuracy in (0.7, 0.71):
        game.accuracy.fill_(accuracy)
        terms = game.d_terms({}, real, fake)
        assert terms["accuracy"].item() == pytest.approx(4 / 6)
        (gradient,) = torch.autograd.grad(terms["loss"], real)
        gradients.append(gradient.abs().sum().item())
        assert terms["loss"].item() == pytest.approx(game.loss.discriminator(real, fake).item())
    assert gradients[0] > 0
    assert gradients[1] == 0
    game.after_update(Phase("d", "d", game.discriminator_loss), {"accuracy": torch.tensor(0.9)})
    assert game.accuracy.item() == pytest.approx(0.9)
    assert "accuracy" in game.state_dict()


def test_own_shapes_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    for n in range(30):
        (tmp_path / "mine" / f"{n:02}.binvox").write_bytes(binvox(shape(n)))
    keys = [word for key in ("width=2", "latent=3", "batch=4") for word in ("--set", key)]
    assert (
        cli.run(["train", "3dgan", "--dataset", "mine", "--steps", "3", "--device", "cpu", *keys, "--out", "run"]) == 0
    )
    assert json.loads(Path("run/recipe.json").read_text())["recipe"]["data"]["name"] == "voxel-files"
    with Image.open("run/samples.png") as picture:
        assert picture.size[0] > 8 * 72
    assert cli.run(["sample", "run", "-n", "12", "--to", "made"]) == 0
    assert sorted(path.suffix for path in Path("made").glob("00003.*")) == [".npz", ".obj", ".stl"]
    assert cli.run(["sample", "run", "-n", "12", "--npz", "made.npz"]) == 0
    x, names = registry.modality("voxels").read(Path("made"), DataSpec("mine", "voxels", (1, 8, 8, 8)))
    assert names[:2] == ["00000", "00001"]
    with np.load("made.npz") as file:
        assert np.array_equal(file["x"] > 0, x.numpy() > 0)
    for scored in ("made", "made.npz"):
        capfd.readouterr()
        assert cli.run(["eval", scored, "--against", "voxel-files:mine", "--json"]) == 0
        out = capfd.readouterr().out
        found = {row["name"] for row in json.loads(out[out.index("{") :])["scores"]}
        assert found == {"coverage[IoU]", "matching[IoU]"}
    assert cli.run(["eval", "run", "--json", "-n", "12"]) == 0
    Path("large").mkdir()
    np.savez("large/one.npz", voxels=shape(0, 16, 16, 16))
    assert cli.run(["eval", "large", "--against", "voxel-files:mine"]) == 2
    assert "one has 16x16x16 voxels, and voxel-files has 8x8x8" in capfd.readouterr().err
