"""The names of what a folder of predictions holds, and which folders are such."""

from collections.abc import Iterator
from pathlib import Path

RECORD = "predictions.json"
"""Whose predictions they are, and how they were made."""
MASKS = "masks"
PLACES = {
    "contours": "contours",
    "overlay": "overlays",
    "uncertainty": "uncertainty",
    "agreement": "agreement",
    "measures": "measures",
}
"""Of forms of results that are no masks."""
SOURCES = "sources"
FOLDERS = (MASKS, *PLACES.values(), SOURCES)


def folders_of_results(path: Path) -> Iterator[Path]:
    """The folders of masks and the like of every earlier prediction within a folder."""
    if path.is_dir():
        for record in path.rglob(RECORD):
            yield from (
                place.resolve() for name in FOLDERS if (place := record.parent / name).is_dir()
            )
