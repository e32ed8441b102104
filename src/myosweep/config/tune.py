"""``Tune``, the content of ``[tune]``: what `myosweep tune` searches, and what it may cost."""

import re
from collections.abc import Iterator, Mapping
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
    for path, content in space.items():
        if isinstance(content, Range | Choice):
            domains[path] = content
            continue
        kind: type[Range | Choice] = Range
        if isinstance(content, list | tuple):
            content = {"values": content}
        if isinstance(content, Mapping) and "values" in content:
            kind = Choice
        try:
            domains[path] = kind.model_validate(content)
        except ValidationError as error:
            problems += [f"{path}: {sentence}" for sentence in sentences(error, kind)]
    if problems:
        raise ValueError("; ".join(problems))
    return domains


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
    for position, (path, domain) in enumerate(space.items()):
        if path not in known:
            yield f"tune.space: {unknown_key(path, known)}"
            continue
        if path in _NOT_SEARCHED:
            yield f"tune.space: {path} cannot be searched; set it under [settings], or sweep it"
            continue
        yield from _condition_problems(path, domain, dict(list(space.items())[:position]))
        yield from _domain_problems(path, domain, exact)


def _condition_problems(
    path: str, domain: Range | Choice, before: Mapping[str, Range | Choice]
) -> Iterator[str]:
    """Why a field's condition can never be met: it must be about what is drawn before it."""
    for other, value in domain.when.items():
        found = before.get(other)
        if not isinstance(found, Choice):
            why = "is not searched" if found is None else "is searched in a range"
            yield (
                f"tune.space: {path} counts only when {other} is {value!r}, but {other} {why}; "
                f"list the values of {other} in tune.space, or leave out the condition"
            )
        elif value not in found.values:
            yield (
                f"tune.space: {path} counts only when {other} is {value!r}, which is not among "
                f"its values {list(found.values)}"
            )


def _domain_problems(
    path: str, domain: Range | Choice, default: Mapping[str, Any]
) -> Iterator[str]:
    """Why a field cannot be searched so; the default must lie in its domain, to be compared."""
    ends = domain.values if isinstance(domain, Choice) else (domain.low, domain.high)
    own = default[path]
    for value in ends:
        try:
            settings_from_paths({path: _as_field(path, value), **_needed(domain)})
        except ConfigError as error:
            yield f"tune.space: {error}"
    if any(default.get(other) != value for other, value in domain.when.items()):
        return
    inside = own in ends if isinstance(domain, Choice) else domain.low <= own <= domain.high
    if not inside:
        yield (
            f"tune.space: the default of {path}, {own!r}, is not among what is searched; add it, "
            "since what is found is compared with it"
        )


def _needed(domain: Range | Choice) -> dict[str, Value]:
    return dict(domain.when)


def _as_field(path: str, value: Value) -> Value:
    """A whole number where the field holds one."""
    whole = type(flatten(RunSettings().model_dump())[path]) is int
    return int(value) if whole and isinstance(value, float) else value
