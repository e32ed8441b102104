"""How time and memory grow with the number of runs, and of slices, right of the training.

    python benchmarks/scale.py [--runs 10 100 1000] [--slices 500 5000 50000] [--json]

Makes finished studies without training (`synthetic_study.py`: repeated phantoms, moved masks) and
does what comes after training, every step in a process of its own: reading the results, the
conclusion, the whole `myosweep report`, a look at the study's state; for slices also opening a
dataset, checking its pixels, dividing it, and scoring a network. Prints seconds (of the clock, and
of the processor), peak memory (mapped files included), and the growth: by
how much the cost rises when the work becomes 10 times as much. Linear cost rises by 10 at most.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import psutil

from common import machine_facts, positive, print_machine, run_watched
from synthetic_study import DISTINCT, STRENGTHS, make_dataset, make_study, predictions

PACKAGES = ("myosweep", "numpy", "pandas", "pyarrow", "matplotlib")
VALUES_OF_SLICES, NETWORKS_OF_SLICES = 3, 2


@dataclass(frozen=True)
class Cost:
    """What a step cost: its own seconds, those of its process, and the process's peak memory."""

    step: str
    size: int
    seconds: float
    process_seconds: float
    cpu_seconds: float
    peak_mb: float


def read(folder: Path) -> None:
    """Read the results tables."""
    from myosweep.results.read import read_results

    read_results(folder)


def conclude(folder: Path) -> None:
    """Read the results tables and conclude."""
    from myosweep.analysis.conclude import conclude
    from myosweep.results.read import read_results

    conclude(read_results(folder))


def report(folder: Path) -> None:
    """All that `myosweep report` does."""
    from myosweep.report.page import write_report

    write_report(folder)


def look(folder: Path) -> None:
    """One look at how far a study is, as `myosweep status` does."""
    from myosweep.study.state import study_state

    study_state(folder)


def open_and_check(folder: Path) -> None:
    """Open a dataset and compare its pixels with its hash."""
    from myosweep.data.store import open_dataset

    open_dataset(folder / "../data").check_pixels()


def split(folder: Path) -> None:
    """Open a dataset and divide it by patient."""
    from myosweep.data.split import make_split
    from myosweep.data.store import open_dataset

    make_split(open_dataset(folder / "../data"))


def score(folder: Path) -> None:
    """Count what one network got right on every slice, and write counts and masks."""
    from myosweep.data.phantom import REGIONS
    from myosweep.data.split import read_split
    from myosweep.data.store import open_dataset
    from myosweep.results.layout import StudyFolder
    from myosweep.training.score import write_run_scores

    dataset, study = open_dataset(folder / "../data"), StudyFolder(folder)
    split = read_split(study.split())
    maps = predictions(dataset, split, 2, np.random.default_rng(0))
    write_run_scores(study.run("scored-again"), dataset, split.all_rows(dataset), REGIONS, maps)


STEPS: dict[str, Callable[[Path], None]] = {
    "read": read,
    "conclude": conclude,
    "report": report,
    "status": look,
    "open and check": open_and_check,
    "split": split,
    "score a network": score,
}
OF_RUNS = ("read", "conclude", "report", "status")
OF_SLICES = ("open and check", "split", "score a network", "read", "conclude", "report")


