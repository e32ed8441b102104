"""A dataset as files that other programs read: PNG, NIfTI, nnU-Net's layout, the paper's PNG."""

import csv
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
import tomlkit

from myosweep.data.intake import Progress
from myosweep.data.names import NamePattern, SliceName, natural_key
from myosweep.data.source_stacks import stack_numbers
from myosweep.data.store import DESCRIPTION_COLUMNS, STACK_COLUMNS, Dataset, refuse_taken
from myosweep.errors import DatasetError
from myosweep.files import whole_folder
from myosweep.regions import RegionScheme

Kind = Literal["png", "nifti", "nnunet", "paper"]
_LONGEST = 150
"""Bytes of a name; file systems take 255, and endings and folders need some."""
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_RESERVED = frozenset({"CON", "PRN", "AUX", "NUL"}) | {
    f"{device}{number}" for device in ("COM", "LPT") for number in range(10)
}
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_PATTERNS = (
    r"^(?P<patient>.+)_(?P<slice>[^_]+)$",
    r"^(?P<patient>[^_]+)_(?P<slice>.+)$",
)


@dataclass(frozen=True)
class ExportFindings:
    """What was written.

    Args:
        command: imports it again, when called in the new folder.
        warnings: whole sentences; they stand in README.txt as well.
    """

    kind: Kind
    slices: int
    patients: int
    command: str
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Written:
    """What a writer tells of the files that it has made.

    Args:
        contents: lines of README.txt on what lies where.
        names: slices as they are called after an import, for the table.
        scheme: the regions of the written masks; None where the files tell them already.
        command: imports it again, without table and regions.
    """

    contents: Sequence[str]
    names: Sequence[SliceName]
    scheme: RegionScheme | None
    command: str
    warnings: Sequence[str] = ()


Writer = Callable[[Dataset, Path, Callable[[], None]], Written]
"""Fills a folder with a dataset's pixels; calls its last argument after each slice."""


def export_dataset(
    dataset: Dataset, out: Path | str, as_: Kind, progress: Progress | None = None
) -> ExportFindings:
    """Write a dataset's images, masks and table into a new folder, whole or not at all.

    Args:
        as_: ``png`` (a file per slice, codes as they are), ``nifti`` (a volume per patient),
            ``nnunet`` (the same, in nnU-Net's layout, with its own codes), ``paper`` (8-bit PNG,
            masks with 255, 128 and 0).
        progress: called with slices done and slices in all.

    Raises:
        DatasetError: if the folder is taken, a name cannot be a file's, or the regions do not fit.
    """
    out = Path(out)
    refuse_taken(out)
    names = slice_names(dataset)
    files = [one.key if as_ in ("png", "paper") else one.patient for one in names]
    if problems := list(_name_faults(dict.fromkeys(files), strict=as_ == "nnunet")):
        raise DatasetError(problems, "nothing was exported")
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        if progress:
            progress(done, len(dataset))

    with whole_folder(out) as draft:
        written = _writer(as_)(dataset, draft, step)
        return _describe(dataset, draft, written, as_)


def slice_names(dataset: Dataset) -> list[SliceName]:
    """Patient and label of each slice, in the dataset's order."""
    keys, patients = dataset.slices["slice"], dataset.slices["patient"]
    return [
        SliceName(patient, key.removeprefix(f"{patient}_"))
        for key, patient in zip(keys, patients, strict=True)
    ]


def name_pattern(names: Sequence[SliceName]) -> str:
    """A pattern that finds patient and slice in the keys of these slices.

    Raises:
        DatasetError: if there is none, as both hold underscores.
    """
    keys = {one.key: one for one in names}
    for text in _PATTERNS:
        if NamePattern(text).read(keys)[0] == keys:
            return text
    raise DatasetError(
        f"in file names such as {names[0].key!r} nobody can tell patient from slice, as both hold "
        "underscores; export as nifti instead"
    )


def _writer(as_: Kind) -> Writer:
    """The writer of a kind; NIfTI's library is loaded only where it is needed."""
    if as_ in ("png", "paper"):
        from myosweep.data.export.png import write_paper, write_png

        return write_png if as_ == "png" else write_paper
    from myosweep.data.export.nifti import write_nifti, write_nnunet

    return write_nifti if as_ == "nifti" else write_nnunet


