"""What is known of a model's reliability, in plain English."""

import math
from collections.abc import Iterator

import myosweep
from myosweep.analysis.number_words import counted, number, percent
from myosweep.analysis.reliability.findings import Limits, Reliability
from myosweep.analysis.reliability.flags import FEWEST_FAILURES, fewest_patients
from myosweep.analysis.reliability.pixels import PixelCalibration
from myosweep.results.reliability import WHOLE, About, Calibration
from myosweep.statistics.clustered import Estimate

_FEW_PATIENTS = 5
_MOST_FLAGGED = 0.5


def samples_words(about: About) -> str:
    """Whose answers are compared.

    >>> samples_words(About(made_by="", model="", runs=("a", "b"), label="", regions=(), copies=1,
    ...     samples=2, temperature=1, fitted=(1, None, None), near_px=5, split_hash=""))
    '2 networks'
    """
    networks = counted(len(about.runs), "network")
    if about.copies == 1:
        return networks
    return f"answers of {networks} to {about.copies} mirrored copies of the image"


def failure_words(limits: Limits) -> str:
    """What a failure is: ``Dice of the myocardium below 0.6``."""
    return f"Dice of the {limits.region} below {limits.failure:g}"


def reliability_sentences(found: Reliability) -> tuple[str, ...]:
    """What the flag is worth, how it was fixed, and whether probabilities hold."""
    return (*_worth(found), *_rule(found), *_pixels(found))


def _worth(found: Reliability) -> Iterator[str]:
    flags = found.test
    if found.threshold.value is None:
        patients = counted(found.validation.patients, "validation patient")
        yield (
            f"There is no flag: no slice of {patients} was a failure "
            f"({failure_words(found.limits)}), so nobody knows how little agreement a failure has."
        )
        return
    good = flags.slices - flags.failures
    alarms = f"{round(flags.false_alarms.value * good)} of {good} good slices" if good else ""
    alarms += f" ({share_words(flags.false_alarms)})" if good else "no good slice: there is none"
    if flags.failures == 0:
        yield (
            f"On {counted(flags.patients, 'test patient')} there was no failure "
            f"({failure_words(found.limits)}), so the share that is caught is not known. Flagged "
            f"are {alarms}."
        )
        return
    caught = round(flags.caught.value * flags.failures)
    yield (
        f"Of {counted(flags.failures, 'failure')} on test patients "
        f"({failure_words(found.limits)}) the flag catches {caught} "
        f"({share_words(flags.caught)}). It also flags {alarms}."
    )


def _rule(found: Reliability) -> Iterator[str]:
    threshold = found.threshold
    if threshold.value is None:
        return
    known = (
        f"{counted(threshold.failures, 'failure')} of "
        f"{counted(threshold.patients, 'validation patient')}"
    )
    wanted = percent(found.limits.catch)
    promise = (
        f"so a failure of a new patient should be caught with a chance of at least {wanted}. That "
        "counts every patient alike; the share of failures that are caught counts slices, so "
        "patients with many failures weigh more in it"
    )
    if not threshold.promise:
        promise = f"too few to promise that {wanted} are caught"
    yield (
        f"A slice is flagged if the {samples_words(found.about)} agree on the "
        f"{found.limits.region} with a mean Dice of {number(threshold.value)} or less, or find "
        f"none. This was fixed on {known}: {promise}."
    )


def _pixels(found: Reliability) -> Iterator[str]:
    before, after = (one for one in found.pixels if one.region == WHOLE)
    sure = before.overconfidence.value
    if math.isnan(sure):
        yield "No test slice shows a heart, so nothing is known of the probabilities of pixels."
        return
    yield (
        f"Probabilities near the heart are {sure_words(before.overconfidence)} on test patients; "
        f"their calibration error is {estimate_words(before.error)}. {_temperature(found, after)}"
    )


