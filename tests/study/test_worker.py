"""Workers that share a study's folder: kills lose nothing and double nothing."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.study.workers import (
    ROOT,
    assert_done_once,
    assert_same_results,
    epochs_in,
    start_worker,
)

import myosweep.study.worker as worker_module
from myosweep.config import StudyConfig, read_study_config, write_study_config
from myosweep.results.layout import StudyFolder
from myosweep.study.baselines import write_baselines
from myosweep.study.execute import execute
from myosweep.study.open import open_study
from myosweep.study.resources import Resources
from myosweep.study.state import study_state
from myosweep.study.worker import slurm_errand, work_with_others
from myosweep.training.claim import SILENCE_S, Errand, take_claim


def longer(study: StudyConfig, epochs: int, seeds: int = 2) -> StudyConfig:
    replicates = study.replicates.model_copy(update={"seeds": seeds})
    settings = {**study.settings, "epochs": epochs}
    return study.model_copy(update={"settings": settings, "replicates": replicates})


def undisturbed(config: StudyConfig, folder: Path) -> Path:
    study = open_study(config, folder)
    write_baselines(study)
    execute(study, Resources(threads=1))
    return folder


def kill_at_random(study: StudyConfig, place: Path, kills: int, workers: int = 2) -> None:
    """Workers do a study while one after the other is killed at a random moment of its work."""
    chance = random.Random(kills)
    write_study_config(study, place / "study.toml")
    out = ("--out", str(place / "killed"))
    logs = place / "log"
    at_work: list[tuple[subprocess.Popen[str], Path]] = []
    logs.mkdir()

    def start() -> None:
        log = logs / str(len(list(logs.iterdir())))
        log.touch()
        at_work.append((start_worker(place / "study.toml", log, *out), log))

    for _ in range(workers):
        start()
    for _ in range(kills):
        process, log = next_at_work(at_work)
        time.sleep(chance.uniform(0, 0.3))
        assert process.poll() is None, "the work was done before the last kill"
        process.kill()
        process.communicate()
        at_work.remove((process, log))
        start()
    for process, _ in at_work:
        said = process.communicate(timeout=300)[1]
        assert process.returncode == 0, said
    whole = "".join(log.read_text() for log in sorted(logs.iterdir()))
    (place / "epochs").write_text(whole)


def next_at_work(
    at_work: list[tuple["subprocess.Popen[str]", Path]],
) -> tuple["subprocess.Popen[str]", Path]:
    """The first worker that has trained an epoch."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for process, log in at_work:
            if log.read_text():
                return process, log
            assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    raise AssertionError("no worker works")


@pytest.mark.parametrize(
    ("kills", "epochs", "seeds"),
    [(1, 8, 2), pytest.param(100, 120, 4, marks=pytest.mark.long)],
)
def test_random_kills_lose_nothing_and_double_nothing(
    small_study: StudyConfig, tmp_path: Path, kills: int, epochs: int, seeds: int
) -> None:
    study = longer(small_study, epochs, seeds)
    kill_at_random(study, tmp_path, kills)
    assert_done_once(tmp_path / "epochs", study, kills)
    runs = [run for run in StudyFolder(tmp_path / "killed").runs() if "baseline" not in run.id]
    assert sum(len(run.claims) for run in runs) >= len(runs) + kills / 2, "kills hit no run"
    assert not (tmp_path / "killed" / "report.html").exists()
    assert_same_results(undisturbed(study, tmp_path / "whole"), tmp_path / "killed")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals from other processes")
