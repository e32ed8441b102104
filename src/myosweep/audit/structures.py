"""Which regions of a scheme are the blood pool and the myocardium, told by their names."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8

from myosweep.regions import NO_REGION, RegionScheme

_POOL = {
    "blood pool", "bloodpool", "blood", "cavity", "lv cavity", "left ventricular cavity",
    "lv blood pool", "left ventricle", "lv",
}  # fmt: skip
_MYOCARDIUM = (
    "myocard", "infarct", "scar", "no-reflow", "no reflow", "oedema", "edema", "fibrosis",
)  # fmt: skip
_NOT_OURS = ("right", "rv", "atri")


@dataclass(frozen=True)
class Structures:
    """Positions of regions in their scheme.

    Attributes:
        pool: the blood pool of the left ventricle, if a region has such a name.
        myocardium: the regions that make up its wall.
        ventricle: pool and myocardium if both are known, else every region but the first.
    """

    names: tuple[str, ...]
    pool: int | None
    myocardium: tuple[int, ...]
    ventricle: tuple[int, ...]

    @property
    def complete(self) -> bool:
        """Whether both blood pool and myocardium are known."""
        return self.pool is not None and bool(self.myocardium)


def find_structures(scheme: RegionScheme) -> Structures:
    """Blood pool and myocardium of a scheme; the first region is always the background.

    >>> from myosweep.regions import named_scheme
    >>> find_structures(named_scheme("five")).myocardium
    (2, 3, 4)
    """
    words = [name.strip().lower().replace("_", " ") for name in scheme.names]
    pool = next((place for place, name in enumerate(words) if place and name in _POOL), None)
    myocardium = tuple(
        place
        for place, name in enumerate(words)
        if place
        and any(word in name for word in _MYOCARDIUM)
        and not any(name.startswith(word) for word in _NOT_OURS)
    )
    others = tuple(range(1, len(words)))
    ventricle = others if pool is None or not myocardium else tuple(sorted((pool, *myocardium)))
    return Structures(scheme.names, pool, myocardium, ventricle)


def belongs(
    maps: UInt8[np.ndarray, "*shape"], regions: Sequence[int]
) -> Bool[np.ndarray, "*shape"]:
    """Which pixels of region maps lie in one of the regions."""
    table = np.zeros(NO_REGION + 1, bool)
    table[list(regions)] = True
    return table[maps]
