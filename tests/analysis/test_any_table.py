"""Tables of anybody's scores: what is read, what is refused, what is judged."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from myosweep.analysis.any_table import ASSUMED_MARGIN, AnyTable, judge_table, read_any_table
from myosweep.errors import InputError

SMALL = """l2,seed,patient,dice
0.005,0,P1,0.60
0.005,0,P10,0.62
0.005,0,P2,0.61
0,0,P1,0.80
0,0,P10,0.81
0,0,P2,0.82
1e-4,0,P1,0.85
1e-4,0,P10,0.86
1e-4,0,P2,0.87
"""


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def written(text: str | bytes, name: str = "t.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return written


def read(path: Path, **more: Any) -> AnyTable:
    return read_any_table(path, "l2", "dice", **{"seed": "seed", "patient": "patient", **more})


def problems(path: Path, *columns: Any, **more: Any) -> str:
    with pytest.raises(InputError) as error:
        read_any_table(path, *(columns or ("l2", "dice", "seed", "patient")), **more)
    return str(error.value)


def grid(values: Sequence[Any], seeds: int, patients: int, score: Any) -> str:
    """A table of ``score(v, n, p)``, with names of networks alike for all values."""
    rows = [
        f"{value},{n},P{p},{score(v, n, p)}"
        for v, value in enumerate(values)
        for n in range(seeds)
        for p in range(patients)
    ]
    return "\n".join(["l2,seed,patient,dice", *rows])


def test_values_go_by_size_and_patients_naturally(write: Any) -> None:
    found = read(write(SMALL))
    assert found.scores.values == ("0", "0.0001", "0.005")
    assert found.scores.patients == ("P1", "P2", "P10")
    assert found.scores.networks == ("0",)
    np.testing.assert_array_equal(found.scores.scores[2, 0], [0.60, 0.61, 0.62])
    assert found.notes == ()
    assert found.score_words == "dice"


def as_tabs(text: str) -> bytes:
    return text.replace(",", "\t").encode()


def as_german(text: str) -> bytes:
    return text.replace(",", ";").replace("0.", "0,").encode()


READINGS = {
    "tabs": as_tabs(SMALL),
    "semicolons": SMALL.replace(",", ";").encode(),
    "decimal comma": as_german(SMALL),
    "utf-8 with mark": b"\xef\xbb\xbf" + SMALL.encode(),
    "utf-16": SMALL.replace(",", "\t").encode("utf-16"),
    "windows": SMALL.replace("P10", "Müller").encode("cp1252"),
    "carriage returns": SMALL.replace("\n", "\r\n").encode(),
    "quotes": SMALL.replace("P10", '"P10, second"').encode(),
    "spaces and empty lines": SMALL.replace(",", ", ").replace("\n", "\n\n,,,\n").encode(),
    "empty last column": SMALL.replace("\n", ",\n").encode(),
}


@pytest.mark.parametrize("kind", READINGS)
def test_every_kind_of_text_table(write: Any, kind: str) -> None:
    found = read(write(READINGS[kind]))
    assert found.scores.values == ("0", "0.0001", "0.005")
    assert sorted(found.scores.scores[0, 0]) == [0.80, 0.81, 0.82]
    assert len(found.notes) == (kind == "decimal comma")


def test_a_comma_in_names_does_not_decide_the_separator(write: Any) -> None:
    text = "l2;dice, mean, of, all;seed\n0;0.5;1\n1;0.6;1\n"
    found = read_any_table(write(text), "l2", "dice, mean, of, all", "seed")
    assert found.scores.values == ("0", "1")


def test_values_may_be_names(write: Any) -> None:
    found = read(write("l2,seed,patient,dice\nsmall,0,a,.5\nlarge,0,a,.6\n10,0,a,.4\n2,0,a,.4\n"))
    assert found.scores.values == ("2", "10", "small", "large")


def test_one_number_written_in_two_ways_is_one_value(write: Any) -> None:
    found = read(write("l2,seed,patient,dice\n1e-4,0,a,.5\n0.0001,1,a,.6\n0.10,0,a,.4\n.1,1,a,.4"))
    assert found.scores.values == ("0.0001", "0.1")
    assert not np.isnan(found.scores.scores).any()


def test_without_seeds_or_patients_one_stands_for_all(write: Any) -> None:
    path = write("l2,dice,who\n0,0.5,a\n1,0.6,a\n")
    bare = read_any_table(path, "l2", "dice").scores
    assert bare.scores.shape == (2, 1, 1)
    assert (bare.networks_known, bare.patients_known) == (False, False)
    known = read_any_table(path, "l2", "dice", patient="who").scores
    assert (known.networks_known, known.patients_known) == (False, True)


@pytest.mark.parametrize("empty", ["", "NA", "nan", "None", "-", "n/a", "NULL"])
def test_missing_scores_are_nan(write: Any, empty: str) -> None:
    scores = read(write(SMALL.replace("0.81", empty))).scores.scores
    assert int(np.isnan(scores).sum()) == 1
    assert math.isnan(scores[0, 0, 2])


def test_missing_rows_are_nan(write: Any) -> None:
    scores = read(write(SMALL.replace("0,0,P2,0.82\n", ""))).scores.scores
    assert int(np.isnan(scores).sum()) == 1


def test_rows_can_be_chosen(write: Any) -> None:
    text = "l2,region,dice\n0,myo,.5\n0,pool,.6\n1,myo,.7\n1,pool,.8\n"
    found = read_any_table(write(text), "l2", "dice", where=[("region", "myo")])
    assert found.scores.scores.ravel().tolist() == [0.5, 0.7]
    assert found.score_words == "dice (region = myo)"
    by_number = read_any_table(
        write("l2,mm,dice\n0,1.0,.5\n1,1.00,.7\n1,2,.8\n"), "l2", "dice", where=[("mm", "1")]
    )
    assert by_number.scores.scores.ravel().tolist() == [0.5, 0.7]


# seeds ----------------------------------------------------------------------------------------


def test_shared_seeds_are_paired_by_name(write: Any) -> None:
    text = "l2,seed,dice\n0,a,.5\n0,b,.6\n1,b,.7\n1,c,.8\n"
    found = read_any_table(write(text), "l2", "dice", "seed")
    assert found.scores.networks == ("a", "b", "c")
    assert found.scores.network_count == 1
    assert found.notes == ()


def test_seeds_that_are_never_shared_are_paired_in_order(write: Any) -> None:
    text = "l2,seed,dice\n0,s10,.6\n0,s9,.5\n1,t1,.7\n1,t2,.8\n1,t3,.9\n"
    found = read_any_table(write(text), "l2", "dice", "seed")
    assert found.scores.networks == ("network 1", "network 2", "network 3")
    np.testing.assert_array_equal(found.scores.scores[0, :, 0], [0.5, 0.6, np.nan])
    assert "No seed of 0 and 1 also serves another value" in found.notes[0]


def test_a_value_with_seeds_of_its_own_joins_the_others(write: Any) -> None:
    text = "l2,seed,dice\n0,a,.5\n0,b,.6\n1,a,.7\n1,b,.8\n2,x,.1\n2,y,.2\n2,z,.3\n"
    found = read_any_table(write(text), "l2", "dice", "seed")
    assert found.scores.networks == ("a", "b", "network 3")
    np.testing.assert_array_equal(found.scores.scores[2, :, 0], [0.1, 0.2, 0.3])
    np.testing.assert_array_equal(found.scores.scores[1, :2, 0], [0.7, 0.8])
    assert found.notes[0].startswith("No seed of 2 also")


# errors ---------------------------------------------------------------------------------------


def test_a_missing_or_strange_file(write: Any, tmp_path: Path) -> None:
    assert problems(tmp_path / "no.csv") == "there is no table 'no.csv'; check the path"
    assert "is a folder" in problems(tmp_path)
    assert "save it as CSV" in problems(write(b"PK\x03\x04\0\0\0"))
    assert "is empty" in problems(write("\n\n"))
    assert "there are no rows below" in problems(write("l2,seed,patient,dice\n"))


def test_missing_columns_are_all_named_with_the_nearest(write: Any) -> None:
    text = problems(write(SMALL), "L2 strength", "Dice", "seeds", where=[("region", "x")])
    assert "there is no column 'Dice'; did you mean 'dice'?" in text
    assert "there is no column 'seeds'; did you mean 'seed'?" in text
    assert "there is no column 'L2 strength'; " in text
    assert "no column 'region'; the columns are l2, seed, patient, dice" in text
    assert "(4 problems)" in text


def test_a_column_with_two_roles_or_two_columns_of_a_name(write: Any) -> None:
    assert "value and score are both column 'l2'" in problems(write(SMALL), "l2", "l2")
    twice = write("l2,dice,dice\n0,1,2\n")
    assert "column 'dice' is there 2 times" in problems(twice, "l2", "dice")


def test_rows_of_another_length(write: Any) -> None:
    text = problems(write(SMALL + "0,1,P1\n0,2,P1,0.5,7\n"))
    assert "every row has 4 cells, as the first line has, but not lines 11, 12" in text


def test_scores_that_are_no_numbers_are_counted(write: Any) -> None:
    text = SMALL.replace("0.60", "bad").replace("0.62", "inf").replace("0.61", "1_0")
    text = problems(write(text.replace("0.80", "80 %")))
    assert "column 'dice' has 'bad', 'inf', '1_0' in lines 2, 3, 4 and 1 more (4 of 9 rows)" in text


def test_decimal_points_and_commas_are_not_mixed(write: Any) -> None:
    text = SMALL.replace(",", ";").replace("0.60", "0,60")
    assert "has '0,60' in line 2 (1 of 9 rows)" in problems(write(text))


def test_everything_wrong_with_the_rows_at_once(write: Any) -> None:
    text = problems(write("l2,seed,patient,dice\n,0,a,x\n1,,a,.5\n1,0,,.5\n"))
    assert "(4 problems)" in text
    assert "every row names its value, column 'l2' is empty in line 2; fill it" in text
    assert "every row names its seed, column 'seed' is empty in line 3" in text
    assert "every row names its patient, column 'patient' is empty in line 4" in text


def test_several_rows_for_one_score(write: Any) -> None:
    text = problems(write(SMALL + "0,0,P1,0.80\n1e-4,0,P2,0.5\n"))
    assert "value 0, seed 0, patient P1 (lines 5, 11, identical scores)" in text
    assert "value 0.0001, seed 0, patient P2 (lines 10, 12, different scores)" in text
    assert text.endswith("keep one row of each")


def test_several_rows_say_which_column_may_tell_them_apart(write: Any) -> None:
    text = problems(write("l2,fold,region,dice\n0,1,a,.1\n0,1,b,.2\n1,1,a,.3\n"), "l2", "dice")
    assert "each value has one row, but there are several for value 0 (lines 2, 3" in text
    assert "with --seed or --patient, or choose rows with --where COLUMN=VALUE" in text
    assert "(they differ in region)" in text


def test_one_value_is_no_comparison(write: Any) -> None:
    assert "at least 2 values" in problems(write("l2,seed,patient,dice\n0,0,a,.5\n0,1,a,.5\n"))


def test_choosing_rows_that_are_not_there(write: Any) -> None:
    path = write(SMALL)
    text = problems(path, "l2", "dice", where=[("patient", "P7")])
    assert text == "no row has patient = 'P7'; there are P1, P10, P2"
    both = [("patient", "P1"), ("dice", "0.62")]
    assert "no row has all" in problems(path, "l2", "dice", where=both)


# judging --------------------------------------------------------------------------------------


def noisy(sign: int = 1, offset: float = 0.0) -> str:
    rng = np.random.default_rng(1)
    means = (0.80, 0.81, 0.65)
    return grid(
        ("0", "1e-4", "0.005"),
        5,
        8,
        lambda v, n, p: offset + sign * (means[v] + 0.02 * rng.standard_normal()),
    )


def test_pairs_or_a_reference(write: Any) -> None:
    found = read(write(noisy()))
    pairs, assumed = judge_table(found)
    assert (pairs.family, len(pairs.comparisons), assumed) == ("pairs", 3, True)
    assert pairs.margin == ASSUMED_MARGIN
    shown, assumed = judge_table(found, reference="0.0001", margin=0.05)
    assert (shown.family, shown.reference, shown.margin, assumed) == (
        "reference",
        "0.0001",
        0.05,
        False,
    )
    assert judge_table(found, reference="1e-4")[0].reference == "0.0001"


def test_a_margin_is_assumed_for_scores_between_0_and_1_only(write: Any) -> None:
    for text in (noisy(offset=0.5), noisy(sign=-1)):
        with pytest.raises(InputError, match="say with --margin what difference matters"):
            judge_table(read(write(text)))
        assert judge_table(read(write(text)), margin=0.02)[1] is False
    with pytest.raises(InputError, match="of which less is better"):
        judge_table(read(write(noisy()), bigger_is_worse=True))


def test_wrong_options_are_named_together(write: Any) -> None:
    with pytest.raises(InputError) as error:
        judge_table(read(write(noisy())), margin=0.0, reference="0.1")
    text = str(error.value)
    assert "the reference is '0.1', the values with scores are 0, 0.0001, 0.005" in text
    assert "a margin is a number above 0, got 0" in text


def test_a_value_without_scores_does_not_spoil_the_others(write: Any) -> None:
    text = noisy() + "\n0.1,0,P0,\n"
    shown, _ = judge_table(read(write(text)))
    assert [one.value for one in shown.values] == ["0", "0.0001", "0.005"]
    assert shown.estimand == "networks and patients"
    with pytest.raises(InputError, match="the values with scores are"):
        judge_table(read(write(text)), reference="0.1")
    nothing = write("l2,seed,patient,dice\n0,0,a,\n1,0,a,.5\n")
    with pytest.raises(InputError, match="scores of at least 2 values, found those of 1"):
        judge_table(read(nothing))


def test_errors_are_judged_as_scores_and_shown_as_errors(write: Any) -> None:
    """A table of 1 - Dice, of which less is better, says the same with the other sign."""
    scores, _ = judge_table(read(write(noisy())), margin=0.02)
    errors, _ = judge_table(
        read(write(noisy(sign=-1, offset=1.0)), bigger_is_worse=True), margin=0.02
    )
    for dice, error in zip(scores.values, errors.values, strict=True):
        assert error.mean == pytest.approx(1 - dice.mean)
        assert (error.low, error.high) == pytest.approx((1 - dice.high, 1 - dice.low))
        assert error.networks == pytest.approx([1 - one for one in dice.networks])
    for dice, error in zip(scores.comparisons, errors.comparisons, strict=True):
        assert error.verdict == dice.verdict
        assert error.difference == pytest.approx(-dice.difference)
        assert (error.low, error.high) == pytest.approx((-dice.high, -dice.low))
    assert {one.verdict for one in errors.comparisons} >= {"worse"}
    assert errors.highest == scores.highest == "0.0001"
    assert errors.good_enough == scores.good_enough
    assert "Less dice is better" in read(write(noisy()), bigger_is_worse=True).notes[0]


def test_looks_at_negated_scores_are_turned_back(write: Any) -> None:
    rng = np.random.default_rng(1)
    text = grid(("0", "1"), 8, 6, lambda v, n, p: 5 + v + rng.standard_normal())
    more, _ = judge_table(read(write(text)), margin=1.0)
    less, _ = judge_table(read(write(text), bigger_is_worse=True), margin=1.0)
    for one, other in zip(more.second_looks, less.second_looks, strict=True):
        assert one.bootstrap is not None
        assert other.bootstrap == pytest.approx(one.bootstrap, abs=1e-12)
