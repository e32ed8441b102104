"""Values that hardly act: changing them changes no more than another seed does."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from myosweep.analysis.cautions import Caution
from myosweep.analysis.points import Point, field_words, format_value, points
from myosweep.results.read import Results
from myosweep.statistics.score_table import ScoreTable

WEAK = 0.01
"""Below this ratio of L2 gradient to data gradient, in every epoch, L2 hardly acts."""
_L2 = "l2.strength"


def inert_values(results: Results, table: ScoreTable) -> Iterator[Caution]:
    """Warn of values of a single swept field that make no difference to the networks.

    A value is inert if its L2 gradient never reaches ``WEAK`` of the data gradient, or if its
    networks differ from those of the next smaller value, in the mean score and with the same
    seeds, by no more than two networks of that value do.
    """
    found = points(results)
    if len(results.fields) != 1:
        return
    if weak := _weak(results, found):
        yield Caution(
            "L2 hardly acts",
            f"With {field_words(_L2)} {'; '.join(weak)} the pull of L2 on the weights never "
            f"reaches {100 * WEAK:g}\u00a0% of the pull of the images. Such values are "
            "nearly the same as no L2 at all.",
        )
    if pairs := _no_more_than_seeds(results, found, table):
        yield Caution(
            "No more than another seed does",
            "Going from one value to the next changes a network by no more than another seed "
            f"does: {'; '.join(pairs)}. Whatever difference is found there, a single pair "
            "of networks cannot show it.",
        )


def _weak(results: Results, found: tuple[Point, ...]) -> list[str]:
    if results.fields != (_L2,):
        return []
    ratio = results.networks.set_index("run")["largest_l2_ratio"].astype(float)
    named = []
    for point in found:
        strength = dict(point.values)[_L2]
        largest = ratio.reindex(list(point.runs)).max()
        if isinstance(strength, float) and strength > 0 and largest < WEAK:
            named.append(f"{point.label} (at most {100 * largest:.2g}\u00a0%)")
    return named


def _no_more_than_seeds(results: Results, found: tuple[Point, ...], table: ScoreTable) -> list[str]:
    path = results.fields[0]
    numeric = [
        (value, position)
        for position, point in enumerate(found)
        if isinstance(value := dict(point.values)[path], int | float)
        and not isinstance(value, bool)
    ]
    ordered = [position for _, position in sorted(numeric)]
    named = []
    for smaller, larger in pairwise(ordered):
        change = _root_mean_square(_network_means(table.scores[larger] - table.scores[smaller]))
        chance = between_seeds(table.scores[smaller])
        if np.isfinite(change) and np.isfinite(chance) and change <= chance:
            one, other = (format_value(dict(found[p].values)[path]) for p in (smaller, larger))
            named.append(f"{one} to {other} ({change:.3f} against {chance:.3f})")
    return named


def between_seeds(scores: np.ndarray) -> float:
    """How much two networks of one value differ in their mean score, root mean square.

    Patients' own levels are taken out, as far as several networks were tested on a patient; NaN
    where none was.

    Args:
        scores: axes [network, patient], NaN where missing.
    """
    cells = np.isfinite(scores)
    tests = cells.sum(0)
    several = cells & (tests > 1)
    if not several.any():
        return float("nan")
    level = np.where(cells, scores, 0.0).sum(0) / np.maximum(tests, 1)
    own = np.where(several, scores - level, np.nan)
    # a patient's level contains the network's own share of 1 / tests
    share = np.where(several, 1 - 1 / np.maximum(tests, 1), np.nan)
    means = _network_means(own)
    there = np.isfinite(means)
    kept = float(np.nanmean(share))
    return float(np.sqrt(2 * np.mean(means[there] ** 2) / kept))


def _network_means(d: np.ndarray) -> np.ndarray:
    cells = np.isfinite(d)
    sums, counts = np.where(cells, d, 0.0).sum(1), cells.sum(1)
    undefined = np.full(len(d), np.nan)
    return np.divide(sums, counts, out=undefined, where=counts > 0)


def _root_mean_square(means: np.ndarray) -> float:
    there = means[np.isfinite(means)]
    return float(np.sqrt(np.mean(there**2))) if len(there) else float("nan")
