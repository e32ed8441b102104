"""How figures look: one colour per value and per region everywhere, metrics in words."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import matplotlib
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.figure import Figure

from myosweep.analysis.points import Point

INK, MUTED, GRID, FACE = "#1c2733", "#5a6876", "#d9dfe6", "#ffffff"
"""Text and marks, secondary text, grid lines, background. The page replaces them in dark mode."""

TOO_MUCH, MISSED, ELSEWHERE, AGREED = "#e69f00", "#0065a8", "#b9c2cc", "#e7ebef"
"""Difference maps: region marked by the network alone, by the reference alone, errors between other
regions, and the region where both agree."""

DISAGREED = "#c77dff"
"""Pixels on which networks of one value disagree."""

WIDTH_IN = 7.2
_PNG_DPI = 200
_TIP = "tip: "
MOST_AS_VECTORS = 100
"""More marks or lines of one kind than these are an image in the SVG file, or it would be huge."""
_LEGEND_KEY_IN, _LEGEND_LETTER_IN = 0.42, 0.062

# Ordered by lightness as well as by hue, so that order survives grey print and colour-blindness;
# neither end is lost on white or on black.
_VALUES = LinearSegmentedColormap.from_list(
    "myosweep", ["#4c63b6", "#2f88b0", "#2fa58a", "#86b13c", "#e5a530"]
)
_REGIONS = ("#8c99a6", "#56b4e9", "#ee5fa7", "#f0e442", "#00b58a", "#d55e00", "#b28dff")

METRIC_WORDS = {
    "accuracy": "Accuracy",
    "iou": "IoU",
    "dice": "Dice",
    "bf": "BF score",
    "bf_strict": "BF score, strict",
    "global_accuracy": "Global accuracy",
    "mean_accuracy": "Mean accuracy",
    "mean_iou": "Mean IoU",
    "weighted_iou": "Weighted IoU",
    "mean_dice": "Mean Dice",
    "mean_bf": "Mean BF score",
    "mean_bf_strict": "Mean BF score, strict",
}

_RC: dict[Any, Any] = {
    "svg.hashsalt": "myosweep",
    "svg.fonttype": "none",
    "text.parse_math": False,  # dollars in the user's own names are dollars
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.edgecolor": MUTED,
    "axes.labelcolor": MUTED,
    "axes.titlecolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "figure.facecolor": FACE,
    "axes.facecolor": "none",
    "savefig.facecolor": FACE,
}


@dataclass(frozen=True)
class Drawing:
    """A figure as it goes to files and into the page.

    Attributes:
        tips: what marks say when the pointer is near, by their ids in the SVG.
    """

    name: str
    svg: str
    png: bytes
    alt: str
    tips: Mapping[str, str] = field(default_factory=dict)


def value_colour(point: Point) -> str:
    """The colour of a value, the same everywhere and as long as the sweep stays the same."""
    return colour_at(point.position, point.of)


def colour_at(position: int, of: int) -> str:
    """The colour of one of several ordered things."""
    return to_hex(_VALUES(position / max(of - 1, 1)))


def contender_colours(names: Sequence[str]) -> dict[str, str]:
    """The colours of those who race against the default, the same in every figure."""
    return {
        name: to_hex(_VALUES(place / max(len(names) - 1, 1))) for place, name in enumerate(names)
    }


def trial_colour(number: int, contenders: Sequence[int]) -> str:
    """The colour of a search's trial: its own if it races, ink for the default, else grey."""
    if number == 0:
        return INK
    return contender_colours([*map(str, contenders)]).get(str(number), MUTED)


def region_colours(count: int) -> tuple[str, ...]:
    """One colour per region, in the scheme's order."""
    return tuple(_REGIONS[position % len(_REGIONS)] for position in range(count))


@contextmanager
def styled() -> Iterator[None]:
    """Draw in myosweep's style; everybody else's matplotlib settings stay as they are."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_RC)
        yield


def new_figure(height_in: float | int) -> Figure:
    """An empty figure as wide as the page; to be called within ``styled``."""
    return Figure((WIDTH_IN, height_in), layout="constrained")


def finish(figure: Figure, name: str, alt: str) -> Drawing:
    """The figure as SVG and PNG: the same bytes each time."""
    if (engine := figure.get_layout_engine()) is not None:
        engine.execute(figure)  # once for both files
        figure.set_layout_engine(None)  # "none" would leave one, for which all is drawn twice
    tips = _collect_tips(figure)
    svg, png = io.StringIO(), io.BytesIO()
    figure.savefig(svg, format="svg", dpi=_PNG_DPI, metadata={"Date": None, "Creator": None})
    figure.savefig(png, format="png", dpi=_PNG_DPI, metadata={"Software": None})
    return Drawing(name, svg.getvalue(), png.getvalue(), alt, tips)


def tell(mark: Artist, text: str) -> None:
    """Let a mark say something when the pointer is near; the page shows it, paper does not."""
    mark.set_gid(_TIP + text)


def _collect_tips(figure: Figure) -> dict[str, str]:
    """What marks say, by the ids that they get."""
    tips: dict[str, str] = {}
    for mark in figure.findobj():
        if (gid := mark.get_gid()) is not None and gid.startswith(_TIP):
            name = f"mark-{len(tips) + 1}"
            tips[name] = gid.removeprefix(_TIP)
            mark.set_gid(name)
    return tips


def value_legend(
    figure: Figure, title: str, labels: Sequence[str], handles: Sequence[Artist]
) -> None:
    """The legend of values above all panels, with what is swept as its title."""
    legend = figure.legend(
        list(handles),
        list(labels),
        title=title,
        loc="outside upper left",
        ncols=_legend_columns(labels),
        handlelength=1.2,
        handleheight=0.9,
        columnspacing=1.4,
        borderaxespad=0,
        alignment="left",
    )
    legend.get_title().set_color(MUTED)


def _legend_columns(labels: Sequence[str]) -> int:
    """As many entries side by side as the page's width surely holds."""
    widths_in = [_LEGEND_KEY_IN + _LEGEND_LETTER_IN * len(label) for label in labels]
    if sum(widths_in) <= WIDTH_IN:
        return len(labels)
    return max(1, int(WIDTH_IN / max(widths_in)))


def plain_frame(axes: Axes) -> None:
    """A thin frame without ticks, for an image."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set(visible=True, color=MUTED, linewidth=0.4)


def verdict_labels(axes: Axes, verdicts: Sequence[str]) -> None:
    """A verdict for each row, as labels of a right axis, so that the layout makes room for them."""
    right = axes.twinx()
    right.set_ylim(axes.get_ylim())
    right.grid(visible=False)
    right.set_yticks(range(len(verdicts)), verdicts, size=7.5)
    right.tick_params(axis="y", labelcolor=INK, pad=8)
    for spine in right.spines.values():
        spine.set_visible(False)
