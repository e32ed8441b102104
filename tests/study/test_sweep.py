"""A study as a whole: runs what is missing, merges, continues, and refuses what does not fit."""

import multiprocessing
import queue
import shutil
import subprocess
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.study.conftest import without_report

import myosweep.study.baselines as baselines_module
from myosweep.config import LevelNames, StudyConfig, read_study_config, write_study_config
from myosweep.data.split import make_split, write_split
from myosweep.data.store import Dataset
from myosweep.errors import ConfigError, InputError, StudyError
from myosweep.files import read_json
from myosweep.results.layout import RunFolder, StudyFolder
from myosweep.results.read import read_results
from myosweep.study.baselines import MAJORITY, NO_IMAGE, write_baselines
from myosweep.study.estimate import estimate_study
from myosweep.study.execute import Ended, execute, in_parallel
from myosweep.study.merge import merged
from myosweep.study.open import open_study
from myosweep.study.resources import Resources
from myosweep.study.state import study_state
from myosweep.study.sweep import complete_study, run_study
from myosweep.training.claim import take_claim
from myosweep.training.plan import describe_run

WORKER = """
import sys
from myosweep.study.sweep import run_study
if __name__ == "__main__":
    run_study(sys.argv[1], sys.argv[2], jobs=int(sys.argv[3]))
"""


def statuses(folder: Path) -> dict[str, bytes]:
    return {run.id: run.status.read_bytes() for run in StudyFolder(folder).runs()}


