"""Metrics Reloaded: the problem's fingerprint and the chosen metrics, from a model card.

FP numbers are those of the published fingerprint (Maier-Hein, Reinke et al., Nature Methods 2024);
where a whole group is meant, the group's. What each asks is said in our own short words.
"""

from collections.abc import Iterator

from myosweep.analysis.card.checklist import Checklist, Item, Status
from myosweep.analysis.card.probabilities import probability_words
from myosweep.analysis.card.records import ModelCard, RegionScores, Scores
from myosweep.analysis.card.score_words import METRICS
from myosweep.analysis.number_words import counted, percent

SOURCE = (
    "Metrics Reloaded (Maier-Hein, Reinke et al., Nature Methods 2024; 21: 195–212): the "
    "fingerprint of the problem, and how metrics were chosen and applied. FP numbers are the "
    "framework’s; the wording is not."
)
_INTEREST, _STRUCTURES = "Fingerprint: interest", "Fingerprint: structures"
_DATA, _OUTPUT = "Fingerprint: data and reference", "Fingerprint: output"
_CHOICE, _APPLIED = "Choice of metrics", "Application of metrics"


def reloaded(card: ModelCard) -> Checklist:
    """The checklist, filled in from what the card knows."""
    items = (
        *_problem(card),
        *_interest(card),
        *_structures(card),
        *_data(card),
        *_output(card),
        *_choice(card),
        *_applied(card),
    )
    return Checklist("metrics-reloaded", "Metrics Reloaded checklist", SOURCE, items)


def _problem(card: ModelCard) -> Iterator[Item]:
    regions = len(card.architecture.regions)
    yield Item(
        "Fingerprint: problem",
        "FP1",
        "Category of the problem",
        "answered",
        f"Semantic segmentation: every pixel of a slice gets one of {regions} regions; single "
        "objects of a region are not told apart.",
    )


def _interest(card: ModelCard) -> Iterator[Item]:
    scores = card.scores
    tolerance = "" if scores is None else f" with a tolerance of {scores.tolerance_px:.2f} px"
    boundary = f"A boundary score (strict F1{tolerance}) stands beside overlap in any case."
    yield Item(_INTEREST, "FP2.1", "Do boundaries matter in particular?", "partly", boundary)
    clinical: tuple[Status, str] = (
        "partly",
        "Clinical measures were taken (`myosweep clinical`); the report says which, and which "
        "could not be.",
    )
    if not card.clinical:
        clinical = "open", "Volumes were not measured in this study (`myosweep clinical` does)."
    yield Item(_INTEREST, "FP2.2", "Do volumes matter in particular?", *clinical)
    yield Item(
        _INTEREST, "FP2.3", "Do centres or centre lines matter?", "open",
        "No metric of centre lines is computed.",
    )  # fmt: skip
    yield Item(
        _INTEREST, "FP2.5", "Are some errors worse than others?", "partly",
        "Too much and too little count alike in Dice and IoU; sensitivity stands beside them.",
    )  # fmt: skip
    imprecise = "The boundary score forgives errors within its tolerance."
    yield Item(_INTEREST, "FP2.5.7", "Are imprecise drawings forgiven?", "partly", imprecise)
    calibrated: tuple[Status, str] = (
        "open",
        "Not measured for this card (`myosweep calibrate` measures it).",
    )
    if card.probabilities is not None:
        calibrated = "partly", probability_words(card.probabilities)
    yield Item(_INTEREST, "FP2.7.1", "Must probabilities be calibrated?", *calibrated)


def _structures(card: ModelCard) -> Iterator[Item]:
    areas = [
        f"{one.region} {one.area_px[1]:.0f} ({one.area_px[0]:.0f} to {one.area_px[2]:.0f})"
        for one in _regions(card)
        if one.area_px is not None
    ]
    known: Status = "answered" if areas else "open"
    listed = f"Reference area per slice in px, median (5th to 95th percentile): {'; '.join(areas)}."
    told = listed if areas else ""
    yield Item(_STRUCTURES, "FP3.1", "Are structures small for the pixels?", known, told)
    yield Item(
        _STRUCTURES, "FP3", "Do their sizes vary much?", known, "See FP3.1." if areas else ""
    )
    yield Item(_STRUCTURES, "FP3.3", "Are they tubes?", "open")
    yield Item(
        _STRUCTURES, "FP3", "Can a region be in several pieces?", "partly",
        "Scores count pixels, not pieces, however many there are.",
    )  # fmt: skip


