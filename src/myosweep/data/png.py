"""Import of a folder of images and a folder of masks (PNG, TIFF, BMP) into a dataset."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt

from myosweep.data.crop import Window
from myosweep.data.descriptions import read_descriptions
from myosweep.data.names import NamePattern, SliceName, natural_key
from myosweep.data.raster import SUFFIXES, list_rasters, raster_header, read_raster
from myosweep.data.store import (
    Dataset,
    DatasetDraft,
    image_hash,
    new_dataset,
    open_dataset,
    refuse_taken,
)
from myosweep.errors import DatasetError
from myosweep.regions import NO_REGION, RegionScheme, free_code

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Pair:
    """An image and its mask; ``name`` is relative to the folders that the user gave.

    ``slice_name`` is missing where the patient pattern does not match: then the files are checked
    all the same.
    """

    name: str
    slice_name: SliceName | None
    image: Path
    mask: Path

    @property
    def files(self) -> dict[str, Path]:
        return {"image": self.image, "mask": self.mask}


@dataclass(frozen=True)
class _Rules:
    """How a pair becomes a slice."""

    scheme: RegionScheme
    crop: int | None
    crop_around: Literal["centre", "masks"]


@dataclass(frozen=True)
class _Headers:
    """The size of each file that can be read, and the types that hold all of them."""

    sizes: dict[Path, tuple[int, int]]
    image_type: np.dtype
    label_type: np.dtype

    def usual_size(self, pairs: list[_Pair]) -> tuple[int, int]:
        """The size of most images."""
        sizes = Counter(self.sizes[pair.image] for pair in pairs if pair.image in self.sizes)
        return sizes.most_common(1)[0][0] if sizes else (1, 1)


@dataclass(frozen=True)
class _Slice:
    """Pixels and codes as the dataset gets them; where they lay in the source; the padding's code.

    Without a crop there is no window; without padding there is no code for it.
    """

    image: UInt[np.ndarray, "y x"]
    labels: UInt[np.ndarray, "y x"]
    source_size: tuple[int, int]
    window: Window | None = None
    padding: int | None = None


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
        crop_around: the middle of the image, or of all regions but the scheme's first.
        table: CSV with the column ``slice`` or ``patient`` and any of site, vendor, level,
            spacing_mm, slice_spacing_mm.
        allow_duplicates: keep slices whose image is that of another slice; a split that puts the
            copies in two parts is refused all the same.
        progress: called with slices done and slices in all.

    Raises:
        DatasetError: listing every problem of the folders; then nothing was written.
    """
    images, masks, out = Path(images), Path(masks), Path(out)
    if crop is not None and crop < 1:
        raise DatasetError(f"a crop is at least 1 pixel wide, got {crop}; give a larger one")
    refuse_taken(out)
    problems: list[str] = []
    pairs = _find_pairs(images, masks, NamePattern(patient), problems)
    headers = _read_headers(pairs, crop, problems)
    descriptions = _read_table(table, pairs, problems)
    size = (crop, crop) if crop else headers.usual_size(pairs)
    source = {
        "kind": "image folder",
        "patient_pattern": patient,
        "crop": crop,
        "crop_around": crop_around if crop else None,
    }
    rules = _Rules(scheme, crop, crop_around)
    types = headers.image_type, headers.label_type
    with new_dataset(out, (len(pairs), *size), *types, scheme, source) as draft:
        names: dict[str, str] = {}
        for position, pair in enumerate(pairs):
            one = _read_slice(pair, headers, rules, problems)
            if one and not allow_duplicates:
                problems += _seen_before(one, pair, names)
            if one and not problems:  # after a problem, only look for more
                _put(draft, position, pair, one, descriptions)
            if progress:
                progress(position + 1, len(pairs))
        _raise(problems)
    return open_dataset(out)


def _find_pairs(
    images: Path, masks: Path, pattern: NamePattern, problems: list[str]
) -> list[_Pair]:
    """Images with their masks, ordered by patient and slice."""
    folders = {"image": images, "mask": masks}
    _raise([f"{kind} folder {path.name!r} does not exist; check the path"
            for kind, path in folders.items() if not path.is_dir()])  # fmt: skip
    files = {kind: list_rasters(path) for kind, path in folders.items()}
    _raise([f"{kind} folder {path.name!r} holds no image file ({', '.join(sorted(SUFFIXES))})"
            for kind, path in folders.items() if not files[kind]])  # fmt: skip
    problems += _unpaired(files["image"], files["mask"])
    slices, unmatched = pattern.read(files["image"])
    problems += [f"image {name!r} does not match the patient pattern {pattern.text!r}; "
                 "rename it or change --patient" for name in unmatched]  # fmt: skip
    problems += _same_slice(slices)
    pairs = [
        _Pair(name, slices.get(name), found[0], files["mask"][name][0])
        for name, found in files["image"].items()
        if len(found) == len(files["mask"].get(name, ())) == 1
    ]
    if not pairs:
        _raise(problems)
    return sorted(pairs, key=lambda p: natural_key(p.slice_name.key if p.slice_name else p.name))


def _unpaired(images: dict[str, list[Path]], masks: dict[str, list[Path]]) -> Iterator[str]:
    for kind, found in (("image", images), ("mask", masks)):
        for name, paths in found.items():
            if len(paths) > 1:
                endings = ", ".join(path.suffix for path in paths)
                yield f"{kind} {name!r} is there {len(paths)} times ({endings}); keep one"
    for name in sorted(images.keys() - masks.keys(), key=natural_key):
        yield f"image {name!r} has no mask; add it or remove the image"
    for name in sorted(masks.keys() - images.keys(), key=natural_key):
        yield f"mask {name!r} has no image; add it or remove the mask"


