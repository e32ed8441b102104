"""Boundary scores, side by side on one core: myosweep, MONAI and DeepMind's surface-distance.

    python benchmarks/boundary.py [--data EMIDEC_FOLDER] [--slices 60]

All score the same slices and regions at the same tolerance, in turn, and ratios are taken round by
round. myosweep counts overlap and 14
tolerances in the same time; the others compute the surface Dice at one tolerance.
"""

import os

os.environ.update(
    dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
)

import argparse
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import monai.metrics
import numpy as np
import surface_distance
import torch
from PIL import Image

from common import EMIDEC_SCHEME as SCHEME
from common import (
    SIZE_PX,
    Ratio,
    Turn,
    machine_facts,
    positive,
    print_machine,
    take_turns,
    turn_of,
)
from myosweep.metrics import SliceCounts, count_slices, hits_within

REGIONS = len(SCHEME.names)
TOLERANCE_PX = 2.0
ALL_SLICES = 700


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--data", type=Path, help="folder with EMIDEC masks/*.png")
    options.add_argument("--slices", type=positive, default=60, help="slices that the peers score")
    options.add_argument("--rounds", type=positive, default=5)
    options.add_argument("--seconds", type=float, default=1, help="of each, per round")
    given = options.parse_args()
    torch.set_num_threads(1)
    print_machine(machine_facts(("numpy", "scipy", "torch", "monai", "surface-distance")), 1)
    print(f"data: {'EMIDEC' if given.data else 'generated ellipses'}")
    references = read_references(given.data) if given.data else ellipses(200)
    references = references[np.arange(ALL_SLICES) % len(references)]
    predictions = perturbed(references)
    few = np.linspace(0, ALL_SLICES - 1, given.slices).astype(int)
    compare(references[few], predictions[few], given)
    all_of_them = turn(score_ours, references, predictions)
    (ours,) = take_turns({"myosweep": all_of_them}, given.rounds, given.seconds, given.seconds)
    print(
        f"myosweep, {ALL_SLICES} slices x {REGIONS} regions, {SIZE_PX} px square: "
        f"{ALL_SLICES / ours.median:.3f} s"
    )


Scores = Callable[[np.ndarray, np.ndarray], np.ndarray]


def compare(references: np.ndarray, predictions: np.ndarray, given: argparse.Namespace) -> None:
    """Print time per slice, ratio to ours, and how far the surface Dice lies from ours."""
    peers: dict[str, Scores] = {"monai": score_monai, "surface-distance": score_surface_distance}
    turns = {
        name: turn(score, references, predictions)
        for name, score in ({"myosweep": score_ours} | peers).items()
    }
    ours, *others = take_turns(turns, given.rounds, given.seconds, 0)
    expected = score_ours(references, predictions)
    print(f"{len(references)} slices, tolerance {TOLERANCE_PX:g} px, time per slice:")
    print(f"  myosweep          {1e3 / ours.median:8.3f} ms")
    for other in others:
        found = peers[other.name](references, predictions)
        both = ~np.isnan(found) & ~np.isnan(expected)
        print(
            f"  {other.name:17} {1e3 / other.median:8.3f} ms, {Ratio.of(ours, other)} times ours; "
            f"largest difference in surface Dice {np.abs(found - expected)[both].max():.2g}"
        )


def turn(score: Scores, references: np.ndarray, predictions: np.ndarray) -> Turn:
    """Score all slices again and again; counts slices."""

    def steps() -> Iterator[float]:
        while True:
            score(references, predictions)
            yield len(references)

    return turn_of(steps())


def score_ours(references: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    return surface_dice(count_slices(references, predictions, REGIONS))


def surface_dice(counts: SliceCounts) -> np.ndarray:
    hits = hits_within(counts.reference_hits + counts.prediction_hits, TOLERANCE_PX)
    lengths = counts.reference_boundary + counts.prediction_boundary
    return np.where(lengths > 0, hits / np.maximum(lengths, 1), np.nan)


def score_monai(references: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    one_hot = [
        torch.from_numpy(np.stack([maps == region for region in range(REGIONS)], axis=1))
        for maps in (predictions, references)
    ]
    tolerances_px = [TOLERANCE_PX] * REGIONS
    return monai.metrics.compute_surface_dice(*one_hot, tolerances_px, True).numpy()


def score_surface_distance(references: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """It measures lengths along a dual grid, so its scores differ a little by definition."""
    scores = np.full((len(references), REGIONS), np.nan)
    for position, region in np.ndindex(scores.shape):
        masks = references[position] == region, predictions[position] == region
        distances = surface_distance.compute_surface_distances(*masks, spacing_mm=(1, 1))
        scores[position, region] = surface_distance.compute_surface_dice_at_tolerance(
            distances, TOLERANCE_PX
        )
    return scores


def read_references(folder: Path) -> np.ndarray:
    files = sorted((folder / "masks").glob("*.png"))
    if not files:
        raise SystemExit(f"no PNG files in {folder / 'masks'}; give the folder that holds masks/")
    masks = np.stack([np.array(Image.open(file)) for file in files])
    top, left = ((length - SIZE_PX) // 2 for length in masks.shape[1:])
    return SCHEME.encode(masks[:, top : top + SIZE_PX, left : left + SIZE_PX])


def ellipses(slices: int) -> np.ndarray:
    """Rings of changing size and place, one per slice."""
    y, x = np.mgrid[:SIZE_PX, :SIZE_PX]
    number = np.arange(slices)[:, None, None]
    radius_px = np.hypot((y - 64 - number % 5) / (1 + 0.1 * (number % 4)), x - 64 - number % 7)
    outer_px = 22 + number % 17
    return ((radius_px < outer_px) * 2 - (radius_px < 0.6 * outer_px)).astype(np.uint8)


def perturbed(references: np.ndarray) -> np.ndarray:
    """The references moved by 0 to 3 pixels in y and x, differently from slice to slice."""
    return np.stack(
        [np.roll(m, (number % 4, number // 4 % 4), (0, 1)) for number, m in enumerate(references)]
    )


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # the peers warn of empty regions and of their own functions
    main()
