"""Parts of pages that take long to compute: the conclusion, learning curves, two studies compared.

These run in a process of their own (``work``), so arguments and answers are plain records.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

from myosweep.analysis.conclude import Conclusion, conclude
from myosweep.analysis.patient_scores import OVERALL_METRICS, REGION_METRICS, strict_metric
from myosweep.analysis.points import field_words, format_value
from myosweep.analysis.question import require_no_search
from myosweep.analysis.scores import ALL
from myosweep.analysis.tuning.found import conclude_tuning
from myosweep.config import flatten
from myosweep.errors import StudyError
from myosweep.report import words
from myosweep.report.conclusion.section import conclusion_section, draw_conclusion
from myosweep.report.embed import tips_of
from myosweep.report.figures.curves import draw_curves, live_curves
from myosweep.report.figures.scores import draw_scores, scores_figure
from myosweep.report.figures.style import Drawing
from myosweep.report.tables import NONE, Heading, Row, Section, Table, scores_table
from myosweep.report.tuned.page import build_tuned_page
from myosweep.results.layout import StudyFolder
from myosweep.results.ledger import Look, read_looks
from myosweep.results.read import Results, read_results
from myosweep.serve.rendering import fragment


@dataclass(frozen=True)
class Question:
    """A question to a study; what is None is as the study has it."""

    region: str | None = None
    metric: str | None = None
    margin: float | None = None
    reference: str | None = None


@dataclass(frozen=True)
class Part:
    """A part of a page.

    Attributes:
        html: the content; style attributes are named ``data-look``.
        tips: what marks in its figures say, by their ids.
        drawings: its figures, to be saved.
        look: the look at the primary question that showing it is; None if it is none.
        new_look: whether that look is not in the ledger yet.
    """

    html: str
    tips: dict[str, str] = field(default_factory=dict)
    drawings: tuple[Drawing, ...] = ()
    look: Look | None = None
    new_look: bool = False


def conclusion_part(folder: Path, question: Question) -> Part:
    """The conclusion of a study as it stands, for its own question or another one.

    The look that this is is not logged here.

    Raises:
        InputError: if there is no finished network, the study does not have what is asked for, or
            files are damaged.
    """
    results = read_results(folder)
    looks = read_looks(results.folder)
    found = _concluded(results, question, looks)
    section = conclusion_section(found, results)
    lettered = draw_conclusion(section)
    drawings = tuple(one.drawing for one in lettered)
    return Part(
        html=fragment(
            "conclusion_part.html.j2",
            section=section,
            drawings=lettered,
            cautions=found.warnings,
            done=words.what_was_done(results),
        ),
        tips=tips_of(drawings),
        drawings=drawings,
        look=found.look,
        new_look=found.look is not None and found.look not in looks,
    )


def search_part(folder: Path) -> Part:
    """The answer of a search that is over, as its end has given it: no further look.

    Raises:
        InputError: if the study is no search, or files are damaged.
    """
    results = read_results(folder)
    page = build_tuned_page(results, conclude_tuning(results.folder))
    drawings = page.drawings
    return Part(fragment("search_part.html.j2", page=page), tips_of(drawings), drawings)


def curves_part(folder: Path) -> Part:
    """Learning curves of all trainings, also of those that still go on."""
    record = live_curves(StudyFolder(folder))
    if record is None:
        return Part(fragment("nothing_part.html.j2", sentence="No epoch has ended yet."))
    drawing = draw_curves(record)
    return Part(
        html=fragment("curves_part.html.j2", drawing=drawing, record=record),
        tips=tips_of([drawing]),
        drawings=(drawing,),
    )


def comparison_part(one: tuple[str, Path], other: tuple[str, Path]) -> Part:
    """Two studies side by side: in what they differ, and the scores of each.

    Scores are means and spread, as ``myosweep summary`` has them; no verdict is read, so this is no
    look at either's question.

    Raises:
        InputError: if one has no finished network or is a search, or files are damaged.
    """
    shown = [_compared(name, folder, place) for place, (name, folder) in enumerate((one, other), 1)]
    drawings = tuple(study.drawing for study in shown)
    return Part(
        html=fragment(
            "comparison_part.html.j2",
            studies=shown,
            differences=differences_table(shown[0], shown[1]),
            sentences=what_can_be_said(shown[0].results, shown[1].results),
        ),
        tips=tips_of(drawings),
        drawings=drawings,
    )


@dataclass(frozen=True)
class _Compared:
    """One of two studies that stand side by side."""

    name: str
    title: str
    done: tuple[str, str]
    scores: Table
    drawing: Drawing
    results: Results


def _compared(name: str, folder: Path, place: int) -> _Compared:
    results = read_results(folder)
    require_no_search(results.study)
    if results.networks.empty:
        raise StudyError(f"study {results.study.name!r} has no finished network yet")
    drawing = draw_scores(scores_figure(results))
    return _Compared(
        name,
        words.title(results),
        words.what_was_done(results),
        scores_table(results),
        replace(drawing, name=f"study-{place}-{drawing.name}"),
        results,
    )


def differences_table(one: _Compared, other: _Compared) -> Table | None:
    """Every setting in which two studies differ, and their splits; None if they agree in all."""
    first, second = _described(one.results), _described(other.results)
    rows = tuple(
        Row(name, (first.get(name, NONE), second.get(name, NONE)))
        for name in dict.fromkeys([*first, *second])
        if first.get(name) != second.get(name)
    )
    if not rows:
        return None
    head = (Heading("Setting"), Heading(one.name), Heading(other.name))
    return Table((head,), (Section("", rows),), words=True)


def _described(results: Results) -> dict[str, str]:
    """A study's settings and design in words; swept fields with all their values."""
    study = results.study
    used = flatten(next(study.points())[1].model_dump())
    found = {
        field_words(path): ", ".join(map(format_value, study.swept(path) or (value,)))
        for path, value in used.items()
    }
    replicates = study.replicates
    return {
        **found,
        "Networks per value": str(len(replicates.members)),
        "Question": f"{study.question.metric}, {study.question.region}",
        "Split": ", ".join(sorted(one[:8] for one in results.runs["split_hash"].unique())),
        "Pixels": _pixel_hash(results)[:8],
    }


def _pixel_hash(results: Results) -> str:
    run = results.folder.run(str(results.networks["run"].iloc[0]))
    return run.read_settings().pixel_hash


def what_can_be_said(one: Results, other: Results) -> tuple[str, ...]:
    """Whether the two studies' scores can be set against each other at all."""
    if _pixel_hash(one) != _pixel_hash(other):
        return (
            "The two studies were made on different images, so their scores do not say which of "
            "them is better.",
        )
    if set(one.runs["split_hash"]) != set(other.runs["split_hash"]):
        return (
            "Both studies used the same images, but other patients for training and test. A "
            "difference between them may come from that alone.",
        )
    return (
        "Both studies trained and tested on the same patients. Differences between them are shown "
        "and not judged: a verdict needs both values in one study, with a question that was fixed "
        "before it ran.",
    )


def _concluded(results: Results, question: Question, looks: tuple[Look, ...]) -> Conclusion:
    return conclude(
        results,
        region=question.region,
        metric=_metric(results, question),
        margin=question.margin,
        reference=question.reference,
        looks=looks,
    )


def _metric(results: Results, question: Question) -> str | None:
    """The score that is asked for; over all regions it has another name than of one."""
    if question.region != ALL:
        return question.metric
    of_region = strict_metric(question.metric or results.study.question.metric)
    return dict(zip(REGION_METRICS, OVERALL_METRICS, strict=True))[of_region]
