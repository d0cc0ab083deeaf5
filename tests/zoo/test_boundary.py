"""Plugins that used to stop everybody's commands: each costs itself only, and one line names it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from environments import installed, run
from small_plugins import HEAD, LOSS

HOOK = HEAD + "@hookimpl\ndef ganzoo_losses():\n    {0}\n"
CARDS = HEAD + (
    "from ganzoo.specs import DatasetSpec, MetricSpec, ModalitySpec, Option, PenaltySpec\n"
    "from ganzoo.recipes import *\n"
    "from dataclasses import dataclass\n"
    "{1}\n"
    "@hookimpl\ndef ganzoo_{0}():\n    return [{2}]\n"
)
SILENT = "class Silent({0}):\n    def __str__(self):\n        raise RuntimeError('no text')\n    __repr__ = __str__\n"
EXTRA = "@dataclass(frozen=True, kw_only=True)\nclass R(Recipe):\n    extra: object = key({0}, 'Extra.')\n"


def variant(made: str, fields: str = "", before: str = "") -> str:
    made = f"Variant('v', 'A GAN.', 'None.', ('points',), {{'points': {made}}}, build=dict{fields})"
    return CARDS.format("variants", before, made)


def loss(fields: str) -> str:
    return CARDS.format(
        "losses", "", f"LossSpec(**{{'name': 'l', 'summary': '', 'paper': '', 'build': dict}} | {fields})"
    )


BROKEN: dict[str, tuple[str, str]] = {
    # What is raised.
    "base-exception": ("class Stop(BaseException):\n    pass\nraise Stop('now')\n", "import failed: Stop: now"),
    "generator-exit": ("raise GeneratorExit\n", "import failed: GeneratorExit"),
    "keyboard": ("raise KeyboardInterrupt('mine')\n", "import failed: KeyboardInterrupt: mine"),
    "stop-iteration": ("raise StopIteration\n", "import failed: StopIteration"),
    "silent": (SILENT.format("Exception") + "raise Silent()\n", "import failed: Silent: (its message cannot be read)"),
    "silent-base": (
        SILENT.format("BaseException").replace("RuntimeError", "SystemExit") + "raise Silent()\n",
        "import failed: Silent: (its message cannot be read)",
    ),
    "not-text": ("class E(Exception):\n    def __str__(self):\n        return 5\nraise E\n", "import failed: E: (its"),
    "no-type-name": ("raise type('a\\x1b[31m\\nb', (Exception,), {})('x')\n", "import failed: a?[31m b: x"),
    "control": ("raise ValueError('\\x1b[31mred\\x07')\n", "import failed: ValueError: ?[31mred?"),
    "huge": ("raise ValueError('x' * 10_000_000)\n", "x..."),
    "odd-name": ("raise ImportError('no', name=5)\n", "import failed: ImportError: no"),
    "shell-name": ("raise ModuleNotFoundError('no', name='x; rm -rf y')\n", "ModuleNotFoundError: no"),
    "recursion": ("def f():\n    f()\nf()\n", "import failed: RecursionError: "),
    "chain": (
        SILENT.format("Exception") + "raise ValueError('outer') from Silent()\n",
        "import failed: ValueError: outer",
    ),
    "hook-base": (HOOK.format("raise type('Stop', (BaseException,), {})('now')"), "ganzoo_losses failed: Stop: now"),
    "hook-exit": (HOOK.format("import os; os._exit(3)"), "ganzoo_losses failed: Exited: os._exit(3) was called"),
    "hook-endless": (
        HOOK.format("yield from iter(int, 1)"),
        "ganzoo_losses failed: ValueError: more than 10,000 objects",
    ),
    "hook-silent-refusal": (
        "from ganzoo import GanzooError\n" + SILENT.format("GanzooError") + HOOK.format("raise Silent()"),
        "(its message cannot be read)",
    ),
    "exits": ("import os\nos._exit(3)\n", "import failed: Exited: os._exit(3) was called"),
    "exits-from": ("from os import _exit\n_exit(0)\n", "import failed: Exited: os._exit(0) was called"),
    # What modules are.
    "module-getattr": (
        "def __getattr__(name):\n    raise RuntimeError('no ' + name)\n",
        "RuntimeError: no ganzoo_api",
    ),
    "module-getattr-base": (
        "def __getattr__(name):\n    raise SystemExit(name)\n" + LOSS.format("x"),
        "SystemExit: ganzoo_api",
    ),
    "module-dir": ("def __dir__():\n    raise OSError('no names')\n", "OSError: no names"),
    "closes-output": (
        "import sys\nsys.stdout.close()\nraise ValueError('closed')\n",
        "import failed: ValueError: closed",
    ),
    # What cards hold.
    "summary-none": (loss("{'summary': None}"), "summary of the loss 'l' must be text, not None."),
    "paper-bytes": (loss("{'paper': b'x'}"), "paper of the loss 'l' must be text, not b'x'."),
    "name-silent": (
        SILENT.format("object") + loss("{'name': Silent()}"),
        "loss name an object of the type Silent must be lower-case letters",
    ),
    "name-none": (
        loss("{'name': 'none'}"),
        "loss name 'none' must be lower-case letters, digits and single hyphens, and not",
    ),
    "name-newline": (loss("{'name': 'a\\n'}"), "loss name 'a\\n' must be lower-case letters"),
    "options-none": (loss("{'options': None}"), "options of the loss 'l' must be a tuple of Option objects, not None."),
    "option-twice": (
        loss("{'options': (Option('a', 1.0, 'A.'), Option('a', 2.0, 'A.'))}"),
        "the loss 'l' has the option 'a' twice.",
    ),
    "option-default": (
        loss("{'options': (Option('a', 'one', 'A.'),)}"),
        "default of the option 'a' of the loss 'l' must be a finite number, not 'one'.",
    ),
    "option-bounds": (
        loss("{'options': (Option('a', 2.0, 'A.', maximum=1),)}"),
        "the default 2 of the option 'a' of the loss 'l' must be a number of at most 1.",
    ),
    "card-property": (
        CARDS.format(
            "losses",
            "class Card(LossSpec):\n    @property\n    def options(self):\n        raise OSError('gone')\n"
            "    @options.setter\n    def options(self, value):\n        pass\n",
            "object.__new__(Card)",
        ),
        "AttributeError: ",
    ),
    "penalty-weight": (
        CARDS.format("penalties", "", "PenaltySpec('p', '', '', dict, float('nan'))"),
        "weight of the penalty 'p' must be a finite number of at least 0, not nan.",
    ),
    "dataset-argument": (
        CARDS.format("datasets", "", "DatasetSpec('d', '', '', 'image', dict, argument='colour')"),
        "argument of the data set 'd' must be the name of a text key of Data",
    ),
    "dataset-kinds": (
        CARDS.format("datasets", "", "DatasetSpec('d', '', '', 'image', dict, kinds='abc')"),
        "kinds of the data set 'd' must be a tuple of text",
    ),
    "dataset-flag": (
        CARDS.format("datasets", "", "DatasetSpec('d', '', '', 'image', dict, labelled='no')"),
        "labelled of the data set 'd' must be True or False, not 'no'.",
    ),
    "metric-better": (
        CARDS.format("metrics", "", "MetricSpec('m', '', '', ('image',), dict, better={'m': 'up'})"),
        "better of the metric 'm' must be a dict of names to",
    ),
    "metric-better-list": (
        CARDS.format("metrics", "", "MetricSpec('m', '', '', ('image',), dict, better=['m'])"),
        "better of the metric 'm' must be a dict of names to",
    ),
    "metric-modalities": (
        CARDS.format("metrics", "", "MetricSpec('m', '', '', None, dict)"),
        "modalities of the metric 'm' must be a tuple of text",
    ),
    "modality-load": (
        CARDS.format("modalities", "", "ModalitySpec('sounds', '', None)"),
        "load of the modality 'sounds' must be a function.",
    ),
    "for-data-none": (
        variant("Recipe()", ", for_data=None"),
        "for_data of the variant 'v' must be a dict of data sets'",
    ),
    "for-data-number": (variant("Recipe()", ", for_data={5: 'points'}"), "for_data of the variant 'v' must be a dict"),
    "recipe-in-itself": (
        variant(
            "R()", before="loop = []\nloop.append(loop)\n" + EXTRA.format("loop").replace("key(loop", "key((loop,)")
        ),
        "recipe 'points' of 'v' cannot be written to JSON: extra holds itself; use numbers",
    ),
    "recipe-of-recipe": (
        variant(
            "made",
            before=EXTRA.format("None") + "made = R()\nobject.__setattr__(made, 'extra', {'again': made})\n",
        ),
        "recipe 'points' of 'v' cannot be written to JSON: extra holds itself",
    ),
    "recipe-deep": (
        variant("R()", before="deep = ()\nfor _ in range(200):\n    deep = (deep,)\n" + EXTRA.format("deep")),
        "extra holds more than 50 levels",
    ),
    "recipe-nan": (
        variant("R()", before=EXTRA.format("float('nan')")),
        "extra holds nan, which is not a finite number",
    ),
    "recipe-huge": (variant("R()", before=EXTRA.format("10 ** 400")), "which is not a finite number"),
    "recipe-key": (variant("R()", before=EXTRA.format("{5: 1}")), "extra holds a dict with the key 5"),
}
"""Name to source and expected part of the reason."""

COMMANDS: dict[str, tuple[str, str]] = {
    "raises-base": ("raise type('Stop', (BaseException,), {})('now')", "Stop: now"),
    "exits": ("import os; os._exit(4)", "Exited: os._exit(4) was called"),
    "spaces": ("cli.add_command(click.Command('x'), 'two words')", "the command name 'two words' must be letters"),
    "control": ("cli.add_command(click.Command('x'), 'a\\x1b[31m')", "the command name 'a\\x1b[31m' must be letters"),
    "option": ("cli.add_command(click.Command('x'), '--json')", "the command name '--json' must be letters"),
    "empty": ("cli.commands[''] = click.Command('x')", "the command name '' must be letters"),
    "number": ("cli.commands[5] = click.Command('x')", "the command name 5 must be letters"),
    "none": ("cli.commands[None] = click.Command('x')", "the command name None must be letters"),
    "function": ("cli.commands['made'] = print", "the command 'made' must be a click.Command, not builtin_function_or"),
    "help-number": ("cli.add_command(click.Command('helped', help=5))", "AttributeError: "),
    "help-control": (
        "cli.add_command(click.Command('red', help='\\x1b[31mred'))",
        "the help of the command 'red' contains control characters",
    ),
    "clears": ("cli.commands = None", "AttributeError: "),
    "params": ("cli.params.clear(); raise ValueError('done')", "ValueError: done"),
}
"""Body of ganzoo_commands and expected part of the note."""


def add_metadata(folder: Path) -> None:
    """Packages whose metadata are damaged, each with a plugin that would work."""
    for name in ("latin-metadata", "latin-points", "bad-line", "bad-target", "no-metadata", "no-version", "binary"):
        installed(folder, name, {name: LOSS.format(name)})
    info = {path.name.partition("-1.0")[0].replace("_", "-"): path for path in folder.glob("*-1.0.dist-info")}
    metadata = info["latin-metadata"] / "METADATA"
    metadata.write_bytes(metadata.read_bytes() + b"Author: Andr\xe9\n")
    points = info["latin-points"] / "entry_points.txt"
    points.write_bytes(points.read_bytes() + b"caf\xe9 = some.module\n")
    for name, line in (("bad-line", "this is no entry point"), ("bad-target", "other = not a module!")):
        points = info[name] / "entry_points.txt"
        points.write_text(points.read_text() + line + "\n")
    (info["no-metadata"] / "METADATA").unlink()
    (info["no-version"] / "METADATA").write_text("Metadata-Version: 2.1\nName: no-version\n")
    (info["binary"] / "entry_points.txt").write_bytes(os.urandom(3) + b"\0\xff\xfe[ganzoo\n")
    # Of a package that has no plugin.
    other = folder / "elsewhere-3.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_bytes(b"Metadata-Version: 2.1\nName: elsewhere\nVersion: 3.0\n")
    (other / "entry_points.txt").write_text("[console_scripts]\nno equals sign\n")


METADATA = {
    "latin-metadata": "its METADATA is not UTF-8: pip install --force-reinstall latin-metadata",
    "latin-points": "entry_points.txt has the damaged line 'caf\ufffd = some.module'",
    "bad-line": "entry_points.txt has the damaged line 'this is no entry point'",
    "bad-target": "entry_points.txt has the damaged line 'other = not a module!'",
    "no-metadata": "its METADATA is missing: pip install --force-reinstall no-metadata",
    "no-version": "its METADATA has no Version: pip install --force-reinstall no-version",
    "binary": "entry_points.txt has the damaged line",
    "elsewhere": "entry_points.txt has the damaged line 'no equals sign': pip install --force-reinstall elsewhere",
}
STILL_LOADED = ("latin-points", "bad-line", "bad-target")
"""Packages whose other entry points are intact."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where all of them are installed, and a valid one."""
    folder = tmp_path_factory.mktemp("installed")
    for name, (source, _) in BROKEN.items():
        installed(folder, f"gan-{name}", {name: source})
    for name, (body, _) in COMMANDS.items():
        source = f"import click\n{LOSS.format(f'with-{name}')}@hookimpl\ndef ganzoo_commands(cli):\n    {body}\n"
        installed(folder, f"cmd-{name}", {f"cmd-{name}": source})
    good = (
        "import click\n"
        + LOSS.format("good")
        + ("@hookimpl\ndef ganzoo_commands(cli):\n    @cli.command()\n    def greet():\n        '''Say hello.'''\n")
    )
    add_metadata(folder)
    return installed(folder, "zz-good", {"good": good}, "2.1")


