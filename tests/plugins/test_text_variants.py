"""The variants on text: what they compute, against independent computations, and the user's file from end to end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from same_runs import compare
from torch import Tensor
from torch.nn.functional import one_hot

import ganzoo
from ganzoo import cli
from ganzoo.game import Progress
from ganzoo.networks import LSTMMemory, RelationalMemory, TokenDiscriminator, TokenGenerator, counted
from ganzoo.recipes import DataSpec
from ganzoo.runs.callbacks.log import MetricsLog
from ganzoo.zoo import config, registry

WORDS = ["<end>", "<unk>", "a", "cat", "dog", "runs"]
DATA = DataSpec("some", "tokens", (5,), range=None, note={"level": "words", "tokens": WORDS})
SMALL = {"size": 4, "width": 8, "d_width": 4, "batch": 6, "steps": 20}


def built(name: str, **keys: Any) -> Any:
    variant = registry.variants()[name]
    torch.manual_seed(0)
    has = {key.path for key in config.keys(variant.recipes["grammar"])}
    chosen = {key: value for key, value in (SMALL | keys).items() if key in has}
    return variant.build(config.override(variant.recipes["grammar"], chosen), DATA)


def generator(cell: Any = None) -> TokenGenerator:
    torch.manual_seed(1)
    g = TokenGenerator(6, 5, 4, cell or LSTMMemory(4, 8))
    # Untrained networks hardly prefer any token.
    torch.nn.init.normal_(g.output.weight, std=2)
    return g


def by_hand(g: TokenGenerator, tokens: list[int]) -> Tensor:
    """Probabilities `[V]` of the token after these, one step at a time, of a batch of one."""
    token, state = g.start(1)
    for position, after in enumerate([*tokens, None]):
        logits, state = g.step(token, state, position)
        if after is None:
            break
        token = torch.tensor([after])
    return logits[0].softmax(-1)


CELLS = [LSTMMemory(4, 8), RelationalMemory(4, 8, 2, 2)]


@pytest.mark.parametrize("cell", CELLS, ids=["lstm", "relational"])
def test_the_generator_draws_tokens_with_their_probabilities(cell: Any) -> None:
    g = generator(cell)
    with torch.no_grad():
        x = g(torch.rand(4000, 5) * 2 - 1)
        assert x.dtype == torch.int64
        assert (x[:, 0] != 0).all()
        ended = (x == 0).cumsum(1) > 0
        assert (x[ended] == 0).all()
        first = torch.bincount(x[:, 0], minlength=6) / len(x)
        assert torch.allclose(first, by_hand(g, []), atol=0.03)
        start = int(first.argmax())
        then = x[x[:, 0] == start, 1]
        assert torch.allclose(torch.bincount(then, minlength=6) / len(then), by_hand(g, [start]), atol=0.06)
        logs = g.log_probabilities(x[:3])
        for row, log in zip(x[:3].tolist(), logs, strict=True):
            kept = row[: row.index(0) + 1] if 0 in row else row
            wanted = [by_hand(g, row[:at])[token].log() for at, token in enumerate(kept)]
            assert torch.allclose(log, torch.tensor(wanted + [0.0] * (5 - len(kept))), atol=1e-5)


def test_tokens_count_up_to_the_first_end() -> None:
    x = torch.tensor([[3, 4, 0, 0], [3, 4, 5, 2], [0, 0, 0, 0]])
    assert counted(x).tolist() == [[1, 1, 1, 0], [1, 1, 1, 1], [1, 0, 0, 0]]


def test_starts_are_completed_by_draws_of_the_generator() -> None:
    g = generator()
    with torch.no_grad():
        x = g(torch.rand(3, 5) * 2 - 1)
        x[0] = torch.tensor([2, 3, 0, 0, 0])
        made = g.completed(x, 800)
        assert made.shape == (4, 2400, 5)
        for t in range(1, 5):
            assert torch.equal(made[t - 1, :, :t], x[:, :t].repeat(800, 1))
        # What has ended stays as it is; copies of a sentence are three apart.
        assert torch.equal(made[2, ::3], x[:1].expand(800, -1))
        then = made[1, 1::3, 2]
        wanted = by_hand(g, x[1, :2].tolist())
        if 0 not in x[1, :2]:
            assert torch.allclose(torch.bincount(then, minlength=6) / 800, wanted, atol=0.07)


def test_relaxed_samples_become_drawn_ones_and_carry_a_gradient() -> None:
    g = generator()
    soft, hard = (g.relaxed(2000, sharpness) for sharpness in (0.5, 1e4))
    assert torch.allclose(soft.sum(-1), torch.ones(2000, 5))
    assert hard.max(-1).values.mean() > 0.99
    assert soft.max(-1).values.mean() < 0.9
    first = torch.bincount(hard[:, 0].argmax(-1), minlength=6) / 2000
    assert torch.allclose(first, by_hand(g, []).detach(), atol=0.04)
    tokens = hard.argmax(-1)
    assert (tokens[(tokens == 0).cumsum(1) > 0] == 0).all()
    (soft * torch.randn(5, 6)).sum().backward()
    assert g.output.weight.grad is not None
    assert g.output.weight.grad.abs().sum() > 0


def test_a_relational_memory_keeps_what_its_gates_keep() -> None:
    torch.manual_seed(0)
    cell = RelationalMemory(4, 8, 2, 2)
    (memory,) = cell.start(3, torch.zeros(()))
    assert memory.shape == (3, 2, 4)
    with torch.no_grad():
        for gates in (cell.input_gates, cell.memory_gates):
            gates.weight.zero_()
        # Write nothing, keep everything.
        cell.input_gates.bias.copy_(torch.tensor([-50.0] * 4 + [50.0] * 4))
    output, (after,) = cell(torch.randn(3, 4), (memory,))
    assert torch.allclose(after, memory, atol=1e-6)
    assert torch.equal(output, after.flatten(1))
    with pytest.raises(ValueError, match="cannot be split"):
        RelationalMemory(4, 9, 2)


def test_attention_is_that_of_torch() -> None:
    torch.manual_seed(0)
    cell = RelationalMemory(4, 8, 2, 2)
    torch_own = torch.nn.MultiheadAttention(4, 2, batch_first=True)
    with torch.no_grad():
        torch_own.in_proj_weight.copy_(torch.cat([cell.query.weight, *reordered(cell.key_value.weight)]))
        torch_own.in_proj_bias.copy_(torch.cat([cell.query.bias, *reordered(cell.key_value.bias)]))
        torch_own.out_proj.weight.copy_(torch.eye(4))
        torch_own.out_proj.bias.zero_()
        memory, seen = torch.randn(3, 2, 4), torch.randn(3, 3, 4)
        assert torch.allclose(cell.attend(memory, seen), torch_own(memory, seen, seen)[0], atol=1e-6)


def reordered(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Keys' and values' rows of a layer in which each head has its keys before its values."""
    keys, values = weight.unflatten(0, (2, 2, -1)).unbind(1)
    return keys.flatten(0, 1), values.flatten(0, 1)