def test_sigterm_gives_the_run_back_at_its_last_whole_epoch(
    small_study: StudyConfig, tmp_path: Path
) -> None:
    study = longer(small_study, epochs=8, seeds=1)
    folder, log = tmp_path / "study", tmp_path / "log"
    open_study(study, folder)
    worker = start_worker(folder, log)
    while len(epochs_in(log, "kept")) < 2:
        assert worker.poll() is None
        time.sleep(0.01)
    worker.send_signal(signal.SIGTERM)
    said = worker.communicate(timeout=60)[1]
    assert worker.returncode == 130
    assert "Stopped. The run is kept at its last whole epoch" in said
    runs = [run for run in StudyFolder(folder).runs() if run.claims and run.read_status() is None]
    assert len(runs) == 1
    claim = json.loads(runs[0].claims[-1].read_text("utf-8"))
    assert claim["released"]
    kept = [epoch for _, epoch in epochs_in(log, "kept")]
    assert int(claim["epochs_done"]) == max(kept)
    assert work_with_others(open_study(folder), Resources(threads=1)) == 0
    assert_same_results(undisturbed(study, tmp_path / "whole"), folder)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "_POLL_S", 0.05)
    monkeypatch.setattr(worker_module, "_PATIENCE_S", 0.2)


def claimed_elsewhere(run: Any, renewed_at: float, number: int = 1, **more: object) -> None:
    content = {"host": "elsewhere", "process": 1, "renewed_at": renewed_at, **more}
    run.claim(number).write_text(json.dumps(content), encoding="utf-8")


