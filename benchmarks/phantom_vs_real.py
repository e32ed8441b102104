"""Phantom slices beside real LGE slices: a table of statistics and a picture.

    python benchmarks/phantom_vs_real.py --real ../shared/data/emidec --out docs/results

Reads the EMIDEC slices where they lie; writes only aggregates (phantom.md) and a figure
(phantom.png). Every image is cut to its central 128 x 128 pixels and scaled so that its 0.1 and
99.9 percentiles become 0 and 255.
"""

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from myosweep.data.phantom import REGIONS, phantom_patient
from myosweep.data.phantom.plan import draw_plan

SIZE = 128
KINDS = ("phase-sensitive", "magnitude")
REPORT = """# The phantom beside real slices

![Two rows of real slices, two rows of phantom slices](phantom.png)

Contours: epicardium and endocardium yellow, infarct red, no-reflow blue. Each image is shown between
its 0.5 and 99 percentiles. The real slices stand as published: turned in any direction and, in most
patients, stretched along one axis. The phantom is in the usual short-axis view, septum to the left.

Grey values after each image was scaled so that its 0.1 and 99.9 percentiles are 0 and 255. Median
(quartiles) over slices; the lower rows describe patients and whole collections. Central 128 x 128
pixels of every slice.

{table}

The no-image predictor gives each position the region that is most frequent there. It never sees an
image; what a network scores must be read beside it.

## What agrees

- The order and the spread of the grey values: infarct about as bright as blood, no-reflow dark, and
  in the phase-sensitive images a zero in the middle of the greys. Grey values within a region
  scatter as much as in real slices.
- How well blood stands out from myocardium against the scatter of the blood itself: about a third
  better than in real slices in phase-sensitive images, alike in magnitude images.
- The size of the ventricle in the image, the thickness of its wall, the share of patients with an
  infarct, and the size of the infarcts.
- How far one gets without seeing the image.

## What does not agree

- The phantom has about twice the noise between neighbouring pixels. The real slices were enlarged
  before they were published, which smooths noise; the phantom is as a scanner stores it.
- The real slices are all phase-sensitive and from one hospital; the phantom has three vendors, and
  four in ten of its patients are magnitude images, which are darker on this scale.
- Phase-sensitive phantoms are somewhat darker than real slices: fat near the coil stretches the
  scale upwards more than dark stomach or spleen stretches it downwards.
- The wall has about a sixth fewer pixels than in the real slices, most of which were stretched.
- The basal ring is open at the outflow tract in the phantom; the EMIDEC references always close it.
- Around the heart, the phantom is simpler: no atria, no great vessels but the aorta, no spine, smooth
  lung. A network that does well on the phantom has not been shown to do well on patients.

The phantom's masks are exact, which no human reference is.

## How it was made

    python benchmarks/phantom_vs_real.py --real ../shared/data/emidec --out docs/results

Real slices: the EMIDEC challenge (Lalande et al., "Emidec: A Database Usable for the Automatic
Evaluation of Myocardial Infarction from Delayed-Enhancement Cardiac MRI", Data 2020, 5(4), 89);
slices as published in the GitHub repository irehmanar/LV_Segmentation_MRI_Dataset_EMIDEC. Licence: CC
BY-NC-SA 4.0, research use. The slices themselves are not part of this repository.
"""


@dataclass(frozen=True)
class Slice:
    """A scaled image (0 to 255) with its label codes; both collections share the codes."""

    patient: str
    grey: np.ndarray
    labels: np.ndarray
    kind: str


def main() -> None:
    arguments = parse_arguments()
    real = read_real(arguments.real)
    phantom = make_phantom(arguments.seed, arguments.patients)
    by_kind = [[one for one in phantom if one.kind == kind] for kind in KINDS]
    table = as_markdown([real, phantom, *by_kind])
    print(table)
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "phantom.md").write_text(REPORT.format(table=table), encoding="utf-8")
    draw(real, phantom, arguments.out / "phantom.png")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--real", type=Path, required=True, help="folder with images/ and masks/")
    parser.add_argument("--out", type=Path, required=True, help="folder for phantom.md and .png")
    parser.add_argument("--patients", type=int, default=80, help="phantom patients")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def read_real(folder: Path) -> list[Slice]:
    """The EMIDEC slices, from the apex to the base of each patient."""
    slices = []
    for path in sorted((folder / "images").glob("*.png")):
        with Image.open(path) as image, Image.open(folder / "masks" / path.name) as labels:
            grey, codes = centre(np.array(image)), centre(np.array(labels))
        slices.append(Slice(path.stem.partition("_slice")[0], scale(grey), codes, KINDS[0]))
    return slices


