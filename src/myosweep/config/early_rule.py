"""The paper's early rule (10 %/90 % rule) as a record: when it looks, and what it asks for.

Source: O. Rukundo, "Effect of the regularization hyperparameter on deep learning-based segmentation
in LGE-MRI": other hyperparameters are changed "when 10% of all epochs are reached before attaining
the validation accuracy greater than 90%", and training starts again.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field, model_validator

from myosweep.config.effect import without_effect
from myosweep.config.records import Record, Value, flatten
from myosweep.config.settings import RunSettings, settings_from_paths, unknown_settings
from myosweep.errors import ConfigError

EarlyAction = Literal["report", "stop", "adjust"]


class Early(NamedTuple):
    """What the rule finds in one training.

    Attributes:
        epoch: the epoch after which it was asked, from 1; earlier than the rule's own where the
            training had ended before.
        accuracy: the highest validation accuracy up to then, 0 to 1; NaN where none is a number.
        passed: whether that is above the threshold.
    """

    epoch: int
    accuracy: float
    passed: bool


def _flat(changes: Any) -> Any:
    """``{ l2 = { strength = 1 } }`` and ``{ "l2.strength" = 1 }`` mean the same."""
    if not isinstance(changes, list | tuple):
        return changes
    return [flatten(one) if isinstance(one, dict) else one for one in changes]


class EarlyRule(Record):
    """What happens to a training that has not passed an accuracy early. Not part of a run's id."""

    fraction: float = Field(0.1, gt=0, le=1, description="share of the epochs after which it asks")
    threshold: float = Field(
        0.9, gt=0, lt=1, description="validation accuracy that must have been passed by then"
    )
    action: EarlyAction = Field(
        "report",
        description="report: only recorded; stop: the run stops there; adjust: it stops, and a "
        "training with the next settings of `adjust` takes its place",
    )
    adjust: Annotated[tuple[dict[str, Value], ...], BeforeValidator(_flat)] = Field(
        (), description="other settings, in the order in which they are tried"
    )

    @model_validator(mode="after")
    def _check_adjust(self) -> "EarlyRule":
        if self.action == "adjust" and not self.adjust:
            raise ValueError(
                "action = 'adjust' needs a list of other settings, such as adjust = "
                "[{ learning_rate = 3e-4 }]"
            )
        if self.action != "adjust" and self.adjust:
            raise ValueError(
                f"adjust is a list of other settings, but action is {self.action!r}; set action = "
                "'adjust' or remove the list"
            )
        return self

    def epoch(self, epochs: int) -> int:
        """The epoch after which the rule asks: the fraction of all epochs, rounded up.

        >>> EarlyRule().epoch(30), EarlyRule().epoch(5), EarlyRule(fraction=0.07).epoch(100)
        (3, 1, 7)
        """
        return max(1, math.ceil(round(self.fraction * epochs, 9)))

    def may_stop(self, adjustment: int) -> bool:
        """Whether the rule may stop a run.

        Args:
            adjustment: which entry of ``adjust`` changed the run's settings, from 1; 0: none. After
                the last one nothing can take its place, so it is trained to its end.
        """
        return self.action == "stop" or adjustment < len(self.adjust)

    def judge(
        self, accuracies: Sequence[float], epochs: int, *, ended: bool = False
    ) -> Early | None:
        """What the rule finds; None where it has not asked yet.

        Args:
            accuracies: validation accuracy after each epoch so far.
            epochs: all epochs of the training.
            ended: whether no further epoch will come, because the training diverged.
        """
        wanted = self.epoch(epochs)
        if not accuracies or (len(accuracies) < wanted and not ended):
            return None
        seen = [one for one in accuracies[:wanted] if not math.isnan(one)]
        highest = max(seen, default=math.nan)
        return Early(min(wanted, len(accuracies)), float(highest), highest > self.threshold)

    def adjusted(self, settings: RunSettings) -> tuple[RunSettings, ...]:
        """A run's settings with each change of ``adjust``.

        Each change starts from the run's own settings, not from the change before.

        Raises:
            ConfigError: if a field is unknown or a value does not fit it.
        """
        return tuple(_changed(settings, one) for one in self.adjust)

    def with_values(self, change: Callable[[str, Any], Any]) -> "EarlyRule":
        """The rule with each value of ``adjust`` replaced by ``change(path, value)``."""
        adjust = tuple(
            {path: change(path, value) for path, value in one.items()} for one in self.adjust
        )
        return self.model_copy(update={"adjust": adjust})


