"""The dataset: one folder with every slice's pixels, label codes and description.

    manifest.json    what it is: scheme, shape, how it was made, pixel hash
    slices.parquet   one row per slice: key, patient, site, ..., hashes of its source files
    images.npy       (slice, y, x), in the source's integer type
    labels.npy       (slice, y, x), in the source's label codes

Both arrays are memory-mapped. The folder appears whole or not at all. It holds no file name, path
or identity: a slice is named by its patient code and a number.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Shaped, UInt8
from pydantic import BaseModel, ConfigDict, ValidationError

import myosweep
from myosweep.errors import DatasetError
from myosweep.files import read_json, whole_folder, write_json
from myosweep.regions import RegionScheme

FORMAT = 1
DESCRIPTION_COLUMNS = ("site", "vendor", "level", "spacing_mm", "slice_spacing_mm")
"""What may be known of a slice, beside its patient; missing where it is not known."""
_TEXT_COLUMNS = ("site", "vendor", "level")
LEVELS = ("base", "middle", "apex")


class Manifest(BaseModel):
    """What a dataset says of itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    made_by: str
    source: dict[str, Any]
    regions: dict[str, tuple[int, ...]]
    ignored: tuple[int, ...]
    slices: int
    height: int
    width: int
    pixel_hash: str


@dataclass(frozen=True)
class Dataset:
    """An open dataset.

    ``images`` and ``labels`` are read-only memory maps (slice, y, x); ``slices`` has one row per
    slice in the same order, with the columns ``slice`` (its key), ``patient``, the
    ``DESCRIPTION_COLUMNS``, where its pixels lay in the source, and hashes.
    """

    folder: Path
    manifest: Manifest
    images: Shaped[np.ndarray, "slice y x"]
    labels: Shaped[np.ndarray, "slice y x"]
    slices: pd.DataFrame

    def __len__(self) -> int:
        return len(self.slices)

    @property
    def scheme(self) -> RegionScheme:
        """The region scheme that the dataset was made with."""
        return RegionScheme.from_mapping(self.manifest.regions, self.manifest.ignored)

    def reference(
        self, scheme: RegionScheme, rows: np.ndarray | slice = slice(None)
    ) -> UInt8[np.ndarray, "slice y x"]:
        """Region maps of the reference masks; ignored pixels hold ``NO_REGION``."""
        return scheme.encode(np.asarray(self.labels[rows]))

    def check_pixels(self) -> None:
        """Compare pixels with the manifest's hash.

        Raises:
            DatasetError: if they differ, that is, if a file was changed or damaged.
        """
        found = _pixel_hash(
            _slice_digest(image, label)
            for image, label in zip(self.images, self.labels, strict=True)
        )
        if found != self.manifest.pixel_hash:
            raise DatasetError(
                f"the pixels of dataset {self.folder.name!r} are not those that were imported; "
                "import it again"
            )


def open_dataset(folder: Path | str) -> Dataset:
    """Open a dataset folder.

    Raises:
        DatasetError: if it is none, is damaged, or was made by a newer myosweep.
    """
    folder = Path(folder)
    try:
        content = read_json(folder / "manifest.json")
    except (OSError, ValueError):
        raise DatasetError(
            f"{folder.name!r} is not a dataset (no readable manifest.json); make one with "
            "`myosweep import` or `myosweep phantom`"
        ) from None
    if isinstance(content, dict) and content.get("format", FORMAT) != FORMAT:
        raise DatasetError(
            f"dataset {folder.name!r} has format {content['format']}, this myosweep reads format "
            f"{FORMAT}; use the version that made it ({content.get('made_by', 'unknown')})"
        )
    try:
        manifest = Manifest.model_validate(content)
        images = np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False)
        labels = np.load(folder / "labels.npy", mmap_mode="r", allow_pickle=False)
        slices = pd.read_parquet(folder / "slices.parquet")
    except (OSError, ValueError, ValidationError) as error:
        raise DatasetError(
            f"dataset {folder.name!r} is damaged ({type(error).__name__}); import it again"
        ) from None
    shape = (manifest.slices, manifest.height, manifest.width)
    if not (images.shape == labels.shape == shape and len(slices) == manifest.slices):
        raise DatasetError(
            f"dataset {folder.name!r} is damaged: {images.shape[0]} images, {labels.shape[0]} "
            f"masks, {len(slices)} rows, {manifest.slices} slices expected; import it again"
        )
    return Dataset(folder, manifest, images, labels, slices)


