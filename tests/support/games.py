"""Small games that the trainer must be able to train. They are not variants, and as short as possible."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, gumbel_softmax, mse_loss, softplus

from ganzoo.data.dataset import Dataset
from ganzoo.game import GAN, Batch, Phase, Progress, Terms
from ganzoo.machine.fabric import SingleDevice
from ganzoo.recipes import DataSpec, Optimiser, Recipe, key, recipe_class
from ganzoo.training.trainer import Trainer

FAST = Optimiser(lr=1e-2)


def points(count: int, centre: float, seed: int) -> Tensor:
    return torch.randn(count, 2, generator=torch.Generator().manual_seed(seed)) + centre


def net(fan_in: int, fan_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(fan_in, 8), nn.Tanh(), nn.Linear(8, fan_out))


def vectors(**arrays: Tensor) -> Dataset:
    return Dataset(arrays, DataSpec("test", "points", tuple(next(iter(arrays.values())).shape[1:]), range=None))


# Two generators and two discriminators on unpaired data of different sizes.


@recipe_class
class CycleRecipe(Recipe):
    generators: Optimiser = key(FAST, "Both translators learn together.")
    d_a: Optimiser = key(FAST, "Judge of domain a.")
    d_b: Optimiser = key(FAST, "Judge of domain b.")


class CycleGame(GAN):
    def __init__(self) -> None:
        translators = nn.ModuleDict({"a_to_b": net(2, 2), "b_to_a": net(2, 2)})
        super().__init__({"generators": translators, "d_a": net(2, 1), "d_b": net(2, 1)}, ema=["generators"])

    def phases(self) -> list[Phase]:
        return [
            Phase("g", "generators", self.translate),
            Phase("a", "d_a", lambda batch: self.judge("a", batch)),
            Phase("b", "d_b", lambda batch: self.judge("b", batch)),
        ]

    def translate(self, batch: Batch) -> Terms:
        there = self.players["generators"]["a_to_b"](batch["a"])
        back = self.players["generators"]["b_to_a"](batch["b"])
        cycle = mse_loss(self.players["generators"]["b_to_a"](there), batch["a"])
        cycle = cycle + mse_loss(self.players["generators"]["a_to_b"](back), batch["b"])
        fooled = softplus(-self.players["d_b"](there)).mean() + softplus(-self.players["d_a"](back)).mean()
        return {"loss": fooled, "cycle": 10 * cycle}

    def judge(self, domain: str, batch: Batch) -> Terms:
        other = "b" if domain == "a" else "a"
        with torch.no_grad():
            fake = self.players["generators"][f"{other}_to_{domain}"](batch[other])
        judge = self.players[f"d_{domain}"]
        return {"loss": softplus(-judge(batch[domain])).mean() + softplus(judge(fake)).mean()}


def cycle() -> tuple[GAN, Dataset, Recipe]:
    data = {"a": points(40, -1.0, 0), "b": points(24, 1.0, 1)}
    spec = DataSpec("test", "points", (2,), range=None)
    return CycleGame(), Dataset(data, spec, groups=[["b"]]), CycleRecipe(steps=6, batch=8)


# A pretraining stage, and phases that start and stop at a step.


@recipe_class
class StagedRecipe(Recipe):
    encoder: Optimiser = key(FAST, "Encoder and decoder.")
    g: Optimiser = key(FAST, "Generator of codes.")
    d: Optimiser = key(FAST, "Judge of codes.")


class StagedGame(GAN):
    """An autoencoder is trained first; then it is fixed and a GAN learns its codes (like TimeGAN's stages)."""

    def __init__(self) -> None:
        auto = nn.ModuleDict({"encode": net(2, 3), "decode": net(3, 2)})
        super().__init__({"encoder": auto, "g": net(4, 3), "d": net(3, 1)})

    def phases(self) -> list[Phase]:
        return [
            Phase("pretrain", "encoder", self.rebuild, stop=3),
            Phase("d", "d", self.judge, start=3),
            Phase("g", "g", self.fool, start=3),
        ]

    def rebuild(self, batch: Batch) -> Terms:
        auto = self.players["encoder"]
        return {"loss": mse_loss(auto["decode"](auto["encode"](batch["x"])), batch["x"])}

    def judge(self, batch: Batch) -> Terms:
        with torch.no_grad():
            real, fake = self.players["encoder"]["encode"](batch["x"]), self.players["g"](torch.randn(8, 4))
        return {"loss": softplus(-self.players["d"](real)).mean() + softplus(self.players["d"](fake)).mean()}

    def fool(self, batch: Batch) -> Terms:
        return {"loss": softplus(-self.players["d"](self.players["g"](torch.randn(8, 4)))).mean()}


def staged() -> tuple[GAN, Dataset, Recipe]:
    return StagedGame(), vectors(x=points(32, 0.5, 0)), StagedRecipe(steps=6, batch=8)


# A growing game: the level is a buffer, updated by on_step.


@recipe_class
class PlainRecipe(Recipe):
    g: Optimiser = key(FAST, "Generator.")
    d: Optimiser = key(FAST, "Discriminator.")


class GrowingGenerator(nn.Module):
    level: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 2), nn.Linear(2, 2)
        self.register_buffer("level", torch.tensor(0))

    def forward(self, z: Tensor) -> Tensor:
        x = self.first(z)
        return self.second(x) if self.level > 0 else x


