"""The data sets: sentences of the grammar, and the user's own lines of text."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch

from ganzoo.data.common import check_request
from ganzoo.data.dataset import Dataset
from ganzoo.errors import GanzooError, unknown
from ganzoo.recipes import Data, DataSpec

from . import grammar
from .vocabulary import LEVELS, SPECIAL, Coder, tokens_of, vocabulary_of

TRAIN, TEST = 10_000, 2_000
"""Sentences of the grammar in each split, drawn independently."""

LONGEST = {"words": 32, "characters": 100}
"""Tokens of the longest sentence of the user's that is kept, unless data.size says otherwise."""

MINIMUM, LARGEST = 2, 5_000
"""A word is known if it occurs this often; at most so many words are, the most frequent ones."""

FEWEST = 20
"""Sentences, of which a tenth is held out."""


def load_grammar(data: Data, split: str) -> Dataset:
    """Sentences of the grammar, drawn with a fixed seed."""
    check_request("grammar", data, split)
    _refuse_image_keys("grammar", data, ("size",))
    sentences = grammar.generate(TRAIN, 0) if split == "train" else grammar.generate(TEST, 1)
    note = {"level": "words", "tokens": [*SPECIAL["words"], *grammar.WORDS], "grammar": True}
    coder = Coder(note, grammar.LENGTH)
    rows = [coder.encode(sentence.split()) for sentence in sentences]
    return Dataset({"x": torch.tensor(rows)}, DataSpec("grammar", "tokens", (grammar.LENGTH,), range=None, note=note))


def load_text(data: Data, split: str) -> Dataset:
    """The lines of data.path, as words or (data.kind) characters; every tenth is held out.

    The vocabulary is that of the training split. Lines with more tokens than data.size are left out. Raises
    GanzooError for a file that is not text, or has too few sentences.
    """
    check_request("text", dataclasses.replace(data, kind=""), split, argument="path")
    _refuse_image_keys("text", data, ())
    level = data.kind or LEVELS[0]
    if level not in LEVELS:
        raise unknown("kind of text", level, LEVELS)
    if not data.path:
        raise GanzooError("text reads your own file: type --dataset FILE.txt, with a sentence on each line.")
    fitting, notes = fitting_sentences(data, level)
    train = [tokens for number, tokens in enumerate(fitting) if number % 10 != 9]
    # Few characters are rare, and none is worth losing.
    known = vocabulary_of(train, level, MINIMUM if level == "words" else 1, LARGEST)
    if len(known) == len(SPECIAL[level]):
        raise GanzooError(
            f"{data.path} has no {level[:-1]} that occurs {MINIMUM} times: too little text to learn from."
        )
    note = {"level": level, "tokens": known}
    coder = Coder(note, max(map(len, fitting)))
    rows = [coder.encode(tokens) for tokens in (train if split == "train" else fitting[9::10])]
    strange = sum(token not in coder.numbers for tokens in train for token in tokens)
    if strange:
        share = strange / sum(map(len, train))
        notes.append(f"{len(known) - 2:,} {level} are known; {share:.1%} of the text is rarer and becomes {known[1]}")
    spec = DataSpec("text", "tokens", (coder.length,), range=None, note=note)
    return Dataset({"x": torch.tensor(rows)}, spec, notes=tuple(notes))


def fitting_sentences(data: Data, level: str) -> tuple[list[list[str]], list[str]]:
    """The tokens of the lines of data.path that are short enough, and a note on those that are not.

    Raises GanzooError if there are too few.
    """
    if isinstance(data.size, tuple):
        raise GanzooError(f"data.size is the number of {level} of the longest sentence here: give one number.")
    sentences = [tokens for line in read_lines(Path(data.path)) if (tokens := tokens_of(line, level))]
    if len(sentences) < FEWEST:
        raise GanzooError(
            f"{data.path} has {len(sentences)} sentences: at least {FEWEST} are needed, each on a line of its own."
        )
    longest = data.size or LONGEST[level]
    fitting = [tokens for tokens in sentences if len(tokens) <= longest]
    left_out = len(sentences) - len(fitting)
    if len(fitting) < FEWEST:
        raise GanzooError(
            f"{data.path} has {len(fitting)} lines of up to {longest} {level} and {left_out} longer ones: put each "
            "sentence on a line of its own, or set the longest with --set data.size=N."
        )
    note = f"{left_out:,} of {len(sentences):,} lines are longer than {longest} {level} and are left out"
    return fitting, [note] if left_out else []


def read_lines(path: Path) -> list[str]:
    """The lines of a text file. Raises GanzooError for a file that cannot be read or is not UTF-8 text."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise GanzooError(
            f"cannot read {path} ({error.strerror}): name a .txt file with a sentence on each line."
        ) from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise GanzooError(
            f"{path} is not UTF-8 text (byte {error.start:,}): convert it first, as with "
            f"`iconv -f LATIN1 -t UTF-8 {path.name}`."
        ) from error
    if "\0" in text:
        raise GanzooError(f"{path} is not a text file: it has zero bytes.")
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _refuse_image_keys(name: str, data: Data, more: tuple[str, ...]) -> None:
    given = [f"data.{key}" for key in ("channels", "flip", "low", "high", *more) if getattr(data, key)]
    if given:
        raise GanzooError(f"{name} is text: leave out {' and '.join(given)}.")
