"""Commands that need no study: verdicts on anybody's table of scores, and planning."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.markup import escape

from myosweep.cli.data_commands import Json
from myosweep.cli.show import console, print_facts, print_json, print_table
from myosweep.errors import InputError

if TYPE_CHECKING:
    from myosweep.analysis.any_table import AnyTable
    from myosweep.analysis.answer import Answer
    from myosweep.analysis.planning import Plan

_MOST_SENTENCES = 7
"""So many sentences of one kind are printed; JSON has all."""


def verdict(
    table: Annotated[Path, typer.Argument(metavar="TABLE.csv", help="One score per row.")],
    value: Annotated[str, typer.Option(metavar="COLUMN", help="The setting that was varied.")],
    score: Annotated[str, typer.Option(metavar="COLUMN", help="The score, such as Dice.")],
    seed: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Which network (training run) it is.")
    ] = None,
    patient: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Which test patient it is.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=VALUE", help="Use these rows only; may be repeated."),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(metavar="VALUE", help="Compare with this value; default: all pairs."),
    ] = None,
    margin: Annotated[
        float | None, typer.Option(help="Smallest difference that matters, in units of the score.")
    ] = None,
    bigger_is_worse: Annotated[
        bool, typer.Option("--bigger-is-worse", help="The score is an error or a distance.")
    ] = False,
    json: Json = False,
) -> None:
    """What any table of scores shows about a setting: yours, or that of a paper under review.

    One row per score, with columns for the value and the score, and for the network's seed and the
    patient if they are known. What they would have told is named where they are not.

    Examples: myosweep verdict scores.csv --value l2 --score dice --seed seed --patient patient;
    myosweep verdict paper.csv --value dropout --score hd_mm --bigger-is-worse --margin 1
    --where region=myocardium
    """
    from myosweep.analysis.any_table import judge_table, read_any_table

    read = read_any_table(
        table,
        value,
        score,
        seed,
        patient,
        where=[_condition(text) for text in where or ()],
        bigger_is_worse=bigger_is_worse,
    )
    shown, assumed = judge_table(read, margin=margin, reference=reference)
    if json:
        print_json(_verdict_json(read, shown, assumed))
    else:
        _print_verdict(read, shown, assumed)


def plan(
    pilot: Annotated[
        Path | None, typer.Option(help="A finished study to learn from; default: typical numbers.")
    ] = None,
    difference: Annotated[
        float | None, typer.Option(help="True difference; default: the smallest that matters.")
    ] = None,
    margin: Annotated[
        float | None, typer.Option(help="Smallest difference that matters; default: the pilot's.")
    ] = None,
    equivalence: Annotated[
        bool, typer.Option("--equivalence", help="Show that values differ by less than the margin.")
    ] = False,
    power: Annotated[float, typer.Option(help="The chance of showing it that is wanted.")] = 0.8,
    networks: Annotated[
        int | None, typer.Option(help="Networks per value, if that is fixed.")
    ] = None,
    patients: Annotated[int | None, typer.Option(help="Patients, if that is fixed.")] = None,
    design: Annotated[
        Literal["seeds", "folds"] | None,
        typer.Option(help="One split, or cross-validation; default: the pilot's, else seeds."),
    ] = None,
    folds: Annotated[int | None, typer.Option(help="Folds; default: the pilot's, else 5.")] = None,
    comparisons: Annotated[
        int | None,
        typer.Option(help="Differences judged together; default: the pilot's, else 2 (3 values)."),
    ] = None,
    json: Json = False,
) -> None:
    """Before a study: how many networks and patients would show a difference, or equivalence.

    Examples: myosweep plan --difference 0.02; myosweep plan --equivalence --margin 0.02 --patients
    80 --design folds; myosweep plan --pilot results/emidec-l2 --power 0.9
    """
    from myosweep.analysis.pilot import goal_of, read_pilot
    from myosweep.analysis.planning import TYPICAL, plan_study

    learned = None if pilot is None else read_pilot(pilot)
    goal = goal_of(
        learned,
        difference=difference,
        margin=margin,
        equivalence=equivalence,
        power=power,
        comparisons=comparisons,
        design=design,
        folds=folds,
    )
    found = plan_study(
        TYPICAL if learned is None else learned.variability,
        goal,
        networks=networks,
        patients=patients,
        also_patients=learned.patients if learned else None,
    )
    values = learned.values if learned and comparisons is None else goal.comparisons + 1
    seconds = learned.seconds if learned else None
    notes = learned.notes if learned else ()
    if json:
        print_json(_plan_json(found, values, seconds, notes))
    else:
        _print_plan(found, values, seconds, notes)


def _condition(text: str) -> tuple[str, str]:
    column, equals, wanted = text.partition("=")
    if not equals or not column.strip():
        raise InputError(
            f"rows are chosen by COLUMN=VALUE, got {text!r}; write for instance region=myocardium"
        )
    return column.strip(), wanted.strip()


# verdict --------------------------------------------------------------------------------------


def _print_verdict(read: "AnyTable", shown: "Answer", assumed: bool) -> None:
    from myosweep.analysis.number_words import margin_words
    from myosweep.analysis.sentences import verdict_heading

    console.print(f"[bold]{escape(verdict_heading(shown))}[/]")
    for note in read.notes:
        console.print(escape(note))
    margin = margin_words(shown)
    if assumed:
        console.print(
            f"No margin was given: {margin} is assumed to be the smallest difference that matters. "
            "Choose your own with --margin."
        )
    else:
        console.print(f"Smallest difference that matters (margin): {margin}")
    console.print()
    title, columns, rows = _values_table(read, shown)
    print_table(title, columns, rows)
    title, columns, rows = _comparisons_table(read, shown)
    print_table(title, columns, rows)
    for topic, sentences in _sentences(read, shown, assumed).items():
        if topic != "comparisons" and sentences:  # the paragraph to quote repeats these
            console.print(f"[bold]{topic[:1].upper()}{topic[1:]}[/]")
            for sentence in _first(sentences):
                console.print(escape(sentence))
            console.print()


def _sentences(read: "AnyTable", shown: "Answer", assumed: bool) -> dict[str, list[str]]:
    """All sentences, by topic."""
    from myosweep.analysis import sentences

    words = (read.score_words, read.value)
    return {
        "comparisons": [
            sentences.comparison_sentence(one, shown, *words) for one in shown.comparisons
        ],
        "what it holds for": [sentences.scope_sentence(shown, None)],
        "what is missing": list(sentences.degenerate_sentences(read.scores, shown)),
        "which value": list(sentences.sets_sentences(shown)),
        "to decide": [sentences.cost_sentence(cost) for cost in shown.costs],
        "other methods": list(sentences.second_look_sentences(shown)),
        "to quote": [sentences.quotable(read.scores, shown, *words, margin_assumed=assumed)],
    }


def _values_table(
    read: "AnyTable", shown: "Answer"
) -> tuple[str, tuple[str, ...], list[tuple[str, ...]]]:
    from myosweep.analysis.number_words import decimals_of, number

    table, decimals = read.scores, decimals_of(shown)
    rows = []
    for one in shown.values:
        cells = table.cells[table.values.index(one.value)]
        counts = (
            str(int(cells.any(1).sum())) if table.networks_known else "not known",
            str(int(cells.any(0).sum())) if table.patients_known else "not known",
        )
        between = _between(one.low, one.high, decimals)
        rows.append((one.value, number(one.mean, decimals), between, *counts))
    columns = (read.value, "mean", "95\u00a0% interval", "networks", "patients")
    return f"Mean {read.score_words} of each value", columns, rows


def _comparisons_table(
    read: "AnyTable", shown: "Answer"
) -> tuple[str, tuple[str, ...], list[tuple[str, ...]]]:
    from myosweep.analysis.number_words import decimals_of, number, p_words, percent

    decimals, level = decimals_of(shown), percent(1 - shown.level)
    rows = [
        (
            one.value,
            one.other,
            number(one.difference, decimals, sign=True),
            _between(one.low, one.high, decimals, sign=True),
            p_words(one.p).removeprefix("p ").removeprefix("= ") or "–",
            one.verdict + (" (real, but negligible)" if one.negligible_but_real else ""),
        )
        for one in shown.comparisons
    ]
    interval = f"{level} together" if len(rows) > 1 else f"{level} interval"
    columns = (read.value, "against", "difference", interval, "p", "verdict")
    return f"Differences in {read.score_words}", columns, rows


def _between(low: float, high: float, decimals: int, *, sign: bool = False) -> str:
    from myosweep.analysis.number_words import number

    if not (math.isfinite(low) and math.isfinite(high)):
        return "–"
    return f"{number(low, decimals, sign=sign)} to {number(high, decimals, sign=sign)}"


def _first(sentences: Sequence[str]) -> Iterator[str]:
    yield from sentences[:_MOST_SENTENCES]
    if len(sentences) > _MOST_SENTENCES:
        yield f"... and {len(sentences) - _MOST_SENTENCES} more; see --json."


def _verdict_json(read: "AnyTable", shown: "Answer", assumed: bool) -> dict[str, Any]:
    from myosweep.analysis.sentences import verdict_heading

    return {
        "heading": verdict_heading(shown),
        "score": read.score,
        "value": read.value,
        "where": dict(read.where),
        "bigger_is_worse": read.bigger_is_worse,
        "networks_known": read.scores.networks_known,
        "patients_known": read.scores.patients_known,
        "margin_assumed": assumed,
        "notes": list(read.notes),
        **_plain(asdict(shown)),
        "sentences": _sentences(read, shown, assumed),
    }


def _plain(content: Any) -> Any:
    """The same without numbers that JSON does not have: None for NaN and infinity."""
    if isinstance(content, dict):
        return {name: _plain(one) for name, one in content.items()}
    if isinstance(content, list | tuple):
        return [_plain(one) for one in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


# plan -----------------------------------------------------------------------------------------


def _print_plan(found: "Plan", values: int, seconds: float | None, notes: Sequence[str]) -> None:
    from myosweep.analysis.number_words import percent
    from myosweep.analysis.plan_words import (
        goal_sentence,
        plan_sentences,
        smallest_rows,
        variability_facts,
    )

    console.print(escape(goal_sentence(found.goal)))
    console.print()
    print_facts("Paired differences vary", variability_facts(found.variability))
    console.print()
    rows = [
        (str(networks), *(percent(round(chance, 2)) for chance in chances))
        for networks, chances in zip(found.networks, found.chances, strict=True)
    ]
    columns = ("networks per value", *(f"{count} patients" for count in found.patients))
    print_table("Chance of showing it", columns, rows)
    if len(found.patients) > 1 and len(found.networks) > 1:
        print_table(
            f"Fewest networks for a chance of {percent(found.goal.power)}, {values} values",
            ("patients", "networks per value", "runs", "time of computing", "chance"),
            smallest_rows(found, values, seconds),
        )
    for sentence in (*plan_sentences(found, values, seconds), *notes):
        console.print(escape(sentence))


def _plan_json(
    found: "Plan", values: int, seconds: float | None, notes: Sequence[str]
) -> dict[str, Any]:
    from myosweep.analysis.plan_words import goal_sentence, plan_sentences

    sentences = [goal_sentence(found.goal), *plan_sentences(found, values, seconds), *notes]
    content = {"values": values, "seconds_per_run": seconds, "sentences": sentences}
    return {**_plain(asdict(found)), **content}
