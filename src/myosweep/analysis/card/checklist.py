"""Checklists for authors: items with what they ask, and how far the study answers them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from myosweep.analysis.card.markdown import plain, table_lines

Status = Literal["answered", "partly", "open"]
STATUS_WORDS: dict[Status, str] = {
    "answered": "answered from the study",
    "partly": "partly",
    "open": "for the authors to write",
}


@dataclass(frozen=True)
class Item:
    """One item.

    Attributes:
        number: as the checklist numbers it.
        asks: what it asks for, in our own short words.
        answer: what is known; of an open item, at most why nothing is.
    """

    group: str
    number: str
    asks: str
    status: Status
    answer: str = ""


@dataclass(frozen=True)
class Checklist:
    """A filled-in checklist. ``source`` says where it was published."""

    name: str
    title: str
    source: str
    items: tuple[Item, ...]

    @property
    def lead(self) -> str:
        """How many items are answered, partly, and not."""
        count = {status: sum(one.status == status for one in self.items) for status in STATUS_WORDS}
        return (
            f"Of {len(self.items)} items {count['answered']} are answered from the study, "
            f"{count['partly']} partly, and {count['open']} are for the authors to write."
        )


COLUMNS = ("Item", "What it asks", "Status", "Answer")


def checklist_rows(items: Sequence[Item]) -> tuple[tuple[str, ...], ...]:
    """Items as rows under ``COLUMNS``."""
    return tuple((one.number, one.asks, STATUS_WORDS[one.status], one.answer) for one in items)


def checklist_markdown(checklist: Checklist, subject: str) -> str:
    """A checklist as a page; ``subject`` says what it was filled in for."""
    lines = [f"# {plain(checklist.title)}", "", f"{plain(subject)}.", "", checklist.source, ""]
    lines += [checklist.lead, ""]
    for group in dict.fromkeys(one.group for one in checklist.items):
        rows = checklist_rows([one for one in checklist.items if one.group == group])
        lines += [f"## {group}", "", *table_lines(COLUMNS, rows), ""]
    return "\n".join(lines).rstrip() + "\n"
