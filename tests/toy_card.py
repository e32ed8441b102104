"""A toy study whose model cards can be reckoned by hand: known failures, sites, levels, licence.

Ten patients with a slice each of base, middle and apex: a disc (blood pool, radius 4) in a ring
(myocardium, outer radius 10, 9 and 6). In patients with odd numbers the apex has radius 5. The
first network is right, but marks nothing at these small apices; the second one marks nothing at
any apex.
"""

from pathlib import Path
from typing import Any

import numpy as np

from myosweep.data.store import Dataset, new_dataset, open_dataset
from tests.toy import SCHEME, Toy, toy_study

PATIENTS = tuple(f"Qx{number:02d}Zt" for number in range(10))
HOSPITALS = ("Lundby", "Malmberg")
LICENCE = "CC BY-NC-SA 4.0"
SIDE = 32
_RADII = {"base": 10.0, "middle": 9.0, "apex": 6.0}
_SMALL = 5.0
FIELD = "l2.strength"
VALUE, OTHER = 5e-4, 5e-3


def ring(radius: float) -> np.ndarray:
    """Codes: 1 within radius 4, 2 from there to ``radius``."""
    y, x = np.mgrid[:SIDE, :SIDE] - SIDE / 2 + 0.5
    distance = np.hypot(y, x)
    return np.select([distance < 4, distance < radius], [1, 2], 0).astype(np.uint8)


def area(radius: float) -> int:
    """Pixels of the myocardium."""
    return int((ring(radius) == 2).sum())


def card_dataset(folder: Path, **source: Any) -> Dataset:
    """The patients; with a site, a vendor and pixels of 1.5 mm."""
    rng = np.random.default_rng(0)
    kinds = np.dtype(np.uint8), np.dtype(np.uint8)
    stated = {"kind": "image folder", "crop": SIDE, "crop_around": "masks", "licence": LICENCE}
    with new_dataset(folder, *kinds, SCHEME, {**stated, **source}) as draft:
        for number, patient in enumerate(PATIENTS):
            for place, (level, radius) in enumerate(_RADII.items()):
                labels = ring(_SMALL if level == "apex" and number % 2 else radius)
                image = rng.integers(0, 255, labels.shape, np.uint8)
                draft.append(
                    image,
                    labels,
                    slice=f"{patient}_{place:03d}",
                    patient=patient,
                    site=HOSPITALS[number % 2],
                    vendor="Acme" if number < 8 else "Bmed",
                    level=level,
                    spacing_mm=1.5,
                )
    return open_dataset(folder)


def blind_at_the_apex(reference: np.ndarray, network: int) -> np.ndarray:
    """The reference without the myocardium of small apices (network 0), or of all (1)."""
    limit = area(_SMALL if network == 0 else _RADII["apex"])
    areas = (reference == 2).sum((1, 2))
    hidden = (reference == 2) & (areas <= limit)[:, None, None]
    return np.where(hidden, 0, reference).astype(np.uint8)


def card_study(folder: Path, **config: Any) -> Toy:
    """Two values with two networks each, tested on five patients."""
    content: dict[str, Any] = {"split": {"fractions": [0.3, 0.2, 0.5]}, **config}
    data = content.pop("data", None) or card_dataset(folder / "data")
    return toy_study(
        folder,
        {(VALUE,): (0, 1), (OTHER,): (1, 1)},
        fields=(FIELD,),
        data=data,
        answer=blind_at_the_apex,
        **content,
    )
