"""Which networks of a study answer: all finished ones of one of its values."""

from collections.abc import Mapping, Sequence

from myosweep.config import Value
from myosweep.errors import StudyError
from myosweep.results.layout import RunFolder, StudyFolder
from myosweep.results.rows import RunSettingsFile

_TRIAL = "trial"


def networks_of_value(study: StudyFolder, values: Sequence[str]) -> list[RunFolder]:
    """The finished networks of a value, in the order of their seeds.

    Args:
        values: as ``open_model`` takes them. A search's trials have their number: ``trial=3``.

    Raises:
        StudyError: naming the values that there are, if none or several are meant.
    """
    points: dict[tuple[tuple[str, Value], ...], list[tuple[int, RunFolder]]] = {}
    for run in study.require().runs():
        status, what = run.read_status(), run.read_settings()
        if status is not None and status.status == "complete" and what.kind == "trained":
            points.setdefault(_point(what), []).append((what.seed, run))
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
    return [run for _, run in sorted(points[meant[0]], key=lambda one: (one[0], one[1].id))]


def _point(what: RunSettingsFile) -> tuple[tuple[str, Value], ...]:
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
        wanted[path] = value
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
