"""What is asked: the study's question by default, anything else only as exploratory."""

from pathlib import Path
from typing import Any

import pytest
from tests.toy import toy_study

from myosweep.analysis.question import Asked, ask
from myosweep.analysis.scores import ALL
from myosweep.errors import StudyError
from myosweep.results.read import Results, read_results

FOUR = {(5e-3,): (2,), (1e-4,): (1,), (5e-5,): (0,), (0.0,): (1,)}


def study(folder: Path, shifts: dict[Any, Any] = FOUR, **config: Any) -> Results:
    return read_results(toy_study(folder, shifts, **config).folder)


def test_the_presets_value_is_the_reference(tmp_path: Path) -> None:
    asked = ask(study(tmp_path))
    assert asked == Asked("myocardium", "dice", "reference", "0.0001", "0.0001", None, True)


def test_without_the_presets_value_all_pairs_are_compared(tmp_path: Path) -> None:
    asked = ask(study(tmp_path, {(5e-3,): (2,), (5e-5,): (0,)}))
    assert (asked.family, asked.reference, asked.default) == ("pairs", None, None)


def test_the_studys_own_choices(tmp_path: Path) -> None:
    question = {"metric": "bf", "reference": 5e-5, "margin": 0.03, "family": "best"}
    asked = ask(study(tmp_path, question=question))
    assert asked == Asked("myocardium", "bf_strict", "best", None, "0.0001", 0.03, True)
    named = ask(study(tmp_path / "b", question={"reference": 5e-5}))
    assert (named.family, named.reference, named.primary) == ("reference", "0.00005", True)


@pytest.mark.parametrize(
    ("options", "primary"),
    [
        ({}, True),
        ({"region": "myocardium", "metric": "dice"}, True),
        ({"reference": "1e-4"}, True),
        ({"reference": "0.005"}, False),
        ({"region": "blood pool"}, False),
        ({"metric": "iou"}, False),
        ({"margin": 0.01}, False),
        ({"region": ALL, "metric": "mean_dice"}, False),
    ],
)
def test_any_other_question_is_exploratory(
    tmp_path: Path, options: dict[str, Any], primary: bool
) -> None:
    assert ask(study(tmp_path), **options).primary is primary


@pytest.mark.parametrize("name", ["0", "0.0", "0.00005", "5e-5", "5e-05"])
def test_a_value_may_be_written_in_many_ways(tmp_path: Path, name: str) -> None:
    assert ask(study(tmp_path), reference=name).reference in ("0", "0.00005")


def test_points_of_two_fields_are_named_with_a_comma(tmp_path: Path) -> None:
    shifts = {(5e-3, 4): (2,), (5e-3, 3): (2,), (1e-4, 4): (1,), (1e-4, 3): (0,)}
    results = study(tmp_path, shifts, fields=("l2.strength", "depth"))
    assert ask(results).reference == "0.0001, 4"  # depth 4 is the preset's
    assert ask(results, reference="0.005,3").reference == "0.005, 3"


def test_every_problem_at_once(tmp_path: Path) -> None:
    results = study(tmp_path)
    with pytest.raises(StudyError) as caught:
        ask(results, region="septum", margin=2.0, reference="7")
    assert len(caught.value.problems) == 3
    assert "the tested values are 0.005, 0.0001, 0.00005, 0" in str(caught.value)
    with pytest.raises(StudyError, match="'myocardium' is 'mean_dice', it is one of accuracy"):
        ask(results, metric="mean_dice")
