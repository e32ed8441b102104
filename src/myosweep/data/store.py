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
from jaxtyping import Bool, Shaped, UInt8
from pydantic import BaseModel, ConfigDict

import myosweep
from myosweep.errors import DatasetError
from myosweep.files import read_json, whole_folder, write_json
from myosweep.regions import RegionScheme

FORMAT = 1
DESCRIPTION_COLUMNS = ("site", "vendor", "level", "spacing_mm", "slice_spacing_mm")
"""What may be known of a slice, beside its patient; missing where it is not known."""
_TEXT_COLUMNS = ("site", "vendor", "level")
_COLUMNS = ("slice", "patient", *DESCRIPTION_COLUMNS, "image_hash", "pixel_hash")
LEVELS = ("base", "middle", "apex")


class Manifest(BaseModel):
    """What a dataset says of itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    made_by: str
    source: dict[str, Any]
    regions: dict[str, tuple[int, ...]]
    ignored: tuple[int, ...]
    padding: int | None = None
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

    def padding(self, rows: np.ndarray | slice = slice(None)) -> Bool[np.ndarray, "slice y x"]:
        """Which pixels lie outside the source image; a crop that was too large put them there."""
        if self.manifest.padding is None:
            return np.zeros(self.labels[rows].shape, bool)
        return np.asarray(self.labels[rows]) == self.manifest.padding

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
    with _reading(folder, "manifest.json"):
        manifest = Manifest.model_validate(content)
    with _reading(folder, "images.npy") as path:
        images = np.lib.format.open_memmap(path, mode="r")
    with _reading(folder, "labels.npy") as path:
        labels = np.lib.format.open_memmap(path, mode="r")
    with _reading(folder, "slices.parquet") as path:
        slices = pd.read_parquet(path)
    if damage := list(_damage(manifest, images, labels, slices)):
        raise DatasetError(
            f"dataset {folder.name!r} is damaged: {'; '.join(damage)}; import it again"
        )
    return Dataset(folder, manifest, images, labels, slices)


@contextmanager
def _reading(folder: Path, file: str) -> Iterator[Path]:
    """Give a file's path; whatever its reader raises becomes one sentence."""
    try:
        yield folder / file
    except Exception as error:  # a damaged file can make its reader raise anything
        reason = "is missing" if isinstance(error, FileNotFoundError) else "cannot be read"
        raise DatasetError(
            f"dataset {folder.name!r} is damaged: {file} {reason}; import it again"
        ) from None


def _damage(
    manifest: Manifest, images: np.ndarray, labels: np.ndarray, slices: pd.DataFrame
) -> Iterator[str]:
    """Where arrays and table are not what the manifest says."""
    shape = (manifest.slices, manifest.height, manifest.width)
    for file, pixels in (("images.npy", images), ("labels.npy", labels)):
        if pixels.shape != shape or pixels.dtype not in (np.uint8, np.uint16):
            yield f"{file} holds {pixels.dtype.name} {pixels.shape}, not 8- or 16-bit {shape}"
    if missing := sorted(set(_COLUMNS) - set(slices.columns)):
        yield f"slices.parquet has no column {', '.join(missing)}"
    elif len(slices) != manifest.slices or not slices["slice"].is_unique:
        yield f"slices.parquet does not name {manifest.slices} slices"


@dataclass
class DatasetDraft:
    """A dataset being filled, slice by slice, in any order."""

    folder: Path
    images: Shaped[np.ndarray, "slice y x"]
    labels: Shaped[np.ndarray, "slice y x"]
    scheme: RegionScheme
    rows: list[dict[str, Any]]
    padding: int | None = None

    def put(self, position: int, image: np.ndarray, labels: np.ndarray, **row: Any) -> None:
        """Store one slice and its description (``slice``, ``patient``, ...)."""
        self.images[position] = image
        self.labels[position] = labels
        self.rows[position] = {
            **dict.fromkeys(DESCRIPTION_COLUMNS),
            **row,
            "image_hash": image_hash(self.images[position]),
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
        try:
            yield draft
            _describe(draft, source)
        finally:  # Windows neither renames nor removes a folder with open memory maps
            del draft.images, draft.labels


def _describe(draft: DatasetDraft, source: dict[str, Any]) -> None:
    """Write the table and the manifest of a filled draft."""
    slices = _slice_table(draft.rows)
    slices.to_parquet(draft.folder / "slices.parquet", index=False)
    count, height, width = draft.images.shape
    manifest = Manifest(
        format=FORMAT,
        made_by=f"myosweep {myosweep.__version__}",
        source=source,
        regions={region.name: region.codes for region in draft.scheme.regions},
        ignored=draft.scheme.ignored,
        padding=draft.padding,
        slices=count,
        height=height,
        width=width,
        pixel_hash=_pixel_hash(bytes.fromhex(digest) for digest in slices["pixel_hash"]),
    )
    write_json(draft.folder / "manifest.json", manifest.model_dump(mode="json"))


def image_hash(pixels: Shaped[np.ndarray, "y x"]) -> str:
    """Names an image by its pixels, size and type."""
    return _digest(pixels).hex()


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