def ganzoo(folder: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    environment = {"PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])} | environment
    finished = run([sys.executable, "-m", "ganzoo", *arguments], folder, environment)
    return finished.returncode, finished.stdout, finished.stderr


@pytest.fixture(scope="module")
def listed(folder: Path) -> tuple[list[str], list[str]]:
    """The names of the losses, and the warnings, of one `ganzoo list losses --json`."""
    code, out, err = ganzoo(folder, "list", "losses", "--json")
    assert code == 0, err
    return [row["name"] for row in json.loads(out)], err.splitlines()


def test_everything_that_works_is_listed(listed: tuple[list[str], list[str]]) -> None:
    names, lines = listed
    assert {"hinge", "good-loss", *(f"{name}-loss" for name in STILL_LOADED)} <= set(names)
    assert not {"l", "x-loss"} & set(names)
    assert all(line.startswith("warning: ") and line.isprintable() for line in lines)
    assert len([line for line in lines if line.startswith("warning: left out ")]) == len(BROKEN) + len(METADATA)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_is_named_in_one_line(name: str, listed: tuple[list[str], list[str]]) -> None:
    start = f"warning: left out plugin {name!r} (package gan-{name} 1.0): "
    (line,) = [line for line in listed[1] if line.startswith(start)]
    assert BROKEN[name][1] in line
    assert len(line) < 2_200


@pytest.mark.parametrize("name", METADATA)
def test_a_package_with_damaged_metadata_is_named_in_one_line(name: str, listed: tuple[list[str], list[str]]) -> None:
    (line,) = [line for line in listed[1] if f"(package {name} " in line]
    assert METADATA[name] in line


def test_a_missing_module_with_a_name_that_is_none_is_not_part_of_a_command(
    listed: tuple[list[str], list[str]],
) -> None:
    (line,) = [line for line in listed[1] if "plugin 'shell-name'" in line]
    assert "pip install" not in line


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_that_cannot_be_listed_are_left_out_with_a_note(name: str, folder: Path) -> None:
    code, out, err = ganzoo(folder, "plugins", "--json", GANZOO_PLUGINS=f"ganzoo,cmd-{name},zz-good")
    assert (code, err) == (0, "")
    rows = {row["name"]: row for row in json.loads(out)}
    (note,) = rows[f"cmd-{name}"]["notes"]
    assert note.startswith("its commands were left out: ")
    assert COMMANDS[name][1] in note
    assert rows[f"cmd-{name}"]["adds"] == {"losses": [f"with-{name}-loss"]}
    assert rows["good"]["adds"] == {"losses": ["good-loss"], "commands": ["greet"]}


@pytest.mark.parametrize("arguments", [["plugins"], ["--debug", "plugins"], ["--help"], ["show", "hinge"], ["list"]])
def test_every_command_works_beside_them(arguments: list[str], folder: Path) -> None:
    code, out, err = ganzoo(folder, *arguments)
    assert code == 0, err
    if "--debug" not in arguments:
        assert "Traceback" not in err
    if arguments == ["--help"]:
        assert "greet" in out
        assert "Say hello." in out


def test_completion_works_beside_them(folder: Path) -> None:
    words = {"COMP_WORDS": "ganzoo show h", "COMP_CWORD": "2", "_GANZOO_COMPLETE": "bash_complete"}
    code = "import sys; from ganzoo.cli import main; sys.argv = ['ganzoo']; main()"
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    found = run([sys.executable, "-c", code], folder, {"PYTHONPATH": path, **words})
    assert found.returncode == 0
    known = run([sys.executable, "-c", code], folder, {"PYTHONPATH": path, **words, "COMP_WORDS": "ganzoo show van"})
    assert known.stdout.splitlines()[0] == "plain,vanilla"


def test_training_works_beside_them(folder: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "run")
    code, _, err = ganzoo(folder, "train", "vanilla.points", "--steps", "2", "--out", out, "--no-scores")
    assert code == 0, err


# Plugins that never return, or end the process.


def start(folder: Path, cache: Path, code: str = "") -> subprocess.Popen[str]:
    """`ganzoo list losses` in a process of its own; code runs before it."""
    program = f"{code}\nfrom ganzoo.cli import run\nimport sys\nsys.exit(run(['list', 'losses']))\n"
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]),
        "GANZOO_CACHE": str(cache),
    }
    return subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def ends(folder: Path, cache: Path, code: str = "") -> tuple[int, str, list[str]]:
    process = start(folder, cache, code)
    out, err = process.communicate()
    return process.returncode, out, err.splitlines()


