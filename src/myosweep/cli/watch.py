"""A live picture of a running study, read from its folder, so that it shows any worker's runs."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from myosweep.cli.show import duration, notes
from myosweep.errors import MyosweepError
from myosweep.study.state import RunState, StudyState, study_state

_POLL_S = 0.5
_SHARE = 20
"""Looking at a study of thousands of runs takes at most a twentieth of the time."""


@dataclass(frozen=True)
class Overall:
    """How far all is: done and in all, in any unit, and what stands beside the bar."""

    done: float
    total: float
    note: str


def of_runs(state: StudyState) -> Overall:
    """How far a study is whose runs are all known."""
    left = duration(state.seconds_left)
    note = f"{state.done} of {len(state.runs)} runs, time left: {left}"
    return Overall(state.epochs_done, max(state.epochs, 1), note)


@contextmanager
def watching(folder: Path, overall: Callable[[StudyState], Overall] = of_runs) -> Iterator[None]:
    """Show overall progress with time left, a bar per running run, and a line per finished one."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %  {task.fields[note]}"),
    )
    done = threading.Event()
    with Progress(*columns, console=notes, transient=True) as progress:
        thread = threading.Thread(
            target=_watch, args=(folder, overall, progress, done), daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def _watch(
    folder: Path,
    overall: Callable[[StudyState], Overall],
    progress: Progress,
    done: threading.Event,
) -> None:
    state = _look(folder)
    picture = _Picture(progress, state, overall)
    while not done.is_set():
        started_at = time.monotonic()
        picture.update(state := _look(folder, state))
        done.wait(max(_POLL_S, _SHARE * (time.monotonic() - started_at)))
    picture.update(_look(folder, state))


def _look(folder: Path, before: StudyState | None = None) -> StudyState:
    try:
        return study_state(folder, before)
    except (MyosweepError, OSError):  # the folder is still being made
        return StudyState(())


class _Picture:
    """The bars on the screen, and which finished runs have had their line."""

    def __init__(
        self, progress: Progress, state: StudyState, overall: Callable[[StudyState], Overall]
    ) -> None:
        self._progress, self._how_far = progress, overall
        self._overall = progress.add_task("All runs", total=1, note="")
        self._bars: dict[str, TaskID] = {}
        self._said = {run.id for run in state.runs if run.state in _ENDED}

    def update(self, state: StudyState) -> None:
        for run in state.runs:
            if run.state in _ENDED and run.id not in self._said:
                self._progress.console.print(escape(_line(run)))
                self._said.add(run.id)
        far = self._how_far(state)
        self._progress.update(self._overall, completed=far.done, total=far.total, note=far.note)
        self._draw_running({run.id: run for run in state.runs if run.state == "running"})

    def _draw_running(self, running: dict[str, RunState]) -> None:
        for run_id in set(self._bars) - set(running):
            self._progress.remove_task(self._bars.pop(run_id))
        for run_id, run in running.items():
            if run_id not in self._bars:
                label = escape(run.label)
                self._bars[run_id] = self._progress.add_task(label, total=run.epochs, note="")
            note = f"epoch {int(run.epochs_done) + 1} of {run.epochs}"
            self._progress.update(self._bars[run_id], completed=run.epochs_done, note=note)


_ENDED = ("complete", "diverged", "stopped", "failed")


def _line(run: RunState) -> str:
    if run.state == "stopped":
        return f"stopped   {run.label}, after {run.epochs_done:.0f} of {run.epochs} epochs"
    if run.state == "failed":
        return f"failed    {run.label}: {run.error}"
    return f"{run.state:<9} {run.label} ({duration(run.seconds)})"
