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

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from myosweep.data.phantom import REGIONS, phantom_patient
from myosweep.data.phantom.plan import draw_plan

SIZE = 128
KINDS = ("phase-sensitive", "magnitude")
LABELS = ("background", "blood pool", "myocardium without infarct", "infarct", "no-reflow")
REPORT = """# The phantom beside real slices

![Two rows of real slices, two rows of phantom slices](phantom.png)

Contours: epicardium and endocardium yellow, infarct red, no-reflow blue. Each image is shown
between its 0.5 and 99 percentiles. The real slices stand as published: turned in any direction and,
in most patients, stretched along one axis. The phantom is in the usual short-axis view.

Grey values after each image was scaled so that its 0.1 and 99.9 percentiles are 0 and 255. Median
(quartiles) over slices, from the central 128 x 128 pixels; the last rows describe all slices
together. The no-image predictor gives each position the region that is most frequent there.

{table}

What agrees:

- Infarct is about as bright as blood, no-reflow is darker than infarct, and grey values within a
  region scatter as much as in real slices.
- Contrast between blood and myocardium against the scatter of the blood: alike in magnitude images,
  up to a half better in phase-sensitive ones.
- The size of the ventricle in the image, the thickness of its wall, the share of patients with an
  infarct and the size of the infarcts; and how far one gets without seeing the image.

What does not agree:

- The phantom has about twice the noise between neighbouring pixels. The real slices were enlarged
  before they were published, which smooths noise; the phantom is as a scanner stores it.
- The real slices are all phase-sensitive and from one hospital. The phantom has three vendors, and
  magnitude images by design in four of ten patients; they are darker on this scale.
- Phase-sensitive phantoms are somewhat darker than real slices: fat near the coil stretches their
  scale upwards more than dark stomach stretches it downwards.
- In phase-sensitive phantoms no-reflow is darker than healthy myocardium; in magnitude images of
  the phantom, and in real slices, slightly brighter.
- The wall has about a sixth fewer pixels than in the real slices, most of which were stretched.
- The basal ring of the phantom is open at the outflow tract; the EMIDEC references always close it.
- Around the heart the phantom is simpler: no atria, no great vessels but the aorta, no spine, a
  smooth lung. A score on the phantom says nothing about scores on patients.

Made by `python benchmarks/phantom_vs_real.py --real ../shared/data/emidec --out docs/results`.

Real slices: the EMIDEC challenge (Lalande et al., "Emidec: A Database Usable for the Automatic
Evaluation of Myocardial Infarction from Delayed-Enhancement Cardiac MRI", Data 2020, 5(4), 89);
slices as published in the GitHub repository irehmanar/LV_Segmentation_MRI_Dataset_EMIDEC. Licence:
CC BY-NC-SA 4.0, research use. The slices themselves are not part of this repository.
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
    phantom = make_phantom(arguments.patients)
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
    return parser.parse_args()


def read_real(folder: Path) -> list[Slice]:
    """The EMIDEC slices, from the apex to the base of each patient."""
    slices = []
    for path in sorted((folder / "images").glob("*.png")):
        with Image.open(path) as image, Image.open(folder / "masks" / path.name) as labels:
            grey, codes = centre(np.array(image)), centre(np.array(labels))
        slices.append(Slice(path.stem.partition("_slice")[0], scale(grey), codes, KINDS[0]))
    return slices


def make_phantom(patients: int, seed: int = 0) -> list[Slice]:
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
    **{f"{name}: mean grey": mean(code) for code, name in enumerate(LABELS)},
    **{f"{name}: SD": sd(code) for code, name in enumerate(LABELS)},
    "noise: SD between neighbours in the blood pool": noise,
    "(blood - myocardium) / SD of blood": over(contrast, sd(1)),
    "(blood - myocardium) / noise": over(contrast, noise),
    "infarct / blood, grey": over(mean(3), mean(1)),
    "blood pool, pixels": lambda one: float((one.labels == 1).sum()),
    "myocardium, infarct included, pixels": wall_px,
    "thickness of the ring, pixels": ring_px,
}


def patient_counts(slices: list[Slice]) -> np.ndarray:
    """Pixels per patient and label code."""
    patients = sorted({one.patient for one in slices})
    counts = np.zeros((len(patients), 5), int)
    for one in slices:
        counts[patients.index(one.patient)] += np.bincount(one.labels.ravel(), minlength=5)
    return counts


def share_with(code: int, among: int) -> Callable[[list[Slice]], str]:
    """Share of patients with ``code`` in a mask, among those who have ``among``."""

    def share(slices: list[Slice]) -> str:
        counts = patient_counts(slices)
        return f"{100 * (counts[counts[:, among] > 0, code] > 0).mean():.0f} %"

    return share


def infarct_size(slices: list[Slice]) -> str:
    counts = patient_counts(slices)
    shares = 100 * counts[:, 3:].sum(axis=1) / counts[:, 2:].sum(axis=1)
    return spread(shares[shares > 0])


def region_maps(slices: list[Slice]) -> np.ndarray:
    return np.stack([REGIONS.encode(one.labels) for one in slices])


def most_frequent(maps: np.ndarray) -> np.ndarray:
    """The most frequent region per position: a predictor that never sees the image."""
    votes = [(maps == region).sum(axis=0) for region in range(len(REGIONS.names))]
    return np.argmax(votes, axis=0)


def no_image(slices: list[Slice]) -> str:
    """Accuracy and Dice of blood pool and myocardium, over the pixels of all slices together."""
    maps = region_maps(slices)
    guess = np.broadcast_to(most_frequent(maps), maps.shape)
    scores = [f"{100 * (maps == guess).mean():.1f} %"]
    for region in (REGIONS.index("blood pool"), REGIONS.index("myocardium")):
        reference, prediction = maps == region, guess == region
        both = (reference & prediction).sum()
        scores.append(f"{2 * both / (reference.sum() + prediction.sum()):.2f}")
    return ", ".join(scores)


POPULATION_MEASURES: dict[str, Callable[[list[Slice]], str]] = {
    "patients, slices": lambda slices: f"{len(patient_counts(slices))}, {len(slices)}",
    "patients with infarct": share_with(3, among=2),
    "infarct, % of the myocardium, where there is one": infarct_size,
    "infarcts with no-reflow": share_with(4, among=3),
    "all background: accuracy": lambda slices: f"{100 * (region_maps(slices) == 0).mean():.1f} %",
    "no-image predictor: accuracy, Dice of blood pool, Dice of myocardium": no_image,
}


def spread(values: Iterable[float]) -> str:
    """Median and quartiles of the defined values, of which there is one at least."""
    defined = [value for value in values if np.isfinite(value)]
    low, middle, high = np.percentile(defined, [25, 50, 75])
    digits = 0 if middle >= 20 else 1 if middle >= 3 else 2
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def as_markdown(collections: list[list[Slice]]) -> str:
    """The table: median (quartiles) over slices, then what describes a whole collection."""
    rows = [
        (name, *(spread(map(measure, slices)) for slices in collections))
        for name, measure in SLICE_MEASURES.items()
    ]
    rows += [(name, *map(of, collections)) for name, of in POPULATION_MEASURES.items()]
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
    regions = labels > 0, labels == 1, labels >= 3, labels == 4
    for region, colour in zip(regions, ("yellow", "yellow", "red", "deepskyblue"), strict=True):
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
