"""Does a model know when it errs: a reliability diagram, and agreement against Dice."""

from matplotlib.axes import Axes

from myosweep.analysis.reliability import PixelCalibration, Reliability
from myosweep.analysis.reliability.flags import flagged_slices
from myosweep.report.figures.style import (
    ELSEWHERE,
    GRID,
    INK,
    MISSED,
    MOST_AS_VECTORS,
    MUTED,
    TOO_MUCH,
    Drawing,
    finish,
    new_figure,
    styled,
)
from myosweep.results.reliability import WHOLE

_HEIGHT_IN = 3.4


def draw_reliability(found: Reliability, name: str) -> Drawing:
    """Left: how often pixels are wrong, against what is said. Right: every test slice."""
    with styled():
        figure = new_figure(_HEIGHT_IN)
        left, right = figure.subplots(1, 2)
        pair = [one for one in found.pixels if one.region == WHOLE]
        _diagram(pair[:1] if found.about.temperature == 1 else pair, left)
        _slices(found, right)
        return finish(figure, name, _alt(found))


def _diagram(pair: list[PixelCalibration], axes: Axes) -> None:
    axes.set_title("Pixels near the heart")
    axes.grid(axis="both")
    largest = 0.5
    for one, colour, label in zip(
        pair, (ELSEWHERE, MISSED), ("as it is", "calibrated"), strict=True
    ):
        said, so = 1 - one.said[::-1], 1 - one.so[::-1]
        largest = max(largest, *said.tolist(), *so.tolist())
        axes.plot(said, so, "o-", color=colour, ms=4, lw=1.2, label=label)
    axes.plot([0, largest], [0, largest], color=INK, lw=0.8, ls=(0, (4, 3)))
    axes.set_xlabel("Chance of being wrong that the model tells")
    axes.set_ylabel("Share of pixels that are wrong")
    if len(pair) > 1:
        axes.legend(loc="upper left")


def _slices(found: Reliability, axes: Axes) -> None:
    scores, dice = (found.slices[name].to_numpy(float) for name in ("score", "dice"))
    failed, flagged = dice < found.limits.failure, flagged_slices(scores, found.threshold.value)
    axes.set_title("Test slices")
    axes.grid(axis="both")
    groups = (
        (~failed, "good", ELSEWHERE),
        (failed & flagged, "failure, flagged", MISSED),
        (failed & ~flagged, "failure, not flagged", TOO_MUCH),
    )
    for some, label, colour in groups:
        dots = axes.scatter(scores[some], dice[some], 14, color=colour, label=label, linewidths=0)
        dots.set_rasterized(int(some.sum()) > MOST_AS_VECTORS)
    axes.axhline(found.limits.failure, color=MUTED, lw=0.8, ls=(0, (4, 3)))
    if found.threshold.value is not None:
        axes.axvspan(-0.02, found.threshold.value, color=GRID, alpha=0.6, lw=0, zorder=0)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("Agreement of the samples (mean Dice of pairs)")
    axes.set_ylabel(f"Dice of the {found.limits.region}")
    axes.legend(loc="upper left")


def _alt(found: Reliability) -> str:
    before, after = (one for one in found.pixels if one.region == WHOLE)
    told = ", ".join(
        f"{1 - said:.2f}: {1 - so:.2f}" for said, so in zip(after.said, after.so, strict=True)
    )
    flags = found.test
    place = "no threshold" if found.threshold.value is None else f"{found.threshold.value:.3f}"
    return (
        f"Reliability diagram of test pixels near the heart: calibration error "
        f"{before.error.value:.3f} before and {after.error.value:.3f} after calibration; chance "
        f"of being wrong told, and share wrong: {told}. Agreement against Dice of {flags.slices} "
        f"test slices, {flags.failures} of them failures; flagged up to {place}."
    )
