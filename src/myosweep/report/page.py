"""The report: one page that holds everything, rebuilt from the results tables at any time."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from myosweep.analysis.cautions import Caution, in_folds, question_words
from myosweep.analysis.conclude import Conclusion, conclude
from myosweep.analysis.points import swept_in_words
from myosweep.analysis.slices import tolerance_px
from myosweep.errors import InputError, StudyError
from myosweep.files import whole_file
from myosweep.report import tables, words
from myosweep.report.card import CardSection, card_section
from myosweep.report.clinical.section import stored_section
from myosweep.report.conclusion.section import (
    ConclusionSection,
    LetteredDrawing,
    conclusion_section,
    draw_conclusion,
)
from myosweep.report.early_rule import EarlySection, draw_early, early_section
from myosweep.report.embed import rendered, write_figures
from myosweep.report.explorer.content import ExplorerContent, explorer_content
from myosweep.report.figures.curves import curves_figure, draw_curves
from myosweep.report.figures.masks import MasksFigure, draw_masks, masks_figure
from myosweep.report.figures.scores import draw_scores, scores_figure
from myosweep.report.figures.style import Drawing
from myosweep.report.measured import MeasuredSection
from myosweep.report.pictures import read_pictures
from myosweep.report.reliability import stored_reliability
from myosweep.report.tuned.page import write_tuned_report
from myosweep.results.ledger import log_look, read_looks
from myosweep.results.read import Results, read_results

NO_DATASET = (
    "Figure 2, masks beside images, is left out: it needs the dataset and the predicted masks, and "
    "they are not at hand. All numbers of this report come from the results tables alone."
)
NO_REGION_TO_SHOW = "Figure 2 is left out: no test slice has the {region}."


@dataclass(frozen=True)
class Page:
    """Everything that the report shows, computed and drawn.

    Attributes:
        conclusion, conclusion_drawings: the page's first part, and its figures A, B and C.
        clinical: what `myosweep clinical` measured; None if it has not.
        reliability: what `myosweep calibrate` measured; None if it has not.
        card: the model card of the value to take; None for masks of another program.
        background: what to know beside the conclusion.
        masks: what Figure 2 shows; None if there is none, and ``no_masks`` says why.
        explorer: every test slice, to look at; None where dataset or masks are not at hand.
    """

    title: str
    name: str
    field: str
    question: str
    region: str
    tolerance_px: float | int
    done: tuple[str, str]
    facts: tuple[words.Fact, ...]
    conclusion: ConclusionSection
    conclusion_drawings: tuple[LetteredDrawing, ...]
    background: tuple[str, ...]
    cautions: tuple[Caution, ...]
    scores: tables.Table
    validation: tables.Table | None
    parts: tables.Table | None
    early_rule: EarlySection | None
    clinical: MeasuredSection | None
    reliability: MeasuredSection | None
    card: CardSection | None
    settings: tables.Table | None
    runs: tables.Table
    versions: tuple[words.Fact, ...]
    masks: MasksFigure | None
    no_masks: str
    explorer: ExplorerContent | None
    has_baselines: bool
    folds: bool
    scores_drawing: Drawing
    masks_drawing: Drawing | None
    curves_drawing: Drawing | None
    learned_l2: bool
    early_drawing: Drawing | None

    @property
    def drawings(self) -> tuple[Drawing, ...]:
        """The figures that there are, in their order."""
        lettered = (one.drawing for one in self.conclusion_drawings)
        numbered = (
            self.scores_drawing, self.masks_drawing, self.curves_drawing, self.early_drawing
        )  # fmt: skip
        clinical = (drawing for drawing, _ in self.clinical.drawings) if self.clinical else ()
        reliable = (drawing for drawing, _ in self.reliability.drawings) if self.reliability else ()
        every = (*lettered, *numbered, *clinical, *reliable)
        return tuple(drawing for drawing in every if drawing is not None)


def write_report(
    folder: Path | str, dataset: Path | str | None = None, slices: Sequence[str] = ()
) -> Path:
    """Write a study's report and its figures, from its finished runs; of a search its own page.

    The report answers the study's primary question, and so counts as a look at it: the look is
    logged in the study's folder.

    Args:
        folder: the study's folder.
        dataset: the dataset's folder, if it is not where the study says; only Figure 2 needs it.
        slices: test slices for Figure 2; by default two are picked.

    Returns:
        The report, one HTML file; figures stand beside it as SVG and PNG.

    Raises:
        InputError: if there is no finished network, a wanted slice is no test slice, the dataset
            is needed (because it was named, or slices were) and does not fit, or the ledger of
            looks is damaged.
    """
    results = read_results(folder)
    if results.study.tune is not None:
        return _write_search(results, slices)
    _check_networks(results)
    concluded = conclude(results, looks=read_looks(results.folder))
    page = build_page(results, dataset, slices, concluded)
    if concluded.look is not None:
        log_look(results.folder, concluded.look)
    write_figures(results.folder, page.drawings)
    with whole_file(results.folder.report) as draft:
        draft.write_text(render(page), encoding="utf-8")
    return results.folder.report


def _write_search(results: Results, slices: Sequence[str]) -> Path:
    if slices:
        raise StudyError(
            f"study {results.study.name!r} is a search, and its page shows no masks; leave out "
            "--slice"
        )
    return write_tuned_report(results.folder.path)


def build_page(
    results: Results,
    dataset: Path | str | None = None,
    slices: Sequence[str] = (),
    concluded: Conclusion | None = None,
) -> Page:
    """Compute and draw everything that the report shows; see ``write_report``.

    Args:
        concluded: the study's conclusion; default: as at its first look. No look is logged here.
    """
    _check_networks(results)
    concluded = concluded or conclude(results)
    section = conclusion_section(concluded, results)
    masks, no_masks, explorer = _masks(results, dataset, slices)
    curves, early = curves_figure(results), early_section(results)
    trained = results.study.source == "training"
    return Page(
        title=words.title(results),
        name=results.study.name,
        field=swept_in_words(results.study, results.fields),
        question=question_words(results),
        region=results.study.question.region,
        tolerance_px=tolerance_px(results),
        done=words.what_was_done(results),
        facts=words.facts(results),
        conclusion=section,
        conclusion_drawings=draw_conclusion(section),
        background=words.background(results),
        cautions=concluded.warnings,
        scores=tables.scores_table(results),
        validation=tables.validation_table(results),
        parts=tables.parts_table(results),
        early_rule=early,
        clinical=stored_section(results),
        reliability=stored_reliability(results),
        card=card_section(results, concluded),
        settings=tables.settings_table(results) if trained else None,
        runs=tables.runs_table(results),
        versions=words.versions(results),
        masks=masks,
        no_masks=no_masks,
        explorer=explorer,
        has_baselines=bool((results.runs["kind"] == "baseline").any()),
        folds=in_folds(results),
        scores_drawing=draw_scores(scores_figure(results)),
        masks_drawing=None if masks is None else draw_masks(masks),
        curves_drawing=None if curves is None else draw_curves(curves),
        learned_l2=curves is not None and curves.learned is not None,
        early_drawing=draw_early(early.figure) if early and early.figure else None,
    )


def render(page: Page) -> str:
    """The page as HTML that needs nothing else."""
    return rendered("template.html.j2", page)


def _check_networks(results: Results) -> None:
    if results.networks.empty:
        if _has_stopped(results):
            raise StudyError(
                f"every run of study {results.study.name!r} that has ended was stopped by its "
                "early rule (see `myosweep status`), so there is nothing to report; set action = "
                "'report' under [early_rule] and run it again, which lets them go on"
            )
        raise StudyError(
            f"study {results.study.name!r} has no finished network yet, only baselines; continue "
            "it with `myosweep run`"
        )


def _has_stopped(results: Results) -> bool:
    """Whether the early rule has stopped a run."""
    statuses = (run.read_status() for run in results.folder.runs())
    return any(status is not None and status.status == "stopped" for status in statuses)


def _masks(
    results: Results, dataset: Path | str | None, slices: Sequence[str]
) -> tuple[MasksFigure | None, str, ExplorerContent | None]:
    """Figure 2, or why there is none, and the explorer.

    A dataset or slices that were asked for must be there.
    """
    try:
        pictures = read_pictures(results, dataset)
        figure = masks_figure(results, pictures, slices)
        explorer = explorer_content(results, pictures.dataset)
    except InputError:
        if dataset is not None or slices:
            raise
        return None, NO_DATASET, None
    region = results.study.question.region
    return figure, "" if figure else NO_REGION_TO_SHOW.format(region=region), explorer
