"""`ganzoo cache`: what is kept is shown and cleared, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from ganzoo.cli import run
from ganzoo.cli.cache import size_text
from ganzoo.data.images import folder
from ganzoo.recipes import Data


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache with an array of decoded images, a classifier, features, downloads, and files of somebody else."""
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GANZOO_DATA", raising=False)
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (9, 9), (200, 0, 0)).save(tmp_path / "photos" / "a.png")
    folder.load(Data(name="folder", path=str(tmp_path / "photos"), size=8), Path(), "train")
    for name, content in {
        f"domain/{'a' * 32}.pt": 700,
        f"domain/{'a' * 32}.json": 300,
        f"features/{'b' * 32}.npz": 2_000,
        "features/mine.npz": 5,
        "data/mnist/images": 10,
        "folder/notes/a.txt": 4,
        "other": 3,
    }.items():
        path = tmp_path / "cache" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(content))
    return tmp_path / "cache"


def files(cache: Path) -> set[str]:
    return {path.relative_to(cache).as_posix() for path in cache.rglob("*") if path.is_file()}


OURS = {"features/mine.npz", "data/mnist/images", "folder/notes/a.txt", "other"}


def lines(output: str) -> dict[str, str]:
    return {line.split()[0]: " ".join(line.split()) for line in output.splitlines() if line}


def test_kinds_sizes_and_paths_are_listed(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(cache)
    assert run(["cache"]) == 0
    shown = lines(capsys.readouterr().out)
    (array,) = (path for path in (cache / "folder").iterdir() if path.name != "notes")
    size = sum(path.stat().st_size for path in array.iterdir())
    assert shown["folder"].startswith(f"folder 1 entries {size_text(size)} decoded images")
    assert shown["domain"].startswith("domain 2 entries 1.0 kB classifiers ")
    assert shown["features"].startswith("features 1 entries 2.0 kB features ")
    assert shown["celeba"].startswith("celeba 0 entries 0 B ")
    assert shown["total"].startswith(f"total {size_text(size + 3_000)} in {cache}; ")
    assert shown["downloaded"].endswith(str(cache / "data"))
    assert files(cache) == before


def test_one_kind_is_cleared(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(cache)
    assert run(["cache", "--clear", "domain"]) == 0
    assert capsys.readouterr().out == "removed domain: 2 entries, 1.0 kB\n"
    assert before - files(cache) == {f"domain/{'a' * 32}.pt", f"domain/{'a' * 32}.json"}


def test_all_is_cleared_but_downloads_and_the_files_of_others(cache: Path) -> None:
    assert run(["cache", "--clear"]) == 0
    assert files(cache) == OURS


def test_an_unknown_kind_clears_nothing_and_names_the_known_ones(
    cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = files(cache)
    assert run(["cache", "--clear", "zzz"]) == 2
    shown = capsys.readouterr().err
    assert "celeba, domain, features, folder" in shown
    assert files(cache) == before


def test_a_link_is_removed_and_what_it_leads_to_is_not(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a").write_text("")
    (cache / "folder" / ("c" * 64)).symlink_to(tmp_path / "elsewhere")
    assert run(["cache", "--clear", "folder"]) == 0
    assert (tmp_path / "elsewhere" / "a").exists()
    assert not (cache / "folder" / ("c" * 64)).is_symlink()


def test_an_absent_cache_is_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANZOO_CACHE", str(tmp_path / "absent"))
    assert run(["cache"]) == 0
    assert run(["cache", "--clear"]) == 0
    assert not (tmp_path / "absent").exists()


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (2_500_000, "2.5 MB"), (3e12, "3.0 TB")]
)
def test_sizes_are_readable(size: float, text: str) -> None:
    assert size_text(size) == text
