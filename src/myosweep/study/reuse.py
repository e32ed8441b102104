"""Runs that another study has done already: same id, same weights; copied instead of trained."""

from pathlib import Path

from myosweep.files import whole_file
from myosweep.results.layout import StudyFolder
from myosweep.study.open import Study
from myosweep.training.claim import take_claim
from myosweep.training.run import describe_run


def reuse_runs(study: Study, other: Path | str) -> int:
    """Copy every run that this study misses and another has whole; gives how many.

    The other study stays as it is. What a run is called in this study is written anew.

    Raises:
        StudyError: if the other folder is no study.
    """
    home, copied = StudyFolder(Path(other)).require(), 0
    for plan in study.missing():
        source, folder = home.run(plan.id), study.folder.run(plan.id)
        status = source.read_status()
        if status is None or not status.whole or (claim := take_claim(folder)) is None:
            continue
        try:
            describe_run(plan, folder)
            for path in folder.results:
                with whole_file(path) as draft:
                    draft.write_bytes((source.path / path.name).read_bytes())
            folder.checkpoint.unlink(missing_ok=True)
            copied += 1
        finally:
            claim.release()
    return copied
