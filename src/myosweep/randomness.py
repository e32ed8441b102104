"""Randomness as an argument: one independent stream per purpose, addressed by numbers.

Nothing in myosweep reads a global random generator. Whoever needs chance asks for
``stream(seed, purpose, epoch, image)``: the same address gives the same draws, in any order, in any
process, whatever else was drawn.
"""

from typing import Literal, get_args

import numpy as np

Purpose = Literal[
    "initialisation",
    "order",
    "augmentation",
    "dropout",
    "split",
    "phantom",
    "bootstrap",
    "folds",
    "subset",
    "label noise",
    "image noise",
    "hypergradient",
    "tuning",
]
_PURPOSES: tuple[str, ...] = get_args(Purpose)


def stream(seed: int, purpose: Purpose, *address: int) -> np.random.Generator:
    """The random stream of one purpose at one address.

    Args:
        seed: the run's, split's or phantom's seed, at least 0.
        purpose: what the draws are for; new purposes are added at the end of ``Purpose``.
        address: further non-negative numbers, such as epoch and image; as many for every stream
            of a purpose, since zeros at the end do not count.

    >>> float(stream(0, "order", 3).random()) == float(stream(0, "order", 3).random())
    True
    >>> float(stream(0, "order", 3).random()) == float(stream(0, "split", 3).random())
    False
    """
    entropy = (seed, _PURPOSES.index(purpose), *address)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))
