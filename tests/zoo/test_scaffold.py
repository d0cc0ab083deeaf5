"""`ganzoo plugins new`: each kind of package is complete, passes its tests, is listed, and overwrites nothing."""

from __future__ import annotations

import ast
import os
import re
import sys
import tomllib
from pathlib import Path

import pytest
from environments import done, install, run

from ganzoo import cli
from ganzoo.errors import GanzooError
from ganzoo.zoo import scaffold

FILES = {"pyproject.toml", "README.md", "LICENSE", ".gitignore", ".github/workflows/test.yml"}
LIMIT = 40


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def code_lines(path: Path) -> int:
    """Lines of code: neither empty, nor comments, nor docstrings."""
    source = path.read_text()
    counted = {number for number, line in enumerate(source.splitlines(), 1) if line.split("#")[0].strip()}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node):
            first = node.body[0]
            counted -= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return len(counted)


@pytest.mark.parametrize("kind", scaffold.KINDS)
def test_a_package_is_complete_and_has_no_unfilled_placeholder(kind: str, tmp_path: Path) -> None:
    folder = scaffold.create("ganzoo-my-thing", kind, into=tmp_path)
    assert folder == tmp_path / "ganzoo-my-thing"
    found = files(folder)
    module = {"ganzoo_my_thing/__init__.py", "ganzoo_my_thing/README.md", "tests/test_ganzoo_my_thing.py"}
    assert found >= FILES | module
    for name in found:
        text = (folder / name).read_text()
        assert not re.search(r"<<\w+>>", text), name
        if name.endswith(".py"):
            compile(text, name, "exec")
    project = tomllib.loads((folder / "pyproject.toml").read_text())
    assert project["project"]["entry-points"]["ganzoo"] == {"my-thing": "ganzoo_my_thing"}
    assert project["project"]["license"] == "Apache-2.0"
    assert "${{ matrix.python }}" in (folder / ".github/workflows/test.yml").read_text()


@pytest.mark.parametrize("licence", scaffold.LICENCES)
def test_the_licence_is_the_one_that_was_chosen(licence: str, tmp_path: Path) -> None:
    folder = scaffold.create("my-gan", licence=licence, into=tmp_path)
    words = {"apache-2.0": "Apache License", "mit": "MIT License", "bsd-3-clause": "BSD 3-Clause License"}
    assert words[licence] in (folder / "LICENSE").read_text()
    assert f'license = "{scaffold.LICENCES[licence]}"' in (folder / "pyproject.toml").read_text()


def test_card_and_networks_of_a_variant_have_at_most_40_lines(tmp_path: Path) -> None:
    folder = scaffold.create("my-gan", into=tmp_path) / "my_gan"
    assert code_lines(folder / "__init__.py") + code_lines(folder / "networks.py") <= LIMIT


