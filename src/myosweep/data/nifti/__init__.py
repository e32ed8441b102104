"""Import of NIfTI volumes with their masks into a dataset."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Integer, Num

from myosweep.data.intake import Progress, import_stacks
from myosweep.data.levels import Apex, ventricle_levels
from myosweep.data.names import NamePattern
from myosweep.data.nifti.layouts import CHALLENGES, Layout, NiftiPair, find_nifti_pairs
from myosweep.data.nifti.volume import NiftiVolume, displacement_mm, open_nifti
from myosweep.data.problems import collecting, raise_problems
from myosweep.data.rules import Rules
from myosweep.data.signal import store_signal
from myosweep.data.stack import SourceSlice, Stack
from myosweep.data.store import Dataset, refuse_taken
from myosweep.errors import DatasetError
from myosweep.regions import RegionScheme

_APART = 0.1
"""Of a voxel's shortest side: so far may a mask lie from its image, by rounding of headers."""
_WHOLE = 1e-4
"""So far may a code lie from a whole number, by scaling in 32 bits."""


@dataclass(frozen=True)
class NiftiFindings:
    """What the user should know of an import that succeeded.

    Args:
        volumes: how many were imported.
        empty_slices: slices whose mask shows no region but the first; they count as annotated.
        warnings: whole sentences.
    """

    volumes: int
    empty_slices: int
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Case:
    """An image and its mask, both with sound headers and on the same grid."""

    pair: NiftiPair
    image: NiftiVolume
    mask: NiftiVolume

    def stack(self, patient: str, apex: Apex | None, scheme: RegionScheme) -> Stack:
        """The slices, to be read later; ``apex`` overrides what the layout knows."""
        exact = self.image.dtype == np.uint8 and not self.image.scaled
        return Stack(
            subject=f"image {self.pair.name!r}",
            patient=patient,
            order=self.pair.name,
            sizes=[self.image.size_yx] * self.image.slices,
            image_type=np.dtype(np.uint8 if exact else np.uint16),
            label_type=self._label_type(scheme),
            read=lambda: self._read(apex or self.pair.apex, scheme),
            spacing_yx_mm=self.image.spacing_yx_mm,
        )

    def _label_type(self, scheme: RegionScheme) -> np.dtype:
        """The mask's own type if it is 8 or 16 bits, unsigned; else what holds all codes."""
        stored = self.mask.dtype.newbyteorder("=")
        if stored in (np.uint8, np.uint16) and not self.mask.scaled:
            return stored
        return np.dtype(np.uint8 if max(scheme.codes) < 256 else np.uint16)

    def _read(self, apex: Apex | None, scheme: RegionScheme) -> list[SourceSlice]:
        pixels, signal = store_signal(self.image.read())
        labels = self._labels()
        shown = shows_heart(labels, scheme)
        if not any(shown):
            raise DatasetError(
                f"has a mask {self.pair.mask_name!r} that shows no region but "
                f"{scheme.names[0]!r} in any slice; leave both out, or check the regions' codes"
            )
        levels = ventricle_levels(shown, apex)
        row: dict[str, Any] = signal.row() | {
            "image_file_hash": self.image.file_hash(),
            "mask_file_hash": self.mask.file_hash(),
        }
        if (distance := self.image.slice_spacing_mm) is not None:
            row["slice_spacing_mm"] = distance
        return [
            SourceSlice(
                subject=f"image {self.pair.name!r}, slice {number}",
                mask_subject=f"mask {self.pair.mask_name!r}, slice {number},",
                image=pixels[number],
                labels=labels[number],
                place=number + 1,
                spacing_yx_mm=self.image.spacing_yx_mm,
                row=row if level is None else row | {"level": level},
            )
            for number, level in enumerate(levels)
        ]

    def _labels(self) -> Integer[np.ndarray, "slice y x"]:
        try:
            return whole_codes(self.mask.read(self.image.arrangement))
        except DatasetError as error:
            name = self.pair.mask_name
            told = [f"has a mask {name!r} that {problem}" for problem in error.problems]
            raise DatasetError(told) from None


@dataclass
class _Notes:
    """What is found by the way, of volumes by name."""

    no_spacing: list[str] = field(default_factory=list)
    no_orientation: list[str] = field(default_factory=list)
    two_spacings: list[str] = field(default_factory=list)

    def look_at(self, name: str, image: NiftiVolume) -> None:
        if image.spacing_yx_mm is None:
            self.no_spacing.append(name)
        if image.affine is None:
            self.no_orientation.append(name)
        if image.doubtful_spacing is not None:
            self.two_spacings.append(name)

    def sentences(self, total: int) -> Iterator[str]:
        for names, told in (
            (self.no_spacing, "no pixel spacing; nothing in mm can be told of them"),
            (
                self.no_orientation,
                "no orientation; their first axis became columns and their second became rows",
            ),
            (
                self.two_spacings,
                "one spacing in pixdim and another in the affine; pixdim was taken",
            ),
        ):
            if names:
                yield f"{len(names)} of {total} volumes (such as {names[0]!r}) have {told}"


