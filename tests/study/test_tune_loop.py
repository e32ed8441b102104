"""A search from its first trial to its last: small spaces, failing trainings, a larger budget."""

import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.analysis.tuning.test_early_scores import rising, trial

import myosweep.study.execute
from myosweep.analysis.tuning.found import conclude_tuning
from myosweep.config import StudyConfig, study_config
from myosweep.data.phantom_dataset import make_phantom
from myosweep.data.store import Dataset
from myosweep.errors import StudyError
from myosweep.results.layout import StudyFolder
from myosweep.results.trials import read_trial_runs, read_tuning_state, write_tuning_state
from myosweep.study.execute import attempt
from myosweep.study.inert import inert_settings
from myosweep.study.open import open_study
from myosweep.study.resources import Resources
from myosweep.study.tune import loop
from myosweep.study.tune.loop import decide
from myosweep.study.tune.run import run_tuning
from myosweep.study.tune.tuning import Tuning, count_money, open_tuning
from myosweep.training.checkpoint import Progress
from myosweep.training.plan import RunPlan

SETTINGS = {"first_filters": 2, "depth": 1, "epochs": 1, "precision": "float32"}
RATES = {"learning_rate": {"low": 1e-4, "high": 3e-2, "log": True}}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return make_phantom(tmp_path_factory.mktemp("loop") / "data", patients=10, seed=1, size=32)


@pytest.fixture(autouse=True)
def no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("myosweep.study.tune.run.write_tuned_report", lambda *_: None)


def config(dataset: Dataset, settings: dict[str, Any] | None = None, **tune: Any) -> StudyConfig:
    return study_config(
        {
            "name": "loop",
            "dataset": str(dataset.folder),
            "split": {"fractions": [0.4, 0.3, 0.3]},
            "settings": {**SETTINGS, **(settings or {})},
            "tune": {"startup": 2, "networks": 3, "budget": "10runs", **tune},
        }
    )


def opened(what: StudyConfig, folder: Path, budget: str | None = None) -> Tuning:
    return open_tuning(open_study(what, folder, device="cpu"), budget)


def searched(tuning: Tuning) -> None:
    run_tuning(tuning, Resources("cpu", threads=1))


def execute_one(tuning: Tuning, plan: RunPlan | None) -> None:
    assert plan is not None
    status = attempt(plan, tuning.study.folder, Resources("cpu", threads=1))
    assert status is not None
    assert status.whole


@pytest.mark.long
def test_a_small_space_is_tried_once_and_the_default_stays(
    dataset: Dataset, tmp_path: Path
) -> None:
    tuning = opened(config(dataset, space={"batch_size": [2, 4, 8]}, budget="12runs"), tmp_path)
    searched(tuning)
    runs = [one for one in read_trial_runs(tuning.study.folder, tuning.region) if one.seed == 0]
    assert [one.trial for one in runs] == [0, 1, 2]
    assert runs[0].values == {"batch_size": 4}
    assert sorted(one.values["batch_size"] for one in runs) == [2, 4, 8]
    assert {one.state.name for one in tuning.trials.all()} == {"COMPLETE"}


class Broken:
    """Trainings that fail from the nth one on; ``mended`` lets the rest be."""

    def __init__(self, patch: pytest.MonkeyPatch, first: int) -> None:
        self._real, self._first, self._count = myosweep.study.execute.perform_run, first, 0
        self.mended = False
        patch.setattr(myosweep.study.execute, "perform_run", self)

    def __call__(self, *given: Any, **more: Any) -> Any:
        self._count += 1
        if self._count >= self._first and not self.mended:
            raise RuntimeError("CUDA out of memory")
        return self._real(*given, **more)


