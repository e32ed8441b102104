"""Commands that make a dataset from pictures and volumes that others have prepared."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from myosweep.cli.data_commands import show_dataset
from myosweep.cli.import_options import (
    AllowDuplicates,
    ApexOption,
    Crop,
    CropAround,
    IgnoreOption,
    LicenceOption,
    PatientOption,
    RegionOption,
    RegionsOption,
    Resample,
    TableOption,
    chosen_regions,
)
from myosweep.cli.show import console, counting, warn

Codes = Annotated[
    Literal["myosweep", "emidec", "myops", "acdc", "paper"],
    typer.Option(help="Whose numbers the masks hold; for --regions three and five."),
]


def import_png(
    images: Annotated[Path, typer.Argument(help="Folder of images (PNG, TIFF, BMP).")],
    masks: Annotated[Path, typer.Argument(help="Folder of masks with the same names.")],
    out: Annotated[Path, typer.Argument(help="Dataset folder to make.")],
    patient: Annotated[
        str,
        typer.Option(
            metavar="REGEX",
            help="Finds the patient in a file name: its group 'patient', else its first group, "
            "else the whole match. A group 'slice' names the slice. Nothing else of the name is "
            "kept, so let it match a code, not a patient's name.",
        ),
    ],
    region: RegionOption = None,
    regions: RegionsOption = None,
    codes: Codes = "myosweep",
    ignore: IgnoreOption = "",
    crop: Crop = None,
    crop_around: CropAround = "centre",
    table: TableOption = None,
    allow_duplicates: AllowDuplicates = False,
    licence: LicenceOption = None,
) -> None:
    """Make a dataset from a folder of images and a folder of masks.

    Example, three grey levels as Segment exports them:

    myosweep import png images masks data/mine --patient "(?P<patient>P[0-9]+)_(?P<slice>[0-9]+)"
    --region "background=255" --region "blood pool=128" --region "myocardium=0" --crop 128
    """
    from myosweep.data.png import import_png as run_import

    scheme = chosen_regions(region, regions, ignore, codes)
    with counting("Importing slices") as progress:
        dataset = run_import(
            images,
            masks,
            out,
            patient=patient,
            scheme=scheme,
            crop=crop,
            crop_around=crop_around,
            table=table,
            allow_duplicates=allow_duplicates,
            licence=licence,
            progress=progress,
        )
    show_dataset(dataset)


def import_nifti(
    images: Annotated[
        Path, typer.Argument(help="Folder of volumes, or of a challenge or nnU-Net dataset.")
    ],
    places: Annotated[
        list[Path],
        typer.Argument(metavar="[MASKS] OUT", help="Folder of masks, and the dataset to make."),
    ],
    layout: Annotated[
        Literal["plain", "nnunet", "emidec", "myops", "acdc"],
        typer.Option(help="How the files lie. All but plain know their masks and label codes."),
    ] = "plain",
    patient: PatientOption = None,
    region: RegionOption = None,
    regions: RegionsOption = None,
    ignore: IgnoreOption = "",
    crop: Crop = None,
    crop_around: CropAround = "centre",
    resample: Resample = None,
    apex: ApexOption = None,
    channel: Annotated[
        int | None,
        typer.Option(min=0, show_default=False, help="nnU-Net's channel of the LGE image."),
    ] = None,
    table: TableOption = None,
    allow_duplicates: AllowDuplicates = False,
    licence: LicenceOption = None,
) -> None:
    """Make a dataset from NIfTI volumes and masks.

    Slices are cut across the through-plane axis and turned as radiologists look at them.

    Examples:

    myosweep import nifti images masks data/mine --patient "P[0-9]+" --regions three --crop 128

    myosweep import nifti emidec-dataset-1.0.1 data/emidec --layout emidec --regions five

    myosweep import nifti nnUNet_raw/Dataset001_LGE data/lge --layout nnunet
    """
    from myosweep.data.nifti import import_nifti as run_import
    from myosweep.data.nifti.layouts import default_scheme
    from myosweep.data.rules import Rules
    from myosweep.errors import ConfigError
    from myosweep.regions import parse_codes

    if len(places) > 2:
        raise ConfigError(
            f"give IMAGES, MASKS and OUT, got {len(places) + 1} folders; quote names with spaces"
        )
    masks, out = (places[0], places[1]) if len(places) == 2 else (None, places[0])
    named = regions in (None, "three", "five")
    scheme = default_scheme(layout, images, regions or "three") if named and not region else None
    if scheme is None:
        scheme = chosen_regions(region, regions, ignore)
    elif ignore:
        scheme = replace(scheme, ignored=(*scheme.ignored, *parse_codes(ignore)))
    rules = Rules(scheme, crop, crop_around, resample, table, allow_duplicates, licence)
    with counting("Importing slices") as progress:
        dataset, found = run_import(
            images,
            masks,
            out,
            rules=rules,
            layout=layout,
            patient=patient,
            apex=apex,
            channel=channel,
            progress=progress,
        )
    show_dataset(dataset)
    if found.empty_slices:
        console.print(f"{found.empty_slices} slices show no region in their mask.")
    for warning in found.warnings:
        warn(warning)
