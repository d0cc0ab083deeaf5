"""Errors that a user can fix, suggestions for misspelt names, and text that is safe to print."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class GanzooError(Exception):
    """A mistake that the user can fix: one line that says what is wrong and what to type instead.

    The command line prints the message without a traceback and exits with code 2; so does a notebook.
    """

    def _render_traceback_(self) -> list[str]:
        """What IPython shows."""
        return [f"{type(self).__name__}: {printable(str(self))}"]


class IncompatibleData(GanzooError):
    """The variant does not support the data: another modality, or no class labels although it needs them."""


class TrainingError(GanzooError):
    """Training had to stop (a loss that is not finite, a full disk): one line, exit code 1."""


class OtherRankFailed(GanzooError):
    """This rank stops because of an error that another rank reports. The command line prints nothing for it."""


def unknown(kind: str, name: str, known: Iterable[str], see: str = "", meant: Sequence[str] = ()) -> GanzooError:
    """The error for an unknown name: with the names that it may mean, else similar ones, else all names."""
    names = sorted(known)
    close = list(meant) or difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        hint = "did you mean " + " or ".join(close) + "?"
    elif names:
        hint = "available: " + ", ".join(names) + "."
    else:
        hint = "none available."
    # A recipe file may have any text as a name.
    return GanzooError(f"unknown {kind} {name!r}: {printable(hint)}{' ' + see if see else ''}")


def printable(text: str) -> str:
    """Text that a terminal shows and does not obey: without line breaks and control characters."""
    return "".join(character if character.isprintable() else "?" for character in text)
