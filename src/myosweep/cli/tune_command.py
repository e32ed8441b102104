"""The command that searches for better settings."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from myosweep.cli.data_commands import Json
from myosweep.cli.results_commands import DatasetFolder
from myosweep.cli.running import Device, Jobs, Threads, warn_of
from myosweep.cli.show import (
    console,
    counting,
    duration,
    notes,
    print_blocks,
    print_json,
    print_table,
    warn,
)

if TYPE_CHECKING:
    from myosweep.analysis.tuning.found import Tuned
    from myosweep.study.open import Study
    from myosweep.study.resources import Resources
    from myosweep.study.tune.tuning import Tuning


def tune(
    study: Annotated[Path, typer.Argument(help="A study file with [tune], or its folder.")],
    out: Annotated[
        Path | None, typer.Option(help="Study folder; default results/NAME.", show_default=False)
    ] = None,
    budget: Annotated[
        str | None,
        typer.Option(
            metavar="20runs|90min|2h",
            help="What search and race may cost: so many runs of the default, or the training time "
            "on this machine; default as the study says.",
            show_default=False,
        ),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(
            envvar="MYOSWEEP_STORAGE",
            metavar="URL",
            help="Keep the record of trials in a database, such as "
            "postgresql+psycopg://user@host/name, for many machines; default: a file in the "
            "study's folder.",
            show_default=False,
        ),
    ] = None,
    dataset: DatasetFolder = None,
    device: Device = "auto",
    jobs: Jobs = None,
    threads: Threads = None,
    allow_leakage: Annotated[
        bool,
        typer.Option("--allow-leakage", help="Search although patients or images leak."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be searched and what it costs.")
    ] = False,
    json: Json = False,
) -> None:
    """Search for settings better than the default, and take them only if they are shown to be.

    Tries settings with Optuna, lets the best few race against the default with new networks, and
    looks at the test patients once, at the end. Ties go to the default. Writes a page that tells
    all of it. Every trial is an ordinary run; killed or stopped, the same command continues.
    Started several times, on machines that share the folder, the processes work together.

    Examples: myosweep tune studies/emidec-tune.toml; myosweep tune my-study.toml --budget 2h
    --jobs 2; myosweep tune my-study.toml --dry-run; myosweep tune results/mine --budget 40runs

    A study file for it: [tune] with budget = "20runs" and, if not everything is to be searched,
    [tune.space] with lines such as "l2.strength" = { low = 1e-6, high = 1e-2, log = true } and
    batch_size = [2, 4, 8].
    """
    from myosweep.config import parse_budget
    from myosweep.errors import ConfigError
    from myosweep.study.open import open_study
    from myosweep.study.places import read_source
    from myosweep.study.resources import Resources
    from myosweep.study.tune.tuning import open_tuning, require_tune

    if budget is not None:
        try:
            parse_budget(budget)
        except ValueError as error:
            raise ConfigError(f"--budget: {error}") from None
    require_tune(read_source(study)[0])
    resources = Resources(device, jobs, threads)
    if dry_run:
        opened = open_study(
            study, out, device=device, dataset=dataset, allow_leakage=allow_leakage, write=False
        )
        _plan(opened, budget, resources)
        return
    opened = open_study(study, out, device=device, dataset=dataset, allow_leakage=allow_leakage)
    warn_of(opened)
    tuning = open_tuning(opened, budget, storage, resources.jobs_at_once)
    found = _perform(tuning, resources, storage)
    show_tuned(opened.folder.path, found, json=json)
    if not json:
        console.print(f"Report: {escape(str(opened.folder.report))}")


def show_tuned(folder: Path, found: "Tuned | None" = None, *, json: bool) -> None:
    """Print what a search has found, or has found so far."""
    from myosweep.analysis.tuning.found import conclude_tuning
    from myosweep.config import read_study_config
    from myosweep.report.tuned.text import tuned_blocks, tuned_json
    from myosweep.results.layout import StudyFolder
    from myosweep.results.trials import TuningState, read_tuning_state

    home = StudyFolder(folder)
    found, config = found or conclude_tuning(home), read_study_config(home.study)
    assert config.tune is not None
    state = read_tuning_state(home) or TuningState(budget=config.tune.budget)
    if json:
        print_json(tuned_json(found, config, state))
    else:
        print_blocks(tuned_blocks(found, config, state))


def _perform(tuning: "Tuning", resources: "Resources", storage: str | None) -> "Tuned":
    from myosweep.cli.watch import Overall, watching
    from myosweep.study.state import StudyState
    from myosweep.study.tune.progress import search_progress
    from myosweep.study.tune.run import run_tuning

    folder = tuning.study.folder
    notes.print(
        f"Search {escape(tuning.study.config.name)}: budget {tuning.budget}, "
        f"{len(tuning.study.config.space)} settings"
    )

    def overall(state: StudyState) -> Overall:
        far = search_progress(folder, state)
        whole = far.whole if far.whole is not None else max(far.spent, 1.0)
        note = (
            f"{len(state.runs)} runs, {far.spent:.1f} of {whole:.1f} default runs spent, time "
            f"left: {duration(far.seconds_left)} at most"
        )
        return Overall(far.spent, whole, note)

    try:
        with watching(folder.path, overall):
            return run_tuning(tuning, resources, storage)
    except KeyboardInterrupt:
        notes.print(
            "Stopped. Every run is kept at its last whole epoch; continue with\n"
            f"  myosweep tune {escape(str(folder.path))}{' --storage ...' if storage else ''}"
        )
        raise


def _plan(study: "Study", budget: str | None, resources: "Resources") -> None:
    """Print what a search would do and how long it takes."""
    from myosweep.analysis.points import field_words, format_value
    from myosweep.report.tuned.words import domain_words

    tune = study.config.tune
    assert tune is not None
    default = next(study.config.points())[0]
    rows = [
        (
            path,
            domain_words(domain),
            format_value(default[path]),
            " and ".join(
                f"{field_words(other)} is {format_value(value)}"
                for other, value in domain.when.items()
            ),
        )
        for path, domain in study.config.space.items()
    ]
    columns = ["setting", "where", "default", "counts if"]
    width = 4 if any(row[3] for row in rows) else 3
    print_table("What would be searched", columns[:width], [row[:width] for row in rows])
    warn_of(study)
    console.print(
        f"Budget {budget or tune.budget}: {100 * (1 - tune.race_share):.0f} % for the search "
        f"({tune.sampler}, the first {tune.startup} trials at random), the rest for the race of "
        f"the best {tune.candidates} against the default with up to {tune.networks} new networks "
        "each."
    )
    _time(study, budget or tune.budget, resources)
    console.print("Nothing was changed.")


def _time(study: "Study", text: str, resources: "Resources") -> None:
    """Say how long the budget takes, or how many default runs a time buys."""
    from myosweep.analysis.tuning.race import FIRST_LOOK
    from myosweep.config import parse_budget
    from myosweep.study.estimate import seconds_of_default

    budget, jobs = parse_budget(text), resources.jobs_at_once
    assert study.config.tune is not None
    with counting("Timing a few steps"):
        seconds = seconds_of_default(study, resources)
    if seconds is None:
        warn("a default run ends here, perhaps for lack of memory; its time is not known")
        return
    runs = budget.runs or (budget.seconds or 0.0) * jobs / seconds
    console.print(
        f"A default run takes about {duration(seconds)} with {jobs} at a time on this machine, so "
        f"the budget is about {runs:.0f} default runs, or {duration(runs * seconds / jobs)}."
    )
    least = 2 * FIRST_LOOK
    if runs * study.config.tune.race_share < least:
        warn(
            f"a race of one contender takes {least} default runs until its first look, and the "
            f"race's share of the budget is {runs * study.config.tune.race_share:.1f}; nothing can "
            "be shown with it: raise tune.budget or tune.race_share"
        )
