"""What a learning curve says, in plain English: first in one line, then with its check."""

from myosweep.analysis.number_words import decimals_of, number
from myosweep.analysis.topics.learning_curve import FARTHEST, Ahead, LearningCurve, LearningCurves
from myosweep.statistics.answer import Answer
from myosweep.statistics.score_table import Estimand

_COVERS: dict[Estimand, str] = {
    "networks and patients": "The intervals hold for new networks and new test patients.",
    "patients": "The intervals hold for new test patients, for these very networks only.",
    "networks": "The intervals hold for new networks, for these very test patients only.",
    "none": "There are too few networks and test patients for intervals.",
}


def learning_curve_lead(found: LearningCurves, shown: Answer, score: str) -> str:
    """The answer in one line: of the only curve, or of each."""
    fitted = [one for one in found.curves if one.ahead]
    if not fitted:
        return "Not known: no curve can be fitted."
    fitted = [one for one in fitted if one.reliable and not _fall(one, shown)]
    if not fitted:
        return "Not known: the fitted curves do not hold what they promise."
    places = decimals_of(shown)
    if len(found.curves) == 1:
        ahead = fitted[0].ahead[0]
        return (
            f"Twice as many patients would bring {number(ahead.gain, places, sign=True)} "
            f"({_signed(ahead.gain_low, ahead.gain_high, places)}), if the curve goes on."
        )
    gains = [one.ahead[0].gain for one in fitted]
    between = number(gains[0], places, sign=True)
    if len(gains) > 1:
        between = _signed(min(gains), max(gains), places)
    text = f"Twice as many patients would bring {between} {score}, by {found.field}, if it goes on."
    bad = len(found.curves) - len(fitted)
    return text + (f" {bad} of {len(found.curves)} curves cannot be relied on." if bad else "")


def learning_curve_sentences(found: LearningCurves, shown: Answer, score: str) -> tuple[str, ...]:
    """Each curve with its check, then what the intervals cover."""
    several = len(found.curves) > 1
    said = []
    for one in found.curves:
        title = f"With {found.field} {one.value}: " if several else ""
        said += [f"{title}{text}" for text in _one(one, shown, score)]
    return (*said, *_scope(found))


def _one(curve: LearningCurve, shown: Answer, score: str) -> list[str]:
    if curve.problem:
        return [f"{curve.problem}."]
    gain = _gain(curve.ahead[0], curve, shown, score)
    said = [f"{gain}, if the curve goes on as fitted. {_checked(curve, shown)}"]
    if fall := _fall(curve, shown):
        said.append(
            f"The mean falls by {number(fall, decimals_of(shown))} towards the largest number. "
            "Such a curve can only rise, so its interval is too narrow here. Do not rely on this "
            "curve."
        )
    if curve.misfit is not None:
        off = number(abs(curve.misfit.off), decimals_of(shown))
        said.append(
            f"The curve does not even follow the means: that of {curve.misfit.patients:.0f} "
            f"patients lies {off} {'above' if curve.misfit.off > 0 else 'below'} it, by more than "
            "chance. Do not rely on this curve."
        )
    return said


def _fall(curve: LearningCurve, shown: Answer) -> float:
    """How far the mean of the largest size lies below the highest; 0 up to the margin."""
    means = [one.score.mean for one in curve.points]
    fall = max(means) - means[-1]
    return fall if fall > shown.margin else 0.0


def _gain(one: Ahead, curve: LearningCurve, shown: Answer, score: str) -> str:
    places = decimals_of(shown)
    now = curve.points[-1].patients
    return (
        f"Twice as many patients, {one.patients:.0f} instead of {now:.0f}, would bring "
        f"{number(one.gain, places, sign=True)} {score} (95\u00a0% interval "
        f"{_signed(one.gain_low, one.gain_high, places)})"
    )


def _signed(low: float, high: float, places: int) -> str:
    return " to ".join(number(x, places, sign=True) for x in (low, high))


def _checked(curve: LearningCurve, shown: Answer) -> str:
    check = curve.check
    if check is None:
        return "Three numbers of patients leave none to check the curve on."
    places = decimals_of(shown)
    side = "more" if check.miss > 0 else "less"
    between = f"{number(check.low, places)} to {number(min(check.high, 1.0), places)}"
    text = (
        f"The check on {check.patients:.0f} patients: fitted without them, the curve predicts "
        f"{number(check.predicted, places)} ({between}); observed is "
        f"{number(check.observed, places)}, {number(abs(check.miss), places)} {side}, "
    )
    means = [one.score.mean for one in curve.points]
    if check.inside and check.width > max(means) - min(means):
        return f"{text}within an interval that is too wide to be a check."
    if check.inside:
        return f"{text}within the interval."
    return f"{text}outside of the interval: do not rely on this curve."


def _scope(found: LearningCurves) -> tuple[str, ...]:
    if not any(one.ahead for one in found.curves):
        return (_COVERS[found.estimand],)
    learned = (
        "The networks of a smaller number learned from different parts of the same training "
        "patients, those of the largest number from all of them: what other training patients "
        "would change there is not covered"
    )
    if found.design == "folds":
        learned = (
            "The networks learned from overlapping parts of the same patients, so that what other "
            "training patients would change is covered in part only"
        )
    return (
        f"{_COVERS[found.estimand]} {learned}, nor that the curve may bend. Nothing is said beyond "
        f"{FARTHEST} times the largest number.",
    )