CRASHES = {
    "segmentation-fault": ("import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n", "Segmentation fault"),
    "abort": ("import os\nos.abort()\n", "Aborted"),
    "exit-in-a-thread": (
        "import os, threading\nt = threading.Thread(target=os._exit, args=(5,))\nt.start()\nt.join()\n",
        "os._exit(5) was called",
    ),
}


@pytest.mark.parametrize("name", CRASHES)
def test_the_next_command_names_a_plugin_that_ended_the_process_once(name: str, tmp_path: Path) -> None:
    source, why = CRASHES[name]
    installed(tmp_path / "site", "gan-other", {"other": LOSS.format("other")})
    folder, cache = installed(tmp_path / "site", "gan-crash", {"crash": source}), tmp_path / "cache"
    code, out, _ = ends(folder, cache)
    assert code != 0
    assert out == ""
    (folder / "gan_crash_crash.py").write_text(LOSS.format("mended"))
    code, out, err = ends(folder, cache)
    assert code == 0
    assert "mended-loss" in out
    advice = "GANZOO_PLUGINS=ganzoo,gan-other leaves it out."
    doing = "importing plugin 'crash' (package gan-crash 1.0)"
    assert err == [f"warning: an earlier command ended while {doing} ({why}): {advice}"]
    assert ends(folder, cache)[2] == []
    assert list((cache / "importing").iterdir()) == []


