"""The main flow: perform the runs that are missing, and write the report."""

from collections.abc import Callable
from pathlib import Path

from myosweep.config import StudyConfig
from myosweep.errors import StudyError
from myosweep.report.page import write_report
from myosweep.study.baselines import write_baselines
from myosweep.study.execute import execute
from myosweep.study.joined import joined
from myosweep.study.open import Study, open_study, require_sweep
from myosweep.study.resources import Resources
from myosweep.study.state import study_state
from myosweep.study.worker import describe_runs


def run_study(
    source: Path | str | StudyConfig,
    folder: Path | str | None = None,
    *,
    device: str = "auto",
    jobs: int | None = None,
    dataset: Path | str | None = None,
    allow_leakage: bool = False,
) -> Path:
    """Run a study, or what is missing of it, and write its report.

    In a script that torchrun starts, the processes do one run after the other together.

    Args:
        source: a study file, a study folder to continue, or a ``StudyConfig``.
        folder: where the study lives; default ``results/NAME``.
        device: auto, cpu, cuda or mps.
        jobs: runs at a time; default 1. In a script, more need ``if __name__ == "__main__":``.
        dataset: another place of the dataset than the study says.
        allow_leakage: run although patients or images stand in several parts of a split.

    Returns:
        The report, an HTML file.

    Raises:
        InputError: if the study cannot be run; then nothing was changed.
        StudyError: if runs failed; the report of the others is there nevertheless.
    """
    require_sweep(source)
    with joined(device, {"jobs": (jobs or 1) > 1}) as together:
        study = together.main_first(
            lambda: open_study(
                source,
                folder,
                device=device,
                dataset=dataset,
                allow_leakage=allow_leakage,
                write=together.is_main,
            )
        )
        resources = Resources(device, jobs, together=together)
        if together.is_main:
            return complete_study(study, resources)
        execute(study, resources)
    return study.folder.report


def complete_study(
    study: Study, resources: Resources, do_runs: Callable[[Study, Resources], None] = execute
) -> Path:
    """Perform an open study's missing runs and write its report; see ``run_study``.

    Args:
        do_runs: does every run that is missing: on this machine, or ``OnRay(...)``.
    """
    study.forget_failures()
    describe_runs(study)
    write_baselines(study)
    do_runs(study, resources)
    return _report(study)


def _report(study: Study) -> Path:
    state = study_state(study.folder.path)
    failed = [run for run in state.runs if run.state == "failed"]
    report = study.folder.report
    if state.done or not failed:
        report = write_report(study.folder.path, study.dataset.folder)
    if failed:
        raise StudyError(
            [f"run {run.id} ({run.label}) failed: {run.error}" for run in failed],
            "runs failed; start the study again to repeat them",
        )
    return report
