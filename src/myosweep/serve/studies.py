"""The studies that the server shows: those of one folder, by name, and nothing else of the disk."""

from dataclasses import dataclass
from pathlib import Path

from fastapi import HTTPException

from myosweep.errors import StudyError
from myosweep.results.layout import StudyFolder


@dataclass(frozen=True)
class Studies:
    """A study's folder, or a folder with studies directly in it.

    A name is looked up among the folders that are there, so no name leads anywhere else.
    """

    root: Path

    @classmethod
    def of(cls, root: Path) -> "Studies":
        """The studies of a folder.

        Raises:
            StudyError: if there is none.
        """
        studies = cls(root.resolve())
        if not studies.folders():
            raise StudyError(
                f"{root.name or root} has no study: give a study's folder, or one with studies in "
                "it (`myosweep run` makes results/NAME)"
            )
        return studies

    def folders(self) -> dict[str, Path]:
        """Names and folders, in order; looked for anew each time, since studies may be added."""
        if StudyFolder(self.root).study.is_file():
            return {self.root.name: self.root}
        try:
            inside = sorted(path for path in self.root.iterdir() if path.is_dir())
        except OSError:
            return {}
        return {path.name: path for path in inside if StudyFolder(path).study.is_file()}

    def names(self) -> tuple[str, ...]:
        return tuple(self.folders())

    def folder(self, name: str) -> Path:
        """The folder of a study.

        Raises:
            HTTPException: 404, if there is no study of this name.
        """
        found = self.folders().get(name)
        if found is None:
            raise HTTPException(404, "There is no study of this name here.")
        return found
