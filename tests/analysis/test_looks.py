"""Alpha spending: all looks together never spend more than 5 %."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myosweep.analysis.looks import LEVEL, Look, next_look, spending

VALUES = ("0.005", "0.0005")


def test_the_shares_of_four_looks_by_hand() -> None:
    # 0.05 x (3/10)^3 = 0.00135, (5/10)^3: 0.00625, (7/10)^3: 0.01715, all: 0.05
    past: list[Look] = []
    for networks in (3, 5, 7, 10):
        look = next_look(past, networks, VALUES, 10)
        assert look is not None
        past.append(look)
    assert [look.spent for look in past] == pytest.approx([0.00135, 0.0049, 0.0109, 0.03285])
    assert sum(look.spent for look in past) == pytest.approx(LEVEL)


def test_one_look_at_the_end_spends_all() -> None:
    assert spending(10, 10) == LEVEL
    assert spending(12, 10) == LEVEL
    look = next_look([], 10, VALUES, 10)
    assert look == Look(10, VALUES, LEVEL)


def test_the_same_look_again_spends_nothing_new() -> None:
    first = next_look([], 5, VALUES, 10)
    assert first is not None
    again = next_look([first], 5, VALUES[::-1], 10)
    assert again is first


def test_what_was_not_foreseen_is_exploratory() -> None:
    first = Look(5, VALUES, spending(5, 10))
    assert next_look([first], 5, (*VALUES, "0.1"), 10) is None  # a value added after seeing
    assert next_look([first], 4, VALUES, 10) is None
    assert next_look([first], 11, VALUES, 10) is None
    assert next_look([Look(9, VALUES, LEVEL)], 10, VALUES, 10) is None  # nothing is left


def test_a_smaller_maximum_later_cannot_spend_more_than_is_left() -> None:
    first = next_look([], 5, VALUES, 5)
    assert first is not None
    assert first.spent == LEVEL
    assert next_look([first], 8, VALUES, 10) is None


@given(
    st.lists(st.integers(1, 40), max_size=12),
    st.lists(st.integers(1, 40), min_size=12, max_size=12),
)
def test_the_looks_never_spend_more_than_the_level(counts: list[int], largest: list[int]) -> None:
    """Whatever the order, and even if the foreseen maximum was changed on the way."""
    past: list[Look] = []
    for networks, most in zip(counts, largest, strict=False):
        look = next_look(past, networks, VALUES, most)
        if look is not None and look not in past:
            assert look.spent > 0
            past.append(look)
    assert sum(look.spent for look in past) <= LEVEL + 1e-12


@given(st.lists(st.integers(1, 30), min_size=1, max_size=8, unique=True))
def test_nothing_is_left_for_other_values_of_the_same_networks(sizes: list[int]) -> None:
    """Not even what rounding leaves when shares are added up."""
    looks: list[Look] = []
    for networks in sorted(sizes):
        look = next_look(looks, networks, ["a", "b"], 30)
        assert look is not None
        looks.append(look)
    assert next_look(looks, max(sizes), ["a", "b", "c"], 30) is None
