"""Commands that make a dataset from the hospital's own files: Segment and DICOM."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from myosweep.cli.data_commands import show_dataset
from myosweep.cli.import_options import (
    AllowDuplicates,
    ApexOption,
    Crop,
    CropAround,
    IgnoreOption,
    KeyOption,
    LicenceOption,
    ListOnly,
    Out,
    PatientOption,
    RegionOption,
    RegionsOption,
    Resample,
    TableOption,
    Uncontoured,
    chosen_regions,
    required,
)
from myosweep.cli.show import console, counting, print_table, warn


def import_segment(
    places: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATHS... OUT",
            help="Files of Segment (.mat, .seg) or folders of them, and the dataset folder to "
            "make.",
        ),
    ],
    stack: Annotated[
        int | None,
        typer.Option(
            min=1,
            show_default=False,
            help="Take this stack of every file. Default: the late-enhancement short-axis stack.",
        ),
    ] = None,
    images: Annotated[
        Path | None,
        typer.Option(
            show_default=False, help="DICOM folder with the images of .seg files, which have none."
        ),
    ] = None,
    patient: PatientOption = None,
    key: KeyOption = None,
    region: RegionOption = None,
    regions: RegionsOption = None,
    ignore: IgnoreOption = "",
    crop: Crop = 128,
    crop_around: CropAround = "masks",
    resample: Resample = None,
    uncontoured: Uncontoured = "leave-out",
    table: TableOption = None,
    allow_duplicates: AllowDuplicates = False,
    licence: LicenceOption = None,
    list_only: ListOnly = False,
) -> None:
    """Make a dataset from files that Medviso Segment saved.

    Contours become masks as Segment itself fills them. Codes: background 0, blood pool 1, normal
    myocardium 2, infarct 3, no-reflow 4, right ventricle 5. Names, numbers, dates, institution and
    paths in the files are not kept.

    Examples:

    myosweep import segment segment-files --list

    myosweep import segment segment-files data/mine --regions five
    """
    from myosweep.data.rules import Rules
    from myosweep.data.segment import import_segment as run_import

    if list_only:
        _list_segment(places, stack)
        return
    *paths, last = places
    out = required(last if paths else None)
    scheme = chosen_regions(region, regions, ignore, default="three")
    rules = Rules(scheme, crop, crop_around, resample, table, allow_duplicates, licence)
    with counting("Importing slices") as progress:
        dataset, found = run_import(
            paths,
            out,
            rules=rules,
            patient=patient,
            key_file=key,
            stack=stack,
            uncontoured=uncontoured,
            images=images,
            progress=progress,
        )
    show_dataset(dataset)
    if uncontoured == "leave-out":
        _tell_left_out(found.uncontoured)
    if found.incomplete:
        console.print(
            f"{found.incomplete} slices with only one of endocardium and epicardium were left out."
        )


def _list_segment(paths: Sequence[Path], stack: int | None) -> None:
    from myosweep.data.segment.choice import list_segment

    problems: list[str] = []
    for listing in list_segment(paths, problems, stack):
        rows = [
            (
                one.number,
                one.image_type or "not told",
                one.view or "not told",
                f"{one.rows} x {one.columns}",
                one.frames,
                one.slices,
                one.contoured,
                "yes" if one.has_scar else "no",
                _spacing(one.spacing_yx_mm, None).removesuffix(" x ?"),
                "yes" if one.is_chosen else f"no: {one.why_not}",
            )
            for one in listing.stacks
        ]
        columns = "stack,type,view,pixels,frames,slices,contoured,scar,spacing (mm),taken"
        print_table(listing.file, columns.split(","), rows)
    _tell_problems(problems)


def import_dicom(
    images: Annotated[Path, typer.Argument(help="Folder of DICOM files, with subfolders.")],
    out: Out = None,
    masks: Annotated[
        Path | None,
        typer.Option(
            show_default=False,
            help="Folder of masks: DICOM SEG, RT-STRUCT, NIfTI or PNG with the series' names. "
            "Default: the folder of images.",
        ),
    ] = None,
    structure: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=CODE",
            show_default=False,
            help="The code of a segment or contoured structure, by its name. Needed for RT-STRUCT; "
            "a DICOM SEG has numbers of its own. See the names with --list.",
        ),
    ] = None,
    patient: PatientOption = None,
    key: KeyOption = None,
    region: RegionOption = None,
    regions: RegionsOption = None,
    ignore: IgnoreOption = "",
    crop: Crop = None,
    crop_around: CropAround = "centre",
    resample: Resample = None,
    apex: ApexOption = None,
    uncontoured: Uncontoured = "leave-out",
    table: TableOption = None,
    allow_duplicates: AllowDuplicates = False,
    licence: LicenceOption = None,
    list_only: ListOnly = False,
) -> None:
    """Make a dataset from DICOM series and their masks.

    Slices are sorted by their place in the patient, not by file name. Nothing that identifies a
    patient is kept.

    Examples:

    myosweep import dicom dicom --masks masks --list

    myosweep import dicom dicom data/mine --masks masks --regions three --crop 128

    myosweep import dicom dicom data/mine --masks rtstruct --structure "LV endo=1"
    --structure "LV epi=2" --region "background=0" --region "blood pool=1" --region "myocardium=2"
    """
    from myosweep.data.dicom import import_dicom as run_import
    from myosweep.data.rules import Rules
    from myosweep.regions import parse_structures

    if list_only:
        _list_dicom(images, masks)
        return
    scheme = chosen_regions(region, regions, ignore)
    rules = Rules(scheme, crop, crop_around, resample, table, allow_duplicates, licence)
    with counting("Importing slices") as progress:
        dataset, found = run_import(
            images,
            required(out),
            masks=masks or images,
            rules=rules,
            structures=parse_structures(structure or []),
            patient=patient,
            key_file=key,
            apex=apex,
            uncontoured=uncontoured,
            progress=progress,
        )
    show_dataset(dataset)
    if found.without_masks:
        console.print(
            f"{found.without_masks} of {found.series} series have no mask and were left out."
        )
    _tell_left_out(found.left_out)


def _list_dicom(images: Path, masks: Path | None) -> None:
    from myosweep.data.dicom import list_dicom

    problems: list[str] = []
    listed = list_dicom(images, masks, problems)
    rows = [
        (
            one.number,
            one.first_file,
            one.description,
            one.slices,
            f"{one.rows} x {one.columns}",
            _spacing(one.spacing_yx_mm, one.slice_spacing_mm),
            ", ".join(one.masks) or "none",
            "; ".join(f"{number} {name}" for number, name in one.structures),
            one.obstacle or "",
        )
        for one in listed
    ]
    columns = "series,first file,description,slices,pixels,spacing (mm),masks,structures,obstacle"
    print_table(f"{len(rows)} series in {images.name}", columns.split(","), rows)
    _tell_problems(problems)


def _spacing(spacing_yx_mm: tuple[float, float] | None, slice_spacing_mm: float | None) -> str:
    in_plane = "?" if spacing_yx_mm is None else " x ".join(f"{mm:.3g}" for mm in spacing_yx_mm)
    return f"{in_plane} x {'?' if slice_spacing_mm is None else f'{slice_spacing_mm:.3g}'}"


def _tell_left_out(slices: int) -> None:
    if slices:
        console.print(
            f"{slices} slices without contours were left out; --uncontoured background would keep "
            "them as background."
        )


def _tell_problems(problems: Sequence[str]) -> None:
    for problem in problems:
        warn(problem)
