"""The command that finds out when a model can be believed."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from myosweep.cli.data_commands import Json
from myosweep.cli.predict_command import Value
from myosweep.cli.results_commands import DatasetFolder
from myosweep.cli.show import console, counting, print_blocks, print_json


def calibrate(
    model: Annotated[
        Path,
        typer.Argument(help="A study's folder (with --value), or a run's folder (STUDY/runs/ID)."),
    ],
    value: Value = None,
    region: Annotated[
        str | None,
        typer.Option(
            help="What must not fail: a region, or myocardium for the whole wall, which is the "
            "default: where a network tells infarct apart, that is all its parts together.",
            show_default=False,
        ),
    ] = None,
    failure: Annotated[
        float, typer.Option(help="A slice on which the region has a lower Dice is a failure.")
    ] = 0.6,
    catch: Annotated[
        float, typer.Option(help="Share of failures that the flag is to catch.")
    ] = 0.9,
    copies: Annotated[
        int | None,
        typer.Option(
            help="Mirrored copies of each image that are asked about: 1, 2, 4 or 8. By default 1 "
            "for several networks, which agree or not among themselves, and 2 for one.",
            show_default=False,
        ),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write score and Dice of every slice and region."),
    ] = None,
    dataset: DatasetFolder = None,
    again: Annotated[
        bool, typer.Option("--again", help="Ask the networks anew, even if it was done before.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, help="Processor threads; by default all.")
    ] = None,
    json: Json = False,
) -> None:
    """Find out when a model can be believed: flag slices to look at, calibrate probabilities.

    Threshold and temperature come from the study's validation patients, and are measured on its
    test patients. From then on `myosweep predict` flags slices. The networks are asked once; other
    limits are answered at once.

    Examples: myosweep calibrate results/my-study --value 0.0005; myosweep calibrate
    results/my-study --value 0.0005 --failure 0.7 --catch 0.95; myosweep calibrate
    results/my-study/runs/1f3c... --copies 4 --json
    """
    from myosweep.analysis.reliability import Limits, judge_reliability
    from myosweep.analysis.reliability.words import calibration_of
    from myosweep.files import whole_file
    from myosweep.metrics.clinical import main_target
    from myosweep.predict.calibrate import Options, reliability_tables
    from myosweep.report.reliability import reliability_blocks, reliability_json
    from myosweep.results.reliability import write_calibration

    options = Options(copies, dataset, device, threads, again)
    with counting("Asking about slices") as progress:
        tables, folder = reliability_tables(model, value or (), options, progress)
    asked = region or main_target(tables.about.regions)
    found = judge_reliability(tables, Limits(asked, failure, catch))
    write_calibration(folder, calibration_of(found))
    if csv is not None:
        with whole_file(csv) as draft:
            tables.slices.to_csv(draft, index=False, lineterminator="\n")
    if json:
        print_json(reliability_json(found))
        return
    print_blocks(reliability_blocks(found))
    if csv is not None:
        console.print(f"{len(tables.slices)} rows written to {escape(str(csv))}")
    console.print(
        "`myosweep predict` now flags slices of this model, and `myosweep report` has a section."
    )
