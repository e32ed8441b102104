"""How often the audit's search for near-duplicates errs: false alarms, and copies that it misses.

    python benchmarks/near_duplicates.py --data ../shared/data/emidec [--crop 128] [--every 3]

Reads the EMIDEC slices where they lie and prints aggregates. False alarms: all pairs of slices of
different patients, and of the same patient. Detection: copies of every n-th slice, each changed in
one way.
"""

import argparse
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from myosweep.audit.fingerprint import grey_image, hash_grey
from myosweep.audit.near import (
    ALIKE,
    ALIKE_WITHIN,
    MOST_BITS,
    best_correlations,
    details_of,
)

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]
BATCH = 256


def shifted(by_px: float) -> Change:
    def change(grey: np.ndarray, random: np.random.Generator) -> np.ndarray:
        angle = random.uniform(0, 2 * np.pi)
        return ndimage.shift(
            grey, (by_px * np.sin(angle), by_px * np.cos(angle)), order=1, mode="nearest"
        )

    return change


def rotated(by_degrees: float) -> Change:
    return lambda grey, random: ndimage.rotate(
        grey, random.choice([-1, 1]) * by_degrees, reshape=False, order=1, mode="nearest"
    )


def noisy(share: float) -> Change:
    """Noise whose standard deviation is a share of the whole grey scale."""
    return lambda grey, random: grey + random.normal(0, 255 * share, grey.shape)


def compressed(quality: int) -> Change:
    def change(grey: np.ndarray, random: np.random.Generator) -> np.ndarray:
        file = io.BytesIO()
        Image.fromarray(grey.astype(np.uint8)).save(file, "JPEG", quality=quality)
        return np.asarray(Image.open(file), float)

    return change


def zoomed(factor: float) -> Change:
    """Enlarged or made smaller about the centre, in an image of the same size."""

    def change(grey: np.ndarray, random: np.random.Generator) -> np.ndarray:
        middle = (np.array(grey.shape) - 1) / 2
        offset = middle - middle / factor
        return ndimage.affine_transform(
            grey, np.full(2, 1 / factor), offset, order=1, mode="nearest"
        )

    return change


def cropped(margin_share: float) -> Change:
    """Without a margin on each side; the rest fills the image."""
    return zoomed(1 / (1 - 2 * margin_share))


def resampled(factor: float) -> Change:
    """Stored with fewer pixels, and brought back to the size."""

    def change(grey: np.ndarray, random: np.random.Generator) -> np.ndarray:
        image = Image.fromarray(grey.astype(np.uint8))
        small = image.resize([max(1, round(side * factor)) for side in image.size])
        return np.asarray(small.resize(image.size), float)

    return change


CHANGES: dict[str, Change] = {
    "brightness + 20 %": lambda grey, random: grey + 51,
    "brightness + 40 %": lambda grey, random: grey + 102,
    "contrast x 0.5": lambda grey, random: (grey - 128) * 0.5 + 128,
    "contrast x 1.5": lambda grey, random: (grey - 128) * 1.5 + 128,
    "gamma 0.6": lambda grey, random: 255 * (grey / 255) ** 0.6,
    "gamma 1.6": lambda grey, random: 255 * (grey / 255) ** 1.6,
    "noise 2 %": noisy(0.02),
    "noise 6 %": noisy(0.06),
    "noise 12 %": noisy(0.12),
    "JPEG quality 50": compressed(50),
    "JPEG quality 20": compressed(20),
    "JPEG quality 10": compressed(10),
    "shift 1 px": shifted(1),
    "shift 2 px": shifted(2),
    "shift 3 px": shifted(3),
    "shift 6 px": shifted(6),
    "rotation 1 degree": rotated(1),
    "rotation 2 degrees": rotated(2),
    "rotation 4 degrees": rotated(4),
    "resampled to 75 % and back": resampled(0.75),
    "resampled to 50 % and back": resampled(0.5),
    "enlarged by 2 %": zoomed(1.02),
    "enlarged by 5 %": zoomed(1.05),
    "made smaller by 5 %": zoomed(0.95),
    "cropped by 1 % on each side": cropped(0.01),
    "cropped by 3 % on each side": cropped(0.03),
    "mirrored left to right": lambda grey, random: grey[:, ::-1],
    "mirrored, noise 6 %": lambda grey, random: noisy(0.06)(grey[:, ::-1], random),
}


