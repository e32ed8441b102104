"""How many runs at a time: what is measured, kept, and chosen."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from myosweep.config import StudyConfig
from myosweep.study import jobs
from myosweep.study.estimate import estimate_study
from myosweep.study.jobs import Layout, Trial, choose_jobs, soonest, speed_of
from myosweep.study.open import Study, open_study
from myosweep.study.resources import Resources
from myosweep.training.plan import RunPlan
from myosweep.training.speed import Speed

STEPS = Speed(step_s=1.0, slice_s=0.0, score_s=0.0, save_s=0.0, memory_mb=1.0)
SLOW = Speed(step_s=1000.0, slice_s=1.0, score_s=0.0, save_s=0.0, memory_mb=1.0)


@pytest.fixture
def study(small_study: StudyConfig, tmp_path: Path) -> Study:
    """Four runs."""
    return open_study(small_study, tmp_path / "study", write=False)


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[int, Speed | None]:
    """What a measurement gives, by runs at a time; it starts with an empty memory and cache."""
    speeds: dict[int, Speed | None] = {}
    monkeypatch.setattr(jobs, "_measure", lambda plan, layout, computer: speeds.pop(layout.jobs))
    monkeypatch.setattr(jobs, "_known", {})
    monkeypatch.setattr(jobs, "processor_count", lambda: 4)
    monkeypatch.setattr(jobs, "busy_percent", lambda: 0.0)
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name: tmp_path / "cache" / name)
    return speeds


def test_the_fastest_way_for_the_whole_study_is_chosen(
    study: Study, measured: dict[int, Speed | None]
) -> None:
    measured |= {1: SLOW, 2: replace(SLOW, step_s=1100.0), 4: replace(SLOW, step_s=5000.0)}
    choice = choose_jobs(study, Resources("cpu"))
    assert (choice.resources.jobs, choice.resources.threads) == (2, 2)
    assert [trial.layout.jobs for trial in choice.trials] == [1, 2, 4]
    assert [trial.images_per_s for trial in choice.trials] == [4 / 1000, 8 / 1100, 16 / 5000]


def test_measurements_are_kept_for_the_next_process(
    study: Study, measured: dict[int, Speed | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured |= {1: SLOW, 2: SLOW, 4: SLOW}
    first = choose_jobs(study, Resources("cpu"))
    assert not measured
    monkeypatch.setattr(jobs, "_known", {})  # as in a new process; a new measurement would fail
    assert choose_jobs(study, Resources("cpu")) == first


def test_what_was_measured_on_a_busy_machine_is_not_kept(
    study: Study, measured: dict[int, Speed | None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    measured |= {1: SLOW, 2: SLOW, 4: SLOW}
    monkeypatch.setattr(jobs, "busy_percent", lambda: 80.0)
    choose_jobs(study, Resources("cpu"))
    assert not measured
    assert not (tmp_path / "cache").exists()


def test_damaged_measurements_are_repeated(
    study: Study, measured: dict[int, Speed | None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    measured |= {1: SLOW, 2: SLOW, 4: SLOW}
    choose_jobs(study, Resources("cpu"))
    files = sorted((tmp_path / "cache").rglob("*.json"))
    assert len(files) == 3
    files[0].write_text("{")
    files[1].write_text('{"step_s": 1}')
    measured |= {1: SLOW, 2: SLOW, 4: SLOW}
    monkeypatch.setattr(jobs, "_known", {})
    choose_jobs(study, Resources("cpu"))
    assert len(measured) == 1


def test_a_short_study_is_not_worth_measuring(
    study: Study, measured: dict[int, Speed | None]
) -> None:
    measured |= {1: replace(SLOW, step_s=0.01, slice_s=0.001)}
    choice = choose_jobs(study, Resources("cpu"))
    assert choice.resources.jobs == 1
    assert choice.resources.threads is None
    assert not choice.trials


def test_what_would_not_fit_into_memory_is_not_tried(
    study: Study, measured: dict[int, Speed | None]
) -> None:
    measured |= {1: replace(SLOW, memory_mb=1e9)}
    assert choose_jobs(study, Resources("cpu")).resources.jobs == 1


def test_a_way_whose_processes_end_is_not_chosen(
    study: Study, measured: dict[int, Speed | None]
) -> None:
    measured |= {1: SLOW, 2: None, 4: replace(SLOW, step_s=9000.0)}
    choice = choose_jobs(study, Resources("cpu"))
    assert choice.resources.jobs == 1
    assert [trial.images_per_s > 0 for trial in choice.trials] == [True, False, True]


@pytest.mark.parametrize("given", [{"jobs": 3}, {"threads": 2}])
def test_what_the_user_gave_is_kept(
    study: Study, measured: dict[int, Speed | None], given: dict[str, int]
) -> None:
    resources = Resources("cpu", **given)
    assert choose_jobs(study, resources).resources == resources


def test_nearly_as_fast_is_no_reason_for_more_runs_at_a_time(study: Study) -> None:
    plan = study.plans()[0]
    trials = [
        Trial(Layout(1, 2), replace(STEPS, step_s=1.0), 4),
        Trial(Layout(2, 1), replace(STEPS, step_s=1.94), 4),
    ]
    assert soonest(plan, trials, 100) == Layout(1, 2)
    assert soonest(plan, [trials[0], replace(trials[1], speed=SLOW)], 100) == Layout(1, 2)
    quick = replace(trials[1], speed=replace(STEPS, step_s=1.6))
    assert soonest(plan, [trials[0], quick], 100) == Layout(2, 1)


def test_an_odd_run_at_the_end_counts(study: Study) -> None:
    """Three runs, two at a time, take two rounds: as long as four."""
    plan = study.plans()[0]
    trials = [
        Trial(Layout(1, 2), replace(STEPS, step_s=1.0), 4),
        Trial(Layout(2, 1), replace(STEPS, step_s=1.6), 4),
    ]
    assert soonest(plan, trials, 3) == Layout(1, 2)
    assert soonest(plan, trials, 4) == Layout(2, 1)


def test_seconds_of_a_run_by_hand(study: Study) -> None:
    plan = study.plans()[0]
    slices = {part: len(plan.split.part(part)) for part in ("training", "validation", "test")}
    steps = slices["training"] // 4
    speed = Speed(step_s=2.0, slice_s=0.5, score_s=0.25, save_s=3.0, memory_mb=1.0, start_s=7.0)
    epoch = steps * 2.0 + slices["validation"] * 0.5 + 3.0
    assert speed.run_seconds(plan) == 2 * epoch + sum(slices.values()) * 0.75


def test_the_estimate_counts_rounds_and_the_start(
    study: Study, measured: dict[int, Speed | None]
) -> None:
    measured |= {3: replace(SLOW, start_s=5.0)}
    estimate = estimate_study(study, Resources("cpu", jobs=3))
    each = SLOW.run_seconds(study.plans()[0])
    assert [seconds for _, seconds in estimate.runs] == [each] * 4
    assert estimate.seconds == 5.0 + 2 * each


@pytest.mark.long
def test_two_processes_measure_at_the_same_time(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "_known", {})
    plan: RunPlan = study.plans()[0]
    computer = Resources("cpu", jobs=2).computer("float32")
    speed = speed_of(plan, Layout(2, 1), computer)
    assert speed is not None
    assert 0 < speed.step_s < 5
    assert speed.slice_s > 0
    assert speed.score_s > 0
    assert speed.save_s > 0
    assert speed.memory_mb > 50
    assert 0.2 < speed.start_s < 120
    assert "XDG_CACHE_HOME" in os.environ, "tests must not fill the user's own cache"


@pytest.mark.long
def test_processes_that_end_are_no_answer(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "_train_a_little", _end)
    computer = Resources("cpu", jobs=2).computer("float32")
    assert jobs._measure(study.plans()[0], Layout(2, 1), computer) is None


def _end(*_: object) -> None:
    """As the system ends a process that takes too much memory."""
    os._exit(1)
