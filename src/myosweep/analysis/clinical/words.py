"""Clinical findings in plain English: the conclusion first, then what limits it."""

import math
from collections.abc import Iterator, Sequence

from myosweep.analysis.clinical.agreement import ValueAgreement
from myosweep.analysis.clinical.findings import (
    BY_FWHM,
    BY_SD,
    MASS,
    SIZE,
    ClinicalFindings,
    MeasureFinding,
)
from myosweep.analysis.comparison_words import comparison_sentence, interval_words
from myosweep.analysis.number_words import counted, listed, number
from myosweep.metrics.clinical import NOT_ALIGNED
from myosweep.results.clinical import ClinicalFacts
from myosweep.statistics.answer import Answer
from myosweep.statistics.score_table import estimand_words
from myosweep.statistics.verdicts import Comparison, Verdict

INFARCT_CV = (0.08, 0.15)
"""Coefficient of variation of infarct size between three core labs (JCMR 2017;19:62)."""
MASS_RANGE_G = (20, 35)
"""Range of left-ventricular mass between seven core labs, cine images (JCMR 2015;17:63)."""
_SHOWN = 5

_LARGER: dict[Verdict, str] = {
    "better": "larger",
    "better, size uncertain": "larger, size uncertain",
    "not worse": "not smaller",
    "practically equivalent": "same",
    "undecided": "undecided",
    "not better": "not larger",
    "worse, size uncertain": "smaller, size uncertain",
    "worse": "smaller",
    "not known": "not known",
}


def size_verdict(one: Comparison) -> str:
    """A verdict on a measure of which neither more nor less is better.

    ``same`` is by less than the margin, ``not smaller`` is not by the margin or more.
    """
    return _LARGER[one.verdict]


def conclusion_sentences(found: ClinicalFindings, field: str) -> tuple[str, ...]:
    """Whether the values change infarct size and mass, in plain words.

    Args:
        field: what is swept, such as ``L2 strength``.
    """
    sentences = [
        sentence for one in found.judged for sentence in _of_measure(one, found.facts, field)
    ]
    if found.of(SIZE.column, BY_SD.column) is None:
        sentences.insert(0, _no_infarct())
    first = found.measures[0] if found.measures else None
    if first is not None:
        sentences.append(
            f"These statements hold for {estimand_words(first.estimand)}. They are exploratory: "
            "the study's own question is another one."
        )
    return tuple(sentences)


def _no_infarct() -> str:
    return (
        "Infarct size: not measured, since neither these networks nor thresholds give one; see "
        "the warnings."
    )


def _of_measure(one: MeasureFinding, facts: ClinicalFacts, field: str) -> Iterator[str]:
    name = _name(one, facts)
    agreement = one.agreement
    if agreement.sizes is not None:
        yield f"{name}: {_effect(agreement.sizes, one, field)}"
    elif agreement.margin is None:
        yield (
            f"{name}: no verdict, since 5 g cannot be told in pixels; bias and limits are given in "
            "pixels."
        )
    yield _biases(one, name)
    yield from _errors(one, field)
    if (noise := reader_noise(one)) is not None:
        yield noise


def _name(one: MeasureFinding, facts: ClinicalFacts) -> str:
    words = one.measure.words[:1].upper() + one.measure.words[1:]
    if one.measure.column == BY_SD.column:
        return f"{words} ({facts.n_sd:g} SD above remote, inside each network's own myocardium)"
    return words


def _effect(sizes: Answer, one: MeasureFinding, field: str) -> str:
    """Whether the value changes the measure, over all comparisons."""
    same = [c for c in sizes.comparisons if c.verdict == "practically equivalent"]
    changed = [c for c in sizes.comparisons if c.decided and c not in same]
    open_ones = [c for c in sizes.comparisons if not c.decided]
    margin = f"{one.agreement.margin:g} {one.measure.unit}"
    if len(same) == len(sizes.comparisons):
        largest = max(max(abs(c.low), abs(c.high)) for c in same)
        return (
            f"it does not depend on {field} by as much as {margin}: between the compared values it "
            f"differs by at most {_unit(largest, one)}."
        )
    parts = [
        f"{field} {c.value} measures {_difference(c, one, sizes)} than {c.other}" for c in changed
    ]
    if same:
        pairs = listed([f"{c.value} and {c.other}" for c in same])
        parts.append(f"practically the same (within {margin}): {pairs}")
    if open_ones:
        pairs = listed(
            [f"{c.value} against {c.other} ({_between(c, one, sizes)})" for c in open_ones]
        )
        parts.append(f"not decided at a margin of {margin}: {pairs}")
    return "; ".join(parts) + "."


