"""What a dataset is made of, as tables; and parts of a split that lack something."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from myosweep.audit.leakage import part_numbers
from myosweep.audit.records import Finding, Inspected, ShareTable
from myosweep.audit.words import count, percent
from myosweep.data.split import PARTS

GROUPS = ("site", "vendor", "level")
NOT_KNOWN = "not known"
MOST_ROWS = 40


def share_tables(inspected: Inspected) -> tuple[ShareTable, ...]:
    """Slices and patients by part, site, vendor and level; slices per patient; region areas.

    Of several splits (folds) only the first is shown.
    """
    tables = [_regions(inspected)]
    name = next(iter(inspected.splits), None)
    if name is not None:
        parts = part_numbers(inspected.dataset, inspected.splits[name])
        label = pd.Series(
            [PARTS[number] if number >= 0 else "in no part" for number in parts],
            inspected.table.index,
        )
        others = len(inspected.splits) - 1
        more = f" ({name}; {count(others, 'other split')} not shown)" if others else ""
        tables.append(_grouped(inspected, label, f"Parts of the split{more}", "part"))
        tables.append(_regions_by_part(inspected, label))
    for column in GROUPS:
        values = _column(inspected, column)
        if (values != NOT_KNOWN).any():
            tables.append(_grouped(inspected, values, column.capitalize(), column))
    tables.append(_slices_per_patient(inspected))
    return tuple(tables)


def find_missing_in_parts(inspected: Inspected) -> Iterator[Finding]:
    """Levels, vendors, sites and regions that a part of a split does not have."""
    for name, split in inspected.splits.items():
        parts = part_numbers(inspected.dataset, split)
        called = f" of {name!r}" if len(inspected.splits) > 1 else ""
        lacking: dict[str, list[str]] = {}
        for number, part in enumerate(PARTS):
            here = parts == number
            if here.any():
                lacking[part] = [*_lacking(inspected, here, parts >= 0)]
        if any(lacking.values()):
            told = "; ".join(
                f"the {part} part has no {', no '.join(what)}"
                for part, what in lacking.items()
                if what
            )
            yield Finding(
                "parts lack something",
                "look",
                f"Not everything is in every part of the split{called}: {told}.",
                "Nothing can be concluded about what the test part lacks, and networks do not "
                "learn what the training part lacks. Take another seed, or use folds.",
                (),
                {"lacking": lacking},
            )


def _lacking(inspected: Inspected, here: np.ndarray, anywhere: np.ndarray) -> Iterator[str]:
    for column in GROUPS:
        values = _column(inspected, column)
        for value in sorted(set(values[anywhere]) - set(values[here]) - {NOT_KNOWN}):
            yield f"{column} {value}"
    for region in inspected.structures.names:
        present = inspected.table[f"area_px: {region}"] > 0
        if present[anywhere].any() and not present[here].any():
            yield region


def _column(inspected: Inspected, column: str) -> pd.Series:
    return inspected.dataset.slices[column].astype("string").fillna(NOT_KNOWN).astype(str)


def _grouped(inspected: Inspected, values: pd.Series, title: str, head: str) -> ShareTable:
    table = inspected.table.assign(value=values.to_numpy())
    groups = table.groupby("value")
    slices, patients = groups["slice"].size(), groups["patient"].nunique()
    everyone = table["patient"].nunique()
    order = slices.sort_values(ascending=False, kind="stable").index
    if head == "part":
        order = pd.Index([part for part in (*PARTS, "in no part") if part in slices.index])
    rows = tuple(
        (
            str(value),
            f"{slices[value]:,}",
            percent(slices[value] / len(table)),
            f"{patients[value]:,}",
            percent(patients[value] / everyone),
        )
        for value in order[:MOST_ROWS]
    )
    columns = (head, "slices", "of slices", "patients", "of patients")
    return ShareTable(title, columns, rows)


def _regions(inspected: Inspected) -> ShareTable:
    table, names = inspected.table, inspected.structures.names
    areas = table[[f"area_px: {name}" for name in names]]
    labelled = max(float(areas.to_numpy().sum()), 1.0)
    rows = []
    for name in names:
        area = table[f"area_px: {name}"]
        present = area > 0
        median = f"{area[present].median():,.0f}" if present.any() else "–"
        rows.append(
            (
                name,
                percent(float(area.sum()) / labelled, 1),
                f"{int(present.sum()):,}",
                f"{table.loc[present, 'patient'].nunique():,}",
                median,
            )
        )
    columns = ("region", "of all pixels", "slices with it", "patients with it", "median pixels")
    return ShareTable("Regions", columns, tuple(rows))


def _regions_by_part(inspected: Inspected, label: pd.Series) -> ShareTable:
    """Share of the pixels of each part that a region has."""
    names = inspected.structures.names
    areas = inspected.table[[f"area_px: {name}" for name in names]].groupby(label).sum()
    shares = areas.div(areas.sum(axis=1).clip(lower=1), axis=0)
    parts = [part for part in PARTS if part in shares.index]
    rows = tuple(
        (name, *(percent(shares[f"area_px: {name}"].astype(float)[part], 1) for part in parts))
        for name in names
    )
    return ShareTable("Share of pixels by part", ("region", *parts), rows)


def _slices_per_patient(inspected: Inspected) -> ShareTable:
    numbers = inspected.table.groupby("patient")["slice"].size()
    counts = numbers.value_counts().sort_index()
    if len(counts) > MOST_ROWS:
        levels = numbers.quantile([0, 0.25, 0.5, 0.75, 1]).tolist()
        names = ("fewest", "first quartile", "median", "third quartile", "most")
        rows = tuple((name, f"{level:g}") for name, level in zip(names, levels, strict=True))
        return ShareTable("Slices per patient", ("", "slices"), rows)
    rows = tuple((f"{number}", f"{patients:,}") for number, patients in counts.items())
    return ShareTable("Slices per patient", ("slices", "patients"), rows)
