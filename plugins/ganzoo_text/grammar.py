"""A small grammar of English: it generates sentences, and recognises those that it can generate.

Subjects and verbs agree in number, also across a relative clause, so that the last word before a verb does not say
which form the verb has. No rule leads back to itself, so the language is finite.
"""

from __future__ import annotations

import random
from functools import cache

Rule = tuple[float, tuple[str, ...]]
"""A weight, and what a symbol is replaced by: symbols, which begin with a capital letter, and words."""

BEINGS = ("cat", "dog", "bird", "horse", "farmer", "teacher", "doctor", "singer")
THINGS = ("ball", "book", "letter", "boat", "lamp", "hat")
PLACES = ("garden", "house", "river", "village", "forest", "school")
QUALITIES = ("small", "tall", "young", "tired", "clever", "quiet")
LOOKS = ("red", "heavy", "new", "broken")
MANNERS = ("quietly", "slowly", "happily", "again")
RELATIONS = ("near", "behind", "in")
TO_BEINGS = (("sees", "see"), ("follows", "follow"), ("likes", "like"), ("helps", "help"), ("knows", "know"))
TO_THINGS = (("finds", "find"), ("carries", "carry"), ("buys", "buy"), ("wants", "want"))
ALONE = (("sleeps", "sleep"), ("sings", "sing"), ("waits", "wait"), ("runs", "run"))


def _words(*words: str) -> list[Rule]:
    return [(1.0, (word,)) for word in words]


def _rules() -> dict[str, list[Rule]]:
    rules: dict[str, list[Rule]] = {
        "S": [(0.55, ("Being1", "Does1")), (0.45, ("Being2", "Does2"))],
        "Quality": _words(*QUALITIES),
        "Look": _words(*LOOKS),
        "Manner": _words(*MANNERS),
        "Where": [(1.0, ("Relation", "the", "Place"))],
        "Relation": _words(*RELATIONS),
        "Place": _words(*PLACES),
        "The1": [(3.0, ("the",)), (2.0, ("a",)), (1.0, ("this",)), (1.0, ("every",))],
        "The2": [(3.0, ("the",)), (2.0, ("some",)), (1.0, ("these",)), (1.0, ("many",))],
        "Object": [(1.0, ("Simple1",)), (1.0, ("Simple2",))],
        "Item": [
            (1.0, (f"The{number}", noun)) if not look else (0.6, (f"The{number}", "Look", noun))
            for number, noun in (("1", "Thing1"), ("2", "Thing2"))
            for look in (False, True)
        ],
    }
    for at, number in enumerate(("1", "2")):
        plural = "s" if number == "2" else ""
        rules |= {
            f"Noun{number}": _words(*(noun + plural for noun in BEINGS)),
            f"Thing{number}": _words(*(noun + plural for noun in THINGS)),
            f"Meets{number}": _words(*(verb[at] for verb in TO_BEINGS)),
            f"Takes{number}": _words(*(verb[at] for verb in TO_THINGS)),
            f"Acts{number}": _words(*(verb[at] for verb in ALONE)),
            f"Is{number}": _words(("is", "are")[at]),
            f"Simple{number}": [
                (1.0, (f"The{number}", f"Noun{number}")),
                (0.6, (f"The{number}", "Quality", f"Noun{number}")),
            ],
            f"Being{number}": [(0.65, (f"Simple{number}",)), (0.35, (f"Simple{number}", "that", f"Clause{number}"))],
            # The noun that the clause belongs to is the subject of its verb, or the object of another's.
            f"Clause{number}": [
                (1.0, (f"Meets{number}", "Object")),
                (0.7, (f"Takes{number}", "Item")),
                (0.5, (f"Acts{number}", "Where")),
                (0.7, ("Simple1", "Meets1")),
                (0.7, ("Simple2", "Meets2")),
            ],
            f"Does{number}": [
                (1.2, (f"Meets{number}", "Object")),
                (1.2, (f"Takes{number}", "Item")),
                (0.6, (f"Acts{number}",)),
                (0.6, (f"Acts{number}", "Manner")),
                (0.8, (f"Acts{number}", "Where")),
                (0.6, (f"Is{number}", "Quality")),
                (0.4, (f"Is{number}", "Where")),
            ],
        }
    return rules


RULES = _rules()
WORDS = tuple(sorted({part for rules in RULES.values() for _, parts in rules for part in parts if part[0].islower()}))
LENGTH = 12
"""Words of the longest sentence."""


@cache
def generate(count: int, seed: int) -> tuple[str, ...]:
    """That many sentences, each drawn on its own by the weights of the rules; short ones occur several times."""
    draw = random.Random(seed)
    return tuple(" ".join(_expand("S", draw)) for _ in range(count))


def _expand(symbol: str, draw: random.Random) -> list[str]:
    if symbol not in RULES:
        return [symbol]
    weights, choices = zip(*RULES[symbol], strict=True)
    (parts,) = draw.choices(choices, weights)
    return [word for part in parts for word in _expand(part, draw)]


def generates(sentence: str) -> bool:
    """Whether the grammar can generate a sentence."""
    words = tuple(sentence.split())

    @cache
    def ends(symbol: str, start: int) -> frozenset[int]:
        """Where the words that a symbol stands for can end, if they begin at `start`."""
        if symbol not in RULES:
            return frozenset([start + 1] if words[start : start + 1] == (symbol,) else [])
        found: set[int] = set()
        for _, parts in RULES[symbol]:
            reached = {start}
            for part in parts:
                reached = {end for at in reached for end in ends(part, at)}
            found |= reached
        return frozenset(found)

    return len(words) in ends("S", 0)


def count_sentences() -> int:
    """The number of derivations of the grammar, which has as many sentences, as none has two."""

    @cache
    def derivations(symbol: str) -> int:
        if symbol not in RULES:
            return 1
        total = 0
        for _, parts in RULES[symbol]:
            product = 1
            for part in parts:
                product *= derivations(part)
            total += product
        return total

    return derivations("S")
