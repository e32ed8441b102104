"""A section on what a command of its own has measured: clinical measures, or reliability."""

from dataclasses import dataclass

from myosweep.report.conclusion.tables import Lettered
from myosweep.report.figures.style import Drawing


@dataclass(frozen=True)
class MeasuredSection:
    """What the report and the terminal say of it.

    Attributes:
        lead: the conclusion in plain words.
        tables: in the order in which they are read.
        drawings: with their captions.
        warnings: topic and text.
    """

    lead: tuple[str, ...]
    tables: tuple[Lettered, ...]
    drawings: tuple[tuple[Drawing, str], ...]
    warnings: tuple[tuple[str, str], ...]
