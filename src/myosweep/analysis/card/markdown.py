"""A model card, and checklists, as Markdown."""

from collections.abc import Iterator, Sequence

from myosweep.analysis.card.parts import Part
from myosweep.analysis.card.records import ModelCard
from myosweep.analysis.card.words import card_parts, card_title

_SPECIAL = str.maketrans({"|": "\\|", "<": "&lt;", ">": "&gt;", "\n": " "})


def card_markdown(card: ModelCard) -> str:
    """The card as a page."""
    lines = [f"# {plain(card_title(card))}", "", f"Written by {card.made_by}.", ""]
    for part in card_parts(card):
        lines += _part(part)
    return "\n".join(lines).rstrip() + "\n"


def plain(text: str) -> str:
    """A text that can start no HTML and break no table."""
    return text.translate(_SPECIAL)


def table_lines(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table."""
    rule = ["---"] * len(columns)
    return [f"| {' | '.join(map(plain, row))} |" for row in (columns, rule, *rows)]


def _part(part: Part) -> Iterator[str]:
    yield from (f"## {plain(part.title)}", "")
    for sentence in part.sentences:
        yield from (plain(sentence), "")
    yield from _items([(f"{topic}." if topic else "", text) for topic, text in part.points])
    yield from _items([(f"{term}:", text) for term, text in part.facts])
    for table in part.tables:
        yield from (plain(table.caption), "", *table_lines(table.columns, table.rows), "")


def _items(items: Sequence[tuple[str, str]]) -> Iterator[str]:
    for head, text in items:
        yield f"- **{plain(head)}** {plain(text)}" if head else f"- {plain(text)}"
    if items:
        yield ""
