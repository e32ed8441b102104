"""Patient and slice from file names."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myosweep.data.names import NamePattern, SliceName, natural_key
from myosweep.errors import ConfigError


def read(text: str, *names: str) -> dict[str, str]:
    found, unmatched = NamePattern(text).read(names)
    assert not unmatched
    return {name: f"{one.patient}|{one.slice}" for name, one in found.items()}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (r"(?P<patient>P\d+)_s(?P<slice>\d+)", "P07|12"),
        (r"(?P<slice>(?<=_s)\d+)|(?P<patient>x)", None),
        (r"(P\d+)_s(?P<slice>\d+)", "P07|12"),
        (r"(P\d+)_s(\d+)", "P07|000"),
        (r"P\d+", "P07|000"),
        (r"site(\d)/", "3|000"),
        (r"_s(?P<slice>\d+)_(end)", "end|12"),
        (r"(\d+)_s(?P<slice>\d+)_(?P<patient>end)", "end|12"),
    ],
)
def test_groups_tell_patient_and_slice(pattern: str, expected: str | None) -> None:
    name = "site3/P07_s12_end"
    found, unmatched = NamePattern(pattern).read([name])
    if expected is None:
        assert (found, unmatched) == ({}, [name])
    else:
        assert f"{found[name].patient}|{found[name].slice}" == expected


def test_slices_are_numbered_in_natural_order_within_their_patient() -> None:
    names = ["P1/s10", "P2/s3", "P1/s9", "P1/s100", "P2/s1"]
    assert read(r"P\d", *names) == {
        "P1/s9": "P1|000",
        "P1/s10": "P1|001",
        "P1/s100": "P1|002",
        "P2/s1": "P2|000",
        "P2/s3": "P2|001",
    }
    assert read(r"P\d", *reversed(names)) == read(r"P\d", *names)


def test_the_order_of_files_does_not_decide_about_equal_numbers() -> None:
    assert read(r"P\d", "P1/s1", "P1/s01") == read(r"P\d", "P1/s01", "P1/s1")


def test_names_that_do_not_match_are_listed() -> None:
    found, unmatched = NamePattern(r"(?P<patient>P\d*)_(?P<slice>\d*)").read(["P1_2", "x", "P3_"])
    assert list(found) == ["P1_2"]
    assert unmatched == ["P3_", "x"]


def test_an_optional_group_that_is_absent_does_not_match() -> None:
    pattern = NamePattern(r"(?P<patient>P\d+)?_(?P<slice>\d+)")
    assert pattern.read(["_7"]) == ({}, ["_7"])


def test_key_and_names_slices() -> None:
    assert SliceName("P07", "003").key == "P07_003"
    assert NamePattern(r"(P\d)(?P<slice>\d)").names_slices
    assert not NamePattern(r"(P\d)").names_slices


def test_a_pattern_that_is_no_regular_expression_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'\(P' is not a regular expression.*--patient"):
        NamePattern("(P")


def test_a_pattern_with_a_slice_and_no_patient_is_refused() -> None:
    """Taking the slice for the patient would put one patient's slices in several parts."""
    with pytest.raises(ConfigError, match=r"a group for the slice, but none for the patient"):
        NamePattern(r"P\d+_(?P<slice>\d+)")


def test_natural_order() -> None:
    names = ["s10", "s2", "S2", "s2a", "s", "2", "10", "s2-1", "s02"]
    assert sorted(names, key=natural_key) == [
        "2", "10", "S2", "s", "s02", "s2", "s2-1", "s2a", "s10",
    ]  # fmt: skip


@given(st.lists(st.text("s0129²٣ é/_", max_size=6), unique=True, max_size=8))
@settings(max_examples=100, deadline=None)
def test_natural_order_is_total(names: list[str]) -> None:
    backward = names[::-1]
    assert sorted(names, key=natural_key) == sorted(backward, key=natural_key)
