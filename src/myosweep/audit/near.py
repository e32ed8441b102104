"""Near-duplicates: the same image after a change of brightness, noise, compression or place.

Candidates are all pairs whose perceptual hashes are close. A candidate counts only if its details
agree, too: the correlation of both images, small, band-passed and at the best shift.

The limits were chosen on the 566 EMIDEC slices of 80 patients by ``benchmarks/near_duplicates.py``.
Different patients: no false alarm in 158,100 pairs (95 % interval 0 to 0.000024), neither in whole
images nor in their central 128 x 128 pixels; the largest correlation was 0.71 and 0.55. In whole
images the plain correlation is no help: different patients reach 0.96, since bodies are alike.
Found of planted copies of the cut images: all after brightness + 20 % (99 %), half or 1.5 times
the contrast, gamma 0.6 to 1.6, noise of 6 % of the grey scale, JPEG of quality 10, resampling to
half the pixels and back, shifts by 1 to 3 pixels, rotation by 2 degrees, enlargement by 2 %,
mirroring; 72 % after rotation by 4 degrees; 52 to 65 % after a change of size by 5 %; 12 % after
a crop by 3 % on each side, 10 % after a shift by 6 pixels.
Same patient: no false alarm in 1,795 pairs (0 to 0.0021); the largest correlation was 0.94 and
0.80. Found there: over 96 % after brightness + 20 %, contrast, gamma, noise of 6 % and JPEG, but
few after a shift, a rotation or a change of size.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int8, Int64, UInt8
from PIL import Image
from scipy import fft, ndimage

from myosweep.audit.fingerprint import Fingerprints, close_pairs, grey_image
from myosweep.data.store import Dataset

MOST_BITS = 30
"""Of 144; pairs that differ in more are not looked at."""
ALIKE = 0.80
"""Slices of two patients that correlate at least so much show the same image."""
ALIKE_WITHIN = 0.97
"""So much within a patient, where neighbouring slices resemble each other anyway."""
_CLOSER = 8
"""And there, a pair must be this many times closer to 1 than neighbours usually are."""
SMALLEST_SIDE_PX = 32
"""Smaller images have too few details to be told apart."""
MOST_CANDIDATES = 2_000_000

_SIDE = 64
_FINE_PX, _COARSE_PX = 0.8, 2.5
_SHIFT_PX = 4
_PAIRS_AT_ONCE = 128
_FULL = 127


@dataclass(frozen=True, eq=False)
class NearPairs:
    """Pairs of slices that show nearly the same image; exact copies are not among them.

    Attributes:
        pairs: positions in the dataset.
        alike: correlation of their details, up to 1.
        mirrored: whether one is the other's mirror image.
        complete: whether all candidates could be looked at.
    """

    pairs: Int64[np.ndarray, "pair 2"]
    alike: Float64[np.ndarray, " pair"]
    mirrored: Bool[np.ndarray, " pair"]
    complete: bool = True


def near_pairs(dataset: Dataset, prints: Fingerprints) -> NearPairs:
    """Find near-duplicates across and within patients."""
    pairs, mirrored, complete = _candidates(dataset, prints)
    details = _Details(dataset, np.unique(pairs))
    alike = details.correlations(pairs, mirrored)
    patients = dataset.slices["patient"].astype(str).to_numpy(str)
    same = patients[pairs[:, 0]] == patients[pairs[:, 1]]
    within = _limit_within(details, patients) if same.any() else ALIKE_WITHIN
    limits = np.where(same, within, ALIKE)
    near = _once(pairs, alike, alike >= limits)
    return NearPairs(pairs[near], alike[near], mirrored[near], complete)


def _once(pairs: np.ndarray, alike: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Places of the wanted pairs; one that is alike mirrored and as it is counts as the better."""
    places = np.flatnonzero(wanted)
    places = places[np.lexsort((-alike[places], pairs[places, 1], pairs[places, 0]))]
    new = np.ones(len(places), bool)
    new[1:] = (pairs[places[1:]] != pairs[places[:-1]]).any(1)
    return places[new]


