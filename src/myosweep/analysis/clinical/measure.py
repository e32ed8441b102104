"""Measures of every patient: by the reference, and by each network's masks.

This is the part that needs masks and images. What comes out is a table with one row per run and
patient, from which everything else is concluded.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import UInt8

from myosweep.analysis.clinical.stacks import Stack
from myosweep.analysis.slices import slices_of_runs
from myosweep.data.store import Dataset
from myosweep.metrics.clinical import (
    AHA_NAMES,
    Parts,
    Structure,
    Ventricle,
    above_remote,
    aha_segments_of_chords,
    amount,
    amounts,
    amounts_row,
    by_segment,
    contour_errors,
    emidec_metrics,
    false_infarct,
    half_maximum,
    parts_of,
    sectors_of_chords,
    transmurality_of_chords,
)
from myosweep.metrics.clinical.segments import SECTORS
from myosweep.regions import NO_REGION, RegionScheme
from myosweep.results.read import Results, stream_masks

REFERENCE = "reference"
"""What stands for a run in the rows of the reference."""
N_SD = 5.0
TRANSMURAL = 50.0
LEVELS = ("base", "middle", "apex")
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Rules:
    """How is measured.

    Args:
        scheme: how the reference's codes are read; the networks' regions are the study's.
        named: structures of regions with names of their own.
        n_sd: standard deviations above remote, for masks without an infarct label.
        sector_start_deg: where sectors begin that are not AHA-aligned.
    """

    scheme: RegionScheme
    named: Mapping[str, Structure]
    n_sd: float = N_SD
    sector_start_deg: float = 0.0


@dataclass(frozen=True)
class Subject:
    """One patient, ready to be compared with: the reference, and what is common to all runs.

    Attributes:
        labelled: pixels with a label in the reference.
        images: for thresholds; None where the networks tell infarct apart.
        segments: of each slice's chords, the AHA's if ``aligned``; None where pixel distances are
            not known.
    """

    stack: Stack
    reference: Ventricle
    labelled: np.ndarray
    images: np.ndarray | None
    segments: np.ndarray | None
    aligned: bool


def measure(
    results: Results,
    dataset: Dataset,
    stacks: tuple[Stack, ...],
    rules: Rules,
    part: str,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Measures of each patient by the reference and by every network that has it in this part.

    A network's masks are read once, some slices at a time. Pixels without a label in the reference
    belong to nothing in the masks either.

    Args:
        stacks: the patients' slices; a network that does not have all of a patient's slices in
            the part has no row for that patient.
        part: of the split: validation or test. With folds it differs from network to network.
        progress: called with runs done and runs in all.

    Raises:
        InputError: if a region cannot be named, or a masks file is missing or damaged.
    """
    parts = parts_of(results.scheme, rules.named)
    rows = []
    for stack in stacks:
        subject = _subject(dataset, stack, rules, parts)
        rows.append({"run": REFERENCE, **alone(subject, subject.reference, rules)})
    ids = list(results.networks["run"])
    keys = slices_of_runs(results, part)
    for number, run in enumerate(ids):
        for stack, region_map in _predictions(results, run, keys.get(run, set()), stacks):
            subject = _subject(dataset, stack, rules, parts)  # again, so that few are in memory
            region_map = np.where(subject.labelled, region_map, NO_REGION).astype(np.uint8)
            rows.append({"run": run, **row_of(subject, parts.ventricle(region_map), rules)})
        if progress:
            progress(number + 1, len(ids))
    return pd.DataFrame(rows)


def _subject(dataset: Dataset, stack: Stack, rules: Rules, of_network: Parts) -> Subject:
    maps = dataset.reference(rules.scheme, stack.rows)
    reference = parts_of(rules.scheme, rules.named).ventricle(maps)
    segments, aligned = None, False
    if stack.spacing.in_plane_known:
        segments = aha_segments_of_chords(
            reference.cavity, stack.levels, stack.insertions, stack.spacing
        )
        aligned = segments is not None
        if segments is None:
            sectors = sectors_of_chords(rules.sector_start_deg)
            segments = np.repeat(sectors[None], len(maps), 0)
    images = None if of_network.tells_infarct else np.asarray(dataset.images[stack.rows])
    return Subject(stack, reference, maps != NO_REGION, images, segments, aligned)


def _predictions(
    results: Results, run: str, keys: Collection[str], stacks: tuple[Stack, ...]
) -> Iterator[tuple[Stack, UInt8[np.ndarray, "slice y x"]]]:
    """The patients whose slices a run has masks of, all of them, with these masks.

    Args:
        keys: slices that count; a run's masks are of validation and test slices alike.
    """
    owner = {key: stack for stack in stacks for key in stack.keys if key in keys}
    waiting: dict[str, dict[str, np.ndarray]] = {}
    for keys, maps in stream_masks(results.folder.run(run)):
        for key, region_map in zip(keys, maps, strict=True):
            stack = owner.get(key)
            if stack is None:
                continue
            have = waiting.setdefault(stack.patient, {})
            have[key] = region_map
            if len(have) == len(stack.keys):
                yield stack, np.stack([have[name] for name in stack.keys])
                del waiting[stack.patient]


