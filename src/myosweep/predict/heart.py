"""Where the heart is on an image that is larger than the network's input.

The networks look through windows all over the image, on a few slices of the stack at once. The
window wins in which they agree best on a plausible heart: one compact piece, as large as hearts
were in training, in which one region encloses another. It is then centred, as in training. All
slices of a stack get the same window, so they stay above each other.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Integer
from scipy import ndimage

from myosweep.predict.grid import Grid, Place

Ask = Callable[[Sequence[Place]], Float32[np.ndarray, "place slice region y x"]]
"""Probabilities of all searched slices through windows at some places."""

SLICES = 5
"""Of a stack, on which the heart is searched for."""
CONFIDENT = 0.5
"""Scores below it are told to the user; see docs/how-to/predict.md for what it was measured on."""
_STEP = 1 / 4
"""Windows begin this share of their side apart."""
_AT_ONCE = 16
"""Windows whose answers are in memory at a time."""
_BEST = 3
"""Windows that are centred and asked again."""
_ROUNDS = 3
_KEPT = 0.9
"""A window that is centred better is taken if it keeps this share of the score."""
_SIZE_SPREAD = 0.35
"""How fast a piece loses plausibility beyond the sizes of the training, in its logarithm."""
_INNER = (0.05, 0.9)
"""Share of a heart's filled area that what it encloses can have."""
_FEWEST_PX = 12
_AT_THE_EDGE = 0.7
"""Scanners are planned around the heart: what is at the image's edge is less plausible so far."""


@dataclass(frozen=True)
class HeartFound:
    """A window, and how plausible it is, 0 to 1."""

    place: Place
    score: float

    @property
    def is_sure(self) -> bool:
        return self.score >= CONFIDENT


def search_heart(grid: Grid, area_px: tuple[float, float] | None, ask: Ask) -> HeartFound:
    """The window with the most plausible heart; the middle of the image if there is none.

    Args:
        area_px: smallest and largest usual area of a heart, all regions but the first; None where
            nobody knows.
        ask: gives the networks' answers.
    """
    places = list(_windows(grid))
    looks = []
    for some in (places[at : at + _AT_ONCE] for at in range(0, len(places), _AT_ONCE)):
        looks += _looks(some, ask(some), area_px, grid.seen)
    looks.sort(key=lambda look: -look.rank)
    centred = [_centred(grid, start, area_px, ask) for start in looks[:_BEST]]
    best = max(centred, key=lambda look: look.rank)
    return HeartFound(best.place if best.score else grid.centre(), best.score)


def middle_slices(count: int) -> list[int]:
    """Which slices of a stack are searched: a few, neither at the base nor at the apex.

    >>> middle_slices(9), middle_slices(2), middle_slices(1)
    ([1, 3, 4, 5, 7], [0, 1], [0])
    """
    if count <= SLICES:
        return list(range(count))
    shares = (np.arange(SLICES) + 1) / (SLICES + 1)
    return np.rint(shares * (count - 1)).astype(int).tolist()


@dataclass(frozen=True)
class _Look:
    """What a window shows: its score, and where the middle of the heart is on the image.

    ``rank`` is the score, and somewhat less towards the image's edges.
    """

    place: Place
    score: float
    rank: float
    middle_yx: tuple[float, float]


def _windows(grid: Grid) -> Iterator[Place]:
    """Places all over the image, evenly, the first and the last at its edges."""
    (height, width), (own_y, own_x) = grid.network, grid.seen
    for top in _starts(own_y, height):
        for left in _starts(own_x, width):
            yield Place(top, left)


