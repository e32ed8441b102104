"""``Tune``, the content of ``[tune]``: what `myosweep tune` searches, and what it may cost."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from myosweep.config.records import Record, Value, flatten, sentences, unknown_key
from myosweep.config.settings import RunSettings, settings_from_paths, settings_paths
from myosweep.errors import ConfigError


class Range(Record):
    """The numbers from ``low`` to ``high``, both included."""

    low: float
    high: float
    log: bool = False
    when: dict[str, Value] = {}

    @model_validator(mode="after")
    def _check_order(self) -> "Range":
        if not self.low < self.high:
            raise ValueError(f"low lies below high, got low {self.low:g} and high {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"a logarithmic range starts above 0, got low {self.low:g}")
        return self


class Choice(Record):
    """Some values, in no order."""

    values: tuple[Value, ...] = Field(min_length=1)
    when: dict[str, Value] = {}

    @model_validator(mode="after")
    def _check_values(self) -> "Choice":
        if len(set(map(repr, self.values))) < len(self.values):
            raise ValueError(f"a value stands twice: {list(self.values)}")
        return self


def _check_space(space: Any) -> Any:
    """Domains from their short forms: ``[1, 2]``, ``{ low = 1, high = 2 }``, ``{ values = ... }``.

    ``when`` names other fields' values under which a field counts.
    """
    if not isinstance(space, Mapping):
        if space not in ("joint", "l2"):
            raise ValueError(f"is 'joint', 'l2' or a table of fields, got {space!r}")
        return space
    domains: dict[str, Range | Choice] = {}
    problems: list[str] = []
    for path, content in _flat(space):
        if isinstance(content, Range | Choice):
            domains[path] = content
            continue
        kind: type[Range | Choice] = Range
        if isinstance(content, list | tuple):
            content = {"values": content}
        if not isinstance(content, Mapping):
            problems.append(
                f"{path} is {content!r}; give a list of values, or {{ low = ..., high = ... }}"
            )
            continue
        if "values" in content:
            kind = Choice
        try:
            domains[path] = kind.model_validate(content)
        except ValidationError as error:
            problems += [f"{path}: {sentence}" for sentence in sentences(error, kind)]
    if problems:
        raise ValueError("; ".join(problems))
    return domains


def _flat(space: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Domains by path; ``l2.strength`` without quotes is a table within a table to TOML."""
    for key, content in space.items():
        is_table = isinstance(content, Mapping) and not _DOMAIN_KEYS & content.keys()
        if is_table and any(isinstance(one, Mapping | list | tuple) for one in content.values()):
            yield from _flat(content, f"{before}{key}.")
        else:
            yield f"{before}{key}", content


_DOMAIN_KEYS = {"low", "high", "log", "values", "when"}
_NOT_SEARCHED = ("init_from",)
_BUDGET = re.compile(r"(\d+(?:\.\d+)?)\s*(runs?|min|h)")


class Budget(Record):
    """What may be spent: default runs, or seconds of training."""

    runs: float | None = None
    seconds: float | None = None


def parse_budget(text: str) -> Budget:
    """A budget as people write it.

    >>> parse_budget("20runs"), parse_budget("1.5h").seconds
    (Budget(runs=20.0, seconds=None), 5400.0)

    Raises:
        ValueError: if it is none.
    """
    match = _BUDGET.fullmatch(text.strip())
    if match is None or float(match[1]) <= 0:
        raise ValueError(
            f"a budget is a number of default runs or a time, got {text!r}; write for instance "
            "20runs, 90min or 2h"
        )
    number = float(match[1])
    if match[2].startswith("run"):
        return Budget(runs=number)
    return Budget(seconds=number * (3600 if match[2] == "h" else 60))


def _check_budget(text: Any) -> Any:
    parse_budget(str(text))
    return str(text)


