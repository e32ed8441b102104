"""Images that lie otherwise than those of the training: turned for the network, and back."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from jaxtyping import Shaped

_Length = TypeVar("_Length", int, float)


@dataclass(frozen=True)
class Turn:
    """How images are turned to lie as in training.

    Args:
        degrees: 0, 90, 180 or 270, counter-clockwise, after the mirror.
        mirrored: whether left and right are exchanged first.

    >>> Turn(90).apply(np.array([[1, 2], [3, 4]])).tolist()
    [[2, 4], [1, 3]]
    """

    degrees: int = 0
    mirrored: bool = False

    def apply(self, images: Shaped[np.ndarray, "*any y x"]) -> Shaped[np.ndarray, "*any h w"]:
        """Images as the network shall see them."""
        seen = images[..., ::-1] if self.mirrored else images
        return np.ascontiguousarray(np.rot90(seen, self.degrees // 90, (-2, -1)))

    def undo(self, images: Shaped[np.ndarray, "*any h w"]) -> Shaped[np.ndarray, "*any y x"]:
        """The way back, for region maps."""
        seen = np.rot90(images, -self.degrees // 90, (-2, -1))
        return np.ascontiguousarray(seen[..., ::-1] if self.mirrored else seen)

    def sides(self, yx: tuple[_Length, _Length]) -> tuple[_Length, _Length]:
        """Height and width, or spacings, of a turned image."""
        return (yx[1], yx[0]) if self.degrees % 180 else yx


AS_IT_IS = Turn()
