"""Commands that need no study: verdicts on anybody's table of scores, and planning."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape

from myosweep.cli.data_commands import Json
from myosweep.cli.show import console, print_facts, print_json, print_table
from myosweep.errors import InputError

if TYPE_CHECKING:
    from myosweep.analysis.any_table import AnyTable
    from myosweep.analysis.planning.plan import Plan
    from myosweep.statistics.answer import Answer

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
    from myosweep.analysis.verdict_text import plain, verdict_record

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
        print_json(plain(verdict_record(read, shown, assumed)))
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
    from myosweep.analysis.planning.pilot import goal_of, read_pilot
    from myosweep.analysis.planning.plan import TYPICAL, plan_study
    from myosweep.analysis.planning.words import plan_record
    from myosweep.analysis.verdict_text import plain

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
        print_json(plain(plan_record(found, values, seconds, notes)))
    else:
        _print_plan(found, values, seconds, notes)


def _condition(text: str) -> tuple[str, str]:
    column, equals, wanted = text.partition("=")
    if not equals or not column.strip():
        raise InputError(
            f"rows are chosen by COLUMN=VALUE, got {text!r}; write for instance region=myocardium"
        )
    return column.strip(), wanted.strip()


def _print_verdict(read: "AnyTable", shown: "Answer", assumed: bool) -> None:
    from myosweep.analysis.verdict_text import (
        comparisons_table,
        introduction,
        topics,
        values_table,
    )

    heading, *notes = introduction(read, shown, assumed)
    console.print(f"[bold]{escape(heading)}[/]")
    for note in notes:
        console.print(escape(note))
    console.print()
    for table in (values_table(read, shown), comparisons_table(read, shown)):
        print_table(table.title, table.columns, table.rows)
    for topic, sentences in topics(read, shown, assumed).items():
        if topic != "comparisons" and sentences:  # the paragraph to quote repeats these
            console.print(f"[bold]{topic[:1].upper()}{topic[1:]}[/]")
            for sentence in _first(sentences):
                console.print(escape(sentence))
            console.print()


def _first(sentences: Sequence[str]) -> Iterator[str]:
    yield from sentences[:_MOST_SENTENCES]
    if len(sentences) > _MOST_SENTENCES:
        yield f"... and {len(sentences) - _MOST_SENTENCES} more; see --json."


def _print_plan(found: "Plan", values: int, seconds: float | None, notes: Sequence[str]) -> None:
    from myosweep.analysis.planning.words import (
        chances_table,
        goal_sentence,
        plan_sentences,
        smallest_table,
        variability_facts,
    )

    console.print(escape(goal_sentence(found.goal)))
    console.print()
    print_facts("Paired differences vary", variability_facts(found.variability))
    console.print()
    tables = [chances_table(found)]
    if len(found.patients) > 1 and len(found.networks) > 1:
        tables.append(smallest_table(found, values, seconds))
    for table in tables:
        print_table(table.title, table.columns, table.rows)
    for sentence in (*plan_sentences(found, values, seconds), *notes):
        console.print(escape(sentence))
