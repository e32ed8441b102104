"""Weights that a study's trainings start from: named by their content, kept in its folder."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from myosweep.config import StudyConfig
from myosweep.errors import StudyError
from myosweep.files import whole_file
from myosweep.results.layout import StudyFolder
from myosweep.training.initial import check_weights, content_name, find_weights, is_kept
from myosweep.training.plan import RunPlan

_FIELD = "init_from"


def with_kept_weights(config: StudyConfig, base: Path) -> tuple[StudyConfig, dict[str, Path]]:
    """The study with weights named by content instead of by place, and the places by name.

    Args:
        base: where a relative place may start from, if not in the working folder.

    Raises:
        StudyError: if there are no weights at one of the places.
    """
    places: dict[str, Path] = {}

    def name(path: str, value: Any) -> Any:
        if path != _FIELD or not isinstance(value, str) or not value or is_kept(value):
            return value
        here, beside = Path(value), base / value
        weights = find_weights(beside if beside.exists() and not here.exists() else here)
        kept = content_name(weights)
        places[kept] = weights
        return kept

    return config.with_values(name), places


def weights_of(
    config: StudyConfig, home: StudyFolder, places: Mapping[str, Path]
) -> dict[str, Path]:
    """Where the weights lie that a study's trainings start from: kept already, or at a place."""
    runs = [
        one for _, settings in config.points() for one in (settings, *config.adjusted(settings))
    ]
    names = {settings.init_from for settings in runs} - {""}
    return {name: places.get(name, home.initial(name)) for name in sorted(names)}


def keep_weights(weights: Mapping[str, Path], home: StudyFolder) -> None:
    """Copy weights into the study's folder, where they are not there yet."""
    for name, path in weights.items():
        if not home.initial(name).exists():
            with whole_file(home.initial(name)) as draft:
                draft.write_bytes(path.read_bytes())


def weights_problems(plan: RunPlan, weights: Mapping[str, Path]) -> Iterator[str]:
    """Why a run cannot start from its weights, with a way out; nothing if it can."""
    if name := plan.settings.init_from:
        try:
            check_weights(weights[name], plan.settings, len(plan.scheme.regions))
        except StudyError as error:
            yield str(error)
