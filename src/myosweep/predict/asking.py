"""Asking a model about any number of slices, some at a time."""

import numpy as np
from jaxtyping import Float32, Float64, UInt

from myosweep.metrics.agreement import agreement
from myosweep.metrics.clinical import targets_of
from myosweep.predict.model import Model

AT_ONCE = 16
"""Slices in one pass through the networks."""


def ask(
    model: Model, images: UInt[np.ndarray, "slice y x"], padding: np.ndarray
) -> Float32[np.ndarray, "slice region y x"]:
    """Probabilities of the slices."""
    return np.concatenate(
        [model.probabilities(images[some], padding[some]) for some in _passes(len(images))]
    )


def ask_scored(
    model: Model, images: UInt[np.ndarray, "slice y x"], padding: np.ndarray, copies: int | None
) -> tuple[Float32[np.ndarray, "slice region y x"], Float64[np.ndarray, "slice target"] | None]:
    """Probabilities, and how well the samples agree on each target, see ``targets_of``.

    Args:
        copies: as ``Model.ask`` takes them; None: nobody asked for the agreement.
    """
    if copies is None:
        return ask(model, images, padding), None
    targets = targets_of(model.facts.scheme.names).values()
    parts, scores = [], []
    for some in _passes(len(images)):
        asked = model.ask(images[some], padding[some], copies)
        answer = asked.probabilities.argmax(1).astype(np.uint8)
        parts.append(asked.probabilities)
        scores.append(agreement(asked.votes, answer, targets))
    return np.concatenate(parts), np.concatenate(scores)


def _passes(count: int) -> list[slice]:
    return [slice(at, at + AT_ONCE) for at in range(0, count, AT_ONCE)]
