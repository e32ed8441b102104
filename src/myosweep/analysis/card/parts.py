"""What a model card is made of when it is read: parts with sentences, facts and tables."""

from collections.abc import Sequence
from dataclasses import dataclass

from myosweep.analysis.card.records import Mean, Range
from myosweep.analysis.number_words import number

NOT_KNOWN = "not known"
NOT_STATED = "not stated"
NONE = "–"


@dataclass(frozen=True)
class CardTable:
    """A table with its caption; the first cell of a row is its heading."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Part:
    """A part of the card.

    Attributes:
        name: names it for links, such as ``data``.
        points: each a topic, which may be empty, and a text.
        facts: terms, and what is to be said of them.
    """

    name: str
    title: str
    sentences: tuple[str, ...] = ()
    points: tuple[tuple[str, str], ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    tables: tuple[CardTable, ...] = ()


def from_to(numbers: Range) -> str:
    """One number, or the range of several.

    >>> from_to((3, 3)), from_to((3, 5))
    ('3', '3 to 5')
    """
    low, high = numbers
    return str(low) if low == high else f"{low} to {high}"


def whole_range(numbers: Sequence[int]) -> str:
    """``from_to`` of the smallest and the largest of some numbers."""
    return from_to((min(numbers), max(numbers)))


def mean_words(found: Mean) -> str:
    """A mean with its interval; a dash where it is not known.

    >>> mean_words(Mean(mean=0.8, low=0.7512, high=0.85, patients=9))
    '0.800 (0.751 to 0.850)'
    """
    if found.mean is None:
        return NONE
    if found.low is None or found.high is None:
        return number(found.mean)
    return f"{number(found.mean)} ({number(found.low)} to {number(found.high)})"
