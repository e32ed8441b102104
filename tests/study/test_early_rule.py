"""A study under an early rule: stopped, continued, adjusted to the end, killed in between."""

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest
from tests.study.test_worker import kill_at_random

from myosweep.config import EarlyRule, StudyConfig
from myosweep.errors import StudyError
from myosweep.files import read_json
from myosweep.results.layout import RunFolder, StudyFolder
from myosweep.results.read import read_history, read_results
from myosweep.study.baselines import write_baselines
from myosweep.study.execute import execute
from myosweep.study.merge import merged
from myosweep.study.on_ray import _Errand
from myosweep.study.open import open_study
from myosweep.study.ray_task import Share, Task, do_through_store
from myosweep.study.resources import Resources
from myosweep.study.reuse import reuse_runs
from myosweep.study.state import study_state
from myosweep.study.store import Store
from myosweep.study.sweep import complete_study
from myosweep.study.worker import describe_runs, work_with_others
from myosweep.training.claim import Errand, take_claim

ALONE = Resources("cpu", threads=1)
EPOCHS = 4
NEVER = 0.999
"""No tiny network reaches this accuracy."""
TWO = ({"learning_rate": 3e-3}, {"batch_size": 2, "augmentation.flip": 0.0})


def ruled(study: StudyConfig, epochs: int = EPOCHS, **rule: Any) -> StudyConfig:
    """The small study with so many epochs and a rule that asks half-way."""
    early = EarlyRule(fraction=0.5, **rule) if rule else None
    settings = {**study.settings, "epochs": epochs}
    return study.model_copy(update={"settings": settings, "early_rule": early})


def done(config: StudyConfig, folder: Path) -> Path:
    study = open_study(config, folder)
    describe_runs(study)
    write_baselines(study)
    execute(study, ALONE)
    return folder


def trained(folder: Path) -> dict[str, RunFolder]:
    return {run.id: run for run in StudyFolder(folder).runs() if not run.id.startswith("baseline")}


def ends(folder: Path) -> dict[str, tuple[str, int, int]]:
    """How each run ended: status, epochs, adjustment."""
    found = {}
    for name, run in trained(folder).items():
        status = run.read_status()
        assert status is not None
        found[name] = (status.status, status.epochs_done, run.read_settings().adjustment)
    return found


def assert_same_end(one: Path, other: Path) -> None:
    """Both have the same runs with the same ends and bits, and nothing left over."""
    assert ends(one) == ends(other)
    others = trained(other)
    for name, run in trained(one).items():
        names = ("history", "weights", "counts", "masks", "checkpoint")
        for here, there in ((getattr(run, key), getattr(others[name], key)) for key in names):
            assert here.exists() == there.exists(), here.name
            if here.exists() and here != run.checkpoint:  # which holds the time, too
                assert here.read_bytes() == there.read_bytes()
        assert not list(others[name].path.glob(".*"))


