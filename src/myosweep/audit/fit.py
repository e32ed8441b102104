"""How well masks fit their images, and at what place and with whose mask they would fit better.

The fit of a mask is the signed correlation ratio of its grey values: the root of the share of
their variance, within blood pool and myocardium, that lies between the two. It needs no training
and no idea of how bright either is.

Two questions are asked of a patient's slices together; a single slice says too little, since
infarct is as bright as blood:
- Does the patient's own mask fit better than masks of other patients of the same depth, laid on the
  same place? If not, it may be another patient's.
- Does it fit better at another place? Then it may have been shifted.
What ``misfit`` makes of the answers, and how often it errs, is measured there.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float32, Int64, Shaped
from scipy import fft, ndimage

from myosweep.audit.greys import percentiles
from myosweep.audit.records import Inspected, Progress
from myosweep.audit.structures import belongs

FEWEST_PATIENTS = 6
_LARGEST_SIDE_PX = 128
"""Larger images are looked at with every n-th pixel of their smoothed version."""
_WINDOW_PX = 96
_REACH_PX = 16
_DEPTHS = 5
_DONORS = 32
_SMOOTH_PX = 1.0
_LEAST_PX = 8
_DARK_BLOOD = 0.3
_TINY = 1e-6


@dataclass(frozen=True, eq=False)
class Fits:
    """How well masks fit.

    Attributes:
        slices: for each slice of the dataset ``fit`` (-1 to 1), and ``fit_rank``: how many
            standard deviations the own mask fits better than those of others; NaN where blood pool
            or myocardium are missing.
        patients: for each patient that has such slices their number ``slices``, the means ``fit``
            and ``fit_rank``, the shift (``shift_y_px``, ``shift_x_px``) at which its masks would
            fit best together, and by how much better: ``gain``.
    """

    slices: pd.DataFrame
    patients: pd.DataFrame


@dataclass(frozen=True, eq=False)
class _Seen:
    """A slice as it is looked at: smoothed grey values and the two regions, perhaps thinned."""

    grey: Float32[np.ndarray, "y x"]
    valid: Bool[np.ndarray, "y x"]
    pool: Bool[np.ndarray, "y x"]
    myocardium: Bool[np.ndarray, "y x"]

    @property
    def usable(self) -> bool:
        return min(int(self.pool.sum()), int(self.myocardium.sum())) >= _LEAST_PX


def measure_fits(inspected: Inspected, progress: Progress | None = None) -> Fits:
    """Measure the fit of every mask that has blood pool and myocardium."""
    table = inspected.table
    own = np.full(len(table), np.nan)
    others = np.full((len(table), 2), np.nan)
    maps: dict[str, np.ndarray] = {}
    panels = _panels(inspected)
    depths = _depths(table)
    for row in range(len(table)):
        seen = _look(inspected, row)
        if seen.usable:
            patient = str(table["patient"].iloc[row])
            own[row], others[row] = _against(seen, panels[int(depths[row])], patient)
            maps[patient] = maps.get(patient, 0) + _shift_map(seen)
        if progress:
            progress(row + 1, len(table))
    signs = _signs(table, own)
    rank = signs * (own - others[:, 0]) / np.maximum(others[:, 1], _TINY)
    slices = pd.DataFrame({"fit": signs * own, "fit_rank": rank}, index=table.index)
    sign_of = dict(zip(table["patient"], signs.tolist(), strict=True))
    return Fits(slices, _patients(inspected, slices, maps, sign_of))


def _signs(table: pd.DataFrame, own: np.ndarray) -> np.ndarray:
    """For each slice -1 if blood is the darker region in its patient, else 1.

    Blood is the brighter one in the usual image; only a patient whose masks fit well the other way
    round, as with an unusual inversion time, is taken to have dark blood.
    """
    means = pd.Series(own, table.index).groupby(table["patient"]).transform("mean").to_numpy()
    return np.where(np.nan_to_num(means) < -_DARK_BLOOD, -1.0, 1.0)


def _step(inspected: Inspected) -> int:
    return -(-max(inspected.dataset.images.shape[1:]) // _LARGEST_SIDE_PX)


def _look(inspected: Inspected, row: int) -> _Seen:
    dataset, step = inspected.dataset, _step(inspected)
    regions = dataset.reference(dataset.scheme, np.array([row]))[0][::step, ::step]
    padding = dataset.padding(np.array([row]))[0]
    structures = inspected.structures
    return _Seen(
        _smooth(np.asarray(dataset.images[row]), padding, step),
        ~padding[::step, ::step],
        regions == structures.pool,
        belongs(regions, structures.myocardium),
    )


def _smooth(
    image: Shaped[np.ndarray, "y x"], padding: Bool[np.ndarray, "y x"], step: int
) -> Float32[np.ndarray, "h w"]:
    """Grey values on 0..1, so that bright vessels and noise do not decide."""
    valid = image[~padding] if not padding.all() else image
    low, high = percentiles(valid, (1.0, 99.0))
    scaled = (image.astype(np.float32) - np.float32(low)) / np.float32(max(high - low, _TINY))
    smooth = ndimage.gaussian_filter(np.clip(scaled, 0, 1), _SMOOTH_PX * step)
    return smooth[::step, ::step].astype(np.float32)


def _depths(table: pd.DataFrame) -> np.ndarray:
    """Fifths of the stack from its first slice to its last, 0 to 4."""
    share: np.ndarray = (table["position"] / np.maximum(table["of"] - 1, 1)).to_numpy()
    return np.minimum((share * _DEPTHS).astype(int), _DEPTHS - 1)


@dataclass(frozen=True, eq=False)
class _Panel:
    """Masks of several patients, each cut out around its own centroid.

    ``inside`` tells which pixels of the window are in any of the masks; they have only these.
    """

    patients: np.ndarray
    inside: Int64[np.ndarray, " pixel"]
    pool: Float32[np.ndarray, "donor pixel"]
    myocardium: Float32[np.ndarray, "donor pixel"]


def _panels(inspected: Inspected) -> list[_Panel]:
    """For each depth, masks of patients taken evenly from the dataset."""
    table = inspected.table
    usable = (table["pool_px"] >= _LEAST_PX) & (table["myocardium_px"] >= _LEAST_PX)
    depths = _depths(table)
    panels = []
    for depth in range(_DEPTHS):
        here = table[usable & (depths == depth)].drop_duplicates("patient")
        rows = here.index.to_numpy()
        rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), _DONORS)).astype(int)]
        pools, walls, patients = [], [], []
        for row in rows:
            seen = _look(inspected, int(row))
            if seen.usable:
                pool, wall = _cut(seen, (seen.pool, seen.myocardium))
                pools.append(pool)
                walls.append(wall)
                patients.append(str(table["patient"].iloc[row]))
        shape = (len(pools), _WINDOW_PX**2)
        pool_rows, wall_rows = (np.array(one, np.float32).reshape(shape) for one in (pools, walls))
        inside = np.flatnonzero((pool_rows + wall_rows).any(0))
        names = np.array(patients, str)
        panels.append(_Panel(names, inside, pool_rows[:, inside], wall_rows[:, inside]))
    return panels


def _cut(seen: _Seen, arrays: tuple[np.ndarray, ...]) -> list[Float32[np.ndarray, " pixel"]]:
    """Windows around the centroid of the ventricle, 0 beyond the image, as rows of pixels."""
    y, x = np.nonzero(seen.pool | seen.myocardium)
    half = _WINDOW_PX // 2
    top, left = round(float(y.mean())) - half, round(float(x.mean())) - half
    height, width = seen.pool.shape
    inside = (
        slice(max(top, 0), min(top + _WINDOW_PX, height)),
        slice(max(left, 0), min(left + _WINDOW_PX, width)),
    )
    there = tuple(slice(s.start - o, s.stop - o) for s, o in zip(inside, (top, left), strict=True))
    windows = []
    for array in arrays:
        window = np.zeros((_WINDOW_PX, _WINDOW_PX), np.float32)
        window[there] = array[inside]
        windows.append(window.ravel())
    return windows


def _against(seen: _Seen, panel: _Panel, patient: str) -> tuple[float, tuple[float, float]]:
    """The fit of the own mask; mean and standard deviation of the fits of others' masks."""
    valid = seen.valid.astype(np.float32)
    weight, value, square, pool, wall = _cut(
        seen, (valid, valid * seen.grey, valid * seen.grey**2, seen.pool, seen.myocardium)
    )
    pixels = np.stack([weight, value, square], axis=1)
    own = float(_fit((pool @ pixels)[None], (wall @ pixels)[None])[0])
    others = panel.patients != patient
    if others.sum() < FEWEST_PATIENTS - 1:
        return own, (float("nan"), float("nan"))
    pixels = pixels[panel.inside]
    fits = _fit((panel.pool @ pixels)[others], (panel.myocardium @ pixels)[others])
    return own, (float(fits.mean()), float(fits.std()))


