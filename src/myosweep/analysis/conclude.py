"""The conclusion of a study: every finding, computed from the results tables alone."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from myosweep.analysis.axes import axes
from myosweep.analysis.cautions import Caution, cautions
from myosweep.analysis.claims.paper import Claim, paper_claims
from myosweep.analysis.collapse import (
    Collapse,
    FalseAlarms,
    MissedPatients,
    collapsed_mask,
    collapses,
    false_alarms,
    missed_patients,
    sensitivity,
)
from myosweep.analysis.compare import PartScores, training_gap
from myosweep.analysis.early_rule import EarlyFindings, early_findings
from myosweep.analysis.early_rule_words import early_cautions
from myosweep.analysis.inert import inert_values
from myosweep.analysis.interaction import Interaction, interaction
from myosweep.analysis.looks import next_look
from myosweep.analysis.margin import SHIFT_PX, Outline, outline_of, shift_effect
from myosweep.analysis.methods import methods_paragraph
from myosweep.analysis.movers import Mover, PatientRow, patients_table, slices_that_move
from myosweep.analysis.patient_scores import (
    OVERALL_METRICS,
    REGION_METRICS,
    PatientCounts,
    baseline_means,
    blind_score,
    patient_counts,
    score_table,
)
from myosweep.analysis.points import points, swept_in_words
from myosweep.analysis.question import Asked, ask
from myosweep.analysis.recommend import (
    Recommendation,
    Selection,
    means_by_value,
    nothing_learned,
    recommend,
    select,
)
from myosweep.analysis.scores import ALL
from myosweep.analysis.shares import NetworkSpread, Share, network_spread, variance_shares
from myosweep.analysis.subgroups import Subgroup, subgroup_differences
from myosweep.analysis.topics.learning_curve import LearningCurves, learning_curves
from myosweep.analysis.topics.moving_best import (
    MovingBest,
    hyperparameter_and_circumstance,
    moving_best,
)
from myosweep.analysis.topics.overfitting import Overfitting, overfitting
from myosweep.results.ledger import Look
from myosweep.results.read import Results
from myosweep.statistics.answer import Answer, answer
from myosweep.statistics.intervals import LEVEL, rare_event_bound
from myosweep.statistics.score_table import ScoreTable
from myosweep.statistics.verdicts import Comparison


@dataclass(frozen=True)
class OtherAnswer:
    """An exploratory answer: another region or metric."""

    region: str
    metric: str
    shown: Answer
    baselines: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Conclusion:
    """What may be concluded from a study.

    Attributes:
        asked: the question; ``shown`` its answer on the test part.
        exploratory: True if the question is not the primary one, or its errors are spent.
        look: the look that this is; None if exploratory. ``looks`` are all so far, this included.
        margin_by_default: whether the margin is the effect of a shift by ``SHIFT_PX``.
        spacing_mm: side of a pixel, where known and the same everywhere.
        recommendation, selection: the value to take; what choosing by validation would give.
        others: the same families for every other region and metric, exploratory.
        baselines: (label, mean score over patients), what needs no image.
        gap: training, validation and test scores by value.
        collapse, sensitivity: networks that collapsed, per value, and the comparisons without them
            (none if none collapsed).
        false_alarms, missed: the region predicted where it is not, and missed where it is.
        rare_failures: share of patients on which failures cannot be ruled out by the test part.
        spread: between networks of one value on the same patients.
        early_rule: what is known of the early rule; None where nothing is to be said of it.
        learning_curves, moving_best, overfitting: None for studies that they do not apply to.
        claims, shares, subgroups, movers, patients, interaction: see their modules.
        methods: a paragraph for a manuscript.
        nothing_learned: whether no value is better than what needs no image.
    """

    asked: Asked
    shown: Answer
    exploratory: bool
    look: Look | None
    looks: tuple[Look, ...]
    margin_by_default: bool
    spacing_mm: float | None
    recommendation: Recommendation
    selection: Selection | None
    others: tuple[OtherAnswer, ...]
    warnings: tuple[Caution, ...]
    baselines: tuple[tuple[str, float], ...]
    gap: tuple[PartScores, ...]
    collapse: tuple[Collapse, ...]
    sensitivity: tuple[Comparison, ...]
    false_alarms: tuple[FalseAlarms, ...]
    missed: tuple[MissedPatients, ...]
    rare_failures: float
    early_rule: EarlyFindings | None
    claims: tuple[Claim, ...]
    interaction: Interaction | None
    learning_curves: LearningCurves | None
    moving_best: MovingBest | None
    overfitting: Overfitting | None
    shares: tuple[Share, ...]
    spread: NetworkSpread
    subgroups: tuple[Subgroup, ...]
    movers: tuple[Mover, ...]
    patients: tuple[PatientRow, ...]
    methods: str
    nothing_learned: bool


def conclude(
    results: Results,
    *,
    region: str | None = None,
    metric: str | None = None,
    margin: float | None = None,
    reference: str | None = None,
    looks: tuple[Look, ...] = (),
) -> Conclusion:
    """Conclude a study: its own question, or another one where something else is given.

    Args:
        looks: earlier looks at the primary question, from the study's ledger. The caller adds
            ``Conclusion.look`` to it.

    Raises:
        StudyError: if the question asks for something that the study does not have.
    """
    asked = ask(results, region=region, metric=metric, margin=margin, reference=reference)
    counts, validation = patient_counts(results), patient_counts(results, "validation")
    margins = _Margins(results, asked)
    table = score_table(results, counts, asked.region, asked.metric)
    look = _look(results, asked, table, looks)
    level = look.spent if look else LEVEL
    chosen_margin = asked.margin or margins(asked.region, asked.metric)
    shown = answer(
        table, chosen_margin, family=asked.family, reference=asked.reference, level=level
    )
    shown = margins.with_shifts(shown, asked.region, asked.metric)
    on_validation = score_table(results, validation, asked.region, asked.metric)
    validation_means = means_by_value(on_validation)
    what = swept_in_words(results.study, results.fields)
    what = f"combination ({what})" if ", " in what else what
    found, swept = points(results), axes(results)
    moving = moving_best(table, found, swept, asked.reference, chosen_margin)
    own = None if asked.region == ALL else asked.region
    baselines = baseline_means(results, counts, asked.region, asked.metric)
    blind = blind_score(baselines, asked.region, asked.metric, results.scheme.names[0])
    all_looks = looks if look is None or look in looks else (*looks, look)
    return Conclusion(
        asked=asked,
        shown=shown,
        exploratory=look is None,
        look=look,
        looks=all_looks,
        margin_by_default=asked.margin is None,
        spacing_mm=margins.outline(asked.region).spacing_mm,
        recommendation=recommend(
            shown,
            asked.default,
            {value: mean for value, mean in validation_means.items() if np.isfinite(mean)},
            what,
            blind,
        ),
        selection=select(on_validation, shown, asked.default),
        others=_others(results, counts, asked, margins),
        warnings=(
            *cautions(results),
            *early_cautions(results),
            *inert_values(results, table),
        ),
        baselines=baselines,
        gap=training_gap(results),
        collapse=collapses(results, counts, own),
        sensitivity=sensitivity(
            table,
            collapsed_mask(results, counts, own),
            chosen_margin,
            family=asked.family,
            reference=asked.reference,
            level=level,
        ),
        false_alarms=false_alarms(results, counts, own),
        missed=missed_patients(results, counts, own),
        rare_failures=rare_event_bound(table.patient_count),
        early_rule=early_findings(results),
        claims=paper_claims(results, counts, margins),
        interaction=interaction(
            table,
            found,
            asked.reference,
            {one.value: one.mean for one in shown.values},
            (shown.good_enough, shown.may_be_best),
            chosen_margin,
            hyperparameter_and_circumstance(swept) or swept,
        ),
        learning_curves=learning_curves(results, table, shown),
        moving_best=moving,
        overfitting=overfitting(results, asked.reference),
        shares=variance_shares(table),
        spread=network_spread(table),
        subgroups=subgroup_differences(results, asked, table),
        movers=slices_that_move(results, asked.region, asked.metric),
        patients=patients_table(table),
        methods=methods_paragraph(
            results,
            asked,
            shown,
            table,
            all_looks if look else (),
            default_margin=asked.margin is None,
        ),
        nothing_learned=nothing_learned(shown, blind),
    )


class _Margins:
    """The default margin of any region and metric in these data, and differences as shifts."""

    def __init__(self, results: Results, asked: Asked) -> None:
        counts = results.counts
        self._test = counts[counts["part"] == "test"]
        self._regions = results.scheme.names
        self._own = results.study.question.region if asked.region == ALL else asked.region
        self._outlines: dict[str, Outline] = {}

    def __call__(self, region: str, metric: str) -> float:
        if region != ALL:
            return shift_effect(self.outline(region), metric)
        if metric == "global_accuracy":
            return shift_effect(self.outline(ALL), metric)
        # one region's outline moves; the others hardly change, so the mean moves by its share
        return shift_effect(self.outline(ALL), metric.removeprefix("mean_")) / len(self._regions)

    def outline(self, region: str) -> Outline:
        """The region's outline; over all regions that of the question's region."""
        name = self._own if region == ALL else region
        if name not in self._outlines:
            self._outlines[name] = outline_of(self._test, name)
        return self._outlines[name]

    def with_shifts(self, shown: Answer, region: str, metric: str) -> Answer:
        """Each difference also as a shift of the outline."""
        effect, spacing = self(region, metric), self.outline(region).spacing_mm
        if not effect > 0:
            return shown
        comparisons = []
        for one in shown.comparisons:
            shift = SHIFT_PX * one.difference / effect
            mm = None if spacing is None else shift * spacing
            comparisons.append(replace(one, shift_px=shift, shift_mm=mm))
        return replace(shown, comparisons=tuple(comparisons))


def _look(
    results: Results, asked: Asked, table: ScoreTable, looks: tuple[Look, ...]
) -> Look | None:
    if not asked.primary:
        return None
    plain = {point.label: point.plain for point in points(results)}  # names may change
    values = [plain[value] for value in table.values]
    return next_look(looks, table.network_count, values, results.study.replicates.largest)


def _others(
    results: Results,
    counts: PatientCounts,
    asked: Asked,
    margin_of: Callable[[str, str], float],
) -> tuple[OtherAnswer, ...]:
    made = []
    for region in (*results.scheme.names, ALL):
        for metric in OVERALL_METRICS if region == ALL else REGION_METRICS:
            if (region, metric) == (asked.region, asked.metric):
                continue
            table = score_table(results, counts, region, metric)
            shown = answer(
                table,
                margin_of(region, metric),
                family=asked.family,
                reference=asked.reference,
                thorough=False,
            )
            floor = baseline_means(results, counts, region, metric)
            made.append(OtherAnswer(region, metric, shown, floor))
    return tuple(made)