def _difference(c: Comparison, one: MeasureFinding, sizes: Answer) -> str:
    side = "more" if c.difference > 0 else "less"
    sure = "" if c.verdict in ("better", "worse") else ", by how much is uncertain"
    return f"{_unit(abs(c.difference), one)} {side} ({_between(c, one, sizes)}{sure})"


def _between(c: Comparison, one: MeasureFinding, sizes: Answer) -> str:
    low, high = (number(x, one.measure.decimals, sign=True) for x in (c.low, c.high))
    return interval_words(low, high, sizes)


def _unit(x: float, one: MeasureFinding) -> str:
    return f"{number(x, one.measure.decimals)}\u00a0{_short(one)}"


def _short(one: MeasureFinding) -> str:
    return "%" if one.measure.unit.startswith("%") else one.measure.unit


def _errors(one: MeasureFinding, field: str) -> Iterator[str]:
    """Values whose networks err by more, or by less, than those that they are compared with."""
    if (errors := one.agreement.errors) is None:
        return
    what = f"the error of {one.measure.words} ({one.measure.unit}, without its sign)"
    for c in errors.comparisons:
        if c.decided and c.verdict != "practically equivalent":
            yield comparison_sentence(c, errors, what, field)


def _biases(one: MeasureFinding, name: str) -> str:
    """Bias and limits of the values with the smallest and the largest bias."""
    values = [v for v in one.agreement.values if math.isfinite(v.bias.difference)]
    if not values:
        return f"{name}: no network measured a patient of the reference."
    ordered = sorted(values, key=lambda v: v.bias.difference)
    shown = ordered if len(ordered) < 2 else (ordered[0], ordered[-1])
    biases = [_unit_signed(v.bias.difference, one) for v in shown]
    told = listed([f"{bias} at {v.value}" for bias, v in zip(biases, shown, strict=True)])
    if len(set(biases)) == 1 and len(values) > 1:
        told = f"{biases[0]} at every value"
    worst = max(values, key=lambda v: v.sd if math.isfinite(v.sd) else -1)
    mean = f"{number(one.agreement.reference_mean, one.measure.decimals)}\u00a0{one.measure.unit}"
    return (
        f"Against the manual masks (mean {mean}, {counted(worst.patients, 'patient')}) the bias is "
        f"{told}{_judged(shown, one)}; in single patients a network is off by "
        f"{limits_words(worst, one)}\u00a0{_short(one)} (limits of agreement, {worst.value})."
    )


def _judged(shown: Sequence[ValueAgreement], one: MeasureFinding) -> str:
    if one.agreement.margin is None:
        return ""
    if all(v.bias.verdict == "practically equivalent" for v in shown):
        return f", within {one.agreement.margin:g}\u00a0{_short(one)}"
    return ""


def _unit_signed(x: float, one: MeasureFinding) -> str:
    return f"{number(x, one.measure.decimals, sign=True)}\u00a0{_short(one)}"


def limits_words(v: ValueAgreement, one: MeasureFinding) -> str:
    """Limits of agreement, without their unit."""
    if not math.isfinite(v.sd):
        return "–"
    low, high = (number(x, one.measure.decimals, sign=True) for x in (v.lower, v.upper))
    return f"{low} to {high}"


def reader_noise(one: MeasureFinding) -> str | None:
    """How far readers are apart in a measure, beside what networks are; None where not known."""
    mean = one.agreement.reference_mean
    if one.measure.column in (SIZE.column, BY_SD.column, BY_FWHM.column):
        low, high = (share * mean for share in INFARCT_CV)
        return (
            "Readers: between three core labs infarct size had a coefficient of variation of 8 "
            f"to 15\u00a0% (JCMR 2017;19:62), here {number(low, 1)} to {number(high, 1)}\u00a0% of "
            "the myocardium."
        )
    if one.measure.column == MASS.column:
        low_g, high_g = MASS_RANGE_G
        return (
            f"Readers: left-ventricular mass differed by {low_g} to {high_g}\u00a0g between seven "
            "core labs (cine images, JCMR 2015;17:63)."
        )
    return None


