"""From stacks to a dataset: the one way in, whatever the files were.

Stacks are read, checked, resampled and cropped in a few threads, a bounded number ahead, and
written in their order; so neither the number of slices nor their size needs memory.
"""

import os
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from myosweep.data.names import natural_key
from myosweep.data.prepare import Outcome, prepare, sizes_after, too_large
from myosweep.data.problems import raise_problems
from myosweep.data.rules import Rules
from myosweep.data.stack import Stack
from myosweep.data.store import Dataset, new_dataset, open_dataset
from myosweep.data.writer import Writer

Progress = Callable[[int, int], None]
_AHEAD = 4
"""Stacks per thread that may wait for their turn to be written."""
_AHEAD_PIXELS = 1 << 25
"""All of them together, unless a single stack has more: some 200 MB."""


def import_stacks(
    stacks: Iterable[Stack],
    out: Path,
    rules: Rules,
    *,
    source: dict[str, Any],
    problems: Sequence[str] = (),
    progress: Progress | None = None,
) -> Dataset:
    """Make a dataset of stacks, whole or not at all.

    Args:
        stacks: what was found, in any order; they are taken by patient and ``order``.
        source: how the dataset was made, for its manifest; no path and no identity.
        problems: what is wrong already; everything else is looked at all the same, so that one
            error tells all.
        progress: called with slices done and slices in all.

    Raises:
        DatasetError: listing every problem; then nothing was written.
    """
    faults = list(problems)
    found = sorted(stacks, key=_place)
    faults += filter(None, map(too_large, found))
    types = _smallest_types(found)
    total = sum(len(stack.sizes) for stack in found)
    done = 0
    with new_dataset(out, *types, rules.scheme, {**source, **rules.facts()}) as draft:
        writer = Writer(draft, rules, _usual_size(found, rules), told="\n".join(problems))
        with closing(
            _in_order(lambda stack: prepare(stack, rules, types), found, rules)
        ) as outcomes:
            for outcome in outcomes:
                faults += writer.take(outcome, keep=not faults)
                done += len(outcome.stack.sizes)
                if progress:
                    progress(done, total)
        faults += writer.describe()
        raise_problems(faults)
    return open_dataset(out)


def _place(stack: Stack) -> tuple[Any, ...]:
    """Sorts by patient and order, both in natural order; stacks of nobody come last."""
    return not stack.patient, natural_key(stack.patient), natural_key(stack.order)


def _usual_size(stacks: Sequence[Stack], rules: Rules) -> tuple[int, ...] | None:
    """Height and width of most slices in the dataset, if the headers tell."""
    if rules.crop is not None:
        return rules.crop, rules.crop
    true = (stack for stack in stacks if not too_large(stack))
    sizes = Counter(size for stack in true for size in sizes_after(stack, rules))
    return max(sizes, key=lambda size: sizes[size], default=None)


def _smallest_types(stacks: Sequence[Stack]) -> tuple[np.dtype, np.dtype]:
    """The types that hold the pixels and the codes of all stacks."""
    types = np.dtype(np.uint8), np.dtype(np.uint8)
    for stack in stacks:
        types = (
            np.promote_types(types[0], stack.image_type),
            np.promote_types(types[1], stack.label_type),
        )
    return types


def _in_order(
    work: Callable[[Stack], Outcome], stacks: Sequence[Stack], rules: Rules
) -> Generator[Outcome, None, None]:
    """The outcomes in the order of the stacks, worked on in threads, a few ahead."""
    workers = min(os.cpu_count() or 1, 8)
    rest = deque(stacks)
    waiting: deque[tuple[int, Future[Outcome]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            while rest or waiting:
                ahead = sum(pixels for pixels, _ in waiting)
                while rest and len(waiting) < workers * _AHEAD:
                    pixels = max(map(_pixels, (rest[0].sizes, sizes_after(rest[0], rules))))
                    if waiting and ahead + pixels > _AHEAD_PIXELS:
                        break
                    ahead += pixels
                    waiting.append((pixels, pool.submit(work, rest.popleft())))
                yield waiting[0][1].result()
                waiting.popleft()
        finally:
            for _, future in waiting:
                future.cancel()


def _pixels(sizes: Sequence[tuple[int, int]]) -> int:
    return sum(height * width for height, width in sizes)
