"""Commands that read finished runs; none of them needs torch."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape

from myosweep.cli.data_commands import Json
from myosweep.cli.show import console, print_json, print_table

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

    Example: myosweep summary results/emidec-l2 --json
    """
    from myosweep.analysis.scores import summary_records
    from myosweep.results.read import read_results

    if json:
        print_json(summary_records(read_results(folder), part))
    else:
        print_summary(folder, part)


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

    Example: myosweep table results/emidec-l2 --csv counts.csv --columns
    """
    from myosweep.results.export import describe_columns, write_counts_csv
    from myosweep.results.read import read_results

    results = read_results(folder)
    rows = write_counts_csv(results, csv)
    console.print(f"{rows} rows written to {escape(str(csv))}")
    if columns:
        print_table("Columns", ["column", "what it is"], describe_columns(results))