@pytest.mark.long
def test_a_default_that_cannot_be_trained_ends_the_search_until_it_can(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Broken(monkeypatch, 1)
    tuning = opened(config(dataset, space=RATES), tmp_path)
    for _ in range(2):
        with pytest.raises(StudyError, match=r"the default could not be trained.*out of memory"):
            searched(tuning)
    assert len(tuning.trials.all()) == 1
    broken.mended = True
    searched(tuning)
    assert {one.state.name for one in tuning.trials.all()} == {"COMPLETE"}


def test_many_failures_in_a_row_end_the_search_and_each_costs(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Broken(monkeypatch, 3)
    tuning = opened(config(dataset, space=RATES, budget="20runs"), tmp_path)
    with pytest.raises(StudyError, match=r"5 trials in a row could not be trained"):
        searched(tuning)
    states = Counter(one.state.name for one in tuning.trials.all())
    assert states == {"COMPLETE": 2, "FAIL": 4, "RUNNING": 1}
    assert count_money(tuning).spent == pytest.approx(7)


@pytest.mark.long
def test_a_larger_budget_continues_a_search_that_has_ended(
    dataset: Dataset, tmp_path: Path
) -> None:
    tuning = opened(config(dataset, space=RATES), tmp_path)
    searched(tuning)
    before = {one.run for one in read_trial_runs(tuning.study.folder, tuning.region)}
    trials = len(tuning.trials.all())
    assert trials == 4
    assert decide(tuning).plan is None
    larger = opened(config(dataset, space=RATES), tmp_path, "20runs")
    searched(larger)
    assert len(larger.trials.all()) == 2 * trials
    runs = read_trial_runs(tuning.study.folder, tuning.region)
    assert before < {one.run for one in runs}
    assert sum(one.seed == 0 for one in runs) == 2 * trials
    money = count_money(larger)
    assert money.spent <= 20
    state = read_tuning_state(tuning.study.folder)
    assert state is not None
    assert (state.budget_runs, state.search_over, state.race_over) == (20, True, True)
    assert state.contenders
    found = conclude_tuning(tuning.study.folder)
    assert found.race is not None
    assert found.race.networks >= 3
    assert {one.trial for one in runs if one.seed > 0} >= {0, *state.contenders}


def test_trial_0_is_the_studys_own_default(dataset: Dataset, tmp_path: Path) -> None:
    own = {"l2.kind": "l1", "l2.strength": 1e-6}
    tuning = opened(config(dataset, own, space="joint"), tmp_path)
    plan = decide(tuning).plan
    assert plan is not None
    assert plan.settings == tuning.study.config.default
    assert (plan.settings.l2.kind, plan.settings.l2.strength) == ("l1", 1e-6)


def test_what_a_search_varies_is_not_called_inert(dataset: Dataset, tmp_path: Path) -> None:
    own = {"l2.kind": "decoupled", "l2.time_scale_epochs": 30.0}
    study = open_study(config(dataset, own, space="joint"), tmp_path, device="cpu", write=False)
    assert inert_settings(study) == []


def test_what_is_searched_in_vain_is_named(dataset: Dataset, tmp_path: Path) -> None:
    space = {
        "labels.strength": {"low": 0, "high": 1},
        "l2.learned.rate": {"low": 0.01, "high": 0.1},
        "batch_size": [2, 4],
    }
    study = open_study(config(dataset, space=space), tmp_path, device="cpu", write=False)
    told = inert_settings(study)
    assert [one.split(":")[0] for one in told] == [
        "labels.strength is searched, but acts nowhere",
        "l2.learned.rate is searched, but acts nowhere",
    ]


@pytest.mark.long
def test_values_that_exclude_each_other_are_not_tried(dataset: Dataset, tmp_path: Path) -> None:
    """A learned strength and a time scale cannot stand together, each alone can."""
    space = {
        "l2.strength": ["learned", 1e-4],
        "l2.kind": ["penalty", "decoupled"],
        "l2.time_scale_epochs": {"values": [3.0, 30.0], "when": {"l2.kind": "decoupled"}},
    }
    tuning = opened(config(dataset, space=space, budget="20runs"), tmp_path)
    searched(tuning)
    tried = [one.values for one in read_trial_runs(tuning.study.folder, tuning.region)]
    kinds = {(str(one["l2.strength"]), one["l2.kind"]) for one in tried}
    assert kinds == {("learned", "penalty"), ("0.0001", "penalty"), ("0.0001", "decoupled")}


def test_a_search_goes_on_with_the_budget_it_was_given(dataset: Dataset, tmp_path: Path) -> None:
    what = config(dataset, space=RATES)
    tuning = opened(what, tmp_path, "14runs")
    assert decide(tuning).plan is not None
    assert opened(what, tmp_path).budget == "14runs"
    assert opened(config(dataset, space=RATES, budget="16runs"), tmp_path).budget == "16runs"


def test_a_time_is_worth_the_same_runs_from_then_on(dataset: Dataset, tmp_path: Path) -> None:
    study = open_study(config(dataset, space={"batch_size": [2, 4]}), tmp_path, device="cpu")
    tuning = open_tuning(study, "1h", jobs=2)
    plan = decide(tuning).plan
    assert plan is not None
    execute_one(tuning, plan)
    decide(tuning)
    whole = count_money(tuning).whole
    assert count_money(open_tuning(study, jobs=1)).whole == whole
    assert count_money(open_tuning(study, "2h", jobs=1)).whole == pytest.approx(whole)


def test_a_race_that_has_begun_is_not_ended_by_a_smaller_budget(
    dataset: Dataset, tmp_path: Path
) -> None:
    what = config(dataset, space=RATES, budget="20runs")
    tuning = opened(what, tmp_path)
    execute_one(tuning, decide(tuning).plan)
    decide(tuning)
    home = tuning.study.folder
    state = read_tuning_state(home)
    assert state is not None
    write_tuning_state(home, state.model_copy(update={"contenders": (1,), "largest": 7}))
    with pytest.raises(StudyError, match="was planned for 20 default runs and has begun"):
        opened(what, tmp_path, "10runs")
    assert opened(what, tmp_path, "30runs").budget == "30runs"


def test_two_folders_share_no_record(dataset: Dataset, tmp_path: Path) -> None:
    what, url = config(dataset, space=RATES), f"sqlite:///{tmp_path / 'records.db'}"
    for name in ("one", "other"):
        tuning = open_tuning(open_study(what, tmp_path / name, device="cpu"), storage=url)
        assert tuning.trials.all() == []
        assert decide(tuning).plan is not None
        again = open_tuning(open_study(what, tmp_path / name, device="cpu"), storage=url)
        assert len(again.trials.all()) == 1


def test_a_record_whose_runs_are_elsewhere_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    tuning = opened(config(dataset, space=RATES), tmp_path)
    plan = decide(tuning).plan
    assert plan is not None
    execute_one(tuning, plan)
    decide(tuning)
    shutil.rmtree(tuning.folder(plan).path)
    with pytest.raises(StudyError, match="1 whose runs are not in this folder"):
        opened(config(dataset, space=RATES), tmp_path)


@pytest.mark.parametrize("in_database", [False, True])
def test_a_search_without_its_state_finds_its_record(
    dataset: Dataset, tmp_path: Path, in_database: bool
) -> None:
    """An earlier version kept no name, and a damaged file is to be removed."""
    what = config(dataset, space=RATES)
    url = f"sqlite:///{tmp_path / 'records.db'}" if in_database else None
    for name in ("other", "own"):
        tuning = open_tuning(open_study(what, tmp_path / name, device="cpu"), storage=url)
        execute_one(tuning, decide(tuning).plan)
    tuning.study.folder.tuning.unlink()
    again = open_tuning(open_study(what, tmp_path / "own", device="cpu"), storage=url)
    assert [one.user_attrs for one in again.trials.all()] == [
        one.user_attrs for one in tuning.trials.all()
    ]
    state = read_tuning_state(tuning.study.folder)
    assert state is not None
    assert state.record != ""


def test_a_region_that_no_patient_has_is_refused_before_anything_is_trained(
    dataset: Dataset, tmp_path: Path
) -> None:
    what = config(dataset, space=RATES)
    codes = {**dataset.scheme.as_mapping(), "scar": [77]}
    regions = {name: tuple(one) for name, one in codes.items()}
    question = what.question.model_copy(update={"region": "scar"})
    lacking = what.model_copy(update={"regions": regions, "question": question})
    with pytest.raises(StudyError) as caught:
        opened(lacking, tmp_path)
    assert [problem[:18] for problem in caught.value.problems] == [
        "no validation pati", "no test patient ha"
    ]  # fmt: skip
    assert not StudyFolder(tmp_path).tuning.exists()


def test_the_rule_is_kept_and_ends_what_is_hopeless(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuning = opened(config(dataset, {"epochs": 10}, space=RATES, startup=5), tmp_path)
    trials = [rising(number, 0.1 * number) for number in range(1, 7)]
    monkeypatch.setattr(loop, "search_so_far", lambda _: trials)
    monkeypatch.setattr(loop, "_search_runs", lambda _: [one.run for one in trials])
    plan = decide(tuning).plan
    assert plan is not None
    watch = loop._Watch(tuning, plan)
    for score, hopeless in ((0.01, True), (0.9, False)):
        rows: list[dict[str, int | float]] = [{"iou_myocardium": score}] * 10
        assert watch(Progress(rows, 0.0, [])) is hopeless
    trials.append(trial(0, tuple([0.9 - 0.09 * k for k in range(10)]), 0.01))  # it ends late
    decide(tuning)
    state = read_tuning_state(tuning.study.folder)
    assert state is not None
    assert state.measured == (1, 2, 3, 4, 5, 6)
