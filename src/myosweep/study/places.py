"""Where a study, its folder and its dataset lie."""

import os
from pathlib import Path

from myosweep.config import StudyConfig, read_study_config
from myosweep.errors import StudyError
from myosweep.results.layout import StudyFolder


def read_source(source: Path | str | StudyConfig) -> tuple[StudyConfig, Path]:
    """A study's record, and the folder that its relative dataset path may start from."""
    if isinstance(source, StudyConfig):
        return source, Path()
    path = Path(source)
    if not path.is_dir():
        return read_study_config(path), path.parent
    config = read_study_config(StudyFolder(path).require().study)
    return config.model_copy(update={"dataset": str(path / config.dataset)}), path


def default_folder(source: Path | str | StudyConfig, config: StudyConfig) -> Path:
    if not isinstance(source, StudyConfig) and Path(source).is_dir():
        return Path(source)
    return Path("results") / config.name


def existing(text: str, base: Path) -> Path:
    """A relative path starts in the working folder, or else where the study file lies."""
    here, beside = Path(text), base / text
    return beside if beside.exists() and not here.exists() else here


def relative_path(path: Path, start: Path) -> str:
    try:
        return Path(os.path.relpath(path, start)).as_posix()
    except ValueError:  # another drive on Windows
        return path.resolve().as_posix()


def refuse_foreign(folder: Path) -> None:
    """Raise a ``StudyError`` if a new study would be mixed with something else."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    foreign = sorted(name for name in names - _OURS if not name.startswith("."))
    if foreign or folder.is_file():
        what = f"holds {foreign[0]!r}" if foreign else "is a file"
        raise StudyError(f"{folder.name!r} is no study folder (it {what}); give another --out")


_OURS = {
    "dataset",
    "initial",
    "runs",
    "figures",
    "split.json",
    "splits",
    "report.html",
    "study.toml",
}
_OURS |= {"looks.jsonl", "conclusion.json", "trials.log", "tuning.json"}
