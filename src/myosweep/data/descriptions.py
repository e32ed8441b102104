"""The user's table of sites, vendors, levels and spacings, by patient or by slice."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from myosweep.data.names import SliceName
from myosweep.data.store import DESCRIPTION_COLUMNS, LEVELS
from myosweep.errors import DatasetError

_KEYS = ("slice", "patient")


def read_descriptions(path: Path, slices: Sequence[SliceName]) -> dict[SliceName, dict[str, Any]]:
    """Read a CSV file with the column ``slice`` or ``patient`` and any of the known columns.

    Rows of patients that are not imported are passed over; an empty cell means not known.

    Raises:
        DatasetError: listing every problem of the table.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = tuple(reader.fieldnames or ())
            lines = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error):
        raise DatasetError(f"table {path.name!r} cannot be read as CSV; check the path") from None
    key = next((name for name in _KEYS if name in columns), None)
    problems = [
        f"table {path.name!r} has a column {column!r}; known are {', '.join(_KEYS)} and "
        f"{', '.join(DESCRIPTION_COLUMNS)}; rename or remove it"
        for column in columns
        if column not in (*_KEYS, *DESCRIPTION_COLUMNS)
    ]
    if key is None:
        problems.append(f"table {path.name!r} needs a column 'slice' or 'patient'")
        raise DatasetError(problems, "the table cannot be used")
    rows: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(lines, start=2):
        name = (line[key] or "").strip()
        if name in rows:
            problems.append(f"line {number}: {key} {name!r} stands twice; keep one line")
        rows[name], faults = _values(line, columns)
        problems += [f"line {number}: {fault}" for fault in faults]
    found = {item: item.key if key == "slice" else item.patient for item in slices}
    missing = sorted(set(found.values()) - set(rows))
    problems += [f"{key} {name!r} has no line; add one, with empty cells for what is not known"
                 for name in missing]  # fmt: skip
    if problems:
        raise DatasetError(problems, f"table {path.name!r} cannot be used")
    return {item: rows[name] for item, name in found.items()}


def _values(
    line: dict[str, str | None], columns: Sequence[str]
) -> tuple[dict[str, Any], list[str]]:
    values: dict[str, Any] = {}
    faults = []
    for column in (name for name in DESCRIPTION_COLUMNS if name in columns):
        text = (line[column] or "").strip()
        if not text:
            values[column] = None
        elif column.endswith("_mm"):
            values[column] = _positive(text)
            if values[column] is None:
                faults.append(f"{column} is a number of millimetres above 0, got {text!r}")
        else:
            values[column] = text
            if column == "level" and text not in LEVELS:
                faults.append(f"level is one of {', '.join(LEVELS)}, got {text!r}")
    return values, faults


def _positive(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 < number < float("inf") else None
