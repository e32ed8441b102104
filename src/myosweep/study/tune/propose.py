"""What to try next: a pure function of the trials so far, the seed and the trial's number.

Optuna proposes, on a study of its own in memory that holds the trials so far. So the same trials
lead to the same proposal in any process, and nothing is written until the proposal is whole.
"""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from myosweep.config import Choice, Range, Space, Tune, Value, counts, is_whole
from myosweep.randomness import stream

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

_ATTEMPTS = 20
"""Proposals that may not be tried are drawn anew so often, and then as often at random."""


def propose(
    past: "Sequence[FrozenTrial]",
    space: Space,
    tune: Tune,
    default: Mapping[str, Value],
    may_be_tried: Callable[[dict[str, Value]], bool] = lambda values: True,
) -> dict[str, Value] | None:
    """The values of the searched fields to try next; the default first.

    Args:
        past: all trials so far, in order.
        space: where to search.
        default: the default's value of every searched field.
        may_be_tried: whether a proposal is new, and can be paid for.

    Returns:
        The values of the fields that count; None if nothing is left that may be tried.
    """
    number = len(past)
    if number == 0:
        return {path: value for path, value in default.items() if counts(space[path], default)}
    at_random = tune.model_copy(update={"sampler": "random"})
    for attempt in range(2 * _ATTEMPTS):
        seed = int(stream(tune.seed, "tuning", number, attempt).integers(2**32))
        values = _ask(past, space, tune if attempt < _ATTEMPTS else at_random, seed)
        if may_be_tried(values):
            return values
    return None


def draw(space: Space, number: int) -> dict[str, Value]:
    """Some point of a space, at random: the values of the fields that count there."""
    return _ask((), space, Tune(sampler="random"), number)


def _ask(past: "Sequence[FrozenTrial]", space: Space, tune: Tune, seed: int) -> dict[str, Value]:
    with quiet_optuna() as optuna:
        study = optuna.create_study(direction="maximize", sampler=_sampler(tune, seed))
        study.add_trials(past)
        trial = study.ask()
        values: dict[str, Value] = {}
        for path, domain in space.items():
            if counts(domain, values):
                values[path] = _suggest(trial, path, domain)
        return values


def _suggest(trial: "optuna.Trial", path: str, domain: Range | Choice) -> Value:
    if isinstance(domain, Choice):
        return cast(Value, trial.suggest_categorical(path, list(domain.values)))
    if is_whole(path):
        return trial.suggest_int(path, int(domain.low), int(domain.high), log=domain.log)
    return trial.suggest_float(path, domain.low, domain.high, log=domain.log)


def _sampler(tune: Tune, seed: int) -> "optuna.samplers.BaseSampler":
    import optuna

    if tune.sampler == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    if tune.sampler == "gp":
        return optuna.samplers.GPSampler(seed=seed, n_startup_trials=tune.startup)
    return optuna.samplers.TPESampler(
        seed=seed, n_startup_trials=tune.startup, multivariate=True, group=True
    )


def distribution(path: str, domain: Range | Choice) -> "BaseDistribution":
    """A field's domain as Optuna has it; whole numbers where the field holds whole numbers."""
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if isinstance(domain, Choice):
        return CategoricalDistribution(list(domain.values))
    if is_whole(path):
        return IntDistribution(int(domain.low), int(domain.high), log=domain.log)
    return FloatDistribution(domain.low, domain.high, log=domain.log)


@contextmanager
def quiet_optuna() -> Iterator[Any]:
    """Optuna without its own notes; what concerns the user, myosweep says."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield optuna
    finally:
        optuna.logging.set_verbosity(before)
