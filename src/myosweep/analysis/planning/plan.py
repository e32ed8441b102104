"""Before a study: the networks and patients that would show a difference, or equivalence."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isfinite

import numpy as np
from scipy import special

from myosweep.errors import InputError
from myosweep.statistics.contrasts import degrees_of_freedom
from myosweep.statistics.decide import MOST_NETWORKS
from myosweep.statistics.intervals import LEVEL
from myosweep.statistics.score_table import Design

MOST_PATIENTS = 2000
USUAL_DIFFERENCE = 0.02
"""A difference in Dice that matters, where no pilot says what does."""

_DRAWS = 400
_SPREADS = (np.arange(_DRAWS) + 0.5) / _DRAWS
_NETWORKS = (3, 5, 7, 10, 15, 20, 30)
_REPEATS = (1, 2, 3, 4, 6, 10)
_PATIENTS = (10, 20, 40, 80, 160)


@dataclass(frozen=True)
class Variability:
    """Standard deviations of a paired difference of two values, in units of the score.

    Attributes:
        network: from one pair of networks to another, over all patients.
        patient: from patient to patient, over all networks.
        residual: what is left, from cell to cell.
        source: where the numbers come from, in words.
        ranges: of each of the three, the smallest and the largest of a pilot's comparisons; empty
            for typical numbers.
    """

    network: float
    patient: float
    residual: float
    source: str
    ranges: tuple[tuple[float, float], ...] = ()


# From our study of L2 on 80 patients of EMIDEC (docs/results/emidec-l2.md): root mean square over
# the five values from 0 to 0.001 against 0.0001. Numbers and source stand here alone.
TYPICAL = Variability(
    network=0.027,
    patient=0.004,
    residual=0.038,
    source="EMIDEC study, Dice of the myocardium (docs/results/emidec-l2.md); a pilot gives yours",
)


@dataclass(frozen=True)
class Goal:
    """What a study is to show, and how it is built.

    Attributes:
        difference: the true difference.
        margin: None to show the difference; else to show that it is smaller than this margin.
        power: the chance that is wanted.
        comparisons: differences that are judged together (values minus 1 against a reference).
        design, folds: as in a study file; ``folds`` counts only for the design of that name.
    """

    difference: float
    margin: float | None = None
    power: float = 0.8
    comparisons: int = 2
    design: Design = "seeds"
    folds: int = 5

    @property
    def step(self) -> int:
        """Networks per value come in multiples of this."""
        return self.folds if self.design == "folds" else 1

    @property
    def each_level(self) -> float:
        """Bonferroni's level of each interval, so that all hold together."""
        return LEVEL / self.comparisons


@dataclass(frozen=True)
class Smallest:
    """The fewest networks per value that reach the power with so many patients; ``inf`` if none."""

    patients: int
    networks: float
    chance: float


@dataclass(frozen=True)
class Plan:
    """Chances over sizes of a study, and the smallest sizes that are enough.

    Attributes:
        chances: row by row of ``networks``, column by column of ``patients``.
        smallest: for each number of patients.
        patients_needed: where some patients are too few for any number of networks: the fewest
            patients with ``patients_needed_networks`` networks, and with as many as can be.
    """

    goal: Goal
    variability: Variability
    networks: tuple[int, ...]
    patients: tuple[int, ...]
    chances: tuple[tuple[float, ...], ...]
    smallest: tuple[Smallest, ...]
    patients_needed: float | None
    patients_needed_networks: int
    patients_at_least: float | None


def chance_to_show(
    variability: Variability,
    goal: Goal,
    networks: int | float | np.ndarray,
    patients: int | float | np.ndarray,
) -> np.ndarray:
    """Probability that the interval of one comparison will show what is wanted; broadcast.

    The estimate is normal, and its standard error varies as the root of a chi-squared variable
    with Satterthwaite's degrees of freedom. With one component only this is the power of the t
    test. ``decide.chance_to_decide`` is about another question: whether anything will be shown,
    a difference or equivalence.

    Args:
        networks: per value, at least 2.
        patients: at least 2, and with folds at least one per fold.
    """
    n, p, r = variability.network**2, variability.patient**2, variability.residual**2
    networks, patients = np.broadcast_arrays(
        np.asarray(networks, float), np.asarray(patients, float)
    )
    shape, networks, patients = networks.shape, networks.reshape(-1), patients.reshape(-1)
    cells = networks * patients / goal.step
    variance = np.maximum(n / networks + p / patients + r / cells, 1e-300)
    # what a mean square holds of the other components: with folds of the other factor, too
    folds = goal.design == "folds"
    of_networks = np.minimum(n / networks + (r + (p if folds else 0)) / cells, variance)
    of_patients = p / patients + (r + (n if folds else 0)) / cells
    of_cells = (r + (n + p if folds else 0)) / cells
    df = degrees_of_freedom(of_networks, variance - of_networks, networks, patients)
    spread = of_networks**2 / (networks - 1) + of_patients**2 / (patients - 1)
    spread = spread + of_cells**2 / ((networks - 1) * (patients - 1))
    freedom = (variance**2 / np.maximum(spread, 1e-300))[:, None]
    se = np.sqrt(variance)[:, None]
    limit = special.stdtrit(df, 1 - goal.each_level / 2)[:, None]
    half = limit * se * np.sqrt(special.chdtri(freedom, 1 - _SPREADS) / freedom)
    if goal.margin is None:
        chances = special.ndtr((abs(goal.difference) - half) / se)
    else:
        room = np.maximum(goal.margin - half, 0.0)
        above, below = (room - goal.difference) / se, (-room - goal.difference) / se
        chances = special.ndtr(above) - special.ndtr(below)
    return chances.mean(1).reshape(shape)