def _starts(own: int, window: int) -> list[int]:
    """First pixels of windows along one axis; one in the middle if the image is not larger.

    >>> _starts(256, 128), _starts(130, 128), _starts(100, 128)
    ([0, 32, 64, 96, 128], [0, 2], [-14])
    """
    if own <= window:
        return [(own - window) // 2]
    count = int(np.ceil((own - window) / (window * _STEP))) + 1
    return np.rint(np.linspace(0, own - window, count)).astype(int).tolist()


def _centred(grid: Grid, look: _Look, area_px: tuple[float, float] | None, ask: Ask) -> _Look:
    """What is seen when the window follows the heart, unless that is much less plausible."""
    best, seen, top = look, {look.place}, look.score
    for _ in range(_ROUNDS):
        place = around(grid, look.middle_yx)
        if place in seen or look.score == 0:
            break
        seen.add(place)
        look = _looks([place], ask([place]), area_px, grid.seen)[0]
        top = max(top, look.score)
        best = look if look.score >= _KEPT * top else best
    return best


def around(grid: Grid, middle_yx: tuple[float, float]) -> Place:
    """The window with its middle there; inside the image, where it is large enough."""
    starts = []
    for middle, window, own in zip(middle_yx, grid.network, grid.seen, strict=True):
        start = round(middle - (window - 1) / 2)
        starts.append(min(max(start, 0), own - window) if own > window else (own - window) // 2)
    return Place(*starts)


def _looks(
    places: Sequence[Place],
    answers: Float32[np.ndarray, "place slice region y x"],
    area_px: tuple[float, float] | None,
    size: tuple[int, int],
) -> list[_Look]:
    """``size`` is the image's height and width."""
    pairs = zip(places, answers, strict=True)
    return [_look(place, answer, area_px, size) for place, answer in pairs]


def _look(
    place: Place,
    answer: Float32[np.ndarray, "slice region y x"],
    area_px: tuple[float, float] | None,
    size: tuple[int, int],
) -> _Look:
    """The mean score of all slices; their middles weigh by their scores."""
    hearts = [plausible_heart(one, area_px) for one in answer]
    scores = np.array([score for score, _ in hearts])
    if not scores.any():
        return _Look(place, 0.0, 0.0, (0.0, 0.0))
    middle = np.average([at for _, at in hearts], axis=0, weights=scores)
    at = (place.top + float(middle[0]), place.left + float(middle[1]))
    score = float(scores.mean())
    return _Look(place, score, score * _centrality(at, size), at)


def _centrality(at_yx: tuple[float, float], size: tuple[int, int]) -> float:
    """1 in the middle of the image, less towards its edges."""
    middle = [(length - 1) / 2 for length in size]
    away = max(abs(at - own) / (own + 0.5) for at, own in zip(at_yx, middle, strict=True))
    return float(_AT_THE_EDGE ** (away**2))


def plausible_heart(
    probabilities: Float[np.ndarray, "region y x"], area_px: tuple[float, float] | None
) -> tuple[float, tuple[float, float]]:
    """How plausible a heart is to be seen, 0 to 1, and the middle (y, x) of what is enclosed.

    The score is the product of: the mean probability of the chosen regions; how well one part
    is enclosed by others; how round and compact the filled piece is; the piece's share of all that
    is no background; a factor for the size; and the share of its outline that is not at the
    window's edge.
    """
    regions = probabilities.argmax(0)
    piece = _largest_piece(regions > 0)
    if np.count_nonzero(piece) < _FEWEST_PX:
        return 0.0, (0.0, 0.0)
    filled = ndimage.binary_fill_holes(piece)
    surrounded, part = enclosed(regions, filled)
    sure = float(probabilities.max(0)[piece].mean())
    share = np.count_nonzero(piece) / np.count_nonzero(regions > 0)
    size = _size_factor(int(np.count_nonzero(piece)), area_px)
    inside = 1 - _at_edge(filled)
    score = sure * surrounded * _roundness(filled) * share * size * inside
    return float(score), _middle(_largest_piece(part))


def _largest_piece(mask: Bool[np.ndarray, "y x"]) -> Bool[np.ndarray, "y x"]:
    labels, count = ndimage.label(mask)
    if count == 0:
        return mask
    piece: np.ndarray = labels == 1 + int(np.argmax(np.bincount(labels.ravel())[1:]))
    return piece


def enclosed(
    regions: Integer[np.ndarray, "y x"], filled: Bool[np.ndarray, "y x"]
) -> tuple[float, Bool[np.ndarray, "y x"]]:
    """How well the best enclosed part of a piece is surrounded by the rest of it, 0 to 1; the part.

    A part is a region within the filled piece, or its holes. Only parts count that are neither
    tiny nor nearly all of it; without any it is the whole piece, and 0.
    """
    best, best_part, area = 0.0, filled, np.count_nonzero(filled)
    for region in np.unique(regions[filled]):
        part = filled & (regions == region)
        if not _INNER[0] <= np.count_nonzero(part) / area <= _INNER[1]:
            continue
        around = ndimage.binary_dilation(part) & ~part
        surrounded = float((around & filled).sum() / max(around.sum(), 1))
        if surrounded > best:
            best, best_part = surrounded, part
    return best, best_part


def _roundness(filled: Bool[np.ndarray, "y x"]) -> float:
    """By second moments: a disc has 1, an ellipse the ratio of its axes, anything else less."""
    y, x = np.nonzero(filled)
    spread = np.cov(np.stack([y, x])) + np.eye(2) / 12  # a pixel is an area
    small, large = np.linalg.eigvalsh(spread)
    compact = len(y) / (4 * np.pi * np.sqrt(small * large))
    return float(min(compact, 1) * np.sqrt(small / large))


def _middle(mask: Bool[np.ndarray, "y x"]) -> tuple[float, float]:
    """The middle of the bounding box."""
    y, x = np.nonzero(mask)
    return float((y.min() + y.max()) / 2), float((x.min() + x.max()) / 2)


def _size_factor(area: int, usual_px: tuple[float, float] | None) -> float:
    if usual_px is None:
        return 1.0
    beyond = max(np.log(usual_px[0] / area), np.log(area / usual_px[1]), 0.0)
    return float(np.exp(-((beyond / _SIZE_SPREAD) ** 2) / 2))


def _at_edge(filled: Bool[np.ndarray, "y x"]) -> float:
    """Pixels of a piece at the window's edge, as a share of its outline."""
    rim = filled & ~ndimage.binary_erosion(filled)
    edge = np.ones(filled.shape, bool)
    edge[1:-1, 1:-1] = False
    return float((filled & edge).sum() / max(rim.sum(), 1))
