"""Cases read ahead of the networks, in portions that go through them together."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt

from myosweep.data.problems import collecting
from myosweep.errors import DatasetError
from myosweep.predict.asking import AT_ONCE
from myosweep.predict.cases import Case
from myosweep.predict.outputs import Form
from myosweep.predict.sources import fingerprint

_Content = tuple[UInt[np.ndarray, "slice y x"], str]
_AHEAD = 2 * AT_ONCE
"""Slices that are read while the networks work; at least one case."""


@dataclass(frozen=True, eq=False)
class Read:
    """A case with its pixels and the fingerprint of its source.

    ``images`` is None where they could not be read.
    """

    case: Case
    forms: tuple[Form, ...]
    images: UInt[np.ndarray, "slice y x"] | None
    source: str


def portions(
    todo: Sequence[tuple[Case, tuple[Form, ...]]], salt: str, problems: list[str]
) -> Iterator[list[Read]]:
    """Cases that go through the networks together; the next ones are read in the meantime."""
    rest = deque(todo)
    waiting: deque[tuple[Case, tuple[Form, ...], Future[_Content]]] = deque()
    with ThreadPoolExecutor(1) as pool:
        try:
            portion: list[Read] = []
            while rest or waiting:
                while rest and (not waiting or sum(c.count for c, _, _ in waiting) < _AHEAD):
                    case, forms = rest.popleft()
                    waiting.append((case, forms, pool.submit(_content, case, salt)))
                case, forms, future = waiting.popleft()
                images, source = None, ""
                with collecting(problems, f"{case.subject} "):
                    images, source = future.result()
                portion.append(Read(case, forms, images, source))
                if sum(one.case.count for one in portion) >= AT_ONCE:
                    yield portion
                    portion = []
            if portion:
                yield portion
        finally:
            for _, _, future in waiting:
                future.cancel()


def _content(case: Case, salt: str) -> _Content:
    """The pixels, and the fingerprint of the files that they were just read from."""
    return read_pixels(case), fingerprint(case, salt)


def read_pixels(case: Case) -> UInt[np.ndarray, "slice y x"]:
    """A case's pixels, of the number and size that its header says.

    Raises:
        DatasetError: if they cannot be read, or are of another number or size.
    """
    try:
        images = case.read()
    except OSError:
        raise DatasetError("cannot be read; is it still there, and may you open it?") from None
    if images.size == 0 or images.shape != (case.count, *case.size):
        raise DatasetError("is not what its header says; is it damaged?")
    return images
