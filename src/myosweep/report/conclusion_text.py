"""A conclusion for the terminal: titled blocks of rows and sentences; and the same as JSON."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any

from myosweep.analysis.cautions import metric_words
from myosweep.analysis.conclude import Conclusion
from myosweep.analysis.number_words import decimals_of, number, p_words, percent
from myosweep.analysis.points import fields_in_words
from myosweep.analysis.score_table import Design
from myosweep.analysis.sentences import (
    comparison_sentence,
    cost_sentence,
    scope_sentence,
    second_look_sentences,
    sets_sentences,
)
from myosweep.results.read import Results

_MOST_MOVERS = 5


@dataclass(frozen=True)
class Block:
    """A heading with a table, sentences, or both."""

    title: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    sentences: tuple[str, ...] = ()


def conclusion_blocks(found: Conclusion, results: Results) -> tuple[Block, ...]:
    """Everything that ``myosweep conclude`` prints, in its order."""
    words = metric_words(found.asked.region, found.asked.metric)
    blocks = [
        _recommendation(found),
        _means(found, words, results),
        _comparisons(found, words, results),
        _costs(found),
        _selection(found, words),
        _others(found),
        _interaction(found),
        _claims(found),
        _beside(found, words),
        _failures(found),
        _warnings(found),
        _shares(found),
        _subgroups(found),
        _movers(found),
        _second_looks(found),
        Block("Methods, to paste", sentences=(found.methods,)),
    ]
    return tuple(block for block in blocks if block.rows or block.sentences)


def conclusion_json(found: Conclusion, results: Results) -> dict[str, Any]:
    """The conclusion as JSON can hold it: None for what is undefined or without end."""
    content: dict[str, Any] = _plain(asdict(found))
    return {"study": results.study.name, "fields": list(results.fields), **content}


def _plain(content: Any) -> Any:
    if is_dataclass(content) and not isinstance(content, type):
        return _plain(asdict(content))
    if isinstance(content, dict):
        return {str(key): _plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_plain(value) for value in content]
    if isinstance(content, float):
        return float(content) if math.isfinite(content) else None
    return content


def _recommendation(found: Conclusion) -> Block:
    label = "Which value should I take?"
    if found.exploratory:
        label += " (exploratory)"
    return Block(label, sentences=(found.recommendation.reason, _standing(found)))


def _standing(found: Conclusion) -> str:
    """Whether this answers the study's own question within its errors."""
    if not found.exploratory:
        spent = percent(found.shown.level)
        return (
            "This answers the primary question, which stood in the study before its first run. "
            f"This look may be wrong in {spent} of studies."
        )
    if found.asked.primary:
        return (
            "Exploratory: nothing is left of the 5 % of errors foreseen for looks at the primary "
            "question (values were added after a look, or more networks than were foreseen)."
        )
    return "Exploratory: this is not the question that the study was made for."


def _means(found: Conclusion, words: str, results: Results) -> Block:
    shown = found.shown
    decimals = decimals_of(shown)
    rows = tuple(
        (
            one.value,
            number(one.mean, decimals),
            _interval(one.low, one.high, decimals),
            str(sum(math.isfinite(score) for score in one.networks)),
            "yes" if one.value in shown.may_be_best else "no",
            "yes" if one.value in shown.good_enough else "no",
        )
        for one in shown.values
    )
    columns = (
        fields_in_words(results.fields),
        "mean",
        "95 % interval",
        "networks",
        "may be best",
        "shown good enough",
    )
    floor = [
        f"The {name} reaches {number(score, decimals)}."
        for name, score in found.baselines
        if math.isfinite(score)
    ]
    return Block(
        f"{words[:1].upper()}{words[1:]}, test part",
        columns,
        rows,
        (*sets_sentences(shown), *floor),
    )


def _comparisons(found: Conclusion, words: str, results: Results) -> Block:
    shown = found.shown
    decimals = decimals_of(shown)
    rows = tuple(
        (
            f"{one.value} minus {one.other}",
            number(one.difference, decimals, sign=True),
            _interval(one.low, one.high, decimals),
            p_words(one.p) or "–",
            _shift(one.shift_px, one.shift_mm),
            one.verdict,
        )
        for one in shown.comparisons
    )
    design: Design | None = None
    if results.study.source == "training":
        design = results.study.replicates.design
    field = fields_in_words(results.fields)
    return Block(
        "Comparisons",
        ("difference of", "estimate", f"{percent(1 - shown.level)} together", "p", "shift", "verdict"),
        rows,
        (
            *(comparison_sentence(one, shown, words, field) for one in shown.comparisons),
            *([scope_sentence(shown, design)] if rows else []),
        ),
    )


def _costs(found: Conclusion) -> Block:
    return Block("What it would cost to decide", sentences=tuple(map(cost_sentence, found.shown.costs)))


def _selection(found: Conclusion, words: str) -> Block:
    chosen = found.selection
    if chosen is None:
        return Block("")
    decimals = decimals_of(found.shown)
    return Block(
        "Chosen by validation scores alone",
        sentences=(
            f"{chosen.value} has the highest mean validation score, "
            f"{number(chosen.validation, decimals)}. On the test part it has "
            f"{number(chosen.test.mean, decimals)} "
            f"({_interval(chosen.test.low, chosen.test.high, decimals)}) {words}. Its regret, how "
            f"far it lies below the best test mean, is {number(chosen.regret, decimals)}, at most "
            f"{number(chosen.regret_at_most, decimals)} with 95 %.",
        ),
    )


