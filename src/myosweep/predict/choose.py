"""Which networks answer: a run's own, an ensemble's, or all of one of a study's values."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from myosweep.config import Value
from myosweep.errors import StudyError
from myosweep.results.layout import RunFolder, StudyFolder
from myosweep.results.rows import RunSettingsFile

_TRIAL = "trial"
Point = tuple[tuple[str, Value], ...]
"""Swept fields with one value each; of a search the number of a trial."""


def chosen_runs(place: Path, values: Sequence[str]) -> list[RunFolder]:
    """The runs that a folder means: itself, an ensemble's members, or those of a study's value.

    Raises:
        StudyError: if it is neither a run nor a study, or the values do not fit.
    """
    place = place.resolve()  # a run's id is its folder's name, and "." has none
    if StudyFolder(place).study.is_file():
        return networks_of_value(StudyFolder(place), values)
    run = RunFolder(place)
    if not run.settings.is_file():
        raise StudyError(
            f"{place.name!r} is no model; give the folder of a run (STUDY/runs/ID), of a study, or "
            "a model that `myosweep export` has written"
        )
    refuse_values(values, place)
    members = run.read_settings().members
    return [RunFolder(place.parent / Path(name).name) for name in members] or [run]


def refuse_values(values: Sequence[str], place: Path) -> None:
    """Raise a ``StudyError`` if there are values, since there is nothing to choose."""
    if values:
        raise StudyError(
            f"{place.name!r} is one model, so there is no value to choose; leave out --value, or "
            "give the folder of the study"
        )


def networks_of_value(study: StudyFolder, values: Sequence[str]) -> list[RunFolder]:
    """The finished networks of a value, in the order of their seeds.

    Args:
        values: as ``open_model`` takes them. A search's trials have their number: ``trial=3``.

    Raises:
        StudyError: naming the values that there are, if none or several are meant.
    """
    points = networks_by_value(study)
    if not points:
        raise StudyError(
            f"study {study.path.name!r} has no finished network yet; see `myosweep status`"
        )
    wanted = _parsed(values, dict(next(iter(points))))
    meant = [point for point in points if _fits(dict(point), wanted)]
    if len(meant) != 1:
        told = "; ".join(" ".join(f"--value {path}={value}" for path, value in p) for p in points)
        raise StudyError(
            f"study {study.path.name!r} has networks of {len(points)} values, and "
            f"{' '.join(values) or 'no --value'} means {len(meant)} of them; give one of: {told}"
        )
    return points[meant[0]]


def networks_by_value(study: StudyFolder) -> dict[Point, list[RunFolder]]:
    """The finished networks of each value, in the order of their seeds; none if there is none."""
    found: dict[Point, list[tuple[int, RunFolder]]] = {}
    for run in study.require().runs():
        status = run.read_status()
        if status is not None and status.status == "complete":
            what = run.read_settings()
            if what.kind == "trained":
                found.setdefault(_point(what), []).append((what.seed, run))
    return {
        point: [run for _, run in sorted(runs, key=lambda one: (one[0], one[1].id))]
        for point, runs in found.items()
    }


def _point(what: RunSettingsFile) -> Point:
    if what.trial is not None:
        return ((_TRIAL, what.trial),)
    return tuple(what.point.items())


def _parsed(values: Sequence[str], example: Mapping[str, Value]) -> dict[str, str]:
    """The wanted value of each field; a bare value is that of the only field."""
    wanted: dict[str, str] = {}
    for text in values:
        path, equals, value = text.rpartition("=")
        if not equals and len(example) == 1:
            path = next(iter(example))
        if path not in example:
            raise StudyError(
                f"a value is FIELD=VALUE with one of {', '.join(example)}, got {text!r}; write for "
                f"instance --value {next(iter(example), 'FIELD')}=VALUE"
            )
        if wanted.setdefault(path, value) != value:
            raise StudyError(
                f"{path} is given twice, as {wanted[path]} and as {value}; one model has one value "
                "of each field, so give the one to predict with"
            )
    return wanted


def _fits(point: Mapping[str, Value], wanted: Mapping[str, str]) -> bool:
    return all(_same(point[path], text) for path, text in wanted.items() if path in point)


def _same(value: Value, text: str) -> bool:
    if str(value).lower() == text.lower():
        return True
    try:
        return not isinstance(value, str | bool) and float(text) == float(value)
    except ValueError:
        return False