class GrowingGame(GAN):
    def __init__(self) -> None:
        super().__init__({"g": GrowingGenerator(), "d": net(2, 1)}, ema=["g"])

    def on_step(self, progress: Progress) -> None:
        self.players["g"].level.fill_(int(progress.share >= 0.5))

    def phases(self) -> list[Phase]:
        return [Phase("d", "d", self.judge), Phase("g", "g", self.fool)]

    def judge(self, batch: Batch) -> Terms:
        with torch.no_grad():
            fake = self.players["g"](torch.randn(len(batch["x"]), 4))
        return {"loss": softplus(-self.players["d"](batch["x"])).mean() + softplus(self.players["d"](fake)).mean()}

    def fool(self, batch: Batch) -> Terms:
        fake = self.players["g"](torch.randn(len(batch["x"]), 4))
        return {"loss": softplus(-self.players["d"](fake)).mean()}

    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        return self.players["g"](torch.randn(n, 4))


def growing() -> tuple[GAN, Dataset, Recipe]:
    return GrowingGame(), vectors(x=points(32, 0.5, 0)), PlainRecipe(steps=6, batch=8)


# Sequences of tokens through Gumbel-softmax, with a temperature that falls.

TOKENS, LENGTH = 5, 4


class SequenceGame(GAN):
    temperature: Tensor

    def __init__(self) -> None:
        super().__init__({"g": net(4, LENGTH * TOKENS), "d": net(LENGTH * TOKENS, 1)})
        self.register_buffer("temperature", torch.tensor(1.0))

    def on_step(self, progress: Progress) -> None:
        self.temperature.fill_(1.0 - 0.9 * progress.share)

    def phases(self) -> list[Phase]:
        return [Phase("d", "d", self.judge), Phase("g", "g", self.fool)]

    def draw(self, n: int) -> Tensor:
        logits = self.players["g"](torch.randn(n, 4)).unflatten(1, (LENGTH, TOKENS))
        return gumbel_softmax(logits, tau=self.temperature.item(), hard=True).flatten(1)

    def judge(self, batch: Batch) -> Terms:
        real = nn.functional.one_hot(batch["x"], TOKENS).float().flatten(1)
        with torch.no_grad():
            fake = self.draw(len(real))
        return {"loss": softplus(-self.players["d"](real)).mean() + softplus(self.players["d"](fake)).mean()}

    def fool(self, batch: Batch) -> Terms:
        return {"loss": softplus(-self.players["d"](self.draw(len(batch["x"])))).mean()}

    def sample(self, n: int, y: Tensor | None = None) -> Tensor:
        return self.draw(n).unflatten(1, (LENGTH, TOKENS)).argmax(-1)


def sequence() -> tuple[GAN, Dataset, Recipe]:
    tokens = torch.randint(TOKENS, (32, LENGTH), generator=torch.Generator().manual_seed(0))
    return SequenceGame(), Dataset({"x": tokens}, DataSpec("test", "tokens", (LENGTH,))), PlainRecipe(steps=6, batch=8)


# A frozen auxiliary network in the loss, and weight clipping after the optimiser step.


class FrozenGame(GrowingGame):
    def __init__(self) -> None:
        super().__init__()
        self.features = net(2, 3).requires_grad_(False)

    def fool(self, batch: Batch) -> Terms:
        fake = self.players["g"](torch.randn(len(batch["x"]), 4))
        match = mse_loss(self.features(fake).mean(0), self.features(batch["x"]).mean(0))
        return {"loss": softplus(-self.players["d"](fake)).mean(), "match": match}

    def after_update(self, phase: Phase, terms: Terms) -> None:
        if phase.player == "d":
            for weight in self.players["d"].parameters():
                weight.data.clamp_(-0.05, 0.05)


def frozen() -> tuple[GAN, Dataset, Recipe]:
    return FrozenGame(), vectors(x=points(32, 0.5, 0)), PlainRecipe(steps=6, batch=8)


# A third player, a classifier, besides generator and discriminator (labels in the batch).


@recipe_class
class TripleRecipe(PlainRecipe):
    c: Optimiser = key(FAST, "Classifier.")


class TripleGame(GrowingGame):
    def __init__(self) -> None:
        super().__init__()
        self.players["c"] = net(2, 2)

    def phases(self) -> list[Phase]:
        return [*super().phases(), Phase("c", "c", self.classify, every=2)]

    def classify(self, batch: Batch) -> Terms:
        return {"loss": cross_entropy(self.players["c"](batch["x"]), batch["y"])}


def triple() -> tuple[GAN, Dataset, Recipe]:
    return TripleGame(), vectors(x=points(32, 0.5, 0), y=torch.arange(32) % 2), TripleRecipe(steps=6, batch=8)


GAMES: dict[str, Callable[[], tuple[GAN, Dataset, Recipe]]] = {
    "cycle": cycle,
    "staged": staged,
    "growing": growing,
    "sequence": sequence,
    "frozen": frozen,
    "triple": triple,
}


def trainer(name: str) -> Trainer:
    """A trainer at step 0 of a game, the same each time."""
    torch.manual_seed(0)
    gan, data, recipe = GAMES[name]()
    return Trainer(gan, data, recipe, SingleDevice(torch.device("cpu")))
