"""All benchmarks of speed and memory, one after the other (`make bench`), with the time of each.

    python benchmarks/everything.py [--data ../shared/data/emidec] [--only training peak]

Each is a process of its own. What they print is also written to benchmarks/output/, one file each;
git ignores it. RESULTS.md is written by hand from these figures, on an idle machine.
"""

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from common import IDLE_LOAD, load_average

HERE = Path(__file__).parent
OUTPUT = HERE / "output"


@dataclass(frozen=True)
class Section:
    """A benchmark, what it tells, and its arguments (``--data`` is added where it takes it)."""

    name: str
    title: str
    arguments: tuple[str, ...] = ()
    takes_data: bool = False

    def command(self, data: Path | None) -> list[str]:
        where = ["--data", str(data)] if self.takes_data and data else []
        return [sys.executable, "-u", str(HERE / f"{self.name}.py"), *self.arguments, *where]


SIZES = ("--first-filters", "16", "32", "64", "--json")
SECTIONS = (
    Section("training", "Training: images per second", SIZES, takes_data=True),
    Section("peak", "Training: share of the matrix-multiply peak", SIZES, takes_data=True),
    Section("memory", "Memory: training, scoring, import"),
    Section("boundary", "Boundary scores", takes_data=True),
    Section("import_png", "Import", ("--slices", "1000", "10000")),
    Section("predict", "Prediction", ("--slices", "1000")),
    Section("startup", "Command line: time to answer"),
    Section("serve", "Server: how long viewers wait for a slice"),
    Section("scale", "Time and memory, as runs and slices grow"),
)


def main() -> None:
    given = parse_arguments()
    load = load_average()
    if load and load > IDLE_LOAD:
        print(f"The load average is {load:.1f}: this machine is not idle, figures will be rough.")
    if given.data and not (given.data / "images").is_dir():
        print(f"There is no folder {given.data / 'images'}: phantoms instead.")
        given.data = None
    given.output.mkdir(parents=True, exist_ok=True)
    started_at = time.perf_counter()
    chosen = [section for section in SECTIONS if not given.only or section.name in given.only]
    failed = [section.name for section in chosen if not perform(section, given)]
    print(f"\ntotal: {minutes(time.perf_counter() - started_at)}; output in {given.output}")
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, help="EMIDEC folder with images/ and masks/")
    parser.add_argument("--only", nargs="+", choices=[section.name for section in SECTIONS])
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder for the raw output")
    return parser.parse_args()


def perform(section: Section, given: argparse.Namespace) -> bool:
    """Run one benchmark, show and keep what it prints, and say whether it worked."""
    print(f"\n{'=' * 8} {section.title} ({section.name}.py)", flush=True)
    started_at = time.perf_counter()
    kept_at, errors_at = (given.output / f"{section.name}{end}" for end in (".txt", ".errors.txt"))
    with kept_at.open("w", encoding="utf-8") as kept, errors_at.open("w+") as errors:
        command = section.command(given.data)
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, encoding="utf-8"
        ) as process:
            for line in process.stdout:
                kept.write(line)
                if not line.startswith("{"):
                    print(line, end="", flush=True)
        if process.returncode:
            errors.seek(0)
            print(f"FAILED:\n{errors.read()[-4000:]}")
    print(f"-------- {minutes(time.perf_counter() - started_at)}", flush=True)
    return process.returncode == 0


def minutes(seconds: float) -> str:
    """

    >>> minutes(125)
    '2 min 5 s'
    """
    whole, rest = divmod(round(seconds), 60)
    return f"{whole} min {rest} s" if whole else f"{rest} s"


if __name__ == "__main__":
    main()
