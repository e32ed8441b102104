"""The command that says what a study's values mean for the clinic."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.markup import escape

from myosweep.cli.data_commands import Json
from myosweep.cli.import_options import chosen_regions
from myosweep.cli.results_commands import DatasetFolder, Folder
from myosweep.cli.show import console, counting, print_blocks, print_json
from myosweep.cli.structure_option import Structures, named_structures


def clinical(
    folder: Folder,
    part: Annotated[
        Literal["validation", "test"], typer.Option(help="Which part of the split.")
    ] = "test",
    csv: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write every measure of every patient and network."),
    ] = None,
    dataset: DatasetFolder = None,
    regions: Annotated[
        str | None,
        typer.Option(
            "--regions",
            metavar="three|five|FILE.toml",
            show_default=False,
            help="What the reference's codes mean, if the dataset's regions do not tell infarct "
            "apart but its codes do.",
        ),
    ] = None,
    structure: Structures = None,
    n_sd: Annotated[
        float, typer.Option("--n-sd", help="Standard deviations above remote, for thresholds.")
    ] = 5.0,
    signal_zero: Annotated[
        float | None,
        typer.Option(
            "--signal-zero",
            metavar="GREY",
            show_default=False,
            help="Grey value of the source (not of the dataset) that means no signal, for half of "
            "the maximum; 0 in magnitude images.",
        ),
    ] = None,
    rv_insertion: Annotated[
        Path | None,
        typer.Option(
            "--rv-insertion",
            metavar="FILE.csv",
            show_default=False,
            help="Columns patient or slice, anterior_y, anterior_x, inferior_y, inferior_x "
            "(pixels), for AHA segments.",
        ),
    ] = None,
    sector_start: Annotated[
        float,
        typer.Option(
            "--sector-start",
            metavar="DEGREES",
            help="Where sectors begin that are not AHA-aligned: 0 is the image's right, 90 its "
            "top.",
        ),
    ] = 0.0,
    stack: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            show_default=False,
            help="Which stack of slices is measured in patients who have several (two series, two "
            "visits): 1 is the first in the order of the files' names.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """What the values mean for the clinic: infarct size, mass, contours, segments.

    Measures every patient by the manual masks and by each network's, and says first whether the
    swept setting changes infarct size or mass, by more than 1 % of the myocardium or 5 g. The
    measures are kept in the study's folder; the report then has a section on them.

    Examples: myosweep clinical results/emidec-five-regions; myosweep clinical results/emidec-l2
    --regions five --n-sd 5 --csv patients.csv; myosweep clinical results/emidec-l2 --part
    validation --json
    """
    from myosweep.analysis.clinical.findings import clinical_findings
    from myosweep.analysis.clinical.run import Options, measure_study
    from myosweep.analysis.clinical.table import write_patients_csv
    from myosweep.report.clinical.text import clinical_blocks, clinical_json
    from myosweep.results.clinical import write_clinical
    from myosweep.results.read import read_results

    results = read_results(folder)
    options = Options(
        part=part,
        dataset=dataset,
        scheme=None if regions is None else chosen_regions(None, regions, ""),
        named=named_structures(structure),
        n_sd=n_sd,
        signal_zero=signal_zero,
        insertions=rv_insertion,
        sector_start_deg=sector_start,
        stack=stack,
    )
    with counting("Measuring") as progress:
        table, facts = measure_study(results, options, progress)
    found = clinical_findings(results, table, facts)
    if part == "test":
        write_clinical(results.folder, table, facts)
    if csv is not None:
        write_patients_csv(results, table, csv)
    if json:
        print_json(clinical_json(found, results))
        return
    print_blocks(clinical_blocks(found, results))
    if csv is not None:
        console.print(f"{len(table)} rows written to {escape(str(csv))}")
    if part == "test":
        console.print("`myosweep report` now has a section on these measures.")