def details_of(grey: UInt8[np.ndarray, "y x"]) -> Float32[np.ndarray, "64 64"]:
    """The details of an image: neither its noise nor its large bright and dark areas.

    Details at the edge weigh less; the result has mean 0 and length 1, or is 0 everywhere.
    """
    size = (_SIDE, _SIDE)
    small = np.asarray(Image.fromarray(grey).resize(size, Image.Resampling.BOX), np.float32)
    band = ndimage.gaussian_filter(small, _FINE_PX) - ndimage.gaussian_filter(small, _COARSE_PX)
    most = 3 * band.std()
    window = np.sqrt(np.hanning(_SIDE + 2)[1:-1]).astype(np.float32)
    band = np.clip(band, -most, most) * window * window[:, None]
    band -= band.mean()
    return band / max(float(np.linalg.norm(band)), 1e-6)


def best_correlations(
    one: Float32[np.ndarray, "pair 64 64"], other: Float32[np.ndarray, "pair 64 64"]
) -> Float64[np.ndarray, " pair"]:
    """Correlation of details at the best of all shifts up to 4 of 64 pixels."""
    shape = (_SIDE + 2 * _SHIFT_PX,) * 2
    spectrum = fft.rfft2(one, shape) * np.conj(fft.rfft2(other, shape))
    every = fft.irfft2(spectrum, shape)
    near = [*range(-_SHIFT_PX, 0), *range(_SHIFT_PX + 1)]
    return every[:, near][:, :, near].max((1, 2)).astype(np.float64)


def _candidates(dataset: Dataset, prints: Fingerprints) -> tuple[np.ndarray, np.ndarray, bool]:
    """Pairs with close hashes that are no exact copies; whether mirrored; whether all are there."""
    images = dataset.slices["image_hash"].astype("category").cat.codes.to_numpy()
    found, turned, total = [np.zeros((0, 2), np.int64)], [np.zeros(0, bool)], 0
    for other in (prints.words, prints.mirrored):
        if other is None or min(dataset.images.shape[1:]) < SMALLEST_SIDE_PX:
            continue
        for pairs in close_pairs(prints.words, other, MOST_BITS):
            i, j = pairs.T
            kept = pairs[(images[i] != images[j]) & ~prints.constant[i] & ~prints.constant[j]]
            found.append(kept)
            turned.append(np.full(len(kept), other is prints.mirrored))
            total += len(kept)
            if total > MOST_CANDIDATES:
                return np.concatenate(found), np.concatenate(turned), False
    return np.concatenate(found), np.concatenate(turned), True


class _Details:
    """Details of some slices, 4 KB each."""

    def __init__(self, dataset: Dataset, rows: Int64[np.ndarray, " row"]) -> None:
        self.dataset = dataset
        self._rows = rows
        self._stored: Int8[np.ndarray, "row 64 64"] = np.zeros((len(rows), _SIDE, _SIDE), np.int8)
        for place, row in enumerate(rows):
            details = self.read(int(row))
            most = max(float(np.abs(details).max()), 1e-9)
            self._stored[place] = np.rint(details * (_FULL / most)).astype(np.int8)

    def read(self, row: int) -> Float32[np.ndarray, "64 64"]:
        """Details straight from the dataset."""
        image = np.asarray(self.dataset.images[row])
        return details_of(grey_image(image, self.dataset.padding(np.array([row]))[0]))

    def correlations(self, pairs: np.ndarray, mirrored: np.ndarray) -> np.ndarray:
        """Best correlation of each pair."""
        results = [np.zeros(0)]
        for start in range(0, len(pairs), _PAIRS_AT_ONCE):
            part = slice(start, start + _PAIRS_AT_ONCE)
            one, other = (self._stored_details(pairs[part, side]) for side in (0, 1))
            turned = mirrored[part]
            other[turned] = other[turned, :, ::-1]
            results.append(best_correlations(one, other))
        return np.concatenate(results)

    def _stored_details(self, rows: np.ndarray) -> np.ndarray:
        found = self._stored[np.searchsorted(self._rows, rows)].astype(np.float32)
        lengths = np.linalg.norm(found, axis=(1, 2), keepdims=True)
        return found / np.maximum(lengths, 1e-6)


def _limit_within(details: _Details, patients: np.ndarray) -> float:
    """How alike two slices of a patient must be: far more than neighbours in this dataset are."""
    follows = np.flatnonzero(patients[1:] == patients[:-1])
    picked = follows[np.linspace(0, len(follows) - 1, min(len(follows), 200)).astype(int)]
    if not len(picked):
        return ALIKE_WITHIN
    one, other = (np.stack([details.read(int(row)) for row in picked + k]) for k in (0, 1))
    usual = float(np.median(best_correlations(one, other)))
    return max(ALIKE_WITHIN, 1 - (1 - usual) / _CLOSER)