def _fit(
    pool: Float32[np.ndarray, "*shape 3"], wall: Float32[np.ndarray, "*shape 3"]
) -> Float32[np.ndarray, "*shape"]:
    """Signed root of the share of variance between two regions.

    Args:
        pool, wall: number of pixels, sum of their values, and sum of the squares.
    """
    pool_px, wall_px = np.maximum(pool[..., 0], 1), np.maximum(wall[..., 0], 1)
    pool_mean, wall_mean = pool[..., 1] / pool_px, wall[..., 1] / wall_px
    all_px = pool_px + wall_px
    mean = (pool[..., 1] + wall[..., 1]) / all_px
    total = (pool[..., 2] + wall[..., 2]) / all_px - mean**2
    between = (pool_px * (pool_mean - mean) ** 2 + wall_px * (wall_mean - mean) ** 2) / all_px
    share: np.ndarray = np.clip(between / np.maximum(total, _TINY), 0, 1)
    return (np.sign(pool_mean - wall_mean) * np.sqrt(share)).astype(np.float32)


def _shift_map(seen: _Seen) -> Float32[np.ndarray, "y x"]:
    """The fit at every shift of up to 16 pixels each way; no shift is in the middle."""
    images, masks = _around(seen)
    shape = tuple(fft.next_fast_len(side, real=True) for side in images.shape[1:])
    spectra = fft.rfft2(images, shape)
    reach = 2 * _REACH_PX + 1
    sums = []
    for mask in masks:
        every = fft.irfft2(spectra * np.conj(fft.rfft2(mask, shape)), shape)[:, :reach, :reach]
        sums.append(np.moveaxis(every, 0, -1).astype(np.float32))
    return _fit(sums[0], sums[1])


