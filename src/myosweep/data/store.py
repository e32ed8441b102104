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
STACK_COLUMNS = ("stack", "place")
"""Which of its patient's stacks a slice comes from, and its number there, both from 1. Older
datasets lack them, and pictures that came one by one; see ``source_stacks``."""
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

    @property
    def licence(self) -> str | None:
        """Under which the data may be used, as stated at the import; None if nobody did."""
        stated = self.source.get("licence")
        return stated if isinstance(stated, str) else None


@dataclass(frozen=True)
class Dataset:
    """An open dataset.

    ``images`` and ``labels`` are read-only memory maps (slice, y, x); ``slices`` has one row per
    slice in the same order, with the columns ``slice`` (its key), ``patient``, the
    ``DESCRIPTION_COLUMNS``, perhaps the ``STACK_COLUMNS``, where its pixels lay in the source, and
    hashes.
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
            bytes.fromhex(slice_hashes(image, label)["pixel_hash"])
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


class DatasetDraft:
    """A dataset being filled, slice by slice, in its order.

    Pixels go straight to the files, so a draft of any length needs no memory for them. The first
    slice decides the size of all.
    """

    def __init__(
        self, folder: Path, image_type: np.dtype, label_type: np.dtype, scheme: RegionScheme
    ) -> None:
        self.folder = folder
        self.scheme = scheme
        self.padding: int | None = None
        self.rows: list[dict[str, Any]] = []
        self.images = _PixelFile(folder / "images.npy", image_type)
        self.labels = _PixelFile(folder / "labels.npy", label_type)

    def append(
        self,
        image: Shaped[np.ndarray, "y x"],
        labels: Shaped[np.ndarray, "y x"],
        *,
        hashes: dict[str, str] | None = None,
        **row: Any,
    ) -> None:
        """Store the next slice and its description (``slice``, ``patient``, ...).

        Args:
            hashes: as ``slice_hashes`` gives them, where they were computed already.
        """
        self.images.append(image)
        self.labels.append(labels)
        self.rows.append({**row, **(hashes or slice_hashes(image, labels))})


class _PixelFile:
    """A .npy file of equal arrays that grows at its end; its header is put right at last."""

    def __init__(self, path: Path, dtype: np.dtype) -> None:
        self.dtype = dtype
        self.shape: tuple[int, ...] = ()
        self.count = 0
        self._file = path.open("wb")

    def append(self, pixels: np.ndarray) -> None:
        assert pixels.dtype == self.dtype
        if self.count == 0:
            self.shape = pixels.shape
            self._write_header()
        assert pixels.shape == self.shape
        self._file.write(np.ascontiguousarray(pixels).data)
        self.count += 1

    def close(self) -> None:
        if self.count:
            self._file.seek(0)
            self._write_header()
        self._file.close()

    def _write_header(self) -> None:
        """NumPy's header leaves room for the count to grow, so it can be written again in place."""
        np.lib.format.write_array_header_1_0(
            self._file,
            {
                "shape": (self.count, *self.shape),
                "fortran_order": False,
                "descr": np.lib.format.dtype_to_descr(self.dtype),
            },
        )


@contextmanager
def new_dataset(
    folder: Path,
    image_type: np.dtype,
    label_type: np.dtype,
    scheme: RegionScheme,
    source: dict[str, Any],
) -> Iterator[DatasetDraft]:
    """Give a draft to fill with slices; it becomes a dataset if nothing was raised.

    Raises:
        DatasetError: if ``folder`` is in use already, or no slice was put into the draft.
    """
    refuse_taken(folder)
    with whole_folder(folder) as draft_folder:
        draft = DatasetDraft(draft_folder, image_type, label_type, scheme)
        try:
            yield draft
        finally:  # Windows neither renames nor removes a folder with open files
            draft.images.close()
            draft.labels.close()
        _describe(draft, source)


def _describe(draft: DatasetDraft, source: dict[str, Any]) -> None:
    """Write the table and the manifest of a filled draft."""
    if not draft.rows:
        raise DatasetError("a dataset needs at least one slice; none was left to import")
    slices = _slice_table(draft.rows)
    slices.to_parquet(draft.folder / "slices.parquet", index=False)
    height, width = draft.images.shape
    manifest = Manifest(
        format=FORMAT,
        made_by=f"myosweep {myosweep.__version__}",
        source=source,
        regions={region.name: region.codes for region in draft.scheme.regions},
        ignored=draft.scheme.ignored,
        padding=draft.padding,
        slices=draft.images.count,
        height=height,
        width=width,
        pixel_hash=_pixel_hash(bytes.fromhex(digest) for digest in slices["pixel_hash"]),
    )
    write_json(draft.folder / "manifest.json", manifest.model_dump(mode="json"))


def slice_hashes(
    image: Shaped[np.ndarray, "y x"], labels: Shaped[np.ndarray, "y x"]
) -> dict[str, str]:
    """Names an image, and an image with its labels, by pixels, size and type."""
    digest = _digest(image)
    whole = hashlib.sha256(digest + _digest(labels)).hexdigest()
    return {"image_hash": digest.hex(), "pixel_hash": whole}


def refuse_taken(folder: Path) -> None:
    """Raise a ``DatasetError`` if something is at ``folder`` already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DatasetError(
            f"{folder.name!r} exists already and is not overwritten; give another name, or remove "
            "it first"
        )


def _slice_table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    known = list(dict.fromkeys(column for row in rows for column in row))
    columns = ["slice", "patient", *DESCRIPTION_COLUMNS]
    columns += [column for column in known if column not in columns]
    table = pd.DataFrame(rows, columns=columns)
    for column in DESCRIPTION_COLUMNS:
        table[column] = table[column].astype("string" if column in _TEXT_COLUMNS else "float64")
    numbers = [column for column in STACK_COLUMNS if column in table]
    table[numbers] = table[numbers].astype("Int64")
    return table


def _digest(pixels: np.ndarray) -> bytes:
    header = f"{pixels.dtype.name} {pixels.shape}".encode()
    digest = hashlib.sha256(header)
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.digest()


def _pixel_hash(slice_digests: Iterator[bytes]) -> str:
    whole = hashlib.sha256()
    for digest in slice_digests:
        whole.update(digest)
    return whole.hexdigest()
