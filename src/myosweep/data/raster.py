"""Grey or label images from PNG, TIFF and BMP files, through Pillow."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import UInt
from PIL import Image
from PIL.ImageFile import ImageFile

from myosweep.data.folder import files_in
from myosweep.data.quiet import quiet
from myosweep.data.stack import MOST_PIXELS
from myosweep.errors import DatasetError

SUFFIXES = frozenset({".png", ".tif", ".tiff", ".bmp"})
_FORMATS = ("PNG", "TIFF", "BMP")
"""Of Pillow; by content it would open others too, and run Ghostscript on EPS."""
_ONE_BYTE = frozenset({"1", "L", "P", "LA", "RGB", "RGBA"})
_TWO_BYTES = frozenset({"I", "I;16", "I;16B", "I;16L"})


def list_rasters(folder: Path) -> dict[str, list[Path]]:
    """Image files in a folder and its subfolders, by relative path without ending.

    Other file types are passed over, and whatever ``files_in`` passes over. A list longer than one
    means the same name with several endings.
    """
    found: dict[str, list[Path]] = {}
    for name, path in files_in(folder):
        if path.suffix.lower() in SUFFIXES:
            found.setdefault(name.removesuffix(path.suffix), []).append(path)
    return found


def raster_header(path: Path) -> tuple[tuple[int, int], np.dtype]:
    """Height and width in pixels, and the type that ``read_raster`` gives, without decoding.

    Raises:
        DatasetError: if the file is damaged, no image, of several pages, or not of 8 or 16 bits
            per pixel (colour images: 8 bits per channel).
    """
    with _opened(path) as image:
        return (image.height, image.width), _pixel_type(image)


def read_raster(file: Path | bytes, *, labels: bool = False) -> UInt[np.ndarray, "y x"]:
    """Pixels of a grey image, or codes of a label image; from a file or its content.

    A palette gives its grey levels in an image and its indices in a mask; one bit gives 0 and 1.

    Raises:
        DatasetError: as ``raster_header``, and for a colour image whose channels differ.
    """
    with _opened(file) as image:
        dtype = _pixel_type(image)
        if image.mode == "P" and not labels:
            pixels = np.asarray(image.convert("RGB"))
        elif image.mode in ("LA", "RGBA"):
            pixels = np.asarray(image)[..., :-1]
        else:
            pixels = np.asarray(image)
    if pixels.ndim == 3:
        if (pixels != pixels[..., :1]).any():
            raise DatasetError("is a colour image; save it as grey levels or label codes")
        pixels = pixels[..., 0]
    if pixels.size and not 0 <= int(pixels.min()) <= int(pixels.max()) <= np.iinfo(dtype).max:
        raise DatasetError("has values outside 0..65535; save it with 8 or 16 bits")
    return np.ascontiguousarray(pixels, dtype)


@contextmanager
def _opened(file: Path | bytes) -> Iterator[ImageFile]:
    """Open with Pillow; whatever it raises becomes one plain sentence without a path."""
    try:
        given = BytesIO(file) if isinstance(file, bytes) else file
        with quiet(), Image.open(given, formats=_FORMATS) as image:
            if image.width * image.height > MOST_PIXELS:
                raise DatasetError("is far larger than any LGE slice and is not opened")
            if getattr(image, "n_frames", 1) > 1:
                raise DatasetError("has several pages; save one slice per file")
            yield image
    except DatasetError:
        raise
    except Image.DecompressionBombError:
        raise DatasetError("is far larger than any LGE slice and is not opened") from None
    except Exception:  # a damaged file can make Pillow raise anything, even a TypeError
        raise DatasetError("cannot be read as an image; is it damaged?") from None


def _pixel_type(image: ImageFile) -> np.dtype:
    if image.mode in _TWO_BYTES:
        return np.dtype(np.uint16)
    if image.mode in _ONE_BYTE and "16" not in _stored_mode(image):
        return np.dtype(np.uint8)
    raise DatasetError(
        f"has pixel type {_stored_mode(image)}; save it as grey levels of 8 or 16 bits per pixel"
    )


def _stored_mode(image: ImageFile) -> str:
    """Pixels as the file has them: Pillow opens 16-bit colours as 8-bit ones, cutting them off."""
    args = image.tile[0][3] if image.tile else image.mode
    return str(args[0] if isinstance(args, tuple) else args)
