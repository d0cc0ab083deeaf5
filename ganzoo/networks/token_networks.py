"""Networks on sequences of tokens: recurrent generators, a relational memory, and a convolutional discriminator.

Token 0 ends a sequence, and only ends follow it.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from ganzoo.networks.tokens import TokenEmbedding

State = tuple[Tensor, ...]
"""What a cell remembers: tensors `[N, ...]`."""


class LSTMMemory(nn.Module):
    """The cell of an LSTM: inputs `[N, size]` and a state to outputs `[N, width]` and the next state."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.cell = nn.LSTMCell(size, width)

    def start(self, count: int, like: Tensor) -> State:
        """The state before the first input."""
        return (like.new_zeros(count, self.width), like.new_zeros(count, self.width))

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        hidden, cell = self.cell(x, state)
        return hidden, (hidden, cell)


class RelationalMemory(nn.Module):
    """A recurrent cell whose memory attends to itself and to the input (Santoro et al. 2018, section 3.3, figure 1).

    Inputs `[N, size]` and a state to outputs `[N, width]` and the next state. slots: rows of the memory, of
    `width / slots` numbers each. heads: of the attention. Gates are as in an LSTM, one for each number of the memory;
    the forget gate has a bias of 1.
    """

    def __init__(self, size: int, width: int, slots: int = 1, heads: int = 2) -> None:
        super().__init__()
        row = width // slots
        if width % slots or row % heads:
            raise ValueError(f"a memory of {width} numbers cannot be split into {slots} slots and {heads} heads")
        self.slots, self.heads, self.row, self.width = slots, heads, row, width
        self.input = nn.Linear(size, row)
        self.query, self.key_value = nn.Linear(row, row), nn.Linear(row, 2 * row)
        self.mlp = nn.Sequential(nn.Linear(row, row), nn.ReLU(), nn.Linear(row, row), nn.ReLU())
        self.norm1, self.norm2 = nn.LayerNorm(row), nn.LayerNorm(row)
        self.input_gates, self.memory_gates = nn.Linear(row, 2 * row), nn.Linear(row, 2 * row, bias=False)

    def start(self, count: int, like: Tensor) -> State:
        """The state before the first input: rows of the identity matrix, so that slots differ."""
        eye = torch.eye(self.slots, self.row, dtype=like.dtype, device=like.device)
        return (eye.expand(count, -1, -1),)

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        (memory,) = state
        entered = self.input(x)[:, None]
        attended = self.attend(memory, torch.cat([memory, entered], 1))
        proposed = self.norm1(memory + attended)
        proposed = self.norm2(proposed + self.mlp(proposed))
        gates = self.input_gates(entered) + self.memory_gates(memory.tanh())
        write, keep = gates.chunk(2, -1)
        memory = write.sigmoid() * proposed.tanh() + (keep + 1).sigmoid() * memory
        return memory.flatten(1), (memory,)

    def attend(self, memory: Tensor, seen: Tensor) -> Tensor:
        """Multi-head attention of the memory's rows `[N, slots, row]` over `seen [N, M, row]`."""
        query = self.query(memory).unflatten(-1, (self.heads, -1))
        key, value = self.key_value(seen).unflatten(-1, (self.heads, -1)).chunk(2, -1)
        weights = torch.einsum("nqhd,nkhd->nhqk", query, key) / query.shape[-1] ** 0.5
        return torch.einsum("nhqk,nkhd->nqhd", weights.softmax(-1), value).flatten(-2)


