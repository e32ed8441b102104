"""The splits of a study's networks: those that its folder has, or new ones."""

from pathlib import Path

from myosweep.config import StudyConfig
from myosweep.data.split import Split, check_split, make_folds, make_split, read_split
from myosweep.data.store import Dataset
from myosweep.errors import StudyError
from myosweep.results.layout import StudyFolder
from myosweep.study.places import existing


def open_splits(
    folder: StudyFolder, config: StudyConfig, base: Path, dataset: Dataset
) -> dict[str, Split]:
    """The splits of the study's networks by name; those that the folder has must be the same."""
    replicates = config.replicates
    if replicates.design == "seeds":
        return {"split": _open_split(folder, config, base, dataset)}
    wanted = {
        f"repeat-{repeat}-fold-{fold}": split
        for repeat in range(1, replicates.repeats + 1)
        for fold, split in enumerate(
            make_folds(dataset, replicates.folds, repeat, replicates.validation, config.split.seed),
            start=1,
        )
    }
    for name, split in wanted.items():
        file = folder.split(name)
        if file.exists() and read_split(file).hash != split.hash:
            raise StudyError(
                f"the study's folder has another split {name} than this dataset and study give; "
                "give another --out"
            )
    return wanted


def _open_split(folder: StudyFolder, config: StudyConfig, base: Path, dataset: Dataset) -> Split:
    """The folder's split; the first time, the one that the study names or describes."""
    file = config.split.file and existing(config.split.file, base)
    if folder.split().exists():
        split = read_split(folder.split())
        if file and file.exists() and read_split(file).hash != split.hash:
            raise StudyError(
                f"split file {file.name!r} is not the one that the study's folder was made with; "
                "give another --out"
            )
    elif file:
        split = read_split(file)
    else:
        return make_split(dataset, config.split)
    check_split(split, dataset)
    return split
