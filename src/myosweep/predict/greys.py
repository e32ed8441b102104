"""Grey levels of another depth than the training's: laid on it by their own percentiles."""

import numpy as np
from jaxtyping import UInt

from myosweep.data.normalise import PERCENTILES
from myosweep.predict.facts import ModelFacts

_EIGHT_BITS = (0.0, 255.0)
_BRIGHTER, _DARKER = 2, 4
"""A stack whose brightest pixels differ by more from the training's has another scale."""


def fit_greys(
    facts: ModelFacts, images: UInt[np.ndarray, "slice y x"]
) -> tuple[UInt[np.ndarray, "slice y x"], bool]:
    """Pixels as the training had them, and whether they had to be changed.

    A network that was trained on 8-bit images cannot read 16-bit ones, nor the other way round:
    then the stack's own percentiles, those that training takes, become the range of the training.
    So do they where most 16-bit levels lie far from the training's, as in rescaled, signed or
    resampled images. Networks with z-scores need nothing: they take any grey levels.
    """
    ranges = {(one.low, one.high) for one in facts.normalisers if one.kind == "zero-centre"}
    if not ranges or images.size == 0:
        return images, False
    deep = ranges != {_EIGHT_BITS}
    if not deep and (images.dtype == np.uint8 or int(images.max()) <= _EIGHT_BITS[1]):
        return images, False
    first, last = min(one for one, _ in ranges), max(one for _, one in ranges)
    low, high = np.percentile(images, PERCENTILES)
    if deep and images.dtype != np.uint8 and last / _DARKER < high < last * _BRIGHTER:
        return images, False
    scaled = (images - low) / max(high - low, 1) * (last - first) + first
    return np.rint(np.clip(scaled, first, last)).astype(np.uint16 if deep else np.uint8), True
