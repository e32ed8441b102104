"""Studies on a Ray cluster of several nodes, on this machine: deaths, failures, interruptions."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.study.workers import ROOT, assert_done_once, assert_same_results, epochs_in

import myosweep.study.on_ray as on_ray_module
from myosweep.config import EarlyRule, StudyConfig, write_study_config
from myosweep.errors import StudyError
from myosweep.results.layout import StudyFolder
from myosweep.study.baselines import write_baselines
from myosweep.study.execute import execute
from myosweep.study.on_ray import OnRay, parse_on
from myosweep.study.open import Study, open_study
from myosweep.study.resources import Resources
from myosweep.study.state import study_state
from myosweep.study.worker import describe_runs

ray = pytest.importorskip("ray")
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # Ray's own open files
ALONE = Resources("cpu", threads=1)
QUICK = {  # a node is dead after two seconds of silence
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 500,
    "health_check_failure_threshold": 4,
}


class Cluster:
    """A head without processors, where the driver is, and nodes with one processor each."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster as RayCluster

        head = {"num_cpus": 0, "_system_config": QUICK, "include_dashboard": False}
        self._cluster = RayCluster(initialize_head=True, head_node_args=head)
        self._nodes = []
        self.refill()
        self.refill()
        self.address = self._cluster.address

    def kill(self, host: str) -> None:
        """Kill the node that claims name so, with everything on it."""
        node = next(node for node in self._nodes if code(node.node_id) == host)
        self._nodes.remove(node)
        self._cluster.remove_node(node, allow_graceful=False)

    def kill_any(self) -> None:
        self.kill(code(self._nodes[0].node_id))

    def refill(self) -> None:
        """Let another node come; only the main thread may start one."""
        self._nodes.append(self._cluster.add_node(num_cpus=1))

    def end(self) -> None:
        ray.shutdown()
        self._cluster.shutdown()


def code(host: str) -> str:
    return hashlib.sha256(host.encode()).hexdigest()[:12]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patched.setenv("RAY_AUTH_MODE", "disabled")
        patched.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(ROOT / "src")]))
        cluster = Cluster()
        yield cluster
        cluster.end()


def study_of(config: StudyConfig, folder: Path, epochs: int) -> Study:
    """A study whose baselines are written, so that only its runs are missing."""
    settings = {**config.settings, "epochs": epochs}
    study = open_study(config.model_copy(update={"settings": settings}), folder)
    describe_runs(study)
    write_baselines(study)
    return study


@pytest.fixture
def two_runs(small_study: StudyConfig) -> StudyConfig:
    """One run for each node of the cluster."""
    replicates = small_study.replicates.model_copy(update={"seeds": 1})
    return small_study.model_copy(update={"replicates": replicates})


def undisturbed(config: StudyConfig, folder: Path, epochs: int) -> Path:
    execute(study_of(config, folder, epochs), ALONE)
    return folder


def on_other_hosts(do: Callable[..., Any], log: Path, broken: dict[str, str]) -> Callable[..., Any]:
    """A task that writes down each epoch, and takes each node for another host.

    Args:
        broken: ids of runs that fail, or that kill their worker.
    """

    def task(*arguments: Any) -> Any:  # goes to the workers by value, as it is no module's own
        import os
        import socket

        import ray
        from tests.study.workers import write_down_epochs

        import myosweep.study.execute as execute_module

        node = ray.get_runtime_context().get_node_id()
        socket.gethostname = lambda: node
        write_down_epochs(str(log), in_store=do.__name__ == "do_through_store")
        perform = execute_module.perform_run
        if perform.__name__ == "perform_run" and broken:

            def break_some(plan: Any, *others: Any, **options: Any) -> Any:
                if broken.get(plan.id) == "dies":
                    os._exit(1)
                if broken.get(plan.id) == "fails":
                    raise MemoryError("no memory left")
                return perform(plan, *others, **options)

            execute_module.perform_run = break_some
        return do(*arguments)

    return task


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Path]:
    """Lets the tasks write down their epochs; gives the file."""
    import myosweep.study.ray_places as places

    monkeypatch.setattr(on_ray_module, "_POLL_S", 0.1)

    def patch(**broken: str) -> Path:
        for name in ("do_in_shared_folder", "do_through_store"):
            do = on_other_hosts(getattr(places, name), tmp_path / "log", broken)
            monkeypatch.setattr(places, name, do)
        return tmp_path / "log"

    return patch


def when(condition: Callable[[], bool], act: Callable[[], None]) -> threading.Thread:
    """Act, beside the test, as soon as a condition holds."""

    def wait() -> None:
        deadline = time.monotonic() + 120
        while not condition():
            if time.monotonic() > deadline:
                return
            time.sleep(0.02)
        act()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def kept(log: Path, epochs: int) -> bool:
    """Whether a run that goes on has kept so many epochs."""
    return any(epoch == epochs for _, epoch in epochs_in(log, "kept"))


