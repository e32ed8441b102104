"""Reading a study back: what is whole, what is damaged, and the export of counts."""

from pathlib import Path

import pandas as pd
import pytest

from myosweep.errors import StudyError
from myosweep.files import read_json, write_json
from myosweep.results.export import describe_columns, write_counts_csv
from myosweep.results.layout import StudyFolder
from myosweep.results.read import read_masks, read_results
from tests.toy import Toy, toy_study


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return toy_study(tmp_path)


def network(toy: Toy):  # type: ignore[no-untyped-def]
    return next(run for run in StudyFolder(toy.folder).runs() if "baseline" not in run.id)


def test_counts_are_one_row_per_run_part_slice_and_region(toy: Toy) -> None:
    results = read_results(toy.folder)
    keys = ["run", "part", "slice", "region"]
    assert not results.counts.duplicated(keys).any()
    slices = results.counts["slice"].nunique()
    assert len(results.counts) == len(results.runs) * slices * len(results.scheme.names)


def test_an_unfinished_run_is_left_out(toy: Toy) -> None:
    run = network(toy)
    run.status.unlink()
    assert run.id not in set(read_results(toy.folder).runs["run"])


def test_a_failed_run_is_left_out(toy: Toy) -> None:
    run = network(toy)
    write_json(run.status, {**read_json(run.status), "status": "failed"})
    assert run.id not in set(read_results(toy.folder).runs["run"])


@pytest.mark.parametrize("name", ["settings.json", "status.json", "counts.parquet"])
def test_a_damaged_file_is_named(toy: Toy, name: str) -> None:
    run = network(toy)
    (run.path / name).write_bytes(b"{")
    with pytest.raises(StudyError, match=rf"runs/{run.id}/{name} is missing or damaged"):
        read_results(toy.folder)


def test_a_study_without_finished_runs_says_so(toy: Toy) -> None:
    for run in StudyFolder(toy.folder).runs():
        run.status.unlink()
    with pytest.raises(StudyError, match="has no finished run yet"):
        read_results(toy.folder)


def test_different_region_schemes_are_refused(toy: Toy) -> None:
    run = network(toy)
    content = read_json(run.settings)
    write_json(run.settings, {**content, "regions": {"rest": [0, 1], "myocardium": [2, 3]}})
    with pytest.raises(StudyError, match="different region schemes"):
        read_results(toy.folder)


def test_the_export_holds_every_count_with_its_swept_value(toy: Toy, tmp_path: Path) -> None:
    results = read_results(toy.folder)
    rows = write_counts_csv(results, tmp_path / "counts.csv")
    table = pd.read_csv(tmp_path / "counts.csv")
    assert rows == len(table) == len(results.counts)
    assert {name for name, _ in describe_columns(results)} == set(table.columns)
    one = results.networks.iloc[0]
    mine = table[table["run"] == one["run"]]
    assert set(mine["l2.strength"]) == {one["l2.strength"]}
    expected = results.counts[results.counts["run"] == one["run"]]
    assert mine["tp"].tolist() == expected["tp"].tolist()
    assert table.loc[table["kind"] == "baseline", "l2.strength"].isna().all()


def test_folds_stand_in_runs_and_in_the_export(tmp_path: Path) -> None:
    folds = {"design": "folds", "repeats": 2, "folds": 2}
    toy = toy_study(tmp_path, {(1e-3,): (1,) * 4}, replicates=folds)
    results = read_results(toy.folder)
    networks = results.networks.sort_values("seed")
    assert networks[["repeat", "fold"]].to_numpy().tolist() == [[1, 1], [1, 2], [2, 1], [2, 2]]
    assert networks["split_hash"].tolist() == [split.hash for split in toy.splits.values()]
    write_counts_csv(results, tmp_path / "counts.csv")
    table = pd.read_csv(tmp_path / "counts.csv", dtype=str)
    places = table.loc[table["kind"] == "trained", ["seed", "repeat", "fold"]].drop_duplicates()
    assert sorted(places.to_numpy().tolist()) == [
        ["0", "1", "1"], ["1", "1", "2"], ["2", "2", "1"], ["3", "2", "2"],
    ]  # fmt: skip
    assert table.loc[table["kind"] == "baseline", "fold"].isna().all()


@pytest.mark.parametrize("keep", [0, 300])
def test_damaged_masks_are_named(toy: Toy, keep: int) -> None:
    run = network(toy)
    run.masks.write_bytes(run.masks.read_bytes()[:keep])
    with pytest.raises(StudyError, match=r"masks.npz is missing or damaged"):
        read_masks(run)
