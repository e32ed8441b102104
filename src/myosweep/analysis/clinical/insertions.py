"""Insertion points of the right ventricle from a user's table, and whether they can be true."""

import math
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from myosweep.analysis.table_file import read_rows
from myosweep.data.store import Dataset
from myosweep.errors import InputError
from myosweep.metrics.clinical import Insertion


def read_insertions(path: Path) -> dict[str, Insertion]:
    """Insertion points of the right ventricle from a table, by patient or by slice.

    The columns are ``patient`` or ``slice``, ``anterior_y``, ``anterior_x``, and if known
    ``inferior_y``, ``inferior_x``: pixels of the dataset's images.

    Raises:
        InputError: naming everything that is wrong with the table.
    """
    columns, rows, problems = read_rows(path, ("patient", "slice", "anterior_y", "anterior_x"))
    key = next((name for name in ("slice", "patient") if name in columns), None)
    missing = [name for name in ("anterior_y", "anterior_x") if name not in columns]
    if key is None or missing:
        needed = ["patient or slice"] * (key is None) + missing
        raise InputError(
            f"table {path.name!r} needs the columns {', '.join(needed)}; write for instance "
            "patient,anterior_y,anterior_x,inferior_y,inferior_x in its first line"
        )
    found: dict[str, Insertion] = {}
    for row in rows:
        try:
            name, insertion = row.cells[key], _insertion(row.cells)
        except (KeyError, ValueError):
            problems.append(
                f"line {row.line} of {path.name!r} has no numbers for an insertion; give pixels, "
                "such as 41.5"
            )
            continue
        if found.setdefault(name, insertion) is not insertion:
            problems.append(
                f"line {row.line} of {path.name!r} gives {key} {name!r} again; keep one line"
            )
    if problems:
        raise InputError(problems, "the insertion points cannot be read")
    return found


def check_insertions(given: Mapping[str, Insertion], dataset: Dataset) -> None:
    """Look whether insertion points are of the dataset's patients or slices, and in its images.

    Raises:
        InputError: naming every one that is not.
    """
    known = dict.fromkeys([*dataset.slices["patient"], *dataset.slices["slice"]])
    problems = [_unknown(name, list(known)) for name in given if name not in known]
    size = dataset.manifest.height, dataset.manifest.width
    problems += [
        f"an insertion point of {name!r} lies at {y:g}, {x:g}, outside of the dataset's images of "
        f"{size[0]} x {size[1]} pixels; points are pixels of these, from the whole image take off "
        "crop_top and crop_left of the dataset's table"
        for name, insertion in given.items()
        for y, x in _outside(insertion, size)
    ]
    if problems:
        raise InputError(problems, "the insertion points cannot be used")


def _insertion(cells: Mapping[str, str]) -> Insertion:
    anterior = _place(cells, "anterior")
    if not (cells.get("inferior_y") or cells.get("inferior_x")):
        return Insertion(anterior)
    return Insertion(anterior, _place(cells, "inferior"))


def _place(cells: Mapping[str, str], which: str) -> tuple[float, float]:
    y, x = float(cells[f"{which}_y"]), float(cells[f"{which}_x"])
    if not (math.isfinite(y) and math.isfinite(x)):
        raise ValueError
    return y, x


def _unknown(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"they are called like {known[0]!r}"
    return (
        f"insertion points are given of {name!r}, but the dataset has no such patient or slice; "
        f"{hint}"
    )


def _outside(insertion: Insertion, size: tuple[int, int]) -> Iterator[tuple[float, float]]:
    """The points beyond the edge of the outer pixels."""
    for point in (insertion.anterior_yx, insertion.inferior_yx):
        if point and any(
            not -0.5 <= at <= side - 0.5 for at, side in zip(point, size, strict=True)
        ):
            yield point
