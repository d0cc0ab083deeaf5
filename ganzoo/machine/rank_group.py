"""The ranks that score together: all draw samples and extract features, the first gathers them and computes scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import torch
from torch import Tensor

from ganzoo.errors import GanzooError, OtherRankFailed, TrainingError
from ganzoo.machine.fabric import Fabric
from ganzoo.machine.launch import launched
from ganzoo.machine.ranks import LOST_RANK, on_all_ranks, on_first_rank, stops_all_ranks
from ganzoo.recipes import RunOptions

BATCH = 256
"""Samples are drawn in chunks of this size. A chunk is a function of the seed and of its index."""

T = TypeVar("T")

CHUNK = BATCH
"""Rows of a chunk. Chunk i is the same work on every rank, so that results do not depend on the number of ranks."""


class LostRank(RuntimeError):
    """A collective failed because another rank has ended. Metrics must not treat it as a failure of their own."""


class _WorkFailed(Exception):
    """Work distributed over all ranks failed on one of them; the first rank raises the reason."""


REQUEST, DONE, FAILED = "request", "done", "failed"
"""The kinds of message from the first rank: work to do together, the final result, or a failure."""


def chunks(n: int) -> list[slice]:
    """The rows of each chunk of `n` rows."""
    return [slice(start, min(start + CHUNK, n)) for start in range(0, n, CHUNK)]


class RankGroup:
    """All ranks of `fabric`, or a single process without one. Every rank constructs its own."""

    def __init__(self, fabric: Fabric | None = None) -> None:
        self.fabric = fabric if fabric is not None and fabric.world_size > 1 else None
        self.rank = self.fabric.global_rank if self.fabric else 0
        self.ranks = self.fabric.world_size if self.fabric else 1
        self._in_collective = False

    @property
    def device(self) -> torch.device | None:
        """The device of this rank; None for a single process, which may use any."""
        return self.fabric.device if self.fabric else None

    @property
    def is_first(self) -> bool:
        """Whether this is the first rank."""
        return self.rank == 0

    def first_rank_first(self, action: Callable[[], T]) -> T:
        """Run `action` on the first rank, then on the others, so that data are downloaded or decoded only once.

        It must not communicate with other ranks. If it fails on any rank, all ranks stop (`ranks.on_all_ranks`).
        """
        if self.fabric is None:
            return action()
        first = on_first_rank(self.fabric, action)
        return on_all_ranks(self.fabric, lambda: action() if first is None else first)

    def map_rows(self, n: int, work: Callable[[slice], Sequence[Tensor]]) -> list[Tensor]:
        """Tensors of `n` rows each, computed in chunks by `work(rows)` and distributed over the ranks.

        They are complete on the first rank; on others, only the rank's own rows are filled in. If `work` fails on any
        rank, the first rank raises its own error or one that describes the other rank's, and the others raise an error
        that `run_on_first` and `map_rows_or_stop` handle.
        """
        if self.fabric is None:
            return [torch.cat(made) for made in zip(*(work(rows) for rows in chunks(n)), strict=True)]
        made, error = [], None
        try:
            made = [list(work(rows)) for rows in chunks(n)[self.rank :: self.ranks]]
        except Exception as caught:
            error = caught
        self._raise_if_any_failed(error)
        like = self._all_gather([(tensor.shape[1:], tensor.dtype) for tensor in made[0]] if made else [])[0]
        return [
            self._gather_rows(n, [each[column] for each in made], shape, dtype)
            for column, (shape, dtype) in enumerate(like)
        ]

    def map_rows_or_stop(self, n: int, work: Callable[[slice], Sequence[Tensor]]) -> list[Tensor]:
        """`map_rows` for indispensable work: if it fails, all ranks stop."""
        try:
            return self.map_rows(n, work)
        except _WorkFailed as failed:
            raise stops_all_ranks(OtherRankFailed("another rank has failed.")) from failed
        except LostRank:
            raise
        except Exception as error:
            if self.fabric:
                stops_all_ranks(error)
            raise

    def run_on_first(self, work: Callable[[], T], handle: Callable[[Any], None]) -> T:
        """Run `work` on the first rank; the others `handle` each `request` that it makes. All ranks get the result.

        The result and all requests are plain values and tensors. If `work` fails, the others stop too.
        """
        if self.fabric is None:
            return work()
        if not self.is_first:
            return self._serve(handle)
        try:
            result = work()
        except LostRank:
            raise
        except BaseException as error:
            # After a signal during a collective, the other ranks would take this message for a part of it.
            if not self._in_collective:
                with suppress(LostRank):
                    self._broadcast((FAILED, None))
            if isinstance(error, Exception):
                stops_all_ranks(error)
            raise
        self._broadcast((DONE, result))
        return result

    def request(self, content: Any) -> None:
        """Make the other ranks `handle` this; called on the first rank just before it does its own part."""
        self._broadcast((REQUEST, content))

    def _serve(self, handle: Callable[[Any], None]) -> Any:
        while True:
            kind, content = self._broadcast((REQUEST, None))
            if kind == FAILED:
                raise stops_all_ranks(OtherRankFailed("another rank has failed."))
            if kind == DONE:
                return content
            try:
                handle(content)
            except _WorkFailed:
                continue

    def _raise_if_any_failed(self, error: Exception | None) -> None:
        """Raise on every rank if any rank passes an error."""
        texts = self._all_gather((_described(error), isinstance(error, GanzooError)) if error else None)
        failed = next(((rank, text) for rank, text in enumerate(texts) if text is not None), None)
        if failed is None:
            return
        if not self.is_first:
            raise _WorkFailed from error
        if error is not None:
            raise error
        rank, (text, known) = failed
        raise GanzooError(text) if known else RuntimeError(f"on rank {rank}: {text}")

    def _gather_rows(self, n: int, own: Sequence[Tensor], shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """One tensor of `n` rows from the chunks of all ranks, one chunk per rank at a time to bound memory."""
        gathered, places = torch.empty(n, *shape, dtype=dtype), chunks(n)
        for first in range(0, len(places), self.ranks):
            sent = torch.zeros(CHUNK, *shape, dtype=dtype, device=self._fabric.device)
            if first + self.rank < len(places):
                chunk = own[first // self.ranks]
                sent[: len(chunk)] = chunk.to(sent.device)
                gathered[places[first + self.rank]] = chunk.cpu()
            received = [torch.empty_like(sent) for _ in range(self.ranks)] if self.is_first else None
            with self._collective():
                torch.distributed.gather(sent, received)
            for rows, chunk in zip(places[first : first + self.ranks], received or (), strict=False):
                gathered[rows] = chunk[: rows.stop - rows.start].cpu()
        return gathered

    def _all_gather(self, value: T) -> list[T]:
        """The values that the ranks pass, in the order of the ranks."""
        values: list[Any] = [None] * self.ranks
        with self._collective():
            torch.distributed.all_gather_object(values, value)
        return values

    def _broadcast(self, message: tuple[str, Any]) -> tuple[str, Any]:
        with self._collective():
            return self._fabric.broadcast(message)

    @property
    def _fabric(self) -> Fabric:
        if self.fabric is None:
            raise ValueError("a single process has no other ranks to communicate with")
        return self.fabric

    @contextmanager
    def _collective(self) -> Iterator[None]:
        self._in_collective = True
        try:
            yield
        except RuntimeError as error:
            raise LostRank(str(error)) from error
        self._in_collective = False


SINGLE_PROCESS = RankGroup()


@contextmanager
def launched_group(options: RunOptions) -> Iterator[RankGroup]:
    """The ranks that `options` request, launched if there are several; if the block fails, all of them end.

    Raises TrainingError if a rank is lost.
    """
    if options.devices == 1 and options.nodes == 1:
        yield SINGLE_PROCESS
        return
    with launched(options) as fabric:
        group = RankGroup(fabric)
        try:
            yield group
        except RuntimeError as error:
            if not isinstance(error, LostRank) and not LOST_RANK.search(str(error)):
                raise
            # If the first rank is the one that ended, it has reported why.
            lost = TrainingError if group.is_first else OtherRankFailed
            raise lost("another rank has ended: nothing was scored.") from error


def _described(error: Exception) -> str:
    return str(error) if isinstance(error, GanzooError) else f"{type(error).__name__}: {error}"
