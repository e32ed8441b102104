"""The report's tables as records; the template only lays them out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from myosweep.analysis.cautions import in_folds
from myosweep.analysis.compare import Spread, training_gap, validation_accuracies
from myosweep.analysis.number_words import capital
from myosweep.analysis.points import Point, field_words, format_value, points, swept_in_words
from myosweep.analysis.scores import (
    ALL,
    OVERALL_METRICS,
    REGION_METRICS,
    baseline_scores,
    summary,
)
from myosweep.config import PRESETS, Record, RunSettings, flatten
from myosweep.report.figures.style import METRIC_WORDS, value_colour
from myosweep.results.read import Results

NONE = "–"
MOST_COLUMNS = 5
"""More points than these get a row each, not a column."""

_LONG_OVERALL = (
    "global_accuracy",
    "mean_iou",
    "mean_dice",
    "mean_bf",
    "mean_bf_strict",
    "mean_accuracy",
    "weighted_iou",
)
Cells = Mapping[tuple[int | str, str, str], str]
"""Text by point (or baseline), region and metric."""


@dataclass(frozen=True)
class Heading:
    """One cell of a table's head; ``colour`` shows which value it stands for in the figures."""

    text: str
    span: int = 1
    colour: str = ""


@dataclass(frozen=True)
class Row:
    """One row: its heading, and its cells as text; ``marked`` rows stand out."""

    head: str
    cells: tuple[str, ...]
    colour: str = ""
    marked: bool = False


@dataclass(frozen=True)
class Section:
    """Rows under a common title, which stands out if ``marked``; without a title, just rows."""

    title: str
    rows: tuple[Row, ...]
    marked: bool = False


@dataclass(frozen=True)
class Table:
    """A table; its caption stands in the template. ``words`` tables hold text, not numbers."""

    head: tuple[tuple[Heading, ...], ...]
    sections: tuple[Section, ...]
    words: bool = False


def decimals(value: float | None, digits: int = 3) -> str:
    """A score as text.

    >>> decimals(0.84567), decimals(float("nan")), decimals(None)
    ('0.846', 'undefined', '–')
    """
    if value is None:
        return NONE
    return "undefined" if np.isnan(value) else f"{value:.{digits}f}"


def mean_and_spread(mean: float, sd: float | None, networks: int, defined: int) -> str:
    """``0.846 ± 0.004``; says how many networks have the score, if not all do.

    >>> mean_and_spread(0.8461, 0.0043, 3, 3), mean_and_spread(0.8461, None, 2, 1)
    ('0.846 ± 0.004', '0.846 (1 of 2)')
    """
    text = decimals(mean)
    if sd is not None and not np.isnan(sd):
        text += f" ± {sd:.3f}"
    return text if defined in (networks, 0) else f"{text} ({defined} of {networks})"


def scores_table(results: Results) -> Table:
    """Test scores of every region and of all, with those of the baselines.

    A column per point and baseline; or, where points are many, a row for each.
    """
    found = points(results)
    cells = {
        (row["point"], row["region"], row["metric"]): mean_and_spread(
            row["mean"], row["sd"], row["networks"], row["defined"]
        )
        for row in summary(results).to_dict("records")
    }
    floor = baseline_scores(results)
    baselines = list(dict.fromkeys(floor["baseline"]))[::-1]
    for row in floor.to_dict("records"):
        cells[row["baseline"], row["region"], row["metric"]] = decimals(row["score"])
    if len(found) > MOST_COLUMNS:
        return _long_table(results, found, baselines, cells)
    return _wide_table(results, found, baselines, cells)


def _wide_table(
    results: Results, found: Sequence[Point], baselines: Sequence[str], cells: Cells
) -> Table:
    columns: list[int | str] = [*(point.position for point in found), *baselines]
    question = results.study.question
    sections = []
    for region in (*results.scheme.names, ALL):
        rows = []
        for metric in OVERALL_METRICS if region == ALL else REGION_METRICS:
            marked = (region, metric) == (question.region, question.metric)
            texts = tuple(cells[column, region, metric] for column in columns)
            rows.append(Row(METRIC_WORDS[metric], texts, marked=marked))
        sections.append(Section(_region_title(region, results), tuple(rows)))
    groups = [
        Heading(""),
        Heading(capital(swept_in_words(results.study, results.fields)), len(found)),
    ]
    groups += [Heading("Without looking at the image", len(baselines))] if baselines else []
    values = [Heading(point.label, colour=value_colour(point)) for point in found]
    head = (tuple(groups), (Heading("Score"), *values, *map(Heading, baselines)))
    return Table(head, tuple(sections))


def _long_table(
    results: Results, found: Sequence[Point], baselines: Sequence[str], cells: Cells
) -> Table:
    question = results.study.question
    sections = []
    for region in (*results.scheme.names, ALL):
        metrics = _LONG_OVERALL if region == ALL else REGION_METRICS
        rows = []
        for point in found:
            texts = tuple(cells[point.position, region, metric] for metric in metrics)
            rows.append(Row(point.label, _filled(texts), value_colour(point)))
        for name in baselines:
            texts = tuple(cells[name, region, metric] for metric in metrics)
            rows.append(Row(name, _filled(texts)))
        title = _region_title(region, results)
        if region == ALL:
            title += ": global accuracy, and means over regions"
        sections.append(Section(title, tuple(rows), marked=region == question.region))
    names = [METRIC_WORDS[metric] for metric in REGION_METRICS]
    names += [METRIC_WORDS[metric] for metric in _LONG_OVERALL[len(REGION_METRICS) :]]
    return Table((_head(results, names),), tuple(sections))


