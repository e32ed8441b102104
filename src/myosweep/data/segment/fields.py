"""Single facts from the fields of a Segment file, any of which may be missing."""

import numpy as np

from myosweep.data.dicom.frames import vendor
from myosweep.data.segment.values import Fields
from myosweep.data.stack import MOST_PIXELS
from myosweep.errors import DatasetError

_ANONYMOUS = frozenset(
    {"anonymous", "anonymized", "anonymised", "anon", "hidden", "unknown", "none", "na", "n/a"}
)
"""What programs that remove names write in their place: it would make all patients one."""


def text(fields: Fields, name: str) -> str:
    """A text without blanks around it; empty if it is missing."""
    found = fields.get(name)
    return found.strip(" \0") if isinstance(found, str) else ""


def number(fields: Fields, name: str, default: float | int) -> float:
    """The first number of a field; the default if it is missing, empty or not finite."""
    value = fields.get(name)
    if not isinstance(value, np.ndarray) or value.size == 0 or value.dtype.kind not in "biuf":
        return float(default)
    first = float(value.flat[0])
    return first if np.isfinite(first) else float(default)


def whole(value: float) -> int:
    """A number of pixels or slices."""
    if value != round(value) or abs(value) > MOST_PIXELS:
        raise DatasetError(f"gives {value:g} where a number of pixels stands; is it damaged?")
    return int(value)


def _positive(value: float) -> float | None:
    return value if value > 0 else None


def spacing_mm(fields: Fields) -> tuple[float, float] | None:
    """Distance of rows, distance of columns, mm; very old files have one number for both."""
    either = number(fields, "Resolution", 0)
    rows, columns = (_positive(number(fields, f"Resolution{a}", either)) for a in "XY")
    return None if rows is None or columns is None else (rows, columns)


def slice_spacing_mm(fields: Fields) -> float | None:
    """Thickness and gap together, mm; none if one of them is missing."""
    thickness, gap = (number(fields, name, np.nan) for name in ("SliceThickness", "SliceGap"))
    return _positive(thickness + gap) if thickness > 0 else None


def scaling(fields: Fields) -> tuple[float, float]:
    """True value = stored value x first + second."""
    slope = number(fields, "IntensityScaling", 0)
    return (slope, number(fields, "IntensityOffset", 0)) if slope else (1.0, 0.0)


def cosines(fields: Fields) -> tuple[float, ...] | None:
    """Directions of a row and of a column in the patient, as DICOM gives them."""
    value = fields.get("ImageOrientation")
    if not isinstance(value, np.ndarray) or value.size != 6 or not np.isfinite(value).all():
        return None
    six = value.astype(np.float64).ravel().tolist()
    return tuple(six) if any(six) else None


def maker(scanner: str) -> str | None:
    """A known maker's name; nothing else, since the field may hold anything."""
    return vendor(scanner.replace("_", " "))


def identity(fields: Fields) -> str:
    """The patient's number, else the name; empty if neither tells anybody apart."""
    info = fields.get("PatientInfo")
    person = info[0] if isinstance(info, list) and info else {}
    for name in ("ID", "Name"):
        told = text(person, name)
        if not told and (value := number(person, name, 0)):
            told = f"{value:.15g}"
        if (bare := told.strip("^= ").lower()) and bare not in _ANONYMOUS:
            return told.rstrip("^= ") if name == "Name" else told
    return ""
