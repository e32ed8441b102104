"""The dataset that a study was done with."""

from pathlib import Path

from myosweep.data.store import Dataset, open_dataset
from myosweep.errors import DatasetError
from myosweep.results.read import Results


def study_dataset(results: Results, dataset: Path | str | None = None) -> Dataset:
    """Open the dataset of a study that has a finished network.

    Args:
        dataset: another place of the dataset than ``study.toml`` says.

    Raises:
        DatasetError: if the dataset is not there or is another one.
    """
    opened = open_dataset(_place(results) if dataset is None else dataset)
    expected = results.folder.run(results.networks["run"].iloc[0]).read_settings().pixel_hash
    if opened.manifest.pixel_hash != expected:
        raise DatasetError(
            f"dataset {opened.folder.name!r} has other pixels than the one that this study was "
            "done with; give the right one with --dataset"
        )
    return opened


def _place(results: Results) -> Path:
    """Where the study says its dataset is: from the study's folder, or else from here."""
    beside = results.folder.path / results.study.dataset
    return beside if beside.exists() else Path(results.study.dataset)
