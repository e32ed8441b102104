"""Which models of a study can be asked: the networks of a value together, or a single one."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from myosweep.analysis.points import UNSWEPT, field_words, format_value, run_words
from myosweep.config import read_study_config
from myosweep.data.names import natural_key
from myosweep.predict.choose import Point, networks_by_value
from myosweep.report.figures.style import colour_at, trial_colour
from myosweep.results.layout import RunFolder, StudyFolder
from myosweep.results.trials import read_tuning_state
from myosweep.serve.job import AskedModel

_OF_A_RUN = "run:"


@dataclass(frozen=True)
class ModelOption:
    """A model that can be asked.

    Attributes:
        key: names it in requests.
        words: field and value, or the run's label.
        colour: the value's own, as everywhere.
    """

    key: str
    words: str
    colour: str
    networks: int
    asked: AskedModel

    @property
    def is_value(self) -> bool:
        return not self.key.startswith(_OF_A_RUN)


def model_options(folder: Path) -> list[ModelOption]:
    """Values first, in the order of the sweep, then each of their networks.

    Values whose weights are not all there (somebody may have left them out of a copy) cannot be
    asked.

    Raises:
        InputError: if a file of the study is damaged.
    """
    found = {
        point: runs
        for point, runs in networks_by_value(StudyFolder(folder)).items()
        if all(run.weights.is_file() for run in runs)
    }
    order = _order(folder, list(found))
    colours = _colours(folder, order)
    values = [point for point in order if point in found]
    return [
        *(_of_value(folder, point, found[point], colours[point]) for point in values),
        *(option for point in values for option in _of_runs(found[point], colours[point])),
    ]


def _order(folder: Path, found: list[Point]) -> list[Point]:
    """All points of the study: those of its sweep, then any others."""
    study = read_study_config(StudyFolder(folder).study)
    swept = [tuple(point.items()) for point, _ in study.points()]
    others = sorted(found, key=lambda point: natural_key(str(point)))
    return list(dict.fromkeys([*swept, *others]))


def _colours(folder: Path, order: list[Point]) -> dict[Point, str]:
    """Each value's own; of a search as its figures have them."""
    tuning = read_tuning_state(StudyFolder(folder))
    if tuning is None:
        return {point: colour_at(place, len(order)) for place, point in enumerate(order)}
    numbers = [int(dict(point).get("trial") or 0) for point in order]
    colours = [trial_colour(number, tuning.contenders) for number in numbers]
    return dict(zip(order, colours, strict=True))


def _of_value(folder: Path, point: Point, runs: list[RunFolder], colour: str) -> ModelOption:
    terms = tuple(f"{path}={value}" for path, value in point)
    words = ", ".join(f"{field_words(path)} {format_value(value)}" for path, value in point)
    words = "default" if point == (("trial", 0),) else words
    asked = AskedModel(place=str(folder), values=terms)
    return ModelOption(" ".join(terms) or "all", words or UNSWEPT, colour, len(runs), asked)


def _of_runs(runs: list[RunFolder], colour: str) -> Iterator[ModelOption]:
    for run in runs:
        what = run.read_settings()
        words = run_words(what.label, what.point)
        yield ModelOption(_OF_A_RUN + run.id, words, colour, 1, AskedModel(place=str(run.path)))