def wilson(hits: int, tries: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share; also where nothing happened."""
    share, z2 = hits / tries, z * z
    middle = (share + z2 / (2 * tries)) / (1 + z2 / tries)
    half = z * np.sqrt(share * (1 - share) / tries + z2 / (4 * tries**2)) / (1 + z2 / tries)
    return max(0.0, middle - half), min(1.0, middle + half)


def read(folder: Path, crop: int) -> tuple[list[np.ndarray], np.ndarray]:
    files = sorted((folder / "images").glob("*.png"))
    images = []
    for file in files:
        image = np.asarray(Image.open(file))
        top, left = ((side - crop) // 2 for side in image.shape)
        images.append(image[top : top + crop, left : left + crop])
    return images, np.array([file.name.split("_slice")[0] for file in files])


class Looked:
    """Images as the search sees them."""

    def __init__(self, images: Sequence[np.ndarray]) -> None:
        greys = [grey_image(image, np.zeros(image.shape, bool)) for image in images]
        self.words = np.stack([hash_grey(grey) for grey in greys])
        self.mirrored = np.stack([hash_grey(grey[:, ::-1]) for grey in greys])
        self.details = np.stack([details_of(grey) for grey in greys])


def distances(
    one: Looked, i: np.ndarray, other: Looked, j: np.ndarray, mirrored: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Bits that differ, and the best correlation."""
    words = other.mirrored if mirrored else other.words
    bits = np.bitwise_count(one.words[i] ^ words[j]).sum(1)
    alike = [
        best_correlations(
            one.details[i[start : start + BATCH]],
            other.details[j[start : start + BATCH], :, :: -1 if mirrored else 1],
        )
        for start in range(0, len(i), BATCH)
    ]
    return bits, np.concatenate(alike)


def false_alarms(looked: Looked, patients: np.ndarray) -> None:
    i, j = np.triu_indices(len(patients), 1)
    same = patients[i] == patients[j]
    for words, of_these, limit in (
        ("different patients", ~same, ALIKE),
        ("the same patient", same, ALIKE_WITHIN),
    ):
        for mirrored in (False, True):
            some = np.flatnonzero(of_these)
            if not len(some):
                continue
            bits, alike = distances(looked, i[some], looked, j[some], mirrored)
            alarms = int(((bits <= MOST_BITS) & (alike >= limit)).sum())
            low, high = wilson(alarms, len(some))
            print(
                f"{words}{', mirrored' * mirrored}: {alarms} false alarms in {len(some):,} pairs "
                f"(95 % interval {low:.2g} to {high:.2g}); closest hashes differ in {bits.min()} "
                f"bits, {int((bits <= MOST_BITS).sum())} pairs in at most {MOST_BITS}; "
                f"largest correlation {alike.max():.3f}"
            )


def detection(images: Sequence[np.ndarray], every: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    originals = [
        grey_image(image, np.zeros(image.shape, bool)).astype(float) for image in images[::every]
    ]
    looked = Looked([grey.astype(np.uint8) for grey in originals])
    print(f"\nFound of {len(originals)} copies:")
    print(
        f"{'change':<30}{'in other patients':>18}{'in the same patient':>21}{'bits':>7}{'alike':>8}"
    )
    for words, change in CHANGES.items():
        copies = [np.clip(change(grey, random), 0, 255).astype(np.uint8) for grey in originals]
        seen = Looked(copies)
        here = np.arange(len(originals))
        both = [distances(looked, here, seen, here, mirrored) for mirrored in (False, True)]
        found = [
            np.any([(bits <= MOST_BITS) & (alike >= limit) for bits, alike in both], axis=0).mean()
            for limit in (ALIKE, ALIKE_WITHIN)
        ]
        bits, alike = both[words.startswith("mirrored")]
        print(
            f"{words:<30}{found[0]:>17.1%} {found[1]:>20.1%} {np.median(bits):>6.0f}"
            f"{np.median(alike):>8.3f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--crop", type=int, default=128, help="side of the centre crop, pixels")
    parser.add_argument("--every", type=int, default=3, help="plant copies of every n-th slice")
    parser.add_argument("--slices", type=int, help="only the first so many slices")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    images, patients = read(given.data, given.crop)
    images, patients = images[: given.slices], patients[: given.slices]
    print(f"{len(images)} slices of {len(set(patients))} patients, {given.crop} x {given.crop}")
    false_alarms(Looked(images), patients)
    detection(images, given.every, given.seed)


if __name__ == "__main__":
    main()
