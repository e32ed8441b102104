"""What commands share that do a study's runs: options, what is said before, during and after."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.markup import escape

from myosweep.cli.results_commands import print_summary
from myosweep.cli.show import console, counting, duration, notes, print_table, warn

if TYPE_CHECKING:
    from myosweep.study.on_ray import OnRay
    from myosweep.study.open import Study
    from myosweep.study.resources import Resources

Device = Annotated[Literal["auto", "cpu", "cuda", "mps"], typer.Option(help="Where to compute.")]
Jobs = Annotated[
    int | None, typer.Option(min=1, help="Runs at a time; they share the processor's cores.")
]
Threads = Annotated[
    int | None,
    typer.Option(min=1, help="Processor threads of one run; default its share of the cores."),
]


def perform(study: "Study", resources: "Resources", place: "OnRay | None" = None) -> None:
    """Do what is missing of a study, show how far it is, and its summary and report."""
    from myosweep.cli.cluster import options
    from myosweep.cli.watch import watching
    from myosweep.study.execute import execute
    from myosweep.study.sweep import complete_study

    if not resources.together.is_main:
        execute(study, resources)
        return
    folder = study.folder.path
    warn_of(study)
    missing, plans = len(study.missing()), len(study.plans())
    notes.print(f"Study {escape(study.config.name)}: {plans} runs, {missing} to do")
    try:
        with watching(folder):
            report = complete_study(study, resources, place or execute)
    except KeyboardInterrupt:
        start = "torchrun ... -m myosweep" if resources.together.processes > 1 else "myosweep"
        notes.print(
            "Stopped. Every run is kept at its last whole epoch; continue with\n"
            f"  {start} run {escape(str(folder))}{escape(options(resources, place))}"
        )
        raise
    print_summary(folder)
    console.print(f"Report: {escape(str(report))}")


def warn_of(study: "Study") -> None:
    """Say what is wrong with a study that can be run nevertheless."""
    from myosweep.study.inert import inert_settings

    for finding in (*study.serious, *inert_settings(study)):
        warn(finding)


def with_jobs(study: "Study", resources: "Resources") -> "Resources":
    """The resources with a number of runs at a time; says what was measured to choose it."""
    from myosweep.study.jobs import choose_jobs

    with counting("Timing ways to share the cores") as progress:
        choice = choose_jobs(study, resources, progress)
    if choice.trials:
        rows = [
            (
                str(trial.layout.jobs),
                str(trial.layout.threads),
                f"{images:.3g}" if (images := trial.images_per_s) else "too much memory",
            )
            for trial in choice.trials
        ]
        print_table(
            "Ways to share the cores, measured on this machine",
            ["runs at a time", "threads each", "training images per s, all runs"],
            rows,
        )
        notes.print(
            f"Chosen: {choice.resources.jobs_at_once} at a time; --jobs and --threads override it."
        )
    return choice.resources


def take_over(study: "Study", others: list[Path]) -> None:
    """Copy runs that other studies have done."""
    from myosweep.study.reuse import reuse_runs

    for other in others:
        count = reuse_runs(study, other)
        notes.print(f"Runs taken from study {escape(other.name)}: {count}")


def show_plan(study: "Study", resources: "Resources") -> None:
    """Print what a run of the study would do."""
    from myosweep.study.estimate import estimate_study
    from myosweep.study.jobs import BUSY_PERCENT, busy_percent

    warn_of(study)
    busy = busy_percent()
    resources = with_jobs(study, resources)
    with counting("Timing a few steps") as progress:
        estimate = estimate_study(study, resources, progress)
    rows = [(run.label, run.id, duration(seconds)) for run, seconds in estimate.runs]
    print_table("Runs to do", ["run", "id", "about"], rows)
    done = len(study.plans()) - len(rows)
    console.print(
        f"{len(rows)} runs to do, {done} done; about {duration(estimate.seconds)} with "
        f"{resources.jobs_at_once} at a time on this machine. Nothing was changed."
    )
    if busy > BUSY_PERCENT:
        warn(
            f"other programs use {busy:.0f} % of the processor now; on an idle machine it is "
            "faster than said"
        )
