"""``Tune``, the content of ``[tune]``: what `myosweep tune` searches, and what it may cost."""

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from myosweep.config.records import Record, Value
from myosweep.config.settings import RunSettings
from myosweep.config.space import Choice, Range, Space, check_space, in_order

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
        Literal["joint", "l2"] | dict[str, Range | Choice], BeforeValidator(check_space)
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


def search_space(tune: Tune, default: RunSettings) -> Space:
    """The fields that are searched, the ones that others depend on first."""
    if isinstance(tune.space, dict):
        return in_order(tune.space)
    if tune.space == "l2":
        return {"l2.strength": Range(low=1e-6, high=1e-2, log=True)}
    return _joint_space(default)


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
