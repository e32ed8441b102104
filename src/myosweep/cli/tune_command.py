"""The command that searches for better settings."""

from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from myosweep.cli.data_commands import Json
from myosweep.cli.results_commands import DatasetFolder
from myosweep.cli.show import console, duration, notes, print_blocks, print_json, print_table
from myosweep.cli.study_commands import Device, Jobs, Threads, warn_of

if TYPE_CHECKING:
    from myosweep.config import Choice, Range
    from myosweep.study.open import Study
    from myosweep.study.resources import Resources
    from myosweep.study.tune.loop import Tuning


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
    looks at the test patients once, at the end. Ties go to the default. Every trial is an ordinary
    run; killed or stopped, the same command continues. Started several times, on machines that
    share the folder, the processes work together.

    Examples: myosweep tune studies/emidec-tune.toml; myosweep tune my-study.toml --budget 2h
    --jobs 2; myosweep tune my-study.toml --dry-run; myosweep tune results/mine --budget 40runs

    A study file for it: [tune] with budget = "20runs" and, if not everything is to be searched,
    [tune.space] with lines such as "l2.strength" = { low = 1e-6, high = 1e-2, log = true } and
    batch_size = [2, 4, 8].
    """
    from myosweep.config import parse_budget
    from myosweep.errors import ConfigError
    from myosweep.study.open import open_study
    from myosweep.study.resources import Resources
    from myosweep.study.tune.loop import open_tuning, require_tune

    if budget is not None:
        try:
            parse_budget(budget)
        except ValueError as error:
            raise ConfigError(f"--budget: {error}") from None
    opened = open_study(
        study, out, device=device, dataset=dataset, allow_leakage=allow_leakage, write=False
    )
    require_tune(opened.config)
    if dry_run:
        _plan(opened, budget)
        return
    opened = open_study(study, out, device=device, dataset=dataset, allow_leakage=allow_leakage)
    warn_of(opened)
    resources = Resources(device, jobs, threads)
    _perform(open_tuning(opened, budget, storage, resources.jobs_at_once), resources, storage)
    show_tuned(opened.folder.path, json=json)


def show_tuned(folder: Path, *, json: bool) -> None:
    """Print what a search has found so far."""
    from myosweep.analysis.tuned import conclude_tuning
    from myosweep.config import read_study_config
    from myosweep.report.tuned_text import tuned_blocks, tuned_json
    from myosweep.results.layout import StudyFolder
    from myosweep.results.trials import TuningState, read_tuning_state

    home = StudyFolder(folder)
    found, config = conclude_tuning(home), read_study_config(home.study)
    assert config.tune is not None
    state = read_tuning_state(home) or TuningState(budget=config.tune.budget)
    if json:
        print_json(tuned_json(found, config, state))
    else:
        print_blocks(tuned_blocks(found, config, state))


def _perform(tuning: "Tuning", resources: "Resources", storage: str | None) -> None:
    from myosweep.cli.watch import Overall, watching
    from myosweep.study.state import StudyState
    from myosweep.study.tune.loop import count_money
    from myosweep.study.tune.run import run_tuning

    folder = tuning.study.folder.path
    notes.print(
        f"Search {escape(tuning.study.config.name)}: budget {tuning.budget}, "
        f"{len(tuning.study.config.space)} settings"
    )

    def overall(state: StudyState) -> Overall:
        money = count_money(tuning)
        whole = money.whole if isfinite(money.whole) else max(money.spent, 1.0)
        seconds = sum(run.seconds for run in state.runs)
        rate = money.spent / seconds if seconds else 0.0
        left = (whole - money.spent) / rate / max(state.count("running"), 1) if rate else None
        note = (
            f"{len(state.runs)} runs, {money.spent:.1f} of {whole:.1f} default runs spent, time "
            f"left: {duration(left)} at most"
        )
        return Overall(money.spent, whole, note)

    try:
        with watching(folder, overall):
            run_tuning(tuning, resources, storage)
    except KeyboardInterrupt:
        notes.print(
            "Stopped. Every run is kept at its last whole epoch; continue with\n"
            f"  myosweep tune {escape(str(folder))}"
        )
        raise


def _plan(study: "Study", budget: str | None) -> None:
    """Print what a search would do."""
    from myosweep.analysis.points import format_value

    tune = study.config.tune
    assert tune is not None
    default = next(study.config.points())[0]
    rows = [
        (path, _domain_words(domain), format_value(default[path]))
        for path, domain in study.config.space.items()
    ]
    print_table("What would be searched", ["setting", "where", "default"], rows)
    warn_of(study)
    console.print(
        f"Budget {budget or tune.budget}: {100 * (1 - tune.race_share):.0f} % for the search "
        f"({tune.sampler}, the first {tune.startup} trials at random), the rest for the race of "
        f"the best {tune.candidates} against the default with up to {tune.networks} new networks "
        "each. Nothing was changed."
    )


def _domain_words(domain: "Range | Choice") -> str:
    from myosweep.analysis.points import format_value
    from myosweep.config import Range

    when = "".join(f", if {path} is {value}" for path, value in domain.when.items())
    if isinstance(domain, Range):
        scale = " (logarithmic)" if domain.log else ""
        return f"{format_value(domain.low)} to {format_value(domain.high)}{scale}{when}"
    return ", ".join(map(format_value, domain.values)) + when
