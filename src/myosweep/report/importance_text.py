"""Which hyperparameters matter, in words and as a table, for the terminal; and the same as JSON."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from myosweep.analysis.importance.shares import LITTLE, Effect, Importance, Share
from myosweep.analysis.number_words import counted, listed, percent
from myosweep.analysis.points import field_words
from myosweep.report.conclusion.text import Block, plain

_MOST_PAIRS = 5

HOW_TO_READ = (
    "A share is no advice: it says how much of the differences between settings drawn from the "
    "whole space goes back to a hyperparameter, not which value to take. It depends on the ranges "
    "that were searched: widen one, and all others seem to matter less. A small share is no "
    "licence to set the hyperparameter to just anything outside of its range. The intervals are "
    "rough: in simulations nine of ten held the true share."
)


def importance_blocks(found: Importance, near: Importance | None = None) -> tuple[Block, ...]:
    """What `myosweep tune` prints about the fields.

    Args:
        near: the same near the best (``importance(..., near_best=True)``), if it is to be shown.
    """
    blocks = [*_part("Which hyperparameters matter", found)]
    if near is not None:
        blocks += _part("Which hyperparameters matter among good settings", near)
    return (*blocks, Block("How to read this", sentences=(HOW_TO_READ, _ranges(found))))


def importance_json(found: Importance) -> dict[str, Any]:
    """The finding as JSON can hold it: None for what is undefined."""
    content: dict[str, Any] = plain(asdict(found))
    return content


def verdict_words(effect: Effect) -> str:
    """What may be said of a field, from the interval of its total share."""
    total = effect.total
    if total.low >= LITTLE:
        return "matters"
    if total.high < LITTLE:
        return "hardly matters in this range"
    return "not known: too few trials to tell"


def share_words(share: Share) -> str:
    """A share with its interval, in percent.

    >>> share_words(Share(0.493, 0.402, 0.571)).replace(chr(160), " ")
    '49 % (40 to 57 %)'
    >>> share_words(Share(0.002, 0.0001, 0.004)).replace(chr(160), " ")
    '0.2 % (0 to 0.4 %)'
    """
    low, middle, high = (_rounded(part) for part in (share.low, share.share, share.high))
    return f"{middle}\u00a0% ({low} to {high}\u00a0%)"


def _part(title: str, found: Importance) -> Iterator[Block]:
    if not found.effects:
        reason = f"No ranking: {found.why_not}."
        yield Block(title, sentences=(reason, *_trials(found)))
        return
    methods = sorted({method for one in found.effects for method in one.others})
    columns = ("hyperparameter", "alone", "with its interactions", *methods, "in words")
    rows = tuple(
        (
            field_words(one.path),
            share_words(one.alone),
            share_words(one.total),
            *(percent_or_none(one.others.get(method)) for method in methods),
            verdict_words(one),
        )
        for one in found.effects
    )
    yield Block(title, columns, rows, (*_explained(found), *_trials(found), *_compared(methods)))
    yield _interactions(found)


def percent_or_none(share: float | None) -> str:
    """A share in percent, or a dash."""
    return "–" if share is None else f"{_rounded(share)}\u00a0%"


def _rounded(share: float) -> str:
    """Percent, with a decimal below 1."""
    text = f"{100 * share:.0f}" if share >= 0.00995 else f"{100 * share:.1f}"
    return text.removesuffix(".0")


def _explained(found: Importance) -> Iterator[str]:
    one = found.explained
    yield (
        f"Settings explain {percent(round(max(one.share, 0.0), 2))} of the differences between "
        f"trials (95 % interval {_rounded(max(one.low, 0.0))} to {_rounded(max(one.high, 0.0))} %; "
        "predicted for trials that the model had not seen). The rest is chance between networks, "
        "and patterns that these trials are too few to show. The shares below are shares of what "
        "settings do."
    )
    if found.near_best:
        yield "Differences among the worse three quarters of the trials are ignored here."


def _trials(found: Importance) -> Iterator[str]:
    parts = [f"From {counted(found.trials, 'trial')}"]
    if found.diverged:
        parts.append(f"{found.diverged} diverged and count with score 0")
    if found.pruned:
        parts.append(
            f"{found.pruned} ended early and count with the score they had then, so that whatever "
            "makes training slow seems to matter more than it does"
        )
    if found.left_out:
        parts.append(
            f"{found.left_out} without a score, or outside of the searched ranges, "
            f"{'is' if found.left_out == 1 else 'are'} left out"
        )
    yield "; ".join(parts) + "."
    if found.fixed:
        yield f"Not varied: {listed([field_words(path) for path in found.fixed])}."


def _compared(methods: list[str]) -> Iterator[str]:
    if methods:
        yield (
            "Optuna's figures stand beside for comparison: they add up to 100 % whatever the "
            "settings explain, and have no intervals; a dash where the method cannot tell. Its "
            "fANOVA averages over plain numbers even where a range was searched on a logarithmic "
            "scale; its PED-ANOVA asks what tells the best tenth of the trials from the others."
        )


def _interactions(found: Importance) -> Block:
    title = "What hyperparameters do together, beyond what each does alone"
    told = [one for one in found.interactions if one.share.low >= LITTLE / 5]
    rows = tuple(
        (" and ".join(map(field_words, one.paths)), share_words(one.share))
        for one in told[:_MOST_PAIRS]
    )
    sentences = []
    if found.together is not None and found.interactions:
        sentences.append(f"All interactions together: {share_words(found.together)}.")
    if not rows and found.interactions:
        sentences.append("No single pair stands out.")
    columns = ("hyperparameters", "share") if rows else ()
    return Block(title, columns, rows, tuple(sentences))


def _ranges(found: Importance) -> str:
    ranges = [f"{field_words(path)} {one.words}" for path, one in found.domains.items()]
    return f"Searched: {'; '.join(ranges)}."
