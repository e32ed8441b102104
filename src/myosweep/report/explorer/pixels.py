"""Images and masks as PNG sprites, small, without losing a pixel."""

import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Shaped, UInt8
from PIL import Image

from myosweep.regions import NO_REGION
from myosweep.results.layout import StudyFolder
from myosweep.results.read import stream_masks

_WINDOW_PERCENT = (0.5, 99.5)
_LEVEL = 6
"""Of zlib. The highest takes ten times as long for files that are a twentieth smaller."""


@dataclass(frozen=True)
class SlicePixels:
    """A slice's two PNG files.

    Attributes:
        image: grey, one pixel per pixel.
        masks: label maps below each other: the reference, then each cell's prediction.
    """

    image: bytes
    masks: bytes

    @property
    def size(self) -> int:
        """Bytes in a page, as base64."""
        return sum(-(-len(png) // 3) * 4 for png in (self.image, self.masks))


def code_step(regions: int) -> int:
    """How far grey levels of codes lie apart: as far as they can.

    Browsers that alter what is read from a canvas, against fingerprinting, then change no code.

    >>> code_step(3)
    85
    """
    return 255 // regions


def image_png(image: Shaped[np.ndarray, "y x"], padding: Bool[np.ndarray, "y x"]) -> bytes:
    """The image as 8-bit grey: nearly its darkest pixels are black, nearly its brightest white.

    Padding is black, and has no part in this.
    """
    valid = image[~padding]
    low, high = np.percentile(valid, _WINDOW_PERCENT) if valid.size else (0.0, 1.0)
    shares = (image.astype(np.float64) - low) / max(high - low, 1e-6)
    grey = np.where(padding, 0.0, 255 * shares.clip(0, 1) + 0.5).astype(np.uint8)
    return _png(Image.fromarray(grey))


def masks_png(maps: Sequence[UInt8[np.ndarray, "y x"]], regions: int) -> bytes:
    """Region maps below each other, as an indexed image; ``NO_REGION`` becomes the last code."""
    codes = np.concatenate([np.where(one == NO_REGION, regions, one) for one in maps])
    sprite = Image.fromarray(codes.astype(np.uint8)).convert("L")
    indexed = Image.frombytes("P", sprite.size, sprite.tobytes())
    indexed.putpalette([code * code_step(regions) for code in range(regions + 1) for _ in "rgb"])
    return _png(indexed, bits=next(bits for bits in (1, 2, 4, 8) if regions < 2**bits))


def read_maps(
    folder: StudyFolder, runs: Collection[str], keys: Collection[str]
) -> Mapping[tuple[str, str], UInt8[np.ndarray, "y x"]]:
    """The predicted region maps of these runs on these slices, by slice and run.

    Raises:
        StudyError: if a masks file is missing or damaged.
    """
    wanted = set(keys)
    return {
        (key, run): one.copy()
        for run in runs
        for some, maps in stream_masks(folder.run(run))
        for key, one in zip(some, maps, strict=True)
        if key in wanted
    }


def _png(image: Image.Image, **options: int) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=_LEVEL, **options)
    return file.getvalue()
