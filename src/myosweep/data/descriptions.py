"""The user's table of sites, vendors, levels, spacings and stacks, by patient or by slice."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from myosweep.data.names import SliceName
from myosweep.data.store import DESCRIPTION_COLUMNS, LEVELS, STACK_COLUMNS
from myosweep.errors import DatasetError

_KEYS = ("slice", "patient")
_Line = Mapping[str | None, str | list[str] | None]
"""Cells by column; under None the cells that no column stands above."""


def read_descriptions(path: Path, slices: Sequence[SliceName]) -> dict[SliceName, dict[str, Any]]:
    """Read a CSV file with the column ``slice`` or ``patient`` and any of the known columns.

    Rows of patients that are not imported are passed over; an empty cell means not known.

    Raises:
        DatasetError: listing every problem of the table.
    """
    table = f"table {path.name!r}"
    columns, lines = _read_lines(path, table)
    problems = [f"{table} {fault}" for fault in _column_faults(columns)]
    key = next((name for name in _KEYS if name in columns), None)
    if key is None:
        raise DatasetError(problems, "the table cannot be used")
    name_of = {one: one.key if key == "slice" else one.patient for one in slices}
    wanted = set(name_of.values())
    rows: dict[str, dict[str, Any]] = {}
    for number, line in lines:
        if (name := _cell(line, key)) in wanted:
            twice = [f"{key} {name!r} stands twice; keep one line"] if name in rows else []
            rows[name], faults = _values(line, columns)
            problems += [f"{table}, line {number}: {fault}" for fault in twice + faults]
    problems += [
        f"{table} has no line for {key} {name!r}; add one, with empty cells for what is not known"
        for name in sorted(wanted - set(rows))
    ]
    found = {one: rows.get(name, {}) for one, name in name_of.items()}
    problems += [f"{table}: {fault}" for fault in _same_places(found)]
    if problems:
        raise DatasetError(problems, "the table cannot be used")
    return found


def _read_lines(path: Path, table: str) -> tuple[list[str], list[tuple[int, _Line]]]:
    """The columns, and each row with its line number in the file."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            return list(reader.fieldnames or ()), [(reader.line_num, line) for line in reader]
    except (OSError, UnicodeDecodeError, csv.Error):
        raise DatasetError(
            f"{table} cannot be read; check the path, and save it as CSV in UTF-8"
        ) from None


def _column_faults(columns: Sequence[str]) -> Iterable[str]:
    known = (*_KEYS, *DESCRIPTION_COLUMNS, *STACK_COLUMNS)
    for column in dict.fromkeys(columns):
        if column not in known:
            yield f"has a column {column!r}; known are {', '.join(known)}; rename or remove it"
        if columns.count(column) > 1:
            yield f"has the column {column!r} {columns.count(column)} times; keep one"
    if not set(_KEYS) & set(columns):
        yield "needs a column 'slice' or 'patient', and commas between its columns; add it"
    elif "slice" not in columns and set(STACK_COLUMNS) & set(columns):
        yield "gives stack or place by patient, but each slice has its own; add a column 'slice'"


def _values(line: _Line, columns: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    values: dict[str, Any] = {}
    faults = []
    if None in line:
        faults.append("there are more cells than columns; write 1.5, not 1,5, and quote commas")
    for column in (name for name in DESCRIPTION_COLUMNS if name in columns):
        text = _cell(line, column)
        values[column] = text or None
        if text and column.endswith("_mm"):
            values[column] = _positive(text)
            if values[column] is None:
                faults.append(f"{column} is a number of millimetres above 0, got {text!r}")
        elif text and column == "level" and text not in LEVELS:
            faults.append(f"level is one of {', '.join(LEVELS)}, got {text!r}")
    for column in (name for name in STACK_COLUMNS if name in columns):
        text = _cell(line, column)
        values[column] = int(text) if text.isdecimal() and int(text) > 0 else None
        if text and values[column] is None:
            faults.append(f"{column} is a whole number from 1, got {text!r}")
    return values, faults


def _same_places(rows: Mapping[SliceName, Mapping[str, Any]]) -> Iterable[str]:
    """Two slices of a stack that have one place."""
    first: dict[tuple[str, Any, int], SliceName] = {}
    for name, row in rows.items():
        if (place := row.get("place")) is None:
            continue
        other = first.setdefault((name.patient, row.get("stack"), place), name)
        if other != name:
            yield (
                f"slices {other.key!r} and {name.key!r} have the same place {place}; give them "
                "other places, or other stacks"
            )


def _cell(line: _Line, column: str) -> str:
    text = line[column]
    return text.strip() if isinstance(text, str) else ""


def _positive(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 < number < float("inf") else None
