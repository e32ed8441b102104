"""Where a search looks: ranges or values of fields, and which count beside which."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field, ValidationError, model_validator

from myosweep.config.records import Record, Value, flatten, sentences
from myosweep.config.settings import RunSettings

_DOMAIN_KEYS = {"low", "high", "log", "values", "when"}
_NEUTRAL: dict[str, Any] = flatten(RunSettings().model_dump())


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


Space = Mapping[str, Range | Choice]


def check_space(space: Any) -> Any:
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


def in_order(space: Space) -> dict[str, Range | Choice]:
    """Each field after those that its condition names; what stands in a circle at the end."""
    ordered: dict[str, Range | Choice] = {}
    while ready := [
        path
        for path, one in space.items()
        if path not in ordered and all(o in ordered for o in one.when if o in space)
    ]:
        ordered |= {path: space[path] for path in ready}
    return {**ordered, **space}


def is_whole(path: str) -> bool:
    """Whether a field holds whole numbers."""
    return type(_NEUTRAL[path]) is int


def counts(domain: Range | Choice, values: Mapping[str, Value]) -> bool:
    """Whether a field counts beside these values of the others."""
    return all(values.get(path) == value for path, value in domain.when.items())


def full_point(
    values: Mapping[str, Value], space: Space, default: Mapping[str, Value]
) -> dict[str, Value]:
    """A value for every searched field.

    Those that do not count stay as in the default, or are neutral where they count there: a time
    scale of decoupled decay, for one, cannot stand beside another kind of L2.
    """
    return {
        path: values.get(path, _NEUTRAL[path] if counts(domain, default) else default[path])
        for path, domain in space.items()
    }
