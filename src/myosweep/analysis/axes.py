"""The axes of a sweep with their levels: values that go together are one level of one axis.

An axis is a hyperparameter, or a circumstance: how many patients there are to learn from, how well
they were outlined, how good the images are. Nobody chooses a circumstance; one asks which
hyperparameter suits it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from myosweep.analysis.number_words import percent
from myosweep.analysis.points import Level, Point, field_words, format_value, points
from myosweep.config import Value
from myosweep.results.read import Results

SIZE = "data.fraction"
_KINDS = {"data": "share of training patients", "labels": "label errors", "images": "image quality"}


@dataclass(frozen=True)
class Axis:
    """One axis of a sweep.

    Attributes:
        paths: its fields.
        levels: their values, level by level: a single field's by size, else in the sweep's order.
        fixed: settings of errors in labels and images that are the same at all levels.
        title, names: the study's own words for the axis and for its levels, where it has any.
    """

    paths: tuple[str, ...]
    levels: tuple[Level, ...]
    fixed: Mapping[str, Value] = field(default_factory=dict)
    title: str = ""
    names: Mapping[Level, str] = field(default_factory=dict)

    @property
    def is_circumstance(self) -> bool:
        """Whether it is the number of patients, or errors in labels or images."""
        return all(path.split(".")[0] in _KINDS for path in self.paths)

    @property
    def is_size(self) -> bool:
        return self.paths == (SIZE,)

    @property
    def words(self) -> str:
        """What is varied: ``L2 strength``, ``label errors``."""
        if self.title:
            return self.title
        if self.is_circumstance:
            return ", ".join(dict.fromkeys(_KINDS[path.split(".")[0]] for path in self.paths))
        return ", ".join(map(field_words, self.paths))

    @property
    def labels(self) -> tuple[str, ...]:
        """A name for each level: ``0.001``, ``50 %``, ``jitter 2``, ``none``."""
        names = tuple(map(self._name, self.levels))
        plain = tuple(", ".join(map(format_value, level)) for level in self.levels)
        return names if len(set(names)) == len(names) else plain

    @property
    def clean(self) -> int | None:
        """Position of the level with all patients and without errors; None if there is none."""
        if not self.is_circumstance:
            return None
        for position, level in enumerate(self.levels):
            facts = {**self.fixed, **dict(zip(self.paths, level, strict=True))}
            if facts.get(SIZE, 1.0) == 1 and not _errors(facts):
                return position
        return None

    def level_of(self, point: Point) -> Level:
        """The level that a point has on this axis."""
        values = dict(point.values)
        return tuple(values[path] for path in self.paths)

    def _name(self, level: Level) -> str:
        if name := self.names.get(level):
            return name
        facts = {**self.fixed, **dict(zip(self.paths, level, strict=True))}
        if not self.is_circumstance:
            return ", ".join(map(format_value, level))
        share = facts.get(SIZE) if SIZE in self.paths else None
        said = [percent(float(share))] if isinstance(share, int | float) else []
        if self.paths != (SIZE,):
            said += _errors(facts) or ["no errors"]
        return ", ".join(said)


def axes(results: Results) -> tuple[Axis, ...]:
    """The axes of the sweep, with the levels that have finished networks."""
    _, settings = next(results.study.points(), ({}, None))
    fixed: dict[str, Value] = {}
    if settings is not None:
        fixed = {
            "labels.noise": settings.labels.noise,
            "labels.strength": settings.labels.strength,
            "images.noise": settings.images.noise,
            "images.strength": settings.images.strength,
            "images.parts": settings.images.parts,
        }
    study, made = results.study, axes_of(points(results), results.study.axes, fixed)
    return tuple(
        replace(axis, title=study.names[key].title, names=study.level_names(key))
        if key in study.names
        else axis
        for key, axis in zip(study.sweep, made, strict=True)
    )


def axes_of(
    found: Sequence[Point], groups: Sequence[tuple[str, ...]], fixed: Mapping[str, Value]
) -> tuple[Axis, ...]:
    """An axis for each group of fields."""
    made = []
    for paths in groups:
        bare = Axis(paths, ())
        levels = list(dict.fromkeys(bare.level_of(point) for point in found))
        if len(paths) == 1:  # numbers by size, anything else as the sweep has it
            levels.sort(key=lambda level: level[0] if isinstance(level[0], int | float) else 0.0)
        made.append(Axis(paths, tuple(levels), fixed))
    return tuple(made)


def _errors(facts: Mapping[str, Value | None]) -> list[str]:
    """The errors put into labels and images, such as ``jitter 2``; empty where there are none."""
    said = []
    for part in ("labels", "images"):
        noise, strength = facts.get(f"{part}.noise", "none"), facts.get(f"{part}.strength", 0.0)
        harmless = 1 if noise == "resolution" else 0
        if noise == "none" or not isinstance(strength, int | float) or strength <= harmless:
            continue
        everywhere = part == "images" and facts.get("images.parts") == "all"
        said.append(f"{noise} {format_value(strength)}{' in all parts' if everywhere else ''}")
    return said