@pytest.fixture(scope="module")
def finished(small_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small study with its report; tests look at it, or change a copy."""
    from tests.conftest import small_study

    folder = tmp_path_factory.mktemp("finished") / "study"
    config = small_study.__wrapped__(small_dataset)  # type: ignore[attr-defined]
    assert run_study(config, folder) == folder / "report.html"
    return folder


@pytest.fixture
def copied(finished: Path, tmp_path: Path) -> Path:
    """A copy, from which the way to the dataset is the same."""
    return Path(shutil.copytree(finished, tmp_path / "study"))


def test_a_study_runs_and_reads_back(finished: Path) -> None:
    assert (finished / "report.html").is_file()
    results = read_results(finished)
    assert len(results.networks) == 4
    assert set(results.networks["l2.strength"]) == {5e-3, 5e-5}
    assert set(results.networks["status"]) == {"complete"}
    assert results.fields == ("l2.strength",)
    state = study_state(finished)
    assert (state.done, len(state.runs), state.seconds_left) == (4, 4, 0.0)


@pytest.mark.usefixtures("no_report")
def test_complete_runs_are_skipped_and_new_values_added(
    small_study: StudyConfig, copied: Path
) -> None:
    before = statuses(copied)
    more = small_study.model_copy(update={"sweep": {"l2.strength": (5e-4, 5e-3)}})
    study = open_study(more, copied)
    assert study.config.sweep == {"l2.strength": (5e-3, 5e-5, 5e-4)}
    assert [plan.point["l2.strength"] for plan in study.missing()] == [5e-4, 5e-4]
    complete_study(study, Resources())
    after = statuses(copied)
    assert before.items() < after.items()
    assert len(after) == len(before) + 2


def test_a_folder_continues_by_itself(small_study: StudyConfig, tmp_path: Path) -> None:
    study = open_study(small_study, tmp_path / "study")
    assert study.config.settings["precision"] == "float32"
    again = open_study(tmp_path / "study")
    assert [plan.id for plan in again.plans()] == [plan.id for plan in study.plans()]


def test_a_folder_finds_its_dataset_from_anywhere(
    small_study: StudyConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_study(small_study, tmp_path / "a" / "study")
    stored = read_study_config(tmp_path / "a" / "study" / "study.toml").dataset
    assert not Path(stored).is_absolute()
    monkeypatch.chdir("/")
    again = open_study(tmp_path / "a" / "study")
    assert again.dataset.folder.samefile(small_study.dataset)


def test_other_changes_are_refused_by_name(small_study: StudyConfig) -> None:
    changed = small_study.model_copy(
        update={"settings": {**small_study.settings, "depth": 3}, "preset": "paper"}
    )
    with pytest.raises(StudyError) as caught:
        merged(small_study, changed)
    assert "settings.depth is 2 in the study's folder and 3 in the study file" in str(caught.value)
    assert "preset is 'default'" in str(caught.value)


def test_names_follow_their_values_and_may_change(small_study: StudyConfig) -> None:
    def named(values: tuple[float, ...], *levels: str) -> StudyConfig:
        names = {"l2.strength": LevelNames(levels=levels)}
        return small_study.model_copy(update={"sweep": {"l2.strength": values}, "names": names})

    old, new = named((5e-3, 5e-5), "much", "little"), named((0.0, 5e-3), "none", "a lot")
    assert merged(old, new).level_names("l2.strength") == {(5e-3,): "a lot", (0.0,): "none"}
    assert merged(old, small_study).names == {}


def test_a_dry_look_changes_nothing(small_study: StudyConfig, tmp_path: Path) -> None:
    study = open_study(small_study, tmp_path / "study", write=False)
    estimate = estimate_study(study, Resources())
    assert len(estimate.runs) == 4
    assert estimate.seconds > 0
    assert estimate.seconds == pytest.approx(sum(seconds for _, seconds in estimate.runs))
    assert not (tmp_path / "study").exists()


@pytest.mark.long
def test_two_processes_do_each_run_once(small_study: StudyConfig, tmp_path: Path) -> None:
    write_study_config(small_study, tmp_path / "study.toml")
    command = [sys.executable, "-c", WORKER, str(tmp_path / "study.toml"), str(tmp_path / "out")]
    processes = [subprocess.Popen([*command, jobs]) for jobs in ("1", "2")]
    assert [process.wait(timeout=240) for process in processes] == [0, 0]
    results = read_results(tmp_path / "out")
    assert len(results.networks) == 4
    for run in StudyFolder(tmp_path / "out").runs():
        if not run.id.startswith("baseline"):
            assert len(trained_under(run)) == 1, "a run was trained twice"


def trained_under(run: RunFolder) -> list[Path]:
    """Claims under which a run was trained; one that came when it was whole already is harmless."""
    return [claim for claim in run.claims if read_json(claim).get("epochs_done")]


def test_a_baseline_that_was_done_between_look_and_claim_is_left(
    small_study: StudyConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process is faster; of runs, test_run.py tests the same."""
    study = open_study(small_study, tmp_path)
    before: list[dict[str, bytes]] = []

    def late(folder, *others):  # type: ignore[no-untyped-def]
        if not before:
            monkeypatch.setattr(baselines_module, "take_claim", take_claim)
            write_baselines(study)
            before.append(statuses(tmp_path))
            monkeypatch.setattr(baselines_module, "_write", None)
        return take_claim(folder, *others)

    monkeypatch.setattr(baselines_module, "take_claim", late)
    write_baselines(study)
    assert len(before) == 1
    assert statuses(tmp_path) == before[0]


def test_only_workers_that_live_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """To wait for one that has ended takes no time, so it would keep a processor busy."""
    workers: list[Any] = []

    class Worker(BaseProcess):
        exitcode = 0

        def __init__(self, **_: object) -> None:
            self.waits, self.lives_for = 0, 3 * len(workers)
            workers.append(self)

        def start(self) -> None: ...

        def terminate(self) -> None: ...

        def is_alive(self) -> bool:
            return self.lives_for > self.waits

        def join(self, _: float) -> None:
            self.waits += 1
            assert self.waits < 10

    context = SimpleNamespace(Process=Worker, SimpleQueue=queue.SimpleQueue)
    monkeypatch.setattr(multiprocessing, "get_context", lambda _: context)
    assert in_parallel(2, print, ()) == Ended(("0",), ())
    assert [worker.waits for worker in workers] == [0 + 1, 3 + 1]  # and once at the end


def test_what_workers_find_wrong_is_said_once(capfd: pytest.CaptureFixture[str]) -> None:
    ended = in_parallel(2, read_study_config, (Path("no.toml"),))
    assert ended.codes == ("1",)
    assert str(ended.error).startswith("there is no study file 'no.toml'")
    assert "Traceback" not in capfd.readouterr().err
    assert "perhaps for lack of memory" in str(Ended(("-9",), ()).error)


@pytest.mark.long
def test_a_script_that_its_processes_run_anew_is_told_the_way_out(
    small_study: StudyConfig, tmp_path: Path
) -> None:
    write_study_config(small_study, tmp_path / "study.toml")
    script = tmp_path / "script.py"
    script.write_text(
        f"import myosweep\nmyosweep.run_study({str(tmp_path / 'study.toml')!r}, "
        f"{str(tmp_path / 'study')!r}, jobs=2)\n"
    )
    said = subprocess.run([sys.executable, script], capture_output=True, text=True)
    assert said.returncode
    assert 'put its calls under: if __name__ == "__main__":' in said.stderr
    assert "AssertionError" not in said.stderr
    assert "StudyError: the worker" in said.stderr.rstrip().splitlines()[-1]


@pytest.mark.long
def test_several_jobs_give_the_bits_of_one(small_study: StudyConfig, tmp_path: Path) -> None:
    for name, resources in {
        "one": Resources(threads=1),
        "two": Resources(jobs=2, threads=1),
    }.items():
        execute(open_study(small_study, tmp_path / name), resources)
    for run in StudyFolder(tmp_path / "one").runs():
        other = StudyFolder(tmp_path / "two").run(run.id)
        assert run.weights.read_bytes() == other.weights.read_bytes()


def test_a_failed_run_stops_no_other_and_is_repeated(
    small_study: StudyConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import myosweep.study.execute as execute_module

    perform = execute_module.perform_run
    broken = next(plan.id for plan in open_study(small_study, tmp_path).plans())

    def fail_once(plan, *arguments, **options):  # type: ignore[no-untyped-def]
        if plan.id == broken:
            raise MemoryError("no memory left")
        return perform(plan, *arguments, **options)

    monkeypatch.setattr(execute_module, "perform_run", fail_once)
    with pytest.raises(StudyError, match=r"MemoryError: no memory left"):
        run_study(small_study, tmp_path)
    state = study_state(tmp_path)
    assert (state.done, state.count("failed")) == (3, 1)
    assert StudyFolder(tmp_path).report.is_file()
    monkeypatch.undo()
    with without_report():
        run_study(small_study, tmp_path)
    assert study_state(tmp_path).done == 4


def test_baselines_are_counted_by_hand(
    small_study: StudyConfig, small_dataset: Dataset, finished: Path
) -> None:
    study = open_study(small_study, finished, write=False)
    results = read_results(finished)
    baselines = results.runs[results.runs["kind"] == "baseline"].set_index("label")["run"]
    assert set(baselines.index) == {MAJORITY, NO_IMAGE}
    parts = {
        part: small_dataset.reference(study.scheme, study.splits["split"].rows(part, small_dataset))
        for part in ("training", "test")
    }
    votes = np.stack([(parts["training"] == region).sum(0) for region in range(3)])
    answers = {MAJORITY: np.full((32, 32), votes.sum((1, 2)).argmax()), NO_IMAGE: votes.argmax(0)}
    for name, answer in answers.items():
        counts = results.counts[results.counts["run"] == baselines[name]]
        right = counts.loc[counts["part"] == "test", "tp"].sum()
        assert right == (parts["test"] == answer).sum()


@pytest.mark.usefixtures("no_report")
def test_two_swept_fields_give_their_grid(small_study: StudyConfig, tmp_path: Path) -> None:
    sweep = {"l2.strength": (5e-3, 5e-5), "learning_rate": (1e-3, 1e-2)}
    settings = {k: v for k, v in small_study.settings.items() if k != "learning_rate"}
    config = small_study.model_copy(
        update={
            "sweep": sweep,
            "settings": {**settings, "epochs": 1},
            "replicates": small_study.replicates.model_copy(update={"seeds": 1}),
        }
    )
    run_study(config, tmp_path)
    networks = read_results(tmp_path).networks
    assert len(networks.groupby(["l2.strength", "learning_rate"])) == 4


def test_what_cannot_run_is_said_at_once_and_nothing_is_written(
    small_study: StudyConfig, tmp_path: Path
) -> None:
    settings = {**small_study.settings, "depth": 6, "batch_size": 500}
    question = small_study.question.model_copy(update={"region": "septum"})
    wrong = small_study.model_copy(update={"settings": settings, "question": question})
    with pytest.raises(ConfigError) as caught:
        open_study(wrong, tmp_path / "study")
    assert len(caught.value.problems) == 3
    assert "question.region is 'septum'" in str(caught.value)
    assert not (tmp_path / "study").exists()


def test_another_region_scheme_can_be_chosen(small_study: StudyConfig, tmp_path: Path) -> None:
    regions = {"rest": (0, 1), "myocardium": (2,), "infarct": (3, 4)}
    study = open_study(small_study.model_copy(update={"regions": regions}), tmp_path / "a")
    assert study.scheme.names == ("rest", "myocardium", "infarct")
    lacking = small_study.model_copy(update={"regions": {"rest": (0, 1), "myocardium": (2, 3)}})
    with pytest.raises(ConfigError, match=r"holds the codes \[4\], which no region"):
        open_study(lacking, tmp_path / "b")


def test_a_given_split_is_used(
    small_study: StudyConfig, small_dataset: Dataset, tmp_path: Path
) -> None:
    from myosweep.config import SplitConfig

    given = make_split(small_dataset, SplitConfig(fractions=(0.5, 0.17, 0.33), seed=5))
    write_split(given, tmp_path / "mine.json")
    named = SplitConfig(file=str(tmp_path / "mine.json"))
    study = open_study(small_study.model_copy(update={"split": named}), tmp_path / "study")
    assert study.splits["split"].hash == given.hash
    other = make_split(small_dataset, SplitConfig(fractions=(0.5, 0.17, 0.33), seed=6))
    write_split(other, tmp_path / "mine.json")
    with pytest.raises(StudyError, match="not the one that the study's folder was made with"):
        open_study(small_study.model_copy(update={"split": named}), tmp_path / "study")


def test_auto_precision_is_resolved_once(small_study: StudyConfig, tmp_path: Path) -> None:
    settings = {**small_study.settings, "precision": "auto"}
    automatic = small_study.model_copy(update={"settings": settings})
    first = open_study(automatic, tmp_path).config.settings["precision"]
    assert first in ("float32", "bfloat16")
    assert read_study_config(tmp_path / "study.toml").settings["precision"] == first
    assert open_study(automatic, tmp_path).config.settings["precision"] == first


def test_damage_is_named(copied: Path) -> None:
    run = next(run for run in StudyFolder(copied).runs() if "baseline" not in run.id)
    run.counts.write_bytes(b"no parquet")
    with pytest.raises(InputError, match=rf"runs/{run.id}/counts.parquet is missing or damaged"):
        read_results(copied)


def test_no_settings_file_holds_a_path(finished: Path) -> None:
    assert list(StudyFolder(finished).runs())
    for run in StudyFolder(finished).runs():
        for file in (run.settings, run.status):
            assert str(finished.parent) not in file.read_text("utf-8")
        assert isinstance(read_json(run.settings), dict)
    assert isinstance(read_results(finished).counts, pd.DataFrame)


@pytest.mark.usefixtures("no_report")
def test_status_counts_the_runs_that_the_study_wants(
    small_study: StudyConfig, copied: Path
) -> None:
    """A run whose folder or settings are gone is not done; `run` brings it back."""
    one, other = [run for run in StudyFolder(copied).runs() if "baseline" not in run.id][:2]
    shutil.rmtree(one.path)
    other.settings.unlink()
    state = study_state(copied)
    assert (len(state.runs), state.done, state.count("waiting")) == (4, 2, 2)
    run_study(small_study, copied)
    assert study_state(copied).done == 4
    assert len(read_results(copied).networks) == 4


def test_a_stopped_run_shows_its_epochs(small_study: StudyConfig, tmp_path: Path) -> None:
    study = open_study(small_study, tmp_path)
    run = study.folder.run(study.plans()[0].id)
    describe_run(study.plans()[0], run)
    claim = take_claim(run)
    assert claim is not None
    claim.renew(epochs_done=1.5, seconds=3.0)
    assert study_state(tmp_path).count("running") == 1
    claim.release()
    first = next(run for run in study_state(tmp_path).runs if run.epochs_done)
    assert (first.state, first.epochs_done, first.seconds) == ("waiting", 1.5, 3.0)


def test_a_study_is_not_mixed_with_something_else(
    small_study: StudyConfig, small_dataset: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(StudyError, match=r"is no study folder \(it holds 'images.npy'\)"):
        open_study(small_study, small_dataset.folder)
    (tmp_path / "file").write_text("")
    with pytest.raises(StudyError, match=r"'file' is no study folder \(it is a file\)"):
        open_study(small_study, tmp_path / "file")


def test_workers_end_when_their_parent_is_killed(small_study: StudyConfig, tmp_path: Path) -> None:
    settings = {**small_study.settings, "epochs": 500}
    write_study_config(
        small_study.model_copy(update={"settings": settings}), tmp_path / "study.toml"
    )
    command = [sys.executable, "-c", WORKER, str(tmp_path / "study.toml"), str(tmp_path / "out")]
    parent = subprocess.Popen([*command, "2"])
    try:
        while not (tmp_path / "out" / "study.toml").exists() or not any(
            run.state == "running" for run in study_state(tmp_path / "out").runs
        ):
            assert parent.poll() is None
            time.sleep(0.1)
    finally:
        parent.kill()
        parent.wait()
    patience = time.monotonic() + 120
    while any(run.state == "running" for run in study_state(tmp_path / "out").runs):
        assert time.monotonic() < patience, "a worker lives on without its parent"
        time.sleep(0.2)
