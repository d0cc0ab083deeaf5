"""CTGAN's game (Xu et al. 2019): encoded rows, conditions, training by sampling, packs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from ganzoo.game import Batch, Terms, batch_size
from ganzoo.games import TwoPlayer
from ganzoo.networks import Choices, row_parts
from ganzoo.recipes import DataSpec

from .mixtures import Mixtures
from .networks import Critic, Generator
from .rows import Rows

if TYPE_CHECKING:
    from . import CTGANRecipe


class CTGAN(TwoPlayer):
    """G returns encoded rows without activations: `[N, V]` positions within modes, `[N, V * modes]` logits of modes,
    and `[N, C]` logits of categories.

    z `[N, latent]` has all random numbers of a row, so that a row is a function of it: G's own, one for each logit,
    from which the Gumbel noise is computed, and two from which the condition of a sample is.
    """

    choice_places: Tensor
    value_places: Tensor
    row_places: Tensor

    def setup(self, recipe: CTGANRecipe, data: DataSpec) -> None:
        self.values, spans = row_parts(data)
        self.spans = spans
        count, modes = len(self.values), recipe.modes
        self.mixtures = Mixtures(count, modes)
        self.logits_of_row = count * modes + sum(width for _, width in spans)
        starts = [sum(width for _, width in spans[:number]) for number in range(len(spans))]
        packed = [(start, width) for start, (_, width) in zip(starts, spans, strict=True)]
        self.modes_choice = Choices([(modes * number, modes) for number in range(count)], count * modes)
        self.choice = Choices(packed, sum(width for _, width in spans))
        self.rows = Rows(packed, recipe.condition)
        self.noise = recipe.latent
        self.latent = recipe.latent + self.logits_of_row + 2
        order = [at for start, width in spans for at in range(start, start + width)]
        self.register_buffer("choice_places", torch.tensor(order, dtype=torch.int64), persistent=False)
        self.register_buffer("value_places", torch.tensor(self.values, dtype=torch.int64), persistent=False)
        back = torch.tensor([*self.values, *order]).argsort()
        self.register_buffer("row_places", back, persistent=False)

    def prepare(self, dataset: Any) -> None:
        x = dataset.batch(torch.arange(dataset.count))["x"]
        values = x.index_select(1, self.value_places)
        # Fitting many columns takes seconds, and always gives the same for the same rows.
        fitted = dataset.memo.once(("mixtures", self.recipe.modes), lambda: self.mixtures.fitted(values))
        self.mixtures.load_state_dict(fitted)
        self.rows.count(x.index_select(1, self.choice_places))
        self.dataset = dataset

    # Drawing

    def draw_latent(self, n: int, truncation: float | None = None) -> Tensor:
        z = super().draw_latent(n)
        if truncation is not None:
            # Of the others, conditions and categories of typical rows would be drawn, not typical rows.
            z = torch.cat([super().draw_latent(n, truncation)[:, : self.noise], z[:, self.noise :]], 1)
        return z

    def generate(self, z: Tensor, y: Tensor | None = None) -> Tensor:
        condition = self.rows.frequent(uniform(z[:, -2]), uniform(z[:, -1]))
        return self.image_of(self.generated(z, condition))

    def generated(self, z: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """What G returns for latents and conditions `[N, C]`, and the Gumbel noise of its logits."""
        raw = self.generator(torch.cat([z[:, : self.noise], condition.to(z.dtype)], 1)).float()
        noise = -torch.log(-torch.log(uniform(z[:, self.noise : -2].float())))
        return raw, noise

    def fakes(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Rows of new latents and conditions; real rows that have what is requested take the place of the batch's.

        Training by sampling (section 4.3): a random category, a value of it by the logarithm of its frequency, and a
        random row with this value.
        """
        n = batch_size(batch)
        batch["z"] = self.draw_latent(n)
        if not self.rows.columns:
            batch["condition"] = batch["z"].new_zeros(n, 0)
        elif self.rows.counted:
            column, place, row = self.rows.draw(n, self.device)
            batch["column"], batch["value"] = column, place
            batch["condition"] = self.rows.condition(column, place)
            batch["x"] = self.dataset.batch(row)["x"]
        else:
            # Of a game that is not in training: a random category of each row of the batch.
            column, place = self.rows.of(batch["x"].index_select(1, self.choice_places))
            batch["column"], batch["value"] = column, place
            batch["condition"] = self.rows.condition(column, place)
        return self.generated(batch["z"], batch["condition"])

    def image_of(self, generated: Any) -> Tensor:
        raw, noise = generated
        position, modes, choices = self.split(raw, raw + self.around(noise))
        values = self.mixtures.decode(torch.tanh(position), self.mixtures.masked(modes).argmax(2))
        return torch.cat([values, self.choice.hard(choices)], 1).index_select(1, self.row_places)

    def around(self, noise: Tensor) -> Tensor:
        """The noise of logits, with 0 for positions, of which there is none."""
        return torch.cat([noise.new_zeros(noise.shape[0], len(self.values)), noise], 1)

    def split(self, raw: Tensor, logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Positions `[N, V]` of `raw`; logits of modes `[N, V, modes]` and of categories `[N, C]` of `logits`."""
        count, modes = len(self.values), self.recipe.modes
        return (
            raw[:, :count],
            logits[:, count : count * (1 + modes)].unflatten(1, (count, modes)),
            logits[:, count * (1 + modes) :],
        )

    # What the critic sees

    def shown(self, x: Any, batch: Batch) -> Tensor:
        """Encoded rows with their conditions, in packs `[N / pack, ...]`.

        A last pack that is not full is filled up with rows from the beginning of the batch.
        """
        encoded = self.activated(*x) if isinstance(x, tuple) else self.encoded(x)
        return self.packed(torch.cat([encoded, batch["condition"].to(encoded.dtype)], 1))

    def encoded(self, x: Tensor) -> Tensor:
        """Real rows `[N, D]` as the critic sees them: a mode of each value is drawn anew each time (section 4.2)."""
        position, mode = self.mixtures.encode(x.index_select(1, self.value_places))
        modes = (mode[:, :, None] == torch.arange(self.recipe.modes, device=x.device)).to(x.dtype)
        return torch.cat([position, modes.flatten(1), x.index_select(1, self.choice_places)], 1)

    def activated(self, raw: Tensor, noise: Tensor) -> Tensor:
        """What G returns, as the critic sees it: tanh of positions, Gumbel-softmax of modes and categories."""
        noisy = (raw + self.around(noise)) / self.recipe.temperature
        position, modes, choices = self.split(raw, noisy)
        return torch.cat(
            [torch.tanh(position), self.mixtures.masked(modes).softmax(2).flatten(1), self.choice.softmax(choices)], 1
        )

    def packed(self, x: Tensor) -> Tensor:
        packs = -(-len(x) // self.recipe.pack)
        if packs * self.recipe.pack != len(x):
            x = x.index_select(0, torch.arange(packs * self.recipe.pack, device=x.device) % len(x))
        return x.reshape(packs, -1)

    def g_terms(self, batch: Batch, fakes: Any, fake: Any, real: Any) -> Terms:
        terms = super().g_terms(batch, fakes, fake, real)
        if self.rows.columns:
            raw, _ = fakes
            _, _, choices = self.split(raw, raw)
            apart = self.choice.apart(choices, -1e9)
            column = batch["column"].view(-1, 1, 1).expand(-1, 1, apart.shape[2])
            logits = apart.gather(1, column)[:, 0]
            terms["condition"] = self.recipe.condition_weight * cross_entropy(logits, batch["value"])
        return terms


def uniform(normal: Tensor) -> Tensor:
    """Standard normal numbers as uniform ones, strictly between 0 and 1."""
    return (0.5 + 0.5 * torch.erf(normal / math.sqrt(2))).clamp(1e-6, 1 - 1e-6)


def make(recipe: CTGANRecipe, data: DataSpec) -> CTGAN:
    """The game and its networks. Raises GanzooError for data that are no table."""
    values, spans = row_parts(data)
    categories = sum(width for _, width in spans)
    conditions = categories if recipe.condition else 0
    row = len(values) * (1 + recipe.modes) + categories
    generator = Generator(recipe.latent + conditions, recipe.g_hidden, row)
    critic = Critic(recipe.pack * (row + conditions), recipe.d_hidden, recipe.dropout)
    return CTGAN.from_recipe(generator, critic, recipe, data, joint=False)