def import_nifti(
    images: Path | str,
    masks: Path | str | None,
    out: Path | str,
    *,
    rules: Rules,
    layout: Layout = "plain",
    patient: str | None = None,
    apex: Apex | None = None,
    channel: int | None = None,
    progress: Progress | None = None,
) -> tuple[Dataset, NiftiFindings]:
    """Make a dataset of NIfTI volumes and their masks; every slice of a volume is taken.

    Args:
        images, masks, layout, channel: see ``find_nifti_pairs``.
        out: the dataset folder to make.
        rules: regions (``default_scheme`` has those of a layout), crop and so on.
        patient: regular expression that finds the patient in an image's relative name; required
            for a plain layout, by default the case's own name.
        apex: at which end of all volumes the apex lies; by default what is known of the layout.
        progress: called with slices done and slices in all.

    Raises:
        DatasetError: listing every problem; then nothing was written.
        ConfigError: if ``patient`` is no regular expression.
    """
    images, out = Path(images), Path(out)
    refuse_taken(out)
    if layout == "plain" and patient is None:
        raise DatasetError(
            "nobody knows which volumes are of one patient; say with --patient what a name's "
            r"patient is, for instance --patient '(P\d+)'"
        )
    pattern = None if patient is None else NamePattern(patient)
    problems: list[str] = []
    folder = None if masks is None else Path(masks)
    pairs = find_nifti_pairs(images, folder, layout, problems, channel=channel)
    patients = _patients(pairs, pattern, layout, problems)
    notes = _Notes()
    cases = [case for pair in pairs if (case := _open(pair, problems, notes)) is not None]
    if not cases:
        raise_problems(problems)
    stacks = [case.stack(patients.get(case.pair.name, ""), apex, rules.scheme) for case in cases]
    source: dict[str, Any] = {"kind": "NIfTI", "layout": layout}
    source |= {} if patient is None else {"patient_pattern": patient}
    source |= {} if channel is None else {"channel": channel}
    dataset = import_stacks(stacks, out, rules, source=source, problems=problems, progress=progress)
    warnings = list(notes.sentences(len(cases)))
    if layout in CHALLENGES and (told := CHALLENGES[layout].warning):
        warnings.insert(0, told)
    empty = sum(not one for row in dataset.labels for one in shows_heart(row[None], dataset.scheme))
    return dataset, NiftiFindings(len(cases), empty, tuple(warnings))


def shows_heart(labels: Integer[np.ndarray, "slice y x"], scheme: RegionScheme) -> list[bool]:
    """Whether each slice has a code that is neither of the first region nor ignored."""
    outside = [*scheme.regions[0].codes, *scheme.ignored]
    return [not bool(np.isin(one, outside).all()) for one in labels]


def whole_codes(values: Num[np.ndarray, "slice y x"]) -> Integer[np.ndarray, "slice y x"]:
    """Label codes of a mask that may be stored as decimal numbers.

    Raises:
        DatasetError: if one of them is no whole number.
    """
    if np.issubdtype(values.dtype, np.integer):
        return values
    codes = np.rint(values)
    with np.errstate(invalid="ignore"):  # infinity less infinity
        wrong = ~(np.abs(values - codes) <= _WHOLE) | (np.abs(codes) >= 2**31)
    if wrong.any():
        first = values[np.unravel_index(int(wrong.argmax()), wrong.shape)]
        raise DatasetError(
            f"holds {first:.6g}, which is no label code; masks hold whole numbers, so save it "
            "without interpolation"
        )
    return codes.astype(np.int32)


def _patients(
    pairs: Sequence[NiftiPair], pattern: NamePattern | None, layout: Layout, problems: list[str]
) -> dict[str, str]:
    """The patient of each image, by the user's pattern, else by the layout."""
    if pattern is not None:
        found, unmatched = pattern.read(pair.name for pair in pairs)
        problems += [
            f"image {name!r} does not match the patient pattern {pattern.text!r}; rename it or "
            "change --patient"
            for name in unmatched
        ]
        return {name: one.patient for name, one in found.items()}
    if layout not in CHALLENGES or CHALLENGES[layout].once:
        volumes = Counter(pair.patient for pair in pairs)
        problems += [
            f"patient {name!r} has {count} volumes, one was expected; remove the others, or say "
            "with --patient what a patient is"
            for name, count in volumes.items()
            if count > 1
        ]
    return {pair.name: pair.patient or "" for pair in pairs}


def _open(pair: NiftiPair, problems: list[str], notes: _Notes) -> _Case | None:
    """Both headers, if they are sound and fit; else each fault becomes a problem."""
    image = mask = None
    with collecting(problems, f"image {pair.name!r} "):
        image = open_nifti(pair.image)
    with collecting(problems, f"mask {pair.mask_name!r} "):
        mask = open_nifti(pair.mask)
    if image is None or mask is None:
        return None
    if fault := _misfit(image, mask, pair.mask_name):
        problems.append(f"image {pair.name!r} {fault}")
        return None
    notes.look_at(pair.name, image)
    return _Case(pair, image, mask)


def _misfit(image: NiftiVolume, mask: NiftiVolume, mask_name: str) -> str | None:
    """Why a mask cannot be laid upon its image; None if it can."""
    way_out = "save the mask on the grid of its image"
    if image.shape != mask.shape:
        one, other = (" x ".join(map(str, volume.shape)) for volume in (image, mask))
        return f"has {one} voxels, its mask {mask_name!r} {other}; {way_out}"
    apart = displacement_mm(image, mask)
    if apart is None or image.affine is None:
        return None
    allowed = _APART * float(np.linalg.norm(image.affine[:3, :3], axis=0).min())
    if apart <= allowed:
        return None
    return f"lies up to {apart:.3g} mm from its mask {mask_name!r}, by their affines; {way_out}"