def _around(
    seen: _Seen,
) -> tuple[Float32[np.ndarray, "3 h w"], tuple[Float32[np.ndarray, "y x"], ...]]:
    """What lies within reach of the ventricle, and both regions in its own box.

    The images are weights, values and squares, 0 beyond the image.
    """
    ventricle = seen.pool | seen.myocardium
    (y, x), reach = ndimage.find_objects(ventricle.astype(np.uint8))[0], _REACH_PX
    valid = np.pad(seen.valid, reach).astype(np.float32)
    grey = np.pad(seen.grey, reach)
    wide = slice(y.start, y.stop + 2 * reach), slice(x.start, x.stop + 2 * reach)
    valid, grey = valid[wide], grey[wide]
    masks = tuple(region[y, x].astype(np.float32) for region in (seen.pool, seen.myocardium))
    return np.stack([valid, valid * grey, valid * grey**2]), masks


def _patients(
    inspected: Inspected,
    slices: pd.DataFrame,
    maps: dict[str, np.ndarray],
    sign_of: dict[str, float],
) -> pd.DataFrame:
    groups = slices.groupby(inspected.table["patient"])
    counts = groups["fit"].count().astype(int)
    fit, rank = groups["fit"].mean().astype(float), groups["fit_rank"].mean().astype(float)
    step, rows = _step(inspected), {}
    for patient, summed in maps.items():
        mean = sign_of[patient] * summed / int(counts[patient])
        mean[~_within_reach(inspected)] = -np.inf
        y, x = np.unravel_index(int(mean.argmax()), mean.shape)
        rows[patient] = {
            "slices": int(counts[patient]),
            "fit": float(fit[patient]),
            "fit_rank": float(rank[patient]),
            "shift_y_px": int(y - _REACH_PX) * step,
            "shift_x_px": int(x - _REACH_PX) * step,
            "gain": float(mean.max() - mean[_REACH_PX, _REACH_PX]),
        }
    columns = ["slices", "fit", "fit_rank", "shift_y_px", "shift_x_px", "gain"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def _within_reach(inspected: Inspected) -> Bool[np.ndarray, "y x"]:
    """Shifts of up to a quarter of the usual diameter; farther away, something else may fit."""
    area = inspected.table["area_px"]
    diameter = 2 * np.sqrt(float(area[area > 0].median()) / np.pi) / _step(inspected)
    y, x = np.mgrid[-_REACH_PX : _REACH_PX + 1, -_REACH_PX : _REACH_PX + 1]
    return np.hypot(y, x) <= max(diameter / 4, 4)
