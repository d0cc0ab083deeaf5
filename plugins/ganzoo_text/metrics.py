"""Scores of text, by sentences of token numbers without their ends."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch

from ganzoo.data.samples import Measured, Samples

from . import grammar
from .modality import coder_of
from .ngram_model import DISCOUNT, KneserNey
from .sentence_bleu import mean_bleu, mean_self_bleu, ngrams
from .vocabulary import END

LENGTHS = (1, 2, 3)
"""Of the n-grams whose frequencies are compared."""

Sentences = list[tuple[int, ...]]


def sentences_of(x: Any) -> Sentences:
    """Rows of token numbers `[N, L]` without their ends; an empty sentence is one unknown token."""
    rows = torch.as_tensor(x).tolist()
    return [tuple(row[: row.index(END)] if END in row else row) or (END,) for row in rows]


def fakes(samples: Samples) -> Sentences:
    found: Sentences = samples.memo.once("sentences", lambda: sentences_of(samples.fake))
    return found


def references(samples: Samples) -> Sentences:
    """All sentences of the split that samples are compared with."""
    data = samples.real(samples.reference)
    found: Sentences = data.memo.once("sentences", lambda: sentences_of(data.arrays["x"]))
    return found


def bleu(samples: Samples) -> Measured:
    """`BLEU-2` to `BLEU-5`, means over the samples."""
    real = references(samples)
    found = mean_bleu(fakes(samples), real)
    return Measured(
        {f"BLEU-{order}": value for order, value in found.items()},
        split=samples.reference,
        references=len(real),
        smoothing="method 1 (epsilon 0.1)",
    )


def self_bleu(samples: Samples) -> Measured:
    """`self-BLEU-2` to `self-BLEU-5`, means over the samples."""
    found = mean_self_bleu(fakes(samples))
    return Measured({f"self-BLEU-{order}": value for order, value in found.items()}, smoothing="method 1 (epsilon 0.1)")


def likelihood(samples: Samples) -> Measured:
    """`NLL` of samples under a model of real sentences, `reverse-NLL` of these under a model of samples."""
    vocabulary = len(coder_of(samples.spec).tokens)
    ended = [[(*sentence, END) for sentence in found] for found in (fakes(samples), references(samples))]
    fake, real = ended
    return Measured(
        {"NLL": KneserNey(real, vocabulary).nll(fake), "reverse-NLL": KneserNey(fake, vocabulary).nll(real)},
        split=samples.reference,
        n_real=len(real),
        model=f"trigrams, interpolated Kneser-Ney, discount {DISCOUNT}",
    )


def divergence(samples: Samples) -> Measured:
    """`JSD-1` to `JSD-3` between the frequencies of n-grams, which include the ends of sentences."""
    real = references(samples)
    found = {f"JSD-{n}": jensen_shannon(fakes(samples), real, n) for n in LENGTHS}
    return Measured(found, split=samples.reference, n_real=len(real))


def jensen_shannon(one: Sequence[Sequence[int]], other: Sequence[Sequence[int]], n: int) -> float:
    """The Jensen-Shannon divergence of the distributions of n-grams, in bits: 0 for equal ones, 1 for disjoint ones."""
    p, q = (Counter(gram for sentence in found for gram in ngrams((*sentence, END), n)) for found in (one, other))
    total, sums = (sum(p.values()) or 1, sum(q.values()) or 1), 0.0
    for gram in p.keys() | q.keys():
        a, b = p[gram] / total[0], q[gram] / total[1]
        sums += sum(0.5 * share * math.log2(2 * share / (a + b)) for share in (a, b) if share)
    return sums


def novelty(samples: Samples) -> Measured:
    """`novel`: not in the training split. `unique`: drawn once only."""
    found, known = fakes(samples), set(references(samples))
    times = Counter(found)
    novel = sum(sentence not in known for sentence in found) / len(found)
    unique = sum(times[sentence] == 1 for sentence in found) / len(found)
    return Measured({"novel": novel, "unique": unique}, split=samples.reference, n_real=len(references(samples)))


def grammaticality(samples: Samples) -> dict[str, float]:
    """The fraction of samples that the grammar generates; nothing for other text."""
    if not samples.spec.note.get("grammar"):
        return {}
    coder = coder_of(samples.spec)
    lines = [coder.decode(sentence) for sentence in fakes(samples)]
    return {"grammatical": sum(map(grammar.generates, lines)) / len(lines)}
