"""Heart search: how often and how exactly `predict` finds the heart on images with much around it.

    python benchmarks/heart_search.py results/my-study --value 0.0005 --patients 40 --seed 4321
    python benchmarks/heart_search.py MODEL --volume image.nii.gz --labels labels.nii.gz

MODEL was trained on phantoms (`myosweep demo` makes such a study). The patients are others: choose
a seed on which nothing was tuned. Each is drawn on fields of view of several sizes, and searched
whole and in cuts, anywhere in the field, that hold the whole heart. So is a volume with labels. A
heart is found if all of it lies in the window; the distance is that of the window's
middle from where it should be. Doubtful are those that `predict` would tell the user to look at.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common import machine_facts, positive, print_machine
from myosweep.data.nifti.volume import open_nifti
from myosweep.data.phantom import phantom_patient
from myosweep.data.signal import store_signal
from myosweep.predict.greys import fit_greys
from myosweep.predict.grid import Grid
from myosweep.predict.heart import around, middle_slices
from myosweep.predict.model import Model
from myosweep.predict.open import open_model
from myosweep.predict.placing import find_heart
from myosweep.training.device import processor_count

CUTS = 2
SHARES = (0.5, 0.8)
"""Sides of a cut, as shares of the whole field's."""


@dataclass(frozen=True)
class Stack:
    """Slices of one heart, and where it is (True in any region)."""

    images: np.ndarray
    heart: np.ndarray
    spacing_yx_mm: tuple[float, float]

    @property
    def box(self) -> tuple[int, int, int, int]:
        """First and last row, first and last column of the heart."""
        y, x = np.nonzero(self.heart.any(0))
        return int(y.min()), int(y.max()), int(x.min()), int(x.max())


@dataclass(frozen=True)
class Found:
    """What became of a search."""

    whole: bool
    sure: bool
    away_mm: float


def phantoms(seed: int, patients: int, field_px: int) -> Iterator[Stack]:
    for number in range(patients):
        slices = phantom_patient(seed, number, field_px)
        labels = np.stack([one.labels for one in slices])
        spacing = slices[0].spacing_mm
        yield Stack(np.stack([one.image for one in slices]), labels > 0, (spacing, spacing))


def volume(image: Path, labels: Path) -> Stack:
    opened = open_nifti(image)
    assert opened.spacing_yx_mm is not None
    heart = open_nifti(labels).read(opened.arrangement) > 0
    return Stack(store_signal(opened.read())[0], heart, opened.spacing_yx_mm)


def cuts(stack: Stack, rng: np.random.Generator) -> Iterator[Stack]:
    """Parts of a field, anywhere, in which the whole heart lies."""
    first_y, last_y, first_x, last_x = stack.box
    for _ in range(CUTS):
        inside = []
        for first, last, own in zip(
            (first_y, first_x), (last_y, last_x), stack.images.shape[1:], strict=True
        ):
            length = max(int(own * rng.uniform(*SHARES)), last - first + 1)
            start = rng.integers(max(last + 1 - length, 0), min(first, own - length) + 1)
            inside.append(slice(start, start + length))
        y, x = inside
        yield Stack(stack.images[:, y, x], stack.heart[:, y, x], stack.spacing_yx_mm)


def search(model: Model, stack: Stack) -> Found:
    """One search, as ``predict`` does it."""
    images, _ = fit_greys(model.facts, stack.images)
    grid = Grid.for_model(model.facts, images.shape[1:], stack.spacing_yx_mm)
    seen = grid.resample(images)
    found = find_heart(model, grid, [seen[at] for at in middle_slices(len(seen))])
    step = np.array(seen.shape[1:]) / images.shape[1:]
    mm = np.array(stack.spacing_yx_mm) / step
    first_y, last_y, first_x, last_x = stack.box
    low, high = np.array([first_y, first_x]) * step, np.array([last_y, last_x]) * step
    wanted = around(grid, tuple((low + high) / 2))
    start = np.array([found.place.top, found.place.left])
    away = (start - [wanted.top, wanted.left]) * mm
    whole = (low >= start - 0.5).all() and (high <= start + grid.network - 0.5).all()
    return Found(bool(whole), found.is_sure, float(np.hypot(*away)))


def report(name: str, results: list[Found]) -> None:
    found = [one for one in results if one.whole]
    away = [one.away_mm for one in found]
    missed = [one for one in results if not one.whole]
    print(
        f"{name:<28} {len(results):7d} {len(found) / len(results):7.1%} "
        f"{np.mean(away) if away else np.nan:8.1f} {max(away, default=np.nan):8.1f} "
        f"{sum(not one.sure for one in found):9d} "
        f"{sum(not one.sure for one in missed):6d} of {len(missed)}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("--value", action="append", default=[])
    parser.add_argument("--patients", type=positive, default=40)
    parser.add_argument("--seed", type=int, default=4321)
    parser.add_argument("--fields", type=positive, nargs="+", default=[192, 256, 320])
    parser.add_argument("--volume", type=Path)
    parser.add_argument("--labels", type=Path)
    wanted = parser.parse_args()
    print_machine(machine_facts(("torch", "myosweep")), processor_count())
    model = open_model(wanted.model, wanted.value)
    facts = model.facts
    print(f"{len(facts.members)} networks, input {facts.size} px, trained at {facts.spacing_mm} mm")
    print(
        f"{'images':<28} {'stacks':>7} {'found':>7} {'mean mm':>8} {'most mm':>8} {'doubtful':>9} "
        "doubtful of the others"
    )
    rng = np.random.default_rng(wanted.seed)
    if wanted.volume:
        stacks = {wanted.volume.name: [volume(wanted.volume, wanted.labels)]}
    else:
        stacks = {
            f"phantoms of {side} x {side}": list(phantoms(wanted.seed, wanted.patients, side))
            for side in wanted.fields
        }
    for name, some in stacks.items():
        report(name, [search(model, one) for one in some])
        report(f"{name}, cut", [search(model, part) for one in some for part in cuts(one, rng)])


if __name__ == "__main__":
    main()
