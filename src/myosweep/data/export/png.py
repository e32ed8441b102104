"""A dataset as PNG files, one per slice: as it is, or with the paper's grey levels."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Integer
from PIL import Image

from myosweep.data.export import Written, name_pattern, slice_names
from myosweep.data.normalise import PERCENTILES, Normaliser
from myosweep.data.store import Dataset
from myosweep.errors import DatasetError
from myosweep.regions import NO_REGION, RegionScheme, named_scheme

_Change = Callable[[np.ndarray], np.ndarray]
_PAPER = named_scheme("three", "paper")


def write_png(dataset: Dataset, folder: Path, step: Callable[[], None]) -> Written:
    """Images and masks with the dataset's own pixels and codes.

    Raises:
        DatasetError: if file names cannot tell patient and slice.
    """
    image_bits, mask_bits = (8 * one.dtype.itemsize for one in (dataset.images, dataset.labels))
    contents = (
        f"images: the slices, {image_bits} bits per pixel, PATIENT_SLICE.png",
        f"masks: the label codes, {mask_bits} bits per pixel, with the same names",
    )
    return _write(dataset, folder, step, np.asarray, np.asarray, dataset.scheme, contents)


def write_paper(dataset: Dataset, folder: Path, step: Callable[[], None]) -> Written:
    """8-bit images, and masks with 255, 128 and 0.

    Raises:
        DatasetError: if the dataset has other regions than the paper, or ignored pixels, or if file
            names cannot tell patient and slice.
    """
    if dataset.scheme.names != _PAPER.names:
        raise DatasetError(
            f"the paper's regions are {_listed(_PAPER)}, the dataset's {_listed(dataset.scheme)}; "
            "import the data again with --regions three, or with a --region of each of these names"
        )
    grey, warnings = _as_8_bits(dataset)
    contents = (
        "images: the slices, 8 bits per pixel, PATIENT_SLICE.png",
        "masks: 255 background, 128 blood pool, 0 myocardium, with the same names",
    )
    levels = np.array([region.codes[0] for region in _PAPER.regions], np.uint8)

    def mask(labels: np.ndarray) -> np.ndarray:
        regions = dataset.scheme.encode(labels)
        if (regions == NO_REGION).any():
            raise DatasetError(
                "the paper's masks have no grey level for ignored pixels, which this dataset has; "
                "export as png, or import with regions for all codes and a smaller --crop"
            )
        return levels[regions]

    return _write(dataset, folder, step, grey, mask, _PAPER, contents, warnings)


def _write(
    dataset: Dataset,
    folder: Path,
    step: Callable[[], None],
    image: _Change,
    mask: _Change,
    scheme: RegionScheme,
    contents: tuple[str, ...],
    warnings: tuple[str, ...] = (),
) -> Written:
    """One file per slice and kind; ``image`` and ``mask`` change the pixels."""
    names = slice_names(dataset)
    pattern = name_pattern(names)
    for kind in ("images", "masks"):
        (folder / kind).mkdir()
    for one, pixels, labels in zip(names, dataset.images, dataset.labels, strict=True):
        file = f"{one.key}.png"
        Image.fromarray(image(np.asarray(pixels))).save(folder / "images" / file)
        Image.fromarray(mask(np.asarray(labels))).save(folder / "masks" / file)
        step()
    command = f'myosweep import png images masks DATASET --patient "{pattern}"'
    return Written(contents, names, scheme, command, warnings)


def _as_8_bits(dataset: Dataset) -> tuple[_Change, tuple[str, ...]]:
    """How images get 8 bits, and what the user must know of it."""
    if dataset.images.dtype == np.uint8:
        return np.asarray, ()
    normaliser = Normaliser.zero_centre(_with_padding(dataset), dataset.images.dtype)
    told = (
        f"Images had 16 bits: {normaliser.low:.0f} became 0 and {normaliser.high:.0f} became 255, "
        f"the {PERCENTILES[0]:g} and {PERCENTILES[1]:g} percentiles of all pixels; what lay beyond "
        "was cut off."
    )
    return lambda pixels: np.rint(normaliser.grey(pixels)).astype(np.uint8), (told,)


def _with_padding(
    dataset: Dataset,
) -> Iterator[tuple[Integer[np.ndarray, "y x"], Bool[np.ndarray, "y x"]]]:
    for number, image in enumerate(dataset.images):
        yield np.asarray(image), dataset.padding(slice(number, number + 1))[0]


def _listed(scheme: RegionScheme) -> str:
    return ", ".join(map(repr, scheme.names))