def test_the_discriminator_sees_tokens_as_one_hot_rows_and_each_embedding_apart() -> None:
    torch.manual_seed(0)
    x = torch.randint(0, 6, (7, 5))
    whole = TokenDiscriminator(6, 5, 8, {1: 4, 2: 4, 9: 4}).eval()
    assert len(whole.convolutions) == 2
    assert whole(x).shape == (7,)
    assert torch.allclose(whole(x), whole(one_hot(x, 6).float()), atol=1e-6)
    several = TokenDiscriminator(6, 5, 3, {2: 4}, representations=4).eval()
    logits = several(x)
    assert logits.shape == (7, 4)
    with torch.no_grad():
        several.embedding.weight[:, 3:6] = 0
    changed = (several(x) != logits).any(0).tolist()
    assert changed == [False, True, False, False]


def test_the_stages_of_seqgan() -> None:
    gan = built("seqgan", steps=100, pretrain=0.5, d_pretrain=0.1)
    due = {phase.name: [step for step in range(100) if phase.runs_at(step)] for phase in gan.phases()}
    assert due == {"likelihood": [*range(50)], "d": [*range(50, 100)], "g": [*range(60, 100)]}
    alone = built("seqgan", steps=100, pretrain=1.0)
    assert not [phase.name for phase in alone.phases() if phase.name != "likelihood" and phase.runs_at(99)]


