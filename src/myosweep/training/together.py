"""One run on several processes: who is which, what is shared, what is added up.

torchrun or ``accelerate launch`` starts them, each executes the same program, and Accelerate
connects them. The main process alone writes; what it finds, and every failure of any process,
reaches all, so that all do the same next and none waits for ever. See docs/decisions.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

from myosweep.errors import MyosweepError, PartnerFailed, PartnerLost

_T = TypeVar("_T")
_LONGEST_WAIT = timedelta(hours=6)
"""For one process that scores or writes a report; the end of a process is noticed at once."""


@runtime_checkable
class _Sliceable(Protocol):
    def __getitem__(self, wanted: slice, /) -> Any: ...


_Items = TypeVar("_Items", bound=_Sliceable)


class Together:
    """A process on its own: it has everything, and nobody to tell."""

    rank = 0
    processes = 1

    @property
    def is_main(self) -> bool:
        """Whether this process writes and prints."""
        return self.rank == 0

    def share(self, items: _Items) -> _Items:
        """This process's part: every n-th item, from its own number on."""
        return items[self.rank :: self.processes]

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum of all processes' tensors, which have one shape."""
        return tensor

    def sum_gradients(self, network: nn.Module) -> None:
        """Replace every gradient by the sum of all processes'."""

    def everyones(self, item: _T) -> list[_T]:
        """What every process gave, by rank."""
        return [item]

    def on_main(self, task: Callable[[], _T]) -> _T:
        """Do a task on the main process; all get what it gives, or raises."""
        return task()

    def main_first(self, task: Callable[[], _T]) -> _T:
        """Do a task on the main process, then on the others."""
        return task()

    @contextmanager
    def failing_as_one(self) -> Iterator[None]:
        """What is raised inside on one process is raised on all.

        Each notices when it next shares or sums. Raises ``PartnerLost`` where a process is gone.
        """
        yield


ALONE = Together()


class SeveralProcesses(Together):
    """One of several connected processes.

    All go through the same calls in the same order. Before each exchange they say whether they are
    well (one number, summed); one that failed says so instead of what the others wait for.
    """

    def __init__(self, device: str) -> None:
        from accelerate import PartialState

        # An optimiser's first step imports this. Were the connection made by then, torch would
        # keep it to the end, and its threads then abort the process now and again.
        import_module("torch._dynamo")
        backend = {} if device == "cpu" else {"backend": "cuda:nccl,cpu:gloo"}
        with _partners(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of threads, which ``Computer`` sets
            self._state = PartialState(cpu=device == "cpu", timeout=_LONGEST_WAIT, **backend)
        self.rank, self.processes = self._state.process_index, self._state.num_processes
        self._told: Exception | None = None

    def sum(self, tensor: Tensor) -> Tensor:
        self._meet()
        return self._sum(tensor)

    def sum_gradients(self, network: nn.Module) -> None:
        gradients = [one.grad for one in network.parameters() if one.grad is not None]
        flat = torch.cat([one.reshape(-1) for one in gradients])
        parts = torch.split(self.sum(flat), [one.numel() for one in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view(gradient.shape))

    def everyones(self, item: _T) -> list[_T]:
        self._meet()
        return self._gather(item)

    def on_main(self, task: Callable[[], _T]) -> _T:
        found = None
        if self.is_main:
            with self.failing_as_one():
                found = task()
        self._meet()
        return self._of_main(found)

    def main_first(self, task: Callable[[], _T]) -> _T:
        if self.is_main:
            with self.failing_as_one():
                found = task()
        self._meet()
        return found if self.is_main else task()

    @contextmanager
    def failing_as_one(self) -> Iterator[None]:
        try:
            yield
        except PartnerLost:
            raise
        except Exception as error:
            if not self._was_told(error):
                self._meet(error)
            raise

    def leave(self) -> None:
        """Cut the connection."""
        self._state.destroy_process_group()

    def _meet(self, error: Exception | None = None) -> None:
        """Wait for all; if any failed, all raise what the first of them met."""
        failures = self._sum(torch.tensor(float(error is not None)))
        if failures == 0:
            return
        told = self._gather(error and _portable(error, self.rank))
        first = next(one for one in told if one is not None)
        number = told.index(first)
        self._told = error if error is not None and number == self.rank else first
        raise self._told from (error if self._told is not error else error.__cause__)

    def _was_told(self, error: BaseException | None) -> bool:
        """Whether all have raised this error, or one that it arose from."""
        while error is not None and error is not self._told:
            error = error.__context__
        return error is not None

    def _sum(self, tensor: Tensor) -> Tensor:
        from accelerate.utils import reduce

        with _partners():
            return reduce(tensor, "sum")

    def _gather(self, item: _T) -> list[_T]:
        from accelerate.utils import gather_object

        with _partners():
            return gather_object([item])

    def _of_main(self, item: Any) -> Any:
        from accelerate.utils import broadcast_object_list

        with _partners():
            return broadcast_object_list([item])[0]


@contextmanager
def _partners() -> Iterator[None]:
    """Say in words that another process is gone; torch has many names for it."""
    try:
        yield
    except (RuntimeError, OSError) as error:
        raise PartnerLost(
            "another process of this training has ended or cannot be reached; the run is kept at "
            "its last whole epoch, the same command continues it"
        ) from error


def _portable(error: Exception, rank: int) -> Exception:
    """The error as another process may raise it."""
    if isinstance(error, MyosweepError | OSError):
        return error
    return PartnerFailed(f"process {rank}: {type(error).__name__}: {error}")
