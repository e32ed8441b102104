"""Damaged files on purpose: every import ends well or with one clear error, and leaves nothing.

    python -m tests.data.fuzz --seconds 3600

Takes a good folder of each kind, damages one of its files (bytes flipped, cut, doubled, zeroed,
numbers in the header replaced by extreme ones), and imports it. Allowed are a dataset, or an
InputError; anything else (another exception, files left behind, more than a few seconds, a lot of
memory) is a find, and the damaged folder is kept for study.
"""

import argparse
import itertools
import random
import shutil
import struct
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from myosweep.data.store import open_dataset
from myosweep.errors import InputError

MOST_SECONDS = 20.0
EXTREMES = [0, 1, 2, 127, 128, 255, 256, 32767, 32768, 65535, 2**31 - 1, 2**31, 2**32 - 1]
FLOATS = [0.0, -1.0, float("nan"), float("inf"), -float("inf"), 1e38, 1e-38]


@dataclass(frozen=True)
class Kind:
    """How a good folder is written, and how it is imported to ``out``."""

    name: str
    write: Callable[[Path], None]
    load: Callable[[Path, Path], object]


@dataclass(frozen=True)
class Find:
    """A damaged folder that was not handled."""

    kind: str
    seed: int
    what: str


def damage(content: bytes, draw: random.Random) -> bytes:
    """The content with one to four faults."""
    data = bytearray(content)
    for _ in range(draw.choice([1, 1, 1, 2, 4])):
        _fault(data, draw)
    return bytes(data)


def _fault(data: bytearray, draw: random.Random) -> None:
    """One fault; half of all lie in the first 2,000 bytes, where headers are."""
    if not data:
        data.extend(draw.randbytes(10))
        return
    end = min(len(data), 2000) if draw.random() < 0.5 else len(data)
    at = draw.randrange(end)
    kind = draw.choice(["bit", "bytes", "cut", "double", "drop", "zero", "number", "float"])
    length = min(draw.choice([1, 2, 4, 8, 100, 5000]), len(data) - at)
    order = draw.choice("<>")
    if kind == "bit":
        data[at] ^= 1 << draw.randrange(8)
    elif kind == "bytes":
        data[at : at + length] = draw.randbytes(length)
    elif kind == "cut":
        del data[at:]
    elif kind == "double":
        data[at:at] = data[at : at + length]
    elif kind == "drop":
        del data[at : at + length]
    elif kind == "zero":
        data[at : at + length] = bytes(length)
    elif kind == "number":
        size, letter = draw.choice([(1, "B"), (2, "H"), (4, "I")])
        value = draw.choice(EXTREMES) % 256**size
        data[at : at + size] = struct.pack(f"{order}{letter}", value)
    else:
        size, letter = draw.choice([(4, "f"), (8, "d")])
        data[at : at + size] = struct.pack(f"{order}{letter}", draw.choice(FLOATS))


def attempt(kind: Kind, good: Path, place: Path, seed: int) -> tuple[str, Find | None]:
    """Damage one file of a copy of ``good`` and import it; gives the outcome's name."""
    draw = random.Random(f"{kind.name} {seed}")
    folder, out = place / "in", place / "out" / "dataset"
    shutil.copytree(good, folder)
    out.parent.mkdir()
    file = draw.choice(sorted(path for path in folder.rglob("*") if path.is_file()))
    file.write_bytes(damage(file.read_bytes(), draw))
    started_at = time.process_time()  # other programs may slow the clock on the wall
    find = None
    try:
        with warnings.catch_warnings(record=True) as leaked:
            warnings.simplefilter("always")
            kind.load(folder, out)
        open_dataset(out).check_pixels()
        outcome = "imported"
    except InputError as error:
        outcome = "refused"
        if left := sorted(path.name for path in out.parent.iterdir()):
            find = Find(kind.name, seed, f"left {left} behind")
        if str(place) in str(error):
            find = Find(kind.name, seed, f"tells an absolute path: {error}")
    except Exception as error:
        outcome, find = "broke", Find(kind.name, seed, f"{type(error).__name__}: {error}")
    if leaked:
        find = Find(kind.name, seed, f"let a warning through: {leaked[0].message}")
    if (seconds := time.process_time() - started_at) > MOST_SECONDS:
        find = Find(kind.name, seed, f"took {seconds:.0f} s")
    return outcome, find


def seeds_for(seconds: float, first: int = 0) -> Iterator[int]:
    """Seeds until the time is over."""
    ends_at = time.monotonic() + seconds
    return itertools.takewhile(lambda _: time.monotonic() < ends_at, itertools.count(first))


def fuzz(
    kinds: list[Kind], seeds: Iterable[int], keep: Path | None = None
) -> tuple[Counter[str], list[Find]]:
    """An attempt of each kind for each seed; outcomes by kind, and all finds."""
    outcomes: Counter[str] = Counter()
    finds: list[Find] = []
    with tempfile.TemporaryDirectory() as where:
        for kind in kinds:
            kind.write(Path(where) / kind.name)
        for seed in seeds:
            for kind in kinds:
                place = Path(where) / "try"
                place.mkdir()
                outcome, find = attempt(kind, Path(where) / kind.name, place, seed)
                outcomes[f"{kind.name}: {outcome}"] += 1
                if find:
                    finds.append(find)
                    if keep:
                        shutil.copytree(place, keep / f"{kind.name}-{seed}", dirs_exist_ok=True)
                shutil.rmtree(place)
    return outcomes, finds


def main() -> None:
    from tests.data.fuzz_kinds import KINDS

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for what was found")
    parser.add_argument("--kind", choices=[kind.name for kind in KINDS], nargs="+")
    wanted = parser.parse_args()
    kinds = [kind for kind in KINDS if not wanted.kind or kind.name in wanted.kind]
    outcomes, finds = fuzz(kinds, seeds_for(wanted.seconds, wanted.seed), wanted.keep)
    for name, count in sorted(outcomes.items()):
        print(f"{name:24} {count:7d}")
    for find in finds:
        print(f"FIND {find.kind} {find.seed}: {find.what}")
    raise SystemExit(bool(finds))


if __name__ == "__main__":
    main()
