"""What is known of each patient's stack of slices: distances, order, levels, insertion points."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from myosweep.analysis.clinical.insertions import check_insertions
from myosweep.analysis.number_words import counted
from myosweep.data.source_stacks import has_gaps, stack_numbers
from myosweep.data.store import Dataset
from myosweep.errors import InputError
from myosweep.metrics.clinical import Insertion, Spacing, insertions_of_label, structure_of
from myosweep.regions import RegionScheme

_SHOWN = 5
_POINTS = ("rv_anterior_y_px", "rv_anterior_x_px", "rv_inferior_y_px", "rv_inferior_x_px")


@dataclass(frozen=True)
class Stack:
    """The slices of one patient that are measured: of one source stack, in its order.

    Attributes:
        keys, rows: names of the slices, and their places in the dataset.
        spacing: None where not known, or where slices of the patient have several.
        levels: base, middle or apex of each slice, where known.
        insertions: of the right ventricle on each slice, where known.
        signal_zero: the stored grey value that means no signal, where somebody has said it, and
            all slices tell the source's values alike.
        several_spacings, gaps, partial: what is wrong with it: spacings that differ, slices
            missing between others, slices of the stack that are in another part.
        several_stacks: whether the patient has others, which are not measured.
    """

    patient: str
    keys: tuple[str, ...]
    rows: np.ndarray
    spacing: Spacing
    levels: tuple[str | None, ...]
    insertions: tuple[Insertion | None, ...]
    signal_zero: float | None
    several_spacings: bool
    gaps: bool
    partial: bool
    several_stacks: bool = False


def read_stacks(
    dataset: Dataset,
    keys: Sequence[str],
    insertions: Mapping[str, Insertion] | None = None,
    signal_zero: float | int | None = None,
    stack: int | None = None,
) -> tuple[Stack, ...]:
    """The stacks of the patients whose slices are named, patient by patient, one of each.

    Args:
        keys: the slices; all must be in the dataset.
        insertions: insertion points by patient or by slice, see ``insertions``.
        signal_zero: the source's value that means no signal, for all patients. It is never taken
            for granted: negative values of the source may be phase-sensitive signal with 0 as its
            zero, or were made by subtracting a mean.
        stack: number of the source stack that is taken of patients who have several.

    Raises:
        InputError: if insertion points cannot be used, or none is of these patients; if a patient
            has several stacks, and ``stack`` is none of them.
    """
    wanted = set(keys)
    table = dataset.slices.assign(stack=stack_numbers(dataset))
    table["of_stack"] = table.groupby(["patient", "stack"])["slice"].transform("size")
    chosen, several = _one_stack_each(table[table["slice"].isin(wanted)], stack)
    given = dict(insertions or {})
    check_insertions(given, dataset)
    if given and not set(given) & {*chosen["patient"], *chosen["slice"]}:
        raise InputError(
            f"the table of insertion points names none of the patients or slices that are "
            f"measured, but for instance {next(iter(given))!r}; they are called like "
            f"{chosen['patient'].iloc[0]!r} and {chosen['slice'].iloc[0]!r}"
        )
    return tuple(
        _stack(dataset, rows, given, signal_zero, patient in several)
        for patient, rows in chosen.groupby("patient", sort=True)
    )


def _one_stack_each(table: pd.DataFrame, stack: int | None) -> tuple[pd.DataFrame, set[str]]:
    """The slices of one stack of each patient, and the patients who have several."""
    found = table.groupby("patient")["stack"].unique()
    several = {str(who): sorted(map(int, of)) for who, of in found.items() if len(of) > 1}
    if several and stack is None:
        raise InputError(
            f"{counted(len(several), 'patient')} ({_some(several)}) "
            f"{'has' if len(several) == 1 else 'have'} several stacks of slices, such as two "
            "series or two visits; their masses and volumes are not added up: say with --stack "
            "which one is measured (1 is the first in the order of the files' names), or import "
            "one stack per patient"
        )
    if without := [who for who, of in several.items() if stack not in of]:
        numbers = " and ".join(map(str, several[without[0]]))
        raise InputError(
            f"patient {without[0]!r} has the stacks {numbers}, and no stack {stack}; give --stack "
            "a number that all patients with several stacks have"
        )
    return table[~table["patient"].isin(list(several)) | (table["stack"] == stack)], set(several)


def _some(patients: Iterable[str]) -> str:
    names = list(patients)
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")


def _stack(
    dataset: Dataset,
    rows: pd.DataFrame,
    given: Mapping[str, Insertion],
    signal_zero: float | int | None,
    several_stacks: bool,
) -> Stack:
    if "place" in rows:
        rows = rows.sort_values("place", kind="stable")
    patient = str(rows["patient"].iloc[0])
    keys = tuple(map(str, rows["slice"]))
    places = rows.index.to_numpy()
    in_plane, several = _only(rows["spacing_mm"])
    between, varied = _only(rows["slice_spacing_mm"])
    levels = tuple(None if pd.isna(level) else str(level) for level in rows["level"])
    known = _known_insertions(dataset, rows, places)
    points = tuple(
        given.get(key, given.get(patient, of_slice))
        for key, of_slice in zip(keys, known, strict=True)
    )
    zero = None if signal_zero is None else _stored(rows, signal_zero)
    spacing = Spacing(in_plane, in_plane, between)
    return Stack(
        patient,
        keys,
        places,
        spacing,
        levels,
        points,
        zero,
        several_spacings=several or varied,
        gaps=_has_gaps(patient, rows),
        partial=len(keys) < int(rows["of_stack"].iloc[0]),
        several_stacks=several_stacks,
    )


def _only(column: pd.Series) -> tuple[float | None, bool]:
    """The one value of a column (None if there is not one for all), and whether it has several."""
    values = column.dropna().unique()
    several = len(values) > 1 and float(np.ptp(values)) > 1e-3 * float(np.min(values))
    if not len(values) or column.isna().any() or several:
        return None, several
    return float(values.mean()), False


def _known_insertions(
    dataset: Dataset, rows: pd.DataFrame, places: np.ndarray
) -> tuple[Insertion | None, ...]:
    """Insertion points that came in with the images (Segment), or from a label."""
    if set(_POINTS) <= set(rows.columns):
        return tuple(map(_insertion_of_row, rows[list(_POINTS)].to_numpy(float)))
    scheme = dataset.scheme
    right = [k for k, name in enumerate(scheme.names) if structure_of(name) == "right ventricle"]
    if not right:
        return (None,) * len(rows)
    maps = dataset.reference(scheme, places)
    left = [k for k, name in enumerate(scheme.names) if _is_left(name)]
    return insertions_of_label(np.isin(maps, right), np.isin(maps, left))


def _is_left(name: str) -> bool:
    return structure_of(name) in ("cavity", "myocardium", "infarct", "no-reflow")


def _insertion_of_row(numbers: np.ndarray) -> Insertion | None:
    if not np.isfinite(numbers[:2]).all():
        return None
    anterior = float(numbers[0]), float(numbers[1])
    if not np.isfinite(numbers[2:]).all():
        return Insertion(anterior)
    return Insertion(anterior, (float(numbers[2]), float(numbers[3])))


def _stored(rows: pd.DataFrame, value: float | int) -> float | None:
    """A value of the source as the dataset stores it; None if slices are not scaled alike.

    Without slope and offset the source's values are stored as they are.
    """
    signal = rows.reindex(columns=["signal_slope", "signal_offset"]).astype(float)
    slope, offset = signal.fillna({"signal_slope": 1.0, "signal_offset": 0.0}).to_numpy().T
    alike = max(np.ptp(slope), np.ptp(offset)) <= 1e-6 * slope.min()
    if not (alike and slope.min() > 0):
        return None
    return float((value - offset[0]) / slope[0])


def _has_gaps(patient: str, rows: pd.DataFrame) -> bool:
    """Whether slices are missing between others: by their places, else by the numbers in names."""
    if "place" in rows and rows["place"].notna().all():
        return has_gaps(rows["place"].astype(int).tolist())
    labels = [str(key).removeprefix(f"{patient}_") for key in rows["slice"]]
    found = [re.fullmatch(r"\D*(\d+)", label) for label in labels]
    if not all(found):
        return False
    return has_gaps([int(one[1]) for one in found if one is not None])


def richest_scheme(*schemes: RegionScheme) -> RegionScheme:
    """The first of some schemes that tells infarct apart; without one the first."""
    tells = (
        scheme
        for scheme in schemes
        if any(structure_of(name) == "infarct" for name in scheme.names)
    )
    return next(tells, schemes[0])
