"""A look at the data before a study's first run; leakage is refused."""

from collections.abc import Mapping

from myosweep.audit.run_check import serious_for_run
from myosweep.data.split import Split
from myosweep.data.store import Dataset
from myosweep.errors import SplitError

LEAKS = frozenset(
    {
        "patients in several parts",
        "exact duplicates across parts",
        "near-duplicates across parts",
    }
)


def look_at_data(
    dataset: Dataset, splits: Mapping[str, Split], *, allow_leakage: bool
) -> tuple[str, ...]:
    """Sentences about what would make the study worthless; see ``serious_for_run``.

    Raises:
        SplitError: if patients or images stand in several parts of a split, and that is not
            allowed.
    """
    found = serious_for_run(dataset, splits)
    leaks = [f"{one.sentence} {one.advice}" for one in found if one.check in LEAKS]
    if leaks and not allow_leakage:
        way_out = (
            "If you want it so, to repeat the paper for instance, give --allow-leakage; the "
            "report will say it."
        )
        raise SplitError(
            [f"{leak} {way_out}" for leak in leaks],
            "test scores of this study would say little about new patients",
        )
    return tuple(f"{one.sentence} {one.advice}" for one in found)
