"""Errors that a user can mend, and the near-miss suggestions that go with them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class GanzooError(Exception):
    """A mistake that the user can mend: one line that says what is wrong and what to type instead.

    The command line prints the message without a traceback and exits with code 2.
    """


class Unsuited(GanzooError):
    """The variant cannot take the data: another modality, or no class labels where it needs them."""


class TrainingError(GanzooError):
    """Training had to stop (a loss that is not finite, a full disk): one line, exit code 1."""


class StoppedElsewhere(GanzooError):
    """This rank stops because of an error that another one reports. The command line prints nothing for it."""


def unknown(kind: str, name: str, known: Iterable[str], see: str = "") -> GanzooError:
    """The error for a name that nothing is registered under: the near misses first, else all names."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if close:
        hint = "did you mean " + " or ".join(close) + "?"
    elif names:
        hint = "there is " + ", ".join(names) + "."
    else:
        hint = "there is none."
    return GanzooError(f"unknown {kind} {name!r}: {hint}{' ' + see if see else ''}")
