"""Base, middle and apex: every short stack by hand, and the law of turned stacks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myosweep.data.levels import Apex, ventricle_levels

NAMES = {"a": "apex", "m": "middle", "b": "base", ".": None}


def levels(text: str) -> list[str | None]:
    return [NAMES[letter] for letter in text]


@pytest.mark.parametrize(
    ("shows", "from_apex"),
    [
        ("", ""),
        ("0", "."),
        ("1", "."),
        ("000", "..."),
        ("11", ".."),
        ("0110", "...."),
        ("111", "amb"),
        ("01110", ".amb."),
        ("1111", "ammb"),
        ("11111", "ammmb"),
        ("111111", "aammbb"),
        ("1111111", "aammmbb"),
        ("11111111", "aammmmbb"),
        ("111111111", "aaammmbbb"),
        ("0011111100", "..aammbb.."),
        ("101", "amb"),  # a gap is part of the stretch
        ("0100010", ".ammmb."),
        ("1001", "ammb"),
    ],
)
def test_thirds_from_either_end(shows: str, from_apex: str) -> None:
    shown = [letter == "1" for letter in shows]
    assert ventricle_levels(shown, "first") == levels(from_apex)
    exchanged = from_apex.translate(str.maketrans("ab", "ba"))
    assert ventricle_levels(shown, "last") == levels(exchanged)
    assert ventricle_levels(shown, None) == [None] * len(shows)


@given(st.lists(st.booleans(), max_size=30), st.sampled_from(["first", "last"]))
def test_a_turned_stack_has_turned_levels(shown: list[bool], apex: Apex) -> None:
    other: Apex = "last" if apex == "first" else "first"
    found = ventricle_levels(shown, apex)
    assert found == ventricle_levels(shown[::-1], other)[::-1]
    counts = [found.count(name) for name in ("apex", "middle", "base")]
    assert counts[0] == counts[2] <= counts[1] <= counts[0] + 2
