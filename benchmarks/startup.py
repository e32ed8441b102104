"""How long the command line takes to answer: median of several, side by side.

    python benchmarks/startup.py [--repeats 7]

Each command runs in turn with the others; `python -c pass` is what Python itself takes. Status and
summary are those of a finished study of 6 runs and 56 slices.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import machine_facts, positive, print_machine
from synthetic_study import make_dataset, make_study

TARGET_S = 0.5
NOTHING = "python -c pass"
HELP = "myosweep --help"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=positive, default=7)
    given = parser.parse_args()
    print_machine(machine_facts(("typer", "pandas", "pyarrow", "myosweep")), 1)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        dataset = make_dataset(Path(name) / "data", 56)
        study = make_study(Path(name) / "study", dataset, values=3, networks=2)
        seconds = measure(commands(str(study.path)), given.repeats)
    nothing = seconds[NOTHING]
    print(f"{'':28} {'seconds':>8}   more than Python itself")
    for words, taken in seconds.items():
        more = "" if words == NOTHING else f"   {taken - nothing:.2f}"
        print(f"{words:28} {taken:8.2f}{more}")
    verdict = "under" if seconds[HELP] < TARGET_S else "OVER"
    print(f"{HELP}: {verdict} the target of {TARGET_S} s")


def commands(study: str) -> dict[str, list[str]]:
    """What is timed, by the words under which it is printed."""
    python = [sys.executable, "-c"]
    tool = [*python, "import sys; from myosweep.cli import main; sys.exit(main())"]
    return {
        NOTHING: [*python, "pass"],
        "import myosweep": [*python, "import myosweep"],
        HELP: [*tool, "--help"],
        "myosweep status STUDY": [*tool, "status", study],
        "myosweep summary STUDY": [*tool, "summary", study],
    }


def measure(all_commands: dict[str, list[str]], repeats: int) -> dict[str, float]:
    """Median seconds of each, after one untimed round.

    Raises:
        SystemExit: if a command fails.
    """
    found: dict[str, list[float]] = {words: [] for words in all_commands}
    for _ in range(1 + repeats):
        for words, command in all_commands.items():
            started_at = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True)
            found[words].append(time.perf_counter() - started_at)
            if done.returncode:
                raise SystemExit(f"{words} failed:\n{done.stdout}{done.stderr}")
    return {words: statistics.median(taken[1:]) for words, taken in found.items()}


if __name__ == "__main__":
    main()
