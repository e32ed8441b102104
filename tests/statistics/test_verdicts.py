"""From an interval to a verdict: the table of docs/statistics.md, and its mirror image."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from myosweep.statistics.verdicts import (
    DECIDED,
    Comparison,
    Verdict,
    is_negligible_but_real,
    judge,
)

MARGIN = 0.02
MIRRORED: dict[Verdict, Verdict] = {
    "better": "worse",
    "better, size uncertain": "worse, size uncertain",
    "not worse": "not better",
    "practically equivalent": "practically equivalent",
    "undecided": "undecided",
    "not known": "not known",
}
MIRRORED |= {other: one for one, other in MIRRORED.items()}


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.021, 0.05, "better"),
        (0.02, 0.05, "better, size uncertain"),  # the margin itself is not more than the margin
        (0.001, 0.021, "better, size uncertain"),
        (0.0, 0.021, "not worse"),
        (-0.019, 0.02, "not worse"),
        (-0.02, 0.019, "not better"),
        (-0.019, 0.019, "practically equivalent"),
        (0.001, 0.019, "practically equivalent"),
        (-0.02, 0.02, "undecided"),
        (0.0, 0.0, "practically equivalent"),
        (np.nan, np.nan, "not known"),
        (-np.inf, np.inf, "undecided"),
    ],
)
def test_the_table(low: float, high: float, verdict: Verdict) -> None:
    assert judge(low, high, MARGIN) == verdict
    assert judge(-high, -low, MARGIN) == MIRRORED[verdict]


@given(st.floats(-1, 1, allow_nan=False), st.floats(0, 1, allow_nan=False), st.floats(0.001, 0.5))
def test_swapping_the_values_mirrors_the_verdict(low: float, width: float, margin: float) -> None:
    high = low + width
    assert judge(-high, -low, margin) == MIRRORED[judge(low, high, margin)]
    assert is_negligible_but_real(-high, -low, margin) == is_negligible_but_real(low, high, margin)


@given(st.floats(-1, 1, allow_nan=False), st.floats(0, 1, allow_nan=False))
def test_a_shorter_interval_inside_never_contradicts(low: float, width: float) -> None:
    outer = judge(low, low + width, MARGIN)
    inner = judge(low + width / 4, low + width / 2, MARGIN)
    if outer in ("better", "worse", "practically equivalent"):
        assert inner == outer


def test_a_small_but_real_difference() -> None:
    assert is_negligible_but_real(0.001, 0.019, MARGIN)
    assert not is_negligible_but_real(-0.001, 0.019, MARGIN)
    assert not is_negligible_but_real(0.001, 0.03, MARGIN)


@pytest.mark.parametrize("verdict", sorted(MIRRORED))
def test_decided_is_the_same_from_both_sides(verdict: Verdict) -> None:
    one = Comparison("a", "b", 0.0, -1.0, 1.0, 0.5, verdict)
    assert one.decided == (verdict in DECIDED) == (MIRRORED[verdict] in DECIDED)
