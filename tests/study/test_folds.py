"""A study with folds as a whole: who trains and tests which network, and how it grows."""

from pathlib import Path

import pytest
from tests.study.conftest import without_report

from myosweep.config import StudyConfig, read_study_config, study_config
from myosweep.data.phantom_dataset import make_phantom
from myosweep.data.split import make_folds, read_split, write_split
from myosweep.data.store import Dataset
from myosweep.errors import ConfigError, SplitError, StudyError
from myosweep.results.layout import StudyFolder
from myosweep.results.read import Results, read_results
from myosweep.study.open import open_study
from myosweep.study.state import study_state
from myosweep.study.sweep import run_study


def in_folds(study: StudyConfig, **replicates: object) -> StudyConfig:
    """The study with folds, two of them, and one epoch; no two of its splits are the same."""
    content = study.model_dump(exclude={"split", "replicates"})
    content["settings"]["epochs"] = 1
    folds = {"design": "folds", "repeats": 2, "folds": 2, **replicates}
    return study_config({**content, "split": {"seed": 1}, "replicates": folds})


@pytest.fixture
def folds_study(small_study: StudyConfig) -> StudyConfig:
    return in_folds(small_study)


@pytest.fixture(scope="module")
def grown(small_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished study of one repeat (kept as bytes in ``before``) that got a second one."""
    settings = {
        "first_filters": 2,
        "depth": 2,
        "learning_rate": 1e-3,
        "precision": "float32",
    }
    content = {
        "name": "small",
        "dataset": str(small_dataset.folder),
        "settings": settings,
        "sweep": {"l2.strength": [5e-3, 5e-5]},
    }
    folder = tmp_path_factory.mktemp("grown") / "study"
    with without_report():
        run_study(in_folds(study_config(content), repeats=1), folder)
    before = {run.id: run.status.read_bytes() for run in StudyFolder(folder).runs()}
    report = run_study(in_folds(study_config(content)), folder)
    assert report.is_file()
    after = {run.id: run.status.read_bytes() for run in StudyFolder(folder).runs()}
    assert len(before) == 4 + 2 * 2  # networks, and two baselines for each split
    assert len(after) == 2 * len(before)
    assert before.items() < after.items(), "finished runs were done again"
    return folder


@pytest.fixture(scope="module")
def results(grown: Path) -> Results:
    return read_results(grown)


def test_networks_stand_for_their_folds(grown: Path, results: Results) -> None:
    networks = results.networks.sort_values(["l2.strength", "seed"])
    places = networks[["seed", "repeat", "fold"]].to_numpy().tolist()
    assert places == [[0, 1, 1], [1, 1, 2], [2, 2, 1], [3, 2, 2]] * 2
    for row in networks.itertuples():
        split = read_split(StudyFolder(grown).split(f"repeat-{row.repeat}-fold-{row.fold}"))
        assert row.split_hash == split.hash
        counts = results.counts[results.counts["run"] == row.run]
        for part in ("training", "validation", "test"):
            slices = counts.loc[counts["part"] == part, "slice"]
            assert set(slices) == set(split.part(part))


def test_each_value_tests_each_patient_once_per_repeat_unseen(results: Results) -> None:
    counts = results.counts.merge(results.networks[["run", "l2.strength", "repeat"]])
    places = counts[["l2.strength", "repeat", "run", "part", "patient"]].drop_duplicates()
    tested = places[places["part"] == "test"].groupby(["l2.strength", "repeat"])["patient"]
    assert len(tested) == 2 * 2
    for _, patients in tested:
        assert sorted(patients) == sorted(results.counts["patient"].unique())
    assert not places.duplicated(["run", "patient"]).any(), "a patient stands in two parts"


def test_baselines_are_scored_on_every_split(results: Results) -> None:
    baselines = results.runs[results.runs["kind"] == "baseline"]
    assert baselines.groupby("label")["split_hash"].nunique().tolist() == [4, 4]
    assert baselines["fold"].isna().all()


def test_the_report_is_about_folds(grown: Path) -> None:
    text = StudyFolder(grown).report.read_text("utf-8")
    assert "6 patients" in text
    assert "2 folds, 2 times anew" in text
    assert "figure-2" in text


def test_status_and_file_speak_of_the_grown_study(grown: Path) -> None:
    state = study_state(grown)
    assert (state.done, len(state.runs)) == (8, 8)
    assert "l2.strength 5e-05, seed 3, repeat 2, fold 2" in {run.label for run in state.runs}
    assert read_study_config(grown / "study.toml").replicates.repeats == 2
    assert [file.stem for file in StudyFolder(grown).splits()] == [
        f"repeat-{repeat}-fold-{fold}" for repeat in (1, 2) for fold in (1, 2)
    ]


def test_fewer_repeats_take_nothing_away(folds_study: StudyConfig, grown: Path) -> None:
    study = open_study(in_folds(folds_study, repeats=1), grown, write=False)
    assert study.config.replicates.repeats == 2
    assert not study.missing()


def test_all_values_get_a_network_before_any_gets_the_next(
    folds_study: StudyConfig, tmp_path: Path
) -> None:
    plans = open_study(folds_study, tmp_path / "study", write=False).plans()
    assert [plan.seed for plan in plans] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert [plan.point["l2.strength"] for plan in plans] == [5e-3, 5e-5] * 4
    assert len({plan.id for plan in plans}) == 8
    assert len({plan.split.hash for plan in plans}) == 4


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"folds": 3}, "replicates.folds is 2 in the study's folder and 3 in the study file"),
        ({"validation": 0.5}, "replicates.validation is 0.25 in the study's folder and 0.5 in"),
        ({"max_replicates": 9}, "replicates.max_replicates is 2 in the study's folder and 9"),
    ],
)
def test_other_folds_are_refused_by_name(
    folds_study: StudyConfig, grown: Path, changed: dict[str, object], message: str
) -> None:
    with pytest.raises(StudyError, match=message):
        open_study(in_folds(folds_study, **changed), grown, write=False)


def test_another_design_or_seed_of_the_folds_is_refused(
    small_study: StudyConfig, folds_study: StudyConfig, grown: Path
) -> None:
    seeds = small_study.model_copy(
        update={"split": folds_study.split, "settings": folds_study.settings}
    )
    with pytest.raises(StudyError, match=r"replicates\.design is 'folds' in the study's folder"):
        open_study(seeds, grown, write=False)
    other = folds_study.split.model_copy(update={"seed": 2})
    with pytest.raises(StudyError, match=r"split\.seed is 1 in the study's folder and 2 in"):
        open_study(folds_study.model_copy(update={"split": other}), grown, write=False)


def test_another_split_in_the_folder_is_refused(
    folds_study: StudyConfig, small_dataset: Dataset, tmp_path: Path
) -> None:
    open_study(folds_study, tmp_path / "study")
    other = make_folds(small_dataset, 2, 7, 0.25, 1)[0]
    write_split(other, StudyFolder(tmp_path / "study").split("repeat-2-fold-1"))
    with pytest.raises(StudyError, match="has another split repeat-2-fold-1 than this dataset"):
        open_study(folds_study, tmp_path / "study")


def test_too_few_patients_are_said_at_once_and_nothing_is_written(
    folds_study: StudyConfig, tmp_path: Path
) -> None:
    few = make_phantom(tmp_path / "few", patients=3, seed=1, size=32)
    with pytest.raises(SplitError, match="2 folds need at least 4 patients, the dataset has 3"):
        open_study(folds_study, tmp_path / "study", dataset=few.folder)
    assert not (tmp_path / "study").exists()


def test_both_files_together_must_make_a_study(small_study: StudyConfig, tmp_path: Path) -> None:
    """Each alone is right; the study of both would have one value twice."""
    open_study(small_study.model_copy(update={"sweep": {"l2.strength": ("5e-3",)}}), tmp_path)
    before = (tmp_path / "study.toml").read_bytes()
    with pytest.raises(ConfigError, match="two values of the sweep are the same"):
        open_study(small_study, tmp_path)
    assert (tmp_path / "study.toml").read_bytes() == before
