"""Looking at a growing study more than once without fooling oneself: alpha is spent, not reused."""

from collections.abc import Sequence

from myosweep.results.ledger import Look

LEVEL = 0.05


def spending(networks: int, largest: int, level: float = LEVEL) -> float:
    """Share of errors that all looks up to so many networks may spend together.

    >>> spending(10, 10), round(spending(5, 10), 5)
    (0.05, 0.00625)
    """
    return level * min(networks / largest, 1.0) ** 3


def next_look(
    past: Sequence[Look], networks: int, values: Sequence[str], largest: int
) -> Look | None:
    """The look that is due now; None if nothing is left to spend on it.

    The same networks and values as at an earlier look are that look again. Values added without
    networks were chosen after seeing results, and networks beyond the largest number were not
    foreseen: nothing is left for either, and what they show is exploratory.
    """
    names = tuple(values)
    for look in past:
        if look.networks == networks and set(look.values) == set(names):
            return look
    before = max((look.networks for look in past), default=0)
    if networks <= before or networks > largest:
        return None
    # what earlier looks really spent counts, so that the sum never exceeds the level
    spent = spending(networks, largest) - sum(look.spent for look in past)
    return Look(networks, names, spent) if spent > 0 else None