def test_rewards_are_ds_opinions_of_completed_sentences() -> None:
    gan = built("seqgan", rollouts=300, dropout=0.9).train()
    x = torch.tensor([[2, 3, 5, 0, 0], [2, 4, 5, 3, 2]])
    with torch.no_grad():
        rewards = gan.rewards(x)
        assert gan.players["d"].training
        d = gan.players["d"].eval()
        assert torch.allclose(rewards[:, -1], d(x).sigmoid())
        # After its end, a sentence can no longer change.
        assert torch.allclose(rewards[0, 3:], d(x[:1]).sigmoid().expand(2), atol=1e-5)
        total = torch.zeros(())
        for token, chance in enumerate(by_hand(gan.generator, [2, 4, 5, 3])):
            total += chance * d(torch.tensor([[2, 4, 5, 3, token]])).sigmoid()[0]
        assert rewards[1, 3] == pytest.approx(float(total), abs=0.01)


def test_the_policy_gradient_weighs_log_probabilities_by_rewards(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.tensor([[2, 3, 0, 0, 0], [4, 5, 2, 0, 0]])
    rewards = torch.tensor([[0.9, 0.5, 0.3, 7, 7], [0.1, 0.2, 0.4, 0.6, 7]])
    for baseline in (False, True):
        gan = built("seqgan", baseline=baseline)
        monkeypatch.setattr(gan, "sample", lambda n: x)
        monkeypatch.setattr(gan, "rewards", lambda tokens: rewards)
        logs = gan.generator.log_probabilities(x)
        mean = torch.tensor([0.5, 0.35, 0.35, 0.6]) if baseline else torch.zeros(4)
        total = sum((logs[0, t] * (rewards[0, t] - mean[t]) for t in range(3)), torch.zeros(()))
        total = total + sum((logs[1, t] * (rewards[1, t] - mean[t]) for t in range(4)), torch.zeros(()))
        terms = gan.policy_gradient({"x": x})
        assert terms["loss"].item() == pytest.approx(-total.item() / 2, rel=1e-4)
        assert float(terms["reward"]) == pytest.approx((0.9 + 0.5 + 0.3 + 0.1 + 0.2 + 0.4 + 0.6) / 7)


def test_relgan_sharpens_its_words_exponentially_and_is_judged_by_pairs() -> None:
    gan = built(
        "relgan",
        steps=100,
        pretrain=0.4,
        d_pretrain=0.1,
        first_sharpness=1.0,
        sharpness=81.0,
        representations=3,
        d_size=2,
        dropout=0.0,
    )
    found = []
    for step in (0, 50, 75, 100):
        gan.on_step(Progress(step, 100))
        found.append(float(gan.sharpness))
    assert found == pytest.approx([1, 1, 9, 81])
    assert [(phase.name, phase.start, phase.stop) for phase in gan.phases()] == [
        ("likelihood", 0, 40), ("d", 40, None), ("g", 50, None),
    ]  # fmt: skip
    batch = {"x": torch.tensor([[2, 3, 5, 0, 0], [2, 4, 5, 3, 2]])}
    torch.manual_seed(3)
    loss = gan.discriminator_loss(batch)["loss"]
    torch.manual_seed(3)
    fake, real = gan.discriminator(gan.generator.relaxed(2, gan.sharpness)), gan.discriminator(batch["x"])
    assert real.shape == (2, 3)
    wanted = torch.nn.functional.binary_cross_entropy_with_logits(real - fake, torch.ones(2, 3))
    assert loss.item() == pytest.approx(wanted.item(), abs=1e-5)


def test_the_memory_must_be_divisible() -> None:
    with pytest.raises(ganzoo.GanzooError, match="--set width=6"):
        built("relgan", width=7, slots=3)


@pytest.mark.parametrize("name", ["seqgan", "relgan"])
def test_own_sentences_from_training_to_scores(name: str, tmp_path: Path, capsys: Any) -> None:
    mine, run, new = tmp_path / "mine.txt", tmp_path / "run", tmp_path / "new.txt"
    mine.write_text("a cat runs.\nthe dog sleeps!\nthe cat sees a dog.\n" * 40, "utf-8")
    keys = [f"--set={key}={value}" for key, value in {"size": 4, "width": 8, "d_width": 4, "batch": 6}.items()]
    train = ["train", name, f"--dataset=text:{mine}", f"--out={run}", "--steps=3", "--set=pretrain=0.4", *keys]
    assert cli.run([*train, "--no-scores"]) == 0, capsys.readouterr().err
    names = {path.name for path in run.iterdir()}
    assert {"samples.png", "samples.txt", "reals.png", "losses.png"} <= names
    assert len((run / "samples.txt").read_text("utf-8").splitlines()) == 16
    assert (run / "samples" / "000003.txt").read_bytes() == (run / "samples.txt").read_bytes()
    recorded = json.loads((run / "recipe.json").read_text())
    assert recorded["data"]["note"]["tokens"][:4] == ["<end>", "<unk>", "!", "."]
    assert cli.run(["sample", str(run), "-n", "30", "--to", str(new)]) == 0
    drawn = ganzoo.load(run).sample(30)
    assert drawn.dtype == torch.int64
    kind = registry.modality("tokens")
    assert torch.equal(kind.read(new, ganzoo.load(run).data)[0], kind.scored(drawn))
    assert cli.run(["sample", str(run), "-n", "30", "--to", str(new)]) == 2
    assert cli.run(["eval", str(new), f"--against=text:{mine}"]) == 0
    printed = capsys.readouterr().out
    assert all(score in printed for score in ("BLEU-5", "self-BLEU-2", "NLL", "JSD-3", "novel"))
    assert "grammatical" not in printed
    assert cli.run(["export", str(run), "--to", str(tmp_path / "g.safetensors")]) == 0
    assert torch.equal(ganzoo.load_generator(tmp_path / "g.safetensors").sample(8), ganzoo.load(run).sample(8))


@pytest.mark.parametrize("name", ["seqgan", "relgan"])
def test_a_killed_run_resumes_bit_for_bit(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def die(self: MetricsLog, trainer: Any) -> None:
        if trainer.progress.step == 9:
            raise Killed

    keys = {"pretrain": 0.4, "size": 4, "width": 8, "d_width": 4, "batch": 6}
    options = {"steps": 14, "set": keys, "device": "cpu", "save_every": 4, "sample_every": 1, "progress": False}
    ganzoo.train(name, out=str(tmp_path / "whole"), scores=False, **options)
    with monkeypatch.context() as patch:
        patch.setattr(MetricsLog, "on_step", die)
        with pytest.raises(Killed):
            ganzoo.train(name, out=str(tmp_path / "killed"), scores=False, **options)
    # Written after the last checkpoint, so that it is to be drawn again.
    assert (tmp_path / "killed" / "samples" / "000008.txt").exists()
    (tmp_path / "killed" / "samples" / "000013.txt").write_text("of a step that was lost\n")
    ganzoo.resume(tmp_path / "killed", scores=False, progress=False)
    assert compare(tmp_path / "whole", tmp_path / "killed").differences == []
