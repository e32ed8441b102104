"""Commands that set up, run and follow studies."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from myosweep.cli.data_commands import Json
from myosweep.cli.results_commands import DatasetFolder, print_applications, print_summary
from myosweep.cli.running import (
    Device,
    Jobs,
    perform,
    show_plan,
    take_over,
    with_jobs,
)
from myosweep.cli.show import (
    console,
    counting,
    duration,
    notes,
    print_json,
    print_table,
    warn,
)

if TYPE_CHECKING:
    from myosweep.study.state import StudyState


def demo(
    out: Annotated[Path, typer.Option(help="Folder to make or continue.")] = Path("myosweep-demo"),
    device: Device = "auto",
    jobs: Jobs = None,
) -> None:
    """Try everything in about two minutes: phantoms, the paper's sweep, the report.

    Makes LGE phantoms, trains a small U-Net with the paper's three L2 values and 3 seeds each, and
    writes the report. No patient data needed.
    """
    from myosweep.study.demo import open_demo
    from myosweep.study.resources import Resources
    from myosweep.training.device import processor_count

    with counting("Making phantom patients") as progress:
        study = open_demo(out, device=device, progress=progress)
    perform(study, Resources(device, jobs or min(processor_count(), 4)))


def run(
    study: Annotated[Path, typer.Argument(help="A study file, or a study folder to continue.")],
    out: Annotated[
        Path | None, typer.Option(help="Study folder; default results/NAME.", show_default=False)
    ] = None,
    dataset: DatasetFolder = None,
    device: Device = "auto",
    jobs: Jobs = None,
    allow_leakage: Annotated[
        bool,
        typer.Option(
            "--allow-leakage",
            help="Run although patients or images stand in several parts of a split, as in the "
            "paper. Without it such a study is refused.",
        ),
    ] = False,
    reuse: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="STUDY",
            help="Take runs that another study folder has done already: those with the same "
            "settings, seed, data and split. May be given several times.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be run and how long it takes.")
    ] = False,
    worker: Annotated[
        bool,
        typer.Option(
            "--worker",
            help="Be one of many processes, on any machines, that share the study's folder: do "
            "runs until none is left, write no report.",
        ),
    ] = False,
    on: Annotated[
        str | None,
        typer.Option(
            metavar="ray[:ADDRESS]",
            help="Run on all machines of a Ray cluster; `ray` alone uses this machine.",
            show_default=False,
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processor threads of one run; default its share of the cores, on Ray 1.",
            show_default=False,
        ),
    ] = None,
    gpus: Annotated[
        float, typer.Option(min=0.01, help="On Ray: GPUs of one run, such as 0.5.")
    ] = 1.0,
    store: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="On Ray: bring results back through a store, such as s3://bucket/study, if the "
            "machines do not share the study's folder.",
            show_default=False,
        ),
    ] = "",
) -> None:
    """Run a study: every run that is missing, then the report.

    Runs that are complete are skipped, a killed run continues from its last whole epoch. Ctrl-C
    stops cleanly; the same command continues.

    Examples: myosweep run studies/emidec-l2.toml; myosweep run results/emidec-l2 --jobs 2;
    myosweep run my-study.toml --out results/mine --dry-run; in a SLURM array: myosweep run
    results/mine --worker; on a cluster: myosweep run my-study.toml --on ray:10.0.0.5:6379
    --threads 4
    """
    from myosweep.cli.cluster import be_worker, place_of
    from myosweep.study.joined import joined
    from myosweep.study.open import open_study, require_sweep
    from myosweep.study.resources import Resources

    require_sweep(study)
    single = {
        "--jobs": (jobs or 1) > 1, "--worker": worker, "--on": bool(on), "--dry-run": dry_run
    }  # fmt: skip
    place = place_of(on, gpus, store, worker=worker, jobs=jobs)
    with joined(device, single) as together:
        opened = together.main_first(
            lambda: open_study(
                study,
                out,
                device="auto" if place else device,
                dataset=dataset,
                allow_leakage=allow_leakage,
                write=together.is_main and not dry_run,
            )
        )
        resources = Resources(device, jobs, threads, together)
        if together.is_main and not dry_run:
            take_over(opened, reuse or [])
        if dry_run:
            show_plan(opened, resources)
        elif worker:
            be_worker(opened, resources)
        else:
            resources = resources if place else with_jobs(opened, resources)
            perform(opened, resources, place)


def status(
    folder: Annotated[Path, typer.Argument(help="Study folder.")], json: Json = False
) -> None:
    """How far a study is: runs done, running, failed, and the time left.

    Of a search also the trials, those that were ended early, and what is left of the budget.

    Example: myosweep status results/emidec-l2
    """
    from dataclasses import asdict

    from myosweep.analysis.early_rule import early_applications
    from myosweep.config import read_study_config
    from myosweep.results.layout import StudyFolder
    from myosweep.study.state import study_state

    state = study_state(folder)
    search = read_study_config(StudyFolder(folder).study).tune is not None
    counts: dict[str, object] = {
        "runs": len(state.runs),
        "done": state.done,
        "running": state.count("running"),
        "waiting": state.count("waiting"),
        "failed": state.count("failed"),
        "diverged": state.count("diverged"),
        "stopped": state.count("stopped"),
        "seconds_left": state.seconds_left,
    }
    applied = early_applications(folder)
    if search:
        counts |= _search_facts(folder, state)
    if json:
        early = [asdict(one) for one in applied]
        print_json({**counts, "each": [asdict(run) for run in state.runs], "early_rule": early})
        return
    rows = [
        (run.label, run.state, f"{run.epochs_done:.0f} of {run.epochs}", duration(run.seconds))
        for run in state.runs
    ]
    print_table(f"Study {folder.name}", ["run", "state", "epochs", "time"], rows)
    stopped = f"{counts['stopped']} stopped by the early rule, " if counts["stopped"] else ""
    if search:
        console.print(_search_words(counts))
    else:
        console.print(
            f"{state.done} of {len(state.runs)} runs done, {stopped}{counts['running']} running, "
            f"{counts['failed']} failed; time left: "
            + (duration(state.seconds_left) if state.settled < len(state.runs) else "none")
        )
    print_applications(applied)
    for failed in (run for run in state.runs if run.state == "failed"):
        warn(f"{failed.label} failed: {failed.error}")


def _search_facts(folder: Path, state: "StudyState") -> dict[str, Any]:
    """What is to be said of a search besides."""
    from dataclasses import asdict

    from myosweep.results.layout import StudyFolder
    from myosweep.study.tune.progress import search_progress

    return asdict(search_progress(StudyFolder(folder), state))


def _search_words(facts: "dict[str, Any]") -> str:
    whole = f" of {facts['whole']:.1f}" if facts["whole"] is not None else ""
    stage = "over" if facts["race_over"] else "racing" if facts["search_over"] else "searching"
    left = "none" if facts["race_over"] else f"{duration(facts['seconds_left'])} at most"
    return (
        f"Search: {facts['trials']} trials, {facts['ended_early']} ended early; race: "
        f"{facts['race_runs']} networks; {facts['running']} running, {facts['failed']} failed. "
        f"{facts['spent']:.1f}{whole} default runs spent; {stage}; time left: {left}"
    )


def ensemble(
    folder: Annotated[Path, typer.Argument(help="Study folder.")],
    size: Annotated[int, typer.Option(min=2, help="Networks that answer together.")] = 3,
    dataset: DatasetFolder = None,
    device: Device = "auto",
) -> None:
    """Score ensembles: networks of one value that answer together, beside the single ones.

    Nothing is trained. The networks of each value are grouped in the order of their seeds, each in
    one ensemble only; `conclude` and `report` then compare ensembles with single networks.

    Example: myosweep ensemble results/emidec-l2 --size 3
    """
    from myosweep.study.ensemble import make_ensembles
    from myosweep.study.open import open_study, require_sweep
    from myosweep.study.resources import Resources

    require_sweep(folder)
    study = open_study(folder, dataset=dataset, device=device, write=False)
    with counting("Scoring ensembles") as progress:
        made = make_ensembles(study, size, Resources(device), progress)
    notes.print(f"New ensembles of {size} networks: {made}")
    print_summary(folder)


def score(
    predictions: Annotated[Path, typer.Argument(help="Folder of predicted masks.")],
    dataset: Annotated[Path, typer.Argument(help="Dataset folder that the masks belong to.")],
    value: Annotated[str, typer.Option(help="The swept field's value of this network.")],
    out: Annotated[Path, typer.Option(help="Study folder to make or to add to.")],
    seed: Annotated[int, typer.Option(min=0, help="Which of the value's networks it is.")] = 0,
    field: Annotated[str, typer.Option(help="The swept field.")] = "l2.strength",
    split: Annotated[
        Path | None,
        typer.Option(help="Split file; without one, every slice of the dataset is a test slice."),
    ] = None,
    region: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=CODES", help="Codes in the predicted masks, if they differ."),
    ] = None,
) -> None:
    """Score masks that another program (MATLAB, nnU-Net) made, as one run of a study.

    Masks are named as the images were at import, or by slice key. Everything downstream works:
    summary, report, table.

    Example: myosweep score matlab/run1 data/mine --value 5e-4 --seed 0 --split split.json
    --out results/matlab
    """
    from myosweep.study.score import score_masks

    run_id = score_masks(
        predictions, dataset, out, value=value, seed=seed, field=field, split=split, regions=region
    )
    console.print(f"Run {run_id} added to study {escape(out.name)}")
    print_summary(out)


def settings(json: Json = False) -> None:
    """Every setting of a run: what it does, its value in each preset, and why they differ.

    Each can stand under [settings] or [sweep] of a study file, by its path.
    """
    from myosweep.analysis.number_words import listed
    from myosweep.config import PRESETS, describe_settings, preset_reasons

    rows = describe_settings()
    if json:
        print_json([row._asdict() for row in rows])
        return
    print_table(
        "Settings of a run, in each preset",
        ["path", "paper", "default", "strong", "what it is"],
        [(row.path, *map(str, (row.paper, row.default, row.strong)), row.meaning) for row in rows],
    )
    for reason, paths in preset_reasons("strong").items():
        where = listed([name for name, changed in PRESETS.items() if paths[0] in changed])
        console.print(f"{listed(paths)}, in {where}: {reason}.")
