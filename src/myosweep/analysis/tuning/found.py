"""What a search has found so far: trials, race, and the answer; from the results tables alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import numpy as np

from myosweep.analysis.margin import outline_of, shift_effect
from myosweep.analysis.patient_scores import (
    baseline_means,
    blind_score,
    patient_counts,
    strict_metric,
)
from myosweep.analysis.tuning.race import (
    FIRST_LOOK,
    Race,
    is_confirmed,
    look_level,
    pick,
    run_race,
    start_race,
)
from myosweep.config import Tune, read_study_config
from myosweep.errors import StudyError
from myosweep.results.layout import StudyFolder
from myosweep.results.ledger import Look, log_look, read_looks
from myosweep.results.read import Results, read_results
from myosweep.results.trials import (
    TrialRun,
    TuningState,
    read_trial_runs,
    read_tuning_state,
)
from myosweep.statistics.answer import Answer, answer
from myosweep.statistics.score_table import ScoreTable

DEFAULT = 0
"""Number of the default's trial."""


@dataclass(frozen=True)
class Trial:
    """A trial of the search: its run, and the validation score of its network, if it has one."""

    run: TrialRun
    score: float | None

    @property
    def number(self) -> int:
        return self.run.trial

    @property
    def name(self) -> str:
        return name_of(self.number)


def name_of(trial: int) -> str:
    """A trial in words; the first one is the default.

    >>> name_of(0), name_of(7)
    ('default', 'trial 7')
    """
    return f"trial {trial}" if trial else "default"


Outcome = Literal["take", "not confirmed", "keep", "not over"]


@dataclass(frozen=True)
class Tuned:
    """A search so far.

    Attributes:
        trials: by number.
        race: as far as its networks are there; None before the search is over.
        margin: the smallest difference that matters, in the study's score, on validation
            patients; NaN before the race.
        test: the winner minus the default on the test patients, with the margin there; None
            without a winner.
        outcome: whether to take the winner; ``keep`` the default; ``not confirmed``: the
            winner is not shown to be better on test patients, and the default is kept.
        spent: so far, in runs of the default.
        floor: what is reached on validation patients without looking at the image; None where that
            is not known, or says nothing of a network.
        measured: the trials that the rule for ending others followed from; none if none did.
        earlier: the first look at the test patients, if it was taken for another answer than this
            one, under a smaller budget.
    """

    trials: tuple[Trial, ...]
    race: Race | None
    margin: float
    test: Answer | None
    outcome: Outcome
    spent: float
    floor: float | None = None
    earlier: Look | None = None
    measured: tuple[int, ...] = ()

    @property
    def nothing_learned(self) -> bool:
        """Whether no network of the search is better than what needs no image."""
        scores = [one.score for one in self.trials if one.score is not None]
        return self.floor is not None and bool(scores) and max(scores) <= self.floor

    @property
    def exploratory(self) -> bool:
        """Whether the test patients had been looked at before; once is a test, twice a search."""
        return self.test is not None and self.earlier is not None

    @property
    def recommended(self) -> int | None:
        """The number of the trial to take; None before the end, or if nothing was learned."""
        if self.outcome == "not over" or self.nothing_learned:
            return None
        if self.outcome == "take" and self.race and self.race.winner:
            return int(self.race.winner.removeprefix("trial "))
        return DEFAULT


def search_so_far(folder: StudyFolder) -> tuple[Trial, ...]:
    """All trials of the search, with the scores of those that are whole."""
    runs = read_trial_runs(folder, read_study_config(folder.study).question.region)
    first = [one for one in runs if one.seed == 0]
    scores = _scores(folder, [one.run for one in first if one.whole])
    return tuple(Trial(one, scores.get(one.run)) for one in first)


def _tune_of(folder: StudyFolder) -> Tune:
    study = read_study_config(folder.require().study)
    if study.tune is None:
        raise StudyError(
            f"study {study.name!r} is no search (it has no [tune]); see `myosweep conclude`"
        )
    return study.tune


