"""Whole phases as CUDA graphs: recorded once, then replayed with a single launch, so that no GPU waits for Python.

An update of a small network is hundreds of kernels of a few microseconds each, and launching one takes the host about
as long. A recording contains the kernels of forward pass, backward pass, penalties and optimiser step with their
memory addresses; numbers that Python computes are frozen into it. So whatever changes from update to update (which
samples, the learning rate, the decay of the averages) has to be in tensors. Random numbers come from the device's
generator, which a replay advances as the code would (docs.pytorch.org, CUDA semantics, "CUDA Graphs").
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

WARM_UPS = 3
"""Calls before the recording, in which libraries choose their kernels and optimisers create their state."""

TOLERANCE = 0.05
"""Largest difference allowed between the first replay and the code, as a fraction of the change by the update.

Kernels that add in no fixed order differ by much less, numbers frozen by mistake by much more.
"""

Work = Callable[..., Tensor | None]
"""What is recorded: device work on input tensors of fixed shapes."""


class Recorder(Protocol):
    """Records device work and replays it."""

    def record(self, work: Callable[[], Tensor | None]) -> tuple[Callable[[], None], Tensor | None]:
        """Record `work` without executing it. Returns a function that replays it, and the tensor of its result.

        Raises RuntimeError, with everything as it was before, for work that cannot be recorded.
        """

    def random_state(self) -> Tensor:
        """The state of the device's generator."""

    def set_random_state(self, state: Tensor) -> None: ...


class CudaGraphs:
    """Recordings as CUDA graphs that share one memory pool.

    Sharing is safe although each replay overwrites the others' memory: only a result outlives its replay, and it is
    copied before the next one.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.pool = torch.cuda.graph_pool_handle()

    def record(self, work: Callable[[], Tensor | None]) -> tuple[Callable[[], None], Tensor | None]:
        graph = torch.cuda.CUDAGraph()
        try:
            # Other threads (of a data loader, of a callback) may continue to call CUDA meanwhile.
            with torch.cuda.graph(graph, pool=self.pool, capture_error_mode="thread_local"):
                result = work()
        except Exception:
            # An aborted recording leaves the generator in capture mode, in which all later draws would fail.
            generator = torch.cuda.default_generators[self.device.index or 0]
            generator.graphsafe_set_state(generator.clone_state())
            raise
        return graph.replay, result

    def random_state(self) -> Tensor:
        return torch.cuda.get_rng_state(self.device)

    def set_random_state(self, state: Tensor) -> None:
        torch.cuda.set_rng_state(state, self.device)


class Captured:
    """Calls `work(*inputs)`: the first few times as code, later by replaying a recording, if that does the same.

    It is recorded if a call neither reads values on the host nor changes `state()`, the Python state of the game. The
    recording is used if its first replay changes `tensors()` as the code does.

    recorded: whether a recording is in use. reason: why there is none, "" while it is still possible.
    """

    def __init__(
        self,
        work: Work,
        recorder: Recorder | None,
        state: Callable[[], object],
        tensors: Callable[[], Sequence[Tensor]],
        reason: str = "",
    ) -> None:
        self.work, self.state, self.tensors, self.reason = work, state, tensors, reason
        self.recorded = False
        self._recorder = recorder
        self._calls = 0
        self._inputs: tuple[Tensor, ...] = ()
        self._replay: Callable[[], None] = lambda: None
        self._result: Tensor | None = None

    def __call__(self, *inputs: Tensor) -> Tensor | None:
        if self.recorded:
            return self._run_replay(inputs)
        if self.reason or self._recorder is None:
            return self.work(*inputs)
        self._calls += 1
        if self._calls < WARM_UPS:
            return self.work(*inputs)
        if self._calls == WARM_UPS:
            return self._run_watched(inputs)
        if self._calls == WARM_UPS + 1:
            return self._record(inputs, self._recorder)
        return self._check_replay(inputs, self._recorder)

    def _run_replay(self, inputs: Sequence[Tensor]) -> Tensor | None:
        for held, new in zip(self._inputs, inputs, strict=True):
            held.copy_(new, non_blocking=True)
        self._replay()
        # The next replay overwrites the result.
        return None if self._result is None else self._result.clone()

    def _run_watched(self, inputs: Sequence[Tensor]) -> Tensor | None:
        before = self.state()
        with HostWork() as seen:
            result = self.work(*inputs)
        if seen.reason:
            self.reason = seen.reason
        elif self.state() != before:
            self.reason = "it changes attributes that are not tensors"
        return result

    def _record(self, inputs: Sequence[Tensor], recorder: Recorder) -> Tensor | None:
        self._inputs = tuple(tensor.clone() for tensor in inputs)
        try:
            self._replay, self._result = recorder.record(lambda: self.work(*self._inputs))
        except RuntimeError as error:
            self.reason = str(error).partition("\n")[0]
        return self.work(*inputs)

    def _check_replay(self, inputs: Sequence[Tensor], recorder: Recorder) -> Tensor | None:
        """Call the code with inputs and random numbers that were not recorded, and compare a replay with it."""
        tensors = self.tensors()
        before, random = copies(tensors), recorder.random_state()
        result = self.work(*inputs)
        after = copies(tensors)
        restore(tensors, before)
        recorder.set_random_state(random)
        replayed = self._run_replay(inputs)
        actual = [*tensors, *([] if replayed is None else [replayed])]
        expected = [*after, *([] if result is None else [result])]
        start = [*before, *([] if result is None else [torch.zeros_like(result)])]
        self.recorded = same_change(actual, expected, start)
        if not self.recorded:
            self.reason = "a replay does not do what the code does"
            restore(tensors, after)
            return result
        return replayed


class HostWork(TorchDispatchMode):
    """Detects the first operation that cannot be recorded: `reason`."""

    def __init__(self) -> None:
        super().__init__()
        self.reason = ""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape} & set(func.tags):
            self.reason = self.reason or f"{func.name()} needs values on the host"
        # A CPU scalar among GPU tensors is treated as a plain number.
        tensors = [x for x in tree_leaves((args, kwargs, result)) if isinstance(x, Tensor) and x.dim()]
        if len({tensor.device for tensor in tensors}) > 1:
            self.reason = self.reason or f"{func.name()} copies between devices"
        return result


PLAIN = (bool, int, float, complex, str, bytes, type(None))
CODE = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType)


def python_state(subject: object, device: torch.device | None = None) -> list[object]:
    """What code could branch on in an object and everything in it: plain values, and addresses of tensors.

    Also what its classes have in common, and the plain globals and enclosing variables of their methods. Scalars that
    are not on `device` are plain values too: among tensors there they act as numbers.
    """
    found: list[object] = []
    seen: set[int] = set()
    classes: set[Any] = set()
    waiting: list[Any] = [subject]
    while waiting:
        item = waiting.pop()
        kind: Any = type(item)
        way = _way(kind)
        if way == "plain":
            found.append(item)
            continue
        if way == "code" or id(item) in seen:
            continue
        seen.add(id(item))
        if way == "tensor":
            number = device is not None and item.dim() == 0 and item.device != device
            value = item.item() if number else None
            found.append((item.data_ptr(), item.shape, value))
        elif way == "mapping":
            waiting += [*item.keys(), *item.values()]
        elif way == "sequence":
            waiting += [*item]
        elif hasattr(item, "__dict__"):
            classes.add(kind)
            waiting += [*vars(item).values()]
    for shared in sorted(classes, key=id):
        for values in _shared_values(shared):
            found += [value for value in values() if isinstance(value, PLAIN)]
    return found


@lru_cache(maxsize=4096)
def _way(kind: type) -> str:
    """How `python_state` takes objects of a type; remembered, as asking for it takes most of its time."""
    ways = {"plain": PLAIN, "code": CODE, "tensor": Tensor, "mapping": Mapping, "sequence": (Sequence, set, frozenset)}
    return next((way for way, kinds in ways.items() if issubclass(kind, kinds)), "object")  # type: ignore[arg-type]


@lru_cache(maxsize=256)
def _shared_values(kind: type) -> list[Callable[[], list[object]]]:
    """Values outside its objects on which a class's methods may depend; none for the classes of torch and ganzoo."""
    found: list[Callable[[], list[object]]] = []
    known: set[int] = set()
    for base in kind.__mro__:
        if base.__module__.partition(".")[0] in ("torch", "ganzoo", "builtins", "abc", "typing"):
            continue
        found.append(lambda base=base: [*vars(base).values()])  # type: ignore[misc]
        for method in [value for value in vars(base).values() if isinstance(value, FunctionType)]:
            if id(method.__globals__) not in known:
                known.add(id(method.__globals__))
                found.append(lambda names=method.__globals__: [*names.values()])  # type: ignore[misc]
            found += [lambda cell=cell: _contents(cell) for cell in method.__closure__ or ()]  # type: ignore[misc]
    return found


