"""Whether the best value moves, in plain English."""

import math

from myosweep.analysis.number_words import decimals_of, listed, margin_words, number
from myosweep.analysis.topics.moving_best import AtLevel, MovingBest
from myosweep.statistics.score_table import estimand_words
from myosweep.statistics.verdicts import Comparison

_MOST_NAMED = 4


def moving_best_lead(found: MovingBest) -> str:
    """The answer in one line."""
    field, circumstance = found.field, found.circumstance
    if found.moves:
        first = found.moves[0]
        before, after = (listed(one.shown.may_be_best, "or") for one in (found.at_base, first))
        return (
            f"The best {field} moves with {circumstance}: it is {before} at {found.base}, and "
            f"{after} at {first.level}."
        )
    if found.stays is not None:
        return f"The best {field} does not move: it is {found.stays} at every level tested."
    if found.everywhere:
        return (
            f"The best {field} does not move by anything that matters: "
            f"{listed(found.everywhere)} {'is' if len(found.everywhere) == 1 else 'are'} shown "
            "good enough at every level tested."
        )
    return f"Not known: it is not shown whether the best {field} moves with {circumstance}."


def moving_best_sentences(found: MovingBest, score: str) -> tuple[str, ...]:
    """Where the best value moves, what each value loses and mends, and what all that covers."""
    said = [_moved(found, one) for one in found.moves]
    if found.moves and found.everywhere:
        margin = margin_words(found.at_base.shown)
        said.append(
            f"All the same, {listed(found.everywhere)} is short of the best value by less than the "
            f"margin of {margin} at every level tested."
        )
    if not found.moves and found.stays is None:
        said += [_not_moved(found)]
    return (*said, *_losses(found, score), *_mends(found, score), *_scope(found))


def _moved(found: MovingBest, here: AtLevel) -> str:
    """The move, with what the old and the new best score at both levels."""
    base, shown = found.at_base.shown, here.shown
    old, new = base.highest, shown.highest
    text = (
        f"At {found.base} the best is {listed(base.may_be_best, 'or')}, at {here.level} it is "
        f"{listed(shown.may_be_best, 'or')}"
    )
    if old is None or new is None:
        return f"{text}."
    places = decimals_of(base)
    steps = [one.mean(new).mean - one.mean(old).mean for one in (base, shown)]
    before, after = (number(step, places, sign=True) for step in steps)
    return f"{text}. Taking {new} instead of {old} changes the score by {before}, then by {after}."


def _not_moved(found: MovingBest) -> str:
    each = []
    for one in found.levels:
        may = one.shown.may_be_best
        every = len(may) == len(found.values)
        each.append(f"{'any value' if every else listed(may, 'or')} at {one.level}")
    return (
        f"May be the best: {listed(each)}. A move is claimed only where these have none in common."
    )


def _losses(found: MovingBest, score: str) -> tuple[str, ...]:
    """What the base value loses at each level."""
    places = decimals_of(found.at_base.shown)
    own = [one for one in found.losses if one.value == found.base_value]
    known = [one for one in own if math.isfinite(one.low)]
    if not known:
        return ()
    each = [
        f"{number(one.loss, places)} at {one.level} ({number(one.low, places)} to "
        f"{number(one.high, places)})"
        for one in known
    ]
    return (
        f"With {found.field} {found.base_value}, {score} is lower than at {found.base} by "
        f"{listed(each)}.",
    )


def _mends(found: MovingBest, score: str) -> tuple[str, ...]:
    """Which values lose less, or more, than the base value."""
    places = decimals_of(found.at_base.shown)
    real = [one for one in found.mends if one.low > 0 or one.high < 0]
    if not real:
        return (f"No {found.field} is shown to lose more or less than {found.base_value} does.",)
    real.sort(key=lambda one: -abs(one.difference))
    said = [_mended(one, places, score) for one in real[:_MOST_NAMED]]
    if len(real) > _MOST_NAMED:
        said.append(f"So do {len(real) - _MOST_NAMED} further combinations, each in its direction.")
    return tuple(said)


def _mended(one: Comparison, places: int, score: str) -> str:
    value, _, level = one.value.partition(" at ")
    low, high = sorted((abs(one.low), abs(one.high)))
    side, verb = ("less", "mends") if one.difference > 0 else ("more", "loses more")
    return (
        f"{value} {verb}: at {level} it loses {number(abs(one.difference), places)} {side} {score} "
        f"than {one.other} does ({number(low, places)} to {number(high, places)})."
    )


def _scope(found: MovingBest) -> tuple[str, ...]:
    base = (
        ""
        if found.base_is_clean
        else (
            " No level without errors and with all patients was tested, so levels are compared "
            f"with {found.base}."
        )
    )
    left = (
        f" Left out, because values are missing there: {listed(found.left_out)}."
        if found.left_out
        else ""
    )
    return (
        "Exploratory, beside the study's question. The sets of all levels hold together with "
        "95\u00a0%, the losses together, and the differences of losses together; all for "
        f"{estimand_words(found.at_base.shown.estimand)}.{base}{left}",
    )
