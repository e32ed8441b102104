"""Who races, how far, and what the look at the test patients may err: on toy searches."""

from pathlib import Path

import pytest
from tests.toy_tune import toy_search

from myosweep.analysis.tuning.found import Trial, conclude_tuning, plan_race
from myosweep.results.ledger import read_looks
from myosweep.results.trials import TrialRun


def trial(number: int, score: float | None, cost: float = 1.0) -> Trial:
    return Trial(TrialRun(f"run-{number}", number, 0, cost, {}, 30, 30, None, ()), score)


TRIALS = [trial(0, 0.5), trial(1, 0.7), trial(2, 0.6, 2.0), trial(3, 0.4), trial(4, None)]


@pytest.mark.parametrize(
    ("money", "raced", "planned"),
    [
        (28.0, {}, ((1, 2), 7)),  # four default runs for each round
        (16.5, {}, ((1, 2), 4)),
        (11.9, {}, ((1,), 5)),  # three rounds of both cost 12
        (5.9, {}, ((), 0)),  # three rounds of one cost 6
        (8.0, {0: 3.0, 1: 3.0, 2: 6.0}, ((1, 2), 5)),  # they have three networks each already
        (2.0, {0: 2.0, 1: 2.0, 3: 9.0}, ((1,), 3)),  # what others raced is of no use
    ],
)
def test_a_race_is_planned_as_far_as_money_and_earlier_networks_reach(
    money: float, raced: dict[int, float], planned: tuple[tuple[int, ...], int]
) -> None:
    assert plan_race(TRIALS, 2, 7, money, raced) == planned


@pytest.mark.parametrize(("count", "level"), [(2, 0.05), (4, 0.025)])
def test_many_candidates_share_the_errors_of_the_look(
    count: int, level: float, tmp_path: Path
) -> None:
    search = toy_search(tmp_path, patients=10)
    contenders = range(1, count + 1)
    for number, shift in enumerate((2, 0, 1, 1, 1)):
        search.add(number, shift)
    search.race({0: (2, 2, 3, 2), 1: (0, 1, 0, 0), **dict.fromkeys(contenders[1:], (1, 2, 1, 1))})
    search.is_at(contenders=contenders)
    found = conclude_tuning(search.home)
    assert found.test is not None
    assert found.test.level == pytest.approx(level)
    assert read_looks(search.home)[0].spent == pytest.approx(level)
