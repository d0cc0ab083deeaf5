"""Text: the grammar, vocabularies, files of every sort, and scores against independent computations."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ganzoo_text import grammar
from ganzoo_text.data import TEST, TRAIN
from ganzoo_text.metrics import jensen_shannon, sentences_of
from ganzoo_text.ngram_model import DISCOUNT, START, KneserNey
from ganzoo_text.sentence_bleu import ORDERS, mean_bleu, mean_self_bleu
from ganzoo_text.vocabulary import Coder, text_of, tokens_of
from paths import ROOT

import ganzoo
from ganzoo import cli
from ganzoo.data.paths import data_root
from ganzoo.errors import GanzooError
from ganzoo.recipes import Data, DataSpec
from ganzoo.testing import check_dataset
from ganzoo.zoo import registry

CAPTIONS = ROOT / ".." / "shared" / "data" / "text" / "image_coco.txt"


def load(path: Path, split: str = "train", **keys: Any) -> Any:
    return registry.datasets()["text"].load(Data(name="text", path=str(path), **keys), data_root(), split)


def refused(path: Path, **keys: Any) -> str:
    with pytest.raises(GanzooError) as caught:
        load(path, **keys)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def lines(dataset: Any) -> list[str]:
    found: list[str] = registry.modality("tokens").lines(torch.as_tensor(dataset.arrays["x"]), dataset.spec)
    return found


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.txt"
    words = ("one", "two", "three"), ("cats", "dogs"), ("run.", "sleep, then run!")
    path.write_text("".join(" ".join(each) + "\n" for each in itertools.product(*words)) * 10, "utf-8")
    return path


# The grammar.


def test_the_grammar_generates_what_it_recognises_and_its_words_are_of_the_language() -> None:
    sentences = grammar.generate(400, 3)
    assert all(map(grammar.generates, sentences))
    assert len(set(sentences)) > 350
    assert {word for line in sentences for word in line.split()} <= set(grammar.WORDS)
    assert max(len(line.split()) for line in grammar.generate(5000, 0)) <= grammar.LENGTH


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("the cat sleeps", "the cat sleep"),
        ("the cats that the dog follows sleep", "the cats that the dog follows sleeps"),
        ("the cat that the dogs follow sleeps", "the cat that the dogs follows sleeps"),
        ("a bird that sees these farmers is tired", "a bird that see these farmers is tired"),
        ("many boats", ""),
    ],
)
def test_verbs_agree_with_their_subjects(right: str, wrong: str) -> None:
    assert grammar.generates(right) == (right != "many boats")
    assert not grammar.generates(wrong)


def test_every_sentence_has_one_derivation() -> None:
    """A small part of the grammar is written out: all its derivations are different sentences."""

    def expansions(symbol: str) -> list[tuple[str, ...]]:
        if symbol not in grammar.RULES:
            return [(symbol,)]
        # Two words of each kind suffice.
        rules = grammar.RULES[symbol]
        few = [parts for _, parts in (rules[:2] if all(parts[0].islower() for _, parts in rules) else rules)]
        made = [itertools.product(*map(expansions, parts)) for parts in few]
        return [tuple(word for part in each for word in part) for found in made for each in found]

    for symbol in ("Clause1", "Does2", "Simple1"):
        found = expansions(symbol)
        assert len(found) == len(set(found)) > 5
    assert grammar.count_sentences() > 10**9


def test_the_data_set_of_the_grammar() -> None:
    spec = registry.datasets()["grammar"]
    train, test = (spec.load(Data(name="grammar"), data_root(), split) for split in ("train", "test"))
    assert (train.count, test.count) == (TRAIN, TEST)
    assert tuple(lines(train)[:2]) == grammar.generate(2, 0)
    assert tuple(lines(test)[:2]) == grammar.generate(2, 1)
    with pytest.raises(GanzooError, match="leave out data\\.size"):
        spec.load(Data(name="grammar", size=5), data_root(), "train")


# Vocabularies and the user's files.


@pytest.mark.parametrize("text", ["a cat, and a dog.", "what? it's 3.14!", "  spaces \t between  ", "naïve 文字"])
def test_tokens_are_the_same_after_writing_and_reading(text: str) -> None:
    for level in ("words", "characters"):
        tokens = tokens_of(text, level)
        assert tokens_of(text_of(tokens, level), level) == tokens
    assert text_of(tokens_of("a cat, and a dog.", "words"), "words") == "a cat, and a dog."


def test_rows_end_with_ends_and_unknown_words_are_marked() -> None:
    coder = Coder({"level": "words", "tokens": ["<end>", "<unk>", "cat", "the"]}, 4)
    assert coder.encode(["the", "zebra"]) == [3, 1, 0, 0]
    assert coder.encode(["the"] * 6) == [3] * 4
    assert coder.decode([3, 1, 0, 2]) == "the <unk>"


def test_the_users_lines_are_read(mine: Path) -> None:
    check_dataset(registry.datasets()["text"], Data(name="text", path=str(mine)))
    train, test = load(mine), load(mine, "test")
    assert (train.count, test.count) == (108, 12)
    assert train.spec == test.spec
    written = mine.read_text("utf-8").splitlines()
    assert lines(test) == written[9::10]
    assert lines(train)[:9] == written[:9]
    assert train.spec.shape == (7,)
    by_character = load(mine, kind="characters")
    assert lines(by_character)[:9] == written[:9]
    assert by_character.spec.note["tokens"][2] == " "


def test_rare_words_are_unknown_and_long_lines_left_out_with_a_note(tmp_path: Path) -> None:
    path = tmp_path / "some.txt"
    path.write_text("\ufeff" + "a b c\r\n" * 30 + "a rare b\n" + "a " * 40 + "\n\n", "utf-8")
    found = load(path)
    assert found.spec.note["tokens"] == ["<end>", "<unk>", "a", "b", "c"]
    assert lines(found)[-1] == "a <unk> b"
    assert found.spec.shape == (3,)
    assert any("1 of 32 lines are longer than 32 words" in note for note in found.notes)
    assert any("becomes <unk>" in note for note in found.notes)
    assert load(path, size=40).spec.shape == (40,)


def test_a_huge_vocabulary_is_limited_to_its_most_frequent_words(tmp_path: Path) -> None:
    path = tmp_path / "huge.txt"
    often = [f"w{number} w{number} w{number} often" for number in range(9000)]
    path.write_text("\n".join(often), "utf-8")
    found = load(path)
    assert len(found.spec.note["tokens"]) == 5002
    assert "often" in found.spec.note["tokens"]
    assert int(found.arrays["x"].max()) < 5002


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "has 0 sentences"),
        (b"\n \n\t\n", "has 0 sentences"),
        (b"only one line\n", "has 1 sentences: at least 20 are needed"),
        ("caf\u00e9\n".encode("latin-1") * 30, "is not UTF-8 text (byte 3)"),
        (b"a\0b\n" * 30, "is not a text file"),
        (b"word " * 40 + b"\n" + b"short one\n" * 5 + b"word " * 50 + b"\n" + b"more " * 99 + b"\n" * 2, "sentences"),
        ((b"word " * 40 + b"\n") * 30, "30 longer ones"),
        (b"".join(b"w%d\n" % number for number in range(40)), "has no word that occurs 2 times"),
    ],
    ids=["empty", "blank", "one line", "latin-1", "binary", "too few", "too long", "only rare words"],
)  # fmt: skip
def test_bad_files_are_refused_in_one_line(content: bytes, said: str, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "bad.txt"
    path.write_bytes(content)
    assert said in refused(path)
    assert cli.run(["train", "seqgan", "--dataset", f"text:{path}", "--out", str(tmp_path / "run")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_other_mistakes_are_refused_in_one_line(mine: Path, tmp_path: Path) -> None:
    with pytest.raises(GanzooError, match=r"--dataset FILE\.txt"):
        registry.datasets()["text"].load(Data(name="text"), data_root(), "train")
    assert "cannot read" in refused(tmp_path / "none.txt")
    assert "cannot read" in refused(tmp_path)
    assert "unknown kind of text 'letters'" in refused(mine, kind="letters")
    assert "give one number" in refused(mine, size=(3, 4))
    assert "leave out data.channels" in refused(mine, channels=3)


def test_samples_in_files_are_read_with_the_words_of_the_data(mine: Path, tmp_path: Path) -> None:
    spec, kind = load(mine).spec, registry.modality("tokens")
    path = tmp_path / "new.txt"
    path.write_text("one cats run.\n\none zebra sleep, then run! and more of it\n", "utf-8")
    x, names = kind.read(path, spec)
    assert names == ["1", "3"]
    assert kind.lines(x, spec) == ["one cats run.", "one <unk> sleep, then run!"]
    path.write_text("\n")
    with pytest.raises(GanzooError, match="is empty"):
        kind.read(path, spec)
    path.write_bytes(b"\xff\n")
    with pytest.raises(GanzooError, match="not UTF-8"):
        kind.read(path, spec)


def test_vectors_do_not_depend_on_the_batch_or_on_what_follows_an_end() -> None:
    kind, x = registry.modality("tokens"), torch.tensor([[3, 4, 5, 0, 0], [4, 3, 5, 0, 9]])
    vectors = kind.vectors(x)
    assert torch.equal(vectors[1:], kind.vectors(x[1:]))
    assert torch.equal(vectors[1], kind.vectors(torch.tensor([[4, 3, 5, 0, 0]]))[0])
    assert not torch.equal(vectors[0], vectors[1])
    # Three words, and three pairs, the last of which has the end.
    assert vectors.sum(1).tolist() == [6, 6]


# Scores.


def random_sentences(count: int, seed: int) -> list[tuple[int, ...]]:
    random = np.random.default_rng(seed)
    return [tuple(random.integers(1, 6, random.integers(1, 9)).tolist()) for _ in range(count)]


def test_bleu_is_that_of_nltk() -> None:
    bleu = pytest.importorskip("nltk.translate.bleu_score")
    smooth = bleu.SmoothingFunction().method1
    hypotheses, references = random_sentences(15, 0), random_sentences(12, 1)
    for order in ORDERS:
        weights = (1 / order,) * order
        one = [bleu.sentence_bleu(references, h, weights, smoothing_function=smooth) for h in hypotheses]
        assert mean_bleu(hypotheses, references)[order] == pytest.approx(np.mean(one), abs=1e-12)
        others = [
            bleu.sentence_bleu(
                hypotheses[:n] + hypotheses[n + 1 :], hypotheses[n], weights, smoothing_function=smooth
            )
            for n in range(len(hypotheses))
        ]  # fmt: skip
        assert mean_self_bleu(hypotheses)[order] == pytest.approx(np.mean(others), abs=1e-12)


def test_kneser_ney_sums_to_one_and_follows_its_formula() -> None:
    sentences = [(2, 3, 0), (2, 3, 4, 0), (3, 2, 0), (4, 0)]
    model = KneserNey(sentences, vocabulary=6)
    for context in ((START, START), (START, 2), (2, 3), (5, 5), (3, 2)):
        assert math.fsum(model.probability(token, context) for token in range(6)) == pytest.approx(1)
    # By hand, for the token 0 after (2, 3): once in two, before two different tokens.
    bigrams = Counter({pair for s in sentences for pair in itertools.pairwise((START, START, *s))} - {(START, START)})
    before = [pair for pair in bigrams if pair[1] == 0]
    unigram = (len(before) - DISCOUNT + DISCOUNT * len({b for _, b in bigrams}) / 6) / len(bigrams)
    # Bigrams (3, .) count the different tokens before them: 2 3 0, 2 3 4, START 3 2.
    bigram = (1 - DISCOUNT + DISCOUNT * 3 * unigram) / 3
    trigram = (1 - DISCOUNT + DISCOUNT * 2 * bigram) / 2
    assert model.probability(0, (2, 3)) == pytest.approx(trigram)
    assert model.nll([(2, 3, 0)]) == pytest.approx(
        -math.log(math.prod(model.probability(t, c) for t, c in ((2, (START, START)), (3, (START, 2)), (0, (2, 3)))))
        / 3
    )


def test_jensen_shannon_divergence_by_hand() -> None:
    one, other = [(2, 3)] * 3, [(2, 4)] * 2
    assert jensen_shannon(one, one, 2) == 0
    assert jensen_shannon([(2,)], [(3, 4)], 2) == 1
    # Of 2, 3, 0 and 2, 4, 0: the one third that differs.
    assert jensen_shannon(one, other, 1) == pytest.approx(1 / 3)


def test_scores_tell_copies_repetitions_and_mistakes(tmp_path: Path) -> None:
    spec = registry.datasets()["grammar"].load(Data(name="grammar"), data_root(), "train")
    known = lines(spec)[:50]
    new = [line for line in grammar.generate(400, 9) if line not in set(lines(spec))][:40]
    path = tmp_path / "some.txt"
    path.write_text("\n".join([*known, *new, *["the cat sleep"] * 10]), "utf-8")
    found = {score.name: score.value for score in ganzoo.evaluate(path, against="grammar").scores}
    assert found["novel"] == pytest.approx(0.5)
    assert found["grammatical"] == pytest.approx(0.9)
    assert found["unique"] == pytest.approx((len(Counter(known)) + len(set(new))) / 100, abs=0.06)
    assert 0 < found["JSD-1"] < found["JSD-2"] < found["JSD-3"] < 1


def test_an_empty_sentence_is_scored_too() -> None:
    assert sentences_of(torch.tensor([[0, 3], [4, 0]])) == [(0,), (4,)]


def test_text_without_a_vocabulary_is_written_as_numbers() -> None:
    kind = registry.modality("tokens")
    x = kind.example((6,), 8, torch.Generator().manual_seed(0))
    assert kind.lines(x, DataSpec("example", "tokens", (6,)))[0].split()[0].isdigit() or x[0, 0] == 1


@pytest.mark.shared_data
def test_captions_are_read() -> None:
    if not CAPTIONS.is_file():
        pytest.skip(f"the captions are not in {CAPTIONS}")
    found = load(CAPTIONS, size=20)
    assert found.count > 8000
    assert found.spec.shape == (20,)
    assert {"a", ".", "bicycle", "<unk>"} <= set(found.spec.note["tokens"])
    written = CAPTIONS.read_text("utf-8").splitlines()
    assert set(lines(found)) & {" ".join(line.split()) for line in written}
