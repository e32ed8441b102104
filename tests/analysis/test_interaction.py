"""Two swept fields: effects that depend on each other, and effects that do not."""

import numpy as np
import pytest

from myosweep.analysis.interaction import Interaction, interaction
from myosweep.analysis.points import Point
from myosweep.statistics.score_table import ScoreTable

L2, RATES = (0.0, 1e-4), (1e-3, 1e-4, 1e-5)


def grid(left_out: tuple[float, float] | None = None) -> tuple[Point, ...]:
    places = [(l2, rate) for l2 in L2 for rate in RATES if (l2, rate) != left_out]
    return tuple(
        Point(
            number,
            len(places),
            (("l2.strength", l2), ("learning_rate", rate)),
            f"{l2:g}, {rate:g}",
            ("run",),
            (0,),
        )
        for number, (l2, rate) in enumerate(places)
    )


def found(
    effect: float, noise: float = 0.003, left_out: tuple[float, float] | None = None
) -> Interaction | None:
    """L2 adds 0.05 everywhere, and ``effect`` more at the learning rate 1e-3."""
    points = grid(left_out)
    rng = np.random.default_rng(0)
    means = np.array(
        [
            0.6
            + 0.05 * (dict(point.values)["l2.strength"] == 1e-4)
            + effect * (point.values[0][1] == 1e-4 and point.values[1][1] == 1e-3)
            for point in points
        ]
    )
    scores = means[:, None, None] + rng.normal(0, noise, (len(points), 6, 20))
    table = ScoreTable(
        tuple(point.label for point in points),
        tuple(map(str, range(6))),
        tuple(map(str, range(20))),
        scores,
    )
    labels = dict(zip(table.values, means.tolist(), strict=True))
    sets = (table.values[:1], table.values[:2])
    return interaction(table, points, "0.0001, 0.0001", labels, sets, 0.02)


def test_contrasts_by_hand() -> None:
    result = found(0.1, noise=0.0)
    assert result is not None
    assert result.rows == ("0", "0.0001")
    assert result.columns == ("0.00001", "0.0001", "0.001")
    assert result.base == ("0.0001", "0.0001")
    # base row is L2 0.0001: the step to 0 loses 0.05 at the base rate, 0.15 at rate 0.001
    differences = {one.value: one.difference for one in result.comparisons}
    assert differences["0 against 0.0001, at 0.001"] == pytest.approx(-0.1)
    assert differences["0 against 0.0001, at 0.00001"] == pytest.approx(0.0)
    assert result.means[1][2] == pytest.approx(0.75)
    assert result.good_enough[0] == (False, False, True)


def test_sentences() -> None:
    strong, none, vague = found(0.1), found(0.0), found(0.02, noise=0.3)
    assert strong is not None
    assert none is not None
    assert vague is not None
    assert "depends on learning rate: choose both together" in strong.sentence
    assert "practically the same at every learning rate" in none.sentence
    assert vague.sentence.startswith("It is undecided whether")


def test_a_small_real_interaction_is_called_small() -> None:
    result = found(0.02)
    assert result is not None
    assert "not shown that this matters" in result.sentence


def test_a_missing_point_leaves_its_contrasts_out() -> None:
    result = found(0.0, left_out=(0.0, 1e-5))
    assert result is not None
    assert len(result.comparisons) == 1
    assert np.isnan(result.means[0][0])


def test_only_two_fields_interact() -> None:
    table = ScoreTable(("a", "b"), ("1",), ("p",), np.zeros((2, 1, 1)))
    one_field = tuple(Point(n, 2, (("depth", n),), str(n), ("r",), (0,)) for n in range(2))
    assert interaction(table, one_field, None, {}, ((), ()), 0.02) is None
    assert interaction(table, (), None, {}, ((), ()), 0.02) is None
