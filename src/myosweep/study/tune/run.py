"""`myosweep tune`: search, race and answer, by one or several processes of this machine."""

from pathlib import Path

from myosweep.analysis.tuning.found import Tuned, conclude_tuning
from myosweep.report.tuned.page import write_tuned_report
from myosweep.results.trials import read_trial_runs, read_tuning_state
from myosweep.study.baselines import write_baselines
from myosweep.study.execute import in_parallel
from myosweep.study.open import open_study
from myosweep.study.resources import Resources
from myosweep.study.tune.loop import work
from myosweep.study.tune.tuning import Tuning, open_tuning
from myosweep.training.claim import take_claim


def run_tuning(tuning: Tuning, resources: Resources, storage: str | None = None) -> Tuned:
    """Search until the budget of the search is spent, race, and look at the test patients once.

    The page of the search is written at the end.

    Any number of machines that share the study's folder may do this at the same time. Killed or
    stopped, it goes on where it was.

    Args:
        storage: URL of the database that holds the trials; default: a journal in the folder.

    Raises:
        StudyError: if the default, many trials in a row or runs of the race failed, or worker
            processes ended before their work.
    """
    study = tuning.study
    _forget_failures(tuning)
    write_baselines(study)
    if resources.jobs_at_once == 1:
        work(tuning, resources)
    else:
        places = (study.folder.path, study.dataset.folder)
        given = (*places, resources, tuning.budget, storage)
        ended = in_parallel(resources.jobs_at_once, _worker, given)
        state = read_tuning_state(study.folder)
        if state is None or not state.race_over:
            raise ended.error
    found = conclude_tuning(study.folder)
    write_tuned_report(study.folder.path, found)
    return found


def _worker(
    folder: Path, dataset: Path, resources: Resources, budget: str, storage: str | None
) -> None:
    """A worker process: it finds everything in the study's folder."""
    study = open_study(folder, dataset=dataset, write=False)
    work(open_tuning(study, budget, storage, resources.jobs_at_once), resources)


def _forget_failures(tuning: Tuning) -> None:
    """Let failed runs be tried again that the race needs, or that ended the search.

    The trial of one that ended it is not written down as failed; others are, and stay so.
    """
    is_open = [record.state.name == "RUNNING" for record in tuning.trials.all()]
    for one in read_trial_runs(tuning.study.folder, tuning.region):
        folder = tuning.study.folder.run(one.run)
        is_needed = one.seed > 0 or (one.trial < len(is_open) and is_open[one.trial])
        failed = one.status is not None and one.status.status == "failed"
        if is_needed and failed and (claim := take_claim(folder)):
            folder.status.unlink(missing_ok=True)
            claim.release()
