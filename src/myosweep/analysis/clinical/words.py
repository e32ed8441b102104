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
from myosweep.analysis.number_words import capital, counted, listed, number
from myosweep.results.clinical import ClinicalFacts
from myosweep.statistics.answer import Answer
from myosweep.statistics.score_table import estimand_words
from myosweep.statistics.verdicts import Comparison, Verdict

INFARCT_CV = (0.08, 0.15)
"""Coefficient of variation of infarct size between three core labs (JCMR 2017;19:62)."""
MASS_RANGE_G = (20, 35)
"""Range of left-ventricular mass between seven core labs, cine images (JCMR 2015;17:63)."""

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
    else:
        yield f"{name}: one value, so there is nothing to compare it with."
    yield _biases(one)
    yield from _errors(one, field)
    if (noise := reader_noise(one)) is not None:
        yield noise


def _name(one: MeasureFinding, facts: ClinicalFacts) -> str:
    words = capital(one.measure.words)
    if one.measure.column == BY_SD.column:
        return f"{words} ({facts.n_sd:g} SD above remote, inside each network's own myocardium)"
    return words


def _effect(sizes: Answer, one: MeasureFinding, field: str) -> str:
    """Whether the value changes the measure, over all comparisons."""
    same = [c for c in sizes.comparisons if c.verdict == "practically equivalent"]
    changed = [c for c in sizes.comparisons if c.decided and c not in same]
    open_ones = [c for c in sizes.comparisons if not c.decided]
    margin = f"{one.agreement.margin:g}\u00a0{one.measure.unit}"
    if len(same) == len(sizes.comparisons):
        largest = max(max(abs(c.low), abs(c.high)) for c in same)
        return (
            f"{field} does not change it by as much as {margin}; the largest difference that fits "
            f"the data is {number(largest, one.measure.decimals)}\u00a0{one.measure.unit}."
        )
    parts = [_changed(c, one, sizes, field) for c in changed]
    if same:
        pairs = listed([f"{c.value} and {c.other}" for c in same])
        parts.append(f"practically the same (within {margin}) with {pairs}")
    if open_ones:
        pairs = listed(
            [f"{c.value} against {c.other} ({_between(c, one, sizes)})" for c in open_ones]
        )
        parts.append(f"not decided at a margin of {margin}: {pairs}")
    return "; ".join(parts) + "."


def _changed(c: Comparison, one: MeasureFinding, sizes: Answer, field: str) -> str:
    """``larger with L2 strength 0.1 than with 0 by 2.0 g (95 % interval 1.0 to 3.0)``."""
    side = "larger" if c.difference > 0 else "smaller"
    places = one.measure.decimals
    low, high = (number(x, places) for x in sorted((abs(c.low), abs(c.high))))
    size = f"{number(abs(c.difference), places)}\u00a0{one.measure.unit}"
    beyond = f"more than the margin of {one.agreement.margin:g}"
    if c.verdict not in ("better", "worse"):
        beyond = f"whether by {beyond} is uncertain"
    between = interval_words(low, high, sizes)
    return f"{side} with {field} {c.value} than with {c.other} by {size} ({between}; {beyond})"


def _between(c: Comparison, one: MeasureFinding, sizes: Answer) -> str:
    low, high = (number(x, one.measure.decimals, sign=True) for x in (c.low, c.high))
    return interval_words(low, high, sizes)


def _errors(one: MeasureFinding, field: str) -> Iterator[str]:
    """Values whose networks err by more, or by less, than those that they are compared with."""
    if (errors := one.agreement.errors) is None:
        return
    what = f"the error of {one.measure.words} ({one.measure.unit}, without its sign)"
    for c in errors.comparisons:
        if c.decided and c.verdict != "practically equivalent":
            yield comparison_sentence(c, errors, what, field)


def _biases(one: MeasureFinding) -> str:
    """The smallest and the largest bias, the judgement of all values, and the widest limits."""
    values = [v for v in one.agreement.values if math.isfinite(v.bias.difference)]
    ordered = sorted(values, key=lambda v: v.bias.difference)
    shown = ordered if len(ordered) < 2 else (ordered[0], ordered[-1])
    biases = [_unit_signed(v.bias.difference, one) for v in shown]
    told = listed([f"{bias} at {v.value}" for bias, v in zip(biases, shown, strict=True)])
    if len(set(biases)) == 1 and len(values) == len(one.agreement.values) > 1:
        told = f"{biases[0]} at every value"
    patients = counted(max(v.patients for v in values), "patient")
    mean = f"{number(one.agreement.reference_mean, one.measure.decimals)}\u00a0{one.measure.unit}"
    return (
        f"{capital(one.measure.words)} against {_reference_words(one)} (mean {mean}, {patients}): "
        f"the bias is {told}{_judged(values, one)}{_widest(values, one)}."
    )


def _reference_words(one: MeasureFinding) -> str:
    if one.measure.column in (BY_SD.column, BY_FWHM.column):
        return "the same threshold inside the manual myocardium"
    return "the manual masks"


def _widest(values: Sequence[ValueAgreement], one: MeasureFinding) -> str:
    """The widest limits of agreement; empty if none are known."""
    known = [v for v in values if math.isfinite(v.sd)]
    if not known:
        return ""
    worst = max(known, key=lambda v: v.sd)
    return (
        f"; limits of agreement of a single network in a single patient, at {worst.value}: "
        f"{limits_words(worst, one)}\u00a0{one.measure.short_unit}{_uncertain(worst, one)}"
    )


def _uncertain(worst: ValueAgreement, one: MeasureFinding) -> str:
    if not math.isfinite(worst.limit_error):
        return ""
    return f" (each ± {number(worst.limit_error, one.measure.decimals)})"


def _judged(values: Sequence[ValueAgreement], one: MeasureFinding) -> str:
    """That the bias is within the margin, if that is shown of every value, not of those named."""
    if all(v.bias.verdict == "practically equivalent" for v in values):
        return f", within {one.agreement.margin:g}\u00a0{one.measure.short_unit}"
    return ""


def _unit_signed(x: float, one: MeasureFinding) -> str:
    return f"{number(x, one.measure.decimals, sign=True)}\u00a0{one.measure.short_unit}"


def limits_words(v: ValueAgreement, one: MeasureFinding) -> str:
    """Limits of agreement, without their unit."""
    if not math.isfinite(v.sd):
        return "–"
    low, high = (number(x, one.measure.decimals, sign=True) for x in (v.lower, v.upper))
    return f"{low} to {high}"


def reader_noise(one: MeasureFinding) -> str | None:
    """How far readers are apart in a measure, beside what networks are; None where not known.

    A coefficient of variation says nothing where there is no infarct.
    """
    there = one.reference[one.reference > 0]
    if not there.size:
        return None
    if one.measure.column in (SIZE.column, BY_SD.column, BY_FWHM.column):
        low, high = (share * float(there.mean()) for share in INFARCT_CV)
        return (
            "Readers: between three core labs infarct size had a coefficient of variation of 8 "
            "to 15\u00a0% (JCMR 2017;19:62): in the patients with infarct here "
            f"{number(low, 1)} to {number(high, 1)}\u00a0% of the myocardium."
        )
    if one.measure.column == MASS.column:
        low_g, high_g = MASS_RANGE_G
        return (
            f"Readers: left-ventricular mass differed by {low_g} to {high_g}\u00a0g between seven "
            "core labs (cine images, JCMR 2015;17:63)."
        )
    return None
