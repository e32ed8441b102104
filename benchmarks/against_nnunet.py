"""Accuracy at equal time: a finished study against nnU-Net v2 (2D) on its patients and split.

    python benchmarks/against_nnunet.py STUDY --out FOLDER [--minutes M] [--threads 2]

The study has one value, and one split for all seeds. For each of its seeds nnU-Net plans and trains
as it does by default, with its learning rate falling to 0 when the time is up: as many processor
seconds as the study's own runs took on average, scoring included, unless --minutes is given. It
learns from the training part alone; test patients take no part in its planning. Then it predicts
the test patients (with mirroring, its default), the masks are scored as ours are, and the patients'
scores stand beside the study's in one table, which `myosweep verdict` judges. What is there is not
done again. Times are the clock's: nothing else may run.
"""

import argparse
import csv
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import nibabel
import numpy as np
from PIL import Image

import nnunet
from common import machine_facts, positive, print_machine, refusals
from myosweep.analysis.patient_scores import patient_counts, score_table, strict_metric
from myosweep.config import Question
from myosweep.data.export.nifti import region_numbers
from myosweep.data.split import write_split
from myosweep.errors import StudyError
from myosweep.results.read import Results, read_results
from myosweep.study.open import Study, open_study
from myosweep.study.score import score_masks
from myosweep.training.plan import RunPlan
from recorded import margins

OURS, THEIRS = "myosweep", "nnU-Net"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("study", type=Path, help="a finished study of one value")
    parser.add_argument("--out", type=Path, required=True, help="folder for nnU-Net's part")
    parser.add_argument("--minutes", type=float, help="default: as long as the study's own runs")
    parser.add_argument("--threads", type=positive, default=2)
    given = parser.parse_args()
    if why := nnunet.missing():
        raise SystemExit(why)
    study, ours = open_study(given.study), read_results(given.study)
    check(study, ours)
    seconds = 60 * given.minutes if given.minutes else equal_time(ours, given.threads)
    print_machine(machine_facts(("torch", "numpy", "myosweep")), given.threads)
    compete(study, given.out, seconds, given.threads)
    judge(ours, score(study, given.out), given.out / "scores.csv")


def check(study: Study, ours: Results) -> None:
    """Refuse what has no single split, time and training part to give to nnU-Net."""
    config = study.config
    problems = []
    if config.fields or config.source != "training":
        problems.append("the study trains several values, or none; give one without [sweep]")
    if config.replicates.design != "seeds":
        problems.append("the study has folds; give one with seeds, which share one split")
    if study.scheme != study.dataset.scheme:
        problems.append("the study has regions of its own, and nnU-Net learns the dataset's")
    if config.default.data.fraction < 1:
        problems.append("data.fraction is below 1, and nnU-Net would learn from all patients")
    if len(ours.networks) < len(config.replicates.members):
        problems.append("the study is not finished; see `myosweep status`")
    if ours.networks["threads"].nunique() > 1:
        problems.append("its networks had different numbers of threads; train them with the same")
    if problems:
        raise StudyError(problems, "the study cannot be compared")


def equal_time(ours: Results, threads: int) -> float:
    """Seconds with so many threads that cost as much as a run of ours, on average."""
    return float((ours.networks["seconds"] * ours.networks["threads"]).mean()) / threads


def compete(study: Study, out: Path, seconds: float, threads: int) -> None:
    """Train nnU-Net with each of the study's seeds; what it did is printed."""
    plan = study.plans()[0]
    print(f"nnU-Net trains for {seconds / 60:.1f} minutes with each seed.", flush=True)
    nnunet.prepare_timed(plan, out / "work")
    for member in study.config.replicates.members:
        done = nnunet.train_and_predict(out / "work", seconds, member.seed, threads)
        print(
            f"seed {member.seed}: {done['steps']} steps of {done['batch_size']} images, "
            f"{done['processor_seconds'] / 60:.1f} processor minutes",
            flush=True,
        )


def score(study: Study, out: Path) -> Results:
    """nnU-Net's masks of every seed, scored on the study's split; made anew each time."""
    plan, scored, masks = study.plans()[0], out / "scored", out / "masks"
    shutil.rmtree(scored, ignore_errors=True)
    write_split(plan.split, out / "split.json")
    numbers, _ = region_numbers(plan.dataset.scheme)
    regions = [f"{name}={number}" for name, number in numbers.items() if name != "ignore"]
    for member in study.config.replicates.members:
        shutil.rmtree(masks, ignore_errors=True)
        write_masks(out / "work" / f"predicted-{member.seed}", masks, plan)
        score_masks(
            masks, plan.dataset.folder, scored, value="0", seed=member.seed,
            split=out / "split.json", regions=regions,
        )  # fmt: skip
    return read_results(scored)


def write_masks(predicted: Path, masks: Path, plan: RunPlan) -> None:
    """A picture per slice, named by its key, of every predicted volume."""
    masks.mkdir()
    slices = plan.dataset.slices
    for volume in sorted(predicted.glob("*.nii.gz")):
        rows = np.flatnonzero(slices["patient"] == volume.name.removesuffix(".nii.gz"))
        stack = np.asarray(nibabel.load(volume).dataobj).transpose(2, 1, 0).astype(np.uint8)
        for row, mask in zip(rows, stack, strict=True):
            Image.fromarray(mask).save(masks / f"{slices['slice'].iloc[row]}.png")


def judge(ours: Results, theirs: Results, path: Path) -> None:
    """Every patient's scores in one table, and what `myosweep verdict` says to it."""
    question = ours.study.question
    rows = [*scores(ours, question, OURS), *scores(theirs, question, THEIRS)]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("method", "seed", "patient", question.metric), *rows])
    margin = question.margin or margins(ours)[1]
    command = (
        "verdict", str(path), "--value", "method", "--score", question.metric, "--seed", "seed",
        "--patient", "patient", "--reference", THEIRS, "--margin", f"{margin:.3g}",
    )  # fmt: skip
    print(f"$ myosweep {' '.join(command)}", flush=True)
    subprocess.run([sys.executable, "-m", "myosweep", *command], check=True)


def scores(
    results: Results, question: Question, method: str
) -> Iterator[tuple[str, str, str, float]]:
    """(method, seed, patient, score) of the question's region, on test patients."""
    counts = patient_counts(results)
    table = score_table(results, counts, question.region, strict_metric(question.metric))
    for _, n, p in np.argwhere(np.isfinite(table.scores)):
        yield method, table.networks[n], table.patients[p], float(table.scores[0, n, p])


if __name__ == "__main__":
    with refusals():
        main()
