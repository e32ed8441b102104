"""Figure 2: network, manual and difference masks of test slices, one row per value."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Shaped, UInt8
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.patches import Patch

from myosweep.analysis.points import Point, points, swept_in_words
from myosweep.config import Replicate
from myosweep.regions import NO_REGION, RegionScheme
from myosweep.report.figures.style import (
    AGREED,
    ELSEWHERE,
    FACE,
    INK,
    MISSED,
    MUTED,
    TOO_MUCH,
    WIDTH_IN,
    Drawing,
    finish,
    new_figure,
    plain_frame,
    region_colours,
    styled,
    value_colour,
)
from myosweep.report.pictures import Pictures, choose_slices
from myosweep.results.read import Results

_Masks = Mapping[str, UInt8[np.ndarray, "y x"]]

_UNLABELLED = "#cfe0f3"
_DIFFERENCE_COLOURS = (FACE, AGREED, TOO_MUCH, MISSED, ELSEWHERE)
_ACROSS = 2  # slices beside each other, as in the paper
_LABELS_IN, _TEXT_IN = 0.35, 0.38
_LONG_LABEL = 22


@dataclass(frozen=True)
class MaskRow:
    """One value: one network's answer, and how it differs from the reference.

    Attributes:
        run: the network.
        difference: 0 neither, 1 both agree on the region, 2 network alone, 3 reference alone,
            4 an error between other regions.
        too_much_px, missed_px: pixels of the question's region, false positive and negative.
    """

    point: Point
    run: str
    prediction: UInt8[np.ndarray, "y x"]
    difference: UInt8[np.ndarray, "y x"]
    too_much_px: int
    missed_px: int


@dataclass(frozen=True)
class MaskBlock:
    """One slice with its rows; a value without a network to show yet has none.

    Attributes:
        networks: in words, which of each value's networks are shown, such as ``seed 0``.
    """

    key: str
    networks: str
    image: Shaped[np.ndarray, "y x"]
    reference: UInt8[np.ndarray, "y x"]
    rows: tuple[MaskRow, ...]


@dataclass(frozen=True)
class MasksFigure:
    """What Figure 2 shows.

    Attributes:
        points: the values shown, a line each.
        picked: whether the slices were picked by rule, and not by the reader.
        left_out: how many points are not shown, for want of space.
    """

    field: str
    region: str
    scheme: RegionScheme
    points: tuple[Point, ...]
    left_out: int
    picked: bool
    blocks: tuple[MaskBlock, ...]

    @property
    def networks(self) -> str:
        """Which networks are shown: once if they are the same on all slices, else by slice."""
        if len({block.networks for block in self.blocks}) == 1:
            return self.blocks[0].networks
        return "; ".join(f"slice {block.key}: {block.networks}" for block in self.blocks)


def masks_figure(
    results: Results, pictures: Pictures, slices: Sequence[str] = ()
) -> MasksFigure | None:
    """Masks of the wanted slices, or of picked ones; None if the region is on no test slice.

    Raises:
        InputError: if a wanted slice is no test slice, or masks are missing.
    """
    keys = choose_slices(results, pictures, slices)
    if not keys:
        return None
    answers = [dict(pictures.masks(number, keys)) for number in range(len(pictures.shown))]
    return MasksFigure(
        swept_in_words(results.study, results.fields),
        results.study.question.region,
        results.scheme,
        pictures.shown,
        len(points(results)) - len(pictures.shown),
        not slices,
        tuple(_block(results, pictures, key, answers) for key in keys),
    )


def difference_map(
    reference: UInt8[np.ndarray, "y x"], prediction: UInt8[np.ndarray, "y x"], region: int
) -> UInt8[np.ndarray, "y x"]:
    """How a prediction differs from its reference in one region; codes as in ``MaskRow``.

    Pixels that the reference ignores do not differ.
    """
    true, predicted, labelled = reference == region, prediction == region, reference != NO_REGION
    codes = np.zeros(reference.shape, np.uint8)
    codes[labelled & (reference != prediction)] = 4
    codes[true & predicted] = 1
    codes[labelled & predicted & ~true] = 2
    codes[true & ~predicted] = 3
    return codes


def draw_masks(record: MasksFigure) -> Drawing:
    """Draw Figure 2: two slices beside each other, further ones below."""
    first = record.blocks[0]
    height, width = first.reference.shape
    across = min(_ACROSS, len(record.blocks))
    lines = 1 + len(record.points)
    down = -(-len(record.blocks) // across)
    side_in = (WIDTH_IN - _LABELS_IN) / (3 * _ACROSS) * 0.94
    line_in = side_in * height / width + _TEXT_IN
    with styled():
        figure = new_figure(0.3 + down * lines * line_in)
        widths = ([1, 1, 1, 0.12] * _ACROSS)[:-1]
        grid = figure.add_gridspec(down * lines, len(widths), width_ratios=widths)
        for number, block in enumerate(record.blocks):
            corner = (number // across * lines, number % across * 4)
            _draw_block(record, block, figure, grid, corner)
        _legend(record, figure)
        return finish(figure, "figure-2-masks", _alt(record))


def _block(results: Results, pictures: Pictures, key: str, answers: Sequence[_Masks]) -> MaskBlock:
    region = results.scheme.index(results.study.question.region)
    reference = pictures.reference(key, results)
    rows = []
    for point, run, masks in zip(pictures.shown, pictures.networks[key], answers, strict=True):
        if run is None:
            continue
        difference = difference_map(reference, masks[key], region)
        too_much, missed = (int((difference == code).sum()) for code in (2, 3))
        rows.append(MaskRow(point, run, masks[key], difference, too_much, missed))
    networks = _networks_in_words(results, [row.run for row in rows])
    return MaskBlock(key, networks, pictures.image(key), reference, tuple(rows))


def _networks_in_words(results: Results, runs: Sequence[str]) -> str:
    """Seeds without repetition; with folds all are of one seed, repeat and fold."""
    found = results.runs.set_index("run").loc[list(runs)]
    if found["fold"].isna().any():
        return f"seed {', '.join(map(str, dict.fromkeys(found['seed'])))}"
    first = found.iloc[0]
    return Replicate(int(first["seed"]), int(first["repeat"]), int(first["fold"])).words


def _draw_block(
    record: MasksFigure, block: MaskBlock, figure: Figure, grid: GridSpec, corner: tuple[int, int]
) -> None:
    top, left = corner
    plain, outlined = (figure.add_subplot(grid[top, left + column]) for column in range(2))
    for axes in (plain, outlined):
        axes.imshow(block.image, cmap="gray", interpolation="none")
        plain_frame(axes)
    plain.set_title(f"Slice {block.key}", fontsize=8)
    plain.set_xlabel("image", fontsize=6.5)
    outlined.set_xlabel("manual outline", fontsize=6.5)
    draw_outline(record, block.reference, outlined)
    rows = {row.point: row for row in block.rows}
    for line, point in enumerate(record.points, start=1):
        cells = [figure.add_subplot(grid[top + line, left + column]) for column in range(3)]
        if point in rows:
            draw_mask_row(record, block, rows[point], cells)
        else:
            _draw_no_network(block, cells)
        if line == 1:
            for axes, title in zip(cells, ("Network", "Manual", "Difference"), strict=True):
                axes.set_title(title, fontsize=7, fontweight="normal", color=MUTED)
        if left == 0:
            words = f"{record.field} {point.label}"
            label = words if len(words) < _LONG_LABEL else point.label
            cells[0].set_ylabel(label, fontsize=7, color=INK)
        cells[0].spines["left"].set(color=value_colour(point), linewidth=3)


def draw_mask_row(record: MasksFigure, block: MaskBlock, row: MaskRow, cells: list[Axes]) -> None:
    """Draw one value's row: network, manual, difference with its pixels below."""
    for axes, region_map in zip(cells[:2], (row.prediction, block.reference), strict=True):
        axes.imshow(_grey(region_map, record.scheme), interpolation="none")
    palette = np.array([to_rgb(colour) for colour in _DIFFERENCE_COLOURS])
    cells[2].imshow(palette[row.difference], interpolation="none")
    total = row.too_much_px + row.missed_px
    cells[2].set_xlabel(f"{total} px (+{row.too_much_px} −{row.missed_px})", fontsize=6.5)
    for axes in cells:
        plain_frame(axes)


