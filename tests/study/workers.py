"""Workers that write down each epoch, so that a test can count what was done, and what twice."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

from myosweep.config import StudyConfig
from myosweep.results.layout import StudyFolder

ROOT = Path(__file__).parents[2]
WORKER = """
import sys
import myosweep.training.run as run
from myosweep.cli import main
from tests.study.workers import write_down_epochs
write_down_epochs(sys.argv[1])
sys.argv = ["myosweep", *sys.argv[2:]]
main()
"""


def write_down_epochs(log: str, in_store: bool = False) -> None:
    """From now on this process writes a line when an epoch is trained, and one when it is kept.

    Args:
        in_store: kept is then what the store has.
    """
    import myosweep.training.run as run
    from myosweep.study.store import RunStore

    write, keep = run.write_checkpoint, RunStore.keep
    if write.__name__ != "write_checkpoint":
        return

    def say(what: str, run_id: str, epoch: int) -> None:
        with open(log, "a") as lines:
            lines.write(f"{what} {run_id} {epoch}\n")

    def write_and_say(folder, *state):  # type: ignore[no-untyped-def]
        (progress,) = (one for one in state if isinstance(one, run.Progress))
        say("trained", folder.id, progress.epochs_done)
        write(folder, *state)
        if not in_store:
            say("kept", folder.id, progress.epochs_done)

    def keep_and_say(store, checkpoint, epochs_done):  # type: ignore[no-untyped-def]
        keep(store, checkpoint, epochs_done)
        if in_store:
            say("kept", checkpoint.parent.name, epochs_done)

    run.write_checkpoint, RunStore.keep = write_and_say, keep_and_say  # type: ignore[method-assign]


def start_worker(study: Path, log: Path, *options: str) -> "subprocess.Popen[str]":
    """``myosweep run STUDY --worker`` in a process of its own."""
    command = [sys.executable, "-c", WORKER, str(log), "run", str(study), "--worker"]
    command += ["--threads", "1", *options]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def epochs_in(log: Path, what: str) -> "Counter[tuple[str, int]]":
    """How often each epoch of each run was trained, or kept."""
    lines = log.read_text().splitlines() if log.exists() else []
    words = [line.split() for line in lines]
    return Counter((run, int(epoch)) for said, run, epoch in words if said == what)


def assert_done_once(log: Path, config: StudyConfig, interruptions: int) -> None:
    """Each epoch was kept at most once, and trained once but for those in flight at a kill."""
    runs = len(list(config.points())) * len(config.replicates.members)
    epochs = int(str(config.settings["epochs"]))
    trained, kept = epochs_in(log, "trained"), epochs_in(log, "kept")
    assert len(trained) == runs * epochs
    assert max(kept.values()) == 1, log.read_text()
    assert len(kept) >= runs * epochs - interruptions
    assert trained.total() - len(trained) <= interruptions


def assert_same_results(one: Path, other: Path) -> None:
    """Both studies have the same runs, with the same bits; nothing more, and no drafts."""
    runs = {run.id: run for run in StudyFolder(one).runs()}
    others = {run.id: run for run in StudyFolder(other).runs()}
    assert runs.keys() == others.keys()
    assert runs
    for run_id, run in runs.items():
        if not run_id.startswith("baseline"):
            assert run.history.read_bytes() == others[run_id].history.read_bytes()
            assert run.weights.read_bytes() == others[run_id].weights.read_bytes()
        assert run.counts.read_bytes() == others[run_id].counts.read_bytes()
        assert others[run_id].read_status() is not None
        assert not list(others[run_id].path.glob(".*"))