def _same_slice(slices: dict[str, SliceName]) -> Iterator[str]:
    first: dict[str, str] = {}
    for name, slice_name in slices.items():
        if (other := first.setdefault(slice_name.key, name)) != name:
            yield (
                f"images {other!r} and {name!r} are both slice {slice_name.key!r}; remove one or "
                "change --patient"
            )


def _read_headers(pairs: list[_Pair], crop: int | None, problems: list[str]) -> _Headers:
    sizes: dict[Path, tuple[int, int]] = {}
    types = {"image": np.dtype(np.uint8), "mask": np.dtype(np.uint8)}
    for pair in pairs:
        for kind, path in pair.files.items():
            with _collecting(problems, f"{kind} {pair.name!r} "):
                sizes[path], pixel_type = raster_header(path)
                types[kind] = np.promote_types(types[kind], pixel_type)
    headers = _Headers(sizes, types["image"], types["mask"])
    problems += _unlike_sizes(pairs, headers, crop)
    return headers


def _unlike_sizes(pairs: list[_Pair], headers: _Headers, crop: int | None) -> Iterator[str]:
    usual = headers.usual_size(pairs)
    for pair in pairs:
        image, mask = (headers.sizes.get(path) for path in pair.files.values())
        if image and mask and image != mask:
            yield (
                f"image {pair.name!r} has {_text(image)} pixels, its mask {_text(mask)}; they must "
                "have the same size"
            )
        if crop is None and image and image != usual:
            yield (
                f"image {pair.name!r} has {_text(image)} pixels, most have {_text(usual)}; give "
                "--crop to cut all to one size"
            )


def _read_table(
    table: Path | str | None, pairs: list[_Pair], problems: list[str]
) -> dict[SliceName, dict[str, Any]]:
    descriptions: dict[SliceName, dict[str, Any]] = {}
    if table is not None:
        with _collecting(problems):
            slices = [pair.slice_name for pair in pairs if pair.slice_name]
            descriptions = read_descriptions(Path(table), slices)
    return descriptions


def _read_slice(
    pair: _Pair, headers: _Headers, rules: _Rules, problems: list[str]
) -> _Slice | None:
    """Read, check and crop two files; None if they make no slice, and then there are problems."""
    pixels: dict[str, np.ndarray] = {}
    for kind, path in pair.files.items():
        if path in headers.sizes:
            with _collecting(problems, f"{kind} {pair.name!r} "):
                pixels[kind] = read_raster(path, labels=kind == "mask")
    if "mask" in pixels and (unknown := rules.scheme.unknown_codes(pixels["mask"])):
        problems.append(
            f"mask {pair.name!r} holds {_some(unknown)}, which no region has; add "
            "the code to a --region or give it to --ignore"
        )
    if len(pixels) < 2 or pixels["image"].shape != pixels["mask"].shape:
        return None
    image = pixels["image"].astype(headers.image_type)
    labels = pixels["mask"].astype(headers.label_type)
    return _cropped(image, labels, rules)


def _cropped(image: np.ndarray, labels: np.ndarray, rules: _Rules) -> _Slice:
    height, width = labels.shape
    if rules.crop is None:
        return _Slice(image, labels, (height, width))
    window = Window.around_centre(height, width, rules.crop)
    if rules.crop_around == "masks":
        regions = rules.scheme.encode(labels)
        window = Window.around_mask((regions > 0) & (regions != NO_REGION), rules.crop)
    if not window.leaves(height, width):
        return _Slice(window.cut(image, 0), window.cut(labels, 0), (height, width), window)
    padding = free_code(rules.scheme.codes, labels.dtype)
    image, labels = window.cut(image, 0), window.cut(labels, padding)
    return _Slice(image, labels, (height, width), window, padding)


def _seen_before(one: _Slice, pair: _Pair, names: dict[str, str]) -> Iterator[str]:
    """A problem if this image was there before; ``names`` holds the first name of each image."""
    if (other := names.setdefault(image_hash(one.image), pair.name)) != pair.name:
        yield (
            f"image {pair.name!r} is the same as image {other!r}; remove one, or keep both with "
            "--allow-duplicates"
        )


def _put(
    draft: DatasetDraft,
    position: int,
    pair: _Pair,
    one: _Slice,
    descriptions: dict[SliceName, dict[str, Any]],
) -> None:
    assert pair.slice_name is not None  # a name that does not match is a problem
    draft.put(
        position,
        one.image,
        one.labels,
        slice=pair.slice_name.key,
        patient=pair.slice_name.patient,
        **descriptions.get(pair.slice_name, {}),
        source_height=one.source_size[0],
        source_width=one.source_size[1],
        crop_top=one.window.top if one.window else 0,
        crop_left=one.window.left if one.window else 0,
        image_file_hash=hashlib.sha256(pair.image.read_bytes()).hexdigest(),
        mask_file_hash=hashlib.sha256(pair.mask.read_bytes()).hexdigest(),
    )
    if one.padding is not None and draft.padding is None:
        draft.padding = one.padding
        draft.scheme = RegionScheme(draft.scheme.regions, (*draft.scheme.ignored, one.padding))


@contextmanager
def _collecting(problems: list[str], subject: str = "") -> Iterator[None]:
    """Add what is raised to ``problems``, each with its subject, and go on."""
    try:
        yield
    except DatasetError as error:
        problems += [f"{subject}{problem}" for problem in error.problems]


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def _raise(problems: list[str]) -> None:
    if problems:
        raise DatasetError(problems, "nothing was imported")


def _some(codes: tuple[int, ...]) -> str:
    """Codes in words; of many only the first, since the file is perhaps no mask."""
    few = ", ".join(map(str, codes[:5]))
    return few if len(codes) <= 5 else f"{few} and {len(codes) - 5} more codes (is it a mask?)"
