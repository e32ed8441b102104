"""How long a conclusion takes: 200 runs x 700 slices x 3 regions, on one core.

    python benchmarks/conclude.py

Makes a study folder of synthetic counts (no training, no images), then times `read_results` and
`conclude` on one core, as `myosweep conclude` does both.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from myosweep.analysis.conclude import conclude
from myosweep.config import StudyConfig, settings_from_paths, write_study_config
from myosweep.distances import SQUARED_DISTANCES_PX
from myosweep.files import write_json
from myosweep.report.conclusion_text import conclusion_blocks
from myosweep.results.layout import StudyFolder
from myosweep.results.read import read_results
from myosweep.results.rows import RunSettingsFile, RunStatus, count_rows
from myosweep.results.write import write_scores

REGIONS = ("background", "blood pool", "myocardium")
PIXELS = np.array([14000, 1000, 1000])


def slices_table(slices: int) -> pd.DataFrame:
    """Seven slices a patient, as in EMIDEC."""
    numbers = np.arange(slices)
    patients = [f"P{number // 7:04d}" for number in numbers]
    keys = [f"{p}_{n % 7:03d}" for p, n in zip(patients, numbers, strict=True)]
    table = pd.DataFrame({"slice": keys})
    table["patient"] = patients
    table["level"] = np.choose(numbers % 7 // 3, ["base", "middle", "apex"])
    for column in ("site", "vendor"):
        table[column] = None
    return table.assign(spacing_mm=1.4, slice_spacing_mm=10.0)


def run_counts(slices: pd.DataFrame, quality: float, rng: np.random.Generator) -> pd.DataFrame:
    """Counts of one network that gets about ``quality`` of each region right."""
    size = (len(slices), len(REGIONS))
    share = np.clip(
        quality + rng.normal(0, 0.08, (len(slices), 1)) + rng.normal(0, 0.02, size), 0, 1
    )
    tp = (PIXELS * share).astype(int)
    boundary = np.full(size, 120)
    counts = {"tp": tp, "fp": PIXELS - tp, "fn": PIXELS - tp, "tn": 16384 - PIXELS - (PIXELS - tp)}
    counts |= {"reference_boundary": boundary, "prediction_boundary": boundary}
    for side in ("reference", "prediction"):
        for squared in SQUARED_DISTANCES_PX:
            counts[f"{side}_hits_{squared}"] = (boundary * share).astype(int)
    flat = {name: values.reshape(-1) for name, values in counts.items()}
    return count_rows("test", slices, REGIONS, np.full(share.size, 110.0), flat)


def make_study(folder: Path, values: int, networks: int, slices: int) -> None:
    """Write the runs of a study whose networks differ by value, seed and slice."""
    home = StudyFolder(folder)
    strengths = [0.0, *np.geomspace(1e-6, 1e-2, values - 1).round(9).tolist()]
    study = StudyConfig.model_validate(
        {
            "name": "many",
            "dataset": "data",
            "sweep": {"l2.strength": strengths},
            "replicates": {"seeds": networks},
            "question": {"reference": strengths[1]},
            "scoring": {"tolerance_px": 1.36},
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    write_study_config(study, home.study)
    table = slices_table(slices)
    rng = np.random.default_rng(0)
    for number, strength in enumerate(strengths):
        for seed in range(networks):
            run = home.run(f"run-{number:03d}-{seed:03d}")
            run.path.mkdir(parents=True)
            facts = RunSettingsFile(
                kind="trained",
                label=f"l2.strength {strength:g}, seed {seed}",
                point={"l2.strength": strength},
                seed=seed,
                settings=settings_from_paths({"l2.strength": strength}),
                pixel_hash="pixels",
                split_hash="split",
                regions={name: (code,) for code, name in enumerate(REGIONS)},
                ignored=(),
            )
            write_json(run.settings, facts.model_dump(mode="json"))
            counts = run_counts(table, 0.85 - 0.01 * number + rng.normal(0, 0.01), rng)
            write_scores(run, counts, [], np.empty((0, 128, 128), np.uint8))
            status = RunStatus(status="complete", epochs_done=30, validation_accuracy=0.9)
            write_json(run.status, status.model_dump(mode="json"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--values", type=int, default=20)
    parser.add_argument("--networks", type=int, default=10)
    parser.add_argument("--slices", type=int, default=700)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "study"
        make_study(folder, options.values, options.networks, options.slices)
        started_at = time.process_time()
        results = read_results(folder)
        read_at = time.process_time()
        found = conclude(results)
        concluded_at = time.process_time()
        blocks = conclusion_blocks(found, results)
        done_at = time.process_time()
    runs = options.values * options.networks
    print(f"{runs} runs x {options.slices} slices x {len(REGIONS)} regions, processor time:")
    print(f"  reading the tables  {read_at - started_at:6.2f} s")
    print(f"  concluding          {concluded_at - read_at:6.2f} s")
    print(f"  putting into words  {done_at - concluded_at:6.2f} s ({len(blocks)} blocks)")
    print(f"  in all              {done_at - started_at:6.2f} s")


if __name__ == "__main__":
    main()
