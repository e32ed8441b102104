"""Peak resident memory of what takes most: a run of the paper's network, scoring, an import.

    python benchmarks/memory.py [--first-filters 64]

Each in a process of its own, whose peak is the system's own count where it keeps one, libraries and
mapped files included. A run is a whole one on phantoms of 128 x 128: two epochs in mini-batches of
4, validation, checkpoints, scores, weights. Scoring predicts and counts 280 slices with the same
network. The target is for the run.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import import_png
from common import machine_facts, positive, print_machine, run_watched

TARGET_MB = 2500
PRESETS = ("paper", "default")
PRESETS_AND_PRECISIONS = (
    ("paper", "float32"),
    ("paper", "bfloat16"),
    ("default", "float32"),
    ("default", "bfloat16"),
)


def main() -> None:
    given = parse_arguments()
    if given.task:
        perform(given)
        return
    facts = machine_facts(("torch", "numpy", "pandas", "pyarrow", "myosweep"))
    print_machine(facts, given.threads)
    print(f"{'':48} {'peak MB':>8} {'seconds':>8}")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        place = Path(name)
        kinds = [one for one in PRESETS_AND_PRECISIONS if one[0] in given.presets]
        runs = [row(given, place, "run", *names) for names in kinds]
        row(given, place, "score", "default", "float32")
        source = import_png.write_slices(place / "source", given.imported)
        import_png.link(source, place / "png", given.imported)
        seconds, peak = import_png.timed_import(place / "png")
        print(f"{f'import of {given.imported} PNG of 256 x 256':48} {peak:8.0f} {seconds:8.1f}")
    largest = max(runs)
    verdict = "under" if largest < TARGET_MB else "OVER"
    print(f"largest run: {largest:.0f} MB, {verdict} the target of {TARGET_MB} MB")


def parse_arguments() -> argparse.Namespace:
    from myosweep.training.device import processor_count

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--first-filters", type=positive, default=64)
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=PRESETS)
    parser.add_argument("--patients", type=positive, default=5, help="phantoms of the run")
    parser.add_argument("--scored", type=positive, default=40, help="phantoms that are scored")
    parser.add_argument("--imported", type=positive, default=1000, help="slices to import")
    parser.add_argument("--threads", type=positive, default=processor_count())
    parser.add_argument("--task", nargs=4, help=argparse.SUPPRESS)
    return parser.parse_args()


def row(given: argparse.Namespace, place: Path, task: str, preset: str, precision: str) -> float:
    """Measure one task in a process of its own, print it and give its peak in megabytes."""
    command = [sys.executable, __file__, "--task", task, preset, precision, str(place)]
    sizes = ("first_filters", "patients", "scored", "threads")
    for size in sizes:
        command += [f"--{size.replace('_', '-')}", str(getattr(given, size))]
    seconds, peak = run_watched(command)
    words = {
        "run": f"run, {given.first_filters} first filters, preset {preset}, {precision}",
        "score": f"scoring with {given.first_filters} first filters, {precision}",
    }
    print(f"{words[task]:48} {peak:8.0f} {seconds:8.1f}", flush=True)
    return peak


def perform(given: argparse.Namespace) -> None:
    """The task itself, in the process that is measured."""
    from myosweep import make_phantom
    from myosweep.config import PRESETS, Replicate, settings_from_paths
    from myosweep.data.split import make_split
    from myosweep.results.layout import StudyFolder
    from myosweep.training.device import Computer
    from myosweep.training.plan import RunPlan
    from myosweep.training.run import perform_run

    task, preset, precision, place = given.task
    folder = Path(place) / f"{task}-{preset}-{precision}"
    patients = given.patients if task == "run" else given.scored
    dataset = make_phantom(folder / "data", patients=patients, size=128)
    chosen = {"first_filters": given.first_filters, "precision": precision, "epochs": 2}
    settings = settings_from_paths({**PRESETS[preset], **chosen})
    plan = RunPlan({}, settings, Replicate(0), dataset, make_split(dataset), dataset.scheme)
    computer = Computer("cpu", precision, given.threads)
    study = StudyFolder(folder / "study")
    if task == "run":
        perform_run(plan, study, computer)
    else:
        score(plan, study, computer)


def score(plan, study, computer) -> None:
    from myosweep.training.fit import predict_regions
    from myosweep.training.plan import build_network, describe_run
    from myosweep.training.score import write_run_scores

    network = build_network(plan, computer)
    folder = study.run(plan.id)
    describe_run(plan, folder)
    with computer.active():
        maps = {
            part: predict_regions(network, samples, computer)
            for part, samples in plan.samples().items()
        }
        write_run_scores(folder, plan.dataset, plan.split.all_rows(plan.dataset), plan.scheme, maps)


if __name__ == "__main__":
    main()
