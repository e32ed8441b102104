"""A look at the data before a study's first run; leakage is refused."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from myosweep.audit.run_check import serious_for_run
from myosweep.data.split import Split, read_split
from myosweep.data.store import Dataset
from myosweep.errors import SplitError
from myosweep.results.layout import RunFolder, StudyFolder

LEAKS = frozenset(
    {
        "patients in several parts",
        "exact duplicates across parts",
        "near-duplicates across parts",
    }
)


def look_at_data(
    dataset: Dataset,
    splits: Mapping[str, Split],
    starts: Iterable[Path] = (),
    *,
    allow_leakage: bool,
) -> tuple[str, ...]:
    """Sentences about what would make the study worthless; see ``serious_for_run``.

    Args:
        starts: weights files that trainings start from.

    Raises:
        SplitError: if patients or images stand in several parts of a split, or networks that
            trainings start from have seen test patients, and that is not allowed.
    """
    found = serious_for_run(dataset, splits)
    seen = [*seen_before(dataset, splits, starts)]
    leaks = [f"{one.sentence} {one.advice}" for one in found if one.check in LEAKS] + seen
    if leaks and not allow_leakage:
        way_out = (
            "If you want it so, to repeat the paper for instance, give --allow-leakage; the "
            "report will say it."
        )
        raise SplitError(
            [f"{leak} {way_out}" for leak in leaks],
            "test scores of this study would say little about new patients",
        )
    return (*(f"{one.sentence} {one.advice}" for one in found), *seen)


def seen_before(
    dataset: Dataset, splits: Mapping[str, Split], starts: Iterable[Path]
) -> Iterator[str]:
    """A sentence for each network to start from that has seen a split's test patients.

    Known where the weights lie in their run's folder, and that run is of the same dataset.
    """
    owner = dict(zip(dataset.slices["slice"], dataset.slices["patient"], strict=True))
    tested = [{owner[key] for key in split.test} for split in splits.values()]
    for weights in starts:
        known = {owner[key] for key in _seen_by(weights, dataset) if key in owner}
        most = max((len(known & patients) for patients in tested), default=0)
        if most:
            yield (
                f"init_from: the network to start from has learned from {most} of the patients "
                "that this study tests, or was chosen by them. Give this study the split of "
                "that network (split.file), or start from a network of other patients."
            )


def _seen_by(weights: Path, dataset: Dataset) -> tuple[str, ...]:
    """The slices that a network was trained and validated on; none if that is not known."""
    run = RunFolder(weights.parent)
    if not run.settings.is_file():
        return ()
    settings = run.read_settings()
    if settings.pixel_hash != dataset.manifest.pixel_hash:
        return ()
    for path in StudyFolder(run.path.parent.parent).splits():
        split = read_split(path)
        if split.hash == settings.split_hash:
            return (*split.training, *split.validation)
    return ()
