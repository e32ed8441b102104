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

SIZE = 128
LABEL_NAMES = ("background", "blood pool", "myocardium", "infarct", "no-reflow")
ATTRIBUTION = (
    'Real slices: the EMIDEC challenge (Lalande et al., "Emidec: A Database Usable for the '
    'Automatic Evaluation of Myocardial Infarction from Delayed-Enhancement Cardiac MRI", Data '
    "2020, 5(4), 89); slices as published in the GitHub repository "
    "irehmanar/LV_Segmentation_MRI_Dataset_EMIDEC, the volume in EMIDEC-Challenge/Evaluation-"
    "metrics. Licence: CC BY-NC-SA 4.0, research use."
)


@dataclass(frozen=True)
class Slice:
    """A scaled image (0 to 255) with its label codes; both collections share the codes."""

    patient: str
    grey: np.ndarray
    labels: np.ndarray
    kind: str


@dataclass(frozen=True)
class Row:
    """One line of the table: a name and one text per collection."""

    name: str
    values: tuple[str, ...]


def main() -> None:
    arguments = parse_arguments()
    real = read_real(arguments.real)
    phantom = make_phantom(arguments.seed, arguments.patients)
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows = compare([real, phantom, *by_kind(phantom)])
    template = Path(__file__).with_name("phantom_vs_real.txt").read_text(encoding="utf-8")
    text = template.format(
        table=as_markdown(rows), patients=arguments.patients, attribution=ATTRIBUTION
    )
    (arguments.out / "phantom.md").write_text(text, encoding="utf-8")
    draw(real, phantom, arguments.out / "phantom.png")
    print(as_markdown(rows))


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
        patient = path.stem.partition("_slice")[0]
        slices.append(Slice(patient, scale(grey), codes, "phase-sensitive"))
    return slices


def make_phantom(seed: int, patients: int) -> list[Slice]:
    """The slices of the phantom patients 0 to ``patients - 1``."""
    slices = []
    for number in range(patients):
        made = phantom_patient(seed, number, SIZE)
        signed = np.median([np.median(one.image) for one in made]) > SIGNED_ABOVE
        kind = "phase-sensitive" if signed else "magnitude"
        slices += [Slice(one.patient, scale(one.image), one.labels, kind) for one in made]
    return slices


SIGNED_ABOVE = 1600
"""The median grey value of phase-sensitive phantoms is near 2048, of magnitude ones far below."""


