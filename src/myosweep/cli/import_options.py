"""Options that several import commands share, and the regions that they stand for."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from myosweep.regions import RegionScheme

Out = Annotated[Path | None, typer.Argument(help="Dataset folder to make.", show_default=False)]
RegionOption = Annotated[
    list[str] | None,
    typer.Option(
        "--region",
        metavar="NAME=CODES",
        show_default=False,
        help="A region and the mask codes it is made of. Give one per region, in the order of your "
        "tables; the first is taken as the background.",
    ),
]
RegionsOption = Annotated[
    str | None,
    typer.Option(
        "--regions",
        metavar="three|five|FILE.toml",
        show_default=False,
        help="Named regions instead: three (background, blood pool, myocardium), five (infarct and "
        "no-reflow apart), or a TOML file with a table \\[regions].",
    ),
]
IgnoreOption = Annotated[
    str, typer.Option("--ignore", metavar="CODES", help="Mask codes to leave out, such as 255.")
]
Crop = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=4096,
        show_default=False,
        help="Cut a square of this many pixels; no resampling.",
    ),
]
CropAround = Annotated[
    Literal["centre", "masks"],
    typer.Option(help="Cut around the image's centre, or around the masks."),
]
Resample = Annotated[
    float | None,
    typer.Option(
        metavar="MM",
        show_default=False,
        help="Square pixels of this size. Without it no pixel is touched.",
    ),
]
TableOption = Annotated[
    Path | None,
    typer.Option(
        "--table",
        show_default=False,
        help="CSV with a column 'slice' or 'patient' and any of site, vendor, level, spacing_mm, "
        "slice_spacing_mm; by slice also stack and place.",
    ),
]
AllowDuplicates = Annotated[
    bool, typer.Option("--allow-duplicates", help="Keep slices with the same image twice.")
]
LicenceOption = Annotated[
    str | None,
    typer.Option(
        "--licence",
        metavar="TEXT",
        show_default=False,
        help='Under which the data may be used, such as "CC BY-NC-SA 4.0"; model cards state it.',
    ),
]
PatientOption = Annotated[
    str | None,
    typer.Option(
        "--patient",
        metavar="REGEX",
        show_default=False,
        help="Finds your own patient code in a file's relative name: its group 'patient', else its "
        "first group, else the whole match. Without it the patient's identity becomes a code that "
        "cannot be turned back.",
    ),
]
KeyOption = Annotated[
    Path | None,
    typer.Option(
        "--key",
        metavar="FILE",
        show_default=False,
        help="The secret key behind patient codes, where several people share one; made if absent. "
        "Default: a file in your own configuration folder.",
    ),
]
Uncontoured = Annotated[
    Literal["leave-out", "background"],
    typer.Option(help="Slices that nobody has contoured: leave them out, or call them background."),
]
ApexOption = Annotated[
    Literal["first", "last"] | None,
    typer.Option(
        "--apex",
        show_default=False,
        help="At which end of each stack the apex lies; then slices get a level.",
    ),
]
ListOnly = Annotated[
    bool, typer.Option("--list", help="Show what is there and what would be taken; make nothing.")
]


def chosen_regions(
    region: list[str] | None,
    regions: str | None,
    ignore: str,
    codes: str = "myosweep",
    default: str | None = None,
) -> "RegionScheme":
    """The scheme that the options stand for.

    Args:
        codes: whose codes ``three`` and ``five`` mean, see ``LABEL_CODES``.
        default: the named scheme where no option was given; without one, an option is required.

    Raises:
        ConfigError: if the options contradict each other, or name nothing known.
    """
    from dataclasses import replace

    from myosweep.errors import ConfigError
    from myosweep.regions import (
        NAMED_SCHEMES,
        RegionScheme,
        named_scheme,
        parse_codes,
        read_scheme,
    )

    ignored = parse_codes(ignore)
    if region and regions:
        raise ConfigError("give --region or --regions, not both; they say the same thing")
    if region:
        return RegionScheme.parse(region, ignored)
    name = regions or default
    if name is None:
        raise ConfigError(
            'the regions are missing; give --region "background=0" --region "myocardium=1" and so '
            "on, or --regions three"
        )
    if name.lower().endswith(".toml"):
        scheme = read_scheme(Path(name))
        return replace(scheme, ignored=tuple(dict.fromkeys((*scheme.ignored, *ignored))))
    if name not in NAMED_SCHEMES:
        raise ConfigError(
            f"--regions is {', '.join(NAMED_SCHEMES)} or a file that ends in .toml, got {name!r}"
        )
    return replace(named_scheme(name, codes), ignored=ignored)


def required(out: Path | None) -> Path:
    """The output folder of an import that is to make something."""
    from myosweep.errors import ConfigError

    if out is None:
        raise ConfigError("the dataset folder to make is missing; give it last, or add --list")
    return out
