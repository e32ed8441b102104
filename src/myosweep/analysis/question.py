"""What is asked of a study: region, metric, which values are compared, and what matters."""

from dataclasses import dataclass

from myosweep.analysis.patient_scores import OVERALL_METRICS, REGION_METRICS, strict_metric
from myosweep.analysis.points import Point, format_value, points
from myosweep.analysis.scores import ALL
from myosweep.config import StudyConfig, Value, flatten, settings_from_paths
from myosweep.config.settings import PRESETS
from myosweep.errors import StudyError
from myosweep.results.read import Results
from myosweep.results.rows import ENSEMBLE
from myosweep.statistics.answer import Family

SCORE_NAMES = {
    "accuracy": "accuracy",
    "iou": "IoU",
    "dice": "Dice",
    "bf_strict": "strict BF score",
    "global_accuracy": "global accuracy",
    "mean_iou": "mean IoU",
    "mean_dice": "mean Dice",
    "mean_bf_strict": "mean strict BF score",
}


@dataclass(frozen=True)
class Asked:
    """A question, with nothing left to defaults but the margin.

    Attributes:
        region: a region, or ``ALL``.
        metric: the metric that verdicts use (strict BF instead of BF).
        family: which differences are judged together.
        reference: label of the value that the others are compared with; None if there is none.
        default: label of the preset's value; None if it was not tested.
        margin: as chosen; None for the margin of the data (``margin.py``).
        primary: whether it is the question that the study was made for; all others are
            exploratory.
    """

    region: str
    metric: str
    family: Family
    reference: str | None
    default: str | None
    margin: float | None
    primary: bool


def ask(
    results: Results,
    *,
    region: str | None = None,
    metric: str | None = None,
    margin: float | None = None,
    reference: str | None = None,
) -> Asked:
    """The study's question, or another one where something else is given.

    Raises:
        StudyError: with everything that the study does not have; or if it is a search.
    """
    require_no_search(results.study)
    question = results.study.question
    wanted = question.reference if reference is None else reference
    found = points(results)
    default = _default(results, found)
    base = default if wanted is None else _labelled(results, found, wanted)
    chosen_region, chosen_metric = region or question.region, metric or question.metric
    problems = _problems(results, chosen_region, chosen_metric, margin)
    if wanted is not None and base is None:
        problems.append(
            f"the reference is {wanted!r}, the tested values are "
            f"{', '.join(point.label for point in found)}; name one of them"
        )
    if problems:
        raise StudyError(problems, "the question cannot be answered")
    family: Family = "pairs" if base is None else "reference"
    if reference is None and question.family != "auto":
        family = "pairs" if question.family == "reference" and base is None else question.family
    primary = (
        chosen_region == question.region
        and strict_metric(chosen_metric) == strict_metric(question.metric)
        and margin in (None, question.margin)
        and (reference is None or base == _own_reference(results, found, default))
    )
    return Asked(
        chosen_region,
        strict_metric(chosen_metric),
        family,
        base if family == "reference" else None,
        default,
        question.margin if margin is None else margin,
        primary,
    )


def score_words(region: str, metric: str) -> str:
    """A score in the middle of a sentence.

    >>> score_words("myocardium", "dice"), score_words("all", "mean_iou")
    ('Dice of the myocardium', 'mean IoU over all regions')
    """
    where = "over all regions" if region == ALL else f"of the {region}"
    return f"{SCORE_NAMES[metric]} {where}"


def require_no_search(study: StudyConfig) -> None:
    """Raise a ``StudyError`` if a study is a search, whose test patients are looked at once."""
    if study.tune is not None:
        raise StudyError(
            f"study {study.name!r} is a search (it has [tune]): it has trials instead of a sweep's "
            "values, and its test patients are looked at once, by `myosweep tune`; see `myosweep "
            "conclude` and `myosweep report`"
        )


def _own_reference(results: Results, found: tuple[Point, ...], default: str | None) -> str | None:
    own = results.study.question.reference
    return default if own is None else _labelled(results, found, own)


def _problems(results: Results, region: str, metric: str, margin: float | None) -> list[str]:
    names = (*results.scheme.names, ALL)
    problems = []
    if region not in names:
        problems.append(f"the region is {region!r}, the regions are {', '.join(names)}")
    allowed = OVERALL_METRICS if region == ALL else (*REGION_METRICS, "bf")
    if region in names and metric not in allowed:
        problems.append(
            f"the metric of {region!r} is {metric!r}, it is one of {', '.join(allowed)}"
        )
    if margin is not None and not 0 < margin < 1:
        problems.append(f"a margin lies between 0 and 1, got {margin:g}; write for instance 0.02")
    return problems


def _default(results: Results, found: tuple[Point, ...]) -> str | None:
    """The point at which every swept field has the preset's value; None if it was not tested."""
    study = results.study
    if not results.fields or study.source == "masks":
        return None
    preset = {**flatten(settings_from_paths(PRESETS[study.preset]).model_dump()), ENSEMBLE: 1}
    for point in found:
        if all(preset[path] == value for path, value in point.values):
            return point.label
    return None


def _labelled(results: Results, found: tuple[Point, ...], wanted: Value) -> str | None:
    """The label of the point that somebody names: by value, by label, or by values with commas."""
    parts = [part.strip() for part in str(wanted).split(",")]
    for point in found:
        values = [value for _, value in point.values]
        if point.values and point.values[-1] == (ENSEMBLE, 1) and len(parts) < len(values):
            values.pop()  # whoever names a value without saying so means single networks
        if point.label == str(wanted) or (
            len(parts) == len(values)
            and all(_same(part, value) for part, value in zip(parts, values, strict=True))
        ):
            return point.label
    return None


def _same(text: str, value: Value | None) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return text in (str(value), format_value(value))
    try:
        return float(text) == float(value)
    except ValueError:
        return False
