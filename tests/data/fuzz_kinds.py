"""A good folder of each kind that myosweep imports, for the fuzz test to damage."""

from pathlib import Path

import numpy as np
from PIL import Image
from tests.data.fuzz import Kind

from myosweep.data.png import import_png
from myosweep.regions import named_scheme

SIDE = 24
THREE = named_scheme("three")


def ring(shift: int = 0) -> np.ndarray:
    """Blood pool and myocardium in the middle of a slice."""
    y, x = np.mgrid[:SIDE, :SIDE]
    radius = np.hypot(y - SIDE / 2, x - SIDE / 2 - shift)
    return np.select([radius < 4, radius < 8], [1, 2], 0).astype(np.uint8)


def picture(number: int) -> np.ndarray:
    noise = np.random.default_rng(number).integers(0, 60, (SIDE, SIDE))
    return (np.choose(ring(), [60, 180, 20]) + noise).astype(np.uint16)


def write_png(folder: Path) -> None:
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for number, mode in enumerate([np.uint8, np.uint16, np.uint8]):
        pixels = picture(number).astype(mode)
        Image.fromarray(pixels).save(folder / "images" / f"P1_{number}.png")
        ending = ["png", "tif", "bmp"][number]
        Image.fromarray(ring()).save(folder / "masks" / f"P1_{number}.{ending}")


def load_png(folder: Path, out: Path) -> object:
    pattern = r"(?P<patient>P\d+)_(?P<slice>\d+)"
    return import_png(
        folder / "images", folder / "masks", out, patient=pattern, scheme=THREE, crop=SIDE
    )


KINDS = [Kind("png", write_png, load_png)]