def _filled(texts: tuple[str, ...]) -> tuple[str, ...]:
    """A row of the long table: regions have fewer scores than all regions together."""
    return texts + (NONE,) * (len(_LONG_OVERALL) - len(texts))


def validation_table(results: Results) -> Table | None:
    """Final validation accuracy of each point, in percent, beside the paper's.

    None if no validation part was scored.
    """
    found = validation_accuracies(results)
    if not any(one.accuracy.defined for one in found):
        return None
    seeds = sorted({seed for one in found for seed in one.point.seeds})
    with_paper = any(one.paper is not None for one in found)
    rows = []
    for one in found:
        by_seed = dict(zip(one.point.seeds, one.accuracy.scores, strict=True))
        spread = one.accuracy.sd
        mean = _percent(one.accuracy.mean) + (f" ± {100 * spread:.2f}" if spread else "")
        cells = [mean, *(_percent(by_seed.get(seed)) for seed in seeds)]
        cells += [_percent(one.paper)] if with_paper else []
        rows.append(Row(one.point.label, tuple(cells), value_colour(one.point)))
    names = ["Mean, %", *(f"Seed {seed}, %" for seed in seeds), *["Paper, %"] * with_paper]
    return Table((_head(results, names),), (Section("", tuple(rows)),))


def parts_table(results: Results) -> Table | None:
    """The question's score on training, validation and test part; None if there is only one."""
    found = training_gap(results)
    if not any(one.training.defined or one.validation.defined for one in found):
        return None
    rows = []
    for one in found:
        cells = [_spread(part) for part in (one.training, one.validation, one.test, one.gap)]
        rows.append(Row(one.point.label, tuple(cells), value_colour(one.point)))
    names = ["Training", "Validation", "Test", "Training minus validation"]
    return Table((_head(results, names),), (Section("", tuple(rows)),))


def runs_table(results: Results) -> Table:
    """Every network: with folds which one tests it, how its training ended and what it took."""
    runs = results.runs.set_index("run").to_dict("index")
    folds = in_folds(results)
    rows = []
    for point in points(results):
        for run in point.runs:
            of_run = runs[run]
            cells = [point.label, str(of_run["seed"])]
            cells += [str(of_run["repeat"]), str(of_run["fold"])] if folds else []
            adjusted = of_run["adjustment"]
            cells += [str(of_run["status"]) + (f", adjustment {adjusted}" if adjusted else "")]
            trained = of_run["kind"] == "trained"
            times = [str(of_run["epochs_done"]), f"{of_run['seconds'] / 60:.1f}"]
            cells += times if trained else [NONE, NONE]
            cells += [_percent(_known(of_run["validation_accuracy"]))]
            cells += [decimals(_known(of_run["largest_l2_ratio"]))]
            rows.append(Row(run, tuple(cells), value_colour(point)))
    names = [capital(swept_in_words(results.study, results.fields)), "Seed"]
    names += ["Repeat", "Fold"] if folds else []
    names += ["Status", "Epochs", "Minutes"]
    names += ["Validation accuracy, %", "Largest L2 / data gradient"]
    head = (Heading("Run"), *map(Heading, names))
    return Table((head,), (Section("", tuple(rows)),))


def settings_table(results: Results) -> Table:
    """Every setting of the networks, beside the paper's (MATLAB's), with its meaning."""
    study = results.study
    used = flatten(next(study.points())[1].model_dump())
    neutral = flatten(RunSettings().model_dump())
    preset = PRESETS[study.preset]
    rows = []
    for path, value in used.items():
        swept = study.swept(path)
        text = ", ".join(map(format_value, swept)) if swept else format_value(value)
        origin = "swept" if swept else "this study" if path in study.settings else "MATLAB"
        if path in study.space:
            origin = "searched; this is the default"
        if origin == "MATLAB" and path in preset:
            origin = f"preset {study.preset}"
        meaning = setting_meaning(path)
        rows.append(
            Row(capital(field_words(path)), (text, origin, format_value(neutral[path]), meaning))
        )
    head = [Heading(name) for name in ("Setting", "Value", "Set by", "MATLAB’s value", "Meaning")]
    return Table((tuple(head),), (Section("", tuple(rows)),), words=True)


def setting_meaning(path: str) -> str:
    """What a setting is, from its description in the settings record.

    >>> setting_meaning("batch_size")
    'images per mini-batch'
    """
    record: type[Record] = RunSettings
    *folders, name = path.split(".")
    for folder in folders:
        inner = record.model_fields[folder].annotation
        if isinstance(inner, type) and issubclass(inner, Record):
            record = inner
    return record.model_fields[name].description or ""


def _head(results: Results, names: Iterable[str]) -> tuple[Heading, ...]:
    return (Heading(capital(swept_in_words(results.study, results.fields))), *map(Heading, names))


def _region_title(region: str, results: Results) -> str:
    if region == ALL:
        return "All regions"
    return f"{capital(region)} (region {results.scheme.index(region) + 1})"


def _spread(score: Spread) -> str:
    if not score.defined:
        return NONE
    return mean_and_spread(score.mean, score.sd, len(score.scores), score.defined)


def _percent(share: float | None) -> str:
    return NONE if share is None or np.isnan(share) else f"{100 * share:.2f}"


def _known(value: float | None) -> float | None:
    return None if value is None or pd.isna(value) else float(value)
