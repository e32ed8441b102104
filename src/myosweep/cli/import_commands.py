"""Commands that make a dataset from files, one for each kind of file."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from myosweep.cli.data_commands import show_dataset
from myosweep.cli.import_options import (
    AllowDuplicates,
    Crop,
    CropAround,
    IgnoreOption,
    RegionOption,
    RegionsOption,
    TableOption,
    chosen_regions,
)
from myosweep.cli.show import counting

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
            progress=progress,
        )
    show_dataset(dataset)
