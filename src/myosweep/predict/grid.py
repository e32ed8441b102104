"""From a source's pixels to the network's grid and back: resampled and cropped as in training."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Integer, Shaped, UInt8
from scipy import ndimage

from myosweep.data.crop import Window
from myosweep.data.resample import is_plausible, resample_image, resampled_size
from myosweep.errors import DatasetError
from myosweep.predict.facts import ModelFacts
from myosweep.predict.turn import AS_IT_IS, Turn

_SAME = 0.01
"""Spacings that differ by less than this share are the same."""
LARGEST_SIDE_PX = 2048
"""Of a whole image; scanners give at most about 1024."""
Spacing = tuple[float, float]


@dataclass(frozen=True)
class Grid:
    """A source's grid, and the one on which the network looks at it.

    Args:
        size: height and width of the source once it is turned, pixels.
        spacing_yx_mm: of the turned source; None where it is not known.
        to_mm: side of the square pixels that the network sees; None to take the source's own.
        network: height and width of the network's input.
        turn: how the source is turned first, and turned back at last.
    """

    size: tuple[int, int]
    spacing_yx_mm: Spacing | None
    to_mm: float | None
    network: tuple[int, int]
    turn: Turn = AS_IT_IS

    @classmethod
    def for_model(
        cls,
        facts: ModelFacts,
        size: tuple[int, int],
        spacing_yx_mm: Spacing | None,
        turn: Turn = AS_IT_IS,
    ) -> "Grid":
        """The grid that the model's training had.

        Pixels within the sizes that training saw stay as they are. Others are resampled to the
        nearest such size, and oblong ones to square ones of the same area.

        Args:
            size, spacing_yx_mm: of the source as it is.
        """
        turned = spacing_yx_mm and turn.sides(spacing_yx_mm)
        return cls(turn.sides(size), turned, wanted_mm(facts, turned), facts.size, turn)

    @property
    def seen(self) -> tuple[int, int]:
        """Height and width of the whole image as the network sees it, before the crop."""
        if self.to_mm is None or self.spacing_yx_mm is None:
            return self.size
        return resampled_size(self.size, self.spacing_yx_mm, self.to_mm)

    @property
    def needs_search(self) -> bool:
        """Whether the image is larger than the network's input, so that a place must be chosen."""
        return any(own > wanted for own, wanted in zip(self.seen, self.network, strict=True))

    def centre(self) -> "Place":
        """The place in the middle of the image."""
        return Place(
            *((own - wanted) // 2 for own, wanted in zip(self.seen, self.network, strict=True))
        )

    def resample(
        self, images: Integer[np.ndarray, "slice y x"]
    ) -> Integer[np.ndarray, "slice seen_y seen_x"]:
        """A source's images, turned, on the network's pixels."""
        images = self.turn.apply(images)
        if self.to_mm is None or self.spacing_yx_mm is None:
            return images
        spacing, to_mm = self.spacing_yx_mm, self.to_mm
        return np.stack([resample_image(image, spacing, to_mm) for image in images])

    def cut(
        self, seen: Integer[np.ndarray, "slice y x"], place: "Place"
    ) -> tuple[Integer[np.ndarray, "slice h w"], Bool[np.ndarray, "slice h w"]]:
        """The network's input of resampled images, and which pixels lie outside of them."""
        height, width = self.network
        window = Window(place.top, place.left, max(height, width))
        images = np.stack([window.cut(image, 0)[:height, :width] for image in seen])
        inside = window.cut(np.ones(seen.shape[1:], np.uint8), 0)[:height, :width]
        return images, np.broadcast_to(inside == 0, images.shape)

    def put_back(
        self, probabilities: Float[np.ndarray, "slice region h w"], place: "Place"
    ) -> UInt8[np.ndarray, "slice y x"]:
        """Region maps on the source's grid; outside of the network's window is the first region.

        Probabilities, not regions, are interpolated (linearly) where pixels were resampled.
        """
        if self.to_mm is None or self.spacing_yx_mm is None:
            inside = probabilities.argmax(1).astype(np.uint8)
            regions = np.stack([_pasted(one, place, self.size, 0) for one in inside])
        else:
            regions = np.stack([self._interpolated(one, place) for one in probabilities])
        return self.turn.undo(regions)

    def _interpolated(
        self, probabilities: Float[np.ndarray, "region h w"], place: "Place"
    ) -> UInt8[np.ndarray, "y x"]:
        assert self.to_mm is not None
        assert self.spacing_yx_mm is not None
        step = [mm / self.to_mm for mm in self.spacing_yx_mm]
        first = [(one - 1) / 2 for one in step]
        drawn = np.empty((len(probabilities), *self.size), np.float32)
        for region, share in enumerate(probabilities):
            whole = _pasted(share, place, self.seen, 1 if region == 0 else 0)
            ndimage.affine_transform(
                whole, step, first, self.size, drawn[region], order=1, mode="nearest"
            )
        return drawn.argmax(0).astype(np.uint8)


@dataclass(frozen=True)
class Place:
    """The first pixel of the network's window on the image that it sees; may lie outside of it."""

    top: int
    left: int


def refuse_large(size: tuple[int, int], pixels: str = "pixels") -> None:
    """Raise a ``DatasetError`` if an image is far too large; ``pixels`` says of which pixels."""
    if max(size) > LARGEST_SIDE_PX:
        raise DatasetError(
            f"has {size[0]} x {size[1]} {pixels}, and no side may have more than "
            f"{LARGEST_SIDE_PX}; is it an LGE image, and is its spacing right?"
        )


def wanted_mm(facts: ModelFacts, spacing_yx_mm: Spacing | None) -> float | None:
    """The side of square pixels to resample to; None if pixels stay as they are."""
    if spacing_yx_mm is None or not all(map(is_plausible, spacing_yx_mm)):
        return None
    y_mm, x_mm = spacing_yx_mm
    own = float(np.sqrt(y_mm * x_mm))
    known = facts.spacing_mm or (own, own)
    wanted = min(max(own, known[0]), known[1])
    square = max(y_mm, x_mm) <= (1 + _SAME) * min(y_mm, x_mm)
    return None if square and abs(wanted - own) <= _SAME * wanted else wanted


def _pasted(
    pixels: Shaped[np.ndarray, "h w"], place: Place, size: tuple[int, int], around: int
) -> Shaped[np.ndarray, "y x"]:
    """A window's pixels on the whole image; what lies outside of the image is cut off."""
    whole = np.full(size, around, pixels.dtype)
    y0, x0 = max(place.top, 0), max(place.left, 0)
    inside = pixels[y0 - place.top :, x0 - place.left :][
        : max(size[0] - y0, 0), : max(size[1] - x0, 0)
    ]
    whole[y0 : y0 + inside.shape[0], x0 : x0 + inside.shape[1]] = inside
    return whole
