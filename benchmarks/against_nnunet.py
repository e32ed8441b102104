"""Accuracy at equal time: a finished study against nnU-Net v2 (2D) on its patients and split.

    python benchmarks/against_nnunet.py STUDY --out FOLDER [--seeds 3] [--minutes M] [--threads 2]

For every seed nnU-Net plans and trains as it does by default, with its learning rate falling to 0
when the time is up: the mean time of the study's own runs, scoring included, unless --minutes is
given. It learns from the training part alone; test patients take no part in its planning. Then it
predicts the test patients (with mirroring, its default), the masks are scored as ours are, and the
patients' scores stand beside the study's in one table, which `myosweep verdict` judges. What is
there is not done again. Times are the clock's: nothing else may run.
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
from myosweep.data.store import Dataset
from myosweep.files import read_json, write_json
from myosweep.results.read import Results, read_results
from myosweep.study.open import open_study
from myosweep.study.score import score_masks
from myosweep.training.plan import RunPlan
from recorded import margins

THEIRS = "nnU-Net"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("study", type=Path, help="a finished study")
    parser.add_argument("--out", type=Path, required=True, help="folder for nnU-Net's part")
    parser.add_argument("--seeds", type=positive, default=3)
    parser.add_argument("--minutes", type=float, help="default: as long as the study's own runs")
    parser.add_argument("--threads", type=positive, default=2)
    given = parser.parse_args()
    if why := nnunet.missing():
        raise SystemExit(why)
    ours = read_results(given.study)
    plan = open_study(given.study).plans()[0]
    seconds = 60 * given.minutes if given.minutes else float(ours.networks["seconds"].mean())
    print_machine(machine_facts(("torch", "numpy", "myosweep")), given.threads)
    print(f"nnU-Net trains for {seconds / 60:.1f} minutes, {given.seeds} times.", flush=True)
    nnunet.prepare_timed(plan, given.out / "work")
    for seed in range(given.seeds):
        done = compete(plan, given.out, seconds, seed, given.threads)
        print(f"seed {seed}: {done['steps']} steps of {done['batch_size']} images", flush=True)
    judge(ours, read_results(given.out / "scored"), given.out / "scores.csv")


def compete(plan: RunPlan, out: Path, seconds: float, seed: int, threads: int) -> dict[str, object]:
    """One training of nnU-Net and its scores; gives what it did."""
    record = out / f"seed-{seed}.json"
    if record.exists():
        return read_json(record)
    done = nnunet.train_and_predict(out / "work", seconds, seed, threads)
    masks = out / f"masks-{seed}"
    shutil.rmtree(masks, ignore_errors=True)
    masks.mkdir()
    write_masks(out / "work" / f"predicted-{seed}", masks, plan.dataset)
    split = out / "split.json"
    write_split(plan.split, split)
    numbers, _ = region_numbers(plan.dataset.scheme)
    regions = [f"{name}={number}" for name, number in numbers.items() if name != "ignore"]
    score_masks(
        masks, plan.dataset.folder, out / "scored", value="0", seed=seed, split=split,
        regions=regions,
    )  # fmt: skip
    write_json(record, done)
    return done


def write_masks(predicted: Path, masks: Path, dataset: Dataset) -> None:
    """A picture per slice, named by its key, of every predicted volume."""
    for volume in sorted(predicted.glob("*.nii.gz")):
        patient = volume.name.removesuffix(".nii.gz")
        rows = np.flatnonzero(dataset.slices["patient"] == patient)
        stack = np.asarray(nibabel.load(volume).dataobj).transpose(2, 1, 0).astype(np.uint8)
        for row, mask in zip(rows, stack, strict=True):
            Image.fromarray(mask).save(masks / f"{dataset.slices['slice'].iloc[row]}.png")


def judge(ours: Results, theirs: Results, path: Path) -> None:
    """Every patient's scores in one table, and what `myosweep verdict` says to it."""
    question = ours.study.question
    rows = [*scores(ours, question), *scores(theirs, question, THEIRS)]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("method", "seed", "patient", question.metric), *rows])
    margin = question.margin or margins(ours)[1]
    command = (
        "verdict", str(path), "--value", "method", "--score", question.metric, "--seed", "seed",
        "--patient", "patient", "--reference", THEIRS, "--margin", f"{margin:.3f}",
    )  # fmt: skip
    print(f"$ myosweep {' '.join(command)}", flush=True)
    subprocess.run([sys.executable, "-m", "myosweep", *command], check=True)


def scores(
    results: Results, question: Question, name: str = ""
) -> Iterator[tuple[str, str, str, float]]:
    """(method, seed, patient, score) of the question's region, on test patients."""
    counts = patient_counts(results)
    table = score_table(results, counts, question.region, strict_metric(question.metric))
    for v, n, p in np.argwhere(np.isfinite(table.scores)):
        value = f" {table.values[v]}" if len(table.values) > 1 else ""
        method = name or f"myosweep{value}"
        yield method, table.networks[n], table.patients[p], float(table.scores[v, n, p])


if __name__ == "__main__":
    with refusals():
        main()
