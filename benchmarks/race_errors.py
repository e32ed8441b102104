"""How often a race makes the test patients confirm a candidate that is no better, measured.

    python benchmarks/race_errors.py [--races 1500]

Simulated scores in which all candidates are as good as the default: 16 validation and 24 test
patients, networks as different as on EMIDEC (standard deviation 0.045), or less (0.02). The
race, and the look at the test patients at its end, are those of `myosweep tune`. Printed beside it:
the same look at the full 5 %, whatever the number of candidates. Nothing is trained.
"""

import argparse
from collections.abc import Sequence
from math import sqrt

import numpy as np

from myosweep.analysis.looks import LEVEL
from myosweep.analysis.tuning.race import (
    Race,
    is_confirmed,
    look_level,
    pick,
    run_race,
    start_race,
)
from myosweep.statistics.answer import answer
from myosweep.statistics.score_table import ScoreTable

MARGIN = 0.02
PATIENTS = (16, 24)
OF_PATIENT, REST = 0.02, 0.05
"""Standard deviations of a candidate's effect on a patient, and of what is left."""
CASES = ((2, 5, 0.045), (2, 7, 0.045), (5, 7, 0.045), (8, 7, 0.045), (5, 7, 0.02))
"""Candidates, networks of each at most, and standard deviation between networks."""


def tables(
    rng: np.random.Generator, candidates: int, networks: int, spread: float
) -> list[ScoreTable]:
    """Scores of the default and equal candidates on validation and on test patients."""
    names = ("default", *(f"trial {number}" for number in range(1, candidates + 1)))
    count = len(names)
    luck = spread * rng.standard_normal((count, networks, 1))
    made = []
    for patients in PATIENTS:
        scores = 0.65 + 0.1 * rng.standard_normal((1, 1, patients)) + luck
        scores = scores + OF_PATIENT * rng.standard_normal((count, 1, patients))
        scores = scores + REST * rng.standard_normal((count, networks, patients))
        seeds = tuple(f"seed {number}" for number in range(networks))
        made.append(ScoreTable(names, seeds, tuple(f"P{n}" for n in range(patients)), scores))
    return made


def confirmed(race: Race, test: ScoreTable, level: float) -> bool:
    """Whether the test patients confirm the leader; False without one."""
    if race.winner is None:
        return False
    seen = pick(test, (race.default, race.winner), range(race.networks))
    assert seen is not None
    shown = answer(
        seen, MARGIN, family="reference", reference=race.default, thorough=False, level=level
    )
    return is_confirmed(shown)


def one_race(
    rng: np.random.Generator, candidates: int, networks: int, spread: float
) -> tuple[bool, bool]:
    """Whether a candidate is confirmed with its share of the errors, and with all of them."""
    validation, test = tables(rng, candidates, networks, spread)

    def scores(names: Sequence[str], number: int) -> ScoreTable | None:
        return pick(validation, names, range(number))

    start = start_race(validation.values[0], validation.values[1:])
    race = run_race(start, scores, MARGIN, networks)
    return confirmed(race, test, look_level(candidates)), confirmed(race, test, LEVEL)


def rate(found: Sequence[bool]) -> str:
    share = sum(found) / len(found)
    return f"{100 * share:.1f} ± {100 * sqrt(share * (1 - share) / len(found)):.1f} %"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("--races", type=int, default=1500)
    races = options.parse_args().races
    print("candidates  networks  spread  confirmed wrongly  with all 5 %")
    for case in CASES:
        rng = np.random.default_rng(1)
        shared, full = zip(*(one_race(rng, *case) for _ in range(races)), strict=True)
        candidates, networks, spread = case
        print(
            f"{candidates:<10}  {networks:<8}  {spread:<6}  {rate(shared):<17}  {rate(full)}",
            flush=True,
        )


if __name__ == "__main__":
    main()