class TokenGenerator(nn.Module):
    """`z [N, length]`, uniform on [-1, 1], to tokens `[N, length]`, int64: one number of z for each token.

    A recurrent network gives a distribution of the next token, and z chooses from it through the cumulative
    distribution. So tokens are drawn as by any language model, and samples are a function of z.

    size: of the embeddings. cell: `LSTMMemory`, `RelationalMemory` or any module like these.
    """

    def __init__(self, vocabulary: int, length: int, size: int, cell: LSTMMemory | RelationalMemory) -> None:
        super().__init__()
        self.vocabulary, self.length = vocabulary, length
        # The last embedding is that of the start.
        self.embedding = TokenEmbedding(vocabulary + 1, size)
        self.cell = cell
        self.output = nn.Linear(cell.width, vocabulary)

    def start(self, count: int) -> tuple[Tensor, State]:
        """The token before the first, `[count]`, and the first state."""
        weight = self.embedding.weight
        first = torch.full((count,), self.vocabulary, device=weight.device)
        return first, self.cell.start(count, weight)

    def step(self, token: Tensor, state: State, position: int) -> tuple[Tensor, State]:
        """Logits `[N, vocabulary]` of the token at a position, given the one before it `[N]`, and the next state.

        The first token is never the end: there are no empty sequences.
        """
        hidden, state = self.cell(self.embedding(token), state)
        logits = self.output(hidden).float()
        if position == 0:
            empty = torch.zeros_like(logits[:1])
            empty[:, 0] = -torch.inf
            logits = logits + empty
        return logits, state

    def log_probabilities(self, tokens: Tensor) -> Tensor:
        """Log-probabilities `[N, length]` of the tokens of sequences, each given those before it; 0 after the end."""
        token, state = self.start(tokens.shape[0])
        found = []
        for position in range(self.length):
            logits, state = self.step(token, state, position)
            token = tokens[:, position]
            found.append(-functional.cross_entropy(logits, token, reduction="none"))
        return torch.stack(found, 1) * counted(tokens)

    def forward(self, z: Tensor) -> Tensor:
        chances = (z.float() + 1) / 2
        token, state = self.start(z.shape[0])
        ended = torch.zeros_like(token, dtype=torch.bool)
        found = []
        for position in range(self.length):
            logits, state = self.step(token, state, position)
            token = torch.where(ended, 0, choose(logits, chances[:, position]))
            ended = ended | (token == 0)
            found.append(token)
        return torch.stack(found, 1)

    def relaxed(self, count: int, sharpness: Tensor | float, *, straight_through: bool = False) -> Tensor:
        """Gumbel-softmax samples: rows of weights `[count, length, vocabulary]`. sharpness: the inverse temperature.

        The next input is the token with the largest weight, without a gradient, as in RelGAN's code (Nie et al. 2019);
        after the end, rows are those of the end. straight_through: one-hot rows, with the gradient of the soft ones
        (Jang et al. 2017, section 2.2).
        """
        token, state = self.start(count)
        uniform = torch.rand(count, self.length, self.vocabulary, device=token.device)
        noise = -(-(uniform + 1e-20).log() + 1e-20).log()
        end = torch.zeros(count, self.vocabulary, device=token.device)
        end[:, 0] = 1
        ended = torch.zeros_like(token, dtype=torch.bool)
        found = []
        for position in range(self.length):
            logits, state = self.step(token, state, position)
            disturbed = logits + noise[:, position]
            row = (disturbed * sharpness).softmax(-1)
            chosen = disturbed.detach().argmax(-1)
            if straight_through:
                row = functional.one_hot(chosen, self.vocabulary) + row - row.detach()
            found.append(torch.where(ended[:, None], end, row))
            token = torch.where(ended, 0, chosen)
            ended = ended | (token == 0)
        return torch.stack(found, 1)

    def completed(self, tokens: Tensor, copies: int) -> Tensor:
        """Sequences `[length - 1, copies * N, length]` that begin like given ones `[N, length]`; their rest is drawn.

        Those at index t - 1 have the first t tokens of the given ones: all starts of a sequence are completed at the
        same time, so that it takes as many steps as one sequence.
        """
        count = len(tokens)
        token, state = self.start(count)
        made = torch.empty(self.length - 1, copies * count, self.length, dtype=tokens.dtype, device=tokens.device)
        state = self.step(token, state, 0)[1]
        last = tokens.new_empty(0)
        going: State = tuple(part[:0] for part in state)
        for position in range(1, self.length):
            # The sequences that are drawn from this position on begin where the given ones are.
            token = tokens[:, position - 1]
            last = torch.cat([last, token.repeat(copies)])
            joined = [torch.cat([a, b.repeat(copies, *[1] * (b.ndim - 1))]) for a, b in zip(going, state, strict=True)]
            made[position - 1, :, :position] = tokens[:, :position].repeat(copies, 1)
            logits, going = self.step(last, tuple(joined), position)
            drawn = choose(logits, torch.rand(len(last), device=logits.device))
            last = torch.where(last == 0, 0, drawn)
            made[:position, :, position] = last.view(position, -1)
            state = tuple(part[-copies * count :][:count] for part in going)
        return made


def choose(logits: Tensor, chances: Tensor) -> Tensor:
    """The token `[N]` whose part of the cumulative distribution has the number `chances [N]` between 0 and 1."""
    cumulative = logits.softmax(-1).cumsum(-1)
    return (cumulative < (chances * cumulative[:, -1].detach())[:, None]).sum(-1).clamp(max=logits.shape[-1] - 1)


def counted(tokens: Tensor) -> Tensor:
    """1 for the tokens of each sequence `[N, T]` up to its first end, with that, and 0 for the rest, as float32."""
    return ((tokens == 0).cumsum(1) - (tokens == 0).long() == 0).float()


class TokenDiscriminator(nn.Module):
    """Tokens `[N, T]`, or rows of weights over the vocabulary `[N, T, V]`, to logits `[N]`, or `[N, representations]`.

    Convolutions of several widths over the embeddings, the largest value of each channel over time, a highway layer,
    dropout and a linear layer: the classifier of SeqGAN (Yu et al. 2017, section 3.3; Zhang & LeCun 2015).

    channels: of the convolutions, by their width; those wider than the sequence are left out. size: of an embedding.
    representations: embeddings of each token, each of which is judged on its own by the same layers (RelGAN: Nie et al.
    2019, section 2.3).
    """

    def __init__(
        self,
        vocabulary: int,
        length: int,
        size: int,
        channels: Mapping[int, int],
        *,
        representations: int = 0,
        dropout: float = 0.25,
    ) -> None:
        super().__init__()
        chosen = {width: count for width, count in channels.items() if width <= length}
        chosen = chosen or {length: sum(channels.values())}
        self.representations = representations
        self.embedding = TokenEmbedding(vocabulary, size * (representations or 1))
        self.convolutions = nn.ModuleList(nn.Conv1d(size, count, width) for width, count in chosen.items())
        features = sum(chosen.values())
        self.highway = Highway(features)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(features, 1)

    def forward(self, x: Tensor) -> Tensor:
        embedded = self.embedding(x).unflatten(-1, (self.representations or 1, -1))
        # [N, T, R, E] to [N * R, E, T].
        flat = embedded.permute(0, 2, 3, 1).flatten(0, 1)
        features = torch.cat([functional.relu(layer(flat)).amax(-1) for layer in self.convolutions], 1)
        logits = self.output(self.dropout(self.highway(features)))[:, 0]
        return logits.unflatten(0, (-1, self.representations)) if self.representations else logits


class Highway(nn.Module):
    """Features `[N, F]`, each partly replaced by a function of all, as a gate decides (Srivastava et al. 2015)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.change, self.gate = nn.Linear(features, features), nn.Linear(features, features)

    def forward(self, x: Tensor) -> Tensor:
        gate = self.gate(x).sigmoid()
        return gate * functional.relu(self.change(x)) + (1 - gate) * x
