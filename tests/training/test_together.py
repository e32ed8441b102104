"""Two processes share one run: the losses of one process, everything written once, no hanging.

torchrun starts ``sharing.py`` or the command line on this machine's CPU (gloo, loopback).
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest
from tests.training.runs import TINY, same_bits, tiny_plan, trained_weights
from tests.training.sharing import DIVERGING, EQUAL, FAILING, FULL, OVERTAKEN

import myosweep.cli
from myosweep.config import EarlyRule, StudyConfig, write_study_config
from myosweep.data.store import Dataset
from myosweep.errors import ConfigError
from myosweep.launch import Launch, launch
from myosweep.model.weights import read_tensors
from myosweep.results.layout import RunFolder, StudyFolder
from myosweep.results.read import read_counts, read_history
from myosweep.study.joined import joined
from myosweep.training.device import processor_count
from myosweep.training.together import ALONE

pytest.importorskip("accelerate", reason="Accelerate (myosweep[distributed]) is not installed")

ROOT = Path(__file__).parents[2]
LIMIT_S = 120
POSIX = hasattr(signal, "SIGKILL")

# Two processes add the same numbers in another order; float32 keeps 24 bits, 6e-8. Measured on
# these runs: 1.4e-7, and more the longer they train. Means of shares, dropout masks of other
# images or a forgotten share change the losses by 2e-3 and more (measured).
ROUNDING = 2e-5


@contextmanager
def torchrun(*command: object, processes: int = 2) -> Iterator["subprocess.Popen[str]"]:
    """A module of Python started on two processes; whatever is left is killed at the end."""
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    started = subprocess.Popen(
        [*launcher, f"--nproc-per-node={processes}", "-m", *map(str, command)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")])},
    )
    try:
        yield started
    finally:
        family = [*psutil.Process(started.pid).children(), started] if _alive(started.pid) else []
        for one in family:
            one.kill()
        started.communicate()


def ranks(started: "subprocess.Popen[str]") -> dict[str, psutil.Process]:
    """The processes by rank, once both are there."""
    return {one.environ()["RANK"]: one for one in psutil.Process(started.pid).children()}


def wait_for(condition: Callable[[], object], started: "subprocess.Popen[str]") -> None:
    give_up_at = time.monotonic() + LIMIT_S
    while not condition():
        assert started.poll() is None, started.communicate()[0]
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def messages(output: str) -> list[str]:
    """What myosweep printed as errors; torchrun's own words come besides."""
    return [line for line in output.splitlines() if line.startswith("Error:")]


