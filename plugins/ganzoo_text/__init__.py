"""Text: sentences as numbers of words or characters, two data sets, and the scores of the literature."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganzoo import hookimpl
from ganzoo.recipes import Data
from ganzoo.specs import DatasetSpec, MetricSpec, ModalitySpec

if TYPE_CHECKING:
    from ganzoo.data.dataset import Dataset
    from ganzoo.modalities import Modality

TEXYGEN = (
    "Zhu et al. 2018, Texygen: A Benchmarking Platform for Text Generation Models, https://arxiv.org/abs/1802.01886"
)
KNESER_NEY = (
    "Kneser & Ney 1995, Improved backing-off for M-gram language modeling, https://doi.org/10.1109/ICASSP.1995.479394"
)
BLEU = "Papineni et al. 2002, BLEU: a Method for Automatic Evaluation of Machine Translation, https://aclanthology.org/P02-1040"


def load_modality(name: str) -> Modality:
    from .modality import Tokens

    return Tokens(name)


def load_grammar(data: Data, root: Path, split: str) -> Dataset:
    from .data import load_grammar

    return load_grammar(data, split)


def load_text(data: Data, root: Path, split: str) -> Dataset:
    from .data import load_text

    return load_text(data, split)


def bleu(samples: Any) -> Any:
    from .metrics import bleu

    return bleu(samples)


def self_bleu(samples: Any) -> Any:
    from .metrics import self_bleu

    return self_bleu(samples)


def likelihood(samples: Any) -> Any:
    from .metrics import likelihood

    return likelihood(samples)


def divergence(samples: Any) -> Any:
    from .metrics import divergence

    return divergence(samples)


def novelty(samples: Any) -> Any:
    from .metrics import novelty

    return novelty(samples)


def grammaticality(samples: Any) -> Any:
    from .metrics import grammaticality

    return grammaticality(samples)


@hookimpl
def ganzoo_modalities() -> list[ModalitySpec]:
    return [ModalitySpec("tokens", "Numbers of words or characters [L].", load_modality)]


@hookimpl
def ganzoo_datasets() -> list[DatasetSpec]:
    return [
        DatasetSpec(
            "grammar",
            "10,000 English sentences of a small grammar, of up to 12 words; generated.",
            "ganzoo",
            "tokens",
            load_grammar,
            test=True,
            samples=1000,
            downloads=False,
        ),
        DatasetSpec(
            "text",
            "Your own text: a .txt file with a sentence on each line.",
            "your own files",
            "tokens",
            load_text,
            argument="path",
            endings=(".txt",),
            kinds=("words", "characters"),
            test=True,
            downloads=False,
        ),
    ]


@hookimpl
def ganzoo_metrics() -> list[MetricSpec]:
    tokens = ("tokens",)
    return [
        MetricSpec(
            "bleu",
            "BLEU-2 to BLEU-5 of each sample, with all held-out sentences as references.",
            f"{BLEU}; {TEXYGEN}",
            tokens,
            bleu,
            {"BLEU": "higher"},
            split="test",
        ),
        MetricSpec(
            "self-bleu",
            "BLEU-2 to BLEU-5 of each sample, with all other samples as references: high if they are alike.",
            TEXYGEN,
            tokens,
            self_bleu,
            {"self-BLEU": ""},
            split="test",
        ),
        MetricSpec(
            "ngram-nll",
            "Nats per token under a trigram model: of samples given held-out text, and of held-out text given samples.",
            f"{KNESER_NEY}; both directions: Zhao et al. 2018, https://arxiv.org/abs/1706.04223",
            tokens,
            likelihood,
            {"NLL": "", "reverse-NLL": "lower"},
            split="test",
        ),
        MetricSpec(
            "ngram-jsd",
            "Jensen-Shannon divergence between the n-grams of samples and of held-out sentences, in bits, 0 to 1.",
            "Lin 1991, Divergence measures based on the Shannon entropy, https://doi.org/10.1109/18.61115",
            tokens,
            divergence,
            {"JSD": "lower"},
            split="test",
        ),
        MetricSpec(
            "grammatical",
            "Fraction of samples that the grammar generates, for the data set of that name.",
            "ganzoo",
            tokens,
            grammaticality,
            {"grammatical": "higher"},
        ),
        MetricSpec(
            "novelty",
            "Fraction of samples that are not in the training data, and fraction that no other sample repeats.",
            "ganzoo",
            tokens,
            novelty,
            {"novel": "", "unique": ""},
            split="train",
        ),
    ]
