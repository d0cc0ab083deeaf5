"""Plugins broken in many ways, all installed together: each is reported, none stops the others."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest
from environments import installed, run
from small_plugins import HEAD, LOSS

RECIPE = HEAD + (
    "from dataclasses import dataclass\n"
    "@dataclass(frozen=True, kw_only=True)\n"
    "class R(Recipe):\n    extra: object = key({0}, 'Extra.')\n"
    "@hookimpl\ndef ganzoo_variants():\n"
    "    return [Variant('bad-recipe', 'A GAN.', 'None.', ('points',), {{'points': R()}}, build=dict)]\n"
)


def hook(body: str, name: str = "ganzoo_losses", arguments: str = "") -> str:
    return f"{HEAD}@hookimpl\ndef {name}({arguments}):\n    {body}\n"


BROKEN: dict[str, tuple[str, str]] = {
    "syntax": ("def (:\n", "import failed: SyntaxError: "),
    "raises": ("raise RuntimeError('two\\nlines')\n", "import failed: RuntimeError: two lines"),
    "quits": ("raise SystemExit('bye')\n", "import failed: SystemExit: bye"),
    "dependency": (
        "import a_module_that_is_not_there\n",
        "import failed: ModuleNotFoundError: No module named 'a_module_that_is_not_there'; "
        "a dependency is missing: pip install a-module-that-is-not-there",
    ),
    "newer": (
        "from ganzoo.specs import SomethingNew\n",
        "; it was made for another version of ganzoo: pip install --upgrade ganzoo gan-newer",
    ),
    "hook-name": (
        hook("return []", "ganzoo_loses"),
        "unknown hook 'ganzoo_loses': did you mean ganzoo_losses",
    ),
    "hook-argument": (hook("return []", arguments="colour"), "PluginValidationError: "),
    "hook-unmarked": ("def ganzoo_losses():\n    return []\n", "ganzoo_losses is not marked: write @ganzoo.hookimpl"),
    "hook-raises": (hook("raise ValueError('no\\nluck')"), "ganzoo_losses failed: ValueError: no luck"),
    "hook-none": (hook("pass"), "ganzoo_losses returns nothing: it must return a list of LossSpec objects."),
    "hook-one": (
        hook("return LossSpec('one', 'A loss.', 'None.', build=dict)"),
        "ganzoo_losses returns one LossSpec: it must return a list of LossSpec objects.",
    ),
    "hook-type": (hook("return ['hinge']"), "ganzoo_losses must return LossSpec objects, not str."),
    "name-taken": (
        hook("return [LossSpec('hinge', 'A loss.', 'None.', build=dict)]"),
        "loss 'hinge' is already registered by plugin 'builtins' (package ganzoo ",
    ),
    "name-invalid": (
        hook("return [LossSpec('My Loss', 'A loss.', 'None.', build=dict)]"),
        "loss name 'My Loss' must be lower-case letters, digits and single hyphens.",
    ),
    "not-callable": (
        hook("return [LossSpec('a', 'A loss.', 'None.', build='Hinge')]"),
        "build of the loss 'a' must be a function.",
    ),
    "recipe": (
        RECIPE.format("print"),
        "recipe 'points' of 'bad-recipe' cannot be written to JSON: extra holds a builtin_function_or_method; "
        "use numbers, text, tuples and dataclasses of these.",
    ),
    "api-newer": (
        "ganzoo_api = 2\n" + LOSS.format("api"),
        "it was made for version 2 of the plugin interface, and this ganzoo has version 1: "
        "pip install --upgrade ganzoo",
    ),
    "api-older": (
        "ganzoo_api = 0\n" + LOSS.format("api"),
        "it was made for version 0 of the plugin interface, and this ganzoo supports 1 to 1: "
        "pip install --upgrade gan-api-older",
    ),
    "api-text": (
        "ganzoo_api = 'one'\n" + LOSS.format("api"),
        "ganzoo_api must be a whole number such as 1, not 'one'.",
    ),
}
"""Name to source and expected message."""

ODD: dict[str, tuple[str, str]] = {
    "slow": (
        "import time\ntime.sleep(0.6)\n" + LOSS.format("slow"),
        r"slow: it took \d\.\d s to load; import heavy modules inside functions\.",
    ),
    "loud": (
        "import sys\nprint('hello')\nprint('there', file=sys.stderr)\n" + LOSS.format("loud"),
        r"it printed 'hello there' when it was imported: print in commands and callbacks only\.",
    ),
    "heavy": (
        "import torch\n" + LOSS.format("heavy"),
        r"it imports torch, which slows down every `ganzoo list`: import it inside build\(\)\.",
    ),
    "idle": ("x = 1\n", r"it adds nothing: none of its functions is marked with @ganzoo\.hookimpl\."),
    "commands": (
        f"{HEAD}@hookimpl\ndef ganzoo_commands(cli):\n    raise OSError('gone')\n",
        r"its commands were left out: OSError: gone",
    ),
    "thief": (
        f"import click\n{HEAD}@hookimpl\ndef ganzoo_commands(cli):\n    cli.add_command(click.Command('train'))\n",
        r"its commands were left out: GanzooError: the command 'train' already exists",
    ),
}
"""Plugins that work, but with notes for their authors."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where all of them are installed, and last a valid one."""
    folder = tmp_path_factory.mktemp("installed")
    for name, (source, _) in (BROKEN | ODD).items():
        installed(folder, f"gan-{name}", {name: source}, requires="a-module-that-is-not-there")
    return installed(folder, "zz-good", {"good": "ganzoo_api = 1\n" + LOSS.format("good")}, "2.1")


