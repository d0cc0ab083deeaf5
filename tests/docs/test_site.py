"""The site's own code: links and formulas. `mkdocs build --strict` checks that the whole site builds."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from paths import ROOT

pytest.importorskip("mkdocs", reason="needs the extra `docs`")
pytest.importorskip("latex2mathml", reason="needs the extra `docs`")


@pytest.fixture(scope="module")
def site_files() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "docs"))
        yield importlib.import_module("site_files")


def turned(site_files: ModuleType, where: str, markdown: str) -> str:
    text: str = site_files.on_page_markdown(markdown, SimpleNamespace(file=SimpleNamespace(src_uri=where), meta={}))
    return text


LINKS = {
    "start to guide": ("index.md", "[a](docs/runs.md#samples)", "[a](runs.md#samples)"),
    "start to variant": ("index.md", "[a](plugins/ganzoo_wgan_gp/README.md)", "[a](variants/wgan-gp.md)"),
    "start to picture": ("index.md", "![a](docs/images/ring.png)", "![a](images/ring.png)"),
    "start to another file": ("index.md", "[a](LICENSE)", "[a](LICENSE)"),
    "guide to start": ("data.md", "[a](../README.md#a-tour)", "[a](index.md#a-tour)"),
    "guide to change log": ("stability.md", "[a](../CHANGELOG.md)", "[a](changelog.md)"),
    "variant to variant": ("variants/dcgan.md", "[a](../ganzoo_vanilla/README.md)", "[a](vanilla.md)"),
    "variant to picture": ("variants/dcgan.md", "![a](s.png)", "![a](../plugins/ganzoo_dcgan/s.png)"),
    "hook to hook": ("hooks/metrics.md", "[a](variants.md#build)", "[a](variants.md#build)"),
    "source to docstrings": ("api.md", "[a](../ganzoo/specs.py)", "[a](modules/ganzoo.specs.md)"),
    "package to docstrings": ("api.md", "[a](../ganzoo/testing/__init__.py)", "[a](modules/ganzoo.testing.md)"),
    "elsewhere": ("data.md", "[a](https://example.org/b.md)", "[a](https://example.org/b.md)"),
    "in the page": ("data.md", "[a](#keys)", "[a](#keys)"),
    "code": ("data.md", "`[a](../README.md)`\n\n```text\n[a](../README.md)\n```\n", None),
}


@pytest.mark.parametrize("kind", LINKS)
def test_a_link_leads_to_the_same_thing_on_the_site(kind: str, site_files: ModuleType) -> None:
    where, written, wanted = LINKS[kind]
    assert turned(site_files, where, written) == (written if wanted is None else wanted)


def test_every_variant_and_every_named_module_has_a_page_in_the_navigation(site_files: ModuleType) -> None:
    config = site_files.on_config(
        SimpleNamespace(nav=["a.md", {"Variants": "variants"}, {"B": [{"Modules": "modules"}]}])
    )
    assert config.nav[0] == "a.md"
    assert config.nav[1]["Variants"] == [
        f"variants/{page.parent.name.removeprefix('ganzoo_').replace('_', '-')}.md"
        for page in sorted(ROOT.glob("plugins/*/README.md"))
    ]
    assert "modules/ganzoo.specs.md" in config.nav[2]["B"][0]["Modules"]
    assert set(site_files.modules()) <= {path.relative_to(ROOT).as_posix() for path in ROOT.rglob("ganzoo/**/*.py")}


def test_guides_come_before_references_in_the_search(site_files: ModuleType) -> None:
    page = SimpleNamespace(file=SimpleNamespace(src_uri="api.md"), meta={})
    site_files.on_page_markdown("", page)
    assert 0 < page.meta["search"]["boost"] < site_files.boost("runs.md") < site_files.boost("data.md")
    assert set(site_files.BOOST) <= {path.name for path in (ROOT / "docs").glob("*.md")} | {"index.md", "changelog.md"}


def test_the_docstrings_of_a_module_are_those_of_its_public_names(site_files: ModuleType) -> None:
    text = site_files.docstrings("ganzoo.api.train")
    assert 'members: ["train", "load"]' in text
    assert "exclude: true" in text


def test_formulas_become_mathml(site_files: ModuleType) -> None:
    html = '<p><span class="arithmatex">\\(x &lt; 10^{-12}\\)</span></p><div class="arithmatex">\\[\ny\n\\]</div>'
    made = site_files.on_page_content(html)
    assert "arithmatex" not in made
    assert re.findall(r'display="(\w+)"', made) == ["inline", "block"]
    assert "<mn>12</mn>" in made


def test_docstrings_lay_out_lists_and_columns() -> None:
    pytest.importorskip("griffe", reason="needs the extra `docs`")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "docs"))
        laid_out = importlib.import_module("site_docstrings").laid_out
    assert laid_out("Plain text,\nover two lines.") == "Plain text,\nover two lines."
    assert (
        laid_out("Before:\na: one,\nand more.\nb, c: two.") == "Before:\n\n- `a`: one,\n  and more.\n- `b`, `c`: two."
    )
    assert laid_out(">>> f(1)\n1") == "```pycon\n>>> f(1)\n1\n```"
    assert laid_out("a.json     first\nb/         second") == "```text\na.json     first\nb/         second\n```"


def test_the_start_page_has_a_generator_where_one_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "docs")
    page: Any = importlib.import_module("site_generator")
    files = pytest.importorskip("mkdocs.structure.files").Files([])
    config = SimpleNamespace(plugins=SimpleNamespace(_current_plugin=None), use_directory_urls=True, site_dir="site")
    readme = (ROOT / "README.md").read_text("utf-8")
    monkeypatch.setattr(page, "content", lambda: None)
    page.on_files(files, config)
    without = page.on_page_markdown(readme, files=files)
    monkeypatch.setattr(page, "content", lambda: b"<!doctype html>")
    page.on_files(files, config)
    with_one = page.on_page_markdown(readme, files=files)
    assert page.PAGE not in without
    assert f'<iframe src="{page.PAGE}"' in with_one
    assert len(files) == 1