def sure_words(found: Estimate) -> str:
    """Whether probabilities are too high or too low on average, as far as that is shown.

    Args:
        found: probability minus share, with its interval or without one.
    """
    value, low, high = (number(100 * x, 1, sign=True) for x in (found.value, found.low, found.high))
    if found.low <= 0 <= found.high:
        return (
            "not shown to be too sure of themselves or too cautious "
            f"({value} percentage points, 95\u00a0% interval {low} to {high})"
        )
    kind = "too sure of themselves" if found.value > 0 else "too cautious"
    points = number(100 * abs(found.value), 1)
    between = f" (95\u00a0% interval {low} to {high})" if math.isfinite(found.low) else ""
    return f"{kind} by {points} percentage points{between}"


def _temperature(found: Reliability, after: PixelCalibration) -> str:
    """What temperature scaling does."""
    value, low, high = found.about.fitted
    fitted = Estimate(value, math.nan if low is None else low, math.nan if high is None else high)
    told = f"The temperature that fits validation patients best is {estimate_words(fitted, 2)}"
    if found.about.temperature == 1:
        return f"{told}, not shown to differ from 1, so they stay as they are."
    return f"{told}; with it the error is {estimate_words(after.error)}."


def reliability_warnings(found: Reliability) -> tuple[tuple[str, str], ...]:
    """What limits all this: topic and text."""
    return tuple(_warnings(found))


def _warnings(found: Reliability) -> Iterator[tuple[str, str]]:
    threshold, flags = found.threshold, found.test
    if threshold.value is not None and not threshold.promise:
        yield (
            "Few failures",
            f"{counted(threshold.patients, 'validation patient')} had "
            f"{counted(threshold.failures, 'failure')}; to promise that "
            f"{percent(found.limits.catch)} are caught takes {FEWEST_FAILURES} failures of "
            f"{counted(fewest_patients(found.limits.catch), 'patient')}. A higher --failure makes "
            "more slices count as failures.",
        )
    if 0 < flags.failure_patients < _FEW_PATIENTS:
        yield (
            "Few patients",
            f"all failures on test patients are of {counted(flags.failure_patients, 'patient')}, "
            "so the share that is caught could be quite another one in others.",
        )
    if threshold.promise and flags.caught_alike.high < found.limits.catch:  # never for NaN
        yield (
            "Less than promised",
            "on test patients the flag catches fewer failures than validation patients let expect, "
            "with every patient counted alike: do not rely on it.",
        )
    if flags.auroc.value <= 0.5 or flags.auroc.low <= 0.5:
        yield (
            "Ranking",
            "the agreement of failures is not shown to be lower than that of good slices.",
        )
    if threshold.value is not None and flags.flagged.value > _MOST_FLAGGED:
        yield "Many flags", f"{percent(flags.flagged.value)} of the slices are flagged."
    yield (
        "Other images",
        "all this holds for images like those of this study; another scanner, sequence or hospital "
        "may have failures on which networks agree.",
    )


def share_words(one: Estimate) -> str:
    """A share with its interval: ``86 %, 95 % interval 57 to 98 %``."""
    if not math.isfinite(one.low):
        return percent(round(one.value, 3))
    low, high = (f"{100 * x:.0f}" for x in (one.low, one.high))
    return f"{100 * one.value:.0f}\u00a0%, 95\u00a0% interval {low} to {high}\u00a0%"


def estimate_words(one: Estimate, places: int = 3) -> str:
    """A number with its interval."""
    if not math.isfinite(one.low):
        return number(one.value, places)
    return f"{number(one.value, places)} ({number(one.low, places)} to {number(one.high, places)})"


def calibration_of(found: Reliability) -> Calibration:
    """What prediction needs of all this."""
    return Calibration(
        made_by=f"myosweep {myosweep.__version__}",
        model=found.about.model,
        copies=found.about.copies,
        temperature=found.about.temperature,
        region=found.limits.region,
        failure=found.limits.failure,
        catch=found.limits.catch,
        threshold=found.threshold.value,
        promise=found.threshold.promise,
        sentences=(*_worth(found), *_rule(found)),
    )