@pytest.fixture(scope="module")
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small study, trained to its end without any rule."""
    from tests.conftest import small_study

    config = small_study.__wrapped__(request.getfixturevalue("small_dataset"))  # type: ignore[attr-defined]
    return done(ruled(config), tmp_path_factory.mktemp("whole") / "study")


def early(folder: Path) -> dict[str, float]:
    """Highest accuracy of each run up to the middle."""
    return {
        name: read_history(run)["validation_accuracy"].head(EPOCHS // 2).max()
        for name, run in trained(folder).items()
    }


@pytest.mark.usefixtures("no_report")
def test_stop_stops_what_has_not_passed_and_nothing_else(
    small_study: StudyConfig, tmp_path: Path, whole: Path
) -> None:
    accuracies = early(whole)
    threshold = sorted(accuracies.values())[1]  # two of four are not above it
    config = ruled(small_study, threshold=threshold, action="stop")
    folder = done(config, tmp_path / "study")
    wanted = {
        name: ("complete", EPOCHS, 0) if one > threshold else ("stopped", EPOCHS // 2, 0)
        for name, one in accuracies.items()
    }
    assert ends(folder) == wanted
    state = study_state(folder)
    assert (state.done, state.count("stopped"), state.settled) == (2, 2, 4)
    assert state.epochs_done == state.epochs == 2 * EPOCHS + 2 * EPOCHS // 2
    for name, run in trained(folder).items():
        if wanted[name][0] == "complete":
            assert run.weights.read_bytes() == trained(whole)[name].weights.read_bytes()
    assert set(read_results(folder).networks["run"]) == {
        name for name, end in wanted.items() if end[0] == "complete"
    }
    before = {name: run.status.read_bytes() for name, run in trained(folder).items()}
    study = open_study(config, folder)
    assert (study.missing(), study.untried()) == ([], [])
    complete_study(study, ALONE)
    work_with_others(study, ALONE)
    assert {name: run.status.read_bytes() for name, run in trained(folder).items()} == before


@pytest.mark.long
def test_stopped_runs_go_on_when_the_rule_only_reports(
    small_study: StudyConfig, tmp_path: Path, whole: Path
) -> None:
    config = ruled(small_study, threshold=NEVER, action="stop")
    folder = done(config, tmp_path / "study")
    assert study_state(folder).count("stopped") == 4
    with pytest.raises(StudyError, match=r"stopped by its early rule .*set action = 'report'"):
        complete_study(open_study(folder), ALONE)
    relaxed = ruled(small_study, threshold=NEVER, action="report")
    study = open_study(relaxed, folder)
    assert len(study.missing()) == len(study.untried()) == 4
    assert study_state(folder).count("waiting") == 4
    complete_study(study, ALONE)
    for name, run in trained(folder).items():
        history = trained(whole)[name]
        assert run.weights.read_bytes() == history.weights.read_bytes()
        status = run.read_status()
        assert status is not None
        assert status.early_rule is not None
        assert (status.early_rule.continued, status.early_rule.passed) == (True, False)
    with pytest.raises(StudyError, match="only action 'stop' may become 'report'"):
        open_study(config, folder)


def test_a_failure_is_tried_again_and_a_stopped_run_is_not(
    small_study: StudyConfig, tmp_path: Path
) -> None:
    folder = done(ruled(small_study, threshold=NEVER, action="stop"), tmp_path / "study")
    run = next(iter(trained(folder).values()))
    run.status.write_text('{"status": "failed"}')
    study = open_study(folder)
    assert [plan.id for plan in study.missing()] == [run.id]
    assert study.untried() == []
    study.forget_failures()
    assert [plan.id for plan in study.untried()] == [run.id]
    execute(study, ALONE)
    assert study_state(folder).count("stopped") == 4


@pytest.mark.long
def test_an_exhausted_list_ends_with_its_last_entry(
    small_study: StudyConfig, tmp_path: Path
) -> None:
    config = ruled(small_study, threshold=NEVER, action="adjust", adjust=TWO)
    folder = tmp_path / "study"
    study = open_study(config, folder)
    assert len(study.plans()) == 4
    assert len({plan.id for plan in study.every_plan()}) == 12
    report = complete_study(study, ALONE)
    found = sorted(ends(folder).values())
    assert found == [("complete", 4, 2)] * 4 + [("stopped", 2, 0)] * 4 + [("stopped", 2, 1)] * 4
    networks = read_results(folder).networks
    assert len(networks) == 4
    assert set(networks["adjustment"]) == {2}
    assert set(networks["batch_size"]) == {2}
    assert set(networks["learning_rate"]) == {1e-3}, "each entry starts from the study's settings"
    places = networks[["l2.strength", "seed"]].drop_duplicates()
    assert len(places) == 4
    assert all(plan.adjustment == 2 for plan in study.plans())
    assert study.missing() == []
    text = report.read_text("utf-8")
    assert "<h2>The early rule</h2>" in text
    assert text.count("list exhausted") == 4
    labels = [run.label for run in study_state(folder).runs]
    assert labels[:3] == [
        "l2.strength 5e-05, seed 0",
        "l2.strength 5e-05, seed 0, adjusted: learning_rate 0.003",
        "l2.strength 5e-05, seed 0, adjusted: batch_size 2, augmentation.flip 0.0",
    ]


def test_the_first_entry_that_passes_stays(
    small_study: StudyConfig, tmp_path: Path, whole: Path
) -> None:
    """Each place ends with the first training of its list that passes, or with the last."""
    threshold = sorted(early(whole).values())[2]
    config = ruled(small_study, threshold=threshold, action="adjust", adjust=TWO)
    folder = done(config, tmp_path / "study")
    places: dict[tuple[float, int], list[tuple[int, str, bool]]] = {}
    for run in trained(folder).values():
        about, status = run.read_settings(), run.read_status()
        assert status is not None
        assert status.early_rule is not None
        place = (float(about.point["l2.strength"]), about.seed)
        row = (about.adjustment, status.status, status.early_rule.passed)
        places.setdefault(place, []).append(row)
    assert len(places) == 4
    for rows in places.values():
        *before, (number, status, passed) = sorted(rows)
        assert before == [(one, "stopped", False) for one in range(len(before))]
        assert (number, status) == (len(before), "complete")
        assert passed or number == len(TWO)
    assert any(len(rows) == 1 for rows in places.values())
    assert any(len(rows) > 1 for rows in places.values())


def test_a_place_between_two_trainings_is_waiting(small_study: StudyConfig, tmp_path: Path) -> None:
    config = ruled(small_study, threshold=NEVER, action="adjust", adjust=TWO)
    study = open_study(config, tmp_path / "study")
    describe_runs(study)
    from myosweep.study.execute import attempt

    first = study.plans()[0]
    assert study.following(first) is None
    status = attempt(first, study.folder, ALONE)
    assert status is not None
    assert status.status == "stopped"
    after = study.following(first)
    assert after is not None
    assert (after.adjustment, after.settings.learning_rate) == (1, 3e-3)
    assert after.id == study.plans()[0].id
    state = study_state(tmp_path / "study")
    assert (len(state.runs), state.count("stopped"), state.count("waiting")) == (5, 1, 4)
    waiting = [run for run in state.runs if run.adjustment == 1]
    assert [run.label for run in waiting] == [after.label]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ({}, {"threshold": 0.5}, "has no .early_rule., the study file has one; .*and stays"),
        ({"action": "report"}, {}, "has an .early_rule., the study file has none"),
        ({"action": "stop"}, {}, "set action = 'report', which lets stopped runs go on"),
        ({"action": "report"}, {"action": "stop"}, "early_rule.action is 'report' in the study's"),
        ({"threshold": 0.5}, {"threshold": 0.6}, "early_rule.threshold is 0.5 in the study's"),
        (
            {"action": "stop", "threshold": 0.5},
            {"action": "report", "threshold": 0.6},
            "early_rule.threshold",
        ),
        (
            {"action": "adjust", "adjust": TWO},
            {"action": "adjust", "adjust": TWO[:1]},
            "early_rule.adjust is",
        ),
        ({"action": "adjust", "adjust": TWO}, {"action": "report"}, "early_rule.action is"),
    ],
)
def test_a_rule_stands_and_stays(
    small_study: StudyConfig, old: dict[str, Any], new: dict[str, Any], message: str
) -> None:
    def config(rule: dict[str, Any]) -> StudyConfig:
        return small_study.model_copy(update={"early_rule": EarlyRule(**rule) if rule else None})

    with pytest.raises(StudyError, match=message):
        merged(config(old), config(new))
    assert merged(config(old), config(old)).early_rule == config(old).early_rule


def test_stop_may_become_report(small_study: StudyConfig) -> None:
    stop, report = (
        small_study.model_copy(update={"early_rule": EarlyRule(action=action)})
        for action in ("stop", "report")
    )
    assert merged(stop, report).early_rule == EarlyRule(action="report")


@pytest.mark.skipif(os.name == "nt", reason="kills as POSIX does")
@pytest.mark.long
@pytest.mark.parametrize(("kills", "workers", "epochs"), [(2, 1, 8), (6, 2, 12)])
def test_random_kills_give_the_same_end(
    small_study: StudyConfig, tmp_path: Path, kills: int, workers: int, epochs: int
) -> None:
    config = ruled(small_study, epochs=epochs, threshold=NEVER, action="adjust", adjust=TWO)
    kill_at_random(config, tmp_path, kills, workers)
    assert_same_end(done(config, tmp_path / "whole"), tmp_path / "killed")
    runs = trained(tmp_path / "killed").values()
    assert sum(len(run.claims) for run in runs) > len(runs), "kills hit no run"


@pytest.mark.long
def test_several_jobs_give_the_same_end(small_study: StudyConfig, tmp_path: Path) -> None:
    config = ruled(small_study, threshold=NEVER, action="adjust", adjust=TWO[:1])
    study = open_study(config, tmp_path / "two")
    write_baselines(study)
    execute(study, Resources("cpu", jobs=2, threads=1))
    assert_same_end(done(config, tmp_path / "one"), tmp_path / "two")


def test_runs_of_another_study_are_taken_as_the_rule_would_have_them(
    small_study: StudyConfig, tmp_path: Path, whole: Path
) -> None:
    accuracies = early(whole)
    threshold = sorted(accuracies.values())[1]
    study = open_study(ruled(small_study, threshold=threshold, action="stop"), tmp_path)
    assert reuse_runs(study, whole) == 2
    copied = [run for run in trained(tmp_path).values() if run.read_status()]
    assert {run.id for run in copied} == {n for n, one in accuracies.items() if one > threshold}
    for run in copied:
        record = read_json(run.status)["early_rule"]
        assert (record["threshold"], record["passed"]) == (threshold, True)
        assert record["accuracy"] == pytest.approx(accuracies[run.id])


class Board:
    """What a machine tells the driver; here nobody listens."""

    class put:  # noqa: N801
        remote = staticmethod(lambda *news: None)


def test_a_stopped_run_comes_back_through_a_store_and_goes_on(
    small_study: StudyConfig, tmp_path: Path, whole: Path
) -> None:
    url = f"file://{tmp_path}/store"
    config = ruled(small_study, threshold=NEVER, action="stop")
    study = open_study(config, tmp_path / "study")
    plan = study.plans()[0]

    def send(plan: Any) -> Any:
        share = Share("cpu", 1, 0.0)
        errand: Errand = _Errand(plan).next()
        rule = (plan.early_rule, plan.adjustment)
        fixed = (plan.point, plan.settings, plan.replicate, plan.scheme)
        task = Task(*fixed, share, errand, *rule)
        return do_through_store(task, url, Board(), study.dataset, plan.split)

    status = send(plan)
    assert (status.status, status.epochs_done) == ("stopped", 2)
    assert send(plan) == status, "it is not begun again"
    folder = study.folder.run(plan.id)
    claim = take_claim(folder)
    assert Store(url).fetch(folder)
    assert claim is not None
    claim.release()
    assert folder.read_status() == status
    assert folder.checkpoint.exists()
    report = EarlyRule(fraction=0.5, threshold=NEVER)
    ended = send(dataclasses.replace(plan, early_rule=report))
    assert ended.status == "complete"
    assert ended.early_rule.continued
    assert Store(url).fetch(folder)
    assert folder.weights.read_bytes() == trained(whole)[plan.id].weights.read_bytes()
    assert not folder.checkpoint.exists()