def _contents(cell: Any) -> list[object]:
    """The value of an enclosing variable, if it has one yet."""
    try:
        return [cell.cell_contents]
    except ValueError:
        return []


def copies(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [tensor.detach().clone() for tensor in tensors]


@torch.no_grad()
def restore(tensors: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    for tensor, value in zip(tensors, values, strict=True):
        tensor.copy_(value)


@torch.no_grad()
def same_change(actual: Sequence[Tensor], expected: Sequence[Tensor], start: Sequence[Tensor]) -> bool:
    """Whether `actual` equals `expected`, up to rounding and a small fraction of the change from `start`."""
    if [value.shape for value in actual] != [value.shape for value in expected]:
        return False

    def distance(a: Sequence[Tensor], b: Sequence[Tensor]) -> float:
        squares = [(x.double() - y.double()).square().sum() for x, y in zip(a, b, strict=True)]
        return float(torch.stack(squares).sum().sqrt())

    change, size = distance(expected, start), distance(expected, [torch.zeros_like(value) for value in expected])
    return distance(actual, expected) <= TOLERANCE * change + 1e-7 * size


@contextmanager
def side_stream(device: torch.device) -> Iterator[None]:
    """On a GPU, a separate stream for training, as nothing can be recorded on the default one."""
    if device.type != "cuda":
        yield
        return
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    try:
        with torch.cuda.stream(stream):
            yield
    finally:
        torch.cuda.current_stream(device).wait_stream(stream)


def make_recorder(device: torch.device, wanted: bool) -> Recorder | None:
    """The recorder for a device; None if none is wanted, or none exists for it."""
    return CudaGraphs(device) if wanted and device.type == "cuda" else None