def _name_faults(names: Iterable[str], *, strict: bool) -> Iterator[str]:
    """Names that some system does not take for a file; ``strict`` for nnU-Net."""
    way_out = "import the data again with a --patient that finds letters, digits, - and _ alone"
    first: dict[str, str] = {}
    for name in names:
        if fault := _name_fault(name, strict):
            yield f"{name!r} is no safe file name: it {fault}; {way_out}"
        folded = unicodedata.normalize("NFC", name).casefold()
        if (other := first.setdefault(folded, name)) != name:
            yield f"{other!r} and {name!r} are one file name on Windows and macOS; {way_out}"


def _name_fault(name: str, strict: bool) -> str | None:
    if found := _FORBIDDEN.search(name):
        return f"holds {found[0]!r}"
    if name != name.strip() or name.startswith(".") or name.endswith("."):
        return "begins or ends with a dot or a space"
    if name.split(".")[0].upper() in _RESERVED:
        return "is reserved on Windows"
    if len(name.encode("utf-8", "surrogatepass")) > _LONGEST:
        return f"is longer than {_LONGEST} bytes"
    if any(unicodedata.category(letter) == "Cs" for letter in name):
        return "holds a character that is none"
    if strict and not _PLAIN_NAME.fullmatch(name):
        return "holds characters that nnU-Net does not expect"
    return None


def _describe(dataset: Dataset, folder: Path, written: Written, as_: Kind) -> ExportFindings:
    """Write the table, the regions and README.txt."""
    _write_table(folder / "slices.csv", dataset, written.names)
    command = [written.command]
    if written.scheme is not None:
        _write_regions(folder / "regions.toml", written.scheme)
        command.append("--regions regions.toml")
    command.append("--table slices.csv")
    if dataset.slices["image_hash"].duplicated().any():
        command.append("--allow-duplicates")
    if licence := dataset.manifest.licence:
        command.append(f'--licence "{licence}"')
    warnings = [*written.warnings, *_common_warnings(dataset, written.names)]
    findings = ExportFindings(
        as_, len(dataset), dataset.slices["patient"].nunique(), " ".join(command), tuple(warnings)
    )
    (folder / "README.txt").write_text(_readme(findings, written), encoding="utf-8")
    return findings


def _common_warnings(dataset: Dataset, names: Sequence[SliceName]) -> Iterator[str]:
    order = [(natural_key(one.patient), natural_key(one.key)) for one in names]
    if order != sorted(order):
        yield (
            "An import takes patients and slices in the natural order of their names, which is not "
            "the dataset's; pixels stay the same, their order does not."
        )
    if dataset.manifest.padding is not None:
        yield (
            f"Pixels beyond the source images hold the code {dataset.manifest.padding} in the "
            "dataset; here they are ignored pixels like any other."
        )


def _write_table(path: Path, dataset: Dataset, names: Sequence[SliceName]) -> None:
    """What is known of each slice, as ``read_descriptions`` reads it."""
    facts = dataset.slices.reindex(columns=[*DESCRIPTION_COLUMNS, *STACK_COLUMNS])
    stacks = pd.Series(stack_numbers(dataset), facts.index, "Int64")
    facts["stack"] = stacks.mask(stacks == 0)
    facts = facts.dropna(axis=1, how="all")
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["slice", "patient", *facts])
        for one, row in zip(names, facts.to_dict("records"), strict=True):
            cells = ["" if pd.isna(cell) else cell for cell in row.values()]
            table.writerow([one.key, one.patient, *cells])


def _write_regions(path: Path, scheme: RegionScheme) -> None:
    content = {"ignored": list(scheme.ignored), "regions": scheme.as_mapping()}
    path.write_text(tomlkit.dumps(content), encoding="utf-8")


def _readme(findings: ExportFindings, written: Written) -> str:
    lines = [
        f"{findings.slices} slices of {findings.patients} patients, exported by myosweep.",
        "",
        *written.contents,
        "slices.csv: what is known of each slice; an empty cell is not known",
        *(["regions.toml: the regions and their codes"] if written.scheme else []),
        "",
        "This imports them again, when called in this folder:",
        "",
        f"    {findings.command}",
    ]
    if findings.warnings:
        lines += ["", "Mind:", *(f"- {warning}" for warning in findings.warnings)]
    return "\n".join(lines) + "\n"
