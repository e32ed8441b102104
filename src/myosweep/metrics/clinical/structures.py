"""The left ventricle of one patient as masks, whatever the regions of the study are called."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, UInt8

from myosweep.errors import InputError
from myosweep.regions import RegionScheme

Structure = Literal["cavity", "myocardium", "infarct", "no-reflow", "right ventricle"]

KNOWN_NAMES: dict[str, Structure] = {
    "blood pool": "cavity",
    "cavity": "cavity",
    "lv cavity": "cavity",
    "myocardium": "myocardium",
    "normal myocardium": "myocardium",
    "healthy myocardium": "myocardium",
    "oedema": "myocardium",
    "edema": "myocardium",
    "infarct": "infarct",
    "infarction": "infarct",
    "myocardial infarction": "infarct",
    "scar": "infarct",
    "no reflow": "no-reflow",
    "mvo": "no-reflow",
    "microvascular obstruction": "no-reflow",
    "right ventricle": "right ventricle",
}
"""What regions of these names are, in lower case and with spaces for hyphens and underscores."""
_WALL = "myocardium"


@dataclass(frozen=True)
class Ventricle:
    """One patient's left ventricle.

    Attributes:
        cavity: blood pool, papillary muscles included if the masks have them in it.
        myocardium: all of it: normal, infarct and no-reflow.
        infarct: infarct and no-reflow; None where the masks do not tell infarct apart.
        no_reflow: None where the masks do not tell it apart.
    """

    cavity: Bool[np.ndarray, "slice y x"]
    myocardium: Bool[np.ndarray, "slice y x"]
    infarct: Bool[np.ndarray, "slice y x"] | None = None
    no_reflow: Bool[np.ndarray, "slice y x"] | None = None

    def only(self, rows: np.ndarray | slice) -> "Ventricle":
        """Some of its slices."""
        infarct = None if self.infarct is None else self.infarct[rows]
        no_reflow = None if self.no_reflow is None else self.no_reflow[rows]
        return Ventricle(self.cavity[rows], self.myocardium[rows], infarct, no_reflow)


@dataclass(frozen=True)
class Parts:
    """Which regions of a scheme make which structure, by their positions."""

    cavity: tuple[int, ...]
    myocardium: tuple[int, ...]
    infarct: tuple[int, ...]
    no_reflow: tuple[int, ...]

    @property
    def tells_infarct(self) -> bool:
        return bool(self.infarct)

    def ventricle(self, region_map: UInt8[np.ndarray, "slice y x"]) -> Ventricle:
        """The ventricle in a region map; ``NO_REGION`` belongs to nothing."""
        of_infarct = (*self.infarct, *self.no_reflow)
        return Ventricle(
            np.isin(region_map, self.cavity),
            np.isin(region_map, (*self.myocardium, *of_infarct)),
            np.isin(region_map, of_infarct) if self.infarct else None,
            np.isin(region_map, self.no_reflow) if self.no_reflow else None,
        )


def structure_of(name: str) -> Structure | None:
    """What a region is, by its name.

    >>> structure_of("Blood_pool"), structure_of("no-reflow"), structure_of("background")
    ('cavity', 'no-reflow', None)
    """
    plain = " ".join(name.casefold().replace("-", " ").replace("_", " ").split())
    return KNOWN_NAMES.get(plain)


def check_named(named: Iterable[str], *schemes: RegionScheme) -> None:
    """Look whether each named region is in one of some schemes.

    Raises:
        InputError: naming those that are in none.
    """
    known = list(dict.fromkeys(name for scheme in schemes for name in scheme.names))
    if unknown := [name for name in named if name not in known]:
        raise InputError(
            f"there is no region {' or '.join(map(repr, unknown))} to be named as a structure; the "
            f"regions of the study and of the reference are {', '.join(map(repr, known))}"
        )


def parts_of(scheme: RegionScheme, named: Mapping[str, Structure] | None = None) -> Parts:
    """Which regions of a scheme make which structure.

    Args:
        named: structures of regions with names of their own; the others go by ``KNOWN_NAMES``.
            Regions of other schemes may be among them, see ``check_named``.

    Raises:
        InputError: if no region is the cavity, or none the myocardium.
    """
    given = dict(named or {})
    found = {name: given.get(name) or structure_of(name) for name in scheme.names}

    def at(structure: Structure) -> tuple[int, ...]:
        return tuple(k for k, name in enumerate(scheme.names) if found[name] == structure)

    parts = Parts(at("cavity"), at("myocardium"), at("infarct"), at("no-reflow"))
    missing = [
        name
        for name, there in (("cavity", parts.cavity), ("myocardium", parts.myocardium))
        if not there
    ]
    if missing:
        raise InputError(
            f"clinical measures need the {' and the '.join(missing)}, and none of the regions "
            f"{', '.join(map(repr, scheme.names))} is known as such; say which it is, for instance "
            f'--structure "{missing[0]}={scheme.names[-1]}"'
        )
    return parts


def targets_of(names: Sequence[str]) -> dict[str, tuple[int, ...]]:
    """What slices can be looked at for: each region, and the whole wall where several make it.

    Args:
        names: of a scheme's regions, in order.

    Returns:
        positions of regions by the target's name.

    >>> targets_of(("background", "blood pool", "normal myocardium", "infarct"))["myocardium"]
    (2, 3)
    """
    targets: dict[str, tuple[int, ...]] = {name: (k,) for k, name in enumerate(names)}
    wall = _wall(names)
    if len(wall) > 1:
        targets[f"whole {_WALL}" if _WALL in names else _WALL] = wall
    return targets


def main_target(names: Sequence[str]) -> str:
    """The whole wall; the last region where no region is known as myocardium.

    >>> main_target(("background", "blood pool", "normal myocardium", "infarct"))
    'myocardium'
    >>> main_target(("background", "atrium"))
    'atrium'
    """
    wall = _wall(names)
    return next((name for name, of in targets_of(names).items() if of == wall), names[-1])


def _wall(names: Sequence[str]) -> tuple[int, ...]:
    """Positions of all regions that make the wall; none where no region is myocardium."""
    known = [structure_of(name) for name in names]
    parts = ("myocardium", "infarct", "no-reflow")
    return tuple(k for k, one in enumerate(known) if one in parts) if _WALL in known else ()
