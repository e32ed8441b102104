"""The points of a sweep: which values were tried, in what order, and how they read in words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from myosweep.analysis.remember import remembered
from myosweep.config import StudyConfig, Value, by_size, run_label
from myosweep.results.read import Results
from myosweep.results.rows import ENSEMBLE

Level = tuple[Value | None, ...]
UNSWEPT = "the study's settings"
_SMALLEST_IN_FULL = 1e-6


@dataclass(frozen=True)
class Point:
    """One point of the sweep, with its finished networks.

    Attributes:
        position, of: its place in the whole sweep, from 0 on, and how many points that has;
            they stay as they are while further points get their networks.
        values: the value of each swept field, by path; empty if nothing is swept.
        label: the values alone, such as ``0.005``, or ``0.005, 0.0001`` for two fields; or the
            names that the study gives them.
        runs: ids of its networks, by seed.
        seeds: their seeds.
        told: what is varied and its value, in words; empty: the fields and values themselves.
    """

    position: int
    of: int
    values: tuple[tuple[str, Value | None], ...]
    label: str
    runs: tuple[str, ...]
    seeds: tuple[int, ...]
    told: tuple[tuple[str, str], ...] = ()

    @property
    def plain(self) -> str:
        """The values alone, whatever names they have now."""
        return ", ".join(format_value(value) for _, value in self.values) or UNSWEPT

    @property
    def words(self) -> str:
        """Fields and values, such as ``L2 strength 0.005``."""
        own = ((field_words(path), format_value(value)) for path, value in self.values)
        return ", ".join(f"{what} {value}" for what, value in self.told or own) or UNSWEPT


@remembered
def points(results: Results) -> tuple[Point, ...]:
    """The points that have a finished network: in the sweep's order, then any others, ascending."""
    fields = results.fields
    networks = results.networks.sort_values("seed", kind="stable")
    keys = _keys(networks, fields)
    single = (1,) if fields[-1:] == (ENSEMBLE,) else ()
    wanted = [(*point.values(), *single) for point, _ in results.study.points()]
    others = sorted(set(keys) - set(wanted), key=by_size)
    every = list(dict.fromkeys([*wanted, *others]))
    members: dict[tuple[Any, ...], list[tuple[str, int]]] = {key: [] for key in every}
    for key, run, seed in zip(keys, networks["run"], networks["seed"], strict=True):
        members[key].append((run, int(seed)))
    made = []
    for position, key in enumerate(every):
        if not members[key]:
            continue
        values = tuple(zip(fields, key, strict=True))
        told = point_words(results.study, dict(values))
        label = ", ".join(value for _, value in told) or UNSWEPT
        runs, seeds = zip(*members[key], strict=True)
        made.append(Point(position, len(every), values, label, runs, seeds, told))
    return tuple(made)


def point_words(
    study: StudyConfig, point: Mapping[str, Value | None]
) -> tuple[tuple[str, str], ...]:
    """What is varied and its value, in words: field by field, or by a sweep key that has names."""
    told = []
    for paths, title, names in _named(study, point):
        level = tuple(point[path] for path in paths)
        told.append((title, names.get(level) or ", ".join(map(format_value, level))))
    return tuple(told)


def _named(
    study: StudyConfig, fields: Iterable[str]
) -> list[tuple[tuple[str, ...], str, dict[Level, str]]]:
    """Fields, those together whose sweep key has names; their title; the names by values."""
    there = tuple(fields)
    together = {paths[0]: (key, paths) for key, paths in zip(study.sweep, study.axes, strict=True)}
    made: list[tuple[tuple[str, ...], str, dict[Level, str]]] = []
    for path in there:
        if any(path in paths for paths, _, _ in made):
            continue
        key, paths = together.get(path, ("", ()))
        if key in study.names and set(paths) <= set(there):
            title = study.names[key].title or fields_in_words(paths)
            made.append((paths, title, study.level_names(key)))
        else:
            made.append(((path,), field_words(path), {}))
    return made


def swept_in_words(study: StudyConfig, fields: Sequence[str] | None = None) -> str:
    """What a study varies: its fields, or the titles that it gives them; ``setting`` if nothing.

    Args:
        fields: what its results tell apart; default: what the study file sweeps.
    """
    return ", ".join(swept_things(study, study.fields if fields is None else fields)) or "setting"


def swept_things(study: StudyConfig, fields: Sequence[str]) -> tuple[str, ...]:
    """The same, one by one."""
    return tuple(title for _, title, _ in _named(study, fields))


def point_labels(results: Results) -> tuple[str, ...]:
    """The label of each point, in their order."""
    return tuple(point.label for point in points(results))


def run_words(label: str, point: Mapping[str, Value]) -> str:
    """A run's label with its fields and values in words.

    Args:
        label: as ``config.run_label`` has made it; another one stays as it is.
        point: the value of each swept field.

    >>> run_words("l2.strength 5e-05, seed 1", {"l2.strength": 5e-05})
    'L2 strength 0.00005, seed 1'
    >>> run_words("default, seed 1", {"l2.strength": 5e-05})
    'default, seed 1'
    """
    written = run_label(point, "")
    if not point or not label.startswith(written):
        return label
    values = [f"{field_words(path)} {format_value(value)}" for path, value in point.items()]
    return ", ".join([*values, label.removeprefix(written)])


def fields_in_words(fields: Sequence[str]) -> str:
    """What is swept: ``L2 strength`` or ``L2 strength, learning rate``; ``setting`` if nothing."""
    return ", ".join(map(field_words, fields)) or "setting"


def field_words(path: str) -> str:
    """A settings path in words.

    >>> field_words("l2.strength"), field_words("augmentation.shift_px")
    ('L2 strength', 'augmentation shift (px)')
    """
    words = path.replace(".", " ").replace("_", " ").split()
    named = ["L2" if word == "l2" else word for word in words]
    if named[-1] == "px":
        named[-1] = "(px)"
    return " ".join(named)


def format_value(value: Value | None) -> str:
    """A setting's value as people write it; small numbers without an exponent.

    >>> format_value(5e-05), format_value(2e-07), format_value(True), format_value(4)
    ('0.00005', '2e-7', 'yes', '4')
    >>> format_value("")
    'none'
    """
    if value is None:
        return "not known"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, float):
        return str(value) or "none"
    if 0 < abs(value) < _SMALLEST_IN_FULL:
        return f"{value:g}".replace("e-0", "e-")
    return np.format_float_positional(value, trim="-")


def _keys(networks: pd.DataFrame, fields: tuple[str, ...]) -> list[tuple[Any, ...]]:
    """The values of each network, as plain Python values; None where a run does not say."""
    table = networks.reindex(columns=list(fields)).astype(object)
    rows = table.where(table.notna(), None).itertuples(index=False, name=None)
    return [tuple(map(_plain, row)) for row in rows] if fields else [()] * len(networks)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
