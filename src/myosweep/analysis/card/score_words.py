"""Scores, groups and failures of a model card in words."""

from collections.abc import Iterator

from myosweep.analysis.card.parts import NONE, CardTable, Part, mean_words
from myosweep.analysis.card.records import FailureGroup, Failures, ModelCard, Scores, WorstSlice
from myosweep.analysis.number_words import counted, listed, number, percent
from myosweep.analysis.scores import MAJORITY, NO_IMAGE
from myosweep.statistics.intervals import rare_event_bound
from myosweep.statistics.score_table import estimand_words

METRICS = {"dice": "Dice", "iou": "IoU", "bf_strict": "Boundary F1", "accuracy": "Sensitivity"}
_COLUMNS = ("dice", "bf_strict", "accuracy")
"""IoU says the same as Dice; it stands in the JSON file."""
_FACTORS = {
    "level": "Level",
    "site": "Site",
    "vendor": "Vendor",
    "infarct size": "Infarct in the reference",
}


def score_part(card: ModelCard) -> Part:
    """Scores of every region on the test patients, and what needs no image."""
    scores = card.scores
    if scores is None:
        return Part("scores", "Scores on test patients", (card.no_scores,))
    tables = [_scores_table(scores)]
    if any(one.baselines for one in scores.regions):
        tables.append(_baselines_table(scores))
    tables.append(_slices_table(scores))
    return Part("scores", "Scores on test patients", (_whose(scores),), tables=tuple(tables))


def _whose(scores: Scores) -> str:
    text = "Scores are those of one network."
    if scores.kind == "ensemble":
        whose = (
            "means over several ensembles of these networks"
            if scores.networks > 1
            else ("those of the networks together (mean of their probabilities)")
        )
        text = f"Scores are {whose}."
    elif scores.networks > 1:
        text = (
            f"Scores are means over {scores.networks} networks, each on its own. Together, as "
            "`myosweep predict` uses them, they were not scored here (`myosweep ensemble` does)."
        )
    return (
        f"{text} Each patient’s pixels are pooled (boundary F1: mean over slices), then patients "
        f"are averaged; intervals are 95 % and hold for {estimand_words('patients')}. A region "
        "that is missed scores 0; slices whose reference lacks it are left out."
    )


def _scores_table(scores: Scores) -> CardTable:
    rows = [
        (
            one.region,
            str(one.scores["dice"].patients),
            *(mean_words(one.scores[name]) for name in _COLUMNS),
        )
        for one in scores.regions
    ]
    return CardTable(
        f"Scores per region, from 0 to 1; boundaries agree within {scores.tolerance_px:.2f} px.",
        ("Region", "Patients", *(METRICS[name] for name in _COLUMNS)),
        tuple(rows),
    )


def _baselines_table(scores: Scores) -> CardTable:
    names = [
        name for name in (NO_IMAGE, MAJORITY) if any(name in r.baselines for r in scores.regions)
    ]
    rows = []
    for one in scores.regions:
        floor = [one.baselines.get(name, {}).get("dice") for name in names]
        own = one.scores["dice"].mean
        cells = [NONE if x is None else number(x) for x in (own, *floor)]
        rows.append((one.region, *cells))
    return CardTable(
        "Dice of the networks beside that of predictors that never look at the image.",
        ("Region", "Networks", *(name.capitalize() for name in names)),
        tuple(rows),
    )


def _slices_table(scores: Scores) -> CardTable:
    rows = []
    for one in scores.regions:
        missed = NONE if one.missed is None else percent(one.missed)
        alarms = NONE if one.false_alarms is None else percent(one.false_alarms)
        area = NONE
        if one.area_px is not None:
            low, middle, high = one.area_px
            area = f"{middle:.0f} ({low:.0f} to {high:.0f})"
        rows.append((one.region, str(one.present), missed, str(one.absent), alarms, area))
    return CardTable(
        "Test slices with and without each region in the reference: how often the networks miss "
        "it altogether, how often they mark it where it is not, and its area (median, 5th to 95th "
        "percentile).",
        ("Region", "With", "Missed", "Without", "False alarms", "Area, px"),
        tuple(rows),
    )


