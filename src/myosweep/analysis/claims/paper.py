"""The paper's claims, put to the test on these data.

A claim of several parts is supported if every part holds at one-sided 2.5 % (intersection-union:
no adjustment is needed, since all must hold), contradicted if any part goes the other way after
Bonferroni over the parts, and without practical difference if every interval lies within its
margin. Claims F and G rest on a ratio, judged against 1.

The paper's own three values are compared if all of them were tested; otherwise all values above 0,
and the smallest of them stands for the paper's 0.00005. 0 is no small value but no L2 at all.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from myosweep.analysis.claims.displacement import displacements
from myosweep.analysis.claims.parts import (
    METRIC_WORDS,
    Claim,
    ClaimPart,
    all_above,
    claim,
    claim_parts,
    not_all_above,
    ratio_claim,
)
from myosweep.analysis.compare import PAPER_VALIDATION_ACCURACY
from myosweep.analysis.number_words import counted, listed, number
from myosweep.analysis.patient_scores import PatientCounts, score_table, strict_metric
from myosweep.analysis.points import Point, fields_in_words, points
from myosweep.analysis.scores import ALL
from myosweep.analysis.shares import network_spread
from myosweep.results.read import Results
from myosweep.statistics.contrasts import (
    differences,
    estimate,
    pair_contrasts,
    pairs,
)
from myosweep.statistics.intervals import LEVEL, bounds, simultaneous_level
from myosweep.statistics.score_table import ScoreTable, estimand_words

__all__ = ["Claim", "ClaimPart", "paper_claims"]

_FIELD = "l2.strength"
_LETTERS = ("A", "B", "C", "D1", "D2", "E", "F", "G")
_REGIONS = 3
_LOCAL = ("accuracy", "iou", "bf_strict")
_GLOBAL = ("global_accuracy", "mean_accuracy", "mean_iou", "mean_bf_strict")


@dataclass(frozen=True, eq=False)
class _Study:
    """What every claim needs: the tables, and the chosen points from the largest L2 down."""

    results: Results
    counts: PatientCounts
    margin_of: Callable[[str, str], float]
    chosen: tuple[Point, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(point.label for point in self.chosen)

    @property
    def smallest(self) -> str:
        return self.labels[-1]

    @property
    def regions(self) -> tuple[str, ...]:
        return self.results.scheme.names[:_REGIONS]

    def table(self, region: str, metric: str) -> ScoreTable:
        """Pooled scores, as the paper's, of the chosen values, from the largest L2 down."""
        return self.restricted(score_table(self.results, self.counts, region, metric, pooled=True))

    def restricted(self, table: ScoreTable) -> ScoreTable:
        """The chosen values alone."""
        rows = [table.values.index(label) for label in self.labels]
        return replace(table, values=self.labels, scores=np.ascontiguousarray(table.scores[rows]))


def paper_claims(
    results: Results, counts: PatientCounts, margin_of: Callable[[str, str], float]
) -> tuple[Claim, ...]:
    """All claims of the paper, in its order.

    Args:
        counts: of the test part.
        margin_of: the smallest difference that matters, by region (or ``ALL``) and metric. For
            regions it is asked for accuracy, IoU and strict BF, for ``ALL`` for the global and the
            mean accuracy, mean IoU and mean strict BF.

    Returns:
        Eight claims. All are ``not applicable`` unless the strength of the L2 penalty is the one
        field that was swept, with two values above 0, on at least three regions.
    """
    found = points(results)
    if reason := _why_not(results, found):
        names = [f"region {number}" for number in range(1, _REGIONS + 1)]
        statements = _statements(names, "0.00005")
        return tuple(
            Claim(letter, statements[letter], "not applicable", reason) for letter in _LETTERS
        )
    study = _Study(results, counts, margin_of, _chosen(found))
    named = [f"region {k} ({name})" for k, name in enumerate(study.regions, start=1)]
    statements = _statements(named, study.smallest)
    claims = (
        _best("A", study, study.regions[0], _LOCAL),
        _only_overlap(study),
        _best("C", study, study.regions[2], _LOCAL),
        _best("D1", study, ALL, _GLOBAL),
        _area_falls(study),
        _validation_rises(study),
        _outlines_move(study),
        _strong_influence(study),
    )
    note = _values_note(found, study)
    return tuple(
        replace(one, statement=statements[one.letter], evidence=f"{one.evidence} {note}")
        for one in claims
    )