def _others(found: Conclusion) -> Block:
    comparisons = found.shown.comparisons
    if not comparisons or not found.others:
        return Block("")
    rows = tuple(
        (
            one.region,
            metric_words(None, one.metric),
            *(f"{number(c.difference, 3, sign=True)} {c.verdict}" for c in one.shown.comparisons),
        )
        for one in found.others
    )
    if len(comparisons) > _WIDE:
        return _tall(found)
    columns = ("region", "metric", *(f"{c.value} − {c.other}" for c in comparisons))
    return Block("Other regions and metrics (exploratory)", columns, rows)


_WIDE = 3


def _tall(found: Conclusion) -> Block:
    """One row per region, metric and verdict, where a column per comparison would not fit."""
    rows = []
    for one in found.others:
        verdicts = dict.fromkeys(c.verdict for c in one.shown.comparisons)
        for verdict in verdicts:
            named = [
                f"{c.value}" if c.other == one.shown.reference else f"{c.value} − {c.other}"
                for c in one.shown.comparisons
                if c.verdict == verdict
            ]
            rows.append((one.region, metric_words(None, one.metric), verdict, ", ".join(named)))
    against = f", each against {found.shown.reference}" if found.shown.reference else ""
    return Block(
        f"Other regions and metrics (exploratory){against}",
        ("region", "metric", "verdict", "values"),
        tuple(rows),
    )


def _interaction(found: Conclusion) -> Block:
    one = found.interaction
    if one is None:
        return Block("")
    rows = tuple(
        (
            f"{c.value}, minus {c.other}",
            number(c.difference, 3, sign=True),
            _interval(c.low, c.high, 3),
            c.verdict,
        )
        for c in one.comparisons
    )
    columns = ("difference of differences", "estimate", "95 % together", "verdict")
    return Block(
        f"Does the effect of {one.fields[0]} depend on {one.fields[1]}?",
        columns,
        rows,
        (one.sentence,),
    )


def _claims(found: Conclusion) -> Block:
    rows = tuple((one.letter, one.statement, one.verdict) for one in found.claims)
    evidence = tuple(f"{one.letter}: {one.evidence}" for one in found.claims if one.evidence)
    return Block("The paper's claims, on these data", ("claim", "it says", "here"), rows, evidence)


def _beside(found: Conclusion, words: str) -> Block:
    rows = tuple(
        (
            one.point.label,
            number(one.training.mean, 3),
            number(one.validation.mean, 3),
            number(one.test.mean, 3),
            number(one.gap.mean, 3, sign=True),
        )
        for one in found.gap
        if math.isfinite(one.training.mean)
    )
    columns = ("value", "training", "validation", "test", "training − validation")
    note = (
        "All parts are scored alike, from pooled pixels and without augmentation. A large gap means "
        "overfitting; low scores on both parts mean underfitting."
    )
    title = f"{words[:1].upper()}{words[1:]} on all parts"
    return Block(title, columns, rows, (note,) if rows else ())


def _failures(found: Conclusion) -> Block:
    collapsed = [one for one in found.collapse if one.collapsed]
    said = [
        f"{one.value}: {one.collapsed} of {one.networks} networks collapsed (probability "
        f"{percent(one.low)} to {percent(one.high)})."
        for one in collapsed
    ]
    if not said and found.collapse:
        said = ["No network collapsed: each predicts some pixels of the region."]
    said.append(
        f"With {found.shown.patients} test patients, failures in up to "
        f"{percent(found.rare_failures)} of patients cannot be ruled out, even if none was seen."
    )
    return Block("Failures", sentences=tuple(said))


def _warnings(found: Conclusion) -> Block:
    said = tuple(f"{one.topic}: {one.text}" for one in found.warnings)
    return Block("Warnings", sentences=said)


def _shares(found: Conclusion) -> Block:
    rows = tuple(
        (one.name, number(one.sd, 4), _interval(one.low, one.high, 4)) for one in found.shares
    )
    return Block(
        "Where scores vary (standard deviations; they are not shares of a whole)",
        ("between", "SD", "95 % interval"),
        rows,
    )


def _subgroups(found: Conclusion) -> Block:
    return Block("Subgroups (exploratory)", sentences=tuple(one.words for one in found.subgroups))


def _movers(found: Conclusion) -> Block:
    rows = tuple(
        (
            one.slice,
            number(one.range, 3),
            f"{one.lowest_value} ({number(one.lowest_score, 3)})",
            f"{one.highest_value} ({number(one.highest_score, 3)})",
        )
        for one in found.movers[:_MOST_MOVERS]
    )
    return Block("Slices that move most", ("slice", "range", "lowest with", "highest with"), rows)


def _second_looks(found: Conclusion) -> Block:
    return Block("The same pairs by other methods", sentences=second_look_sentences(found.shown))


def _interval(low: float, high: float, decimals: int) -> str:
    if not (math.isfinite(low) and math.isfinite(high)):
        return "–"
    return f"{number(low, decimals)} to {number(high, decimals)}"


def _shift(px: float | None, mm: float | None) -> str:
    if px is None or not math.isfinite(px):
        return "–"
    return f"{number(px, 2, sign=True)} px" + (f", {number(mm, 2, sign=True)} mm" if mm else "")