def row_of(subject: Subject, prediction: Ventricle, rules: Rules) -> dict[str, Any]:
    """All measures of one patient by a network's masks, by their columns."""
    return {
        **alone(subject, prediction, rules),
        **_false_infarct(subject, prediction),
        **_contours(subject, prediction),
        **_emidec(subject, prediction),
    }


def alone(subject: Subject, ventricle: Ventricle, rules: Rules) -> dict[str, Any]:
    """Measures that need no reference; NaN where a measure means nothing."""
    stack = subject.stack
    return {
        "patient": stack.patient,
        "slices": len(stack.keys),
        "spacing_known": stack.spacing.volume_known,
        **amounts_row(amounts(ventricle, stack.spacing)),
        **_by_level(subject, ventricle),
        **_thresholds(subject, ventricle, rules),
        **_transmurality(subject, ventricle),
    }


def _false_infarct(subject: Subject, ventricle: Ventricle) -> dict[str, Any]:
    found = false_infarct(subject.reference, ventricle, subject.stack.spacing)
    if found is None:
        return {"false_infarct_px": np.nan, "false_infarct_g": np.nan}
    return {"false_infarct_px": found.pixels, "false_infarct_g": found.g}


def _by_level(subject: Subject, ventricle: Ventricle) -> dict[str, Any]:
    """Infarct per cent of the myocardium at base, middle and apex.

    NaN where no slice of that level shows myocardium in the reference, or infarct is not told
    apart.
    """
    stack, row = subject.stack, {}
    for level in LEVELS:
        rows = np.array([one == level for one in stack.levels])
        known = subject.reference.myocardium[rows].any() and ventricle.infarct is not None
        here = amounts(ventricle.only(rows), stack.spacing) if known else None
        row[f"infarct_percent_{level}"] = np.nan if here is None else here.infarct_percent
    return row


def _thresholds(subject: Subject, ventricle: Ventricle, rules: Rules) -> dict[str, Any]:
    """Infarct by thresholds inside these masks' myocardium; NaN without remote or signal zero."""
    if subject.images is None:
        return {}
    stack = subject.stack
    found = {"sd": above_remote(subject.images, ventricle, rules.n_sd, stack.spacing), "fwhm": None}
    if stack.signal_zero is not None:
        found["fwhm"] = half_maximum(subject.images, ventricle, stack.signal_zero)
    row = {}
    for name, mask in found.items():
        one = None if mask is None else amount(mask, stack.spacing)
        whole = int(ventricle.myocardium.sum())
        share = np.nan if one is None else 100 * one.pixels / max(whole, 1)
        row[f"infarct_{name}_percent"] = share
        row[f"infarct_{name}_g"] = np.nan if one is None else one.g
    return row


def _contours(subject: Subject, ventricle: Ventricle) -> dict[str, Any]:
    if not subject.stack.spacing.in_plane_known:
        return {}
    row: dict[str, Any] = {}
    errors = contour_errors(subject.reference, ventricle, subject.stack.spacing)
    for name, one in zip(("endo", "epi"), errors, strict=True):
        row |= {f"{name}_{key}": value for key, value in asdict(one).items()}
    return row


def _transmurality(subject: Subject, ventricle: Ventricle) -> dict[str, Any]:
    if subject.segments is None or ventricle.infarct is None:
        return {}
    percent = transmurality_of_chords(ventricle, subject.stack.spacing)
    count = len(AHA_NAMES) if subject.aligned else SECTORS
    found = by_segment(percent, subject.segments, count)
    above = sum(one.mean > TRANSMURAL for one in found)
    row: dict[str, Any] = {"aha_aligned": subject.aligned, "segments_above_50": above}
    for number, one in enumerate(found, start=1):
        row |= {
            f"transmurality_{number}": one.mean,
            f"transmurality_infarcted_{number}": one.mean_infarcted,
            f"transmurality_max_{number}": one.maximum,
        }
    return row


def _emidec(subject: Subject, ventricle: Ventricle) -> dict[str, Any]:
    spacing, both = subject.stack.spacing, (subject.reference, ventricle)
    told = all(one.infarct is not None and one.no_reflow is not None for one in both)
    if spacing.slices_mm is None or not spacing.in_plane_known or not told:
        return {}
    y, x = spacing.yx
    found = emidec_metrics(*both, (x, y, float(spacing.slices_mm)))
    if subject.stack.gaps:  # distances would pass over what is missing
        found = replace(found, hausdorff_official=np.nan, hausdorff_mm=np.nan)
    return {f"emidec_{name}": value for name, value in asdict(found).items()}
