"""Index crops: pixels are moved, never resampled; what lies beyond the image is padding."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Shaped


@dataclass(frozen=True)
class Window:
    """A square of ``size`` pixels whose upper left pixel is (top, left); may leave the image."""

    top: int
    left: int
    size: int

    @classmethod
    def around_centre(cls, height: int, width: int, size: int) -> "Window":
        """The window around the middle of an image.

        >>> Window.around_centre(256, 256, 128)
        Window(top=64, left=64, size=128)
        """
        return cls((height - size) // 2, (width - size) // 2, size)

    @classmethod
    def around_mask(cls, mask: Bool[np.ndarray, "y x"], size: int) -> "Window":
        """The window around the middle of a mask's bounding box; of the image if it is empty."""
        if not mask.any():
            return cls.around_centre(mask.shape[0], mask.shape[1], size)
        rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
        middle_y, middle_x = ((index[0] + index[-1] + 1) // 2 for index in (rows, columns))
        return cls(int(middle_y) - size // 2, int(middle_x) - size // 2, size)

    def leaves(self, height: int, width: int) -> bool:
        """Whether part of the window lies outside an image."""
        bottom, right = self.top + self.size, self.left + self.size
        return self.top < 0 or self.left < 0 or bottom > height or right > width

    def cut(
        self, pixels: Shaped[np.ndarray, "y x"], padding: int
    ) -> Shaped[np.ndarray, "size size"]:
        """The window's pixels, with ``padding`` where it leaves the image."""
        y0, x0 = max(self.top, 0), max(self.left, 0)
        inside = pixels[y0 : max(self.top + self.size, 0), x0 : max(self.left + self.size, 0)]
        cut = np.full((self.size, self.size), padding, pixels.dtype)
        y, x = y0 - self.top, x0 - self.left
        cut[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
        return cut
