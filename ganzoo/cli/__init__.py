"""The command line. Each command is a small file in this folder, and all its logic is in the Python API."""

from __future__ import annotations

import errno
import os
import pkgutil
import sys

import click

from ganzoo.cli.output import fail, warn
from ganzoo.cli.typed_options import answer
from ganzoo.errors import GanzooError, OtherRankFailed, TrainingError, unknown
from ganzoo.files.atomic import REASONS, reason
from ganzoo.files.typed import shortened
from ganzoo.machine.packages import tolerate_damage
from ganzoo.machine.signals import Interrupted, interruptible
from ganzoo.machine.streams import OutputError, protect
from ganzoo.zoo.boundary import describe, message

PARENT_PID = os.getppid()

SYSTEM = REASONS.keys() - {errno.ENOENT}
"""Errors that say something about the user's disk and names; a file that is missing may be a mistake of the code."""


OTHER_COMMANDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("run", "fit", "start", "learn", "finetune", "transfer"), ("train",)),
    **dict.fromkeys(("continue", "restart"), ("resume",)),
    **dict.fromkeys(("generate", "gen", "draw", "predict", "interpolate"), ("sample",)),
    **dict.fromkeys(("sefa", "ganspace", "pca", "latent"), ("directions",)),
    **dict.fromkeys(("convert", "onnx", "save"), ("export",)),
    **dict.fromkeys(("evaluate", "test", "fid", "metrics"), ("eval",)),
    **dict.fromkeys(("diff", "plot"), ("compare",)),
    **dict.fromkeys(("html", "summary", "dashboard"), ("report",)),
    **dict.fromkeys(("benchmark", "sweep", "grid"), ("bench",)),
    **dict.fromkeys(("ls", "zoo", "models", "variants", "datasets"), ("list",)),
    **dict.fromkeys(("info", "describe"), ("show",)),
    **dict.fromkeys(("new", "plugin", "create"), ("plugins",)),
    "anomalies": ("score",),
    **dict.fromkeys(("search", "optimise", "optimize", "hpo", "optuna", "hyperparameters"), ("tune",)),
}
"""Commands by what other programs call them."""


class Commands(click.Group):
    """A group whose commands are imported on first use, so that `list` never waits for torch."""

    lazy = (
        *(
            "train",
            "resume",
            "sample",
            "directions",
            "export",
            "push",
            "pull",
            "eval",
            "score",
            "compare",
            "report",
            "bench",
            "tune",
        ),
        *("runs", "list", "show", "plugins", "cache", "completion"),
    )

    def list_commands(self, ctx: click.Context) -> list[str]:
        self.load_plugins()
        return [*self.lazy, *sorted(set(self.commands) - set(self.lazy))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self.lazy:
            tolerate_damage()
            command: click.Command = pkgutil.resolve_name(f"ganzoo.cli.{cmd_name}:command")
            return command
        self.load_plugins()
        return self.commands.get(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name == "help":
            if len(args) == 1:
                click.echo(ctx.get_help())
                ctx.exit()
            name, *_ = args = [args[1], "--help"]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            from ganzoo.zoo.zoo import current_zoo

            known = self.list_commands(ctx)
            meant = [command for command in OTHER_COMMANDS.get(name.casefold(), ()) if command in known]
            if not meant and name.partition(".")[0] in current_zoo().tables["variants"]:
                raise GanzooError(f"unknown command {name!r}: type ganzoo train {name}, or ganzoo show {name}.")
            raise unknown("command", name, known, current_zoo().hint(name).removeprefix("; "), meant)
        return super().resolve_command(ctx, args)

    def load_plugins(self, quiet: bool = False) -> None:
        """Let plugins add their commands, once; warn about those that fail, unless `quiet`."""
        if not self.__dict__.get("_loaded"):
            self.__dict__["_loaded"] = True
            from ganzoo.zoo.zoo import current_zoo

            for problem in current_zoo().add_commands(self):
                if not quiet:
                    warn(problem)


def disable_plugins(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """Load no plugins, in this process and in those of other ranks."""
    if value:
        os.environ["GANZOO_PLUGINS"] = ""


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="ganzoo", message="ganzoo %(version)s")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.option(
    "--no-plugins",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=disable_plugins,
    help="Load no plugins, not even those that ship with ganzoo.",
)
def cli(debug: bool) -> None:
    """A zoo of GANs: train, sample and compare named variants.

    Start with `ganzoo lab`, which shows in the browser how a GAN learns, or with `ganzoo train dcgan`. They need no
    download and no GPU.

    The environment variable GANZOO_PLUGINS=a,b loads only the plugins a and b, given by their names or
    their packages' names (`ganzoo` stands for all that ship with it). If it is empty, that is the same as --no-plugins.
    """


def main() -> None:
    """Run the command line. Exit codes: 2 for a mistake, 1 for training that had to stop, 128 + n for signal n."""
    protect()
    with interruptible():
        sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run a command line; returns its exit code."""
    debug = "--debug" in arguments
    try:
        cli.main(arguments or ["--help"], prog_name="ganzoo", standalone_mode=False)
        sys.stdout.flush()
        return 0
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except OtherRankFailed:
        return 1
    except Interrupted as stop:
        return 128 + stop.number if is_other_rank() else fail(f"{stop}.", 128 + stop.number)
    except GanzooError as error:
        if debug:
            raise
        return fail(exact(error), 1 if isinstance(error, TrainingError) else 2)
    except click.ClickException as error:
        instead = answer(error, arguments) if isinstance(error, click.NoSuchOption) else ""
        if instead:
            return fail(instead, 2)
        hint = f" (`{error.ctx.command_path} --help`)" if isinstance(error, click.UsageError) and error.ctx else ""
        return fail(" ".join(error.format_message().split()) + hint, 2)
    except (KeyboardInterrupt, click.Abort):
        return fail("stopped.", 130)
    except OutputError as error:
        # The reader of a pipe may end before this process (`ganzoo list | head`), which is no error.
        return 1 if error.errno == errno.EPIPE else fail(f"cannot write to standard output: {reason(error)}.", 1)
    except Exception as error:
        if debug:
            raise
        if isinstance(error, OSError) and error.errno in SYSTEM and error.filename:
            return fail(f"{shortened(str(error.filename))}: {error.strerror}.", 2)
        from ganzoo.api.failures import is_out_of_memory

        if is_out_of_memory(error):
            return fail(f"out of memory: {describe(error)[:200]}; request fewer samples, or use another device.", 1)
        if is_other_rank() and os.getppid() != PARENT_PID:
            # The first rank has ended and reported why; what failed here is the communication with it.
            return 1
        return fail(f"{describe(error)} (for a traceback: `ganzoo --debug {' '.join(arguments)}`)", 1)


def is_other_rank() -> bool:
    """Whether this process is a rank of a training run other than the first, which reports for all."""
    from ganzoo.machine.cluster import is_first_process

    return is_first_process() is False


def exact(error: GanzooError) -> str:
    """The message of an error, as it is; a plugin's own class may fail to give it."""
    try:
        return str(error)
    except Exception:
        return message(error)
