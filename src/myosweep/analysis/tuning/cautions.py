"""What a reader must know before believing what a search found."""

import math
from collections.abc import Iterator

import numpy as np

from myosweep.analysis.cautions import (
    Caution,
    leak_caution,
    machines_caution,
    near_baseline,
    question_words,
)
from myosweep.analysis.number_words import counted, number
from myosweep.analysis.patient_scores import patient_counts, strict_metric
from myosweep.analysis.points import field_words, format_value
from myosweep.analysis.scores import NO_IMAGE
from myosweep.analysis.tuning.found import Trial, Tuned
from myosweep.config import Range, Value
from myosweep.results.read import Results

_EDGE = 0.05
"""A value is at the edge of a searched range within this share of it."""


def tuned_cautions(found: Tuned, results: Results) -> tuple[Caution, ...]:
    """Everything that limits what a search says, the gravest first."""
    return (
        *_preliminary(found),
        *_exploratory(found),
        *_failed(found),
        *leak_caution(results),
        *_near_baseline(found, results),
        *_edges(found, results),
        *machines_caution(results),
    )


def best_trial(found: Tuned) -> Trial | None:
    """The winner of the race, else the trial with the highest validation score; None without one.

    That it has the highest score says little: see the race.
    """
    winner = found.race.winner if found.race else None
    scored = [one for one in found.trials if one.score is not None]
    named = next((one for one in scored if one.name == winner), None)
    return named or max(scored, key=lambda one: one.score or 0.0, default=None)


def _preliminary(found: Tuned) -> Iterator[Caution]:
    if found.outcome == "not over":
        yield Caution(
            "Preliminary",
            "The search or its race is not over. All below changes as further trials come in.",
        )


def _exploratory(found: Tuned) -> Iterator[Caution]:
    if found.exploratory:
        yield Caution("Exploratory", exploratory_words(found))


def exploratory_words(found: Tuned) -> str:
    """Why a second look at the test patients is no confirmation."""
    assert found.earlier is not None
    name = found.earlier.values[-1]
    return (
        f"Exploratory: the test patients had been looked at before, for {name} with "
        f"{found.earlier.networks} networks, when the budget was smaller. A second look is a "
        "second chance to err; confirm this on other patients before relying on it."
    )


def _failed(found: Tuned) -> Iterator[Caution]:
    states = [one.run.status.status for one in found.trials if one.run.status]
    if failed := states.count("failed"):
        yield Caution(
            "Failed trials",
            f"{counted(failed, 'trial')} ended with an error and cannot win. If the reason lies in "
            "the machine and not in the settings, the search has missed what they would have told.",
        )
    if diverged := states.count("diverged"):
        yield Caution(
            "Diverged",
            f"Training ran out of bounds in {counted(diverged, 'trial')}. They are scored as they "
            "predict, and pixels without an answer count as missed.",
        )


def _near_baseline(found: Tuned, results: Results) -> Iterator[Caution]:
    best, floor = best_trial(found), no_image_score(results)
    if best is None or best.score is None or floor is None:
        return
    if near_baseline(best.score, floor):
        yield Caution(
            "Close to not looking at all",
            f"A predictor that never sees the image reaches {number(floor)} "
            f"{question_words(results)} on the validation patients; {best.name} has "
            f"{number(best.score)}. Something more basic than these settings may be wrong: the "
            "masks, the size of the images, too few epochs.",
        )


def no_image_score(results: Results) -> float | None:
    """The no-image predictor's score on the validation patients; None if it was not computed."""
    runs = results.runs.loc[
        (results.runs["kind"] == "baseline") & (results.runs["label"] == NO_IMAGE), "run"
    ]
    if runs.empty:
        return None
    counts = patient_counts(results, "validation")
    question = results.study.question
    scores = counts.scores(question.region, strict_metric(question.metric))
    own = scores[counts.runs.index(str(runs.iloc[0]))]
    defined = own[np.isfinite(own)]
    return float(defined.mean()) if len(defined) else None


def _edges(found: Tuned, results: Results) -> Iterator[Caution]:
    """The best settings at an end of what was searched: the range may be too short."""
    best = best_trial(found)
    if best is None or best.score is None:
        return
    for path, domain in results.study.space.items():
        value = best.run.values.get(path)
        if not isinstance(domain, Range) or any(
            best.run.values.get(other) != wanted for other, wanted in domain.when.items()
        ):
            continue
        side = _side(value, domain)
        if side:
            end = domain.low if side == "lower" else domain.high
            yield Caution(
                "Edge of the searched range",
                f"The {field_words(path)} of {best.name}, {format_value(_rounded(value))}, lies at "
                f"the {side} end of what was searched, {format_value(end)}. What lies beyond was "
                "not tried; another search may start where this one ends.",
            )


def _side(value: Value | None, domain: Range) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ""
    low, high, place = float(domain.low), float(domain.high), float(value)
    if domain.log:
        low, high, place = math.log(low), math.log(high), math.log(place)
    share = (place - low) / (high - low)
    # a natural end, such as no dropout, is no edge
    if share < _EDGE and (domain.log or domain.low > 0):
        return "lower"
    return "upper" if share > 1 - _EDGE else ""


def _rounded(value: Value | None) -> Value | None:
    return float(f"{value:.2g}") if isinstance(value, float) else value
