"""The report of a study with folds: networks are shown on slices that they were tested on."""

from pathlib import Path

import numpy as np
import pytest
from tests.report.test_page import Checked
from tests.toy import Toy, toy_study

from myosweep.report import tables, words
from myosweep.report.figures.masks import draw_masks, masks_figure
from myosweep.report.page import build_page, render
from myosweep.report.pictures import choose_slices, read_pictures
from myosweep.results.read import Results, read_results

FOLDS = {"design": "folds", "repeats": 2, "folds": 2}
SHIFTS = {(5e-3,): (3, 2, 4, 2), (5e-4,): (1, 2, 1, 1), (5e-5,): (0, 1, 0, 1)}


def folds_study(folder: Path, shifts: dict[tuple[float], tuple[int, ...]] = SHIFTS) -> Toy:
    return toy_study(folder, shifts, replicates=FOLDS)


def without(toy: Toy, *runs: str) -> Results:
    """The study before these runs were finished."""
    for run in runs:
        toy.home.run(run).status.unlink()
    return read_results(toy.folder)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    return folds_study(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def results(toy: Toy) -> Results:
    return read_results(toy.folder)


@pytest.fixture(scope="module")
def text(results: Results) -> str:
    return render(build_page(results))


def runs_on(results: Results, key: str) -> set[str]:
    counts = results.counts
    return set(counts.loc[(counts["part"] == "test") & (counts["slice"] == key), "run"])


def test_every_network_shown_was_tested_on_the_slice_in_the_same_fold(
    toy: Toy, results: Results
) -> None:
    keys = (toy.splits["repeat-1-fold-1"].test[0], toy.splits["repeat-1-fold-2"].test[0])
    places = results.runs.set_index("run")[["seed", "repeat", "fold"]]
    for wanted in ((), keys):
        record = masks_figure(results, read_pictures(results), wanted)
        assert record is not None
        for block in record.blocks:
            runs = [row.run for row in block.rows]
            assert len(runs) == 3
            assert set(runs) <= runs_on(results, block.key)
            ((seed, repeat, fold),) = {tuple(places.loc[run]) for run in runs}
            assert block.networks == f"seed {seed}, repeat {repeat}, fold {fold}"
    assert record.networks == (
        f"slice {keys[0]}: seed 0, repeat 1, fold 1; slice {keys[1]}: seed 1, repeat 1, fold 2"
    )
    draw_masks(record)


def test_pixels_are_those_of_the_tables(results: Results) -> None:
    record = masks_figure(results, read_pictures(results))
    assert record is not None
    counts = results.counts.set_index(["run", "part", "slice", "region"])
    for block in record.blocks:
        for row in block.rows:
            counted = counts.loc[(row.run, "test", block.key, "myocardium")]
            assert (row.too_much_px, row.missed_px) == (counted["fp"], counted["fn"])


def test_slices_are_picked_by_the_disagreement_of_networks_tested_on_them(
    toy: Toy, results: Results
) -> None:
    pictures = read_pictures(results)
    disagreement = {}
    for seed, fold in enumerate(("repeat-1-fold-1", "repeat-1-fold-2")):
        for key in toy.splits[fold].test:
            reference = pictures.reference(key, results)
            answers = []
            for shifts in SHIFTS.values():
                moved = np.zeros_like(reference)
                moved[:, shifts[seed] :] = reference[:, : reference.shape[1] - shifts[seed]]
                answers.append(moved == 2)
            differing = np.any(answers, 0) & ~np.all(answers, 0)
            disagreement[key] = int(differing.sum())
    assert len(disagreement) == len(toy.data)
    ranked = sorted(disagreement, key=lambda key: (disagreement[key], key))
    picked = choose_slices(results, pictures)
    assert picked == (ranked[(len(ranked) - 1) // 2], ranked[-1])


def test_the_first_fold_that_all_values_have_is_shown(tmp_path: Path) -> None:
    toy = folds_study(tmp_path)
    results = without(toy, "run-0p0005-0")  # repeat 1, fold 1
    again = set(toy.splits["repeat-1-fold-1"].test) & set(toy.splits["repeat-2-fold-2"].test)
    record = masks_figure(results, read_pictures(results), [min(again)])
    assert record is not None
    assert record.networks == "seed 3, repeat 2, fold 2"
    assert len(record.blocks[0].rows) == 3


def test_slices_that_every_value_was_tested_on_are_picked_first(tmp_path: Path) -> None:
    toy = folds_study(tmp_path)
    second = [f"run-{value}-{seed}" for value in ("0p0005", "5e-05") for seed in (1, 2, 3)]
    results = without(toy, *second)
    pictures = read_pictures(results)
    assert set(choose_slices(results, pictures)) <= set(toy.splits["repeat-1-fold-1"].test)
    key = toy.splits["repeat-1-fold-2"].test[0]
    record = masks_figure(results, pictures, [key])
    assert record is not None
    (block,) = record.blocks
    assert [row.point.label for row in block.rows] == ["0.005"]
    assert [point.label for point in record.points] == ["0.005", "0.0005", "0.00005"]
    assert "no network yet" in draw_masks(record).svg


def test_values_with_no_fold_in_common_are_never_mixed_on_a_slice(tmp_path: Path) -> None:
    toy = folds_study(tmp_path, {(5e-3,): (3, 2), (5e-4,): (1, 1)})
    results = without(toy, "run-0p005-0", "run-0p0005-1")
    record = masks_figure(results, read_pictures(results))
    assert record is not None
    assert [len(block.rows) for block in record.blocks] == [1, 1]
    draw_masks(record)


def test_the_page_is_whole(text: str) -> None:
    page = Checked(text)
    assert (page.open, page.wrong) == ([], [])
    assert len(page.pictures) == 7
    assert "Fold, repeat</dt>" in text
    assert "one network that was tested on the slice (" in text
    assert "mean over folds" in text


def test_what_was_done_is_said(results: Results) -> None:
    networks, patients = words.what_was_done(results)
    assert "12 networks (U-Net)" in networks
    assert ": 4 for each of 3 values" in networks
    assert patients == (
        "10 patients (20 slices) were divided into 2 folds, 2 times anew. Each fold (5 patients) "
        "tests one network per value, which learned from 4 of the other patients while 1 served to "
        "follow its training (validation). Each patient is tested 2 times per value, always by "
        "networks that have not seen him or her."
    )


def test_an_unfinished_study_promises_no_more_than_it_has(tmp_path: Path) -> None:
    results = without(folds_study(tmp_path), "run-0p0005-0")
    patients = words.what_was_done(results)[1]
    assert "When all networks are finished, each patient is tested 2 times per value" in patients


def test_sizes_that_differ_are_given_as_a_range(tmp_path: Path) -> None:
    folds = {"design": "folds", "repeats": 1, "folds": 3}
    toy = toy_study(tmp_path, {(1e-3,): (1, 1, 1)}, replicates=folds)
    patients = words.what_was_done(read_results(toy.folder))[1]
    assert "were divided into 3 folds. Each fold (3 to 4 patients) tests" in patients
    assert "Each patient is tested once per value" in patients


def test_facts_and_background_speak_of_folds(results: Results) -> None:
    facts = {fact.term: fact.text for fact in words.facts(results)}
    assert facts["Split"] == (
        "by patient, 2 folds, 2 times anew; 25\u00a0% of the patients not tested validate, seed 0"
    )
    said = " ".join(words.background(results))
    assert "same test slices" not in said
    assert "only in their seed" not in said
    assert "In every fold the networks of all values learned from the same patients" in said


def test_versions_name_all_splits_at_once(toy: Toy, results: Results, tmp_path: Path) -> None:
    facts = {fact.term: fact.text for fact in words.versions(results)}
    together = facts["Fingerprint of the 4 splits together"]
    assert len(together) == 16
    other = toy_study(tmp_path, {(1e-3,): (1,) * 4}, replicates=FOLDS, split={"seed": 1})
    others = {fact.term: fact.text for fact in words.versions(read_results(other.folder))}
    assert others["Fingerprint of the 4 splits together"] != together


def test_runs_are_listed_with_their_repeats_and_folds(results: Results) -> None:
    table = tables.runs_table(results)
    assert [heading.text for heading in table.head[0]][:5] == [
        "Run", "L2 strength", "Seed", "Repeat", "Fold",
    ]  # fmt: skip
    rows = table.sections[0].rows
    assert [row.cells[1:4] for row in rows[:4]] == [
        ("0", "1", "1"), ("1", "1", "2"), ("2", "2", "1"), ("3", "2", "2"),
    ]  # fmt: skip
