"""Plugins: found, loaded, isolated and reported; the interface is small, documented, and imports no torch."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest

import ganzoo
from ganzoo import hookimpl, hookspecs
from ganzoo.callbacks import Callback
from ganzoo.errors import GanzooError
from ganzoo.recipes import Recipe
from ganzoo.specs import LossSpec, PenaltySpec, Variant
from ganzoo.zoo.tables import TYPES
from ganzoo.zoo.zoo import Plugin, Zoo, current_zoo, register

ROOT = Path(ganzoo.__file__).parent
HOOKS = [name for name in vars(hookspecs) if name.startswith("ganzoo_")]


def loss(name: str) -> LossSpec:
    return LossSpec(name, "A loss.", "A paper.", build=dict)  # type: ignore[arg-type]


def penalty(name: str) -> PenaltySpec:
    return PenaltySpec(name, "A penalty.", "A paper.", build=dict)  # type: ignore[arg-type]


def module(**hooks: Callable[..., Any]) -> SimpleNamespace:
    """A plugin's module with these hooks."""

    class Module(SimpleNamespace):
        __hash__ = object.__hash__

    for name, hook in hooks.items():
        hook.__name__ = name
    return Module(**{name: hookimpl(hook) for name, hook in hooks.items()})


def returning(value: Any) -> Callable[[], Any]:
    def hook() -> Any:
        return value

    return hook


def raising(error: BaseException) -> Callable[[], Any]:
    def hook() -> Any:
        raise error

    return hook


def add(zoo: Zoo, made: Any, name: str = "mine") -> Plugin:
    return zoo.add(Plugin(name, f"ganzoo-{name}", "1.2", made))


def test_a_plugin_adds_what_its_hooks_return() -> None:
    zoo = Zoo()
    plugin = add(zoo, module(ganzoo_losses=returning([loss("mine")]), ganzoo_penalties=returning((penalty("p"),))))
    assert plugin.error == ""
    assert plugin.adds == {kind: [] for kind in TYPES} | {"losses": ["mine"], "penalties": ["p"]}
    assert zoo.tables["losses"].source("mine") == "plugin 'mine' (package ganzoo-mine 1.2)"
    assert zoo.owner("losses", "mine") is plugin


def test_a_hook_may_be_a_generator() -> None:
    def losses() -> Any:
        yield loss("a")
        yield loss("b")

    zoo = Zoo()
    assert add(zoo, module(ganzoo_losses=losses)).error == ""
    assert list(zoo.tables["losses"]) == ["a", "b"]


def wrong_argument(colour: str) -> list[LossSpec]:
    return []


def late_failure() -> Any:
    yield loss("a")
    raise RuntimeError("half way")


