"""Where the network's window was put on each case, kept beside its source.

A later call with other pictures of a patient takes the same window, and what was doubtful is told
of the whole folder, however many calls it took.
"""

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from myosweep.data.folder import files_in
from myosweep.data.names import natural_key
from myosweep.files import read_json, whole_file
from myosweep.predict.cases import Case
from myosweep.predict.folder import SOURCES
from myosweep.predict.grid import Place
from myosweep.predict.heart import HeartFound
from myosweep.predict.placing import Placed

DOUBTFUL = "doubtful.csv"
COLUMNS = ("image", "heart_score", "heart", "grey_levels")


@dataclass(frozen=True)
class Window:
    """What is kept of a case.

    Attributes:
        stack: the patient's stack that a picture belongs to; None without one.
        size: height and width of the case, pixels.
        refitted: whether its grey levels were of another depth or range than the training's.
    """

    name: str
    stack: str | None
    size: tuple[int, int]
    heart: HeartFound
    refitted: bool

    @property
    def is_doubtful(self) -> bool:
        return self.refitted or not self.heart.is_sure


def window_record(placed: Placed) -> dict[str, Any]:
    """What is kept of a case's window, as JSON."""
    case, found = placed.read.case, placed.found
    return {
        "stack": case.stack,
        "size": list(case.size),
        "window": [found.place.top, found.place.left],
        "score": round(found.score, 4),
        "refitted": placed.refitted,
    }


def windows(out: Path) -> Iterator[Window]:
    """Of every case in a folder of results; damaged records and those of older versions lack it."""
    for name, path in files_in(out / SOURCES):
        if path.suffix != ".json":
            continue
        try:
            kept = read_json(path)
            (top, left), (height, width) = kept["window"], kept["size"]
            yield Window(
                name.rpartition(".")[0].rpartition(".")[0],
                kept["stack"],
                (int(height), int(width)),
                HeartFound(Place(int(top), int(left)), float(kept["score"])),
                bool(kept["refitted"]),
            )
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue


def known_windows(out: Path) -> Callable[[Case], HeartFound | None]:
    """Tells the window that a folder of results has for the stack of a case, if any."""
    known = {(one.stack, one.size): one.heart for one in windows(out)}
    return lambda case: known.get((case.stack, case.size)) if case.stack else None


def write_doubtful(found: list[Window], out: Path) -> None:
    """Write ``doubtful.csv``; without anything doubtful there is none."""
    if not found:
        (out / DOUBTFUL).unlink(missing_ok=True)
        return
    with whole_file(out / DOUBTFUL) as draft, draft.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for one in sorted(found, key=lambda one: (one.heart.score, natural_key(one.name))):
            heart = "found" if one.heart.is_sure else "doubtful"
            greys = "fitted by percentiles" if one.refitted else "as in training"
            writer.writerow((one.name, f"{one.heart.score:.2f}", heart, greys))
