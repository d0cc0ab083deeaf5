"""docs/check_site.py sees each fault that it looks for, in a small site."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from browser import require_browser
from paths import ROOT

GOOD = (
    '<link href="style.css" rel="stylesheet"><h1 id="top">A</h1><a href="b/#there">b</a><a href="https://x.org">x</a>'
)
PAGES = {
    "index.html": GOOD,
    "b/index.html": '<p id="there"></p><a href="../#top">a</a><img src="data:image/png;base64,AA==">',
    "style.css": "p { background: url(picture.png) }",
}
FAULTS = {
    '<a href="c/">c</a>': "c/ does not exist",
    '<a href="b/#here">b</a>': "b/#here leads to no place in that page",
    '<img src="https://x.org/a.png">': "loads https://x.org/a.png",
    '<script src="//x.org/a.js"></script>': "loads //x.org/a.js",
    '<p style="background: url(https://x.org/b.png)">': "loads https://x.org/b.png",
    '<img src="a.png">': "a.png does not exist",
}
CONFIG = """\
site_name: small
theme:
  name: material
  font: false
  palette:
    - media: "(prefers-color-scheme)"
    - media: "(prefers-color-scheme: light)"
      scheme: default
    - media: "(prefers-color-scheme: dark)"
      scheme: slate
plugins: [search]
"""


@pytest.fixture(scope="module")
def check_site() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "docs"))
        yield importlib.import_module("check_site")


def write(folder: Path, pages: dict[str, str]) -> None:
    for name, text in pages.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def test_a_folder_without_a_site_is_refused(
    check_site: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as error:
        check_site.main(["--site", str(tmp_path), "--no-browser"])
    assert error.value.code == 2
    assert "there is no site in" in capsys.readouterr().err


def test_a_site_without_faults_has_no_problem(check_site: ModuleType, tmp_path: Path) -> None:
    write(tmp_path, PAGES)
    assert check_site.pages_of(tmp_path) == ["", "b/"]
    assert list(check_site.check_files(tmp_path)) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_link_that_leads_nowhere_and_what_comes_from_elsewhere_are_named(
    fault: str, check_site: ModuleType, tmp_path: Path
) -> None:
    write(tmp_path, {**PAGES, "index.html": GOOD + fault})
    assert list(check_site.check_files(tmp_path)) == [f"start: {FAULTS[fault]}"]


def test_a_style_that_loads_from_elsewhere_is_named(check_site: ModuleType, tmp_path: Path) -> None:
    write(tmp_path, {**PAGES, "style.css": "@import url('https://x.org/c.css');"})
    assert list(check_site.check_files(tmp_path)) == ["style.css: loads https://x.org/c.css"]


@pytest.mark.browser
def test_the_search_and_the_width_of_pages_are_looked_at(check_site: ModuleType, tmp_path: Path) -> None:
    require_browser()
    pytest.importorskip("material", reason="needs the extra `docs`")
    pages = {
        "index.md": "# Small\n",
        "cats.md": "# About cats\n",
        "wide.md": '# Dogs\n<p style="width: 500px">bark</p>\n',
    }
    write(tmp_path, {"mkdocs.yml": CONFIG} | {f"docs/{name}": text for name, text in pages.items()})
    subprocess.run([sys.executable, "-m", "mkdocs", "build", "--quiet"], cwd=tmp_path, check=True, capture_output=True)
    with check_site.serve(tmp_path / "site") as address, check_site.browser() as page:
        questions = {"cats": ("cats/",), "dogs": ("cats/",), "birds": ("cats/",)}
        assert list(check_site.check_search(page, address, questions)) == [
            "search for 'dogs': wide/ instead of cats/",
            "search for 'birds': nothing instead of cats/",
        ]
        found = list(check_site.check_layout(page, address, ["cats/", "wide/"]))
        assert [problem.partition(",")[0] for problem in found] == ["wide/: scrolls sideways at 390 pixels"] * 2
        check_site.take_pictures(page, address, [""], tmp_path / "shots")
    assert len(list((tmp_path / "shots").iterdir())) == len(check_site.WIDTHS) * len(check_site.SCHEMES)
