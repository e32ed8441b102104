"""Models made by hand whose answer on each pixel is known: no torch, no training."""

from collections.abc import Callable

import numpy as np

from myosweep.config import RunSettings
from myosweep.predict.facts import Member, ModelFacts, NormaliserFacts
from myosweep.predict.model import Model

REGIONS = {"background": (0,), "blood pool": (1,), "myocardium": (2, 3, 4)}
FIVE = {
    "background": (0,),
    "blood pool": (1,),
    "normal myocardium": (2,),
    "infarct": (3,),
    "no-reflow": (4,),
}


def facts_for(
    height: int,
    width: int,
    *,
    spacing_mm: tuple[float, float] | None = None,
    regions: dict[str, tuple[int, ...]] = REGIONS,
) -> ModelFacts:
    """Facts of a network of 8-bit images without any normalisation."""
    member = Member(
        run="0" * 16,
        label="by hand",
        seed=0,
        settings=RunSettings(depth=2),
        pixel_hash="p",
        split_hash="s",
        weights_sha256="w",
        normaliser=0,
    )
    return ModelFacts(
        made_by="tests",
        regions=regions,
        height_px=height,
        width_px=width,
        spacing_mm=spacing_mm,
        normalisers=(NormaliserFacts(kind="zero-centre", low=0, high=255, mean=0),),
        members=(member,),
    )


def by_grey(images: np.ndarray) -> np.ndarray:
    """Background below 100, blood pool from 100 on, myocardium from 200 on: sure of itself."""
    grey = images[:, 0]
    regions = (grey >= 100).astype(int) + (grey >= 200)
    return np.moveaxis(np.eye(3, dtype=np.float32)[regions], 3, 1)


def in_steps(images: np.ndarray) -> np.ndarray:
    """Five regions, by steps of 50 grey levels."""
    return np.moveaxis(np.eye(5, dtype=np.float32)[(images[:, 0] // 50).astype(int)], 3, 1)


def grey_model(
    height: int,
    width: int,
    engine: Callable[[np.ndarray], np.ndarray] = by_grey,
    **facts: object,
) -> Model:
    return Model(facts_for(height, width, **facts), engine, "by hand")


def codes_by_grey(images: np.ndarray) -> np.ndarray:
    """The label codes that ``by_grey`` gives to pixels."""
    return ((images >= 100).astype(np.uint8) + (images >= 200)).astype(np.uint8)


def in_window(images: np.ndarray, top: int, left: int, height: int, width: int) -> np.ndarray:
    """``codes_by_grey`` in a window, 0 elsewhere."""
    expected = np.zeros(images.shape, np.uint8)
    inside = np.s_[:, max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
    expected[inside] = codes_by_grey(images)[inside]
    return expected