def _data(card: ModelCard) -> Iterator[Item]:
    shares = [
        f"{one.region} {percent(one.pixel_share)}"
        for one in _regions(card)
        if one.pixel_share is not None
    ]
    yield Item(
        _DATA,
        "FP4",
        "Are classes very unequal?",
        "answered" if shares else "open",
        f"Share of the labelled test pixels: {'; '.join(shares)}." if shares else "",
    )
    yield Item(_DATA, "FP4.2", "Are classes as frequent as in the population?", "open")
    yield Item(
        _DATA, "FP4.3.1", "Do annotators differ much?", "open",
        "The dataset holds one reference per slice.",
    )  # fmt: skip
    yield Item(
        _DATA, "FP4", "Do test cases depend on each other?", "answered",
        "Slices of a patient do: the patient is the unit of means and intervals.",
    )  # fmt: skip
    absent = [f"{one.region} {one.absent} of {one.present + one.absent}" for one in _regions(card)]
    rule = "They are left out of that region’s scores; what is marked there counts as false alarm."
    yield Item(
        _DATA,
        "FP4.6",
        "Can the reference lack a region?",
        "answered" if absent else "open",
        f"Test slices without it: {'; '.join(absent)}. {rule}" if absent else "",
    )


def _output(card: ModelCard) -> Iterator[Item]:
    yield Item(
        _OUTPUT, "FP5", "Are class probabilities there?", "answered",
        "Yes, one for each region and pixel; masks are the most probable region.",
    )  # fmt: skip
    missed = [
        f"{one.region} {percent(one.missed)}" for one in _regions(card) if one.missed is not None
    ]
    yield Item(
        _OUTPUT,
        "FP5.2",
        "Can a prediction lack a region?",
        "answered" if missed else "open",
        f"Share of the slices that have it: {'; '.join(missed)}. It scores 0 there."
        if missed
        else "",
    )
    diverged = sum(one.status == "diverged" for one in card.networks)
    yield Item(
        _OUTPUT, "FP5", "Can an answer be invalid?", "answered",
        f"{counted(diverged, 'network')} diverged; pixels without an answer count as missed.",
    )  # fmt: skip


def _choice(card: ModelCard) -> Iterator[Item]:
    scores = card.scores
    primary = (
        "" if scores is None else f" Primary: {METRICS[scores.metric]} of the {scores.region}."
    )
    yield Item(
        _CHOICE, "–", "Overlap", "answered",
        f"Dice and IoU per region; they say the same, so one alone decides.{primary}",
    )  # fmt: skip
    yield Item(
        _CHOICE, "–", "Boundary", "answered",
        "Boundary F1: both outlines within the tolerance of each other; a missed region counts 0.",
    )  # fmt: skip
    yield Item(
        _CHOICE, "–", "Classes", "answered",
        "Every region has its own scores; no mean over regions stands on the card.",
    )  # fmt: skip


def _applied(card: ModelCard) -> Iterator[Item]:
    scores = card.scores
    yield Item(
        _APPLIED, "–", "Aggregation", "answered",
        "First within a patient (pooled pixels; boundary F1: mean of slices), then over patients.",
    )  # fmt: skip
    yield Item(_APPLIED, "–", "Uncertainty", *_uncertainty(scores))
    ranking: tuple[Status, str] = ("open", "")
    if scores is not None:
        ranking = (
            "answered",
            (
                f"{counted(scores.values, 'value')} compared on one primary metric, with "
                "simultaneous intervals; see the report."
            ),
        )
    yield Item(_APPLIED, "–", "Ranking, and how sure it is", *ranking)
    yield Item(
        _APPLIED, "–", "Single values", "answered",
        "Counts of every slice, region and run: `myosweep table`; figures in the report.",
    )  # fmt: skip


def _uncertainty(scores: Scores | None) -> tuple[Status, str]:
    if scores is None:
        return "open", "Nothing was scored on test patients."
    return "answered", "95 % intervals over test patients, for these networks; see the model card."


def _regions(card: ModelCard) -> tuple[RegionScores, ...]:
    return card.scores.regions if card.scores else ()
