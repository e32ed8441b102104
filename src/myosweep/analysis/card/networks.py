"""Facts of the networks themselves: from settings, status and the header of the weights files."""

import json
import math
from collections.abc import Sequence
from typing import Any

from safetensors import SafetensorError, safe_open

from myosweep.analysis.card.records import Architecture, NetworkFacts, SettingFact
from myosweep.config import describe_settings, flatten
from myosweep.errors import StudyError
from myosweep.results.layout import RunFolder
from myosweep.results.read import mask_shape
from myosweep.results.rows import RunSettingsFile


def network_facts(run: RunFolder) -> NetworkFacts:
    """One network's run, from its settings and status."""
    what, status = run.read_settings(), run.read_status()
    if what.kind != "trained" or what.settings is None:
        raise StudyError(f"run {run.id} is no network ({what.kind}); give another run")
    if status is None or not status.whole:
        raise StudyError(
            f"run {run.id} has not finished ({status.status if status else 'still to do'}), so "
            "there is nothing to write on its card; see `myosweep status`"
        )
    return NetworkFacts(
        run=run.id,
        seed=what.seed,
        repeat=what.repeat,
        fold=what.fold,
        status=status.status,
        epochs_done=status.epochs_done,
        seconds=status.seconds,
        device=status.device,
        precision=status.precision,
        threads=status.threads,
        processes=status.processes,
        machines=status.machines,
        versions=status.versions,
        normaliser=_header(run)[1],
    )


def architecture(runs: Sequence[RunFolder], spacing_mm: tuple[float, float] | None) -> Architecture:
    """What all these networks are; they differ in nothing of it."""
    what = runs[0].read_settings()
    assert what.settings is not None
    size = _size(runs[0])
    return Architecture(
        depth=what.settings.depth,
        first_filters=what.settings.first_filters,
        norm=what.settings.norm,
        parameters=_header(runs[0])[0],
        regions=what.regions,
        ignored=what.ignored,
        height_px=size[0] if size else None,
        width_px=size[1] if size else None,
        spacing_mm=spacing_mm,
    )


def setting_facts(runs: Sequence[RunSettingsFile]) -> tuple[SettingFact, ...]:
    """Every setting, with the values that it has in these runs."""
    used = [flatten(what.settings.model_dump()) for what in runs if what.settings is not None]
    return tuple(
        SettingFact(
            path=row.path,
            values=tuple(dict.fromkeys(one[row.path] for one in used)),
            default=row.default,
            paper=row.paper,
        )
        for row in describe_settings()
    )


def _size(run: RunFolder) -> tuple[int, int] | None:
    try:
        return mask_shape(run)
    except StudyError:
        return None


def _header(run: RunFolder) -> tuple[int | None, dict[str, str | float] | None]:
    """How many weights a file holds, and how images are normalised; None where it is not told.

    Only the header is read: names, shapes and a JSON record, nothing that could run code.
    """
    try:
        with safe_open(run.weights, framework="numpy") as file:
            shapes = [file.get_slice(name).get_shape() for name in file.keys()]  # noqa: SIM118
            told: Any = json.loads((file.metadata() or {}).get("myosweep", "null"))
    except (OSError, SafetensorError, ValueError, RecursionError):
        return None, None
    plain = isinstance(told, dict) and all(isinstance(x, str | int | float) for x in told.values())
    return sum(map(math.prod, shapes)), told if plain and told else None
