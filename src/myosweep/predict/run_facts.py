"""The facts of finished runs, from their settings, counts and files: networks are not needed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

import myosweep
from myosweep.errors import StudyError
from myosweep.predict.facts import (
    Member,
    ModelFacts,
    first_fault,
    normaliser_facts,
    refuse_large,
)
from myosweep.predict.sums import file_sha256
from myosweep.results.layout import RunFolder
from myosweep.results.read import mask_shape, read_counts
from myosweep.results.rows import RunSettingsFile, RunStatus

_USUAL = (5, 95)
"""Percentiles between which a heart has a usual area."""


def finished(run: RunFolder) -> tuple[RunSettingsFile, RunStatus]:
    """Settings and status of a finished network.

    Raises:
        StudyError: if the run is none, or a file is damaged.
    """
    refuse_large(run.settings)
    refuse_large(run.status)
    what, status = run.read_settings(), run.read_status()
    if what.kind != "trained" or what.settings is None:
        raise StudyError(f"run {run.id} is no network ({what.kind}); give another run")
    if status is None or status.status != "complete":
        raise StudyError(
            f"run {run.id} has not finished ({status.status if status else 'still to do'}), so its "
            "network cannot be used; see `myosweep status`"
        )
    return what, status


def run_facts(run: RunFolder, stored: Mapping[str, Any]) -> ModelFacts:
    """The facts of a finished network.

    Args:
        stored: what the header of its weights file says.

    Raises:
        StudyError: if the run is no finished network, or a file is damaged or not there.
    """
    what, status = finished(run)
    size = mask_shape(run)
    if size is None:
        raise StudyError(f"run {run.id} has no masks.npz, which tells its image size; run it again")
    try:
        return _facts(run, what, stored, size, status.versions)
    except ValidationError as error:
        raise StudyError(
            f"run {run.id} does not describe a network ({first_fault(error)}); run it again"
        ) from None


def joined_facts(read: Sequence[ModelFacts]) -> ModelFacts:
    """The facts of networks that answer together, in this order.

    Raises:
        StudyError: if they have different regions or sizes.
    """
    first, ways = read[0], list(dict.fromkeys(facts.normalisers[0] for facts in read))
    if len({(facts.size, tuple(facts.regions.items()), facts.ignored) for facts in read}) > 1:
        raise StudyError("the runs have different regions or image sizes; give one of them")
    members = [
        facts.members[0].model_copy(update={"normaliser": ways.index(facts.normalisers[0])})
        for facts in read
    ]
    spacings = [mm for facts in read for mm in facts.spacing_mm or ()]
    known = all(facts.spacing_mm for facts in read)
    return first.model_copy(
        update={
            "members": tuple(members),
            "normalisers": tuple(ways),
            "spacing_mm": (min(spacings), max(spacings)) if known else None,
        }
    )


def _facts(
    run: RunFolder,
    what: RunSettingsFile,
    stored: Mapping[str, Any],
    size: tuple[int, int],
    versions: Mapping[str, str],
) -> ModelFacts:
    """A run's facts; its counts tell the spacing of all its slices."""
    assert what.settings is not None
    counts = read_counts(run)
    spacing = counts["spacing_mm"]
    known = bool(len(spacing)) and bool(spacing.notna().all())
    member = Member(
        run=run.id,
        label=what.label,
        seed=what.seed,
        repeat=what.repeat,
        fold=what.fold,
        settings=what.settings,
        pixel_hash=what.pixel_hash,
        split_hash=what.split_hash,
        versions=dict(versions),
        weights_sha256=file_sha256(run.weights),
        normaliser=0,
    )
    return ModelFacts(
        made_by=f"myosweep {myosweep.__version__}",
        regions=what.regions,
        ignored=what.ignored,
        height_px=size[0],
        width_px=size[1],
        spacing_mm=(float(spacing.min()), float(spacing.max())) if known else None,
        heart_px=_usual_area(counts, next(iter(what.regions))),
        normalisers=(normaliser_facts(stored, f"the weights file of run {run.id}"),),
        members=(member,),
    )


def _usual_area(counts: pd.DataFrame, background: str) -> tuple[float, float] | None:
    """The usual area of a heart in the reference masks, pixels; None without any."""
    hearts = counts[counts["region"] != background]
    areas = (hearts["tp"] + hearts["fn"]).groupby([hearts["part"], hearts["slice"]], observed=True)
    shown = areas.sum()
    shown = shown[shown > 0]
    if shown.empty:
        return None
    low, high = np.percentile(shown.to_numpy(), _USUAL)
    return float(low), float(high)