def seen_part(results: Results) -> Results:
    """The results of a search without those test scores that nobody has looked at yet.

    The networks of the first look keep theirs, and so do baselines.
    """
    looks = read_looks(results.folder)[:1]
    runs = results.runs
    names = runs["trial"].map(name_of, na_action="ignore")
    seen = runs["kind"] == "baseline"
    for look in looks:
        seen |= names.isin(look.values) & runs["seed"].between(1, look.networks)
    hidden = set(runs.loc[~seen.astype(bool), "run"])
    of_row = results.counts["run"].astype(str).isin(hidden) & (results.counts["part"] == "test")
    return replace(results, counts=results.counts[~of_row].reset_index(drop=True))


def _scores(folder: StudyFolder, runs: Sequence[str]) -> dict[str, float]:
    """Validation score of the study's question, a mean over patients, by run."""
    if not runs:
        return {}
    results = read_results(folder.path, only=set(runs))
    question = results.study.question
    counts = patient_counts(results, "validation")
    every = counts.scores(question.region, strict_metric(question.metric))
    defined = np.isfinite(every)
    means = np.where(defined, every, 0.0).sum(1) / np.maximum(defined.sum(1), 1)
    return dict(zip(counts.runs, map(float, means), strict=True))


def _floor(folder: StudyFolder) -> float | None:
    """The best validation score of a baseline, as ``_scores`` has those of trials."""
    baselines = {
        run.id
        for run in folder.runs()
        if run.read_settings().kind == "baseline" and run.status.is_file()
    }
    if not baselines:
        return None
    results = read_results(folder.path, only=baselines)
    question, counts = results.study.question, patient_counts(results, "validation")
    metric = strict_metric(question.metric)
    found = baseline_means(results, counts, question.region, metric)
    return blind_score(found, question.region, metric, results.scheme.names[0])


def plan_race(
    trials: Sequence[Trial],
    candidates: int,
    networks: int,
    money: float,
    raced: Mapping[int, float] = MappingProxyType({}),
) -> tuple[tuple[int, ...], int]:
    """Who races against the default, and with how many networks each at most.

    The best whole trials that score higher than the default's network; fewer of them where the
    budget does not reach the first look otherwise, nobody where it never does.

    Args:
        candidates, networks: how many at most.
        money: what the race may cost, in runs of the default.
        raced: what new networks of some trials have cost in an earlier race; they race again.
    """
    ranked = ahead_of_default(trials)
    cost = {one.number: one.run.cost for one in trials}
    for count in range(min(candidates, len(ranked)), 0, -1):
        contenders = ranked[:count]
        there = sum(raced.get(number, 0.0) for number in (DEFAULT, *contenders))
        each = 1 + sum(cost[number] for number in contenders)
        affordable = int((money + there) / each + 1e-9)
        if affordable >= FIRST_LOOK:
            return contenders, min(networks, affordable)
    return (), 0


def ahead_of_default(trials: Sequence[Trial]) -> tuple[int, ...]:
    """Numbers of the whole trials that score higher than the default, the best first."""
    scored = {one.number: one.score for one in trials if one.score is not None}
    default = scored.get(DEFAULT)
    better = [
        number
        for number, score in scored.items()
        if number != DEFAULT and (default is None or score > default)
    ]
    return tuple(sorted(better, key=lambda number: (-scored[number], number)))


def race_so_far(folder: StudyFolder, contenders: Sequence[int], largest: int) -> tuple[Race, float]:
    """The race as far as its networks are there, and the margin (NaN before the first network)."""
    race = start_race(name_of(DEFAULT), [*map(name_of, contenders)])
    numbers = [DEFAULT, *contenders]
    runs = [
        one
        for one in read_trial_runs(folder, read_study_config(folder.study).question.region)
        if one.trial in numbers and one.seed > 0 and one.whole
    ]
    if not runs:
        return race, float("nan")
    results = read_results(folder.path, only={one.run for one in runs})
    margin = _margin(results, "validation")
    table = trial_table(results, runs, "validation")
    seeds = [int(name.removeprefix("seed ")) for name in table.networks]

    def scores(names: Sequence[str], networks: int) -> ScoreTable | None:
        if seeds[:networks] != [*range(1, networks + 1)]:
            return None
        return pick(table, names, range(networks))

    return run_race(race, scores, margin, largest), margin