def main() -> None:
    given = parse_arguments()
    if given.step:
        perform(given.step, given.study, given.tell)
        return
    facts = machine_facts(PACKAGES) | {"distinct_phantoms": DISTINCT}
    print_machine(facts, psutil.cpu_count() or 1)
    print(
        f"{DISTINCT} phantoms of 128 x 128, repeated with other noise; masks are moved references"
    )
    costs: dict[str, list[Cost]] = {"runs": [], "slices": []}
    for size in given.runs:
        networks = math.ceil(size / len(STRENGTHS))
        steps = [step for step in OF_RUNS if step in given.steps]
        costs["runs"] += measured(steps, given.slices_of_runs, len(STRENGTHS), networks)
    print_table(f"runs x {given.slices_of_runs} slices", costs["runs"])
    for size in given.slices:
        steps = [step for step in OF_SLICES if step in given.steps]
        costs["slices"] += measured(
            steps, size, VALUES_OF_SLICES, NETWORKS_OF_SLICES, of_slices=True
        )
    print_table(f"slices, {VALUES_OF_SLICES * NETWORKS_OF_SLICES} runs", costs["slices"])
    if given.json:
        table = {axis: [asdict(one) for one in found] for axis, found in costs.items()}
        print(json.dumps(facts | table))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=positive, nargs="*", default=[10, 100, 1000])
    parser.add_argument("--slices", type=positive, nargs="*", default=[500, 5000, 50_000])
    parser.add_argument("--steps", nargs="+", choices=list(STEPS), default=list(STEPS))
    parser.add_argument("--slices-of-runs", type=positive, default=140, help="of each run")
    parser.add_argument("--json", action="store_true", help="add all figures as a line of JSON")
    parser.add_argument("--step", choices=list(STEPS), help=argparse.SUPPRESS)
    parser.add_argument("--study", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--tell", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


def measured(
    steps: Sequence[str], slices: int, values: int, networks: int, *, of_slices: bool = False
) -> list[Cost]:
    """Make a study, and do each step on it in a process of its own."""
    size = slices if of_slices else values * networks
    with TemporaryDirectory(ignore_cleanup_errors=True) as place:
        study = Path(place) / "study"
        make_study(study, make_dataset(Path(place) / "data", slices), values, networks)
        costs = [cost(step, study, size) for step in steps]
        print(f"  {size} {'slices' if of_slices else 'runs'}: {megabytes(study):.0f} MB on disk")
    return costs


def cost(step: str, study: Path, size: int) -> Cost:
    """Do a step in a process of its own, and watch its memory from here."""
    told = study.parent / "took.json"
    command = [sys.executable, __file__, "--step", step, "--study", str(study), "--tell", str(told)]
    process_seconds, peak_mb = run_watched(command)
    took = json.loads(told.read_text("utf-8"))
    return Cost(step, size, took["seconds"], process_seconds, took["cpu_seconds"], peak_mb)


def perform(step: str, study: Path, told: Path) -> None:
    """Do a step here and tell what it took; imports count for the processor alone."""
    started_at = time.perf_counter()
    STEPS[step](study)
    took = {"seconds": time.perf_counter() - started_at, "cpu_seconds": time.process_time()}
    told.write_text(json.dumps(took), "utf-8")


def megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def growth(small: float, large: float, times: float) -> float:
    """By how much a cost rises per factor of 10.

    >>> growth(1.0, 100.0, 100.0)
    10.0
    """
    return (large / small) ** (1 / math.log10(times))


def print_table(title: str, costs: Sequence[Cost]) -> None:
    """Each step's costs, and how they grow from one size to the next."""
    if not costs:
        return
    print(f"{title}\n  {'step':16} {'size':>7} {'s':>8} {'process s':>10} {'CPU s':>8} {'MB':>6}")
    for step in dict.fromkeys(one.step for one in costs):
        before = None
        for one in (one for one in costs if one.step == step):
            line = f"  {step:16} {one.size:7d} {one.seconds:8.2f} {one.process_seconds:10.2f}"
            line += f" {one.cpu_seconds:8.2f} {one.peak_mb:6.0f}"
            if before is not None:
                times = one.size / before.size
                names = ("seconds", "cpu_seconds", "peak_mb")
                rises = [growth(getattr(before, n), getattr(one, n), times) for n in names]
                line += "   per 10 times as many: s x {:.1f}, CPU x {:.1f}, MB x {:.1f}".format(
                    *rises
                )
            print(line, flush=True)
            before = one


if __name__ == "__main__":
    main()
