"""A study that is tuned: its record of trials, its plans, its budget and what is spent of it."""

from collections.abc import Mapping
from dataclasses import dataclass

from myosweep.analysis.tuning.found import DEFAULT
from myosweep.config import (
    PRESETS,
    Replicate,
    StudyConfig,
    Tune,
    Value,
    canonical_hash,
    parse_budget,
    settings_from_paths,
)
from myosweep.errors import StudyError
from myosweep.results.layout import RunFolder
from myosweep.results.trials import read_trial_runs
from myosweep.study.open import Study
from myosweep.study.tune.propose import full_point
from myosweep.study.tune.trials import Trials
from myosweep.training.plan import RunPlan
from myosweep.training.work import cost_in_runs

_FIRST = Replicate(0)


@dataclass(frozen=True)
class Tuning:
    """A study that is tuned, with its record of trials and its budget."""

    study: Study
    trials: Trials
    budget: str
    jobs: int = 1

    @property
    def tune(self) -> Tune:
        tune = self.study.config.tune
        assert tune is not None
        return tune

    @property
    def region(self) -> str:
        return self.study.config.question.region

    def trial(self, values: Mapping[str, Value], number: int) -> RunPlan:
        """The run of a trial of the search, from the values of the fields that count."""
        config = self.study.config
        return plan_trial(self.study, full_point(values, config.space, self.default), number)

    @property
    def default(self) -> dict[str, Value]:
        """The default's value of every searched field."""
        return next(self.study.config.points())[0]

    def folder(self, plan: RunPlan) -> RunFolder:
        return self.study.folder.run(plan.id)


@dataclass(frozen=True)
class Money:
    """The budget, in runs of the default, and what is spent of it.

    ``spent`` counts runs that have not ended in full; ``searched`` is the search's part of it.
    ``raced`` is what new networks of each trial have cost.
    """

    whole: float
    search: float
    spent: float
    searched: float
    raced: Mapping[int, float]


def plan_trial(study: Study, values: dict[str, Value], trial: int, seed: int = 0) -> RunPlan:
    """The run of a trial: the search has the first seed, the race the others."""
    config = study.config
    settings = settings_from_paths({**PRESETS[config.preset], **config.settings, **values})
    height, width = study.dataset.images.shape[1:]
    return RunPlan(
        values,
        settings,
        Replicate(seed),
        study.dataset,
        study.splits[_FIRST.split_name],
        study.scheme,
        trial=trial,
        cost=cost_in_runs(settings, config.default, (height, width)),
    )


def open_tuning(
    study: Study, budget: str | None = None, storage: str | None = None, jobs: int = 1
) -> Tuning:
    """Connect a study with its record of trials.

    Raises:
        StudyError: if the study has no [tune], its trials cannot be read, or they are elsewhere.
    """
    require_tune(study.config)
    assert study.config.tune is not None
    what = study.config.model_dump(mode="json", exclude={"dataset": True, "tune": {"budget"}})
    name = f"{study.config.name}-{canonical_hash(what)[:8]}"
    trials = Trials(study.folder, name, storage)
    known = {one.trial for one in read_trial_runs(study.folder, study.config.question.region)}
    if known and not trials.all():
        raise StudyError(
            f"the folder has {len(known)} trials that this record of trials does not know; give "
            "the --storage that the study was started with"
        )
    return Tuning(study, trials, budget or study.config.tune.budget, jobs)


def require_tune(config: StudyConfig) -> None:
    """Raise a ``StudyError`` if a study is not to be tuned."""
    if config.sweep:
        raise StudyError(
            f"study {config.name!r} has [sweep], so its values are fixed: use `myosweep run`; to "
            "search instead, put [tune] in the place of [sweep] in a study file of another name "
            "(see `myosweep tune --help`)"
        )
    if config.tune is None:
        raise StudyError(
            f"study {config.name!r} has no [tune]; add it to the study file (see `myosweep tune "
            "--help`), or use `myosweep run`"
        )


def count_money(tuning: Tuning) -> Money:
    """Budget and expenses in runs of the default; a time budget needs the first of them done."""
    runs = read_trial_runs(tuning.study.folder, tuning.region)
    spent = sum((one.spent for one in runs), 0.0)
    raced: dict[int, float] = {}
    for one in runs:
        if one.seed > 0:
            raced[one.trial] = raced.get(one.trial, 0.0) + one.spent
    searched = spent - sum(raced.values())
    budget = parse_budget(tuning.budget)
    whole = budget.runs
    if whole is None:
        assert budget.seconds is not None
        first = [one for one in runs if (one.trial, one.seed) == (DEFAULT, 0) and one.whole]
        if not first or first[0].status is None:
            return Money(float("inf"), tuning.tune.startup, spent, searched, raced)
        whole = budget.seconds * tuning.jobs / first[0].status.seconds
    return Money(whole, whole * (1 - tuning.tune.race_share), spent, searched, raced)
