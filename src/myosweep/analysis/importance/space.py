"""The space that a search may draw from, field by field, and functions orthogonal on it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Float64

from myosweep.config import Value
from myosweep.errors import StudyError

WAVES = 10
"""So many cosines at most describe how the score moves along an ordered field."""


@dataclass(frozen=True)
class Domain:
    """Where a search may take one field's values from: evenly, or evenly in the logarithm.

    Attributes:
        kind: ``float``, ``int``, or ``category`` for values in no order.
        low, high: both included; of numbers.
        log: whether equal ratios are equally likely, rather than equal differences.
        step: of ``int``: the values are low, low + step, and so on.
        categories: the values, all equally likely.
        when: other fields' values under which this field counts; empty if it always does.

    Raises:
        StudyError: if no value could be drawn from it.
    """

    kind: Literal["float", "int", "category"]
    low: float | int = 0.0
    high: float | int = 1.0
    log: bool = False
    step: int = 1
    categories: tuple[Value, ...] = ()
    when: Mapping[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind == "category":
            if not self.categories:
                raise StudyError("a field's categories are listed, got none; list its values")
        elif not -math.inf < self.low <= self.high < math.inf:
            raise StudyError(
                f"a range goes from low to high, got {self.low:g} to {self.high:g}; swap them"
            )
        elif self.log and self.low <= 0:
            raise StudyError(
                f"a logarithmic range starts above 0, got {self.low:g}; raise its low end"
            )
        elif self.step < 1 or (self.log and self.step > 1):
            raise StudyError(
                f"steps are whole numbers from 1 on, and 1 in a logarithmic range, got {self.step}"
            )

    @property
    def ordered(self) -> bool:
        return self.kind != "category"

    @property
    def levels(self) -> tuple[Value, ...] | None:
        """All values, if they can be counted."""
        if self.kind == "float":
            return None
        if self.kind == "category":
            return self.categories
        return tuple(range(int(self.low), int(self.high) + 1, self.step))

    @property
    def waves(self) -> int:
        """How many orthogonal functions describe the field; 0 if it has one value only."""
        if self.levels is None:
            return WAVES if self.low < self.high else 0
        count = len(self.levels) - 1
        return min(count, WAVES) if self.ordered else count

    def holds(self, value: Value) -> bool:
        """Whether a draw could give this value."""
        if self.levels is not None:
            return value in self.levels
        if isinstance(value, str):
            return False
        slack = 1e-9 * max(abs(self.low), abs(self.high))
        return self.low - slack <= value <= self.high + slack

    def probability(self, value: Value) -> float:
        """How often a draw gives this value; 0 for a value of a range without gaps."""
        if self.levels is None or value not in self.levels:
            return 0.0
        return float(self._weights()[self.levels.index(value)])

    def functions(self, values: Sequence[Value | None]) -> Float64[np.ndarray, "value wave"]:
        """Functions with mean 0 and mean square 1 over the domain, orthogonal to each other.

        Cosines for ordered values (over the cumulative probability), contrasts for categories.

        Args:
            values: None where the field did not count: there all functions are 0.

        Raises:
            StudyError: if a value lies outside of the domain.
        """
        found = np.zeros((len(values), self.waves))
        present = [place for place, value in enumerate(values) if value is not None]
        known = [value for value in values if value is not None]
        self._refuse_strangers(known)
        if not (self.waves and present):
            return found
        if self.levels is None:
            places = np.array([self._place(value) for value in known])
            found[present] = math.sqrt(2) * np.cos(np.pi * np.outer(places, self._numbers()))
        else:
            table = self._table()
            found[present] = table[[self.levels.index(value) for value in known]]
        return found

    def _numbers(self) -> Float64[np.ndarray, " wave"]:
        return np.arange(1.0, self.waves + 1)

    def _place(self, value: Value) -> float:
        low, high = self.low, self.high
        if self.log:
            return math.log(float(value) / low) / math.log(high / low)
        return (float(value) - low) / (high - low)

    def _weights(self) -> Float64[np.ndarray, " level"]:
        """Probability of each level; logarithmic ones as Optuna draws them, rounded."""
        levels = self.levels or ()
        if self.ordered and self.log:
            middle, half = np.array([float(level) for level in levels]), self.step / 2
            weights = np.log((middle + half) / (middle - half))
        else:
            weights = np.ones(len(levels))
        return weights / weights.sum()

    def _table(self) -> Float64[np.ndarray, "level wave"]:
        """The functions at each level, made orthogonal under the levels' probabilities."""
        weights = self._weights()
        if self.ordered:
            places = np.cumsum(weights) - weights / 2
            rough = np.cos(np.pi * np.outer(places, np.arange(self.waves + 1.0)))
        else:
            rough = np.column_stack([np.ones(len(weights)), np.eye(len(weights))[:, 1:]])
        basis, _ = np.linalg.qr(rough * np.sqrt(weights)[:, None])
        return basis[:, 1:] / np.sqrt(weights)[:, None]

    def _refuse_strangers(self, values: Sequence[Value]) -> None:
        for value in values:
            if not self.holds(value):
                raise StudyError(
                    f"trials lie in the space that was searched, got {value!r} outside of "
                    f"{self.words}; leave this trial out, or widen the range"
                )

    @property
    def words(self) -> str:
        """The domain as people write it.

        >>> Domain("float", 1e-6, 0.01, log=True).words
        '1e-06 to 0.01 (logarithmic)'
        >>> Domain("category", categories=("dice", "cross-entropy")).words
        'dice, cross-entropy'
        """
        if self.kind == "category":
            return ", ".join(str(value) for value in self.categories)
        step = f" in steps of {self.step}" if self.step > 1 else ""
        return f"{self.low:g} to {self.high:g}{step}{' (logarithmic)' if self.log else ''}"