def _why_not(results: Results, found: Sequence[Point]) -> str:
    """Why the claims cannot be put to these data; empty if they can."""
    if results.fields != (_FIELD,):
        return (
            "The claims are about the L2 strength alone, and this study varies: "
            f"{fields_in_words(results.fields) if results.fields else 'nothing'}."
        )
    if results.study.settings.get("l2.kind", "penalty") != "penalty":
        return "The claims are about L2 as a penalty, and this study uses decoupled L2."
    regions = len(results.scheme.names)
    if regions < _REGIONS:
        return f"The claims are about three regions, and this study has {regions}."
    tested = len(_above_zero(found))
    if tested < 2:
        return f"Two values above 0 are needed, and {tested or 'none'} has finished networks."
    return ""


def _statements(regions: Sequence[str], smallest: str) -> dict[str, str]:
    one, two, three = regions
    best = f"the smallest L2 strength, {smallest}, is best in"
    return {
        "A": f"In {one} {best} accuracy, IoU and BF score.",
        "B": f"In {two} {best} accuracy and IoU, but not in BF score.",
        "C": f"In {three} {best} accuracy, IoU and BF score.",
        "D1": f"Over all regions {best} accuracy, IoU and BF score.",
        "D2": "The smaller the L2 strength, the smaller the area in which the network's masks "
        "differ from the manual ones, at every step.",
        "E": "Final validation accuracy rises at every step to a smaller L2 strength.",
        "F": f"The outlines of {three} are very sensitive to the L2 strength.",
        "G": "The L2 strength has a strong influence on the segmentation.",
    }


def _strength(point: Point) -> float:
    value = dict(point.values).get(_FIELD)
    return float(value) if isinstance(value, int | float) else 0.0


def _above_zero(found: Iterable[Point]) -> tuple[Point, ...]:
    """Points with an L2 above 0, from the largest down."""
    return tuple(sorted((p for p in found if _strength(p) > 0), key=_strength, reverse=True))


def _chosen(found: Iterable[Point]) -> tuple[Point, ...]:
    """The paper's three values if all were tested, else all above 0."""
    tested = _above_zero(found)
    papers = tuple(point for point in tested if _strength(point) in PAPER_VALIDATION_ACCURACY)
    return papers if len(papers) == len(PAPER_VALIDATION_ACCURACY) else tested


def _values_note(found: Sequence[Point], study: _Study) -> str:
    if {_strength(point) for point in study.chosen} == set(PAPER_VALIDATION_ACCURACY):
        more = len(found) - len(study.chosen)
        return "The paper's three values are compared" + (
            f"; {counted(more, 'other value')} took no part." if more else "."
        )
    return (
        f"Compared are {listed(study.labels)}: {study.smallest} is the smallest value tested above "
        "0 and stands for the paper's 0.00005."
    )


def _best(letter: str, study: _Study, region: str, metrics: Sequence[str]) -> Claim:
    """A, C, D1: the smallest value beats every other one in every metric."""
    count = len(metrics) * (len(study.chosen) - 1)
    return all_above(letter, _against_others(study, region, metrics, count))


def _only_overlap(study: _Study) -> Claim:
    """B: best in accuracy and IoU, and another value better in BF.

    Not being best in BF is judged as one more part: some other value is better there.
    """
    region, others = study.regions[1], len(study.chosen) - 1
    count = 2 * others + 1
    overlap = _against_others(study, region, ("accuracy", "iou"), count)
    boundary = _against_others(study, region, ("bf_strict",), count)
    parts = overlap + boundary
    better = min(boundary, key=lambda part: part.high_all)
    if all(part.low > 0 for part in overlap) and better.high_all < 0:
        nearest = min(overlap, key=lambda part: part.low)
        evidence = f"Best in accuracy and IoU; nearest to 0: {nearest.words}. But {better.words}."
        return claim("B", "supported", evidence, parts)
    if all(part.low_all > 0 for part in boundary):
        nearest = min(boundary, key=lambda part: part.low_all)
        evidence = f"{study.smallest} is best in BF as well; nearest to 0: {nearest.words}."
        return claim("B", "contradicted", evidence, parts)
    if all(part.low > 0 for part in overlap) and not all(part.equivalent for part in parts):
        evidence = f"Best in accuracy and IoU; in BF it is not decided: {better.words}."
        return claim("B", "undecided", evidence, parts)
    return not_all_above("B", parts, overlap)


def _area_falls(study: _Study) -> Claim:
    """D2: the area in which a mask differs from the manual one, all regions together."""
    accuracy = study.restricted(score_table(study.results, study.counts, ALL, "global_accuracy"))
    of_patient = {
        patient: float(labelled.max() / slices.max())
        for patient, labelled, slices in zip(
            study.counts.patients, study.counts.labelled.T, study.counts.slices.T, strict=True
        )
        if slices.any()
    }
    pixels = np.array([of_patient[patient] for patient in accuracy.patients])
    areas = replace(accuracy, scores=(1 - accuracy.scores) * pixels)
    margin = study.margin_of(ALL, "global_accuracy") * float(pixels.mean())
    steps = [(k, k + 1) for k in range(len(study.labels) - 1)]
    d = differences(areas, pair_contrasts(steps, len(study.labels)))
    parts = claim_parts(d, ALL, "area", _downwards(study), margin, len(steps))
    return all_above("D2", parts)


