"""Which image stack of a Segment file is the late-enhancement short-axis one, and why."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from myosweep.data.folder import files_in
from myosweep.data.problems import collecting
from myosweep.data.segment.fields import text
from myosweep.data.segment.file import read_stacks
from myosweep.data.segment.header import HEADER, StackHeader, has_scar, read_header
from myosweep.data.segment.values import Fields
from myosweep.errors import DatasetError

SUFFIXES = (".mat", ".seg")
_LATE_ENHANCEMENT = "late enhancement"
_SHORT_AXIS = "short-axis"
_LONGEST_TEXT = 30


@dataclass(frozen=True)
class BrokenStack:
    """A stack whose fields make no sense; it matters only if it is the wanted one."""

    number: int
    image_type: str
    has_scar: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class SegmentFile:
    """A file with the headers of its stacks; ``name`` is relative to what the user gave."""

    name: str
    path: Path
    is_full_save: bool
    stacks: tuple[StackHeader | BrokenStack, ...]


@dataclass(frozen=True)
class ListedStack:
    """What a listing tells of a stack; nothing in it identifies a patient.

    Args:
        contoured: slices with all contours that a mask needs.
        why_not: why it is not chosen; none if it is.
    """

    number: int
    image_type: str
    view: str
    rows: int
    columns: int
    frames: int
    slices: int
    spacing_yx_mm: tuple[float, float] | None
    contoured: int
    has_scar: bool
    why_not: str | None

    @property
    def is_chosen(self) -> bool:
        return self.why_not is None


@dataclass(frozen=True)
class SegmentListing:
    """All stacks of a file."""

    file: str
    stacks: tuple[ListedStack, ...]


def segment_files(paths: Sequence[Path], problems: list[str]) -> Iterator[tuple[str, Path]]:
    """Name and place of each .mat and .seg file, each once; names are relative to a path."""
    seen: dict[Path, str] = {}
    for path in paths:
        if not path.exists():
            problems.append(f"there is no file or folder {path.name!r}; check the path")
            continue
        found = [(name, file) for name, file in files_in(path) if file.suffix.lower() in SUFFIXES]
        if not found:
            kind = "folder" if path.is_dir() else "file"
            way_out = "holds no .mat or .seg file" if path.is_dir() else "is no .mat or .seg file"
            problems.append(f"{kind} {path.name!r} {way_out}; give files of Segment")
        for name, file in found:
            place = file.resolve()
            if place in seen:
                continue
            if name in seen.values():
                problems.append(f"two files are called {name!r}; give one folder that holds both")
                continue
            seen[place] = name
            yield name, file


def open_segment(name: str, path: Path) -> SegmentFile:
    """The headers of a file.

    Raises:
        DatasetError: if it cannot be read, or is none of Segment's.
    """
    variable, stacks = read_stacks(path, HEADER)
    headers = tuple(_header(fields, number) for number, fields in enumerate(stacks, 1))
    return SegmentFile(name, path, variable == "setstruct", headers)


def choose(file: SegmentFile, number: int | None) -> StackHeader:
    """The stack with this number, else the late-enhancement short-axis one.

    That is a stack of type 'Late enhancement' or with a scar, whose view plane is short-axis or
    unknown, and which is not radial. Of several, one is preferred that has a scar; is short-axis
    for sure; has more than 5 slices; has more than 1; has both contours: in this order of
    importance. Of equal ones the first is taken.

    Raises:
        DatasetError: if there is none; with what stacks there are.
    """
    if number is not None:
        return _numbered(file, number)
    headers = [one for one in file.stacks if isinstance(one, StackHeader)]
    fitting = [one for one in headers if _why_never(one, file.is_full_save) is None]
    for one in file.stacks:
        if isinstance(one, BrokenStack) and _is_late(one):
            raise _broken(one)
    if not fitting:
        raise DatasetError(
            f"has no late-enhancement short-axis stack, but {_all(file)}; choose one with --stack"
        )
    return max(fitting, key=_preference)


def list_segment(
    paths: Sequence[Path], problems: list[str], stack: int | None = None
) -> list[SegmentListing]:
    """What stacks there are, and which would be taken; files that cannot be read are problems.

    Args:
        stack: the user's own choice, as in ``choose``.
    """
    listings: list[SegmentListing] = []
    for name, path in segment_files(paths, problems):
        with collecting(problems, f"file {name!r} "):
            file = open_segment(name, path)
            listings.append(SegmentListing(name, tuple(_listed(file, stack))))
    return listings


def _header(fields: Fields, number: int) -> StackHeader | BrokenStack:
    try:
        return read_header(fields, number)
    except DatasetError as error:
        return BrokenStack(number, text(fields, "ImageType"), has_scar(fields), error.problems)


def _numbered(file: SegmentFile, number: int) -> StackHeader:
    if not 1 <= number <= len(file.stacks):
        raise DatasetError(f"has no stack {number}, but {_all(file)}; give another with --stack")
    chosen = file.stacks[number - 1]
    if isinstance(chosen, BrokenStack):
        raise _broken(chosen)
    if chosen.is_rotated:
        raise DatasetError(
            f"has a radial stack {number} (rotated), which has no short-axis slices; give another "
            "with --stack"
        )
    return chosen


def _broken(stack: BrokenStack) -> DatasetError:
    return DatasetError([f"has a stack {stack.number} that {reason}" for reason in stack.reasons])


def _is_late(stack: StackHeader | BrokenStack) -> bool:
    return stack.image_type.lower() == _LATE_ENHANCEMENT or stack.has_scar


def _is_short_axis(header: StackHeader) -> bool:
    return header.view.lower() == _SHORT_AXIS


def _why_never(header: StackHeader, is_full_save: bool) -> str | None:
    """Why a stack is none of those to choose from.

    A segmentation-only export often does not tell its image type; it holds what was asked for.
    """
    if not _is_late(header) and (is_full_save or header.image_type):
        return "it is no late enhancement and has no scar"
    if header.view and not _is_short_axis(header) and not header.view.lower().startswith("un"):
        return "its view plane is not short-axis"  # 'unknown' and 'unspecified' say nothing
    if header.is_rotated:
        return "it is a radial stack (rotated)"
    return None


def _preference(header: StackHeader) -> tuple[bool, ...]:
    both = (header.drawn("Endo") & header.drawn("Epi")).any()
    slices = header.slices
    return header.has_scar, _is_short_axis(header), slices > 5, slices > 1, bool(both)


def _listed(file: SegmentFile, number: int | None) -> Iterator[ListedStack]:
    chosen: int | None = None
    refused: Collection[str] = ()
    try:
        chosen = choose(file, number).number
    except DatasetError as error:
        refused = error.problems
    for one in file.stacks:
        if isinstance(one, BrokenStack):
            reason = f"it {'; '.join(one.reasons)}"
            yield ListedStack(
                one.number, _said(one.image_type), "", 0, 0, 0, 0, None, 0, one.has_scar, reason
            )
            continue
        why_not = None
        if one.number != chosen:
            why_not = _why_never(one, file.is_full_save)
            why_not = why_not or (f"stack {chosen} is preferred" if chosen else "; ".join(refused))
        yield ListedStack(
            number=one.number,
            image_type=_said(one.image_type),
            view=_said(one.view),
            rows=one.rows,
            columns=one.columns,
            frames=one.frames,
            slices=one.slices,
            spacing_yx_mm=one.spacing_yx_mm,
            contoured=int(one.contoured.sum()),
            has_scar=one.has_scar,
            why_not=why_not,
        )


def _all(file: SegmentFile) -> str:
    """The stacks in one line."""
    return "; ".join(map(_in_words, file.stacks))


def _in_words(stack: StackHeader | BrokenStack) -> str:
    kind = _said(stack.image_type) or "of unknown type"
    if isinstance(stack, BrokenStack):
        return f"stack {stack.number} ({kind}, damaged)"
    radial = ", radial" if stack.is_rotated else ""
    return (
        f"stack {stack.number} ({kind}, {_said(stack.view) or 'view unknown'}{radial}, "
        f"{stack.rows} x {stack.columns}, {stack.slices} slices, "
        f"{int(stack.contoured.sum())} contoured)"
    )


def _said(told: str) -> str:
    """Segment's own word, safe to show: without signs that steer a terminal, and not too long."""
    shown = "".join(sign if sign.isprintable() else "?" for sign in told)
    return shown if len(shown) <= _LONGEST_TEXT else f"{shown[: _LONGEST_TEXT - 1]}…"
