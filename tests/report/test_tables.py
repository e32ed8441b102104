"""Tables and sentences of the report, without drawing anything."""

from pathlib import Path

from tests.toy import toy_study

from myosweep.analysis.scores import summary
from myosweep.config import RunSettings, flatten
from myosweep.report import tables, words
from myosweep.results.read import Results, read_results


def table_of(tmp_path: Path, values: int) -> tuple[Results, tables.Table]:
    shifts = {(number / 1000,): (number % 3, 1) for number in range(values)}
    results = read_results(toy_study(tmp_path, shifts, patients=5).folder)
    return results, tables.scores_table(results)


def test_few_values_stand_in_columns(tmp_path: Path) -> None:
    results, table = table_of(tmp_path, 2)
    assert [heading.text for heading in table.head[1]] == [
        "Score", "0", "0.001", "no-image predictor", "majority class",
    ]  # fmt: skip
    assert [section.title for section in table.sections] == [
        "Background (region 1)", "Blood pool (region 2)", "Myocardium (region 3)", "All regions",
    ]  # fmt: skip
    marked = [row for section in table.sections for row in section.rows if row.marked]
    assert [row.head for row in marked] == ["Dice"]
    scores = summary(results).set_index(["label", "region", "metric"])
    cell = scores.loc[("0", "myocardium", "dice")]
    assert marked[0].cells[0] == f"{cell['mean']:.3f} ± {cell['sd']:.3f}"


def test_many_values_stand_in_rows_with_the_same_scores(tmp_path: Path) -> None:
    values = tables.MOST_COLUMNS + 1
    results, table = table_of(tmp_path, values)
    scores = summary(results).set_index(["label", "region", "metric"])["mean"]
    names = [heading.text for heading in table.head[0]]
    assert names[:4] == ["L2 strength", "Accuracy", "IoU", "Dice"]
    for section, region in zip(table.sections, [*results.scheme.names, "all"], strict=True):
        assert len(section.rows) == values + 2
        metric = "mean_dice" if region == "all" else "dice"
        dice = [row.cells[2][:5] for row in section.rows[:values]]
        labels = [row.head for row in section.rows[:values]]
        assert dice == [f"{scores[label, region, metric]:.3f}" for label in labels]
        assert {len(row.cells) for row in section.rows} == {len(names) - 1}
    assert [section.marked for section in table.sections] == [False, False, True, False]


def test_every_setting_is_listed_with_its_meaning(tmp_path: Path) -> None:
    settings = {"first_filters": 4}
    toy = toy_study(tmp_path, {(1e-3,): (1,), (0.0,): (1,)}, patients=5, settings=settings)
    rows = {row.head: row.cells for row in tables.settings_table(
        read_results(toy.folder)).sections[0].rows}  # fmt: skip
    assert len(rows) == len(flatten(RunSettings().model_dump()))
    assert rows["L2 strength"][:3] == ("0.001, 0", "swept", "0.0001")
    assert rows["First filters"][:3] == ("4", "this study", "64")
    assert rows["Normalisation"][:3] == ("z-score", "preset default", "zero-centre")
    assert rows["Depth"][1] == "MATLAB"
    assert all(cells[3] for cells in rows.values())


def test_runs_are_listed_with_what_they_took(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, {(1e-3,): (1,)}, patients=5)
    toy.add_network({"l2.strength": 1e-3}, 4, 2, seconds=90.0, largest_l2_ratio=None)
    first, second = tables.runs_table(read_results(toy.folder)).sections[0].rows
    assert first.head == "run-0p001-0"
    assert second.cells[:5] == ("0.001", "4", "complete", "3", "1.5")
    assert second.cells[6] == tables.NONE


def test_sentences_count_networks_values_and_patients(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, {(1e-3,): (1, 1), (0.0,): (1,)}, patients=5)
    networks, patients = words.what_was_done(read_results(toy.folder))
    assert networks == (
        "3 networks (U-Net) learned to outline background, blood pool and myocardium in LGE-MRI "
        "slices: 1 to 2 for each of 2 values of L2 strength (0.001, 0)."
    )
    assert patients == (
        "They learned from 6 slices of 3 patients; 2 slices of 1 patient served to follow their "
        "training (validation). The test scores come from 2 slices of 1 patient that no network "
        "has seen."
    )


def test_sentences_use_names(tmp_path: Path) -> None:
    names = {"dropout": {"title": "remedy", "levels": ["none", "dropout"]}}
    shifts = {(0.0, 1e-3): (1,), (0.5, 1e-3): (0,)}
    fields = ("dropout", "l2.strength")
    toy = toy_study(tmp_path, shifts, fields=fields, patients=5, names=names)
    results = read_results(toy.folder)
    assert words.title(results) == "Remedy and L2 strength and the segmentation of the myocardium"
    assert words.what_was_done(results)[0].endswith(
        "1 for each of 2 combinations of remedy (none, dropout) and L2 strength (0.001)."
    )
