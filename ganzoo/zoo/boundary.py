"""The boundary to third-party code: whatever it raises becomes one line, and what it returns is checked.

All calls of a plugin's code go through `contained` or `refusing`; `ganzoo.zoo.cards` checks the cards that it returns.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

from ganzoo.errors import GanzooError, printable
from ganzoo.machine.signals import is_interrupt

MOST = 10_000
"""Objects that a hook may return; one that returns more never ends."""

LONGEST = 2_000
"""Characters of a message from code that is not ours."""


class Broken(Exception):
    """Third-party code failed. Its message is the exception in one line; trace: the traceback."""

    def __init__(self, line: str, trace: str = "") -> None:
        super().__init__(line)
        self.trace = trace


@contextmanager
def contained(*passed_on: type[BaseException]) -> Iterator[None]:
    """Turn whatever is raised within this block into Broken, also what is not an Exception, such as SystemExit.

    Only the user's own interruption and the exceptions `passed_on` are raised as they are.
    """
    try:
        yield
    except passed_on:
        raise
    except BaseException as error:
        if is_interrupt(error):
            raise
        raise Broken(describe(error), trace_of(error)) from error


@contextmanager
def refusing(what: str) -> Iterator[str]:
    """Turn whatever is raised within this block into a GanzooError, `WHAT failed: ...`; its own GanzooErrors pass.

    The block is given `what`.
    """
    try:
        with contained(GanzooError):
            yield what
    except Broken as error:
        raise GanzooError(f"{what} failed: {error}") from error.__cause__


def few(values: Iterable[Any]) -> list[Any]:
    """The values as a list. Raises ValueError for more than any plugin has."""
    found = list(islice(iter(values), MOST + 1))
    if len(found) > MOST:
        raise ValueError(f"more than {MOST:,} objects")
    return found


def describe(error: BaseException) -> str:
    """Anyone's exception in one printable line: its type and its message."""
    kind, text = _line(lambda: type(error).__name__, "an exception"), message(error)
    return f"{kind}: {text}" if text else kind


def message(error: BaseException) -> str:
    """The message of anyone's exception in one printable line, which says so if it cannot be read."""
    return _line(lambda: str(error), "(its message cannot be read)")


def shown(value: object) -> str:
    """Anyone's value as code, in one printable line; only its type if it cannot be shown."""
    return _line(lambda: repr(value), f"an object of the type {kind_of(value)}")


def kind_of(value: object) -> str:
    """The name of a value's type; "nothing" for None."""
    return "nothing" if value is None else _line(lambda: type(value).__name__, "unknown")


def trace_of(error: BaseException) -> str:
    """The traceback of anyone's exception; its line if that cannot be read."""
    try:
        with contained():
            return "".join(traceback.format_exception(error))
    except Broken:
        return describe(error)


def _line(read: Callable[[], str], otherwise: str) -> str:
    try:
        # Cut before it is split, as it may be of any length.
        text = printable(" ".join(str(read())[: 2 * LONGEST].split()))
    except BaseException as error:
        if is_interrupt(error):
            raise
        return otherwise
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