def ganzoo(folder: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    finished = run([sys.executable, "-m", "ganzoo", *arguments], folder, {"PYTHONPATH": str(folder), **environment})
    return finished.returncode, finished.stdout, finished.stderr


@pytest.fixture(scope="module")
def listed(folder: Path) -> tuple[list[str], str]:
    """The names of the losses, and the warnings, of one `ganzoo list losses --json`."""
    code, out, err = ganzoo(folder, "list", "losses", "--json")
    assert code == 0, err
    return [row["name"] for row in json.loads(out)], err


@pytest.fixture(scope="module")
def reported(folder: Path) -> dict[str, dict[str, object]]:
    """The rows of one `ganzoo plugins --json`."""
    code, out, err = ganzoo(folder, "plugins", "--json")
    assert (code, err) == (0, "")
    return {row["name"]: row for row in json.loads(out)}


def test_the_list_has_everything_that_works_and_is_valid_json(listed: tuple[list[str], str]) -> None:
    names, _ = listed
    assert {"hinge", "good-loss", "slow-loss", "loud-loss", "heavy-loss"} <= set(names)
    assert not {"api-loss", "one", "a", "My Loss"} & set(names)


def test_every_warning_is_one_line_and_there_are_no_others(listed: tuple[list[str], str]) -> None:
    lines = listed[1].splitlines()
    assert all(line.startswith("warning: ") for line in lines)
    left_out = [line for line in lines if line.startswith("warning: left out ")]
    assert len(left_out) == len(BROKEN)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_is_named_with_the_reason(
    name: str, listed: tuple[list[str], str], reported: dict[str, dict[str, object]]
) -> None:
    start = f"warning: left out plugin {name!r} (package gan-{name} 1.0): "
    (line,) = [line for line in listed[1].splitlines() if line.startswith(start)]
    assert BROKEN[name][1] in line
    assert BROKEN[name][1] in str(reported[name]["error"])
    assert reported[name]["adds"] == {}


@pytest.mark.parametrize("name", ODD)
def test_a_plugin_with_notes_works_and_its_notes_are_reported(
    name: str, reported: dict[str, dict[str, object]]
) -> None:
    notes = reported[name]["notes"]
    assert isinstance(notes, list)
    assert any(re.fullmatch(ODD[name][1], note) for note in notes), notes
    assert reported[name]["error"] == ""


@pytest.mark.parametrize("name", ["slow", "loud", "heavy", "idle"])
def test_the_list_prints_the_notes_too(name: str, listed: tuple[list[str], str]) -> None:
    start = f"warning: plugin {name!r} (package gan-{name} 1.0): "
    lines = [line.removeprefix(start) for line in listed[1].splitlines() if line.startswith(start)]
    assert any(re.fullmatch(ODD[name][1], line) for line in lines)


def test_the_others_cost_no_time_and_have_no_notes(reported: dict[str, dict[str, object]]) -> None:
    assert reported["good"]["adds"] == {"losses": ["good-loss"]}
    assert reported["good"]["version"] == "2.1"
    assert reported["vanilla"]["notes"] == []


def test_the_table_shows_what_each_adds_and_the_reasons_below(folder: Path) -> None:
    chosen = {"GANZOO_PLUGINS": "good,syntax,dcgan"}
    code, out, err = ganzoo(folder, "plugins", **chosen)
    assert code == 0
    rows = {line.split()[0]: line for line in out.splitlines()}
    assert re.search(r"good +zz-good +2\.1 +\d+ +loss good-loss", rows["good"])
    assert rows["syntax"].endswith("left out, see below") or "left out, see below" in rows["syntax"]
    assert "variant dcgan" in rows["dcgan"]
    assert err.startswith("warning: left out plugin 'syntax' (package gan-syntax 1.0): import failed: SyntaxError")
    assert len(err.splitlines()) == 1


def test_debug_shows_the_traceback(folder: Path) -> None:
    _, _, err = ganzoo(folder, "--debug", "plugins", GANZOO_PLUGINS="raises")
    assert "Traceback" in err
    assert "gan_raises_raises.py" in err


# Asking for what a broken plugin would have had.


@pytest.mark.parametrize(
    ("arguments", "plugins", "message"),
    [
        (["show", "syntax"], "vanilla,syntax", "; left out plugin 'syntax' (package gan-syntax 1.0): import failed"),
        (["show", "bad-recipe"], "vanilla,recipe", "; left out plugin 'recipe' (package gan-recipe 1.0): recipe"),
        (["show", "other"], "vanilla,recipe,quits", "; left out: quits, recipe (see `ganzoo plugins`)"),
        (["show", "hinge2"], "", "; GANZOO_PLUGINS loads only the core"),
        (["quits"], "vanilla,quits", "left out plugin 'quits' (package gan-quits 1.0): import failed: SystemExit: bye"),
    ],
)
def test_an_unknown_name_hints_at_the_plugin_that_was_left_out(
    folder: Path, arguments: list[str], plugins: str, message: str
) -> None:
    code, out, err = ganzoo(folder, *arguments, GANZOO_PLUGINS=plugins)
    assert (code, out) == (2, "")
    assert err.startswith("error: unknown ")
    assert message in err
    assert len(err.splitlines()) == 1
