"""``[sweep]`` and ``[names]`` of a study file: keys, words for their values, and what is wrong."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field

from myosweep.config.records import Record

Sweep = Mapping[str, tuple[Any, ...]]


class LevelNames(Record):
    """Words for a key of ``[sweep]``: for its values, in their order, and for what it is."""

    title: str = Field("", description="what is varied, such as remedy; default: its fields")
    levels: tuple[str, ...] = Field((), description="a name per value; an empty one: the value")


def paths_of(name: str) -> tuple[str, ...]:
    """The fields that a key of [sweep] names; several have values that go together.

    >>> paths_of("labels.noise, labels.strength")
    ('labels.noise', 'labels.strength')
    """
    return tuple(path.strip() for path in name.split(","))


def sweep_problems(
    sweep: Sweep, settings: Mapping[str, Any], names: Mapping[str, LevelNames]
) -> Iterator[str]:
    """What is wrong with a sweep beside a study's settings, before a value is looked at."""
    for name, values in sweep.items():
        yield from _key_problems(name, values)
    swept = [path for name in sweep for path in paths_of(name)]
    for path in swept:
        if path in settings:
            yield f"{path!r} stands under [settings] and [sweep]; remove one"
    if len(set(swept)) < len(swept):
        yield "a field stands twice under [sweep]; remove one"
    yield from _name_problems(names, sweep)


def _key_problems(name: str, values: tuple[Any, ...]) -> Iterator[str]:
    if not values:
        yield f"sweep {name!r} has no values; give at least one"
    if len(set(map(repr, values))) < len(values):
        yield f"sweep {name!r} has a value twice: {list(values)}"
    together = len(paths_of(name))
    if together > 1 and any(not isinstance(one, tuple) or len(one) != together for one in values):
        given = [list(one) if isinstance(one, tuple) else one for one in values]
        yield (
            f"sweep {name!r} names {together} fields, so each of its values is a list of "
            f"{together}, got {given}"
        )


def _name_problems(names: Mapping[str, LevelNames], sweep: Sweep) -> Iterator[str]:
    for key, given in names.items():
        if key not in sweep:
            yield f"names {key!r} is no key of [sweep]; write it exactly as it stands there"
            continue
        levels = [name for name in given.levels if name]
        if given.levels and len(given.levels) != len(sweep[key]):
            yield (
                f"names {key!r} has {len(given.levels)} levels for {len(sweep[key])} values; give "
                "one for each, an empty one where the value may stand for itself"
            )
        unlike = len(set(levels)) < len(levels) or any(not name.strip() for name in levels)
        if unlike or any("," in name for name in (*levels, given.title)):
            yield (
                f"names {key!r}: each level has a name of its own, names and title have no commas, "
                f"got {[given.title, *levels]}"
            )
        for number, name in enumerate(given.levels):
            others = (value for n, value in enumerate(sweep[key]) if n != number)
            if any(_reads_as(name, value) for value in others):
                yield f"names {key!r}: {name!r} is another of its values; give another name"


def _reads_as(name: str, value: Any) -> bool:
    """Whether somebody would take a name for a value: ``5e-4`` for 0.0005."""
    try:
        return float(name) == value
    except ValueError:
        return name == value
