"""Recorded runs for replays of a search: a grid over one field, or random trials (library)."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from myosweep.analysis.margin import outline_of, shift_effect
from myosweep.analysis.patient_scores import patient_counts, score_table, strict_metric
from myosweep.analysis.points import points
from myosweep.analysis.tuning.found import DEFAULT, trial_table
from myosweep.config import Choice, Range, Space, Value, counts, flatten, read_study_config
from myosweep.errors import StudyError
from myosweep.files import read_json, whole_file
from myosweep.results.layout import StudyFolder
from myosweep.results.read import Results, read_history, read_results
from myosweep.results.trials import read_trial_runs
from myosweep.statistics.score_table import ScoreTable
from myosweep.study.execute import attempt
from myosweep.study.open import open_study
from myosweep.study.resources import Resources
from myosweep.study.tune.tuning import plan_trial

PARTS = ("validation", "test")
_POLL_S = 5.0
_DIGITS = 6
_SPACE: TypeAdapter[dict[str, Range | Choice]] = TypeAdapter(dict[str, Range | Choice])


@dataclass(frozen=True)
class Recorded:
    """A study's recorded runs.

    Attributes:
        labels: of the points; ``values`` of the searched fields at each.
        space: where the points lie.
        validation, test: scores of every point's networks; NaN where a network is not recorded.
        histories: validation IoU after each epoch, by point and network; empty if not recorded.
        costs: of a run of each point, in runs of the default.
        default: position of the default.
        margins: the smallest difference that matters, on validation and test patients.
        any_network_first: whether every point has the same networks, so that any of them may be
            the search's; else that is the first one, and the others are the race's.
    """

    labels: tuple[str, ...]
    values: tuple[dict[str, Value], ...]
    space: Space
    validation: ScoreTable
    test: ScoreTable
    histories: tuple[tuple[tuple[float, ...], ...], ...]
    costs: tuple[float, ...]
    default: int
    margins: tuple[float, float]
    any_network_first: bool


def read_grid(results: Results) -> Recorded:
    """The recorded runs of a finished grid over one field."""
    region, metric = results.study.question.region, results.study.question.metric
    found = points(results)
    values = tuple({path: one for path, one in point.values if one is not None} for point in found)
    validation, test = (
        score_table(results, patient_counts(results, part), region, metric) for part in PARTS
    )
    default = flatten(results.study.default.model_dump())
    return Recorded(
        tuple(point.label for point in found),
        values,
        _space(values),
        validation,
        test,
        tuple(tuple(_history(results, run) for run in point.runs) for point in found),
        tuple(1.0 for _ in found),
        next(place for place, point in enumerate(values) if point.items() <= default.items()),
        margins(results),
        any_network_first=True,
    )


def read_design(folder: Path) -> Recorded:
    """The recorded runs of a search whose trials were drawn at random."""
    home = StudyFolder(folder)
    results = read_results(folder)
    runs = read_trial_runs(home, results.study.question.region)
    whole = [one for one in runs if one.whole]
    first = {one.trial: one for one in whole if one.seed == 0}
    whole = [one for one in whole if one.trial in first]
    validation, test = (trial_table(results, whole, part) for part in PARTS)
    trials = sorted(first)
    seeds = sorted({one.seed for one in whole})
    if seeds != [*range(len(seeds))]:
        raise StudyError(f"networks are missing: there are only the seeds {seeds}")
    known = {(one.trial, one.seed): one.history for one in whole}
    return Recorded(
        validation.values,
        tuple(first[trial].values for trial in trials),
        results.study.space,
        validation,
        test,
        tuple(tuple(known.get((trial, seed), ()) for seed in seeds) for trial in trials),
        tuple(first[trial].cost for trial in trials),
        trials.index(DEFAULT),
        margins(results),
        any_network_first=False,
    )


def write_recorded(recorded: Recorded, study: str, source: str, path: Path) -> None:
    """Write what is recorded to a file of its own, from which replays run without the study.

    Args:
        study: the study's own file, from which ``further_study`` makes it anew.
        source: where the scores come from, and what licence they have.
    """
    kept = asdict(recorded) | {
        "source": source,
        "study": study,
        "space": _SPACE.dump_python(dict(recorded.space), mode="json", exclude_defaults=True),
        "validation": _written(recorded.validation),
        "test": _written(recorded.test),
    }
    with whole_file(path) as draft:
        draft.write_text(json.dumps(kept, separators=(",", ":")) + "\n", encoding="utf-8")


def read_recorded(path: Path) -> Recorded:
    """What was recorded, from such a file."""
    kept = read_json(path)
    return Recorded(
        labels=tuple(kept["labels"]),
        values=tuple(kept["values"]),
        space=_SPACE.validate_python(kept["space"]),
        validation=_table(kept["validation"]),
        test=_table(kept["test"]),
        histories=tuple(tuple(map(tuple, networks)) for networks in kept["histories"]),
        costs=tuple(kept["costs"]),
        default=kept["default"],
        margins=(kept["margins"][0], kept["margins"][1]),
        any_network_first=kept["any_network_first"],
    )


def further_study(study: str, folder: Path, dataset: Path) -> None:
    """Make a recorded study anew, without its runs: for further networks.

    Args:
        study: its file's text.
        folder: if it is there already, it stays as it is.
    """
    if not folder.exists():
        with TemporaryDirectory() as made:
            file = Path(made) / "study.toml"
            file.write_text(study, encoding="utf-8")
            open_study(file, folder, dataset=dataset)


def with_networks(recorded: Recorded, folder: Path) -> Recorded:
    """What is recorded, and the further networks of a folder.

    Raises:
        StudyError: if they are of other patients.
    """
    home = StudyFolder(folder)
    region = read_study_config(home.study).question.region
    whole = [one for one in read_trial_runs(home, region) if one.whole]
    if not whole:
        return recorded
    results = read_results(folder)
    more = {part: trial_table(results, whole, part) for part in PARTS}
    return replace(
        recorded,
        validation=_filled(recorded.validation, more["validation"]),
        test=_filled(recorded.test, more["test"]),
    )


def _filled(table: ScoreTable, more: ScoreTable) -> ScoreTable:
    if table.patients != more.patients:
        raise StudyError("what is recorded is of other patients than this folder; give another")
    last = max(map(_seed, (*table.networks, *more.networks)))
    networks = tuple(f"seed {seed}" for seed in range(last + 1))
    scores = np.full((len(table.values), len(networks), len(table.patients)), np.nan)
    scores[:, : len(table.networks)] = table.scores
    for row, value in enumerate(more.values):
        for column, network in enumerate(more.networks):
            if more.cells[row, column].any():
                place = table.values.index(value), networks.index(network)
                scores[place] = more.scores[row, column]
    return replace(table, networks=networks, scores=scores)


def _seed(network: str) -> int:
    return int(network.removeprefix("seed "))


def _written(table: ScoreTable) -> dict[str, object]:
    cells = np.where(table.cells, table.scores.round(_DIGITS), None)
    names = {"values": table.values, "networks": table.networks, "patients": table.patients}
    return names | {"scores": cells.tolist()}


def _table(kept: Mapping[str, Any]) -> ScoreTable:
    names = (tuple(kept[key]) for key in ("values", "networks", "patients"))
    return ScoreTable(*names, np.array(kept["scores"], float))


def train_missing(folder: Path, recorded: Recorded, missing: Iterable[tuple[str, int]]) -> None:
    """Train further networks of a search's trials, in its folder; others may do so beside.

    Args:
        missing: name of a trial and seed, of each.
    """
    study = open_study(folder)
    worked = False
    for name, seed in missing:
        trial = DEFAULT if name == "default" else int(name.removeprefix("trial "))
        values = dict(recorded.values[recorded.labels.index(name)])
        plan = plan_trial(study, values, trial, seed)
        print(f"{plan.label} ...", flush=True)
        worked |= attempt(plan, study.folder, Resources("auto", threads=1)) is not None
    if not worked:
        time.sleep(_POLL_S)


def distance(one: Mapping[str, Value], other: Mapping[str, Value], space: Space) -> float:
    """How far two points lie from each other: squared shares of each range, 1 per other choice."""
    return sum(_gap(one, other, path, domain) for path, domain in space.items())


def _gap(
    one: Mapping[str, Value], other: Mapping[str, Value], path: str, domain: Range | Choice
) -> float:
    in_one, in_other = counts(domain, one), counts(domain, other)
    if not (in_one and in_other):
        return float(in_one != in_other)
    if isinstance(domain, Choice):
        return float(one[path] != other[path])
    ends = np.array([domain.low, domain.high, one[path], other[path]], float)
    if domain.log:
        ends = np.log(np.maximum(ends, domain.low / 10))
    return float(((ends[2] - ends[3]) / (ends[1] - ends[0])) ** 2)


def inside(values: Mapping[str, Value], space: Space) -> dict[str, Value]:
    """The values that count; 0 has no logarithm: to the search it is the lower end."""
    found = {path: values[path] for path, domain in space.items() if counts(domain, values)}
    for path, value in found.items():
        domain = space[path]
        if isinstance(domain, Range) and domain.log and value == 0:
            found[path] = domain.low
    return found


def margins(results: Results) -> tuple[float, float]:
    question, rows = results.study.question, results.counts
    metric = strict_metric(question.metric)
    validation, test = (
        shift_effect(outline_of(rows[rows["part"] == part], question.region), metric)
        for part in PARTS
    )
    return validation, test


def _history(results: Results, run: str) -> tuple[float, ...]:
    table = read_history(results.folder.run(run))
    return tuple(table[f"iou_{results.study.question.region}"].astype(float))


def _space(values: Sequence[Mapping[str, Value]]) -> dict[str, Range | Choice]:
    """Where the points of a grid lie."""
    space: dict[str, Range | Choice] = {}
    for path in values[0]:
        every = [point[path] for point in values]
        numbers = sorted(float(v) for v in every if isinstance(v, float) and v > 0)
        if len(numbers) >= 2 and len(numbers) >= len(every) - 1:
            space[path] = Range(low=numbers[0], high=numbers[-1], log=True)
        else:
            space[path] = Choice(values=tuple(dict.fromkeys(every)))
    return space
