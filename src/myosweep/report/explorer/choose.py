"""Which slices a report holds: all of them, or the telling ones and some at random."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

MOST_SLICES = 240
"""A page with more would be slow to send and to open."""
KINDS = ("moved", "random", "moved", "worst", "moved", "best")
"""Whose turn it is, again and again, while slices are picked."""
_WORDS = {
    "moved": "on which the value matters most",
    "worst": "with the lowest scores",
    "best": "with the highest scores",
    "random": "drawn at random",
}


@dataclass(frozen=True)
class Picked:
    """A slice by its number, and what it was picked for."""

    number: int
    kind: str


def pick(
    moved: Float64[np.ndarray, " slice"], score: Float64[np.ndarray, " slice"]
) -> tuple[Picked, ...]:
    """All slices, the most telling first; whoever has no room for all takes the first ones.

    Args:
        moved: how much the value changes each slice's score; NaN where not known.
        score: each slice's mean score over all networks; NaN where the reference lacks the region.
    """
    queues = {
        "moved": _finite_first(-moved),
        "worst": _finite_first(score),
        "best": _finite_first(-score),
        "random": np.random.default_rng(0).permutation(len(moved)).tolist(),
    }
    waiting = {kind: iter(queue) for kind, queue in queues.items()}
    taken: dict[int, str] = {}
    for kind in itertools.cycle(KINDS):
        if len(taken) == len(moved):
            return tuple(Picked(number, kind) for number, kind in taken.items())
        number = next((one for one in waiting[kind] if one not in taken), None)
        if number is not None:
            taken[number] = kind
    raise AssertionError("unreachable: random picks every slice")


def selection_words(picked: Sequence[Picked], of: int) -> str:
    """Which slices are shown, in a sentence.

    >>> selection_words([Picked(0, "moved"), Picked(2, "best")], 4)
    '2 of 4 test slices: 1 on which the value matters most, 1 with the highest scores.'
    """
    if len(picked) == of:
        return all_words(of)
    counts = {kind: sum(one.kind == kind for one in picked) for kind in _WORDS}
    parts = ", ".join(f"{count} {_WORDS[kind]}" for kind, count in counts.items() if count)
    return f"{len(picked)} of {of} test slices: {parts}."


def all_words(of: int) -> str:
    """That every test slice is shown."""
    return f"All {of} test slices." if of > 1 else "The only test slice."


def _finite_first(key: Float64[np.ndarray, " slice"]) -> list[int]:
    """Numbers of the slices that have a key, smallest key first."""
    order = np.argsort(key, kind="stable")
    return order[: int(np.isfinite(key).sum())].tolist()
