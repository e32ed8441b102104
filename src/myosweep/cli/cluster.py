"""``myosweep run`` on many machines: as one worker of many, or on Ray."""

from typing import TYPE_CHECKING

from rich.markup import escape

from myosweep.cli.show import duration, notes, warn
from myosweep.errors import StudyError

if TYPE_CHECKING:
    from myosweep.results.rows import RunStatus
    from myosweep.study.on_ray import OnRay
    from myosweep.study.open import Study
    from myosweep.study.resources import Resources
    from myosweep.training.plan import RunPlan


def place_of(
    on: str | None, gpus: float, store: str, *, worker: bool, jobs: int | None
) -> "OnRay | None":
    """Where the options say that runs are done; None is this machine.

    Raises:
        StudyError: if they contradict each other.
    """
    from myosweep.study.on_ray import OnRay, parse_on, require_ray
    from myosweep.study.store import Store

    if worker and (on or jobs):
        raise StudyError(
            f"--worker does one run at a time, for itself; start it several times, without "
            f"{'--on' if on else '--jobs'}"
        )
    if not on:
        if store:
            raise StudyError(
                "--store is for --on ray; other workers need a folder that they share with the "
                "study"
            )
        return None
    if jobs:
        raise StudyError(
            "--jobs is for one machine; Ray fills its machines with runs, each with the "
            "processors of --threads"
        )
    address = parse_on(on)
    require_ray()  # this and the store are refused before the study's folder is made
    if store:
        Store(store)
    return OnRay(address, gpus, store)


def options(resources: "Resources", place: "OnRay | None") -> str:
    """The options to give again: other ones may change a run's bits."""
    given: list[tuple[str, object]] = [
        ("jobs", resources.jobs),
        ("threads", resources.threads),
        ("device", resources.device if resources.device != "auto" else None),
    ]
    if place:
        given += [
            ("on", f"ray:{place.address}" if place.address else "ray"),
            ("gpus", place.gpus if place.gpus != 1 else None),
            ("store", place.store),
        ]
    return "".join(f" --{name} {value}" for name, value in given if value)


def be_worker(study: "Study", resources: "Resources") -> None:
    """Do missing runs; one plain line for each, and one at the end."""
    from myosweep.study.worker import work_with_others

    folder = study.folder.path
    failed: list[str] = []

    def on_end(plan: "RunPlan", status: "RunStatus") -> None:
        if status.status == "failed":
            failed.append(f"run {plan.id} ({plan.label}) failed: {status.error}")
            warn(failed[-1])
        else:
            _say(f"{status.status:<9} {plan.label} ({duration(status.seconds)})")

    for finding in study.serious:
        warn(finding)
    try:
        others = work_with_others(study, resources, on_end, _say)
    except KeyboardInterrupt:
        _say("Stopped. The run is kept at its last whole epoch; any worker continues it.")
        raise
    if others:
        runs = "1 run" if others == 1 else f"{others} runs"
        _say(f"Nothing is left to do here; other workers are at {runs}.")
    elif study.missing():
        _say(f"Every run has ended, some failed; see `myosweep status {folder}`.")
    else:
        _say(f"Every run is done; `myosweep run {folder}` writes the report.")
    if failed:
        raise StudyError(failed, "runs failed; a worker that starts later repeats them")


def _say(line: str) -> None:
    notes.print(escape(line), soft_wrap=True)
