"""The option that says which region is which structure of the heart."""

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from myosweep.metrics.clinical import Structure

Structures = Annotated[
    list[str] | None,
    typer.Option(
        "--structure",
        metavar="STRUCTURE=REGION",
        show_default=False,
        help="Region that is the cavity, myocardium, infarct or no-reflow, if its name does not "
        "tell; may be repeated.",
    ),
]


def named_structures(definitions: "Sequence[str] | None") -> "dict[str, Structure]":
    """Structures by region, as the command line gives them.

    Raises:
        ConfigError: naming every definition that cannot be used.
    """
    from typing import get_args

    from myosweep.errors import ConfigError
    from myosweep.metrics.clinical import Structure

    known: tuple[Structure, ...] = get_args(Structure)
    named: dict[str, Structure] = {}
    problems = []
    for text in definitions or ():
        name, _, region = (part.strip() for part in text.partition("="))
        structure = next((one for one in known if one == name.casefold()), None)
        if structure is None or not region:
            problems.append(
                f"a structure is one of {', '.join(known)}, with its region, got {text!r}; write "
                'for instance --structure "cavity=LV blood"'
            )
        elif named.setdefault(region, structure) != structure:
            problems.append(
                f"region {region!r} is {named[region]} and {structure}; give it one structure"
            )
    if problems:
        raise ConfigError(problems, "the structures cannot be used")
    return named
