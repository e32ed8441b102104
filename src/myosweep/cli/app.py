"""All commands, in the order in which a newcomer needs them."""

from typing import Annotated

import typer

import myosweep
from myosweep.cli import (
    audit_command,
    calibrate_command,
    card_command,
    clinical_command,
    conclude_commands,
    data_commands,
    hospital_commands,
    import_commands,
    predict_command,
    results_commands,
    serve_command,
    study_commands,
    tune_command,
    verdict_commands,
)
from myosweep.errors import ConfigError
from myosweep.launch import launch

app = typer.Typer(
    name="myosweep",
    help="How much does a training hyperparameter matter for myocardium segmentation in LGE-MRI, "
    "and which value should you take?",
    epilog="Start with: myosweep demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"myosweep {myosweep.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    if (processes := launch().processes) > 1 and context.invoked_subcommand != "run":
        raise ConfigError(
            f"{processes} processes were started together, and only `myosweep run` can make use of "
            f"them; start `myosweep {context.invoked_subcommand}` without torchrun"
        )


importers = typer.Typer(
    no_args_is_help=True, help="Make a dataset from images and masks of one kind."
)
importers.command("png")(import_commands.import_png)
importers.command("segment")(hospital_commands.import_segment)
importers.command("dicom")(hospital_commands.import_dicom)
importers.command("nifti")(import_commands.import_nifti)

app.command("demo", rich_help_panel="Start")(study_commands.demo)
app.add_typer(importers, name="import", rich_help_panel="Data")
app.command("phantom", rich_help_panel="Data")(data_commands.phantom)
app.command("audit", rich_help_panel="Data")(audit_command.audit)
app.command("export", rich_help_panel="Data")(data_commands.export)
app.command("split", rich_help_panel="Data")(data_commands.split)
app.command("info", rich_help_panel="Data")(data_commands.info)
app.command("plan", rich_help_panel="Study")(verdict_commands.plan)
app.command("settings", rich_help_panel="Study")(study_commands.settings)
app.command("run", rich_help_panel="Study")(study_commands.run)
app.command("tune", rich_help_panel="Study")(tune_command.tune)
app.command("status", rich_help_panel="Study")(study_commands.status)
app.command("score", rich_help_panel="Study")(study_commands.score)
app.command("ensemble", rich_help_panel="Study")(study_commands.ensemble)
app.command("extend", rich_help_panel="Study")(conclude_commands.extend)
app.command("summary", rich_help_panel="Results")(results_commands.summary)
app.command("conclude", rich_help_panel="Results")(conclude_commands.conclude)
app.command("clinical", rich_help_panel="Results")(clinical_command.clinical)
app.command("report", rich_help_panel="Results")(results_commands.report)
app.command("serve", rich_help_panel="Results")(serve_command.serve)
app.command("table", rich_help_panel="Results")(results_commands.table)
app.command("verdict", rich_help_panel="Results")(verdict_commands.verdict)
app.command("calibrate", rich_help_panel="Network")(calibrate_command.calibrate)
app.command("predict", rich_help_panel="Network")(predict_command.predict)
app.command("card", rich_help_panel="Network")(card_command.card)