def centre(pixels: np.ndarray) -> np.ndarray:
    top, left = ((length - SIZE) // 2 for length in pixels.shape)
    return pixels[top : top + SIZE, left : left + SIZE]


def scale(grey: np.ndarray) -> np.ndarray:
    low, high = np.percentile(grey, [0.1, 99.9])
    return np.clip((grey - low) / (high - low), 0, 1) * 255


def by_kind(slices: list[Slice]) -> list[list[Slice]]:
    kinds = ("phase-sensitive", "magnitude")
    return [[one for one in slices if one.kind == kind] for kind in kinds]


def compare(collections: list[list[Slice]]) -> list[Row]:
    """The table's rows, each computed alike for every collection."""
    rows = [count_row(collections)]
    for code, name in enumerate(LABEL_NAMES):
        rows.append(spread_row(f"{name}: mean grey", collections, mean_of(code)))
    for code, name in enumerate(LABEL_NAMES):
        rows.append(spread_row(f"{name}: SD of grey", collections, sd_of(code)))
    rows += [
        spread_row("noise SD (neighbour differences in the blood pool)", collections, noise),
        spread_row("blood minus myocardium / SD of blood", collections, contrast),
        spread_row("blood minus myocardium / noise SD", collections, contrast_to_noise),
        spread_row("infarct / blood, grey", collections, infarct_to_blood),
        spread_row("(infarct - myocardium) / (blood - myocardium)", collections, enhancement),
        spread_row("blood pool, pixels", collections, lambda one: (one.labels == 1).sum()),
        spread_row("myocardium with infarct, pixels", collections, wall_px),
        spread_row("ring thickness, pixels (circles of equal area)", collections, ring_px),
    ]
    return rows + [Row(name, tuple(map(of, collections))) for name, of in POPULATION.items()]


def count_row(collections: list[list[Slice]]) -> Row:
    texts = [f"{len({one.patient for one in c})}, {len(c)}" for c in collections]
    return Row("patients, slices", tuple(texts))


def spread_row(name: str, collections: list[list[Slice]], measure: Callable[[Slice], float]) -> Row:
    """Median and quartiles over the slices in which the measure is defined."""
    return Row(name, tuple(spread(map(measure, slices)) for slices in collections))


def spread(values: Iterable[float]) -> str:
    defined = [value for value in values if np.isfinite(value)]
    if not defined:
        return "none"
    low, middle, high = np.percentile(defined, [25, 50, 75])
    digits = 0 if abs(middle) >= 20 else 1 if abs(middle) >= 3 else 2
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def mean_of(code: int) -> Callable[[Slice], float]:
    return lambda one: inside(one, code).mean() if (one.labels == code).any() else np.nan


def sd_of(code: int) -> Callable[[Slice], float]:
    return lambda one: inside(one, code).std() if (one.labels == code).sum() > 1 else np.nan


def inside(one: Slice, code: int) -> np.ndarray:
    return one.grey[one.labels == code]


def noise(one: Slice) -> float:
    """Robust SD of the difference of neighbouring pixels, over the square root of two."""
    pool = one.labels == 1
    pairs = pool[:, 1:] & pool[:, :-1]
    if pairs.sum() < 20:
        return np.nan
    difference = np.diff(one.grey, axis=1)[pairs]
    return float(np.median(np.abs(difference)) / 0.6745 / np.sqrt(2))


def contrast(one: Slice) -> float:
    sd = sd_of(1)(one)
    return (mean_of(1)(one) - mean_of(2)(one)) / sd if sd > 0 else np.nan


def contrast_to_noise(one: Slice) -> float:
    sd = noise(one)
    return (mean_of(1)(one) - mean_of(2)(one)) / sd if sd > 0 else np.nan


def infarct_to_blood(one: Slice) -> float:
    blood = mean_of(1)(one)
    return mean_of(3)(one) / blood if blood > 0 else np.nan


def enhancement(one: Slice) -> float:
    blood, wall = mean_of(1)(one), mean_of(2)(one)
    return (mean_of(3)(one) - wall) / (blood - wall) if blood - wall > 5 else np.nan


def wall_px(one: Slice) -> float:
    return float((one.labels >= 2).sum())


def ring_px(one: Slice) -> float:
    pool = float((one.labels == 1).sum())
    return float(np.sqrt((pool + wall_px(one)) / np.pi) - np.sqrt(pool / np.pi))


def infarct_shares(slices: list[Slice]) -> np.ndarray:
    """Infarct with no-reflow as a share of the myocardium, per patient."""
    counts = patient_counts(slices)
    return np.array([c[3:].sum() / c[2:].sum() for c in counts])


def patient_counts(slices: list[Slice]) -> list[np.ndarray]:
    counts: dict[str, np.ndarray] = {}
    for one in slices:
        found = np.bincount(one.labels.ravel(), minlength=5)
        counts[one.patient] = counts.get(one.patient, np.zeros(5, int)) + found
    return list(counts.values())


def infarct_prevalence(slices: list[Slice]) -> str:
    return f"{100 * (infarct_shares(slices) > 0).mean():.0f} %"


def infarct_size(slices: list[Slice]) -> str:
    shares = infarct_shares(slices)
    return spread(100 * shares[shares > 0])


def no_reflow_prevalence(slices: list[Slice]) -> str:
    counts = [c for c in patient_counts(slices) if c[3] > 0]
    return f"{100 * np.mean([c[4] > 0 for c in counts]):.0f} %"


def region_maps(slices: list[Slice]) -> np.ndarray:
    return np.stack([REGIONS.encode(one.labels) for one in slices])


def most_frequent(maps: np.ndarray) -> np.ndarray:
    """The most frequent region per position: a predictor that never sees the image."""
    votes = [(maps == region).sum(axis=0) for region in range(len(REGIONS.names))]
    return np.argmax(votes, axis=0)


def no_image_accuracy(slices: list[Slice]) -> str:
    maps = region_maps(slices)
    return f"{100 * (maps == most_frequent(maps)).mean():.1f} %"


def all_background_accuracy(slices: list[Slice]) -> str:
    return f"{100 * (region_maps(slices) == 0).mean():.1f} %"


def no_image_dice(region: int) -> Callable[[list[Slice]], str]:
    """Dice of the no-image predictor, over the pixels of all slices together."""

    def dice(slices: list[Slice]) -> str:
        reference = region_maps(slices) == region
        prediction = np.broadcast_to(most_frequent(region_maps(slices)) == region, reference.shape)
        both = (reference & prediction).sum()
        return f"{2 * both / (reference.sum() + prediction.sum()):.2f}"

    return dice


POPULATION: dict[str, Callable[[list[Slice]], str]] = {
    "patients with infarct": infarct_prevalence,
    "infarct, % of the myocardium, where there is one": infarct_size,
    "infarcts with no-reflow": no_reflow_prevalence,
    "accuracy of all background": all_background_accuracy,
    "accuracy of the no-image predictor": no_image_accuracy,
    "blood pool Dice of the no-image predictor": no_image_dice(1),
    "myocardium Dice of the no-image predictor": no_image_dice(2),
}


def as_markdown(rows: list[Row]) -> str:
    names = ("", "real", "phantom", "phantom, phase-sensitive", "phantom, magnitude")
    lines = ["| " + " | ".join(names) + " |", "|---|---|---|---|---|"]
    lines += [f"| {row.name} | " + " | ".join(row.values) + " |" for row in rows]
    return "\n".join(lines)


def draw(real: list[Slice], phantom: list[Slice], path: Path) -> None:
    """Two rows of real and two of phantom slices; the second of each with its contours."""
    columns = 8
    figure, axes = plt.subplots(4, columns, figsize=(16, 8.6), layout="constrained")
    titles = ("real", "real, reference", "phantom", "phantom, exact mask")
    chosen = [*pick(real, 2 * columns), *pick(phantom, 2 * columns)]
    for index, (one, axis) in enumerate(zip(chosen, axes.flat, strict=True)):
        axis.imshow(one.grey, cmap="gray", vmin=0, vmax=255)
        axis.set_xticks([])
        axis.set_yticks([])
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
    for inside_region, colour in (*regions, (labels == 4, "deepskyblue")):
        if inside_region.any():
            axis.contour(inside_region, [0.5], colors=colour, linewidths=0.8)


def pick(slices: list[Slice], count: int) -> list[Slice]:
    """Slices of different patients, spread evenly over patients and over the ventricle."""
    patients = sorted({one.patient for one in slices})
    positions = np.linspace(0, len(patients) - 1, count).astype(int)
    chosen = []
    for index, position in enumerate(positions):
        own = [one for one in slices if one.patient == patients[position]]
        chosen.append(own[(index * 3 + 2) % len(own)])
    return chosen


if __name__ == "__main__":
    main()