HANGS = "import sys\nsys.__stdout__.write('hangs\\n')\nsys.__stdout__.flush()\nwhile True:\n    pass\n"


@pytest.mark.parametrize("number", ["SIGKILL", "SIGINT", "SIGTERM"])
def test_a_command_that_was_stopped_from_outside_raises_no_alarm(number: str, tmp_path: Path) -> None:
    folder, cache = installed(tmp_path / "site", "gan-hangs", {"hangs": HANGS}), tmp_path / "cache"
    process = start(
        folder, cache, "import ganzoo.machine.signals as s; handling = s.interruptible(); handling.__enter__()"
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "hangs\n"
    # A command beside it leaves its mark alone.
    (folder / "gan_hangs_hangs.py").write_text(LOSS.format("mended"))
    assert ends(folder, cache)[::2] == (0, [])
    process.send_signal(signal.Signals[number])
    _, err = process.communicate()
    if number != "SIGKILL":
        assert err == f"error: stopped by {number} while importing plugin 'hangs' (package gan-hangs 1.0).\n"
    assert ends(folder, cache)[::2] == (0, [])


def test_a_plugin_that_takes_long_is_named_while_it_does(tmp_path: Path) -> None:
    installed(tmp_path / "site", "gan-other", {"other": LOSS.format("other")})
    folder = installed(tmp_path / "site", "gan-hangs", {"hangs": HANGS})
    process = start(folder, tmp_path / "cache", "import ganzoo.zoo.watch as watch; watch.PATIENCE = 0.1")
    assert process.stderr is not None
    line = process.stderr.readline()
    process.kill()
    process.communicate()
    named = "still importing plugin 'hangs' (package gan-hangs 1.0) after 0.1 s"
    assert line == f"warning: {named}: GANZOO_PLUGINS=ganzoo,gan-other leaves it out.\n"


def test_without_a_folder_for_marks_everything_works(tmp_path: Path) -> None:
    folder = installed(tmp_path / "site", "gan-other", {"other": LOSS.format("other")})
    (tmp_path / "file").write_text("")
    code, out, err = ends(folder, tmp_path / "file" / "cache")
    assert (code, err) == (0, [])
    assert "other-loss" in out


def test_bundled_plugins_leave_no_mark_and_start_no_thread(tmp_path: Path) -> None:
    code = "import atexit, threading; atexit.register(lambda: print(threading.active_count()))"
    assert ends(tmp_path, tmp_path / "cache", code)[1].splitlines()[-1] == "1"
    assert not (tmp_path / "cache").exists()
