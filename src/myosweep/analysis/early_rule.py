"""The early rule (10 %/90 % rule): where it applied, what became of it, how often it would err.

A run that has not passed the threshold by the rule's epoch is *stopped wrongly* if, trained to its
end, its validation score of the study's question is at least as good as that of the median run of
the study. Only runs that were trained to their end can tell. See ``config.EarlyRule`` for the rule.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from myosweep.analysis.points import field_words, format_value
from myosweep.analysis.remember import remembered
from myosweep.analysis.scores import baseline_scores, network_scores
from myosweep.config import EarlyAction, EarlyRule, StudyConfig, Value, read_study_config
from myosweep.results.layout import RunFolder, StudyFolder
from myosweep.results.read import Results, read_history
from myosweep.results.rows import RunSettingsFile
from myosweep.statistics.intervals import share_interval

PAPERS_RULE = EarlyRule()
"""The paper's: 90 % validation accuracy after 10 % of the epochs."""
LEAST_EPOCHS = 10
"""In shorter trainings 10 % of the epochs is the first epoch, or less: no remark without a rule."""

Outcome = Literal["recorded", "stopped", "waiting", "continued", "replaced", "last", "diverged"]
"""What became of a run that had not passed. recorded: trained on; stopped: stays where it stopped;
waiting: stopped, goes on at the next start; continued: stopped, then trained on; replaced: another
training took its place; last: the list is exhausted, trained on; diverged: ended by itself."""


@dataclass(frozen=True)
class EarlyApplication:
    """A run that had not passed the threshold by the rule's epoch.

    Attributes:
        words: values and network: ``L2 strength 0.005, seed 0``.
        adjustment: which entry of the rule's list changed its settings, from 1; 0: none.
        change: that entry in words; empty if none.
        epoch, epochs: the epoch after which the rule asked, and all epochs of the run.
        accuracy: the highest validation accuracy up to then; NaN if none is a number.
        status: how the run stands: complete, diverged, stopped, failed, or unfinished.
        next_change: the entry whose training took its place, in words; empty if none did.
    """

    run: str
    words: str
    adjustment: int
    change: str
    epoch: int
    epochs: int
    accuracy: float
    status: str
    outcome: Outcome
    next_change: str


@dataclass(frozen=True)
class EarlyRun:
    """A run trained to its end: what the rule saw early, and the validation score at the end."""

    run: str
    accuracy: float
    passed: bool
    score: float


@dataclass(frozen=True)
class EarlyFindings:
    """What is known of the early rule in a study.

    Attributes:
        in_force: whether it is the study's own rule; else the paper's, put to its finished runs.
        epochs: the epochs after which it asks, with all epochs, one pair per length of training.
        asked: runs that have got as far as that.
        applied: those of them that had not passed, by value, network and adjustment.
        completed: runs trained to their end whose early accuracy and score are known.
        median: their median validation score; NaN without such runs.
        would_stop: how many of them had not passed; ``wrongly`` so many of these ended at least as
            good as the median, ``low`` to ``high`` being the exact 95 % interval of their share
            of all completed runs.
        baselines: what needs no image, and its accuracy on the validation part.
    """

    in_force: bool
    fraction: float
    threshold: float
    action: EarlyAction
    epochs: tuple[tuple[int, int], ...]
    asked: int
    applied: tuple[EarlyApplication, ...]
    completed: tuple[EarlyRun, ...]
    median: float
    would_stop: int
    wrongly: int
    low: float
    high: float
    baselines: tuple[tuple[str, float], ...]

    @property
    def no_higher_than(self) -> tuple[tuple[str, float], ...]:
        """The baselines that reach the threshold: passing it does not show learning."""
        return tuple(one for one in self.baselines if self.threshold <= one[1])


@remembered
def early_findings(results: Results) -> EarlyFindings | None:
    """What is known of the study's early rule, or of the paper's in a study without one.

    None for masks of another program, and for trainings of fewer than ``LEAST_EPOCHS`` epochs
    without a rule of their own.
    """
    study = results.study
    rule, in_force = study.early_rule or PAPERS_RULE, study.early_rule is not None
    if study.source != "training":
        return None
    lengths = {settings.epochs for _, settings in study.points()}
    if not in_force and min(lengths) < LEAST_EPOCHS:
        return None
    table = early_table(results.folder, study, rule)
    floor = baseline_scores(results, "validation")
    floor = floor[floor["metric"] == "global_accuracy"]
    return early_rule(
        table,
        _validation_scores(results),
        rule,
        in_force=in_force,
        baselines=tuple(zip(floor["baseline"], map(float, floor["score"]), strict=True)),
        lengths=tuple(sorted(lengths)),
    )


def early_rule(
    table: pd.DataFrame,
    scores: pd.Series,
    rule: EarlyRule,
    *,
    in_force: bool,
    baselines: Sequence[tuple[str, float]] = (),
    lengths: Sequence[int] = (),
) -> EarlyFindings:
    """The findings, from tables alone.

    Args:
        table: as ``early_table`` gives it.
        scores: validation score of each whole run, by its id; NaN where undefined.
        lengths: epochs of the study's trainings.
    """
    completed = _completed(table, scores)
    median = float(np.median([one.score for one in completed])) if completed else float("nan")
    stopped = [one for one in completed if not one.passed]
    wrongly = sum(one.score >= median for one in stopped)
    low, high = share_interval(wrongly, len(completed))
    return EarlyFindings(
        in_force=in_force,
        fraction=rule.fraction,
        threshold=rule.threshold,
        action=rule.action,
        epochs=tuple((rule.epoch(length), length) for length in lengths),
        asked=len(table),
        applied=applications(table, rule) if in_force else (),
        completed=completed,
        median=median,
        would_stop=len(stopped),
        wrongly=wrongly,
        low=low,
        high=high,
        baselines=tuple(baselines),
    )


