"""The whole audit: measure every slice once, then let each check read what was measured."""

from collections.abc import Callable, Iterable, Iterator, Mapping

from myosweep.audit.baselines import find_baselines, measure_baselines
from myosweep.audit.centring import FEWEST_PATIENTS, find_centring
from myosweep.audit.distortion import find_distortion
from myosweep.audit.duplicates import find_duplicates
from myosweep.audit.fingerprint import fingerprints
from myosweep.audit.fit import FEWEST_PATIENTS as FEWEST_FOR_FIT
from myosweep.audit.fit import measure_fits
from myosweep.audit.leakage import find_leaks, find_near_duplicates
from myosweep.audit.masks import (
    find_at_border,
    find_empty,
    find_holes,
    find_open_rings,
    find_pieces,
    find_tiny,
    find_without_pool,
)
from myosweep.audit.measure import measure_slices
from myosweep.audit.misfit import find_misfits
from myosweep.audit.near import SMALLEST_SIDE_PX, near_pairs
from myosweep.audit.outliers import (
    find_odd_greys,
    find_odd_numbers,
    find_odd_sources,
    find_odd_spacing,
)
from myosweep.audit.place import find_misplaced
from myosweep.audit.records import (
    SEVERITIES,
    Audit,
    Finding,
    Inspected,
    Progress,
    Skipped,
)
from myosweep.audit.shares import find_missing_in_parts, share_tables
from myosweep.audit.signal_zero import find_signal_zero
from myosweep.audit.structures import find_structures
from myosweep.data.split import Split
from myosweep.data.store import Dataset
from myosweep.errors import SplitError

_CHECKS: tuple[Callable[[Inspected], Iterable[Finding]], ...] = (
    find_duplicates,
    find_missing_in_parts,
    find_empty,
    find_tiny,
    find_pieces,
    find_holes,
    find_at_border,
    find_misplaced,
    find_centring,
    find_distortion,
    find_odd_greys,
    find_odd_spacing,
    find_odd_sources,
    find_odd_numbers,
    find_signal_zero,
)
_NEED_POOL: tuple[Callable[[Inspected], Iterable[Finding]], ...] = (
    find_open_rings,
    find_without_pool,
)
_MEASURED = 3
"""Passes over the slices that progress counts."""


def audit_dataset(
    dataset: Dataset,
    splits: Mapping[str, Split] | None = None,
    progress: Progress | None = None,
) -> Audit:
    """Look at a dataset, and at splits of it by name, for everything that spoils conclusions.

    Args:
        progress: called with steps done and steps in all, three for each slice.

    Raises:
        SplitError: if a split was made for another dataset.
    """
    splits = dict(splits or {})
    _check_splits(dataset, splits)
    structures = find_structures(dataset.scheme)
    table = measure_slices(dataset, structures, _pass(progress, 0))
    inspected = Inspected(dataset, structures, table, splits)
    near = near_pairs(dataset, fingerprints(dataset, progress=_pass(progress, 1)))
    findings = [*find_near_duplicates(dataset, near), *find_leaks(dataset, splits, near)]
    for check in _CHECKS:
        findings += check(inspected)
    if structures.complete:
        for check in _NEED_POOL:
            findings += check(inspected)
        if table["patient"].nunique() >= FEWEST_FOR_FIT:
            findings += find_misfits(inspected, measure_fits(inspected, _pass(progress, 2)))
    if progress:
        progress(_MEASURED * len(dataset), _MEASURED * len(dataset))
    baselines = measure_baselines(inspected)
    findings += find_baselines(inspected, baselines)
    return Audit(
        name=dataset.folder.name,
        slices=len(dataset),
        patients=int(table["patient"].nunique()),
        height=dataset.manifest.height,
        width=dataset.manifest.width,
        findings=tuple(sorted(findings, key=lambda one: SEVERITIES.index(one.severity))),
        skipped=tuple(_skipped(inspected)),
        tables=share_tables(inspected),
        baselines=baselines,
        structures=structures,
        table=table,
    )


def _check_splits(dataset: Dataset, splits: Mapping[str, Split]) -> None:
    for name, split in splits.items():
        if split.pixel_hash != dataset.manifest.pixel_hash:
            raise SplitError(
                f"split {name!r} was made for other pixels than this dataset’s; give the split "
                "that belongs to it, or make a new one with `myosweep split`"
            )


def _pass(progress: Progress | None, before: int) -> Progress | None:
    """Progress of one of the passes over the slices as progress of all of them."""
    if progress is None:
        return None
    tell = progress
    return lambda done, of: tell(before * of + done, _MEASURED * of)


def _skipped(inspected: Inspected) -> Iterator[Skipped]:
    patients = inspected.table["patient"].nunique()
    names = ", ".join(inspected.structures.names)
    if not inspected.structures.complete:
        what = "blood pool" if inspected.structures.pool is None else "myocardium"
        for check in ("open rings", "no blood pool", "fit of masks to images"):
            yield Skipped(check, f"no region is called {what} (there are {names})")
    elif patients < FEWEST_FOR_FIT:
        yield Skipped(
            "fit of masks to images",
            f"it compares at least {FEWEST_FOR_FIT} patients, there are {patients}",
        )
    if min(inspected.dataset.images.shape[1:]) < SMALLEST_SIDE_PX:
        yield Skipped(
            "near-duplicates",
            f"images below {SMALLEST_SIDE_PX} pixels have too few details to be told apart",
        )
    if patients < FEWEST_PATIENTS:
        yield Skipped("centring", f"it needs at least {FEWEST_PATIENTS} patients")
    if patients < 2:
        yield Skipped("baselines", "they need at least two patients")
    if not inspected.splits:
        yield Skipped("leakage between parts", "no split was given")
