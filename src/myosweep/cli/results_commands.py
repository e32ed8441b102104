"""Commands that read finished runs; none of them needs torch."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape

from myosweep.cli.data_commands import Json
from myosweep.cli.show import console, print_blocks, print_json, print_table

if TYPE_CHECKING:
    from myosweep.analysis.early_rule import EarlyApplication

Folder = Annotated[Path, typer.Argument(help="Study folder.")]
DatasetFolder = Annotated[
    Path | None, typer.Option(help="The dataset's folder, if it is not where the study says.")
]
Part = Annotated[
    Literal["training", "validation", "test"], typer.Option(help="Which part of the split.")
]


def summary(folder: Folder, part: Part = "test", json: Json = False) -> None:
    """Mean score per value, region and metric, over the networks of a value.

    Of a search (`myosweep tune`) the trials with their validation scores: its test patients are
    looked at once, for the winner.

    Example: myosweep summary results/emidec-l2 --json
    """
    from myosweep.analysis.scores import summary_records
    from myosweep.config import read_study_config
    from myosweep.results.layout import StudyFolder
    from myosweep.results.read import read_results

    if read_study_config(StudyFolder(folder).require().study).tune is not None:
        _print_trials(folder, part, json=json)
        return

    if json:
        print_json(summary_records(read_results(folder), part))
    else:
        print_summary(folder, part)


def _print_trials(folder: Path, part: str, *, json: bool) -> None:
    """Print the trials of a search; never how they do on test patients."""
    from myosweep.analysis.tuning.found import search_so_far
    from myosweep.errors import StudyError
    from myosweep.report.tuned.text import trial_records, trials_block
    from myosweep.results.layout import StudyFolder

    if part == "training":
        raise StudyError(
            "a search knows its trials by their scores on validation patients; leave out --part, "
            "or see `myosweep table` for all counts"
        )
    found = search_so_far(StudyFolder(folder))
    if json:
        print_json(trial_records(found))
        return
    print_blocks((trials_block(found, most=None),))
    console.print(
        "Test scores are not shown: whoever sees those of all trials can choose by them, and then "
        "no patients are left that tell whether the choice is any good. `myosweep conclude` shows "
        "those of the winner and the default."
    )


def print_summary(folder: Path, part: str = "test") -> None:
    """Print the paper's table: per value and region its metrics, mean over networks."""
    from myosweep.analysis.early_rule import early_applications
    from myosweep.analysis.tables import paper_table
    from myosweep.results.read import read_results

    table = paper_table(read_results(folder), part)
    print_table(table.title, table.columns, table.rows)
    for note in table.notes:
        console.print(escape(note))
    print_applications(early_applications(folder))


def print_applications(applied: "tuple[EarlyApplication, ...]") -> None:
    """Print every training to which the study's early rule applied, if any."""
    from myosweep.analysis.early_rule_words import APPLICATION_COLUMNS, application_rows

    if applied:
        print_table("Where the early rule applied", APPLICATION_COLUMNS, application_rows(applied))


def report(
    folder: Folder,
    dataset: DatasetFolder = None,
    slices: Annotated[
        list[str] | None,
        typer.Option("--slice", help="Test slice for figure 2, such as P07_003; may be repeated."),
    ] = None,
) -> None:
    """Write the report again from the finished runs: figures and one HTML page.

    Of a search (`myosweep tune`) its own page.

    Example: myosweep report results/emidec-l2 --slice Case_P014_003
    """
    from myosweep.report.page import write_report

    path = write_report(folder, dataset, tuple(slices or ()))
    console.print(f"Report: {escape(str(path))}")


def table(
    folder: Folder,
    csv: Annotated[Path, typer.Option(help="File to write.")],
    columns: Annotated[bool, typer.Option("--columns", help="Say what each column means.")] = False,
) -> None:
    """Export COUNTS as CSV: one row per run, part, slice and region, with the swept fields.

    Of a search (`myosweep tune`) without test scores that nobody has looked at yet.

    Example: myosweep table results/emidec-l2 --csv counts.csv --columns
    """
    from myosweep.analysis.tuning.found import seen_part
    from myosweep.results.export import describe_columns, write_counts_csv
    from myosweep.results.read import read_results

    results = read_results(folder)
    if search := results.study.tune is not None:
        results = seen_part(results)
    rows = write_counts_csv(results, csv)
    console.print(f"{rows} rows written to {escape(str(csv))}")
    if search:
        console.print(
            "Test rows are those of networks that `myosweep tune` has looked at, and of baselines; "
            "those of all other trials are left out, so that nobody chooses by them."
        )
    if columns:
        print_table("Columns", ["column", "what it is"], describe_columns(results))
