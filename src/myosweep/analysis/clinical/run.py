"""From a study's folder to its table of clinical measures, and to what limits it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from myosweep.analysis.clinical.insertions import read_insertions
from myosweep.analysis.clinical.measure import N_SD, Progress, Rules, measure
from myosweep.analysis.clinical.stacks import Stack, read_stacks, richest_scheme
from myosweep.analysis.number_words import counted
from myosweep.analysis.question import require_no_search
from myosweep.analysis.study_dataset import study_dataset
from myosweep.data.source_stacks import keeps_places
from myosweep.data.store import Dataset
from myosweep.errors import InputError, StudyError
from myosweep.metrics.clinical import Structure, Ventricle, check_named, parts_of, structure_of
from myosweep.metrics.clinical.thresholds import check_n_sd
from myosweep.metrics.shape import OVAL, stack_axis_ratio
from myosweep.regions import RegionScheme
from myosweep.results.clinical import ClinicalFacts
from myosweep.results.read import Results

_WALL: Mapping[Structure | None, Structure] = {
    "infarct": "myocardium",
    "no-reflow": "myocardium",
}
"""Structures that belong to another one, and may be told apart from it or not."""


@dataclass(frozen=True)
class Options:
    """How somebody wants it measured.

    Args:
        part: which part of the split; networks keep masks of these two.
        dataset: another place of the dataset than the study says.
        scheme: how the reference's codes are read; default: the dataset's regions if they tell
            infarct apart, else the study's.
        named: structures of regions with names of their own.
        n_sd: standard deviations above remote.
        signal_zero: the source's grey value that means no signal, if it is the same for all.
        insertions: a table of right-ventricular insertion points.
        sector_start_deg: where sectors begin that are not AHA-aligned.
        stack: which stack is measured in patients who have several; see ``read_stacks``.
    """

    part: Literal["validation", "test"] = "test"
    dataset: Path | None = None
    scheme: RegionScheme | None = None
    named: Mapping[str, Structure] = field(default_factory=dict)
    n_sd: float = N_SD
    signal_zero: float | None = None
    insertions: Path | None = None
    sector_start_deg: float = 0.0
    stack: int | None = None


def measure_study(
    results: Results, options: Options | None = None, progress: Progress | None = None
) -> tuple[pd.DataFrame, ClinicalFacts]:
    """Measure every patient of a part, by the reference and by each network.

    Raises:
        InputError: if the study is a search, has no network, or has no masks; if the dataset is not
            there or is another one; if a region cannot be named, ``n_sd`` is not above 0, or
            ``signal_zero`` cannot be what no signal looks like; what ``read_stacks`` refuses.
    """
    options = options or Options()
    require_no_search(results.study)
    check_n_sd(options.n_sd)
    if results.networks.empty:
        raise StudyError(
            f"study {results.study.name!r} has no finished network yet, only baselines; continue "
            "it with `myosweep run`"
        )
    dataset = study_dataset(results, options.dataset)
    scheme = options.scheme or richest_scheme(results.scheme, dataset.scheme)
    check_named(options.named, results.scheme, scheme)
    parts_of(scheme, options.named)
    if options.scheme is not None:
        _refuse_other_codes(scheme, dataset.scheme, options.named)
    rules = Rules(scheme, options.named, options.n_sd, options.sector_start_deg)
    points = None if options.insertions is None else read_insertions(options.insertions)
    keys = _keys(results, options.part)
    stacks = read_stacks(dataset, keys, points, options.signal_zero, options.stack)
    _refuse_other_zero(dataset, stacks, options.signal_zero)
    table = measure(results, dataset, stacks, rules, options.part, progress)
    return table, _facts(results, dataset, stacks, rules, table, options)


def _refuse_other_codes(
    given: RegionScheme, known: RegionScheme, named: Mapping[str, Structure]
) -> None:
    """Raise an ``InputError`` if regions read the dataset's codes otherwise than its own do."""

    def places(scheme: RegionScheme) -> dict[int, Structure | None]:
        found = {one: named.get(one.name) or structure_of(one.name) for one in scheme.regions}
        return {code: _WALL.get(what, what) for one, what in found.items() for code in one.codes}

    others = places(given)
    problems = [
        f"code {code} is {others.get(code) or 'nothing'} by --regions, and {what} by the dataset's "
        "own regions; 'three' and 'five' mean myosweep's codes, so for others give a TOML file"
        for code, what in sorted(places(known).items())
        if what and others.get(code) not in (what, None if what == "right ventricle" else what)
    ]
    if problems:
        raise InputError(problems, "the regions do not fit the dataset")


def _refuse_other_zero(dataset: Dataset, stacks: Sequence[Stack], given: float | None) -> None:
    """Raise an ``InputError`` if half of the maximum would be below or above all grey values.

    Then thresholds would find everything or nothing in every mask, and all would agree.
    """
    wrong = [one.patient for one in stacks if not _may_be_zero(dataset, one)]
    if wrong:
        raise InputError(
            f"--signal-zero {given:g} cannot be the grey value of no signal in {len(wrong)} of "
            f"{counted(len(stacks), 'patient')}: half of the way from it to the brightest grey "
            "value lies outside their images. Give the value as the source has it, 0 for "
            "magnitude images, or leave it out"
        )


def _may_be_zero(dataset: Dataset, stack: Stack) -> bool:
    if stack.signal_zero is None:
        return True
    images = np.asarray(dataset.images[stack.rows])
    lowest, highest = float(images.min()), float(images.max())
    return lowest == highest or lowest <= (stack.signal_zero + highest) / 2 < highest


def _keys(results: Results, part: str) -> list[str]:
    """The slices of a part that any network has answered for."""
    rows = results.counts[results.counts["part"] == part]
    rows = rows[rows["run"].isin(results.networks["run"])]
    return sorted(map(str, rows["slice"].unique()))


def _facts(
    results: Results,
    dataset: Dataset,
    stacks: tuple[Stack, ...],
    rules: Rules,
    table: pd.DataFrame,
    options: Options,
) -> ClinicalFacts:
    parts = parts_of(rules.scheme, rules.named)
    by_threshold = not parts_of(results.scheme, rules.named).tells_infarct
    aligned = "aha_aligned" in table and table["aha_aligned"].eq(True)
    return ClinicalFacts(
        part=options.part,
        n_sd=rules.n_sd if by_threshold else None,
        half_maximum=by_threshold and all(one.signal_zero is not None for one in stacks),
        tells_infarct=parts.tells_infarct,
        patients=len(stacks),
        aligned=0 if aligned is False else int(table.loc[aligned, "patient"].nunique()),
        sector_start_deg=rules.sector_start_deg,
        in_plane_known=sum(one.spacing.in_plane_known for one in stacks),
        spacing_known=sum(one.spacing.volume_known for one in stacks),
        several_spacings=tuple(one.patient for one in stacks if one.several_spacings),
        gaps=tuple(one.patient for one in stacks if one.gaps),
        partial=tuple(one.patient for one in stacks if one.partial),
        oval=sum(
            _is_oval(parts.ventricle(dataset.reference(rules.scheme, one.rows))) for one in stacks
        ),
        several_stacks=tuple(one.patient for one in stacks if one.several_stacks),
        stack=options.stack,
        places_known=keeps_places(dataset),
    )


def _is_oval(ventricle: Ventricle) -> bool:
    return stack_axis_ratio(ventricle.cavity | ventricle.myocardium) > OVAL
