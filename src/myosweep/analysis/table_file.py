"""A table in a text file: commas, semicolons or tabs; as cells, with the number of their line."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from myosweep.errors import InputError

_SEPARATORS = (",", ";", "\t")
_SHOWN = 3


@dataclass(frozen=True)
class Row:
    """One row of a file, and the number of the line that it ends on."""

    line: int
    cells: Mapping[str, str]


def read_rows(path: Path, wanted: Sequence[str]) -> tuple[list[str], list[Row], list[str]]:
    """Columns, rows and what is wrong with their shape; empty rows are skipped.

    Text is UTF-8, UTF-16 or Windows-1252. Cells are separated by what finds the most of the
    ``wanted`` columns in the first line.

    Raises:
        InputError: if there is no such file, or no text in it.
    """
    text = _text(path)
    separator = max(_SEPARATORS, key=lambda one: _fit(text, one, wanted))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    try:
        lines = [(reader.line_num, [cell.strip() for cell in line]) for line in reader]
    except csv.Error as error:
        raise InputError(f"{path.name} is not a table of text: {error}; save it as CSV") from None
    lines = [(number, line) for number, line in lines if any(line)]
    if not lines:
        raise InputError(f"{path.name} is empty; its first line names the columns")
    columns = lines[0][1]
    while columns and not columns[-1]:
        columns = columns[:-1]
    rows, ragged = [], []
    for number, line in lines[1:]:
        if len(line) < len(columns) or any(line[len(columns) :]):
            ragged.append(number)
        rows.append(Row(number, dict(zip(columns, line, strict=False))))
    problems = []
    if not rows:
        problems.append("there are no rows below the names of the columns; add one row per score")
    if ragged:
        problems.append(
            f"every row has {len(columns)} cells, as the first line has, but not "
            f"{lines_words(ragged)}; put names that hold a comma into quotation marks"
        )
    return columns, rows, problems


def _text(path: Path) -> str:
    if path.is_dir():
        raise InputError(f"{path.name!r} is a folder; name a table in it")
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"there is no table {path.name!r}; check the path") from None
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):  # what Excel calls "Unicode text"
        return raw.decode("utf-16", errors="replace")
    if b"\0" in raw:
        raise InputError(f"{path.name!r} is not a table of text; save it as CSV")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def _fit(text: str, separator: str, wanted: Sequence[str]) -> tuple[int, int]:
    """How many wanted columns, and how many in all, a separator finds in the first line."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    names = [name.strip() for name in next(csv.reader([line], delimiter=separator), [])]
    return sum(name in names for name in wanted), len(names)


def column_problems(
    columns: Sequence[str], roles: Mapping[str, str | None], where: Sequence[tuple[str, str]]
) -> list[str]:
    """What is wrong with the columns that a user names, by role, or chooses rows by."""
    named = [name for name in roles.values() if name is not None]
    problems = [
        f"{' and '.join(role for role, one in roles.items() if one == name)} are both column "
        f"{name!r}; each stands in a column of its own"
        for name in dict.fromkeys(named)
        if named.count(name) > 1
    ]
    for name in dict.fromkeys([*named, *(column for column, _ in where)]):
        if columns.count(name) > 1:
            problems.append(f"column {name!r} is there {columns.count(name)} times; rename one")
        if name not in columns:
            by_small = {column.lower(): column for column in columns}
            near = get_close_matches(name.lower(), by_small, 1)
            hint = f"did you mean {by_small[near[0]]!r}? The" if near else "the"
            problems.append(
                f"there is no column {name!r}; {hint} columns are {', '.join(columns) or 'none'}"
            )
    return problems


def lines_words(numbers: Sequence[int]) -> str:
    """Lines of a file, the first few by number.

    >>> lines_words([5]), lines_words([2, 3, 5, 8, 13])
    ('line 5', 'lines 2, 3, 5 and 2 more')
    """
    shown = ", ".join(map(str, numbers[:_SHOWN]))
    more = f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else ""
    return f"{'line' if len(numbers) == 1 else 'lines'} {shown}{more}"
