"""Commands that conclude a study and add to it what the conclusion asks for."""

from typing import Annotated

import typer
from rich.markup import escape

from myosweep.cli.data_commands import Json
from myosweep.cli.results_commands import DatasetFolder, Folder
from myosweep.cli.running import Device, Jobs, perform, with_jobs
from myosweep.cli.show import console, duration, print_blocks, print_json
from myosweep.cli.tune_command import show_tuned


def conclude(
    folder: Folder,
    metric: Annotated[
        str | None, typer.Option(help="Another metric: accuracy, iou, dice, bf; exploratory.")
    ] = None,
    region: Annotated[
        str | None, typer.Option(help="Another region, or 'all'; exploratory.")
    ] = None,
    margin: Annotated[
        float | None, typer.Option(help="Another smallest difference that matters; exploratory.")
    ] = None,
    reference: Annotated[
        str | None, typer.Option(help="Another value to compare with; exploratory.")
    ] = None,
    json: Json = False,
) -> None:
    """What may be concluded: verdicts, the value to take, what is not known and what it costs.

    Needs the results tables only: no GPU, no images, no torch. Without options it answers the
    study's own question, and that counts as a look at it (see looks.jsonl). Of a search (`myosweep
    tune`) it says what `tune` said at its end.

    Examples: myosweep conclude results/emidec-l2; myosweep conclude results/emidec-l2 --region
    "blood pool" --metric iou; myosweep conclude results/emidec-l2 --margin 0.01 --json
    """
    from myosweep.analysis.conclude import conclude as conclude_results
    from myosweep.config import read_study_config
    from myosweep.report.conclusion.text import conclusion_blocks, conclusion_json
    from myosweep.results.layout import StudyFolder
    from myosweep.results.ledger import log_look, read_looks
    from myosweep.results.read import read_results

    if (study := read_study_config(StudyFolder(folder).require().study)).tune is not None:
        options = {"metric": metric, "region": region, "margin": margin, "reference": reference}
        _refuse(study.name, [name for name, value in options.items() if value is not None])
        show_tuned(folder, json=json)
        return
    results = read_results(folder)
    found = conclude_results(
        results,
        region=region,
        metric=metric,
        margin=margin,
        reference=reference,
        looks=read_looks(results.folder),
    )
    if found.look is not None:
        log_look(results.folder, found.look)
    if json:
        print_json(conclusion_json(found, results))
        return
    print_blocks(conclusion_blocks(found, results))


def _refuse(study: str, options: list[str]) -> None:
    """Raise an error if a search is asked for another question than its own."""
    from myosweep.errors import StudyError

    if options:
        named = ", ".join(f"--{name}" for name in options)
        raise StudyError(
            f"study {study!r} is a search: its question was fixed before the first trial, since "
            f"trials and race were judged by it; leave out {named}, or set it under [question] of "
            "a new study"
        )


def extend(
    folder: Folder,
    edge: Annotated[
        bool,
        typer.Option("--edge", help="Add the next value beyond the edge, if the best is there."),
    ] = False,
    decide: Annotated[
        bool, typer.Option("--decide", help="Add networks for an even chance of a decision.")
    ] = False,
    networks: Annotated[
        int | None, typer.Option(min=2, help="Networks per value to reach.", show_default=False)
    ] = None,
    dataset: DatasetFolder = None,
    device: Device = "auto",
    jobs: Jobs = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be added and what it costs; no more.")
    ] = False,
) -> None:
    """Add to a study the values or networks that its conclusion asks for, and run them.

    Says first what is added, why, how long it takes, and what is left of the errors that looks at
    the primary question may spend.

    Examples: myosweep extend results/emidec-l2 --edge --dry-run; myosweep extend
    results/emidec-l2 --decide; myosweep extend results/emidec-l2 --networks 15 --jobs 2
    """
    from myosweep.errors import StudyError
    from myosweep.study.estimate import estimate_study
    from myosweep.study.extend import plan_extension
    from myosweep.study.open import open_study
    from myosweep.study.resources import Resources

    if not (edge or decide or networks):
        raise StudyError(
            "nothing to add: give --edge, --decide or --networks N (see `myosweep conclude` for "
            "what the study asks for)"
        )
    if decide and networks:
        raise StudyError("--decide and --networks both set the number of networks; give one")
    extension = plan_extension(folder, edge=edge, decide=decide, networks=networks)
    for reason in extension.reasons:
        console.print(escape(reason))
    if extension.nothing:
        return
    base = dataset or folder / extension.config.dataset
    config = extension.config.model_copy(update={"dataset": str(base)})
    preview = open_study(config, folder, device=device, dataset=base, write=False)
    resources = with_jobs(preview, Resources(device, jobs))
    estimate = estimate_study(preview, resources)
    console.print(
        f"{len(estimate.runs)} runs to do, about {duration(estimate.seconds)} on this machine; "
        f"networks per value: {extension.networks_before} now, {extension.networks} then."
    )
    console.print(_errors_left(extension.left))
    if dry_run:
        console.print("Nothing was changed.")
        return
    perform(open_study(config, folder, device=device, dataset=base), resources)


def _errors_left(left: float) -> str:
    if left <= 0:
        return (
            "Nothing is left of the 5 % of errors foreseen for looks at the primary question: what "
            "the larger study shows will be exploratory. Set replicates.max_replicates before the "
            "first run of the next study."
        )
    return f"The next look at the primary question may spend {100 * left:.2g} % of errors."
