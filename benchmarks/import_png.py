"""Import of PNG folders: slices per second and peak memory, as the number of slices grows.

    python benchmarks/import_png.py --slices 1000 10000 100000

Phantom slices of 256 x 256 pixels are written once; larger folders hold links to the same files, so
that every slice is opened, decoded, hashed and written, but the disk holds few. Each import runs in
a process of its own. Ratios: the rate of the largest to that of the smallest number of slices, and
the memory that each further slice takes.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from common import machine_facts, positive, print_machine, run_watched
from myosweep.data.phantom import phantom_patient
from myosweep.training.device import processor_count

SIDE = 256
DISTINCT = 200
PATTERN = r"(?P<patient>P\d+)_(?P<slice>\d+)"
IMPORT = """
import sys
from pathlib import Path
from myosweep.data.png import import_png
from myosweep.regions import named_scheme
folder = Path(sys.argv[1])
import_png(folder / "images", folder / "masks", folder / "dataset", patient=sys.argv[2],
           scheme=named_scheme("five"), crop=128, allow_duplicates=True)
"""


def write_slices(folder: Path, most: int) -> list[Path]:
    """Distinct phantom slices as 8-bit PNG, as many as are needed; gives the images' paths."""
    written: list[Path] = []
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    patient = 0
    while len(written) < min(DISTINCT, most):
        patient += 1
        for one in phantom_patient(0, patient, SIDE):
            name = f"{len(written):03d}.png"
            grey = (one.image.astype(float) * 255 / max(int(one.image.max()), 1)).astype(np.uint8)
            Image.fromarray(grey).save(folder / "images" / name)
            Image.fromarray(one.labels).save(folder / "masks" / name)
            written.append(folder / "images" / name)
    return written


def link(source: list[Path], folder: Path, slices: int) -> None:
    """A folder of ``slices`` pairs, eight to a patient, all links to ``source``."""
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for number in range(slices):
        name = f"P{number // 8:05d}_{number % 8}.png"
        original = source[number % len(source)]
        os.link(original, folder / "images" / name)
        os.link(original.parents[1] / "masks" / original.name, folder / "masks" / name)


def timed_import(folder: Path) -> tuple[float, float]:
    """Seconds and peak megabytes of one import in a process of its own."""
    return run_watched([sys.executable, "-c", IMPORT, str(folder), PATTERN])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--slices", type=positive, nargs="+", default=[1000, 10_000])
    wanted = parser.parse_args()
    facts = machine_facts(("numpy", "pillow", "myosweep"))
    print_machine(facts, processor_count())
    print(f"{'slices':>8} {'seconds':>8} {'slices/s':>9} {'peak MB':>8}")
    with tempfile.TemporaryDirectory() as place:
        source = write_slices(Path(place) / "source", max(wanted.slices))
        measured = []
        for slices in sorted(wanted.slices):
            folder = Path(place) / str(slices)
            link(source, folder, slices)
            seconds, megabytes = timed_import(folder)
            measured.append((slices, seconds, megabytes))
            rate = slices / seconds
            print(f"{slices:8d} {seconds:8.1f} {rate:9.0f} {megabytes:8.0f}", flush=True)
    (few, fast, small), (many, slow, large) = measured[0], measured[-1]
    if many > few:
        print(f"rate, {many} to {few} slices: {(many / slow) / (few / fast):.2f}")
        print(f"memory per further slice: {(large - small) / (many - few) * 1e3:.2f} kB")


if __name__ == "__main__":
    main()
