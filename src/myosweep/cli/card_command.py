"""The command that writes a model card, and checks that nothing has changed since."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from myosweep.cli.data_commands import Json
from myosweep.cli.show import console, print_blocks, print_json

if TYPE_CHECKING:
    from myosweep.analysis.card.records import ModelCard

_SHOWN = ("use", "data", "scores", "failures", "probabilities", "warnings")


def card(
    model: Annotated[
        Path,
        typer.Argument(
            help="A run's folder (STUDY/runs/ID), a study's folder (with --value), or a folder "
            "that `myosweep export` has made of a network."
        ),
    ],
    value: Annotated[
        list[str] | None,
        typer.Option("--value", help="Of a study: the value whose networks are meant."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            show_default=False,
            help="Folder for the card. Default: STUDY/cards/NAME; an export has its own.",
        ),
    ] = None,
    checklists: Annotated[
        bool,
        typer.Option(
            "--checklists",
            help="Also write the checklists CLAIM (2024) and Metrics Reloaded, as far as the "
            "study answers them.",
        ),
    ] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Write nothing: compare every file with its SHA-256 in the card, and say what "
            "has changed (exit code 2).",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Write the model card of a study's networks: data, scores, known failures, SHA-256 of all.

    It is research only and no medical device, and the card says so. No patient, site or path is
    named. The report shows the card; every exported network carries it.

    Examples: myosweep card results/my-study --value 0.0005 --checklists;
    myosweep card results/my-study/runs/1f3c...; myosweep card results/my-study --value 0.0005
    --check; myosweep card model --check
    """
    from myosweep.errors import StudyError
    from myosweep.predict.card import CARD, make_card, meant, read_card, write_card
    from myosweep.predict.choose import refuse_values

    exported = (model / CARD).is_file()
    if check:
        _check(model, value or [], out)
        return
    if exported:
        refuse_values(value or [], model)
        if checklists and out is None:
            raise StudyError(
                f"{model.name!r} was exported as it is, so nothing is added to it; give --out for "
                "the checklists"
            )
    found = None if exported else meant(model, value or [])
    folder = out or (None if found is None else found.folder())
    made = read_card(model / CARD) if found is None else make_card(found)
    written = write_card(made, folder, checklists=checklists) if folder is not None else []
    if json:
        print_json(made.model_dump(mode="json"))
        return
    _show(made)
    if folder is not None:
        names = ", ".join(path.name for path in written)
        console.print(f"Written to {escape(_from_here(folder))}: {escape(names)}")


def _check(model: Path, values: list[str], out: Path | None) -> None:
    from myosweep.predict.card import CARD, check_card, check_export, meant

    if (model / CARD).is_file():
        console.print(f"{check_export(model)} files are as they were exported.")
        return
    found = meant(model, values)
    checked, pixels = check_card(found, out or found.folder())
    console.print(f"{checked} files are as the card says.")
    console.print(
        "The dataset’s pixels are those of the card."
        if pixels
        else "The dataset is not at hand, so its pixels were not compared."
    )


def _from_here(folder: Path) -> str:
    """A folder as seen from where the user is, if it lies below."""
    here = Path.cwd().resolve()
    return str(folder.relative_to(here) if folder.is_relative_to(here) else folder)


def _show(made: "ModelCard") -> None:
    """Print what matters most; the files hold the rest."""
    from myosweep.analysis.card.words import card_parts, card_title
    from myosweep.report.card import part_blocks

    console.print(f"[bold]{escape(card_title(made))}[/]")
    for part in card_parts(made):
        if part.name in _SHOWN:
            print_blocks(part_blocks(part))
