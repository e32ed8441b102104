"""What the benchmarks share: facts about the machine, slices, taking turns, memory, refusals."""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from myosweep import RegionScheme, import_png, make_phantom
from myosweep.data.store import Dataset
from myosweep.errors import MyosweepError

EMIDEC_SCHEME = RegionScheme.parse(["background=0", "blood pool=1", "myocardium=2,3,4"])
EMIDEC_NAMES = r"(?P<patient>Case_[NP]\d+)_slice(?P<slice>\d+)"
SIZE_PX = 128
IDLE_LOAD = 0.5
"""A load average above this is not an idle machine."""
_SETTLE_S = 0.5
_LOOK_EVERY_S = 0.02

Turn = Callable[[float], float]
"""Works for about so many seconds, at least one step, and gives what it did per second."""


@dataclass(frozen=True)
class Measurement:
    """What a contestant did per second, in each round."""

    name: str
    per_s: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.per_s)


@dataclass(frozen=True)
class Ratio:
    """How many times as fast one is as another, over the rounds."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, ours: Measurement, theirs: Measurement) -> "Ratio":
        """Each round's speed over the other's in the same round."""
        pairs = zip(ours.per_s, theirs.per_s, strict=True)
        ratios = [one / other for one, other in pairs]
        return cls(statistics.median(ratios), min(ratios), max(ratios))

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.lowest:.2f} to {self.highest:.2f})"


@contextmanager
def refusals() -> Iterator[None]:
    """Say what is wrong with what a user gave, without a traceback; exit code 2."""
    try:
        yield
    except MyosweepError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(2)


def take_turns(
    turns: Mapping[str, Turn], rounds: int, seconds: float, warm_up: float
) -> tuple[Measurement, ...]:
    """Time each contestant once per round, every second round in reverse order."""
    for turn in turns.values():
        turn(warm_up)
    speeds: dict[str, list[float]] = {name: [] for name in turns}
    for number in range(rounds):
        for name in list(turns)[:: -1 if number % 2 else 1]:
            time.sleep(_SETTLE_S)  # worker processes of the one before fill their queues and rest
            speeds[name].append(turns[name](seconds))
    return tuple(Measurement(name, tuple(found)) for name, found in speeds.items())


def turn_of(steps: Iterator[float]) -> Turn:
    """The turns of what goes on for ever, where each ``next`` gives the size of a step."""

    def per_second(seconds: float) -> float:
        started_at, done = time.perf_counter(), 0.0
        while True:
            done += next(steps)
            if (elapsed := time.perf_counter() - started_at) >= seconds:
                return done / elapsed

    return per_second


def open_slices(emidec: Path | None, phantoms: int, folder: Path) -> tuple[str, Dataset]:
    """EMIDEC's slices where they are, phantoms where not, and which; ``folder`` gets the dataset.

    Args:
        emidec: the folder with images/ and masks/.
        phantoms: patients to draw otherwise.
    """
    if emidec and (emidec / "images").is_dir():
        dataset = import_png(
            emidec / "images",
            emidec / "masks",
            folder / "emidec",
            patient=EMIDEC_NAMES,
            scheme=EMIDEC_SCHEME,
            crop=SIZE_PX,
        )
        return "EMIDEC", dataset
    why = f"there is no folder {emidec / 'images'}" if emidec else "no --data was given"
    print(f"Measured on PHANTOMS, not on EMIDEC: {why}.")
    return "phantoms", make_phantom(folder / "phantoms", patients=phantoms, size=SIZE_PX)


def machine_facts(packages: Iterable[str]) -> dict[str, object]:
    """What every figure depends on; call it first, as the load is that of the minute before."""
    return {"cpu": cpu_name(), "load_average": load_average(), "versions": versions(packages)}


def print_machine(facts: Mapping[str, object], threads: int) -> None:
    """Two lines on processor and versions, and a warning if the machine is not idle."""
    print(f"{facts['cpu']}, {threads} thread{'s' * (threads > 1)}")
    known: dict[str, str] = facts["versions"]  # type: ignore[assignment]
    print(", ".join(f"{name} {number}" for name, number in known.items()))
    load = facts["load_average"]
    if isinstance(load, float) and load > IDLE_LOAD:
        print(f"The load average was {load:.1f} at the start: not an idle machine, rough figures.")


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Versions of Python and of those packages that are installed."""
    found = {"Python": platform.python_version()}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def load_average() -> float | None:
    """Programs that wanted a core in the last minute; None where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def cpu_name() -> str:
    cpu_info = Path("/proc/cpuinfo")
    lines = cpu_info.read_text().splitlines() if cpu_info.exists() else []
    names = [line.split(": ")[1] for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def positive(text: str) -> int:
    """An argument that counts something."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def run_watched(command: list[str]) -> tuple[float, float]:
    """Seconds and peak resident megabytes of a process of its own, started for this.

    Raises:
        SystemExit: if it fails.
    """
    started_at = time.perf_counter()
    process = psutil.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, _peak_mb(process))
        time.sleep(_LOOK_EVERY_S)
    elapsed = time.perf_counter() - started_at
    _, errors = process.communicate()
    if process.returncode:
        raise SystemExit(f"{' '.join(command[-4:])} failed:\n{errors.decode()}")
    return elapsed, peak


def _peak_mb(process: psutil.Process) -> float:
    """The highest so far as the system keeps it (Linux, Windows), else what it is now."""
    try:
        status = Path(f"/proc/{process.pid}/status")
        if status.exists():
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
            return int(lines.get("VmHWM", "0 kB").split()[0]) * 1024 / 1e6
        memory = process.memory_info()
        return getattr(memory, "peak_wset", memory.rss) / 1e6
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
        return 0.0
