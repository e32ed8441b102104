"""What an audit found, as frozen records that the command line and the page show."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from jaxtyping import UInt8

from myosweep.audit.structures import Structures
from myosweep.data.split import Split
from myosweep.data.store import Dataset

Severity = Literal["serious", "look", "note"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)
"""Worst first: results cannot be trusted; a person has to look; good to know."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Finding:
    """One thing to know about a dataset.

    Attributes:
        check: which check found it, such as ``near-duplicates``.
        sentence: what was found, in plain English.
        advice: what to do about it.
        slices: the keys of all slices that it is about; none if it is about the whole dataset.
        facts: the numbers behind the sentence, as JSON holds them.
    """

    check: str
    severity: Severity
    sentence: str
    advice: str
    slices: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The finding as JSON holds it."""
        return {
            "check": self.check,
            "severity": self.severity,
            "sentence": self.sentence,
            "advice": self.advice,
            "slices": list(self.slices),
            "facts": dict(self.facts),
        }


@dataclass(frozen=True)
class Skipped:
    """A check that was not made, and why."""

    check: str
    reason: str


@dataclass(frozen=True)
class ShareTable:
    """A table of texts; the first column names the row."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def as_json(self) -> dict[str, Any]:
        """The table as JSON holds it."""
        return {"title": self.title, "columns": list(self.columns), "rows": [*map(list, self.rows)]}


@dataclass(frozen=True)
class BaselineScore:
    """How far one gets without looking at any image.

    Attributes:
        accuracy: share of all labelled pixels that are right.
        dice: by region, the mean over patients; None where no patient has the region.
        patients: by region, over how many patients.
    """

    name: str
    accuracy: float
    dice: Mapping[str, float | None]
    patients: Mapping[str, int]


@dataclass(frozen=True, eq=False)
class Baselines:
    """The two predictors that see no image.

    Attributes:
        how: how they were tested, in words.
        no_image: what the no-image predictor answers when it learns from all slices that it may.
    """

    how: str
    majority: BaselineScore
    no_image_score: BaselineScore
    no_image: UInt8[np.ndarray, "y x"]


@dataclass(frozen=True, eq=False)
class Inspected:
    """What the checks look at: the dataset, and what was measured on each of its slices.

    Attributes:
        table: one row per slice in the dataset's order, see ``measure_slices``.
    """

    dataset: Dataset
    structures: Structures
    table: pd.DataFrame
    splits: Mapping[str, Split]

    def keys(self, chosen: Any) -> tuple[str, ...]:
        """The keys of the chosen slices: a mask or a list of positions."""
        return tuple(self.table["slice"].to_numpy(str)[np.asarray(chosen)].tolist())


@dataclass(frozen=True, eq=False)
class Audit:
    """Everything that an audit found.

    Attributes:
        findings: worst first.
        skipped: checks that were not made.
        tables: what the dataset is made of.
        structures: which regions were taken for blood pool and myocardium.
        table: what was measured on each slice.
    """

    name: str
    slices: int
    patients: int
    height: int
    width: int
    findings: tuple[Finding, ...]
    skipped: tuple[Skipped, ...]
    tables: tuple[ShareTable, ...]
    baselines: Baselines | None
    structures: Structures
    table: pd.DataFrame

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """The findings of one severity."""
        return tuple(one for one in self.findings if one.severity == severity)

    @property
    def verdict(self) -> str:
        """The audit in one sentence."""
        serious, look = len(self.of("serious")), len(self.of("look"))
        if not serious and not look:
            return "Nothing serious and nothing to look at was found."
        return f"{serious} serious finding{'s' * (serious != 1)}, {look} to look at."

    def as_json(self) -> dict[str, Any]:
        """The audit as JSON holds it, without what was measured on each slice."""
        scores = [] if self.baselines is None else [
            self.baselines.majority, self.baselines.no_image_score
        ]  # fmt: skip
        return {
            "dataset": self.name,
            "slices": self.slices,
            "patients": self.patients,
            "height": self.height,
            "width": self.width,
            "verdict": self.verdict,
            "findings": [one.as_json() for one in self.findings],
            "skipped": [{"check": one.check, "reason": one.reason} for one in self.skipped],
            "tables": [one.as_json() for one in self.tables],
            "baselines": [
                {
                    "name": one.name,
                    "accuracy": one.accuracy,
                    "dice": dict(one.dice),
                    "patients": dict(one.patients),
                }
                for one in scores
            ],
        }
