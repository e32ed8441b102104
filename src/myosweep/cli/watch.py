"""A live picture of a running study, read from its folder, so that it shows any worker's runs."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn

from myosweep.cli.show import duration, notes
from myosweep.errors import MyosweepError
from myosweep.study.state import RunState, StudyState, study_state

_POLL_S = 0.5


@contextmanager
def watching(folder: Path) -> Iterator[None]:
    """Show overall progress with time left, a bar per running run, and a line per finished one."""
    done = threading.Event()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %  {task.fields[note]}"),
    )
    with Progress(*columns, console=notes, transient=True) as progress:
        thread = threading.Thread(target=_watch, args=(folder, progress, done), daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def _watch(folder: Path, progress: Progress, done: threading.Event) -> None:
    whole: dict[str, int] = {}
    overall = progress.add_task("All runs", total=1, note="")
    said: set[str] | None = None
    while True:
        last = done.is_set()
        try:
            state = study_state(folder)
        except (MyosweepError, OSError):  # the folder is still being made
            done.wait(_POLL_S)
            if last:
                return
            continue
        finished = {run.id for run in state.runs if run.state in ("complete", "diverged", "failed")}
        for run in state.runs:
            if said is not None and run.id in finished - said:
                progress.console.print(escape(_line(run)))
        said = finished
        _draw(progress, overall, whole, state)
        if last:
            return
        done.wait(_POLL_S)


def _draw(progress: Progress, overall: int, bars: dict[str, int], state: StudyState) -> None:
    from rich.progress import TaskID

    left = duration(state.seconds_left)
    note = f"{state.done} of {len(state.runs)} runs, time left: {left}"
    progress.update(
        TaskID(overall), completed=state.epochs_done, total=max(state.epochs, 1), note=note
    )
    running = {run.id: run for run in state.runs if run.state == "running"}
    for run_id in [run_id for run_id in bars if run_id not in running]:
        progress.remove_task(TaskID(bars.pop(run_id)))
    for run_id, run in running.items():
        if run_id not in bars:
            bars[run_id] = progress.add_task(escape(run.label), total=run.epochs, note="")
        note = f"epoch {int(run.epochs_done) + 1} of {run.epochs}"
        progress.update(TaskID(bars[run_id]), completed=run.epochs_done, note=note)


def _line(run: RunState) -> str:
    if run.state == "failed":
        return f"failed    {run.label}: {run.error}"
    return f"{run.state:<9} {run.label} ({duration(run.seconds)})"
