"""Scores against numbers worked out by hand on three drawn slices."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.toy import DIVERGED, toy_study

import myosweep
from myosweep.analysis.scores import (
    ALL,
    MAJORITY,
    NO_IMAGE,
    OVERALL_METRICS,
    REGION_METRICS,
    baseline_scores,
    network_scores,
    overall_scores,
    region_scores,
    summary,
    summary_records,
)
from myosweep.analysis.slices import tolerance_px
from myosweep.config import StudyConfig
from myosweep.errors import StudyError
from myosweep.metrics import count_slices, outline_lengths_px
from myosweep.regions import RegionScheme
from myosweep.results.layout import StudyFolder
from myosweep.results.read import Results, read_results
from myosweep.results.rows import count_rows

SCHEME = RegionScheme.parse(["myocardium=1", "background=0"])
EMPTY = "...... ...... ...... ...... ...... ......"
SQUARE = "...... .####. .####. .####. .####. ......"
SHIFTED = "...... ..#### ..#### ..#### ..#### ......"
REFERENCES = [SQUARE, EMPTY, SQUARE]


def drawn(pictures: list[str]) -> np.ndarray:
    """Region maps of the scheme: # is myocardium, region 0."""
    codes = [[[c == "#" for c in line] for line in picture.split()] for picture in pictures]
    return SCHEME.encode(np.array(codes).astype(np.uint8))


def results_of(networks: Mapping[tuple[float, int], list[str]], tolerance: float) -> Results:
    """Results of networks (value, seed) that predicted these pictures on the test part."""
    study = StudyConfig(
        name="drawn",
        dataset="nowhere",
        sweep={"l2.strength": list(dict.fromkeys(value for value, _ in networks))},
        scoring={"tolerance_px": tolerance},
    )
    keys = pd.DataFrame({"slice": ["a", "b", "c"], "patient": ["p", "p", "q"]})
    keys = keys.assign(site="", vendor="", level="", spacing_mm=np.nan, slice_spacing_mm=np.nan)
    runs, tables = [], []
    for (value, seed), pictures in networks.items():
        name = f"{value}-{seed}"
        counts = count_slices(drawn(REFERENCES), drawn(pictures), 2).columns()
        lengths = outline_lengths_px(drawn(REFERENCES), 2).reshape(-1)
        tables.append(count_rows("test", keys, SCHEME.names, lengths, counts).assign(run=name))
        runs.append({"run": name, "kind": "trained", "seed": seed, "l2.strength": value})
    counts = pd.concat(tables, ignore_index=True)
    categories = ("run", "part", "slice", "region", "patient")
    counts = counts.astype(dict.fromkeys(categories, "category"))
    folder = StudyFolder(Path("nowhere"))
    return Results(folder, study, SCHEME, ("l2.strength",), pd.DataFrame(runs), counts)


@pytest.fixture(scope="module")
def drawn_results() -> Results:
    """One network that moves the square, agrees on nothing, and misses the second square."""
    return results_of({(1e-3, 0): [SHIFTED, EMPTY, EMPTY]}, tolerance=0)


def test_region_scores_are_pooled_over_slices(drawn_results: Results) -> None:
    table = region_scores(drawn_results).set_index("region")
    # myocardium: 12 pixels found, 4 too much, 4 + 16 missed
    assert table.loc["myocardium", "accuracy"] == pytest.approx(12 / 32)
    assert table.loc["myocardium", "iou"] == pytest.approx(12 / 36)
    assert table.loc["myocardium", "dice"] == pytest.approx(24 / 48)
    # background: 16 + 36 + 20 found, 4 + 16 too much, 4 missed
    assert table.loc["background", "accuracy"] == pytest.approx(72 / 76)
    assert table.loc["background", "iou"] == pytest.approx(72 / 96)
    assert list(table.index) == ["myocardium", "background"]  # the scheme's order, not the alphabet


def test_bf_scores_say_over_how_many_slices(drawn_results: Results) -> None:
    table = region_scores(drawn_results).set_index("region")
    myocardium, background = table.loc["myocardium"], table.loc["background"]
    # on the first slice 6 of the 12 outline pixels coincide; MATLAB skips the missed square
    assert myocardium["bf"] == pytest.approx(0.5)
    assert myocardium[["slices", "bf_slices", "bf_strict_slices"]].tolist() == [3, 1, 2]
    assert myocardium["bf_strict"] == pytest.approx(0.5 / 2)
    assert background["bf"] == pytest.approx((0.8 + 1 + 1) / 3)


def test_a_tolerance_of_one_pixel_forgives_a_shift_by_one() -> None:
    table = region_scores(results_of({(1e-3, 0): [SHIFTED, EMPTY, SQUARE]}, tolerance=1))
    assert table.set_index("region").loc["myocardium", "bf"] == 1


def test_overall_scores(drawn_results: Results) -> None:
    row = overall_scores(drawn_results).iloc[0]
    assert row["global_accuracy"] == pytest.approx((12 + 72) / (3 * 36))
    assert row["mean_accuracy"] == pytest.approx((12 / 32 + 72 / 76) / 2)
    assert row["mean_iou"] == pytest.approx((12 / 36 + 72 / 96) / 2)
    assert row["weighted_iou"] == pytest.approx((32 * 12 / 36 + 76 * 72 / 96) / 108)
    assert row["mean_dice"] == pytest.approx((24 / 48 + 144 / 168) / 2)
    # slices first: (0.5 + 0.8) / 2, then 1, then 1 or, strictly, (0 + 1) / 2
    assert row["mean_bf"] == pytest.approx((0.65 + 1 + 1) / 3)
    assert row["mean_bf_strict"] == pytest.approx((0.65 + 1 + 0.5) / 3)