def group_part(card: ModelCard) -> Part | None:
    """Scores in groups of patients; None where no groups are known."""
    scores = card.scores
    if scores is None or not scores.groups:
        return None
    rows = tuple(
        (_FACTORS[one.factor], one.group, str(one.score.patients), mean_words(one.score))
        for one in scores.groups
    )
    sentences = []
    if scores.small_groups:
        sentences.append(
            f"{counted(scores.small_groups, 'group')} with fewer than three patients left out."
        )
    name = METRICS[scores.metric]
    table = CardTable(
        f"{name} of the {scores.region} in groups of the test patients (level: of their slices); "
        "intervals are not adjusted for their number.",
        ("Kind", "Group", "Patients", name),
        rows,
    )
    return Part("groups", "Subgroups", tuple(sentences), tables=(table,))


def failure_part(card: ModelCard) -> Part:
    """Known failures, and what so few patients cannot rule out."""
    title = "Known failures"
    found = card.scores.failures if card.scores else None
    if found is None:
        return Part("failures", title, ("Not known: nothing was scored on test patients.",))
    sentences = tuple(_failure_sentences(found))
    return Part("failures", title, sentences, tables=tuple(_failure_tables(found)))


def _failure_sentences(found: Failures) -> Iterator[str]:
    what = f"a Dice of the {found.region} below {found.threshold:g}"
    if not found.patients_failing:
        bound = percent(rare_event_bound(found.patients))
        yield (
            f"No test slice has {what}, by any network. {counted(found.patients, 'patient')} "
            f"cannot rule out that this happens in up to {bound} of patients."
        )
        return
    yield (
        f"{percent(found.share)} of {counted(found.slices, 'test slice')} with {found.region} have "
        f"{what} (mean over networks). Such slices, by any of the networks, occur in "
        f"{found.patients_failing} of {counted(found.patients, 'patient')}; by any of them in new "
        f"patients, between {percent(found.low)} and {percent(found.high)} (exact 95 % interval)."
    )
    if found.collapsed:
        yield (
            f"{counted(found.collapsed, 'network')} found nothing of the {found.region} in any "
            "patient."
        )
    ranked = sorted(found.groups, key=lambda one: -one.share)
    if above := [one for one in ranked[:2] if one.share > found.share]:
        named = [f"{_group_words(one)} ({percent(one.share)})" for one in above]
        yield f"Most frequent: {listed(named)}."


def _group_words(one: FailureGroup) -> str:
    return one.group if one.factor == "level" else f"{one.group} of hearts"


def _failure_tables(found: Failures) -> Iterator[CardTable]:
    if found.groups and found.patients_failing:
        rows = tuple(
            (one.factor.capitalize(), one.group, str(one.slices), percent(one.share))
            for one in found.groups
        )
        caption = "Share of test slices that fail, by level and by size of the heart."
        yield CardTable(caption, ("Kind", "Group", "Slices", "Failing"), rows)
    if found.worst:
        yield CardTable(
            "The worst test slices (mean over networks). Missed and too much: shares of the "
            "reference’s area. Who they belong to is not said here.",
            ("Dice", "Level", "Heart", f"Reference of the {found.region}", "Missed", "Too much"),
            tuple(map(_worst, found.worst)),
        )


def _worst(one: WorstSlice) -> tuple[str, ...]:
    area = f"{one.area_px} px"
    if one.area_cm2 is not None:
        area += f" ({one.area_cm2:.1f} cm²)"
    level = one.level or "not known"
    return (
        number(one.dice), level, one.heart_size, area, percent(one.missed), percent(one.extra)
    )  # fmt: skip
