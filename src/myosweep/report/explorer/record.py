"""What the explorer knows: values, networks, slices with their scores; pixels stand apart."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from myosweep.report.figures.style import AGREED, DISAGREED, ELSEWHERE, MISSED, TOO_MUCH


@dataclass(frozen=True)
class Axis:
    """A slider: a swept field in words, and its values as people write them."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class ShownPoint:
    """A point of the sweep; ``at`` is its place on each axis."""

    label: str
    words: str
    colour: str
    at: tuple[int, ...]


@dataclass(frozen=True)
class ShownSlice:
    """A test slice.

    Attributes:
        patient: as the dataset codes it.
        level: base, middle or apex; None where not known.
        moved: how far its mean score differs between values; None where that is not known.
        cells: which masks there are, in the order of its sprite: point x networks + network.
        scores: the score of each cell; None where the reference lacks the region.
    """

    key: str
    patient: str
    level: str | None
    moved: float | None
    cells: tuple[int, ...]
    scores: tuple[float | None, ...]


@dataclass(frozen=True)
class Explorer:
    """Everything but pixels.

    Attributes:
        region: position of the question's region in ``regions``.
        score: the score in words, such as ``Dice``.
        regions: names and colours, in the scheme's order.
        networks: what the networks of a value are called, seed by seed.
        selection: which slices these are, and whether networks are left out; a sentence.
        step: masks hold code x step as grey; the code after the last region is "no answer".
    """

    study: str
    region: int
    score: str
    regions: tuple[tuple[str, str], ...]
    height: int
    width: int
    axes: tuple[Axis, ...]
    points: tuple[ShownPoint, ...]
    networks: tuple[str, ...]
    slices: tuple[ShownSlice, ...]
    selection: str
    step: int

    def index(self) -> dict[str, Any]:
        """As JSON: what ``script/source.js`` calls the index."""
        return {
            "study": self.study,
            "region": self.region,
            "score": self.score,
            "regions": [{"name": name, "colour": colour} for name, colour in self.regions],
            "height": self.height,
            "width": self.width,
            "axes": [{"name": one.name, "values": one.values} for one in self.axes],
            "points": [vars(one) for one in self.points],
            "networks": self.networks,
            "slices": [_slice(one) for one in self.slices],
            "selection": self.selection,
            "step": self.step,
            "colours": {
                "tooMuch": TOO_MUCH,
                "missed": MISSED,
                "elsewhere": ELSEWHERE,
                "agreed": AGREED,
                "split": DISAGREED,
            },
        }


def _slice(one: ShownSlice) -> Mapping[str, Any]:
    return {**vars(one), "moved": rounded(one.moved), "scores": list(map(rounded, one.scores))}


def rounded(score: float | None) -> float | None:
    """A score as it goes into the page; what is undefined becomes None.

    >>> rounded(0.1234564), rounded(float("nan"))
    (0.123456, None)
    """
    return None if score is None or math.isnan(score) else round(score, 6)