def test_a_worker_leaves_what_live_workers_are_at(
    small_study: StudyConfig, tmp_path: Path, impatient: None
) -> None:
    study = open_study(small_study, tmp_path)
    runs = [study.folder.run(plan.id) for plan in study.plans()]
    for run in runs:
        run.path.mkdir(parents=True)
        claimed_elsewhere(run, time.time())
    looks = iter(range(10**6))
    waits: list[str] = []

    def live_on(signs: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def sign_of_life(run: Any) -> Any:
            if next(looks) > 60:
                claimed_elsewhere(run, time.time())
            return signs(run)

        return sign_of_life

    worker_module._sign_of_life, before = (  # type: ignore[attr-defined]
        live_on(worker_module._sign_of_life),
        worker_module._sign_of_life,
    )
    try:
        others = work_with_others(study, Resources(threads=1), on_wait=waits.append)
    finally:
        worker_module._sign_of_life = before  # type: ignore[attr-defined]
    assert others == 4
    assert next(looks) > 60, "it left before it had seen a sign of life"
    assert len(waits) == 1
    assert "sign of life from the workers of runs that are not done (4)" in waits[0]


def test_a_worker_takes_over_from_a_dead_one(
    small_study: StudyConfig, tmp_path: Path, impatient: None
) -> None:
    study = open_study(small_study, tmp_path)
    run = study.folder.run(study.plans()[0].id)
    run.path.mkdir(parents=True)
    claimed_elsewhere(run, time.time() - SILENCE_S + 4)
    assert work_with_others(study, Resources(threads=1)) == 0
    assert study_state(tmp_path).done == 4
    assert len(run.claims) == 2


def test_a_job_that_slurm_queued_again_takes_its_run_up_at_once(
    small_study: StudyConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert slurm_errand() is None
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    first = slurm_errand()
    assert first is not None
    assert first.attempt == 1
    assert "17" not in first.name
    monkeypatch.setenv("SLURM_PROCID", "1")
    assert slurm_errand() not in (None, first), "another task of the job is another errand"
    monkeypatch.delenv("SLURM_PROCID")
    monkeypatch.setenv("SLURM_RESTART_COUNT", "1")
    assert slurm_errand() == Errand(first.name, 2)
    study = open_study(small_study, tmp_path)
    run = study.folder.run(study.plans()[0].id)
    run.path.mkdir(parents=True)
    claimed_elsewhere(run, time.time(), errand=first.name, attempt=1)
    assert work_with_others(study, Resources(threads=1)) == 0
    assert run.read_status() is not None


def test_failed_runs_are_repeated_by_the_first_worker_of_a_new_start(
    small_study: StudyConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import myosweep.study.execute as execute_module

    study = open_study(small_study, tmp_path)
    broken = study.plans()[0].id
    perform, tried = execute_module.perform_run, []

    def fail(plan, *arguments, **options):  # type: ignore[no-untyped-def]
        if plan.id == broken:
            tried.append(plan.id)
            raise MemoryError("no memory left")
        return perform(plan, *arguments, **options)

    monkeypatch.setattr(execute_module, "perform_run", fail)
    ended = []
    work_with_others(study, Resources(threads=1), lambda plan, status: ended.append(status.status))
    assert sorted(ended) == ["complete"] * 3 + ["failed"]
    assert len(tried) == 1
    other = study.folder.run(study.plans()[1].id)
    other.status.unlink()
    claim = take_claim(other)
    assert claim is not None
    monkeypatch.setattr(worker_module, "_Owners", lambda _: type("", (), {"are_alive": len})())
    work_with_others(study, Resources(threads=1))
    assert len(tried) == 1, "another worker is at work, so this is no new start"
    claim.release()
    work_with_others(study, Resources(threads=1))
    assert len(tried) == 2


OPENERS = """
import multiprocessing, sys
from pathlib import Path
from myosweep.config import read_study_config
from myosweep.study import baselines
from myosweep.study.open import open_study
from myosweep.study.worker import describe_runs

write = baselines._write

def noted(study, split, name, *others):
    with open(f"{study.folder.path}.log", "a") as log:
        log.write(f"{name}\\n")
    write(study, split, name, *others)

baselines._write = noted

def start(number, barrier, source, folder):
    config = read_study_config(Path(source))
    sweep = {"l2.strength": (*config.sweep["l2.strength"], float(number + 1))}
    config = config.model_copy(update={"sweep": sweep})
    barrier.wait()
    study = open_study(config, folder)
    describe_runs(study)
    baselines.write_baselines(study)
    assert {plan.point["l2.strength"] for plan in study.plans()} >= {float(number + 1)}

if __name__ == "__main__":
    context, source, count = multiprocessing.get_context("fork"), sys.argv[1], 6
    for folder in sys.argv[2:]:
        barrier = context.Barrier(count)
        members = [
            context.Process(target=start, args=(number, barrier, source, folder))
            for number in range(count)
        ]
        for member in members:
            member.start()
        for member in members:
            member.join()
        assert [member.exitcode for member in members] == [0] * count
"""


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="needs fork")
def test_many_open_a_study_at_the_same_moment(small_study: StudyConfig, tmp_path: Path) -> None:
    write_study_config(small_study, tmp_path / "study.toml")
    folders = [tmp_path / str(number) for number in range(3)]
    command = [sys.executable, "-c", OPENERS, str(tmp_path / "study.toml"), *map(str, folders)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert ended.returncode == 0, ended.stderr
    for folder in folders:
        config = read_study_config(folder / "study.toml")
        assert set(config.sweep["l2.strength"]) == {5e-3, 5e-5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0}
        study = open_study(folder)
        assert {run.id for run in study.folder.runs()} >= {plan.id for plan in study.plans()}
        baselines = [run for run in study.folder.runs() if run.id.startswith("baseline")]
        assert len(baselines) == 2
        written = folder.with_suffix(".log").read_text("utf-8").splitlines()
        assert sorted(written) == ["majority class", "no-image predictor"]
        assert not [path for path in folder.rglob(".*") if path.name != ".turns"]


def test_a_study_is_opened_as_the_first_one_did(small_study: StudyConfig, tmp_path: Path) -> None:
    """On another type of machine ``auto`` means what it meant on the first one."""
    automatic = small_study.model_copy(
        update={"settings": {**small_study.settings, "precision": "auto"}}
    )
    study = open_study(automatic, tmp_path)
    here = study.config.settings["precision"]
    there = {"float32": "bfloat16", "bfloat16": "float32"}[str(here)]
    stored = read_study_config(tmp_path / "study.toml")
    write_study_config(
        stored.model_copy(update={"settings": {**stored.settings, "precision": there}}),
        tmp_path / "study.toml",
    )
    assert open_study(automatic, tmp_path).config.settings["precision"] == there


def test_nothing_to_add_writes_nothing(small_study: StudyConfig, tmp_path: Path) -> None:
    open_study(small_study, tmp_path)
    before = (tmp_path / "study.toml").stat().st_mtime_ns
    study = open_study(small_study, tmp_path)
    assert (tmp_path / "study.toml").stat().st_mtime_ns == before
    assert len(study.folder.turns.claims) == 1
