"""Costly answers are computed in one process of their own; pages once for all who ask.

That keeps the server answering, and matplotlib, which serves one thread at a time, undisturbed.
"""

import asyncio
import hashlib
import multiprocessing
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from typing import Any

from fastapi import HTTPException

_KEPT = 32


def name_of(key: tuple[Any, ...]) -> str:
    """A short name of a key, for addresses."""
    return hashlib.sha256(repr(key).encode()).hexdigest()[:20]


class Work:
    """Answers, computed in another process; those that have a key once, and the last are kept."""

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._answers: OrderedDict[tuple[Any, ...], asyncio.Future[Any]] = OrderedDict()

    async def answer(self, key: tuple[Any, ...], compute: Callable[..., Any], *given: Any) -> Any:
        """What ``compute(*given)`` gives, in another process; an error is kept for nobody.

        Args:
            key: names the answer, whatever it depends on.

        Raises:
            InputError: as ``compute`` does.
            HTTPException: 503, if the process died.
        """
        found = self._answers.get(key)
        if found is None:
            found = asyncio.ensure_future(self.computed(compute, *given))
            self._answers[key] = found
            while len(self._answers) > _KEPT:
                self._answers.popitem(last=False)
        self._answers.move_to_end(key)
        try:
            return await asyncio.shield(found)
        except BaseException:
            if found.done() and self._answers.get(key) is found:
                del self._answers[key]
            raise

    async def computed(self, compute: Callable[..., Any], *given: Any) -> Any:
        """As ``answer``, for one who asks alone: nothing is kept."""
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(1, mp_context=context)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, compute, *given)
        except BrokenExecutor:
            self._pool = None
            raise HTTPException(503, "This could not be computed; try it again.") from None

    def keeps(self, key: tuple[Any, ...]) -> bool:
        """Whether an answer is kept."""
        return key in self._answers

    def forget(self, key: tuple[Any, ...]) -> None:
        """Make room: an answer is not wanted any more."""
        self._answers.pop(key, None)

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
