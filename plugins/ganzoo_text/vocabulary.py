"""From lines of text to numbers and back. Number 0 ends a sentence and fills the rest; 1 is any unknown token."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

END, UNKNOWN = 0, 1
LEVELS = ("words", "characters")
SPECIAL = {"words": ("<end>", "<unk>"), "characters": ("\u0003", "\ufffd")}
"""How the two special tokens are written. A line of text has neither of those of characters."""

TOKEN = re.compile(r"[.,;:!?]|[^\s.,;:!?]+")
BEFORE_MARK = re.compile(r" (?=[.,;:!?])")


def tokens_of(line: str, level: str) -> list[str]:
    """The words and marks of a line, or its characters; several spaces count as one."""
    return TOKEN.findall(line) if level == "words" else list(" ".join(line.split()))


def text_of(tokens: Iterable[str], level: str) -> str:
    """The line that has these tokens."""
    return BEFORE_MARK.sub("", " ".join(tokens)) if level == "words" else "".join(tokens)


def vocabulary_of(sentences: Iterable[Sequence[str]], level: str, minimum: int, largest: int) -> list[str]:
    """The special tokens, then those that occur at least `minimum` times: at most `largest`, the most frequent ones."""
    counts = Counter(token for tokens in sentences for token in tokens)
    kept = sorted((token for token in counts if counts[token] >= minimum), key=lambda token: (-counts[token], token))
    return [*SPECIAL[level], *sorted(set(kept[:largest]) - set(SPECIAL[level]))]


class Coder:
    """Turns sentences of the data described by a note (`DataSpec.note`) into rows of `length` numbers and back."""

    def __init__(self, note: Mapping[str, Any], length: int) -> None:
        self.tokens: list[str] = list(note["tokens"])
        self.level: str = note["level"]
        self.length = length
        self.numbers = {token: number for number, token in enumerate(self.tokens)}

    def encode(self, tokens: Sequence[str]) -> list[int]:
        """A row of numbers. Unknown tokens become UNKNOWN, those beyond the length are cut off."""
        row = [self.numbers.get(token, UNKNOWN) for token in tokens[: self.length]]
        return row + [END] * (self.length - len(row))

    def decode(self, row: Sequence[int]) -> str:
        """The line of text of a row, up to its end."""
        row = list(row)
        kept = row[: row.index(END)] if END in row else row
        return text_of((self.tokens[number] for number in kept), self.level)