def test_summary_is_the_mean_over_networks_with_their_spread() -> None:
    networks = {
        (1e-3, 0): [SHIFTED, EMPTY, SQUARE],  # Dice of the myocardium 56 / 64
        (1e-3, 1): [SQUARE, EMPTY, SQUARE],  # 1
        (1e-4, 0): [SQUARE, EMPTY, EMPTY],  # 32 / 48
    }
    table = summary(results_of(networks, tolerance=0)).set_index(["label", "region", "metric"])
    two, one = (table.loc[(label, "myocardium", "dice")] for label in ("0.001", "0.0001"))
    assert two["mean"] == pytest.approx((56 / 64 + 1) / 2)
    assert two["sd"] == pytest.approx((1 - 56 / 64) / 2**0.5)
    assert (two["lowest"], two["highest"], two["networks"]) == (56 / 64, 1, 2)
    assert one["mean"] == pytest.approx(32 / 48)
    assert np.isnan(one["sd"])
    assert table.loc[("0.001", ALL, "global_accuracy"), "mean"] == pytest.approx(
        (100 / 108 + 1) / 2
    )


def test_summary_keeps_the_order_of_values_regions_and_metrics(drawn_results: Results) -> None:
    table = summary(drawn_results)
    assert list(dict.fromkeys(table["region"])) == ["myocardium", "background", ALL]
    of_region = table[table["region"] == "background"]["metric"]
    assert tuple(of_region) == REGION_METRICS
    assert tuple(table[table["region"] == ALL]["metric"]) == OVERALL_METRICS


def test_summary_records_hold_none_where_a_score_is_undefined() -> None:
    records = summary_records(results_of({(1e-3, 0): [EMPTY, EMPTY, EMPTY]}, tolerance=0))
    cell = next(r for r in records if (r["region"], r["metric"]) == ("myocardium", "bf"))
    assert cell == {
        "l2.strength": 1e-3,
        "point": 0,
        "label": "0.001",
        "region": "myocardium",
        "metric": "bf",
        "mean": None,
        "sd": None,
        "lowest": None,
        "highest": None,
        "networks": 1,
        "defined": 0,
    }


def test_a_part_without_rows_gives_no_scores(drawn_results: Results) -> None:
    assert region_scores(drawn_results, "training").empty
    assert overall_scores(drawn_results, "training").empty
    assert summary(drawn_results, "training").empty
    assert summary_records(drawn_results, "training") == []


def test_a_diverged_network_is_scored_as_it_predicts(tmp_path: Path) -> None:
    results = read_results(toy_study(tmp_path, {(1e-3,): (DIVERGED,)}).folder)
    table = region_scores(results).set_index("region")
    assert table["accuracy"].tolist() == [0, 0, 0]
    assert table["bf"].isna().all()
    assert table["bf_strict"].tolist() == [0, 0, 0]


def test_baselines_are_kept_apart(tmp_path: Path) -> None:
    results = read_results(toy_study(tmp_path).folder)
    assert not network_scores(results)["run"].str.startswith("baseline").any()
    floor = baseline_scores(results).set_index(["baseline", "region", "metric"])["score"]
    assert floor["majority class", "background", "accuracy"] == 1
    assert floor["majority class", "myocardium", "dice"] == 0
    assert 0 < floor["no-image predictor", "myocardium", "dice"] < 1


def test_baselines_of_folds_are_averaged_over_the_splits(tmp_path: Path) -> None:
    folds = {"design": "folds", "repeats": 2, "folds": 2}
    results = read_results(toy_study(tmp_path, {(1e-3,): (1,) * 4}, replicates=folds).folder)
    floor = baseline_scores(results)
    assert not floor.duplicated(["baseline", "region", "metric"]).any()
    runs = results.runs[results.runs["label"] == NO_IMAGE]["run"]
    assert len(runs) == 4
    counts = results.counts
    asked = (counts["part"] == "test") & (counts["region"] == "myocardium")
    pixels = counts[asked & counts["run"].isin(runs)].groupby("run", observed=True)
    sums = pixels[["tp", "fp", "fn"]].sum()
    by_split = 2 * sums["tp"] / (2 * sums["tp"] + sums["fp"] + sums["fn"])
    assert by_split.nunique() > 1
    found = floor.set_index(["baseline", "region", "metric"])["score"]
    assert found[NO_IMAGE, "myocardium", "dice"] == pytest.approx(by_split.mean())


def test_the_default_tolerance_comes_from_the_image_size(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, {(1e-3,): (1,)})
    assert tolerance_px(read_results(toy.folder)) == pytest.approx(0.0075 * 32 * 2**0.5)
    for run in toy.home.runs():
        run.masks.unlink()
    with pytest.raises(StudyError, match=r"set scoring\.tolerance_px"):
        region_scores(read_results(toy.folder))


def test_baseline_names_are_those_that_the_study_writes() -> None:
    """Read from the source, because importing ``study`` loads torch."""
    source = Path(myosweep.__file__).parent / "study" / "baselines.py"
    assert f'NO_IMAGE = "{NO_IMAGE}"' in source.read_text("utf-8")
    assert f'MAJORITY = "{MAJORITY}"' in source.read_text("utf-8")
