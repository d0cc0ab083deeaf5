"""The ranks that score together: samples and features are made on all, joined on the first, and scored there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import torch
from lightning_fabric import Fabric
from torch import Tensor

from ganzoo.errors import GanzooError, OtherRankFailed, TrainingError
from ganzoo.machine.launch import launched
from ganzoo.machine.ranks import LOST_RANK, on_all_ranks, on_first_rank, stops_all_ranks
from ganzoo.recipes import RunOptions

BATCH = 256
"""Samples are drawn in chunks of so many. A chunk is a function of the seed and of its number."""

T = TypeVar("T")

PART = BATCH
"""Rows of a part. Part i is the same work on whichever rank it is done, so that numbers do not depend on the ranks."""


class LostRank(RuntimeError):
    """An exchange failed: another rank has ended. No metric may take it for a failure of its own."""


class _Declined(Exception):
    """Work that all were asked to share failed on some rank; the first knows why."""


ASKED, DONE, FAILED = "asked", "done", "failed"
"""What the first rank says to the others: here is work to share, this is the result, or there is none."""


def parts(n: int) -> list[slice]:
    """The rows of each part of `n` rows."""
    return [slice(start, min(start + PART, n)) for start in range(0, n, PART)]


class Team:
    """All ranks of `fabric`; without one, or on a single rank, this process alone. Every rank makes its own."""

    def __init__(self, fabric: Fabric | None = None) -> None:
        self.fabric = fabric if fabric is not None and fabric.world_size > 1 else None
        self.rank = self.fabric.global_rank if self.fabric else 0
        self.ranks = self.fabric.world_size if self.fabric else 1
        self._exchanging = False

    @property
    def device(self) -> torch.device | None:
        """The rank's own device; of a process alone None, as it may use any."""
        return self.fabric.device if self.fabric else None

    @property
    def leads(self) -> bool:
        """Whether this is the first rank."""
        return self.rank == 0

    def in_turn(self, action: Callable[[], T]) -> T:
        """Do something on the first rank, then on the others: what is downloaded or decoded is so once.

        It must exchange nothing. Where it fails anywhere, all ranks stop (`ranks.on_all_ranks`).
        """
        if self.fabric is None:
            return action()
        first = on_first_rank(self.fabric, action)
        return on_all_ranks(self.fabric, lambda: action() if first is None else first)

    def share(self, n: int, work: Callable[[slice], Sequence[Tensor]]) -> list[Tensor]:
        """Tensors of `n` rows each, made part by part by `work(rows)`; every rank does its parts.

        They are whole on the first rank; elsewhere only the rank's own rows are filled in. Where `work` fails on any
        rank, the first raises its own error or one that says what the other's was, and the others raise one that
        `lead` and `share_or_stop` know.
        """
        if self.fabric is None:
            return [torch.cat(made) for made in zip(*(work(rows) for rows in parts(n)), strict=True)]
        made, error = [], None
        try:
            made = [list(work(rows)) for rows in parts(n)[self.rank :: self.ranks]]
        except Exception as caught:
            error = caught
        self._agree(error)
        like = self._everyones([(tensor.shape[1:], tensor.dtype) for tensor in made[0]] if made else [])[0]
        return [
            self._join(n, [each[column] for each in made], shape, dtype) for column, (shape, dtype) in enumerate(like)
        ]

    def share_or_stop(self, n: int, work: Callable[[slice], Sequence[Tensor]]) -> list[Tensor]:
        """`share` for work without which nothing goes on: where it fails, all ranks stop."""
        try:
            return self.share(n, work)
        except _Declined as declined:
            raise stops_all_ranks(OtherRankFailed("another rank has failed.")) from declined
        except LostRank:
            raise
        except Exception as error:
            if self.fabric:
                stops_all_ranks(error)
            raise

    def lead(self, work: Callable[[], T], answer: Callable[[Any], None]) -> T:
        """Do `work` on the first rank, which may `ask` the others meanwhile; they `answer`. All get the result.

        The result and all that is asked are plain values and tensors. Where `work` fails, the others stop too.
        """
        if self.fabric is None:
            return work()
        if not self.leads:
            return self._follow(answer)
        try:
            result = work()
        except LostRank:
            raise
        except BaseException as error:
            # In the midst of an exchange, as a signal may come, the others would take this for a part of it.
            if not self._exchanging:
                with suppress(LostRank):
                    self._broadcast((FAILED, None))
            if isinstance(error, Exception):
                stops_all_ranks(error)
            raise
        self._broadcast((DONE, result))
        return result

    def ask(self, content: Any) -> None:
        """Have the others `answer` this: from the first rank, right before it does its own share of the same."""
        self._broadcast((ASKED, content))

    def _follow(self, answer: Callable[[Any], None]) -> Any:
        while True:
            what, content = self._broadcast((ASKED, None))
            if what == FAILED:
                raise stops_all_ranks(OtherRankFailed("another rank has failed."))
            if what == DONE:
                return content
            try:
                answer(content)
            except _Declined:
                continue

    def _agree(self, error: Exception | None) -> None:
        """Raise on every rank if there is an error on any."""
        texts = self._everyones((_described(error), isinstance(error, GanzooError)) if error else None)
        failed = next(((rank, text) for rank, text in enumerate(texts) if text is not None), None)
        if failed is None:
            return
        if not self.leads:
            raise _Declined from error
        if error is not None:
            raise error
        rank, (text, known) = failed
        raise GanzooError(text) if known else RuntimeError(f"on rank {rank}: {text}")

    def _join(self, n: int, mine: Sequence[Tensor], shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """One tensor of `n` rows from the parts of all ranks, in rounds of a part from each: memory stays flat."""
        whole, places = torch.empty(n, *shape, dtype=dtype), parts(n)
        for first in range(0, len(places), self.ranks):
            piece = torch.zeros(PART, *shape, dtype=dtype, device=self._fabric.device)
            if first + self.rank < len(places):
                own = mine[first // self.ranks]
                piece[: len(own)] = own.to(piece.device)
                whole[places[first + self.rank]] = own.cpu()
            pieces = [torch.empty_like(piece) for _ in range(self.ranks)] if self.leads else None
            with self._exchange():
                torch.distributed.gather(piece, pieces)
            for rows, got in zip(places[first : first + self.ranks], pieces or (), strict=False):
                whole[rows] = got[: rows.stop - rows.start].cpu()
        return whole

    def _everyones(self, value: T) -> list[T]:
        """What each rank passes, in their order."""
        values: list[Any] = [None] * self.ranks
        with self._exchange():
            torch.distributed.all_gather_object(values, value)
        return values

    def _broadcast(self, said: tuple[str, Any]) -> tuple[str, Any]:
        with self._exchange():
            return self._fabric.broadcast(said)

    @property
    def _fabric(self) -> Fabric:
        if self.fabric is None:
            raise ValueError("a single rank has nobody to exchange with")
        return self.fabric

    @contextmanager
    def _exchange(self) -> Iterator[None]:
        self._exchanging = True
        try:
            yield
        except RuntimeError as error:
            raise LostRank(str(error)) from error
        self._exchanging = False


ALONE = Team()


@contextmanager
def assembled(options: RunOptions) -> Iterator[Team]:
    """The ranks that `options` ask for, launched where they are several; when the block fails, all end.

    Raises TrainingError when a rank is lost.
    """
    if options.devices == 1 and options.nodes == 1:
        yield ALONE
        return
    with launched(options) as fabric:
        team = Team(fabric)
        try:
            yield team
        except RuntimeError as error:
            if not isinstance(error, LostRank) and not LOST_RANK.search(str(error)):
                raise
            # If it is the first that has ended, it has said why.
            lost = TrainingError if team.leads else OtherRankFailed
            raise lost("another rank has ended: nothing was scored.") from error


def _described(error: Exception) -> str:
    return str(error) if isinstance(error, GanzooError) else f"{type(error).__name__}: {error}"
