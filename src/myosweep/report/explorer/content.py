"""The part of an explorer that a page can hold: the telling slices, while there is room."""

import base64
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from myosweep.data.store import Dataset
from myosweep.report.explorer.build import ExplorerSource, explorer_source
from myosweep.report.explorer.choose import MOST_SLICES, Picked, pick, selection_words
from myosweep.report.explorer.pixels import SlicePixels
from myosweep.report.explorer.record import Explorer, ShownSlice
from myosweep.results.read import Results

MOST_BYTES = 6_000_000
"""Pixels in a page, as base64; the rest of a report needs up to a few million bytes."""


@dataclass(frozen=True)
class ExplorerContent:
    """The explorer, and the pixels of its slices, in their order."""

    explorer: Explorer
    pixels: tuple[SlicePixels, ...]

    def encoded(self) -> list[dict[str, str]]:
        """The pixels as base64, for a page that holds everything."""
        return [
            {kind: base64.b64encode(png).decode() for kind, png in vars(one).items()}
            for one in self.pixels
        ]


def explorer_content(
    results: Results, dataset: Dataset, most_bytes: int = MOST_BYTES
) -> ExplorerContent | None:
    """What the explorer of a page shows; None if no network was tested on any slice.

    Slices are taken by ``pick`` while there is room, and stand in the dataset's order.

    Args:
        most_bytes: room for the pixels.

    Raises:
        StudyError: if masks are missing or damaged.
        ConfigError: if the question is about no single region.
    """
    source = explorer_source(results, dataset)
    if source is None:
        return None
    slices = source.explorer.slices
    moved = np.array([np.nan if one.moved is None else one.moved for one in slices])
    order = pick(moved, np.array(list(map(_mean, slices))))
    shown, pixels = _within(most_bytes, order[:MOST_SLICES], source)
    kept = sorted(range(len(shown)), key=lambda place: shown[place].number)
    explorer = replace(
        source.explorer,
        slices=tuple(slices[shown[place].number] for place in kept),
        selection=selection_words(shown, len(slices)) + source.left_out,
    )
    return ExplorerContent(explorer, tuple(pixels[place] for place in kept))


def _mean(one: ShownSlice) -> float:
    """A slice's mean score over all networks; NaN where the reference lacks the region."""
    known = [score for score in one.scores if score is not None and math.isfinite(score)]
    return float(np.mean(known)) if known else math.nan


def _within(
    room: int, order: Sequence[Picked], source: ExplorerSource
) -> tuple[list[Picked], list[SlicePixels]]:
    """As many of the slices as there is room for, at least one, and their pixels."""
    shown: list[Picked] = []
    pixels: list[SlicePixels] = []
    for start in range(0, len(order), source.at_once):
        block = order[start : start + source.at_once]
        made = source.pixels([one.number for one in block])
        for one, files in zip(block, made, strict=True):
            if pixels and files.size > room:
                return shown, pixels
            room -= files.size
            shown.append(one)
            pixels.append(files)
    return shown, pixels
