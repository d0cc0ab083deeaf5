"""A language model of trigrams with interpolated Kneser-Ney smoothing."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

START, DISCOUNT = -1, 0.75


class KneserNey:
    """Probabilities of the next token given the tokens before it, of which the last `order - 1` count.

    The highest order uses counts, lower ones the number of different tokens that an n-gram follows (Kneser & Ney 1995);
    each order takes `discount` from every n-gram seen and gives it to the order below (Chen & Goodman 1999, equation
    23). Below single tokens is the uniform distribution over the vocabulary, so that nothing is impossible.
    sentences: token numbers, each with its end.
    """

    def __init__(self, sentences: Sequence[Sequence[int]], vocabulary: int, order: int = 3) -> None:
        self.vocabulary, self.order = vocabulary, order
        self.counts: list[Counter[tuple[int, ...]]] = [Counter() for _ in range(order)]
        for sentence in sentences:
            padded = (*[START] * (order - 1), *sentence)
            self.counts[-1].update(tuple(padded[at : at + order]) for at in range(len(sentence)))
        for n in range(order - 1, 0, -1):
            # Of each shorter n-gram, how many different longer ones end in it.
            self.counts[n - 1].update(gram[1:] for gram in self.counts[n])
        self.totals: list[Counter[tuple[int, ...]]] = [Counter() for _ in range(order)]
        self.kinds: list[Counter[tuple[int, ...]]] = [Counter() for _ in range(order)]
        for n, counts in enumerate(self.counts):
            for gram, count in counts.items():
                self.totals[n][gram[:-1]] += count
                self.kinds[n][gram[:-1]] += 1
        self.cache: dict[tuple[int, ...], float] = {}

    def probability(self, token: int, context: tuple[int, ...]) -> float:
        """The probability of a token after a context of up to `order - 1` tokens."""
        gram = (*context, token)
        if gram not in self.cache:
            below = self.probability(token, context[1:]) if context else 1 / self.vocabulary
            n, total = len(context), self.totals[len(context)][context]
            if total:
                kept = max(self.counts[n][gram] - DISCOUNT, 0.0)
                below = (kept + DISCOUNT * self.kinds[n][context] * below) / total
            self.cache[gram] = below
        return self.cache[gram]

    def nll(self, sentences: Sequence[Sequence[int]]) -> float:
        """The mean negative log-likelihood of the tokens of sentences, each with its end, in nats."""
        sums: dict[str, float] = defaultdict(float)
        for sentence in sentences:
            padded = (*[START] * (self.order - 1), *sentence)
            for at, token in enumerate(sentence):
                sums["log"] += math.log(self.probability(token, padded[at : at + self.order - 1]))
            sums["tokens"] += len(sentence)
        return -sums["log"] / sums["tokens"]
