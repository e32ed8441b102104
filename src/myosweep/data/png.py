"""Import of a folder of images and a folder of masks (PNG, TIFF, BMP) into a dataset."""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from myosweep.data.intake import Progress, import_stacks
from myosweep.data.names import NamePattern, SliceName, natural_key
from myosweep.data.problems import collecting, raise_problems
from myosweep.data.raster import SUFFIXES, list_rasters, raster_header, read_raster
from myosweep.data.rules import Rules
from myosweep.data.stack import SourceSlice, Stack
from myosweep.data.store import Dataset, refuse_taken
from myosweep.errors import DatasetError
from myosweep.regions import RegionScheme

_NOTHING = np.zeros((0, 0), np.uint8)


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

    def read(self) -> tuple[SourceSlice]:
        """The pixels of both files, as far as they can be read."""
        problems: list[str] = []
        pixels: dict[str, np.ndarray] = {}
        hashes: dict[str, str] = {}
        for kind, path in self.files.items():
            with collecting(problems, f"{kind} {self.name!r} "):
                content = _content(path)
                hashes[f"{kind}_file_hash"] = hashlib.sha256(content).hexdigest()
                pixels[kind] = read_raster(content, labels=kind == "mask")
        found = SourceSlice(
            subject=f"image {self.name!r}",
            mask_subject=f"mask {self.name!r}",
            image=pixels.get("image", _NOTHING),
            labels=pixels.get("mask", _NOTHING),
            slice=self.slice_name.slice if self.slice_name else None,
            row=hashes,
            problems=tuple(problems),
        )
        return (found,)


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
    licence: str | None = None,
    progress: Progress | None = None,
) -> Dataset:
    """Make a dataset from images and masks of the same relative names.

    Args:
        images, masks: folders; a file and its mask have the same name, the ending may differ.
        out: the dataset folder to make.
        patient: regular expression that finds the patient in a name, see ``NamePattern``.
        scheme, crop, crop_around, table, allow_duplicates, licence: as ``Rules`` says.
        progress: called with slices done and slices in all.

    Raises:
        DatasetError: listing every problem of the folders; then nothing was written.
    """
    out = Path(out)
    table = None if table is None else Path(table)
    rules = Rules(scheme, crop, crop_around, None, table, allow_duplicates, licence)
    refuse_taken(out)
    problems: list[str] = []
    pairs = _find_pairs(Path(images), Path(masks), NamePattern(patient), problems)
    stacks = [_stack(pair) for pair in pairs]
    source = {"kind": "image folder", "patient_pattern": patient}
    return import_stacks(stacks, out, rules, source=source, problems=problems, progress=progress)


def _find_pairs(
    images: Path, masks: Path, pattern: NamePattern, problems: list[str]
) -> list[_Pair]:
    """Images with their masks, ordered by patient and slice."""
    folders = {"image": images, "mask": masks}
    raise_problems(
        [
            f"{kind} folder {path.name!r} does not exist; check the path"
            for kind, path in folders.items()
            if not path.is_dir()
        ]
    )
    files = {kind: list_rasters(path) for kind, path in folders.items()}
    endings = ", ".join(sorted(SUFFIXES))
    raise_problems(
        [
            f"{kind} folder {path.name!r} holds no image file ({endings})"
            for kind, path in folders.items()
            if not files[kind]
        ]
    )
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
        raise_problems(problems)
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


def _stack(pair: _Pair) -> Stack:
    """Headers alone; a file that has none that can be read is told of when its turn comes."""
    headers: dict[str, tuple[tuple[int, int], np.dtype]] = {}
    for kind, path in pair.files.items():
        with suppress(DatasetError):
            headers[kind] = raster_header(path)
    sizes = (headers["image"][0],) if "image" in headers else ()
    smallest = (0, 0), np.dtype(np.uint8)
    name = pair.slice_name or SliceName("", pair.name)
    return Stack(
        subject=f"image {pair.name!r}",
        patient=name.patient,
        order=name.key,
        sizes=sizes,
        image_type=headers.get("image", smallest)[1],
        label_type=headers.get("mask", smallest)[1],
        read=pair.read,
    )


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise DatasetError("cannot be read; check that you may open the file") from None
