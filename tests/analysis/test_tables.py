"""The paper's table as text: its numbers are those of the summary."""

from pathlib import Path

import pytest
from tests.toy import toy_study

from myosweep.analysis.scores import summary
from myosweep.analysis.tables import paper_table
from myosweep.results.read import read_results


def test_cells_are_the_summarys_means_and_spreads(tmp_path: Path) -> None:
    results = read_results(toy_study(tmp_path).folder)
    table = paper_table(results)
    assert table.columns == ("region", "value", "accuracy", "IoU", "Dice", "BF")
    rows = {(row[0], row[1]): row[2:] for row in table.rows}
    means = summary(results).set_index(["label", "region", "metric"])
    checked = 0
    for (region, value), cells in rows.items():
        if region == "all" or value == "no image":
            continue
        for metric, cell in zip(("accuracy", "iou", "dice", "bf"), cells, strict=True):
            expected = means.loc[(value, region, metric)]
            assert cell == f"{expected['mean']:.3f}±{expected['sd']:.3f}"
            checked += 1
    assert checked >= 2 * 3 * 4
    assert {region for region, value in rows if value == "no image"} == {
        *results.scheme.names,
        "all",
    }


def test_folds_have_one_row_without_images_per_region_and_say_what_differs(tmp_path: Path) -> None:
    folds = {"design": "folds", "repeats": 2, "folds": 2}
    results = read_results(toy_study(tmp_path, {(1e-3,): (1, 2, 1, 2)}, replicates=folds).folder)
    table = paper_table(results)
    assert [row[:2] for row in table.rows] == [
        (region, value)
        for region in (*results.scheme.names, "all")
        for value in ("0.001", "no image")
    ]
    assert "over 4 networks per value" in table.title
    assert any("their test patients (folds)" in note for note in table.notes)


@pytest.mark.parametrize("part", ["training", "validation"])
def test_other_parts_have_their_table(tmp_path: Path, part: str) -> None:
    table = paper_table(read_results(toy_study(tmp_path).folder), part)
    assert f"{part} part" in table.title
    assert table.rows
