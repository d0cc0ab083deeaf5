"""Sentence BLEU against many references at once, as Texygen computes it with NLTK's sentence_bleu.

NLTK counts all references anew for each hypothesis, which takes minutes for 1,000 samples and 1,000 references. Here
the largest count of each n-gram in any reference is found once.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

ORDERS = (2, 3, 4, 5)
EPSILON = 0.1
"""What takes the place of a count of 0: smoothing method 1 of Chen & Cherry 2014."""

Sentence = Sequence[int]


class References:
    """The largest counts of n-grams in any reference, and in any but one, for n up to the largest order."""

    def __init__(self, sentences: Sequence[Sentence], orders: Sequence[int] = ORDERS) -> None:
        self.orders = orders
        self.lengths = Counter(map(len, sentences))
        # For each n-gram: the largest count, which sentence has it, and the largest count in any other sentence.
        self.largest: dict[tuple[int, ...], tuple[int, int, int]] = {}
        for owner, sentence in enumerate(sentences):
            for n in range(1, max(orders) + 1):
                for gram, count in Counter(ngrams(sentence, n)).items():
                    best, of, second = self.largest.get(gram, (0, -1, 0))
                    self.largest[gram] = (count, owner, best) if count > best else (best, of, max(second, count))

    def bleu(self, hypothesis: Sentence, left_out: int = -1) -> dict[int, float]:
        """BLEU of each order, with weights of 1/n; the reference number `left_out` is the hypothesis itself."""
        logs = []
        for n in range(1, max(self.orders) + 1):
            matched = 0
            for gram, count in Counter(ngrams(hypothesis, n)).items():
                best, owner, second = self.largest.get(gram, (0, -1, 0))
                matched += min(count, second if owner == left_out >= 0 else best)
            if n == 1 and not matched:
                return dict.fromkeys(self.orders, 0.0)
            logs.append(math.log((matched or EPSILON) / max(1, len(hypothesis) - n + 1)))
        brief = min(0.0, 1 - self.closest(len(hypothesis), left_out >= 0) / len(hypothesis))
        return {order: math.exp(brief + sum(logs[:order]) / order) for order in self.orders}

    def closest(self, length: int, itself: bool) -> int:
        """The closest length of a reference, the shorter of two; itself: one of them is the sentence itself."""
        if self.lengths[length] > itself:
            return length
        return min((other for other in self.lengths if other != length), key=lambda of: (abs(of - length), of))


def ngrams(sentence: Sentence, n: int) -> list[tuple[int, ...]]:
    """The n-grams of a sentence, in order."""
    return [tuple(sentence[at : at + n]) for at in range(len(sentence) - n + 1)]


def mean_bleu(hypotheses: Sequence[Sentence], references: Sequence[Sentence]) -> dict[int, float]:
    """The mean over hypotheses of their BLEU with all references."""
    counted = References(references)
    return _mean([counted.bleu(hypothesis) for hypothesis in hypotheses])


def mean_self_bleu(sentences: Sequence[Sentence]) -> dict[int, float]:
    """The mean over sentences of their BLEU with all others as references."""
    counted = References(sentences)
    return _mean([counted.bleu(sentence, number) for number, sentence in enumerate(sentences)])


def _mean(found: Sequence[dict[int, float]]) -> dict[int, float]:
    return {order: math.fsum(each[order] for each in found) / len(found) for order in ORDERS}
