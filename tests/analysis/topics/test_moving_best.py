"""Whether the best value moves: known moves, none where there is none, losses by hand."""

import numpy as np
import pytest

from myosweep.analysis.axes import axes_of
from myosweep.analysis.points import Point
from myosweep.analysis.topics.moving_best import MovingBest, moving_best
from myosweep.analysis.topics.moving_best_words import moving_best_lead, moving_best_sentences
from myosweep.statistics.score_table import ScoreTable

L2 = (0.0, 1e-4, 1e-2)
LEVELS = (("none", 0.0), ("jitter", 1.0), ("jitter", 4.0))
STEADY = [[0.70, 0.80, 0.60], [0.60, 0.70, 0.50], [0.40, 0.50, 0.30]]
CROSSING = [[0.70, 0.80, 0.60], [0.60, 0.70, 0.60], [0.40, 0.50, 0.59]]
EQUAL = [[0.7] * 3] * 3


def grid(left_out: tuple[int, int] | None = None) -> list[Point]:
    """Rows of levels, columns of values."""
    places = [(level, value) for level in range(3) for value in range(3)]
    kept = [place for place in places if place != left_out]
    return [
        Point(
            number,
            len(kept),
            (
                ("l2.strength", L2[value]),
                ("labels.noise", LEVELS[level][0]),
                ("labels.strength", LEVELS[level][1]),
            ),
            f"{value}-{level}",
            ("run",),
            (0,),
        )
        for number, (level, value) in enumerate(kept)
    ]


def found_from(
    means: list[list[float]],
    noise: float,
    seed: int = 0,
    networks: int = 4,
    left_out: tuple[int, int] | None = None,
    reference: str | None = "1-0",
) -> MovingBest:
    rng = np.random.default_rng(seed)
    points = grid(left_out)
    places = [tuple(map(int, reversed(point.label.split("-")))) for point in points]
    mean = np.array([means[level][value] for level, value in places])
    count = len(points)
    scores = (
        mean[:, None, None]
        + rng.normal(0, noise, (count, networks, 1))
        + rng.normal(0, 2 * noise, (1, 1, 16))
        + rng.normal(0, noise, (count, 1, 16))
        + rng.normal(0, noise, (count, networks, 16))
    )
    table = ScoreTable(
        tuple(point.label for point in points),
        tuple(map(str, range(networks))),
        tuple(map(str, range(16))),
        scores,
    )
    axes = axes_of(points, [("l2.strength",), ("labels.noise", "labels.strength")], {})
    made = moving_best(table, points, axes, reference, 0.02)
    assert made is not None
    return made


def said(found: MovingBest) -> str:
    return "\n".join([moving_best_lead(found), *moving_best_sentences(found, "Dice")])


def test_losses_and_what_is_mended_by_hand() -> None:
    found = found_from(CROSSING, 0.0)
    assert (found.base, found.base_is_clean, found.base_value) == ("no errors", True, "0")
    losses = {(one.value, one.level): one.loss for one in found.losses}
    assert losses["0", "jitter 4"] == pytest.approx(0.3)
    assert losses["0.01", "jitter 4"] == pytest.approx(0.01)
    mends = {one.value: one.difference for one in found.mends}
    assert mends["0.01 at jitter 4"] == pytest.approx(0.29)
    assert mends["0.0001 at jitter 4"] == pytest.approx(0.0)
    assert len(mends) == 4
    assert [one.is_base for one in found.levels] == [True, False, False]


def test_a_move_is_found_where_it_is() -> None:
    found = found_from(CROSSING, 0.005)
    assert [one.level for one in found.moves] == ["jitter 4"]
    text = said(found)
    assert text.startswith(
        "The best L2 strength moves with label errors: it is 0.0001 at no errors, and 0.01 at "
        "jitter 4."
    )
    assert "Taking 0.01 instead of 0.0001 changes the score by −0.2" in text
    assert "0.01 mends: at jitter 4 it loses 0.2" in text
    assert "Exploratory" in text


def test_a_best_value_that_stays_is_said_to_stay() -> None:
    found = found_from(STEADY, 0.005)
    assert found.moves == ()
    assert found.stays == "0.0001"
    assert "does not move: it is 0.0001 at every level" in said(found)
    assert "No L2 strength is shown to lose more or less than 0 does." in said(found)


def test_values_that_are_good_enough_everywhere_need_no_move() -> None:
    close = [[0.70, 0.701, 0.60], [0.60, 0.60, 0.50], [0.501, 0.50, 0.30]]
    found = found_from(close, 0.001, networks=8)
    assert found.stays is None
    assert found.everywhere == ("0", "0.0001")
    assert "does not move by anything that matters: 0 and 0.0001 are" in said(found)


def test_noise_leaves_it_unknown() -> None:
    found = found_from(CROSSING, 0.3)
    assert said(found).startswith("Not known")
    assert "May be the best: any value at" in said(found)


@pytest.mark.parametrize("means", [EQUAL, STEADY], ids=["all equal", "one best"])
@pytest.mark.parametrize("networks", [3, pytest.param(5, marks=pytest.mark.long)])
def test_no_move_is_claimed_where_there_is_none(means: list[list[float]], networks: int) -> None:
    studies = 120
    claimed = sum(bool(found_from(means, 0.03, seed, networks).moves) for seed in range(studies))
    assert claimed <= 0.05 * studies


def test_a_level_without_all_values_is_left_out_and_claims_nothing() -> None:
    found = found_from(CROSSING, 0.005, left_out=(2, 1))
    assert found.left_out == ("jitter 4",)
    assert found.moves == ()
    assert "Left out, because values are missing there: jitter 4." in said(found)


def test_without_a_clean_level_the_first_is_the_base() -> None:
    found = found_from(CROSSING, 0.005, left_out=(0, 0), reference=None)
    assert (found.base, found.base_is_clean) == ("jitter 1", False)
    assert "compared with jitter 1" in said(found)


def test_grids_of_two_hyperparameters_or_one_field_are_something_else() -> None:
    points = grid()
    table = ScoreTable(tuple(one.label for one in points), ("0",), ("0",), np.zeros((9, 1, 1)))
    errors = axes_of(points, [("labels.noise", "labels.strength")], {})
    l2 = axes_of(points, [("l2.strength",)], {})
    for swept in (errors, l2, (*l2, *l2), (*l2, *l2, *errors)):
        assert moving_best(table, points, swept, None, 0.02) is None