def _validation_rises(study: _Study) -> Claim:
    """E: final validation accuracy, paired by network."""
    accuracy = study.results.runs.set_index("run")["validation_accuracy"].astype(float)
    by_seed = [
        {seed: float(accuracy[run]) for run, seed in zip(p.runs, p.seeds, strict=True)}
        for p in study.chosen
    ]
    if not np.isfinite([x for of_point in by_seed for x in of_point.values()]).any():
        why = "No validation accuracy is known: the networks were not trained here."
        return Claim("E", "", "not applicable", why)
    seeds = sorted(set().union(*by_seed))
    table = np.array([[of_point.get(seed, np.nan) for seed in seeds] for of_point in by_seed])
    d = (table[1:] - table[:-1])[:, :, None]
    margin = study.margin_of(ALL, "global_accuracy")
    steps = _downwards(study)
    return all_above("E", claim_parts(d, ALL, "validation_accuracy", steps, margin, len(d)))


def _outlines_move(study: _Study) -> Claim:
    """F: contours move more between values than between networks of one value."""
    region = study.regions[2]
    found = displacements(study.results, region, study.chosen)
    if found is None:
        return Claim("F", "", "not applicable", "No masks are there to measure outlines on.")
    evidence = (
        f"The contours of two adjacent values lie {number(found.between_values_px, 2)} px apart on "
        f"average, those of two networks of one value {number(found.between_networks_px, 2)} px."
    )
    if study.results.study.replicates.design == "folds":
        evidence += " The latter also have other training patients."
    return ratio_claim(
        "F",
        evidence,
        region,
        ("adjacent values", "networks of one value"),
        (found.ratio, found.low, found.high),
        estimand_words(found.estimand),
    )


def _strong_influence(study: _Study) -> Claim:
    """G: the range of the values' means against twice the spread between networks of one value.

    The range lies between bounds of the simultaneous intervals of all pairs, the spread in its
    chi-squared interval; each at 97.5 %, so that the ratio's interval holds with 95 %.
    """
    region = study.results.study.question.region
    metric = strict_metric(study.results.study.question.metric)
    table = study.table(region, metric)
    spread = network_spread(table)
    chosen = pairs(len(table.values))
    d = differences(table, pair_contrasts(chosen, len(table.values)))
    if not spread.sd > 0 or not np.isfinite(d).any((1, 2)).all():
        why = (
            "How far networks of one value lie apart is not known: no two of them have scores of "
            "the same patients, or they are all alike."
        )
        return Claim("G", "", "undecided", why)
    found = estimate(table, pair_contrasts(chosen, len(table.values)))
    each = simultaneous_level(found.correlation, found.df, LEVEL / 2)
    low, high = bounds(found, each)
    least, most = max(0.0, float(np.maximum(low, -high).max())), float(np.maximum(-low, high).max())
    below, above = spread.interval(LEVEL / 2)
    wide = float(np.abs(found.mean).max())
    evidence = (
        f"The means of {METRIC_WORDS[metric]} of the {region} span {number(wide, 4)}; the standard "
        f"deviation between networks of one value is {number(spread.sd, 4)}. The range is compared "
        "with twice that."
    )
    return ratio_claim(
        "G",
        evidence,
        region,
        ("range of the values' means", "two standard deviations between networks"),
        (wide / (2 * spread.sd), least / (2 * above), most / (2 * below)),
        estimand_words(found.estimand),
    )


def _downwards(study: _Study) -> list[tuple[str, str]]:
    """Adjacent labels, the smaller value first."""
    return [(smaller, larger) for larger, smaller in pairwise(study.labels)]


def _against_others(
    study: _Study, region: str, metrics: Sequence[str], count: int
) -> tuple[ClaimPart, ...]:
    """The smallest value minus each other one, metric by metric."""
    last = len(study.labels) - 1
    names = [(study.smallest, label) for label in study.labels[:-1]]
    contrasts = pair_contrasts([(last, v) for v in range(last)], last + 1)
    return tuple(
        part
        for metric in metrics
        for part in claim_parts(
            differences(study.table(region, metric), contrasts),
            region,
            metric,
            names,
            study.margin_of(region, metric),
            count,
        )
    )
