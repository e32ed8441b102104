"""The race: candidates against the default, network by network, until the verdict engine decides.

Round by round each contender still in it gets one more new network, with the default's seed. From
the third round on a look is taken, on validation patients and under the ledger of looks: a
candidate that cannot be better than the default by more than the margin leaves (ties go to the
default); the race ends when nobody is left, when one is shown to be better and none left has a
higher mean, or with the budget. Whoever is first then meets the default on test patients.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from myosweep.analysis.looks import LEVEL, spending
from myosweep.statistics.answer import Answer, answer
from myosweep.statistics.score_table import ScoreTable
from myosweep.statistics.verdicts import Comparison

FIRST_LOOK = 3
"""Networks of each contender at the first look."""

Ending = Literal["decided", "nobody left", "largest number", "not over"]


@dataclass(frozen=True)
class Round:
    """One look of the race.

    Attributes:
        networks: networks of each contender so far.
        shown: each contender minus the default; its level is the share of errors that this look
            may spend.
        left: who stays in the race, by label.
    """

    networks: int
    shown: Answer
    left: tuple[str, ...]


@dataclass(frozen=True)
class Race:
    """A race so far.

    Attributes:
        default: the label of the default.
        contenders: everybody else at the start.
        active: who is still in it.
        networks: whole rounds.
        rounds: the looks.
        winner: of those left the one with the highest mean, if that is above the default's; shown
            to be better where ``ending`` is "decided".
        ending: why it is over, or that it is not.
    """

    default: str
    contenders: tuple[str, ...]
    active: tuple[str, ...]
    networks: int
    rounds: tuple[Round, ...]
    winner: str | None
    ending: Ending

    @property
    def over(self) -> bool:
        return self.ending != "not over"


def look_level(candidates: int) -> float:
    """Share of errors that the one look at the test patients may spend after such a race.

    The networks that led the race meet the test patients, too, so a network's luck counts twice.
    With two candidates that takes one-sided errors from 2.5 to about 4 % (decision 19); more of
    them share what two may spend.

    >>> look_level(1), look_level(2), look_level(4)
    (0.05, 0.05, 0.025)
    """
    return LEVEL * min(1.0, 2 / max(candidates, 1))


def is_confirmed(look: Answer) -> bool:
    """Whether the test patients show a leader to be better than the default; ties are not."""
    shown = look.comparisons[0]
    return shown.low > 0 and shown.verdict != "practically equivalent"


def start_race(default: str, contenders: Sequence[str]) -> Race:
    """Before the first round; over at once without contenders."""
    names = tuple(contenders)
    return Race(default, names, names, 0, (), None, "not over" if names else "nobody left")


def next_round(race: Race, scores: ScoreTable, margin: float, largest: int) -> Race:
    """The race after one more round.

    Args:
        scores: validation scores of the default and of everybody still in the race, with
            exactly one network more than the race has.
        margin: the smallest difference that matters.
        largest: networks of each contender at the last look.
    """
    networks = race.networks + 1
    if networks < FIRST_LOOK:
        return _after(race, networks, race.active, (), None, "not over")
    earlier = sum(one.shown.level for one in race.rounds)
    level = spending(networks, largest) - earlier
    shown = answer(
        scores, margin, family="reference", reference=race.default, level=level, thorough=False
    )
    by_name = {one.value: one for one in shown.comparisons}
    active = tuple(name for name in race.active if _may_win(by_name[name], margin))
    means = {name: shown.mean(name).mean for name in active}
    leader = max(active, key=lambda name: (means[name], name), default=None)
    look = Round(networks, shown, active)
    winner = leader if leader and by_name[leader].difference > 0 else None
    ending: Ending = "not over"
    if leader is None:
        ending = "nobody left"
    elif by_name[leader].low > 0:
        ending = "decided"
    elif networks >= largest:
        ending = "largest number"
    return _after(race, networks, active, (look,), winner, ending)


def _may_win(comparison: Comparison, margin: float) -> bool:
    """Whether a candidate may still be better by more than the margin."""
    return not comparison.high < margin


def _after(
    race: Race,
    networks: int,
    active: tuple[str, ...],
    looks: tuple[Round, ...],
    winner: str | None,
    ending: Ending,
) -> Race:
    return Race(
        race.default,
        race.contenders,
        active,
        networks,
        (*race.rounds, *looks),
        winner,
        ending,
    )


def run_race(
    race: Race,
    scores: Callable[[Sequence[str], int], ScoreTable | None],
    margin: float,
    largest: int,
) -> Race:
    """The race as far as networks are there.

    Args:
        scores: gives the validation scores of some contenders' first so many networks, the
            default first; None if not all of them are there.
    """
    while not race.over:
        table = scores((race.default, *race.active), race.networks + 1)
        if table is None:
            return race
        race = next_round(race, table, margin, largest)
    return race


def pick(table: ScoreTable, values: Sequence[str], networks: Sequence[int]) -> ScoreTable | None:
    """A part of a table: some values, some networks by position; None if a network is missing."""
    rows = [table.values.index(value) for value in values if value in table.values]
    scores = table.scores[np.ix_(rows, list(networks))] if len(rows) == len(values) else None
    if scores is None or not np.isfinite(scores).any(2).all():
        return None
    defined = np.isfinite(scores).any((0, 1))
    return ScoreTable(
        tuple(values),
        tuple(table.networks[number] for number in networks),
        tuple(name for name, kept in zip(table.patients, defined, strict=True) if kept),
        np.ascontiguousarray(scores[:, :, defined]),
        table.design,
        table.test_to_training,
    )
