"""The conclusion of a whole study: its parts fit together, and every degenerate study gets one."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.toy import DIVERGED, toy_study

from myosweep.analysis.conclude import Conclusion, conclude
from myosweep.config import LevelNames, write_study_config
from myosweep.errors import StudyError
from myosweep.report.conclusion.text import conclusion_blocks, conclusion_json
from myosweep.results.ledger import Look
from myosweep.results.read import Results, read_results

CLEAR = {(5e-3,): (6, 7, 6), (1e-4,): (0, 1, 0), (5e-5,): (1, 0, 1)}


def concluded(folder: Path, shifts: dict[Any, Any], **config: Any) -> tuple[Conclusion, Results]:
    results = read_results(toy_study(folder, shifts, patients=20, **config).folder)
    return conclude(results), results


def text(found: Conclusion, results: Results) -> str:
    blocks = conclusion_blocks(found, results)
    return "\n".join(" ".join((b.title, *b.sentences, *sum(b.rows, ()))) for b in blocks)


def test_a_clear_study(tmp_path: Path) -> None:
    found, results = concluded(tmp_path, CLEAR)
    assert (found.asked.family, found.asked.reference) == ("reference", "0.0001")
    assert not found.exploratory
    worse = found.shown.comparison("0.005", "0.0001")
    assert worse is not None
    assert worse.verdict == "worse"
    assert "0.005" not in found.shown.may_be_best
    assert worse.shift_px is not None
    assert worse.shift_px < -0.25
    assert found.margin_by_default
    assert found.look == Look(3, ("0.005", "0.0001", "0.00005"), found.shown.level)
    assert found.shown.level == pytest.approx(0.05)
    assert len(found.others) == 3 * 4 + 4 - 1
    assert {name for name, _ in found.baselines} == {"majority class", "no-image predictor"}
    said = text(found, results)
    assert "L2 strength 0.005 is worse than 0.0001" in said
    assert "conditional on that one split" in said
    assert "split by patient (hash " in said


def test_json_holds_everything_and_no_nan(tmp_path: Path) -> None:
    found, results = concluded(tmp_path, CLEAR)
    content = json.loads(json.dumps(conclusion_json(found, results), allow_nan=False))
    assert content["study"] == "toy"
    assert content["shown"]["comparisons"][0]["verdict"] == "worse"
    assert content["recommendation"]["default"] == "0.0001"
    assert content["methods"].startswith("We compared 3 values of L2 strength")
    assert len(content["claims"]) == 8


def test_the_same_look_again_costs_nothing_and_a_later_one_less(tmp_path: Path) -> None:
    toy = toy_study(tmp_path, CLEAR, patients=20, replicates={"seeds": 3, "max_replicates": 4})
    first = conclude(read_results(toy.folder))
    assert first.look is not None
    assert first.look.spent == pytest.approx(0.05 * (3 / 4) ** 3)
    again = conclude(read_results(toy.folder), looks=first.looks)
    assert (again.look, again.looks) == (first.look, first.looks)
    names = {"l2.strength": LevelNames(levels=tuple("abcdef"[: len(CLEAR)]))}
    write_study_config(toy.config.model_copy(update={"names": names}), toy.home.study)
    named = conclude(read_results(toy.folder), looks=first.looks)
    assert named.look == first.look
    assert named.shown.values[0].value == "a"
    for (strength,), shifts in CLEAR.items():
        toy.add_network({"l2.strength": strength}, 3, shifts[0])
    later = conclude(read_results(toy.folder), looks=first.looks)
    assert later.look is not None
    assert later.look.spent == pytest.approx(0.05 - first.look.spent)
    for (strength,), shifts in CLEAR.items():
        toy.add_network({"l2.strength": strength}, 4, shifts[0])
    beyond = conclude(read_results(toy.folder), looks=later.looks)
    assert beyond.look is None
    assert beyond.exploratory
    assert "so this result is exploratory" in beyond.methods


def test_another_question_is_exploratory_and_no_look(tmp_path: Path) -> None:
    results = read_results(toy_study(tmp_path, CLEAR, patients=20).folder)
    found = conclude(results, region="blood pool", metric="bf", reference="5e-5", margin=0.05)
    assert found.exploratory
    assert found.look is None
    assert (found.asked.metric, found.asked.reference) == ("bf_strict", "0.00005")
    assert found.shown.margin == 0.05
    over_all = conclude(results, region="all", metric="mean_iou")
    assert over_all.shown.margin < conclude(results, metric="iou").shown.margin
    assert "Exploratory" in text(over_all, results)


DEGENERATE: dict[str, tuple[dict[Any, Any], str]] = {
    "one network": ({(5e-3,): (6,), (1e-4,): (0,)}, "for these very networks only"),
    "one value": ({(1e-4,): (0, 1)}, "only one value was tested"),
    "identical": ({(5e-3,): (1, 1), (1e-4,): (1, 1)}, "practically equivalent"),
    "a missing network": ({(5e-3,): (6, 6, 6), (1e-4,): (0, 1)}, "Preliminary."),
    "a diverged network": ({(5e-3,): (DIVERGED, 6), (1e-4,): (0, 1)}, "1 of 2 networks collapsed"),
    "all diverged": ({(5e-3,): (DIVERGED, DIVERGED), (1e-4,): (0, 1)}, "2 of 2 networks collapsed"),
    "nothing learned": (
        {(5e-3,): (DIVERGED, DIVERGED), (1e-4,): (DIVERGED, DIVERGED)},
        "Not known, because nothing was learned.",
    ),
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_studies_are_concluded_too(tmp_path: Path, name: str) -> None:
    shifts, wanted = DEGENERATE[name]
    found, results = concluded(tmp_path, shifts)
    assert wanted in text(found, results)
    json.dumps(conclusion_json(found, results), allow_nan=False)


def test_folds_give_the_cautious_interval_too(tmp_path: Path) -> None:
    replicates = {"design": "folds", "repeats": 2, "folds": 4}
    shifts = {(5e-3,): (6, 7, 6, 7, 6, 7, 6, 6), (1e-4,): (0, 1, 0, 1, 0, 1, 0, 0)}
    found, results = concluded(tmp_path, shifts, replicates=replicates)
    look = found.shown.second_looks[0]
    assert look.cautious is not None
    assert found.shown.patients == 20
    assert "divided into 4 folds, 2 times anew" in text(found, results)


def test_two_fields_are_crossed(tmp_path: Path) -> None:
    shifts = {(5e-3, 4): (6, 6), (5e-3, 3): (1, 1), (1e-4, 4): (1, 0), (1e-4, 3): (0, 1)}
    found, results = concluded(tmp_path, shifts, fields=("l2.strength", "depth"))
    assert found.interaction is not None
    assert found.interaction.base == ("0.0001", "4")
    assert len(found.interaction.comparisons) == 1
    assert "effect of L2 strength depends on depth" in text(found, results)


def test_a_study_without_the_asked_region_says_so(tmp_path: Path) -> None:
    results = read_results(toy_study(tmp_path, CLEAR).folder)
    with pytest.raises(StudyError, match="the region is 'septum', the regions are background"):
        conclude(results, region="septum")