def warnings(found: ClinicalFindings) -> tuple[tuple[str, str], ...]:
    """What to know before using the numbers: topic and text."""
    return (*_of_geometry(found.facts), *_of_infarct(found), *_of_networks(found))


def _of_geometry(facts: ClinicalFacts) -> Iterator[tuple[str, str]]:
    unknown = facts.patients - facts.spacing_known
    if unknown:
        yield (
            "Unknown spacing",
            f"The distances of pixels or slices are not known for {unknown} of "
            f"{counted(facts.patients, 'patient')}: of these nothing is told in ml or g, and where "
            "pixel distances are missing nothing in mm, no directions and no transmurality. Shares "
            "of the myocardium are told, from pixels. Give spacing_mm and slice_spacing_mm with "
            "`myosweep import ... --table`.",
        )
    if facts.oval * 4 >= facts.patients and facts.oval:
        yield (
            "Distorted images",
            f"In {facts.oval} of {counted(facts.patients, 'patient')} the left ventricle's long "
            "axis is more than 1.2 times its short axis: the images seem to be stretched along one "
            "direction. Shares of the myocardium stay right if all slices of a patient are "
            "stretched alike; volumes, masses and lengths do not. See `myosweep audit`.",
        )
    for names, topic, text in (
        (facts.gaps, "Incomplete stacks", "slices are missing between others"),
        (facts.partial, "Incomplete stacks", "some slices are in another part of the split"),
        (facts.several_spacings, "Several spacings", "slices have different spacings"),
    ):
        if names:
            yield (
                topic,
                f"In {counted(len(names), 'patient')} ({_some(names)}) {text}; their volumes and "
                "masses are those of the slices at hand, or not told.",
            )


def _of_infarct(found: ClinicalFindings) -> Iterator[tuple[str, str]]:
    facts = found.facts
    if not facts.tells_infarct:
        yield (
            "No infarct in the reference",
            "The reference's regions do not tell infarct apart. If its codes do, name them with "
            "--regions five.",
        )
    if facts.n_sd is not None:
        yield "Infarct by thresholds", _by_thresholds(facts.n_sd, half=facts.half_maximum)
    others = facts.in_plane_known - facts.aligned
    if others and facts.tells_infarct and facts.n_sd is None:
        yield (
            "Segments",
            f"{others} of {counted(facts.patients, 'patient')} have six "
            f"equal sectors in place of AHA segments, {NOT_ALIGNED}, from "
            f"{facts.sector_start_deg:g} degrees of the image (0 is its right): AHA segments need "
            "the right ventricle's insertion (--rv-insertion) and levels of slices.",
        )


def _by_thresholds(n_sd: float, *, half: bool) -> str:
    text = (
        f"These networks mark no infarct. It is found in the images, by {n_sd:g} standard "
        "deviations above remote myocardium (the darkest sixth of each slice), inside each "
        "network's myocardium and inside the manual one, and the two are compared. It is not "
        "the manual infarct."
    )
    if half:
        return text
    return (
        f"{text} Half of the maximum is not taken: nobody has said which grey value means no "
        "signal (--signal-zero; 0 for magnitude images)."
    )


def _of_networks(found: ClinicalFindings) -> Iterator[tuple[str, str]]:
    if nothing := sum(one.nothing_found for one in found.extras):
        yield (
            "Nothing found",
            f"In {counted(nothing, 'pair')} of network and patient no myocardium was found; mass "
            "and infarct count as 0 there.",
        )
    if found.not_measured:
        yield (
            "Networks left out",
            f"{counted(found.not_measured, 'network')} of the study are not in the table: they "
            "were finished later, or have no masks of whole patients. Measure again with `myosweep "
            "clinical`.",
        )


def _some(names: tuple[str, ...]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
