"""Why a search cannot be done so: fields, conditions and values that do not fit together."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from myosweep.config.records import Value, flatten, unknown_key
from myosweep.config.settings import RunSettings, settings_from_paths, settings_paths
from myosweep.config.space import Choice, Range, Space, counts, full_point, is_whole
from myosweep.config.tune import Tune, search_space
from myosweep.errors import ConfigError

_NOT_SEARCHED = ("init_from",)
_FEW = 64
"""So many whole numbers are all tried."""


def tune_problems(tune: Tune, default: RunSettings) -> Iterator[str]:
    """Why a study with these default settings cannot be tuned so."""
    exact, known = flatten(default.model_dump()), settings_paths()
    space = search_space(tune, default)
    sound = True
    for position, (path, domain) in enumerate(space.items()):
        if path not in known:
            problems = [unknown_key(path, known)]
        elif path in _NOT_SEARCHED:
            problems = [f"{path} cannot be searched; set it under [settings], or sweep it"]
        else:
            problems = [*_condition_problems(path, domain, [*space][:position], space)]
        sound = sound and not problems
        yield from (f"tune.space: {problem}" for problem in problems)
    if not sound:
        return
    if not any(isinstance(one, Range) or len(one.values) > 1 for one in space.values()):
        yield "tune.space: nothing is searched; give at least one field more than one value"
    is_named = not isinstance(tune.space, dict)
    for path in space:
        for problem in _domain_problems(path, space, exact):
            way_out = f" (in space {tune.space!r}; a [tune.space] of your own may do without)"
            yield f"tune.space: {problem}{way_out if is_named else ''}"


def _condition_problems(
    path: str, domain: Range | Choice, before: Sequence[str], space: Space
) -> Iterator[str]:
    """Why a field's condition can never be met: it must be about what is drawn before it."""
    for other, value in domain.when.items():
        found, known = space.get(other), settings_paths()
        says = f"{path} counts only when {other} is {value!r}"
        if other not in known:
            yield f"{says}: {unknown_key(other, known)}"
        elif not isinstance(found, Choice):
            why = "is not searched" if found is None else "is searched in a range"
            yield (
                f"{says}, but {other} {why}; list the values of {other} in tune.space, or leave "
                "out the condition"
            )
        elif other not in before:
            yield f"{says}, which depends on {path} in turn; leave out one of the conditions"
        elif value not in found.values:
            yield f"{says}, which is not among its values {list(found.values)}"


def _domain_problems(path: str, space: Space, default: Mapping[str, Any]) -> Iterator[str]:
    """Why a field cannot be searched so; the default must lie in its domain, to be compared."""
    domain, own = space[path], default[path]
    if isinstance(domain, Range) and isinstance(own, str):
        yield f"{path} is {own!r} in the default, so it has no range; list its values"
        return
    if isinstance(domain, Range) and isinstance(own, bool):
        yield f"{path} is true or false; list its values"
        return
    for value in _to_check(path, domain):
        try:
            settings_from_paths({**default, **_beside(path, value, space, default)})
        except ConfigError as error:
            yield str(error)
            if isinstance(domain, Range):
                break
    if not counts(domain, default):
        return
    if isinstance(domain, Choice):
        inside = own in domain.values
    else:
        inside = domain.low <= own <= domain.high
    if inside:
        return
    way_out = "add it, since what is found is compared with it"
    if isinstance(domain, Range) and domain.log and own == 0:
        way_out = "0 has no logarithm: list values in place of the range, 0 among them"
    yield f"the default of {path}, {own!r}, is not among what is searched; {way_out}"


def _to_check(path: str, domain: Range | Choice) -> tuple[Value, ...]:
    """The values of a list; the ends of a range, as whole numbers where the field holds such.

    Every whole number where few are allowed.
    """
    if isinstance(domain, Choice):
        return domain.values
    ends = domain.low, domain.high
    if not (is_whole(path) and all(end.is_integer() for end in ends)):
        return ends
    low, high = map(int, ends)
    return tuple(range(low, high + 1)) if high - low < _FEW else (low, high)


def _beside(path: str, value: Value, space: Space, default: Mapping[str, Any]) -> dict[str, Value]:
    """A point with this value, and all others as near to the default as conditions allow."""
    wanted = {**space[path].when, path: value}
    values: dict[str, Value] = {}
    for other, domain in space.items():
        if other in wanted:
            values[other] = wanted[other]
        elif counts(domain, values):
            first = domain.values[0] if isinstance(domain, Choice) else domain.low
            if is_whole(other):
                first = int(first)
            values[other] = default[other] if counts(domain, default) else first
    return full_point(values, space, default)