@pytest.mark.parametrize("kind", scaffold.KINDS)
def test_ruff_accepts_the_package(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("ruff")
    folder = scaffold.create("my-gan", kind, into=tmp_path)
    ruff = [sys.executable, "-m", "ruff"]
    assert "All checks passed" in done([*ruff, "check", "--select", "E,F,I,UP,B", str(folder)], tmp_path)
    assert "already formatted" in done([*ruff, "format", "--check", str(folder)], tmp_path)


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a package of each kind, all installed in its folder `seen`."""
    folder = tmp_path_factory.mktemp("everything")
    for kind in scaffold.KINDS:
        assert cli.run(["plugins", "new", f"my-{kind}", "--kind", kind, "--into", str(folder)]) == 0
        install(folder / f"my-{kind}", folder / "seen")
    return folder


@pytest.mark.slow
def test_the_packages_install_and_pass_their_tests(everything: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider"]
    shown = done([*command, *[f"my-{kind}" for kind in scaffold.KINDS]], everything, {"PYTHONPATH": "seen"})
    for kind in scaffold.KINDS:
        assert re.search(rf"^PASSED .*/test_my_{kind}\.py::test_contract\[plugin my-{kind}\]$", shown, re.MULTILINE)


@pytest.mark.slow
def test_the_packages_are_listed_and_the_variant_trains_with_the_others(everything: Path) -> None:
    seen = {"PYTHONPATH": str(everything / "seen")}
    ganzoo = [sys.executable, "-m", "ganzoo"]
    listed = done([*ganzoo, "plugins"], everything, seen)
    for kind in scaffold.KINDS:
        assert re.search(
            rf"my-{kind} +my-{kind} +0\.1\.0 +\d+ +\S+ +\S*my-{kind}", listed.replace("data set", "data-set")
        )
    assert "my-variant" in done([*ganzoo, "list"], everything, seen)
    others = ["--set", "loss=my-loss", "--dataset", "my-dataset"]
    done([*ganzoo, "train", "my-variant", *others, "--steps", "20", "--no-scores"], everything, seen)
    folder = everything / "runs" / "my-variant-my-dataset-1"
    assert (folder / "samples.png").is_file()
    assert "step 20 " in done([*ganzoo, "my-command", str(folder)], everything, seen)
    refused = run([*ganzoo, "plugins", "new", "my-variant", "--into", "elsewhere"], everything, seen)
    assert "the variant 'my-variant' already exists" in refused.stderr


# Refusals.

NAMES = {
    "My-Gan": "must be lower-case letters, digits and single hyphens, and begin with a letter: try my-gan.",
    "my_gan": "must be lower-case letters",
    "my--gan": "must be lower-case letters",
    "3gan": "must be lower-case letters",
    "../gan": "must be lower-case letters",
    "": "must be lower-case letters",
    "gän": "must be lower-case letters",
    "class": "'class' is a keyword of Python: choose another name, such as class-gan.",
    "ganzoo-import": "'import' is a keyword of Python",
    "match": "'match' is a keyword of Python",
    "json": "'json' is in Python's standard library: choose another name, such as json-gan.",
    "dcgan": "the variant 'dcgan' already exists: choose another name, such as my-dcgan.",
    "ganzoo-dcgan": "the variant 'dcgan' already exists",
    "ganzoo": "the name 'ganzoo' is taken by plugin 'builtins' (package ganzoo ",
    "torch": "a module 'torch' is already installed",
}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_cannot_be_used_is_refused_in_one_line_and_nothing_is_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(GanzooError) as refused:
        scaffold.create(name, into=tmp_path)
    assert NAMES[name] in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("kind", "name"), [("loss", "hinge"), ("dataset", "digits"), ("metric", "kid")])
def test_a_name_of_its_kind_that_is_taken_is_refused(kind: str, name: str, tmp_path: Path) -> None:
    with pytest.raises(GanzooError, match=f"the {kind} '{name}' already exists"):
        scaffold.create(name, kind, into=tmp_path)


def test_the_name_of_a_command_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["plugins", "new", "train", "--kind", "command", "--into", str(tmp_path)]) == 2
    assert "the command 'train' already exists" in capsys.readouterr().err


@pytest.mark.parametrize("there", ["folder", "file", "dangling link"])
def test_nothing_is_overwritten(there: str, tmp_path: Path) -> None:
    folder = tmp_path / "my-gan"
    if there == "folder":
        folder.mkdir()
    elif there == "file":
        folder.write_text("mine")
    else:
        folder.symlink_to(tmp_path / "nowhere")
    with pytest.raises(GanzooError, match="already exists and is not overwritten"):
        scaffold.create("my-gan", into=tmp_path)
    assert len(list(tmp_path.rglob("*"))) == 1


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GanzooError, match=r"cannot write .*choose another --into"):
        scaffold.create("my-gan", into=tmp_path / "file")


@pytest.mark.parametrize("options", [{"kind": "penalties"}, {"licence": "gpl"}])
def test_unknown_kinds_and_licences_are_refused(options: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(GanzooError, match=r"unknown (kind of plugin|licence)"):
        scaffold.create("my-gan", into=tmp_path, **options)


def test_the_templates_are_in_the_wheel() -> None:
    """Everything below the package goes into the wheel unless it is ignored, as some names of folders are."""
    ignored = {"build", "dist", "runs", "site"}
    for path in scaffold.TEMPLATES.rglob("*"):
        assert not ignored & set(path.relative_to(scaffold.TEMPLATES).parts)
        assert path.is_dir() or path.suffix == ".in"
        assert os.access(path, os.R_OK)