class Tune(Record):
    """A search for better settings, and the race that decides whether they are better."""

    space: Annotated[
        Literal["joint", "l2"] | dict[str, Range | Choice], BeforeValidator(_check_space)
    ] = Field(
        "joint",
        description="the fields that are searched and where; joint: L2, learning rate, batch size, "
        "network, dropout, augmentation, epochs and loss; l2: the L2 strength alone",
    )
    sampler: Literal["tpe", "gp", "random"] = Field(
        "tpe", description="how Optuna proposes the next trial"
    )
    pruner: Literal["asha", "hyperband", "none"] = Field(
        "asha", description="how Optuna ends hopeless trials early, if early scores allow it"
    )
    budget: Annotated[str, BeforeValidator(_check_budget)] = Field(
        "20runs", description="search and race together: default runs, or a time such as 2h"
    )
    startup: int = Field(
        5, ge=2, description="first trials, drawn at random and trained to their end"
    )
    trials: int | None = Field(
        None, ge=1, description="trials of the search at most; default: what the budget allows"
    )
    race_share: float = Field(
        0.6, gt=0, lt=1, description="share of the budget that is kept for the race"
    )
    candidates: int = Field(2, ge=1, description="trials that race against the default")
    networks: int = Field(
        7, ge=3, description="largest number of new networks of each contender in the race"
    )
    largest_cost: float = Field(
        4.0, ge=1, description="trials that cost more default runs than this are not tried"
    )
    seed: int = Field(0, ge=0)


def search_space(tune: Tune, default: RunSettings) -> Mapping[str, Range | Choice]:
    """The fields that are searched, the ones that others depend on first."""
    if isinstance(tune.space, dict):
        return _in_order(tune.space)
    if tune.space == "l2":
        return {"l2.strength": Range(low=1e-6, high=1e-2, log=True)}
    return _joint_space(default)


def _in_order(space: Mapping[str, Range | Choice]) -> dict[str, Range | Choice]:
    """Each field after those that its condition names; what stands in a circle at the end."""
    ordered: dict[str, Range | Choice] = {}
    while ready := [
        path
        for path, one in space.items()
        if path not in ordered and all(o in ordered for o in one.when if o in space)
    ]:
        ordered |= {path: space[path] for path in ready}
    return {**ordered, **space}


def _joint_space(default: RunSettings) -> dict[str, Range | Choice]:
    """Everything that practice tunes, around the default."""
    filters, depth, epochs = default.first_filters, default.depth, default.epochs
    rate, batch = default.learning_rate, default.batch_size
    return {
        "l2.kind": _around(default.l2.kind, "penalty", "decoupled"),
        "learning_rate": Range(low=rate / 10, high=rate * 30, log=True),
        "batch_size": _around(batch, 2, 4, 8, 16),
        "first_filters": _around(filters, max(filters // 2, 1), filters, 2 * filters),
        "depth": _around(depth, max(depth - 1, 1), depth),
        "dropout": Range(low=0, high=0.6),
        "augmentation.flip": _around(default.augmentation.flip, 0.0, 0.5),
        "augmentation.shift_px": Range(low=0, high=20),
        "epochs": _around(epochs, max(epochs // 2, 1), epochs, 2 * epochs),
        "loss": _around(default.loss, "cross-entropy", "dice", "dice-cross-entropy"),
        "l2.strength": Range(low=1e-6, high=1e-2, log=True, when={"l2.kind": "penalty"}),
        "l2.time_scale_epochs": Range(low=3, high=300, log=True, when={"l2.kind": "decoupled"}),
    }


def _around(default: Value, *values: Value) -> Choice:
    return Choice(values=tuple(dict.fromkeys([*values, default])))


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
    path: str, domain: Range | Choice, before: Sequence[str], space: Mapping[str, Range | Choice]
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


def _domain_problems(
    path: str, space: Mapping[str, Range | Choice], default: Mapping[str, Any]
) -> Iterator[str]:
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


def _beside(
    path: str, value: Value, space: Mapping[str, Range | Choice], default: Mapping[str, Any]
) -> dict[str, Value]:
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


def is_whole(path: str) -> bool:
    """Whether a field holds whole numbers."""
    return type(_NEUTRAL[path]) is int


def counts(domain: Range | Choice, values: Mapping[str, Value]) -> bool:
    """Whether a field counts beside these values of the others."""
    return all(values.get(path) == value for path, value in domain.when.items())


def full_point(
    values: Mapping[str, Value], space: Mapping[str, Range | Choice], default: Mapping[str, Value]
) -> dict[str, Value]:
    """A value for every searched field.

    Those that do not count stay as in the default, or are neutral where they count there: a time
    scale of decoupled decay, for one, cannot stand beside another kind of L2.
    """
    return {
        path: values.get(path, _NEUTRAL[path] if counts(domain, default) else default[path])
        for path, domain in space.items()
    }


_FEW = 64
_NEUTRAL: dict[str, Any] = flatten(RunSettings().model_dump())
