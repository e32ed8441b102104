"""Turns: one process at a time decides and writes for a whole study."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from myosweep.results.layout import StudyFolder
from myosweep.training.claim import take_claim

_POLL_S = 0.1


@contextmanager
def turn(home: StudyFolder) -> Iterator[None]:
    """Be the only process that writes the study; wait for others, which takes no time."""
    while (claim := take_claim(home.turns)) is None or not claim.is_newest:
        if claim is not None:  # of a number that was used and cleared away meanwhile
            home.turns.claim(claim.number).unlink(missing_ok=True)
        time.sleep(_POLL_S)
    try:
        yield
    finally:
        claim.release()
        for old in home.turns.claims[:-1]:
            old.unlink(missing_ok=True)
