"""A study that is tuned: its record of trials, its plans, its budget and what is spent of it."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from myosweep.analysis.tuning.found import DEFAULT
from myosweep.config import (
    PRESETS,
    Replicate,
    StudyConfig,
    Tune,
    Value,
    full_point,
    parse_budget,
    settings_from_paths,
)
from myosweep.errors import StudyError
from myosweep.results.layout import RunFolder
from myosweep.results.trials import (
    TuningState,
    read_trial_runs,
    read_tuning_state,
    write_tuning_state,
)
from myosweep.study.open import Study
from myosweep.study.tune.trials import Trials, record_of
from myosweep.study.turns import turn
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

    Args:
        budget: what search and race may cost; default: what they were given before, unless the
            study file says something new.
        storage: URL of the database that holds the trials; default: a journal in the folder.

    Raises:
        StudyError: if the study has no [tune], its trials cannot be read, or they are elsewhere;
            or for a budget below that of a race that has begun.
    """
    require_tune(study.config)
    tune, home = study.config.tune, study.folder
    assert tune is not None
    before = read_tuning_state(home)
    if before is None:
        _require_patients(study)
    if budget is None:
        goes_on = before is not None and before.file_budget == tune.budget
        budget = before.budget if goes_on and before else tune.budget
    tuning = Tuning(study, _record(study, storage), budget, jobs)
    if before and before.largest and not before.race_over and before.budget_runs:
        whole = count_money(tuning).whole
        if whole < before.budget_runs * (1 - 1e-9):
            raise StudyError(
                f"the race was planned for {before.budget_runs:g} default runs and has begun; a "
                f"budget of {whole:g} would end it early; give {before.budget}, or more"
            )
    return tuning


def _require_patients(study: Study) -> None:
    """Raise a ``StudyError`` if the question cannot be asked of validation or test patients."""
    region = study.config.question.region
    split, position = study.splits[_FIRST.split_name], study.scheme.index(region)
    lacking = [
        f"no {part} patient has the region {region!r}, which is asked for; divide the patients "
        "otherwise under [split], or ask for another region under [question]"
        for part in ("validation", "test")
        if not (
            study.dataset.reference(study.scheme, split.rows(part, study.dataset)) == position
        ).any()
    ]
    if lacking:
        raise StudyError(lacking)


def _record(study: Study, storage: str | None) -> Trials:
    """The record of trials; its name is drawn when the search begins, and kept in its folder.

    So two folders never share a record, whatever their study files say.
    """
    home, config = study.folder, study.config
    runs = {one.run: one.trial for one in read_trial_runs(home, config.question.region)}
    with turn(home):
        state = read_tuning_state(home)
        if state is None or not state.record:
            assert config.tune is not None
            state = state or TuningState(budget=config.tune.budget)
            name = record_of(home, runs, storage) if runs else ""
            name = name or f"{config.name}-{secrets.token_hex(4)}"
            state = state.model_copy(update={"record": name})
            write_tuning_state(home, state)
    trials = Trials(home, state.record, storage)
    records = trials.all()
    if runs and not records:
        raise StudyError(
            f"the folder has {len(set(runs.values()))} trials that this record of trials does not "
            "know; give the --storage that the study was started with"
        )
    ended = {one.user_attrs.get("run") for one in records if one.state.is_finished()}
    if strange := ended - {None, *runs}:
        raise StudyError(
            f"the record of trials has {len(strange)} whose runs are not in this folder; is it a "
            "copy, or were runs removed? Continue in the folder that has them all"
        )
    return trials


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
    """Budget and expenses in runs of the default.

    A time needs the first of them done, and is then worth so many runs for good.
    """
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
            return Money(float("inf"), float(tuning.tune.startup), spent, searched, raced)
        state = read_tuning_state(tuning.study.folder)
        known = state.budget_runs if state and state.budget == tuning.budget else None
        whole = known or budget.seconds * tuning.jobs / first[0].status.seconds
    return Money(whole, whole * (1 - tuning.tune.race_share), spent, searched, raced)