def make_phantom(seed: int, patients: int) -> list[Slice]:
    """The slices of the phantom patients 0 to ``patients - 1``, from the base to the apex."""
    slices = []
    for number in range(patients):
        kind = KINDS[0 if draw_plan(seed, number, SIZE).scan.is_phase_sensitive else 1]
        made = phantom_patient(seed, number, SIZE)
        slices += [Slice(one.patient, scale(one.image), one.labels, kind) for one in made]
    return slices


def centre(pixels: np.ndarray) -> np.ndarray:
    top, left = ((length - SIZE) // 2 for length in pixels.shape)
    return pixels[top : top + SIZE, left : left + SIZE]


def scale(grey: np.ndarray) -> np.ndarray:
    low, high = np.percentile(grey, [0.1, 99.9])
    return np.clip((grey - low) / (high - low), 0, 1) * 255


# One number per slice; nan where it is not defined.


def mean(code: int) -> Callable[[Slice], float]:
    return lambda one: one.grey[one.labels == code].mean() if code in one.labels else np.nan


def sd(code: int) -> Callable[[Slice], float]:
    return lambda one: one.grey[one.labels == code].std() if code in one.labels else np.nan


def contrast(one: Slice) -> float:
    return mean(1)(one) - mean(2)(one)


def noise(one: Slice) -> float:
    """Robust SD of the difference of neighbours in the blood pool, over the square root of two."""
    pool = one.labels == 1
    pairs = pool[:, 1:] & pool[:, :-1]
    if pairs.sum() < 20:
        return np.nan
    difference = np.diff(one.grey, axis=1)[pairs]
    return float(np.median(np.abs(difference)) / 0.6745 / np.sqrt(2))


def enhancement(one: Slice) -> float:
    """0 for an infarct as dark as myocardium, 1 for one as bright as blood."""
    return (mean(3)(one) - mean(2)(one)) / contrast(one) if contrast(one) > 5 else np.nan


def wall_px(one: Slice) -> float:
    return float((one.labels >= 2).sum())


def ring_px(one: Slice) -> float:
    """Distance of two circles with the areas of the blood pool and of the whole ventricle."""
    pool = float((one.labels == 1).sum())
    return float(np.sqrt((pool + wall_px(one)) / np.pi) - np.sqrt(pool / np.pi))


def over(numerator: Callable[[Slice], float], denominator: Callable[[Slice], float]) -> Callable:
    """The ratio of two measures, nan where the denominator is not positive."""
    return lambda one: numerator(one) / denominator(one) if denominator(one) > 0 else np.nan


SLICE_MEASURES: dict[str, Callable[[Slice], float]] = {
    "background: mean grey": mean(0),
    "blood pool: mean grey": mean(1),
    "myocardium without infarct: mean grey": mean(2),
    "infarct: mean grey": mean(3),
    "no-reflow: mean grey": mean(4),
    "background: SD": sd(0),
    "blood pool: SD": sd(1),
    "myocardium without infarct: SD": sd(2),
    "infarct: SD": sd(3),
    "no-reflow: SD": sd(4),
    "noise: SD between neighbours in the blood pool": noise,
    "(blood - myocardium) / SD of blood": over(contrast, sd(1)),
    "(blood - myocardium) / noise": over(contrast, noise),
    "infarct / blood, grey": over(mean(3), mean(1)),
    "(infarct - myocardium) / (blood - myocardium)": enhancement,
    "blood pool, pixels": lambda one: float((one.labels == 1).sum()),
    "myocardium, infarct included, pixels": wall_px,
    "thickness of the ring, pixels": ring_px,
}


# One text per collection of slices.


def size(slices: list[Slice]) -> str:
    return f"{len({one.patient for one in slices})}, {len(slices)}"


def patient_counts(slices: list[Slice]) -> np.ndarray:
    """Pixels per patient and label code."""
    patients = sorted({one.patient for one in slices})
    counts = np.zeros((len(patients), 5), int)
    for one in slices:
        counts[patients.index(one.patient)] += np.bincount(one.labels.ravel(), minlength=5)
    return counts


def infarct_prevalence(slices: list[Slice]) -> str:
    return f"{100 * (patient_counts(slices)[:, 3] > 0).mean():.0f} %"


def infarct_size(slices: list[Slice]) -> str:
    counts = patient_counts(slices)
    shares = 100 * counts[:, 3:].sum(axis=1) / counts[:, 2:].sum(axis=1)
    return spread(shares[shares > 0])


def no_reflow_prevalence(slices: list[Slice]) -> str:
    counts = patient_counts(slices)
    return f"{100 * (counts[counts[:, 3] > 0][:, 4] > 0).mean():.0f} %"


def region_maps(slices: list[Slice]) -> np.ndarray:
    return np.stack([REGIONS.encode(one.labels) for one in slices])


def most_frequent(maps: np.ndarray) -> np.ndarray:
    """The most frequent region per position: a predictor that never sees the image."""
    votes = [(maps == region).sum(axis=0) for region in range(len(REGIONS.names))]
    return np.argmax(votes, axis=0)


def no_image_accuracy(slices: list[Slice]) -> str:
    maps = region_maps(slices)
    return f"{100 * (maps == most_frequent(maps)).mean():.1f} %"


def no_image_dice(name: str) -> Callable[[list[Slice]], str]:
    """Dice over the pixels of all slices together."""

    def dice(slices: list[Slice]) -> str:
        maps, region = region_maps(slices), REGIONS.index(name)
        reference, prediction = maps == region, most_frequent(maps) == region
        both = (reference & prediction).sum()
        return f"{2 * both / (reference.sum() + len(maps) * prediction.sum()):.2f}"

    return dice


POPULATION_MEASURES: dict[str, Callable[[list[Slice]], str]] = {
    "patients with infarct": infarct_prevalence,
    "infarct, % of the myocardium, where there is one": infarct_size,
    "infarcts with no-reflow": no_reflow_prevalence,
    "all background: accuracy": lambda slices: f"{100 * (region_maps(slices) == 0).mean():.1f} %",
    "no-image predictor: accuracy": no_image_accuracy,
    "no-image predictor: Dice of the blood pool": no_image_dice("blood pool"),
    "no-image predictor: Dice of the myocardium": no_image_dice("myocardium"),
}


def spread(values: Iterable[float]) -> str:
    """Median and quartiles of the defined values."""
    defined = [value for value in values if np.isfinite(value)]
    if not defined:
        return "none"
    low, middle, high = np.percentile(defined, [25, 50, 75])
    digits = 0 if middle >= 20 else 1 if middle >= 3 else 2
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def as_markdown(collections: list[list[Slice]]) -> str:
    """The table: median (quartiles) over slices, then what describes a whole collection."""
    rows = [("patients, slices", *map(size, collections))]
    for name, measure in SLICE_MEASURES.items():
        rows.append((name, *(spread(map(measure, slices)) for slices in collections)))
    for name, describe in POPULATION_MEASURES.items():
        rows.append((name, *map(describe, collections)))
    lines = [
        "| | real | phantom | of it phase-sensitive | of it magnitude |",
        "|---|---|---|---|---|",
    ]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def draw(real: list[Slice], phantom: list[Slice], path: Path) -> None:
    """Two rows of real and two of phantom slices; the second of each with its contours."""
    columns = 8
    figure, axes = plt.subplots(4, columns, figsize=(16, 8.6), layout="constrained")
    titles = ("real", "real, reference", "phantom", "phantom, exact mask")
    chosen = [*pick(real, 2 * columns), *pick(phantom, 2 * columns)]
    for index, (one, axis) in enumerate(zip(chosen, axes.flat, strict=True)):
        dark, bright = np.percentile(one.grey, [0.5, 99])
        axis.imshow(one.grey, cmap="gray", vmin=dark, vmax=bright)
        axis.set(xticks=[], yticks=[])
        row, column = divmod(index, columns)
        if column == 0:
            axis.set_ylabel(titles[row], fontsize=13)
        if row % 2:
            draw_contours(axis, one.labels)
    figure.savefig(path, dpi=75)
    plt.close(figure)


def draw_contours(axis: plt.Axes, labels: np.ndarray) -> None:
    """Epicardium and endocardium in yellow, infarct in red, no-reflow in blue."""
    regions = ((labels > 0, "yellow"), (labels == 1, "yellow"), (labels >= 3, "red"))
    for region, colour in (*regions, (labels == 4, "deepskyblue")):
        if region.any():
            axis.contour(region, [0.5], colors=colour, linewidths=0.8)


def pick(slices: list[Slice], count: int) -> list[Slice]:
    """Slices of different patients, spread evenly over patients and over the ventricle."""
    patients = sorted({one.patient for one in slices})
    chosen = []
    for index, position in enumerate(np.linspace(0, len(patients) - 1, count).astype(int)):
        own = [one for one in slices if one.patient == patients[position]]
        chosen.append(own[(index * 3 + 2) % len(own)])
    return chosen


if __name__ == "__main__":
    main()