def trial_table(results: Results, runs: Sequence[TrialRun], part: str) -> ScoreTable:
    """The scores of trials' networks on the patients of a part, trials as values."""
    question = results.study.question
    counts = patient_counts(results, part)
    every = counts.scores(question.region, strict_metric(question.metric))
    row = {run: number for number, run in enumerate(counts.runs)}
    trials = sorted({one.trial for one in runs})
    seeds = sorted({one.seed for one in runs})
    scores = np.full((len(trials), len(seeds), len(counts.patients)), np.nan)
    for one in runs:
        if one.run in row:
            scores[trials.index(one.trial), seeds.index(one.seed)] = every[row[one.run]]
    defined = np.isfinite(scores).any((0, 1))
    return ScoreTable(
        tuple(map(name_of, trials)),
        tuple(f"seed {seed}" for seed in seeds),
        tuple(name for name, kept in zip(counts.patients, defined, strict=True) if kept),
        np.ascontiguousarray(scores[:, :, defined]),
    )


def _margin(results: Results, part: str) -> float:
    question = results.study.question
    if question.margin is not None:
        return question.margin
    rows = results.counts[results.counts["part"] == part]
    return shift_effect(outline_of(rows, question.region), strict_metric(question.metric))


def conclude_tuning(folder: StudyFolder) -> Tuned:
    """The answer, or what is known so far.

    Test patients are looked at only when the race is over and somebody is left who leads it. The
    first look is written into the ledger; the same look may be taken again, any other one is
    exploratory.

    Raises:
        StudyError: if the study is not tuned, or its ledger of looks is damaged.
    """
    tune = _tune_of(folder)
    state = read_tuning_state(folder) or TuningState(budget=tune.budget)
    trials = search_so_far(folder)
    runs = read_trial_runs(folder, read_study_config(folder.study).question.region)
    spent = sum((one.spent for one in runs), 0.0)
    first = next(iter(read_looks(folder)), None)
    found = Tuned(trials, None, float("nan"), None, "not over", spent, _floor(folder), first)
    found = replace(found, measured=state.measured)
    if not state.search_over:
        return found
    race, margin = race_so_far(folder, state.contenders, state.largest)
    found = replace(found, race=race, margin=margin)
    if not state.race_over:
        return found
    if race.winner is None:
        return replace(found, outcome="keep")
    look = Look(race.networks, (race.default, race.winner), look_level(len(race.contenders)))
    if first is None:
        log_look(folder, look)
    test = _look_at_test_patients(folder, race, runs)
    outcome: Outcome = "take" if is_confirmed(test) else "not confirmed"
    earlier = None if first in (None, look) else first
    return replace(found, test=test, outcome=outcome, earlier=earlier)


def _look_at_test_patients(folder: StudyFolder, race: Race, runs: Sequence[TrialRun]) -> Answer:
    """The winner minus the default on test patients."""
    assert race.winner is not None
    names = (race.default, race.winner)
    taking = [
        one
        for one in runs
        if name_of(one.trial) in names and 0 < one.seed <= race.networks and one.whole
    ]
    results = read_results(folder.path, only={one.run for one in taking})
    table = pick(trial_table(results, taking, "test"), names, range(race.networks))
    if table is None:
        raise StudyError(
            "no test patient has a score of the question's region, so nothing can be compared "
            "there; search with another split or question"
        )
    return answer(
        table,
        _margin(results, "test"),
        family="reference",
        reference=race.default,
        level=look_level(len(race.contenders)),
    )