def smallest_networks(variability: Variability, goal: Goal, patients: int) -> Smallest:
    """The fewest networks per value with the wanted chance, for these patients."""
    fewest = goal.step if goal.step > 1 else 2
    counts = np.arange(fewest, MOST_NETWORKS + 1, goal.step)
    found = _first(counts, lambda some: chance_to_show(variability, goal, some, patients), goal)
    chance = chance_to_show(
        variability, goal, int(counts[-1]) if found is None else found, patients
    )
    return Smallest(patients, inf if found is None else float(found), float(chance))


def smallest_patients(variability: Variability, goal: Goal, networks: int) -> float:
    """The fewest patients with the wanted chance, for so many networks; ``inf`` if none."""
    counts = np.arange(max(2, goal.step), MOST_PATIENTS + 1)
    found = _first(counts, lambda some: chance_to_show(variability, goal, networks, some), goal)
    return inf if found is None else float(found)


def _first(
    counts: np.ndarray, chances: Callable[[np.ndarray], np.ndarray], goal: Goal
) -> int | None:
    """The first count with the wanted chance, which grows with them; None if there is none."""
    coarse = np.unique(np.geomspace(1, len(counts), 60).astype(int)) - 1
    enough = np.flatnonzero(chances(counts[coarse]) >= goal.power)
    if not len(enough):
        return None
    before = coarse[enough[0] - 1] + 1 if enough[0] else 0
    between = counts[before : coarse[enough[0]] + 1]
    return int(between[np.flatnonzero(chances(between) >= goal.power)[0]])


def plan_study(
    variability: Variability,
    goal: Goal,
    *,
    networks: int | None = None,
    patients: int | None = None,
    also_patients: int | None = None,
) -> Plan:
    """The chances of a study, for one size or for a choice of them.

    Args:
        networks, patients: as planned; None for a choice of numbers.
        also_patients: a number that the choice of patients has, too.

    Raises:
        InputError: with everything in the goal or the sizes that cannot be.
    """
    _check(goal, networks, patients)
    usual = tuple(goal.step * k for k in _REPEATS) if goal.design == "folds" else _NETWORKS
    rows = usual if networks is None else (networks,)
    several = {*_PATIENTS, *({also_patients} if also_patients else ())}
    columns = tuple(sorted(several)) if patients is None else (patients,)
    columns = tuple(count for count in columns if count >= max(2, goal.step))
    table = chance_to_show(variability, goal, np.array(rows)[:, None], np.array(columns)[None, :])
    smallest = tuple(smallest_networks(variability, goal, count) for count in columns)
    short = any(not isfinite(one.networks) for one in smallest)
    for_networks = networks or (2 * goal.step if goal.design == "folds" else 10)
    most = MOST_NETWORKS - MOST_NETWORKS % goal.step
    return Plan(
        goal,
        variability,
        rows,
        columns,
        tuple(tuple(map(float, row)) for row in table),
        smallest,
        smallest_patients(variability, goal, for_networks) if short or networks else None,
        for_networks,
        smallest_patients(variability, goal, most) if short else None,
    )


def _check(goal: Goal, networks: int | None, patients: int | None) -> None:
    problems = []
    if not 0 < goal.power < 1:
        problems.append(f"a power lies between 0 and 1, got {goal.power:g}; write for instance 0.8")
    if goal.comparisons < 1:
        problems.append(f"there is at least 1 comparison, got {goal.comparisons}")
    if goal.design == "folds" and goal.folds < 2:
        problems.append(f"there are at least 2 folds, got {goal.folds}; write for instance 5")
    if goal.margin is None and not 0 < abs(goal.difference) < inf:
        problems.append(
            f"a difference to show is a number other than 0, got {goal.difference:g}; write for "
            "instance 0.02, or plan for equivalence"
        )
    if goal.margin is not None and not 0 < goal.margin < inf:
        problems.append(
            f"a margin is a number above 0, got {goal.margin:g}; write for instance 0.02"
        )
    elif goal.margin is not None and not abs(goal.difference) < goal.margin:
        problems.append(
            f"only a difference below the margin can be shown to be negligible, got a difference "
            f"of {goal.difference:g} and a margin of {goal.margin:g}; leave the difference away "
            "for a true difference of 0"
        )
    if networks is not None and (networks < 2 or networks % goal.step):
        wanted = f"a multiple of the {goal.folds} folds" if goal.step > 1 else "at least 2"
        problems.append(f"networks per value are {wanted}, got {networks}")
    if patients is not None and patients < max(2, goal.step):
        problems.append(
            f"patients are at least {max(2, goal.step)}"
            f"{', one for each fold' if goal.step > 1 else ''}, got {patients}"
        )
    if problems:
        raise InputError(problems, "the study cannot be planned")