def _draw_no_network(block: MaskBlock, cells: list[Axes]) -> None:
    """Empty frames as large as masks: this value's network is not finished."""
    for axes in cells:
        axes.imshow(np.full((*block.reference.shape, 3), to_rgb(FACE)), interpolation="none")
        plain_frame(axes)
    cells[0].set_xlabel("no network yet", fontsize=6.5)


def draw_outline(record: MasksFigure, reference: UInt8[np.ndarray, "y x"], axes: Axes) -> None:
    """Draw the outline of the question's region over an image; nothing where it is absent."""
    position = record.scheme.index(record.region)
    inside = reference == position
    if inside.any() and not inside.all():
        colour = region_colours(len(record.scheme.regions))[position]
        axes.contour(inside, [0.5], colors=colour, linewidths=0.8)


def _grey(
    region_map: UInt8[np.ndarray, "y x"], scheme: RegionScheme
) -> Shaped[np.ndarray, "y x 3"]:
    """A region map in the scheme's grey levels; pixels without a region are pale blue."""
    palette = np.tile(np.array(to_rgb(_UNLABELLED)), (NO_REGION + 1, 1))
    levels = np.array(scheme.grey_levels()) / 255
    palette[: len(levels)] = levels[:, None]
    return palette[region_map]


def _legend(record: MasksFigure, figure: Figure) -> None:
    """Grey levels in the first line, colours of the difference maps in the second."""
    levels, differences = list(_levels(record)), list(_differences(record))
    columns = max(len(levels), len(differences))
    entries = [
        entry
        for number in range(columns)
        for line in (levels, differences)
        for entry in [line[number] if number < len(line) else ("none", "")]
    ]
    figure.legend(
        [
            Patch(facecolor=colour, edgecolor=MUTED if words else "none", linewidth=0.4)
            for colour, words in entries
        ],
        [words for _, words in entries],
        loc="outside lower left",
        ncols=columns,
        fontsize=7,
        handlelength=1,
        handleheight=1,
        columnspacing=1.2,
    )


def _levels(record: MasksFigure) -> Iterator[tuple[str, str]]:
    for level, name in zip(record.scheme.grey_levels(), record.scheme.names, strict=True):
        # the white of a mask stays white on a dark page, unlike the figure's background
        yield "#" + 3 * f"{min(level, 254):02x}", name
    maps = [m for b in record.blocks for m in (b.reference, *(row.prediction for row in b.rows))]
    if any((region_map == NO_REGION).any() for region_map in maps):
        yield _UNLABELLED, "no answer or not labelled"


def _differences(record: MasksFigure) -> Iterator[tuple[str, str]]:
    yield AGREED, f"{record.region}: both"
    yield TOO_MUCH, "network only (+)"
    yield MISSED, "manual only (−)"
    yield ELSEWHERE, "error between other regions"


def _alt(record: MasksFigure) -> str:
    sentences = [
        f"Test slice {block.key}: "
        + "; ".join(
            f"{record.field} {row.point.label}: {row.too_much_px + row.missed_px} pixels of the "
            f"{record.region} differ"
            for row in block.rows
        )
        + "."
        for block in record.blocks
    ]
    return "Masks of network and expert, and their difference. " + " ".join(sentences)
