"""The command that looks for faults in a dataset."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.padding import Padding

from myosweep.cli.data_commands import Json
from myosweep.cli.show import console, counting, print_json, print_table

if TYPE_CHECKING:
    from myosweep.audit.records import Audit, BaselineScore

_HEADS = {"serious": "Serious", "look": "To look at", "note": "Good to know"}
_NAMED = 8


def audit(
    dataset: Annotated[Path, typer.Argument(help="Dataset folder.")],
    split: Annotated[
        list[Path] | None,
        typer.Option(show_default=False, help="A split file to check for leaks; repeatable."),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(show_default=False, help="Write a page with pictures of what was found."),
    ] = None,
    json: Json = False,
) -> None:
    """Look for what spoils conclusions: copies, leaks, broken masks, distortion, odd images.

    Examples: myosweep audit data/mine; myosweep audit data/mine --split split.json --html a.html
    """
    from myosweep.audit.everything import audit_dataset
    from myosweep.data.split import read_split
    from myosweep.data.store import open_dataset
    from myosweep.errors import DatasetError

    if html is not None and html.exists() and html.suffix.lower() not in (".html", ".htm"):
        raise DatasetError(f"--html names a page to write, got {html.name!r}; let it end in .html")
    data = open_dataset(dataset)
    splits = {path.stem: read_split(path) for path in split or ()}
    with counting("Looking at slices") as progress:
        found = audit_dataset(data, splits, progress)
    print_json(found.as_json()) if json else _show(found)
    if html is not None:
        from myosweep.report.audit_page import write_audit

        write_audit(found, data, html)
        if not json:
            console.print(f"Page: {escape(str(html))}")


def _show(found: "Audit") -> None:
    console.print(
        f"[bold]Audit of {escape(found.name)}[/]: {found.slices} slices of {found.patients} "
        f"patients. {found.verdict}"
    )
    for severity, head in _HEADS.items():
        shown = [one for one in found.findings if one.severity == severity]
        if shown:
            console.print(f"\n[bold]{head}[/]")
        for one in shown:
            text = f"{one.sentence} {one.advice}"
            if one.slices:
                rest = len(one.slices) - _NAMED
                more = f" and {rest} more" if rest > 0 else ""
                text += f"\nSlices: {', '.join(one.slices[:_NAMED])}{more}."
            console.print(Padding(escape(f"{one.check}: {text}"), (0, 0, 0, 2)))
    for table in found.tables:
        print_table(f"\n{table.title}", table.columns, table.rows)
    if found.baselines is not None:
        _show_baselines(
            found.baselines.how, found.baselines.majority, found.baselines.no_image_score
        )
    for skipped in found.skipped:
        console.print(escape(f"Not checked: {skipped.check}, because {skipped.reason}"))


def _show_baselines(how: str, *scores: "BaselineScore") -> None:
    regions = list(scores[0].dice)
    rows = [
        (one.name, f"{one.accuracy:.3f}", *(_number(one.dice[region]) for region in regions))
        for one in scores
    ]
    columns = ["predictor", "accuracy", *(f"Dice {region}" for region in regions)]
    print_table(f"\nWithout looking at any image, {how}", columns, rows)


def _number(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.3f}"