def change_words(change: Mapping[str, Value]) -> str:
    """A change of settings as a study file writes it.

    >>> change_words({"batch_size": 8, "l2.strength": 1e-5})
    'batch_size 8, l2.strength 1e-05'
    """
    return ", ".join(f"{path} {value}" for path, value in change.items())


def attempt_label(label: str, changes: Sequence[Mapping[str, Value]]) -> str:
    """A run's label with the last of the changes that were made at its place, if any."""
    return f"{label}, adjusted: {change_words(changes[-1])}" if changes else label


def early_rule_problems(
    rule: EarlyRule, swept: Sequence[str], runs: Sequence[RunSettings]
) -> list[str]:
    """Everything that is wrong with a study's early rule, each with a way out; mostly nothing.

    Args:
        swept: the paths that are swept.
        runs: the settings of each point of the sweep.
    """
    found = [
        f"early_rule.adjust, entry {number}: {problem}"
        for number, change in enumerate(rule.adjust, start=1)
        for problem in _change_problems(change, rule.adjust[: number - 1], swept, runs)
    ]
    if rule.action != "report" and not found:
        found += _too_late(rule, runs)
    return list(dict.fromkeys(found))


def _change_problems(
    change: Mapping[str, Value],
    earlier: Sequence[Mapping[str, Value]],
    swept: Sequence[str],
    runs: Sequence[RunSettings],
) -> Iterator[str]:
    """What is wrong with one entry of ``adjust``."""
    if not change:
        yield "it is empty; name at least one setting"
        return
    for path in change:
        if path in swept:
            yield (
                f"{path!r} is swept, and a run with another value of it would belong to another "
                "point of the sweep; change a setting that is not swept"
            )
    if change.get("precision") == "auto":
        yield "precision 'auto' is resolved once per study; write float32 or bfloat16"
    if unknown := unknown_settings(change):
        yield from unknown
        return
    for settings in runs:
        yield from _without_change(change, earlier, settings)


def _without_change(
    change: Mapping[str, Value], earlier: Sequence[Mapping[str, Value]], settings: RunSettings
) -> Iterator[str]:
    """Why a change cannot be made in a run, or changes nothing there."""
    try:
        changed = _changed(settings, change)
    except ConfigError as error:
        yield from error.problems
        return
    if changed == settings:
        yield f"{change_words(change)} is what the run has already; give another value"
        return
    idle = without_effect(changed)
    if set(change) <= set(idle):
        reasons = "; ".join(dict.fromkeys(idle[path] for path in change))
        yield f"{change_words(change)} changes nothing, because {reasons}; change another setting"
    for number, other in enumerate(earlier, start=1):
        with suppress(ConfigError):  # it is told of that entry
            if changed == _changed(settings, other):
                yield f"it is the same as entry {number}; remove one"


def _too_late(rule: EarlyRule, runs: Sequence[RunSettings]) -> Iterator[str]:
    """A rule that asks when nothing is left to be done."""
    for settings in runs:
        for one in (settings, *rule.adjusted(settings)[:-1]):
            if (epoch := rule.epoch(one.epochs)) >= one.epochs:
                yield (
                    f"early_rule.fraction {rule.fraction:g} of {one.epochs} epochs is epoch "
                    f"{epoch}, the last one, where nothing is left to stop; take a smaller "
                    "fraction, more epochs, or action = 'report'"
                )


def _changed(settings: RunSettings, change: Mapping[str, Value]) -> RunSettings:
    return settings_from_paths({**flatten(settings.model_dump()), **change})