@dataclass
class DatasetDraft:
    """A dataset being filled, slice by slice, in any order."""

    folder: Path
    images: Shaped[np.ndarray, "slice y x"]
    labels: Shaped[np.ndarray, "slice y x"]
    scheme: RegionScheme
    rows: list[dict[str, Any]]

    def put(self, position: int, image: np.ndarray, labels: np.ndarray, **row: Any) -> None:
        """Store one slice and its description (``slice``, ``patient``, ...)."""
        self.images[position] = image
        self.labels[position] = labels
        self.rows[position] = {
            **dict.fromkeys(DESCRIPTION_COLUMNS),
            **row,
            "image_hash": _digest(self.images[position]).hex(),
            "pixel_hash": _slice_digest(self.images[position], self.labels[position]).hex(),
        }


@contextmanager
def new_dataset(
    folder: Path,
    shape: tuple[int, int, int],
    image_type: np.dtype,
    label_type: np.dtype,
    scheme: RegionScheme,
    source: dict[str, Any],
) -> Iterator[DatasetDraft]:
    """Give a draft to fill with ``shape[0]`` slices; it becomes a dataset if nothing was raised.

    Raises:
        DatasetError: if ``folder`` is in use already.
    """
    refuse_taken(folder)
    with whole_folder(folder) as draft_folder:
        draft = DatasetDraft(
            draft_folder,
            _new_array(draft_folder / "images.npy", shape, image_type),
            _new_array(draft_folder / "labels.npy", shape, label_type),
            scheme,
            [{} for _ in range(shape[0])],
        )
        yield draft
        slices = _slice_table(draft.rows)
        slices.to_parquet(draft_folder / "slices.parquet", index=False)
        manifest = Manifest(
            format=FORMAT,
            made_by=f"myosweep {myosweep.__version__}",
            source=source,
            regions={region.name: region.codes for region in draft.scheme.regions},
            ignored=draft.scheme.ignored,
            slices=shape[0],
            height=shape[1],
            width=shape[2],
            pixel_hash=_pixel_hash(bytes.fromhex(digest) for digest in slices["pixel_hash"]),
        )
        write_json(draft_folder / "manifest.json", manifest.model_dump(mode="json"))
        del draft.images, draft.labels  # Windows renames no folder with open memory maps


def refuse_taken(folder: Path) -> None:
    """Raise a ``DatasetError`` if something is at ``folder`` already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DatasetError(
            f"{folder.name!r} exists already and is not overwritten; give another name, or remove "
            "it first"
        )


def _new_array(path: Path, shape: tuple[int, int, int], dtype: np.dtype) -> np.ndarray:
    return np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)


def _slice_table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame(rows)
    for column in DESCRIPTION_COLUMNS:
        table[column] = table[column].astype("string" if column in _TEXT_COLUMNS else "float64")
    return table


def _digest(pixels: np.ndarray) -> bytes:
    header = f"{pixels.dtype.name} {pixels.shape}".encode()
    return hashlib.sha256(header + np.ascontiguousarray(pixels).tobytes()).digest()


def _slice_digest(image: np.ndarray, labels: np.ndarray) -> bytes:
    return hashlib.sha256(_digest(image) + _digest(labels)).digest()


def _pixel_hash(slice_digests: Iterator[bytes]) -> str:
    whole = hashlib.sha256()
    for digest in slice_digests:
        whole.update(digest)
    return whole.hexdigest()