def counting(paths: Sequence[str], domains: Mapping[str, Domain]) -> float:
    """How often a draw from the space makes all these fields count; 1 without conditions."""
    held = {other: value for path in paths for other, value in conditions(path, domains).items()}
    chances = (domains[other].probability(value) for other, value in held.items())
    return math.prod(chances, start=1.0)


def apart(one: str, other: str, domains: Mapping[str, Domain]) -> bool:
    """Whether an interaction of two fields could be told from their own effects.

    It cannot where one field counts only under a value of the other, or where both never count
    together.
    """
    here, there = conditions(one, domains), conditions(other, domains)
    if one in there or other in here:
        return False
    return all(there.get(path, value) == value for path, value in here.items())


def conditions(path: str, domains: Mapping[str, Domain]) -> dict[str, Value]:
    """All that must hold for a field to count, conditions of conditions included.

    Raises:
        StudyError: if a condition is about a field that is not searched.
    """
    for other, value in domains[path].when.items():
        if other not in domains:
            raise StudyError(
                f"{path} counts when {other} is {value!r}, but {other} is not searched; "
                f"add {other} to the space or remove the condition"
            )
    found: dict[str, Value] = {}
    for other, value in domains[path].when.items():
        found |= {**conditions(other, domains), other: value}
    return found


@dataclass(frozen=True)
class Design:
    """The settings of some trials, as the model sees them.

    Attributes:
        paths: of the fields.
        waves: per field, its orthogonal functions at each trial.
        ordered: which fields have an order.
        pairs: places of the fields whose interaction could be told apart.
        counting: how often each field counts in the space, and each pair together.
    """

    paths: tuple[str, ...]
    waves: tuple[Float64[np.ndarray, "trial _"], ...]
    ordered: tuple[bool, ...]
    pairs: tuple[tuple[int, int], ...]
    counting: tuple[float, ...]

    @classmethod
    def of(cls, points: Sequence[Mapping[str, Value]], domains: Mapping[str, Domain]) -> "Design":
        """The design of points; fields with a single value are left out."""
        paths = tuple(path for path, domain in domains.items() if domain.waves)
        numbers = range(len(paths))
        pairs = tuple(
            (i, j) for i in numbers for j in numbers if i < j and apart(paths[i], paths[j], domains)
        )
        single = [counting([path], domains) for path in paths]
        return cls(
            paths,
            tuple(domains[path].functions([one.get(path) for one in points]) for path in paths),
            tuple(domains[path].ordered for path in paths),
            pairs,
            (*single, *(counting([paths[i], paths[j]], domains) for i, j in pairs)),
        )

    def __len__(self) -> int:
        return len(self.waves[0]) if self.waves else 0

    @cached_property
    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """The pairs as rows and columns of a matrix of fields."""
        rows, columns = np.array(self.pairs, int).reshape(-1, 2).T
        return rows, columns

    def take(self, trials: np.ndarray) -> "Design":
        """The same design with some of its trials."""
        waves = tuple(one[trials] for one in self.waves)
        return Design(self.paths, waves, self.ordered, self.pairs, self.counting)