@pytest.fixture(scope="module")
def shared(small_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the runs that two processes did together, and what each process met."""
    folder = tmp_path_factory.mktemp("shared")
    with torchrun("tests.training.sharing", small_dataset.folder, folder) as started:
        output = started.communicate(timeout=LIMIT_S)[0]
    assert started.returncode == 0, output
    return folder


assert EQUAL


@pytest.mark.parametrize("case", EQUAL)
def test_two_processes_train_as_one(
    case: str, shared: Path, small_dataset: Dataset, tmp_path: Path
) -> None:
    plan = tiny_plan(small_dataset, epochs=6, **EQUAL[case])
    alone = trained_weights(plan, tmp_path)
    run, single = (StudyFolder(folder).run(plan.id) for folder in (shared, tmp_path))
    history = read_history(run)
    assert len(history) == 6
    names = ["loss", "l2_term", "data_gradient_norm", "l2_gradient_norm", "weight_norm"]
    np.testing.assert_allclose(history[names], read_history(single)[names], rtol=ROUNDING)
    scores = [name for name in history if name not in (*names, "epoch")]
    np.testing.assert_allclose(history[scores], read_history(single)[scores], atol=0.002)
    together = read_tensors(run.weights)[0]
    for name, weight in alone.items():
        np.testing.assert_allclose(together[name], weight, atol=1e-5, err_msg=name)
    assert not same_bits(together, alone), "the runs must not be one and the same"


def test_files_and_counts_are_written_once(
    shared: Path, small_dataset: Dataset, tmp_path: Path
) -> None:
    plan = tiny_plan(small_dataset, epochs=6, **EQUAL["odd, dropout"])
    trained_weights(plan, tmp_path)
    run, single = (StudyFolder(folder).run(plan.id) for folder in (shared, tmp_path))
    assert sorted(file.name for file in run.path.iterdir()) == sorted(
        file.name for file in single.path.iterdir()
    )
    assert [claim.name for claim in run.claims] == ["claim-0001.json"]
    keys = ["part", "slice", "region"]
    assert read_counts(run)[keys].equals(read_counts(single)[keys])
    status = run.read_status()
    assert status is not None
    assert (status.status, status.processes, status.threads) == ("complete", 2, 1)
    assert [text.startswith("2 processes on ") for text in status.machines] == [True]


def test_what_happens_to_one_process_all_know(shared: Path, small_dataset: Dataset) -> None:
    first, second = (
        json.loads((shared / f"outcomes-{rank}.json").read_text("utf-8")) for rank in (0, 1)
    )
    assert first == second
    assert [first[case] for case in EQUAL] == ["complete"] * len(EQUAL)
    assert first["diverging"] == ["diverged", ""]
    assert first["one fails"] == ["failed", "PartnerFailed: process 1: ZeroDivisionError: planted"]
    assert first["disk full"] == ["failed", "OSError: No space left on device"]
    assert "was taken over by another process" in first["overtaken"]
    states = {}
    for name, values in {"d": DIVERGING, "o": FAILING, "f": FULL, "t": OVERTAKEN}.items():
        status = StudyFolder(shared).run(tiny_plan(small_dataset, **values).id).read_status()
        states[name] = status and status.status
    assert states == {"d": "diverged", "o": "failed", "f": "failed", "t": None}


@pytest.mark.long
@pytest.mark.skipif(not POSIX, reason="needs kill -9")
def test_killing_one_ends_all_and_one_process_goes_on(
    small_dataset: Dataset, tmp_path: Path
) -> None:
    epochs = 80
    plan = tiny_plan(small_dataset, epochs=epochs)
    run = StudyFolder(tmp_path).run(plan.id)
    with torchrun("tests.training.sharing", small_dataset.folder, tmp_path, epochs) as started:
        wait_for(run.checkpoint.exists, started)
        both = ranks(started)
        both["1"].kill()
        output = started.communicate(timeout=LIMIT_S)[0]
    assert started.returncode == 1, output
    assert not any(_alive(one.pid) for one in both.values())
    assert run.read_status() is None
    before = read_history(run)
    assert 0 < len(before) < epochs
    trained_weights(plan, tmp_path)
    history = read_history(run)
    assert list(history["epoch"]) == list(range(1, epochs + 1))
    assert history.head(len(before)).equals(before), "it must continue, not start again"
    status = run.read_status()
    assert status is not None
    assert status.processes == 1
    assert [text.startswith("2 processes") for text in status.machines] == [True, False]


@pytest.fixture
def study_file(small_study: StudyConfig, tmp_path: Path) -> Path:
    """A study that takes its time: its rule stops the run near the end, and adjusts it."""
    rule = EarlyRule(
        fraction=0.9, threshold=0.999, action="adjust", adjust=({"learning_rate": 3e-3},)
    )
    update = {
        "settings": {**TINY, "epochs": 30},
        "sweep": {"l2.strength": (5e-3,)},
        "replicates": small_study.replicates.model_copy(update={"seeds": (0,)}),
        "early_rule": rule,
    }
    write_study_config(small_study.model_copy(update=update), tmp_path / "study.toml")
    return tmp_path / "study.toml"


@pytest.mark.long
@pytest.mark.skipif(not POSIX, reason="needs the signal of Ctrl-C")
def test_the_command_stops_at_ctrl_c_and_the_same_command_finishes(
    study_file: Path, tmp_path: Path
) -> None:
    study = StudyFolder(tmp_path / "out")
    command = ["myosweep", "run", study_file, "--out", study.path, "--device", "cpu"]
    with torchrun(*command) as started:
        wait_for(lambda: [*study.path.glob("runs/*/checkpoint*")], started)
        both = ranks(started)
        started.send_signal(signal.SIGINT)
        output = started.communicate(timeout=LIMIT_S)[0]
    assert output.count("Stopped. Every run is kept at its last whole epoch") == 1, output
    assert not any(_alive(one.pid) for one in both.values())
    assert [run.read_status() for run in _trained(study)] == [None]
    with torchrun(*command) as started:
        output = started.communicate(timeout=LIMIT_S)[0]
    assert started.returncode == 0, output
    assert output.count("Report: ") == 1
    assert study.report.exists()
    ends = []
    for run in _trained(study):
        status = run.read_status()
        assert status is not None
        adjusted = run.read_settings().adjustment
        ends.append((adjusted, status.status, status.epochs_done, status.processes))
    assert sorted(ends) == [(0, "stopped", 27, 2), (1, "complete", 30, 2)]
    assert sorted(len(run.claims) for run in _trained(study)) == [1, 2]


def _trained(study: StudyFolder) -> list[RunFolder]:
    return [run for run in study.runs() if run.read_settings().kind == "trained"]


@pytest.mark.long
def test_more_processes_than_images_in_a_batch_are_refused_once(
    small_study: StudyConfig, tmp_path: Path
) -> None:
    settings = {**TINY, "batch_size": 1}
    write_study_config(
        small_study.model_copy(update={"settings": settings}), tmp_path / "study.toml"
    )
    with torchrun("myosweep", "run", tmp_path / "study.toml", "--out", tmp_path / "out") as started:
        output = started.communicate(timeout=LIMIT_S)[0]
    assert messages(output) == [
        "Error: batch_size is 1, but 2 processes share each mini-batch, at least one image each; "
        "start fewer or take a larger batch_size"
    ]
    assert "exitcode  : 2 " in output.split("Root Cause")[1]
    assert not (tmp_path / "out").exists()


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """As if torchrun had started this process as the second of two."""
    for name in ("RANK", "LOCAL_RANK"):
        monkeypatch.setenv(name, "1")
    for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE"):
        monkeypatch.setenv(name, "2")
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    monkeypatch.setenv("MASTER_PORT", "1")
    return monkeypatch


def test_what_the_launcher_says(launched: pytest.MonkeyPatch) -> None:
    launched.setattr("os.sched_getaffinity", lambda _: set(range(5)), raising=False)
    launched.setattr("os.cpu_count", lambda: 5)
    assert launch() == Launch(1, 2, 2)
    assert processor_count() == 2
    launched.delenv("MASTER_PORT")
    assert launch() == Launch(), "a cluster's own variables are no launcher"
    assert processor_count() == 5
    assert launch().is_main


def test_what_needs_a_single_process_is_refused(launched: pytest.MonkeyPatch) -> None:
    rule = "2 processes were started to do one run after the other together, and --jobs needs"
    with pytest.raises(ConfigError, match=rule), joined("cpu", {"--jobs": True, "--on": False}):
        pass


def test_without_accelerate_the_way_out_is_said(launched: pytest.MonkeyPatch) -> None:
    launched.setattr("myosweep.study.joined.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'myosweep\[distributed\]'"), joined("cpu"):
        pass


def test_only_run_takes_several_processes_and_only_the_main_one_speaks(
    launched: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    launched.setattr("sys.argv", ["myosweep", "settings"])
    launched.setattr(myosweep.cli, "_PATIENCE_S", 0.0)
    with pytest.raises(SystemExit) as second:
        myosweep.cli.main()
    assert capsys.readouterr() == ("", "")
    launched.setenv("RANK", "0")
    with pytest.raises(SystemExit) as first:
        myosweep.cli.main()
    assert (first.value.code, second.value.code) == (2, 2)
    assert "start `myosweep settings` without torchrun" in capsys.readouterr().err


def test_a_process_on_its_own_shares_nothing(small_dataset: Dataset) -> None:
    with joined("cpu", {"--jobs": True}) as together:
        assert together is ALONE
    assert list(ALONE.share(np.arange(5))) == [0, 1, 2, 3, 4]
    assert ALONE.on_main(lambda: 3) == ALONE.main_first(lambda: 3) == 3
    assert ALONE.everyones("me") == ["me"]
    code = "import sys, myosweep.cli.study_commands, myosweep.study.sweep\n"
    code += "assert 'accelerate' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
