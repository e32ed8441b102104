"""Import of a folder of images and a folder of masks (PNG, TIFF, BMP) into a dataset."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from myosweep.data.crop import Window
from myosweep.data.descriptions import read_descriptions
from myosweep.data.names import NamePattern, SliceName, natural_key
from myosweep.data.raster import SUFFIXES, list_rasters, raster_header, read_raster
from myosweep.data.store import Dataset, DatasetDraft, new_dataset, open_dataset, refuse_taken
from myosweep.errors import DatasetError
from myosweep.regions import RegionScheme, free_code

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Pair:
    """An image and its mask; ``name`` is relative to the folders that the user gave."""

    name: str
    slice_name: SliceName
    image: Path
    mask: Path


@dataclass(frozen=True)
class _Headers:
    shapes: dict[str, tuple[int, int]]
    image_type: np.dtype
    label_type: np.dtype


def import_png(
    images: Path | str,
    masks: Path | str,
    out: Path | str,
    *,
    patient: str,
    scheme: RegionScheme,
    crop: int | None = None,
    crop_around: Literal["centre", "masks"] = "centre",
    table: Path | str | None = None,
    allow_duplicates: bool = False,
    progress: Progress | None = None,
) -> Dataset:
    """Make a dataset from images and masks of the same relative names.

    Args:
        images, masks: folders; a file and its mask have the same name, the ending may differ.
        out: the dataset folder to make.
        patient: regular expression that finds the patient in a name, see ``NamePattern``.
        scheme: which codes of the masks make which region; every code must be in it.
        crop: side of the square to cut out, pixels; without it all images have one size already.
        crop_around: the middle of the image, or of everything but the scheme's first region.
        table: CSV with the column ``slice`` or ``patient`` and any of site, vendor, level,
            spacing_mm, slice_spacing_mm.
        allow_duplicates: keep slices whose image is that of another slice; a split that puts the
            copies in two parts is refused all the same.
        progress: called with slices done and slices in all.

    Raises:
        DatasetError: listing every problem of the folders; then nothing was written.
    """
    images, masks, out = Path(images), Path(masks), Path(out)
    refuse_taken(out)
    pairs = _find_pairs(images, masks, NamePattern(patient))
    headers = _read_headers(pairs, crop)
    descriptions = read_descriptions(Path(table), [p.slice_name for p in pairs]) if table else {}
    side = (crop, crop) if crop else headers.shapes[pairs[0].name]
    source = {
        "kind": "image folder",
        "patient_pattern": patient,
        "crop": crop,
        "crop_around": crop_around if crop else None,
    }
    shape = (len(pairs), *side)
    with new_dataset(out, shape, headers.image_type, headers.label_type, scheme, source) as draft:
        problems: list[str] = []
        for position, pair in enumerate(pairs):
            try:
                description = descriptions.get(pair.slice_name, {})
                _put_pair(draft, position, pair, scheme, crop, crop_around, description)
            except DatasetError as error:
                problems += error.problems
            if progress:
                progress(position + 1, len(pairs))
        if not problems and not allow_duplicates:
            problems = _duplicates(draft.rows)
        _raise(problems)
    return open_dataset(out)


def _find_pairs(images: Path, masks: Path, pattern: NamePattern) -> list[_Pair]:
    """Images with their masks, ordered by patient and slice."""
    folders = {"image": images, "mask": masks}
    _raise([f"{kind} folder {path.name!r} does not exist; check the path"
            for kind, path in folders.items() if not path.is_dir()])  # fmt: skip
    files = {kind: list_rasters(path) for kind, path in folders.items()}
    _raise([f"{kind} folder {path.name!r} holds no image file ({', '.join(sorted(SUFFIXES))})"
            for kind, path in folders.items() if not files[kind]])  # fmt: skip
    problems = [
        f"{kind} {name!r} is there {len(paths)} times, with the endings "
        f"{', '.join(path.suffix for path in paths)}; keep one"
        for kind, found in files.items()
        for name, paths in found.items()
        if len(paths) > 1
    ]
    problems += [f"image {name!r} has no mask; add it or remove the image"
                 for name in sorted(files["image"].keys() - files["mask"].keys())]  # fmt: skip
    problems += [f"mask {name!r} has no image; add it or remove the mask"
                 for name in sorted(files["mask"].keys() - files["image"].keys())]  # fmt: skip
    slices, unmatched = pattern.read(files["image"])
    problems += [f"image {name!r} does not match the patient pattern {pattern.text!r}; "
                 "rename it or change --patient" for name in unmatched]  # fmt: skip
    problems += _same_slice(slices)
    _raise(problems)
    pairs = [
        _Pair(name, slice_name, files["image"][name][0], files["mask"][name][0])
        for name, slice_name in slices.items()
    ]
    return sorted(pairs, key=lambda pair: natural_key(pair.slice_name.key))


def _same_slice(slices: dict[str, SliceName]) -> list[str]:
    first: dict[str, str] = {}
    problems = []
    for name, slice_name in slices.items():
        if (other := first.setdefault(slice_name.key, name)) != name:
            problems.append(
                f"images {other!r} and {name!r} are both slice {slice_name.slice!r} of patient "
                f"{slice_name.patient!r}; remove one or change --patient"
            )
    return problems


def _read_headers(pairs: list[_Pair], crop: int | None) -> _Headers:
    problems: list[str] = []
    shapes: dict[str, tuple[int, int]] = {}
    types: dict[str, list[np.dtype]] = {"image": [], "mask": []}
    for pair in pairs:
        found = {}
        for kind, path in (("image", pair.image), ("mask", pair.mask)):
            try:
                found[kind], dtype = raster_header(path)
                types[kind].append(dtype)
            except DatasetError as error:
                problems.append(f"{kind} {pair.name!r} {error}")
        if len(found) == 2 and found["image"] != found["mask"]:
            problems.append(
                f"image {pair.name!r} has {_size(found['image'])} pixels, its mask "
                f"{_size(found['mask'])}; they must have the same size"
            )
        if "image" in found:
            shapes[pair.name] = found["image"]
    problems += _unlike_sizes(shapes) if crop is None else []
    _raise(problems)
    return _Headers(shapes, max(types["image"]), max(types["mask"]))


def _unlike_sizes(shapes: dict[str, tuple[int, int]]) -> list[str]:
    sizes = list(shapes.values())
    usual = max(set(sizes), key=sizes.count) if sizes else (0, 0)
    return [
        f"image {name!r} has {_size(shape)} pixels, most have {_size(usual)}; give --crop to cut "
        "all to one size"
        for name, shape in shapes.items()
        if shape != usual
    ]


def _put_pair(
    draft: DatasetDraft,
    position: int,
    pair: _Pair,
    scheme: RegionScheme,
    crop: int | None,
    crop_around: str,
    description: dict[str, Any],
) -> None:
    """Read, check, crop and store one slice.

    Raises:
        DatasetError: with every problem of the two files.
    """
    image, labels = _read_pair(pair, scheme)
    height, width = image.shape
    window = Window(0, 0, 0)
    if crop:
        if crop_around == "masks":
            window = Window.around_mask(scheme.encode(labels) > 0, crop)
        else:
            window = Window.around_centre(height, width, crop)
        padding = free_code(scheme.codes, labels.dtype)
        image, labels = window.cut(image, 0), window.cut(labels, padding)
        if window.leaves(height, width):
            draft.scheme = RegionScheme(scheme.regions, (*scheme.ignored, padding))
    draft.put(
        position,
        image,
        labels,
        slice=pair.slice_name.key,
        patient=pair.slice_name.patient,
        **description,
        source_height=height,
        source_width=width,
        crop_top=window.top,
        crop_left=window.left,
        image_file_hash=hashlib.sha256(pair.image.read_bytes()).hexdigest(),
        mask_file_hash=hashlib.sha256(pair.mask.read_bytes()).hexdigest(),
    )


def _read_pair(pair: _Pair, scheme: RegionScheme) -> tuple[np.ndarray, np.ndarray]:
    problems = []
    pixels: dict[str, np.ndarray] = {}
    for kind, path in (("image", pair.image), ("mask", pair.mask)):
        try:
            pixels[kind] = read_raster(path, labels=kind == "mask")
        except DatasetError as error:
            problems.append(f"{kind} {pair.name!r} {error}")
    if "mask" in pixels and (unknown := scheme.unknown_codes(pixels["mask"])):
        problems.append(
            f"mask {pair.name!r} holds {', '.join(map(str, unknown))}, which no region has; add "
            "the code to a --region or give it to --ignore"
        )
    _raise(problems)
    return pixels["image"], pixels["mask"]


def _duplicates(rows: list[dict[str, Any]]) -> list[str]:
    first: dict[str, str] = {}
    return [
        f"slice {row['slice']} is the same image as slice {other}; remove one, or keep both with "
        "--allow-duplicates"
        for row in rows
        if (other := first.setdefault(row["image_hash"], row["slice"])) != row["slice"]
    ]


def _size(shape: tuple[int, int]) -> str:
    return f"{shape[0]} x {shape[1]}"


def _raise(problems: list[str]) -> None:
    if problems:
        raise DatasetError(problems, "nothing was imported")