def early_table(folder: StudyFolder, study: StudyConfig, rule: EarlyRule) -> pd.DataFrame:
    """What the rule found, from the histories in a study's folder; finished or not.

    Returns:
        One row per trained run that the rule has asked, in the order of the sweep, of networks and
        of adjustments: run, words, adjustment, epoch, epochs, accuracy, passed, status, continued.
    """
    places = [tuple(point.values()) for point, _ in study.points()]
    order = {place: number for number, place in enumerate(places)}
    rows = []
    for run in folder.runs():
        description = run.read_settings()
        if description.kind == "trained" and (row := _row(run, description, rule)):
            place = order.get(tuple(description.point.values()), len(order))
            rows.append((place, description.seed, description.adjustment, row))
    rows.sort(key=lambda one: one[:3])
    return pd.DataFrame([row for *_, row in rows], columns=_COLUMNS)


_COLUMNS = [
    "run", "words", "adjustment", "epoch", "epochs", "accuracy", "passed", "status", "continued"
]  # fmt: skip


def _row(run: RunFolder, description: RunSettingsFile, rule: EarlyRule) -> list[object] | None:
    """A run's row of the table; None if the rule has not asked it."""
    status, history = run.read_status(), read_history(run)
    if description.settings is None or "validation_accuracy" not in history:
        return None
    epochs = description.settings.epochs
    ended = status is not None and status.status in ("diverged", "stopped")
    found = rule.judge(history["validation_accuracy"].tolist(), epochs, ended=ended)
    if found is None:
        return None
    record = status.early_rule if status else None
    return [
        run.id,
        _words(description),
        description.adjustment,
        found.epoch,
        epochs,
        found.accuracy,
        found.passed,
        status.status if status else "unfinished",
        record is not None and record.continued,
    ]


def early_applications(folder: Path | str) -> tuple[EarlyApplication, ...]:
    """Where a study's own rule has applied so far, its runs finished or not.

    Raises:
        StudyError: if there is no study, or a run's file is damaged.
    """
    home = StudyFolder(Path(folder)).require()
    study = read_study_config(home.study)
    rule = study.early_rule
    return applications(early_table(home, study, rule), rule) if rule else ()


def applications(table: pd.DataFrame, rule: EarlyRule) -> tuple[EarlyApplication, ...]:
    """The runs of ``early_table`` to which the rule applied, in its order."""
    found = []
    for row in table[~table["passed"].astype(bool)].to_dict("records"):
        number = int(row["adjustment"])
        outcome = _outcome(rule, number, str(row["status"]), continued=bool(row["continued"]))
        following = rule.adjust[number] if outcome == "replaced" else {}
        found.append(
            EarlyApplication(
                run=str(row["run"]),
                words=str(row["words"]),
                adjustment=number,
                change=_change(rule.adjust[number - 1]) if number else "",
                epoch=int(row["epoch"]),
                epochs=int(row["epochs"]),
                accuracy=float(row["accuracy"]),
                status=str(row["status"]),
                outcome=outcome,
                next_change=_change(following),
            )
        )
    return tuple(found)


def _outcome(rule: EarlyRule, number: int, status: str, *, continued: bool) -> Outcome:
    if status == "stopped":
        if rule.action == "adjust":
            return "replaced"
        return "stopped" if rule.action == "stop" else "waiting"
    if continued:
        return "continued"
    if status == "diverged":
        return "diverged"
    return "last" if rule.action == "adjust" and not rule.may_stop(number) else "recorded"


def _completed(table: pd.DataFrame, scores: pd.Series) -> tuple[EarlyRun, ...]:
    """The whole runs whose early accuracy and final score are known."""
    whole = table[table["status"].isin(["complete", "diverged"])]
    found = [
        EarlyRun(str(run), float(accuracy), bool(passed), float(scores.get(run, np.nan)))
        for run, accuracy, passed in zip(
            whole["run"], whole["accuracy"], whole["passed"], strict=True
        )
    ]
    return tuple(one for one in found if np.isfinite(one.score))


def _validation_scores(results: Results) -> pd.Series:
    """The study's question on the validation part, by run."""
    question, scores = results.study.question, network_scores(results, "validation")
    asked = scores[(scores["region"] == question.region) & (scores["metric"] == question.metric)]
    return asked.set_index("run")["score"].astype(float)


def _words(description: RunSettingsFile) -> str:
    values = [f"{field_words(path)} {format_value(one)}" for path, one in description.point.items()]
    fold = "" if description.fold is None else f", fold {description.fold}"
    repeat = "" if description.repeat is None else f", repeat {description.repeat}"
    return ", ".join([*values, f"seed {description.seed}{repeat}{fold}"])


def _change(change: Mapping[str, Value]) -> str:
    """A change of settings in words: ``learning rate 0.0003, batch size 8``."""
    return ", ".join(f"{field_words(path)} {format_value(value)}" for path, value in change.items())
