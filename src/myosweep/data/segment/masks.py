"""From the contours and the scar of a Segment stack to label codes."""

import numpy as np
from jaxtyping import Bool, Shaped, UInt8

from myosweep.data.polygon import polygon_mask
from myosweep.data.segment.header import StackHeader, scar_field
from myosweep.data.segment.values import Fields
from myosweep.errors import DatasetError
from myosweep.regions import LABEL_CODES

_CODES = LABEL_CODES["myosweep"]
_ADDED, _REMOVED, _NO_REFLOW = 1, -1, 2
"""What Segment's manual corrections of a scar mean."""

Masks = Bool[np.ndarray, "slice y x"]


def stack_labels(header: StackHeader, fields: Fields) -> UInt8[np.ndarray, "slice y x"]:
    """Label codes of all slices, of the whole images; a slice without contours is background.

    Blood pool is what lies inside the endocardium, myocardium what lies inside the epicardium and
    not in the blood pool; infarct and no-reflow count within the myocardium alone, and where both
    are, it is no-reflow. The right ventricle is what is left of its own contour.

    Raises:
        DatasetError: if a contour leads far out of the image, or the scar has another size.
    """
    endo, epi, right = (_inside(header, name) for name in ("Endo", "Epi", "RVEndo"))
    infarct, no_reflow = _scar(header, fields)
    labels = np.full(endo.shape, _CODES["background"], np.uint8)
    for name, where in (
        ("right ventricle", right),
        ("normal myocardium", epi),
        ("infarct", infarct & epi),
        ("no-reflow", no_reflow & epi),
        ("blood pool", endo),  # the last: what it covers is no myocardium
    ):
        labels[where] = _CODES[name]
    return labels


def _inside(header: StackHeader, name: str) -> Masks:
    contour = header.contours[name]
    masks = np.zeros((header.slices, *header.size), bool)
    for at in np.flatnonzero(header.drawn(name)).tolist():
        outline = contour.outline(header.frame, at)
        masks[at] = polygon_mask(outline[:, 0], outline[:, 1], *header.size)
    return masks


def _scar(header: StackHeader, fields: Fields) -> tuple[Masks, Masks]:
    """Infarct and no-reflow.

    ``Result`` is what Segment shows and measures, so the corrections in ``Manual`` are in it; only
    where it is missing, they are laid over ``Auto``. What was drawn by hand as no-reflow is that,
    also where the automatic ``NoReflow`` does not hold it.
    """
    manual = _laid_out(header, fields, "Manual")
    if scar_field(fields, "Result").size:
        infarct = _laid_out(header, fields, "Result") != 0
    else:
        automatic = _laid_out(header, fields, "Auto") != 0
        infarct = (automatic | (manual == _ADDED)) & (manual != _REMOVED)
    no_reflow = (_laid_out(header, fields, "NoReflow") != 0) | (manual == _NO_REFLOW)
    return infarct, no_reflow


def _laid_out(header: StackHeader, fields: Fields, name: str) -> Shaped[np.ndarray, "slice y x"]:
    """An array of the scar on the whole images; 0 where there is none."""
    found = scar_field(fields, name)
    whole = np.zeros((header.slices, *header.size), found.dtype)
    if found.size == 0:
        return whole
    given = (*found.shape, 1)[: max(found.ndim, 3)]
    if given != (*header.segmented, header.slices):
        size = " x ".join(map(str, given))
        raise DatasetError(f"has a scar ({name}) of another size ({size}); is it damaged?")
    top, left = header.crop
    height, width = header.segmented
    whole[:, top : top + height, left : left + width] = np.moveaxis(found.reshape(given), 2, 0)
    return whole
