"""The base of all records, and plain sentences for what pydantic finds wrong in one."""

import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

Value = str | int | float | bool
"""A value that a swept field can take."""


class Record(BaseModel):
    """A frozen record that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one mapping from paths to values.

    >>> flatten({"l2": {"strength": 0.1}, "depth": 4})
    {'l2.strength': 0.1, 'depth': 4}
    """
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def by_size(values: Iterable[Any]) -> list[tuple[bool, float, str]]:
    """A key that sorts values of any kind: numbers first, by size; then all else, by name.

    >>> sorted([["learned"], [0.5], [0.1]], key=by_size)
    [[0.1], [0.5], ['learned']]
    """
    return [
        (False, float(value), "") if isinstance(value, int | float) else (True, 0.0, str(value))
        for value in values
    ]


def canonical_hash(content: Any) -> str:
    """SHA-256 of ``content`` as canonical JSON."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def unknown_key(key: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
    return f"unknown key {key!r}; {hint}"


def sentences(error: ValidationError, record: type[Record]) -> list[str]:
    """One plain sentence per broken rule of a record."""
    return [_sentence(detail, record) for detail in error.errors()]


def _sentence(detail: ErrorDetails, record: type[Record]) -> str:
    folders = [str(part) for part in detail["loc"]]
    name = folders.pop() if folders else ""
    where, given = ".".join((*folders, name)).strip("."), detail["input"]
    message = detail["msg"].removeprefix("Value error, ")
    match detail["type"]:
        case "extra_forbidden":
            return unknown_key(name, tuple(record_at(record, folders).model_fields))
        case "missing" if name.isdigit():
            return f"{'.'.join(folders)} has too few values, got {given!r}"
        case "missing":
            return f"{where!r} is missing; add it"
        case "value_error":
            return f"{where}: {message}" if where else message
        case "tuple_type":
            return f"{where}: is a list, got {given!r}; write [{given!r}]"
        case "string_pattern_mismatch":
            return (
                f"{where}: letters, digits, dots, dashes and underscores, starting with a letter "
                f"or digit, got {given!r}"
            )
    return f"{where}: {message}, got {given!r}"


def record_at(record: type[Record], folders: list[str]) -> type[Record]:
    for folder in folders:
        field = record.model_fields.get(folder)
        if field is not None:
            kinds = get_args(field.annotation) or (field.annotation,)  # a record, or one or None
            record = next((kind for kind in kinds if isinstance(kind, type)), record)
    return record