def claims_of(study: Study, run_id: str) -> list[dict[str, Any]]:
    return [json.loads(path.read_text("utf-8")) for path in study.folder.run(run_id).claims]


@pytest.mark.long
def test_a_node_dies_and_its_run_is_continued_on_another(
    two_runs: StudyConfig, tmp_path: Path, cluster: Cluster, watch: Callable[..., Path]
) -> None:
    log, study = watch(), study_of(two_runs, tmp_path / "study", 30)
    hit: list[str] = []

    def kill_the_node_of_a_run() -> None:
        hit.append(next(run for run, epoch in epochs_in(log, "kept") if epoch == 4))
        cluster.kill(claims_of(study, hit[0])[0]["host"])

    killer = when(lambda: kept(log, 4), kill_the_node_of_a_run)
    OnRay(cluster.address)(study, ALONE)
    killer.join()
    cluster.refill()
    first, second = claims_of(study, hit[0])
    assert first["attempt"] == 1
    assert "released" not in first, "its worker was killed, and gave nothing back"
    assert second["released"]
    assert_done_once(log, study.config, interruptions=2)
    assert_same_results(undisturbed(two_runs, tmp_path / "whole", 30), tmp_path / "study")


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="needs signals")
def test_through_a_store_over_a_dead_node_and_an_interrupted_driver(
    two_runs: StudyConfig, tmp_path: Path, cluster: Cluster, watch: Callable[..., Path]
) -> None:
    log, study = watch(), study_of(two_runs, tmp_path / "study", 30)
    on_ray = OnRay(cluster.address, store=f"file://{tmp_path}/store")

    def epochs_shown() -> float:
        return max(run.epochs_done for run in study_state(study.folder.path).runs)

    interrupter = when(lambda: epochs_shown() >= 3, lambda: os.kill(os.getpid(), signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        on_ray(study, ALONE)
    interrupter.join()
    state = study_state(study.folder.path)
    assert state.count("running") == 0, "claims were not given back"
    assert not list(study.folder.path.glob("runs/*/checkpoint.safetensors"))
    assert 3 <= epochs_shown() < 30
    shown: list[int] = []

    def goes_on() -> bool:
        shown.append(study_state(study.folder.path).count("running"))
        return shown[-1] > 0 and kept(log, 12)

    killer = when(goes_on, cluster.kill_any)
    on_ray(study, ALONE)
    killer.join()
    cluster.refill()
    assert max(shown) > 0, "the driver shows no progress"
    owners = [json.loads(path.read_text()) for path in tmp_path.glob("store/runs/*/owner.json")]
    assert max(owner["attempt"] for owner in owners) == 2, "no run was continued by another node"
    assert_done_once(log, study.config, interruptions=4)
    assert_same_results(undisturbed(two_runs, tmp_path / "whole", 30), tmp_path / "study")
    assert not list(tmp_path.glob("store/runs/*/checkpoint*"))
    on_ray(study_of(two_runs, tmp_path / "again", 30), ALONE)
    assert study_state(tmp_path / "again").done == 2
    assert epochs_in(log, "trained").total() < 2 * 30 + 5, "what the store has was done again"


# Both ways send the same task; through a store its results have the longer way back.
@pytest.mark.long
@pytest.mark.parametrize("through_store", [False, True])
def test_the_early_rule_puts_another_training_in_a_runs_place(
    two_runs: StudyConfig, tmp_path: Path, cluster: Cluster, through_store: bool
) -> None:
    rule = EarlyRule(
        fraction=0.5, threshold=0.999, action="adjust", adjust=({"learning_rate": 3e-3},)
    )
    config = two_runs.model_copy(update={"early_rule": rule})
    study = study_of(config, tmp_path / "study", 4)
    store = f"file://{tmp_path}/store" if through_store else ""
    OnRay(cluster.address, store=store)(study, ALONE)
    alone = StudyFolder(undisturbed(config, tmp_path / "whole", 4))
    ends = []
    for plan in study.every_plan():
        run, other = study.folder.run(plan.id), alone.run(plan.id)
        status = run.read_status()
        assert status is not None
        ends.append((status.status, status.epochs_done, run.read_settings().adjustment))
        assert run.history.read_bytes() == other.history.read_bytes()
        assert run.checkpoint.exists() == (status.status == "stopped")
        if status.whole:
            assert run.weights.read_bytes() == other.weights.read_bytes()
    assert sorted(ends) == [("complete", 4, 1)] * 2 + [("stopped", 2, 0)] * 2
    if through_store:
        OnRay(cluster.address, store=store)(again := study_of(config, tmp_path / "b", 4), ALONE)
        assert study_state(again.folder.path).settled == 4
        claims = [len(again.folder.run(plan.id).claims) for plan in study.every_plan()]
        assert claims == [1] * 4, "what the store has was done again"


@pytest.mark.long
def test_a_failed_and_a_deadly_run_stop_no_other(
    small_study: StudyConfig, tmp_path: Path, cluster: Cluster, watch: Callable[..., Path]
) -> None:
    study = study_of(small_study, tmp_path / "study", 2)
    fails, dies = (plan.id for plan in study.plans()[:2])
    watch(**{fails: "fails", dies: "dies"})
    OnRay(cluster.address)(study, ALONE)
    state = {run.id: run for run in study_state(study.folder.path).runs}
    assert state[fails].error == "MemoryError: no memory left"
    assert "its worker died 3 times in a row without a further epoch" in state[dies].error
    assert sorted(run.state for run in state.values()) == ["complete"] * 2 + ["failed"] * 2


def test_machines_that_do_not_see_the_folder_are_no_endless_loop(
    small_study: StudyConfig, tmp_path: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    import myosweep.study.ray_places as places

    do = places.do_in_shared_folder

    def elsewhere(task: Any, folder: Path, *others: Any) -> Any:
        return do(task, folder / "nowhere", *others)

    monkeypatch.setattr(places, "do_in_shared_folder", elsewhere)
    study = study_of(small_study, tmp_path, 2)
    with pytest.raises(StudyError, match=r"does not see the study's folder .* give --store URL"):
        OnRay(cluster.address)(study, ALONE)

    def lost(*_: Any) -> Any:
        from myosweep.results.rows import RunStatus

        return RunStatus(status="complete")

    monkeypatch.setattr(places, "do_in_shared_folder", lost)
    monkeypatch.setattr(places, "_VISIBLE_S", 0.1)
    with pytest.raises(StudyError, match="the machines of the Ray cluster write elsewhere"):
        OnRay(cluster.address)(study, ALONE)


def test_what_no_machine_has_is_refused(
    small_study: StudyConfig, tmp_path: Path, cluster: Cluster
) -> None:
    study = study_of(small_study, tmp_path, 2)
    with pytest.raises(StudyError, match=r"3 processors and 0 GPUs, .*largest: 1 processors, 0 G"):
        OnRay(cluster.address)(study, Resources("cpu", threads=3))
    with pytest.raises(StudyError, match=r"1 processors and 0.5 GPUs, .*give other --threads"):
        OnRay(cluster.address, gpus=0.5)(study, Resources("cuda"))


def test_ray_itself_may_be_missing(
    small_study: StudyConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = study_of(small_study, tmp_path, 2)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(StudyError, match=r"install it with `pip install 'myosweep\[ray\]'`"):
        OnRay()(study, ALONE)


@pytest.mark.parametrize("text", ["slurm", "ray:", "ray:ray://10.0.0.5:10001", "Ray", ""])
def test_what_on_cannot_be(text: str) -> None:
    with pytest.raises(StudyError, match=r"--on .* such as ray:10.0.0.5:6379, got"):
        parse_on(text)
    assert parse_on("ray") is None


@pytest.mark.long
def test_ray_on_this_machine_starts_and_ends_with_the_command(
    two_runs: StudyConfig, tmp_path: Path
) -> None:
    write_study_config(two_runs, tmp_path / "small.toml")
    mark = str(tmp_path)
    surroundings = {**os.environ, "MYOSWEEP_MARK": mark, "RAY_AUTH_MODE": "disabled"}
    surroundings.pop("RAY_USAGE_STATS_ENABLED", None)
    command = [sys.executable, "-m", "myosweep", "run", str(tmp_path / "small.toml"), "--on", "ray"]
    command += ["--out", str(tmp_path / "study")]
    ended = subprocess.run(
        command, cwd=ROOT, env=surroundings, capture_output=True, text=True, timeout=240
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count("complete  l2.strength") == 2
    assert "Report: " in ended.stdout
    deadline = time.monotonic() + 30
    while left := marked(mark):
        assert time.monotonic() < deadline, f"processes are left: {left}"
        time.sleep(0.2)


def marked(mark: str) -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("MYOSWEEP_MARK") == mark:
                found.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return found


@pytest.mark.long
def test_a_cluster_that_is_not_there_is_named(
    small_study: StudyConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise ConnectionError("could not connect\nmuch more")

    monkeypatch.setattr(ray, "init", refuse)
    study = study_of(small_study, tmp_path, 2)
    with pytest.raises(
        StudyError, match=r"answers at '10\.0\.0\.5:1' \(could not connect\); start"
    ):
        OnRay("10.0.0.5:1")(study, ALONE)
