"""Printing: one console, plain tables, progress bars, durations in words."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

console = Console(highlight=False)
notes = Console(stderr=True, highlight=False)


def print_json(content: Any) -> None:
    """Print JSON and nothing else on standard output."""
    print(json.dumps(content, indent=2, allow_nan=False))


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table; columns whose first cell is a number stand to the right."""
    table = Table(
        title=escape(title),
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
    )
    for number, column in enumerate(columns):
        numeric = bool(rows) and isinstance(rows[0][number], int | float)
        table.add_column(escape(column), justify="right" if numeric else "left")
    for row in rows:
        table.add_row(*(escape(_cell(value)) for value in row))
    console.print(table)


class _Block(Protocol):
    """A heading with a table, sentences, or both."""

    @property
    def title(self) -> str: ...

    @property
    def columns(self) -> tuple[str, ...]: ...

    @property
    def rows(self) -> tuple[tuple[str, ...], ...]: ...

    @property
    def sentences(self) -> tuple[str, ...]: ...


def print_blocks(blocks: Iterable[_Block]) -> None:
    """Print headings, tables and sentences, with an empty line after each block."""
    for block in blocks:
        if block.rows:
            print_table(block.title, block.columns, block.rows)
        elif block.title:
            console.print(f"[bold]{escape(block.title)}[/]")
        for sentence in block.sentences:
            console.print(escape(sentence))
        console.print()


def print_facts(title: str, facts: Sequence[tuple[str, object]]) -> None:
    """Print names and values, aligned."""
    console.print(f"[bold]{escape(title)}[/]")
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        console.print(f"  {name:<{width}}  {escape(_cell(value))}", soft_wrap=True)


def warn(text: str) -> None:
    """Print a warning on standard error."""
    notes.print(f"[bold yellow]Warning:[/] {escape(text)}", soft_wrap=True)


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar with time left; gives a function of things done and things in all."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=notes, transient=True) as progress:
        task = progress.add_task(what, total=None)

        def update(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        yield update


def duration(seconds: float | None) -> str:
    """A time span in words.

    >>> duration(3700), duration(95), duration(4.2)
    ('1 h 2 min', '2 min', '5 s')
    """
    if seconds is None:
        return "not known yet"
    if seconds < 60:
        return f"{-int(-seconds // 1)} s"
    minutes = -int(-seconds // 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def _cell(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
