"""Trials that a search has made, and what they say about which fields matter, as frozen records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from myosweep.analysis.importance.space import Domain
from myosweep.config import Value


@dataclass(frozen=True)
class Trial:
    """One trial of a search.

    Attributes:
        values: of the searched fields, by path; those that did not count may be missing.
        score: the larger the better; None if there is none.
        status: ``pruned`` if it was ended early, ``diverged`` if its weights became non-finite.
    """

    values: Mapping[str, Value]
    score: float | None
    status: Literal["complete", "pruned", "diverged"] = "complete"


@dataclass(frozen=True)
class Trials:
    """The trials of a search, and where it searched, by path."""

    domains: Mapping[str, Domain]
    rows: Sequence[Trial]


@dataclass(frozen=True)
class Share:
    """A share of the variance, with its 95 % interval."""

    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Effect:
    """What one field does.

    Attributes:
        alone: the share of its own effect.
        total: the same with all interactions that it takes part in; totals add up to more than 1.
        others: its importance by Optuna's methods, by name of the method; without those that
            cannot tell.
    """

    path: str
    alone: Share
    total: Share
    others: Mapping[str, float]


@dataclass(frozen=True)
class Interaction:
    """What two fields do together, beyond what each does alone."""

    paths: tuple[str, str]
    share: Share


@dataclass(frozen=True)
class Importance:
    """Which fields matter.

    Attributes:
        near_best: whether differences among bad trials were ignored.
        trials: that took part: complete ones, pruned ones and diverged ones.
        pruned, diverged: how many of them were.
        left_out: trials without a score, or outside of the space.
        explained: share of the differences between trials that the model predicts of trials that
            it has not seen (cross-validated R²); below 0 it does worse than the mean; NaN if
            there is no model.
        effects: by total share, the largest first.
        interactions: of each pair that can be told apart, the largest first.
        together: all interactions.
        fixed: fields with a single value.
        why_not: why nothing is ranked, in words; empty if effects are ranked.
    """

    near_best: bool
    trials: int
    pruned: int
    diverged: int
    left_out: int
    explained: Share
    effects: tuple[Effect, ...] = ()
    interactions: tuple[Interaction, ...] = ()
    together: Share | None = None
    fixed: tuple[str, ...] = ()
    why_not: str = ""
    domains: Mapping[str, Domain] = field(default_factory=dict)
