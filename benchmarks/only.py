"""The option `--only TEXT ...`, by which a benchmark measures some of its rows. Does not import torch."""

from __future__ import annotations

import argparse
from collections.abc import Sequence


def add_only(parser: argparse.ArgumentParser, what: str) -> None:
    """Add the option. what: what its texts choose, in the plural."""
    parser.add_argument("--only", nargs="*", default=[], metavar="TEXT", help=f"only {what} whose name contains one")


def chosen(name: str, only: Sequence[str]) -> bool:
    """Whether a name contains one of the texts; all do if there are none."""
    return not only or any(text in name for text in only)
