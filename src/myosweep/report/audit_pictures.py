"""Pictures of an audit: slices with their contours, and figures of what some findings mean."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Integer, Shaped, UInt8
from markupsafe import Markup, escape
from matplotlib.patches import Patch
from PIL import Image

from myosweep.audit import Audit
from myosweep.audit.centring import slice_distances_px
from myosweep.audit.distortion import axis_ratios
from myosweep.audit.fingerprint import grey_image
from myosweep.data.store import Dataset
from myosweep.metrics.shape import OVAL
from myosweep.regions import NO_REGION
from myosweep.report.figures.style import (
    ELSEWHERE,
    FACE,
    INK,
    MISSED,
    MUTED,
    Drawing,
    finish,
    new_figure,
    plain_frame,
    region_colours,
    styled,
)

MOST_THUMBS = 12
"""Slices shown for a finding; all others are listed."""
LARGEST_SIDE_PX = 160
"""Larger images are made smaller, so that a page stays small."""
MOST_POINTS = 500
_MARGIN = 0.25
BLUE, GREY = MISSED, ELSEWHERE
"""Bars that count, and bars that are as usual."""


@dataclass(frozen=True)
class Thumb:
    """A slice with the outlines of its regions, as HTML."""

    key: str
    picture: Markup


def thumbs(
    dataset: Dataset,
    keys: Sequence[str],
    *,
    whole: bool,
    scales: Mapping[str, tuple[float, float]] | None = None,
) -> tuple[Thumb, ...]:
    """Pictures of the first few slices.

    Args:
        whole: show whole images; otherwise the neighbourhood of the mask, if there is one.
        scales: by slice, the values that become black and white; by default each image has its own
            brightness and contrast.
    """
    places = {key: row for row, key in enumerate(dataset.slices["slice"].astype(str))}
    shown = []
    for key in keys[:MOST_THUMBS]:
        image = np.asarray(dataset.images[places[key]])
        if scales is None:
            grey = grey_image(image, dataset.padding(np.array([places[key]]))[0])
        else:
            grey = _scaled(image, *scales[key])
        shown.append(_thumb(dataset, key, places[key], grey, whole))
    return tuple(shown)


def _scaled(image: Shaped[np.ndarray, "y x"], low: float, high: float) -> UInt8[np.ndarray, "y x"]:
    share = (image.astype(np.float32) - low) / max(high - low, 1e-6)
    return (255 * np.clip(share, 0, 1)).astype(np.uint8)


def _thumb(
    dataset: Dataset, key: str, row: int, grey: UInt8[np.ndarray, "y x"], whole: bool
) -> Thumb:
    regions = dataset.reference(dataset.scheme, np.array([row]))[0]
    if not whole:
        window = _window(regions)
        grey, regions = grey[window], regions[window]
    height, width = regions.shape
    names = dataset.scheme.names
    drawn = [name for place, name in enumerate(names) if place and (regions == place).any()]
    alt = f"Slice {key}, outlined: {', '.join(drawn) if drawn else 'nothing'}"
    lines = "".join(
        f'<path d="{outline_path(regions, place)}" stroke="{colour}"/>'
        for place, colour in reversed([*enumerate(region_colours(len(names)))])  # first on top
        if place and (regions == place).any()
    )
    return Thumb(
        key,
        Markup(
            f'<svg role="img" aria-label="{escape(alt)}" viewBox="0 0 {width} {height}">'
            f'<image width="{width}" height="{height}" preserveAspectRatio="none" '
            f'href="data:image/png;base64,{_png(grey)}"/>'
            f'<g fill="none">{lines}</g></svg>'
        ),
    )


def outline_path(regions: UInt8[np.ndarray, "y x"], region: int) -> str:
    """The outline of a region along the edges of its pixels, as an SVG path.

    A pixel covers x to x + 1 and y to y + 1, so the path says exactly which pixels are inside.

    >>> outline_path(np.array([[0, 1]], np.uint8), 1)
    'M1 0h1M1 1h1M1 0v1M2 0v1'
    """
    inside = np.pad(regions == region, 1)
    across = np.argwhere(inside[1:, 1:-1] != inside[:-1, 1:-1])
    down = np.argwhere((inside[1:-1, 1:] != inside[1:-1, :-1]).T)
    horizontal = "".join(f"M{x} {y}h{length}" for y, x, length in _runs(across))
    return horizontal + "".join(f"M{x} {y}v{length}" for x, y, length in _runs(down))


def _runs(edges: Integer[np.ndarray, "edge 2"]) -> list[tuple[int, int, int]]:
    """Neighbouring edges of a line as one: line, start and length."""
    if not len(edges):
        return []
    joined = (np.diff(edges[:, 0]) == 0) & (np.diff(edges[:, 1]) == 1)
    starts = np.flatnonzero(np.append(True, ~joined))
    ends = np.append(starts[1:], len(edges))
    return [
        (int(edges[start, 0]), int(edges[start, 1]), int(end - start))
        for start, end in zip(starts, ends, strict=True)
    ]


def _window(regions: UInt8[np.ndarray, "y x"]) -> tuple[slice, slice]:
    """A square around everything that is drawn, with a margin, within the image."""
    y, x = np.nonzero((regions > 0) & (regions != NO_REGION))
    if not len(y):
        return slice(None), slice(None)
    side = max(int(np.ptp(y)), int(np.ptp(x))) + 1
    side = min(round(side * (1 + 2 * _MARGIN)) + 8, *regions.shape)
    starts = [
        int(np.clip((int(place.min()) + int(place.max()) - side) // 2 + 1, 0, length - side))
        for place, length in ((y, regions.shape[0]), (x, regions.shape[1]))
    ]
    return slice(starts[0], starts[0] + side), slice(starts[1], starts[1] + side)


def _png(grey: UInt8[np.ndarray, "y x"]) -> str:
    image = Image.fromarray(np.ascontiguousarray(grey))
    image.thumbnail((LARGEST_SIDE_PX, LARGEST_SIDE_PX), Image.Resampling.BOX)
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def draw_centroids(audit: Audit) -> Drawing:
    """Where the centres of all masks lie in the image, and how far from their common point."""
    masks = audit.table.dropna(subset=["centroid_y"])
    shown = masks.iloc[:: -(-len(masks) // MOST_POINTS) or 1]
    distances = slice_distances_px(audit.table).dropna()
    with styled():
        figure = new_figure(3.0)
        left, right = figure.subplots(1, 2)
        left.scatter(
            shown["centroid_x"] + 0.5, shown["centroid_y"] + 0.5, s=5, color=BLUE, linewidths=0,
            alpha=0.6,
        )  # fmt: skip
        left.set(
            xlim=(0, audit.width), ylim=(audit.height, 0), aspect="equal",
            title="Centres of the masks in the image",
        )  # fmt: skip
        plain_frame(left)
        right.hist(distances, bins=30, color=BLUE, edgecolor=FACE, linewidth=0.4)
        right.set(
            title="Distance from their median point", xlabel="pixels", ylabel="slices",
        )  # fmt: skip
        right.set_xlim(left=0)
        alt = (
            f"Centres of {len(masks)} masks: half of them lie within {distances.median():.1f} "
            f"pixels of one point, all within {distances.max():.1f}."
        )
        return finish(figure, "centroids", alt)


def draw_axis_ratios(audit: Audit) -> Drawing:
    """How oval the patients' ventricles are."""
    ratios = axis_ratios(audit.table).dropna().to_numpy(float)
    last = max(float(ratios.max(initial=OVAL)), 1.4) + 0.1
    edges = np.arange(1.0, last, 0.05)
    with styled():
        figure = new_figure(2.4)
        axes = figure.subplots()
        counts, _ = np.histogram(ratios, edges)
        colours = [GREY if edge < OVAL - 0.025 else BLUE for edge in edges[:-1]]
        axes.bar(
            edges[:-1], counts, width=0.05, align="edge", color=colours, edgecolor=FACE,
            linewidth=0.4,
        )  # fmt: skip
        axes.axvline(OVAL, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
        axes.set(
            title="Long axis by short axis, middle of the stack", xlabel="1 is round",
            ylabel="patients",
        )  # fmt: skip
        alt = (
            f"Axis ratios of {len(ratios)} patients, 1 being round: median "
            f"{np.median(ratios):.2f}, largest {ratios.max():.2f}; "
            f"{(ratios > OVAL).sum()} beyond {OVAL}."
        )
        return finish(figure, "axis-ratios", alt)


def draw_no_image(audit: Audit) -> Drawing:
    """What the no-image predictor answers, beside how often each position is background."""
    assert audit.baselines is not None
    answer, names = audit.baselines.no_image, audit.structures.names
    colours = region_colours(len(names))
    shown = np.full((*answer.shape, 3), 255, np.uint8)
    for place, colour in enumerate(colours):
        shown[answer == place] = [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
    with styled():
        figure = new_figure(2.8)
        axes = figure.subplots()
        axes.imshow(shown, interpolation="nearest")
        axes.set_title("The answer of the no-image predictor to every image")
        plain_frame(axes)
        axes.legend(
            handles=[
                Patch(facecolor=colour, edgecolor=MUTED, linewidth=0.4, label=name)
                for name, colour in zip(names, colours, strict=True)
            ],
            loc="center left",
            bbox_to_anchor=(1.03, 0.5),
        )
        said = [name for place, name in enumerate(names) if (answer == place).any()]
        alt = f"The most frequent region at each position; it answers {', '.join(said)}."
        return finish(figure, "no-image", alt)