BROKEN = {
    "a hook that raises": (module(ganzoo_losses=raising(ValueError("no\nluck"))), "failed: ValueError: no luck"),
    "a hook that exits": (module(ganzoo_losses=raising(SystemExit(3))), "ganzoo_losses failed: SystemExit: 3"),
    "a generator that fails": (module(ganzoo_losses=late_failure), "ganzoo_losses failed: RuntimeError: half way"),
    "a wrong type": (module(ganzoo_losses=returning(["hinge"])), "must return LossSpec objects, not str"),
    "text": (module(ganzoo_losses=returning("hinge")), "must return a list of LossSpec objects"),
    "nothing": (module(ganzoo_losses=returning(None)), "ganzoo_losses"),
    "one spec": (module(ganzoo_losses=returning(loss("a"))), "ganzoo_losses"),
    "a misspelt hook": (module(ganzoo_loses=returning([])), "unknown hook 'ganzoo_loses': did you mean ganzoo_losses"),
    "a wrong argument": (module(ganzoo_losses=wrong_argument), "colour"),
    "a bad name": (module(ganzoo_losses=returning([loss("My Loss")])), "lower-case letters"),
    "the same name twice": (module(ganzoo_losses=returning([loss("a"), loss("a")])), "'a'"),
    "bad recipes": (
        module(ganzoo_variants=returning([Variant("v", "", "", (), [Recipe()], build=dict)])),  # type: ignore[arg-type]
        "'v'",
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_plugin_is_named_in_one_line_adds_nothing_and_the_others_load(kind: str) -> None:
    made, part = BROKEN[kind]
    zoo = Zoo()
    add(zoo, module(ganzoo_losses=returning([loss("before")])), "first")
    plugin = add(zoo, made)
    add(zoo, module(ganzoo_losses=returning([loss("after")])), "last")
    assert part in plugin.error
    assert "plugin 'mine' (package ganzoo-mine 1.2)" in plugin.error
    assert len(plugin.error.splitlines()) == 1
    assert list(zoo.tables["losses"]) == ["before", "after"]
    assert all(len(table) == 0 for kind, table in zoo.tables.items() if kind != "losses")
    assert not zoo.manager.is_registered(made)


def test_a_plugin_adds_all_or_nothing() -> None:
    zoo = Zoo()
    made = module(ganzoo_losses=returning([loss("good")]), ganzoo_penalties=raising(OSError("disk")))
    assert "ganzoo_penalties failed: OSError: disk" in add(zoo, made).error
    assert "good" not in zoo.tables["losses"]


def test_a_name_that_two_plugins_offer_stays_with_the_first_and_names_both() -> None:
    zoo = Zoo()
    add(zoo, module(ganzoo_losses=returning([loss("same")])), "first")
    second = add(zoo, module(ganzoo_losses=returning([loss("other"), loss("same")])), "second")
    assert "of plugin 'second' (package ganzoo-second 1.2)" in second.error
    assert "registered by plugin 'first' (package ganzoo-first 1.2)" in second.error
    assert list(zoo.tables["losses"]) == ["same"]


def test_a_module_under_two_names_is_refused_the_second_time_and_keeps_working() -> None:
    zoo = Zoo()
    made = module(ganzoo_losses=returning([loss("mine")]))
    assert add(zoo, made, "first").error == ""
    assert add(zoo, made, "second").error != ""
    assert zoo.manager.is_registered(made)


def test_register_adds_a_plugin_to_the_running_zoo_and_refuses_a_broken_one() -> None:
    with pytest.raises(GanzooError, match="hinge"):
        register(module(ganzoo_losses=returning([loss("hinge")])), "mine")
    assert not any(plugin.name == "mine" for plugin in current_zoo().plugins)


# Callbacks and commands.


def test_callbacks_of_all_plugins_are_joined() -> None:
    first, second = Callback(), Callback()
    seen: list[Any] = []

    def some(variant: Any, recipe: Any, run: Any) -> list[Callback]:
        seen.append((variant, recipe, run))
        return [first]

    def more(run: Any) -> list[Callback]:
        return [second]

    zoo = Zoo()
    add(zoo, module(ganzoo_callbacks=some), "a")
    add(zoo, module(ganzoo_callbacks=more), "b")
    found = zoo.callbacks("variant", "recipe", "run")  # type: ignore[arg-type]
    assert {id(guarded.callback) for guarded in found} == {id(first), id(second)}  # type: ignore[attr-defined]
    assert seen == [("variant", "recipe", "run")]


def test_a_plugin_adds_a_command() -> None:
    def commands(cli: click.Group) -> None:
        @cli.command("hello")
        def hello() -> None:
            click.echo("hello")

    zoo, group = Zoo(), click.Group()
    add(zoo, module(ganzoo_commands=commands))
    assert zoo.add_commands(group) == []
    assert list(group.commands) == ["hello"]


def test_a_plugin_whose_commands_fail_or_replace_others_is_named_and_changes_nothing() -> None:
    def failing(cli: click.Group) -> None:
        cli.add_command(click.Command("half"))
        raise ValueError("broken")

    def stealing(cli: click.Group) -> None:
        cli.add_command(click.Command("there"))

    zoo, group = Zoo(), click.Group()
    there = click.Command("there")
    group.add_command(there)
    add(zoo, module(ganzoo_commands=failing), "a")
    add(zoo, module(ganzoo_commands=stealing), "b")
    problems = zoo.add_commands(group)
    assert len(problems) == 2
    assert any("ganzoo-a" in line and "ValueError: broken" in line for line in problems)
    assert any("ganzoo-b" in line and "'there' already exists" in line for line in problems)
    assert group.commands == {"there": there}


# The seam itself.


def test_the_whole_contract_fits_on_one_screen() -> None:
    assert len((ROOT / "hookspecs.py").read_text("utf-8").splitlines()) <= 90


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_and_typed(hook: str) -> None:
    function = getattr(hookspecs, hook)
    assert len(inspect.getdoc(function) or "") > 20
    signature = inspect.signature(function)
    assert signature.return_annotation is not inspect.Signature.empty
    assert all(parameter.annotation is not inspect.Parameter.empty for parameter in signature.parameters.values())


def test_every_kind_of_spec_has_a_hook() -> None:
    assert {f"ganzoo_{kind}" for kind in TYPES} | {"ganzoo_callbacks", "ganzoo_commands"} == set(HOOKS)


def test_the_core_imports_no_plugin() -> None:
    found = [
        f"{file.relative_to(ROOT)}: {line}"
        for file in ROOT.rglob("*.py")
        for line in file.read_text("utf-8").splitlines()
        if re.search(r"^\s*(import|from)\s+ganzoo_", line) or re.search(r"import_module\(.*ganzoo_", line)
    ]
    assert found == []


def test_no_installed_plugin_is_broken() -> None:
    assert [plugin.error for plugin in current_zoo().plugins if plugin.error] == []


# In a process of its own.

LARGE = ("torchvision", "lightning_fabric", "sklearn", "scipy", "torch_fidelity")
HEAVY = ("torch", *LARGE, "matplotlib", "numpy", "PIL", "rich", "pydantic", "jinja2")


CALLS = {
    "list": "assert run(['list']) == 0",
    "list losses": "assert run(['list', 'losses', '--json']) == 0",
    "show variant": "assert run(['show', 'dcgan']) == 0",
    "show loss": "assert run(['show', 'hinge']) == 0",
    "help": "assert run(['--help']) == 0",
    "completion": "assert shell_complete(cli, {}, 'ganzoo', '_GANZOO_COMPLETE', 'bash_complete') == 0",
}


def test_dir_has_every_public_name_without_importing_torch() -> None:
    code = "import sys, ganzoo; print('torch' in sys.modules, set(ganzoo.__all__) <= set(dir(ganzoo)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["False", "True"]
    assert all(hasattr(ganzoo, name) for name in dir(ganzoo))


def test_names_are_listed_shown_and_completed_without_importing_torch() -> None:
    lines = ["import sys", "from click.shell_completion import shell_complete", "from ganzoo.cli import cli, run"]
    for name, call in CALLS.items():
        lines += [call, f"print({name!r}, [m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"]
    words = {"COMP_WORDS": "ganzoo train va", "COMP_CWORD": "2"}
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, env=os.environ | words, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [f"{name} []" for name in CALLS]
    assert "plain,vanilla" in done.stdout.splitlines()


def test_a_name_that_does_not_exist_is_answered_without_importing_torch() -> None:
    code = (
        "import sys\n"
        "from ganzoo.cli import run\n"
        "code = run(['train', 'no-such-name'])\n"
        f"print(code, [m for m in {HEAVY!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "unknown variant 'no-such-name'" in done.stderr
    assert done.stdout.strip() == "2 []"


def test_training_without_scores_imports_only_what_it_uses(tmp_path: Path) -> None:
    # Fabric is for several devices, torch's compiler for --compile; the others read data sets and score.
    unused = (*LARGE, "torch._dynamo", "pandas", "jinja2")
    code = (
        "import sys\n"
        "from ganzoo.cli import run\n"
        f"code = run(['train', 'dcgan', '--steps', '1', '--no-scores', '--out', {str(tmp_path / 'run')!r}])\n"
        f"print(code, [m for m in {unused!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "0 []"


def test_an_installed_package_with_an_entry_point_is_found_and_a_broken_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "gan_extra.py").write_text(
        "from ganzoo import hookimpl\n"
        "from ganzoo.specs import LossSpec\n"
        "@hookimpl\n"
        "def ganzoo_losses():\n"
        "    return [LossSpec('extra-loss', 'Extra.', 'None.', build=dict)]\n"
    )
    (tmp_path / "gan_broken.py").write_text("import a_module_that_is_not_there\n")
    (tmp_path / "gan_quits.py").write_text("raise SystemExit('bye')\n")
    info = tmp_path / "gan_extra-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gan-extra\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[ganzoo]\nextra = gan_extra\nbroken = gan_broken\nquits = gan_quits\n")
    done = subprocess.run(
        [sys.executable, "-m", "ganzoo", "list", "losses"],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "extra-loss" in done.stdout
    assert "hinge" in done.stdout
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert any("plugin 'broken' (package gan-extra 1.0)" in line and "ModuleNotFoundError" in line for line in lines)
    assert any("plugin 'quits' (package gan-extra 1.0)" in line and "SystemExit: bye" in line for line in lines)
