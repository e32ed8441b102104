"""Training speed, side by side in one run: myosweep's own loop and plain MONAI loops.

    python benchmarks/training.py [--data ../shared/data/emidec] [--first-filters 16] [--json]

All loops train the same U-Net with the same optimiser on the same slices, in mini-batches of 4 on
all cores, and take turns: every loop trains some steps in each round, and ratios are taken round by
round. Ours runs preset `default` with everything that a study's step does, once in the precision
that `auto` gives here and once in float32, which shows what precision adds to the gain. The MONAI
loops are float32 in torch's own memory layout, with and without two worker processes, and with and
without meta data on each image (MONAI's default, which costs it time); the fastest is the peer.
"""

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from itertools import count, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import monai.data
import torch.nn.functional as F
from monai.transforms import Compose, NormalizeIntensityd, RandAffined, RandFlipd

from myosweep import RegionScheme, UNet, import_png, make_phantom, make_split
from myosweep.config import PRESETS, Replicate, settings_from_paths
from myosweep.data.store import Dataset
from myosweep.training.device import Computer, Precision, processor_count, resolve_precision
from myosweep.training.fit import train_step
from myosweep.training.optimizer import build_optimizer
from myosweep.training.run import RunPlan, build_network
from myosweep.training.samples import Samples, mini_batches

EMIDEC_SCHEME = RegionScheme.parse(["background=0", "blood pool=1", "myocardium=2,3,4"])
EMIDEC_NAMES = r"(?P<patient>Case_[NP]\d+)_slice(?P<slice>\d+)"
SIZE_PX = 128
PACKAGES = ("torch", "monai", "myosweep")
SETTLE_S = 0.5

Loop = Iterator[int]
"""A training that goes on for ever: each ``next`` does one step and gives its number of images."""


@dataclass(frozen=True)
class Data:
    """The slices, and in words what they are."""

    name: str
    dataset: Dataset


@dataclass(frozen=True)
class Measurement:
    """One loop's speed in each round."""

    loop: str
    images_per_s: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.images_per_s)


@dataclass(frozen=True)
class Ratio:
    """How many times as fast one loop is as another, over the rounds."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, ours: Measurement, theirs: Measurement) -> "Ratio":
        """Each round's speed over the other loop's in the same round."""
        pairs = zip(ours.images_per_s, theirs.images_per_s, strict=True)
        ratios = [one / other for one, other in pairs]
        return cls(statistics.median(ratios), min(ratios), max(ratios))

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.lowest:.2f} to {self.highest:.2f})"


@dataclass(frozen=True)
class Outcome:
    """All measurements, sorted into ours (the preset's precision first) and MONAI's."""

    ours: tuple[Measurement, ...]
    theirs: tuple[Measurement, ...]

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        return (*self.ours, *self.theirs)

    @property
    def peer(self) -> Measurement:
        """The fastest MONAI loop."""
        return max(self.theirs, key=lambda measurement: measurement.median)

    def ratios(self) -> dict[str, Ratio]:
        """Each of our loops against the peer."""
        return {ours.loop: Ratio.of(ours, self.peer) for ours in self.ours}


def main() -> None:
    given = parse_arguments()
    load = load_average()
    precision = resolve_precision("auto", "cpu")
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        data = open_slices(given.data, given.phantoms, Path(folder))
        plan = make_plan(data.dataset, given.first_filters, precision)
        settings = {"threads": given.threads, "rounds": given.rounds, "steps": given.steps}
        facts = describe(data, plan) | settings | {"load_average": load}
        print_facts(facts)
        computer = Computer("cpu", precision, given.threads)
        outcome = compare(plan, computer, given.rounds, given.steps, given.warm_up)
    print_outcome(outcome)
    if given.json:
        print(json.dumps(facts | as_json(outcome)))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="EMIDEC folder with images/ and masks/")
    parser.add_argument("--phantoms", type=positive, default=8, help="patients, without --data")
    parser.add_argument("--first-filters", type=positive, default=16)
    parser.add_argument("--rounds", type=positive, default=3)
    parser.add_argument("--steps", type=positive, default=20, help="per loop and round")
    parser.add_argument("--warm-up", type=positive, default=3, help="untimed steps per loop")
    parser.add_argument("--threads", type=positive, default=processor_count())
    parser.add_argument("--json", action="store_true", help="add all figures as a line of JSON")
    return parser.parse_args()


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def open_slices(emidec: Path | None, phantoms: int, folder: Path) -> Data:
    """EMIDEC's slices where they are, phantoms where not; ``folder`` gets the dataset."""
    if emidec and (emidec / "images").is_dir():
        dataset = import_png(
            emidec / "images",
            emidec / "masks",
            folder / "emidec",
            patient=EMIDEC_NAMES,
            scheme=EMIDEC_SCHEME,
            crop=SIZE_PX,
        )
        return Data("EMIDEC", dataset)
    why = f"there is no folder {emidec / 'images'}" if emidec else "no --data was given"
    print(f"Training on PHANTOMS, not on EMIDEC: {why}.")
    return Data("phantoms", make_phantom(folder / "phantoms", patients=phantoms, size=SIZE_PX))


def make_plan(dataset: Dataset, first_filters: int, precision: Precision) -> RunPlan:
    """A run of preset ``default``."""
    chosen = {"first_filters": first_filters, "precision": precision}
    settings = settings_from_paths({**PRESETS["default"], **chosen})
    plan = RunPlan({}, settings, Replicate(0), dataset, make_split(dataset), dataset.scheme)
    if problems := plan.problems():
        raise SystemExit("\n".join(problems))
    return plan


def compare(plan: RunPlan, computer: Computer, rounds: int, steps: int, warm_up: int) -> Outcome:
    """Train with all loops in turn."""
    ours, theirs = our_loops(plan, computer), monai_loops(plan)
    with computer.active():
        measured = take_turns(ours | theirs, rounds, steps, warm_up)
    return Outcome(measured[: len(ours)], measured[len(ours) :])


def our_loops(plan: RunPlan, computer: Computer) -> dict[str, Loop]:
    """The computer's precision first; float32 alone where that is the same."""
    computers = [computer, replace(computer, precision="float32")]
    return {f"myosweep, {one.precision}": myosweep_loop(plan, one) for one in computers}


def monai_loops(plan: RunPlan) -> dict[str, Loop]:
    return {
        f"MONAI, {workers} workers{', no meta data' * (not meta)}": monai_loop(plan, workers, meta)
        for workers in (0, 2)
        for meta in (True, False)
    }


def take_turns(
    loops: dict[str, Loop], rounds: int, steps: int, warm_up: int
) -> tuple[Measurement, ...]:
    """Time each loop once per round, in the order given."""
    for loop in loops.values():
        images_per_s(loop, warm_up)
    speeds: dict[str, list[float]] = {name: [] for name in loops}
    for _ in range(rounds):
        for name, loop in loops.items():
            time.sleep(SETTLE_S)  # worker processes of the loop before fill their queues and rest
            speeds[name].append(images_per_s(loop, steps))
    return tuple(Measurement(name, tuple(found)) for name, found in speeds.items())


def images_per_s(loop: Loop, steps: int) -> float:
    started_at = time.perf_counter()
    images = sum(islice(loop, steps))
    return images / (time.perf_counter() - started_at)


def myosweep_loop(plan: RunPlan, computer: Computer) -> Loop:
    """Training as ``myosweep run`` does it."""
    training = plan.samples()["training"]
    network = build_network(plan, computer).train()
    optimizer = build_optimizer(network, plan.settings)
    shapes = network.dropout_shapes(*training.dataset.images.shape[1:])
    for epoch in count(1):
        for batch in mini_batches(training, plan.settings, plan.seed, epoch, shapes):
            train_step(network, optimizer, batch, plan.settings, computer)
            yield len(batch.images)


def monai_loop(plan: RunPlan, workers: int, meta: bool) -> Loop:
    """Training as MONAI's tutorials write it; ``meta`` keeps meta data on each image."""
    settings = plan.settings
    network = UNet(
        classes=len(plan.scheme.regions),
        depth=settings.depth,
        first_filters=settings.first_filters,
        dropout=settings.dropout,
    ).train()
    optimizer = build_optimizer(network, settings)
    monai.data.set_track_meta(meta)
    loader = monai_loader(plan.samples()["training"], settings.batch_size, workers)
    while True:
        for batch in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(network(batch["image"]), batch["label"][:, 0].long())
            loss.backward()
            optimizer.step()
            yield len(batch["image"])
            monai.data.set_track_meta(meta)  # global, so the other loops have changed it


def monai_loader(samples: Samples, batch_size: int, workers: int) -> monai.data.DataLoader:
    """Our normalisation and augmentation in MONAI's terms; the normalised slices are cached."""
    both = ("image", "label")
    augmented = Compose(
        [
            NormalizeIntensityd("image"),
            RandFlipd(both, prob=0.5, spatial_axis=1),
            RandAffined(
                both,
                prob=1,
                translate_range=(10, 10),
                mode=("bilinear", "nearest"),
                padding_mode="zeros",
            ),
        ]
    )
    references = samples.dataset.reference(samples.scheme, samples.rows)
    items = [
        {"image": image[None], "label": reference[None]}
        for image, reference in zip(samples.dataset.images[samples.rows], references, strict=True)
    ]
    return monai.data.DataLoader(
        monai.data.CacheDataset(items, augmented, progress=False),
        batch_size=batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
    )


def describe(data: Data, plan: RunPlan) -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "cpu": cpu_name(),
        "versions": {name: version(name) for name in PACKAGES},
        "data": data.name,
        "training_slices": len(plan.split.training),
        "size_px": data.dataset.images.shape[1:],
        "first_filters": plan.settings.first_filters,
        "batch_size": plan.settings.batch_size,
        "precision": plan.settings.precision,
    }


def as_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "images_per_s": {m.loop: m.images_per_s for m in outcome.measurements},
        "peer": outcome.peer.loop,
        "ratios": {loop: asdict(ratio) for loop, ratio in outcome.ratios().items()},
    }


def print_facts(facts: dict[str, Any]) -> None:
    height, width = facts["size_px"]
    print(f"{facts['cpu']}, {facts['threads']} threads")
    print(", ".join(f"{name} {number}" for name, number in facts["versions"].items()))
    print(
        f"{facts['data']}, {facts['training_slices']} training slices of {height} x {width}; U-Net "
        f"with {facts['first_filters']} first filters; mini-batches of {facts['batch_size']}; "
        f"precision auto is {facts['precision']} here"
    )
    if (load := facts["load_average"]) and load > 0.5:
        print(f"The load average was {load:.1f} at the start: not an idle machine, rough figures.")


def print_outcome(outcome: Outcome) -> None:
    ours, *others = outcome.measurements
    ratios = [f"{Ratio.of(ours, other)}" for other in others]
    print(f"median of {len(ours.images_per_s)} rounds (lowest to highest):")
    print(f"  {'loop':30} images per s   {ours.loop}, times as fast")
    for measurement, ratio in zip(outcome.measurements, ["", *ratios], strict=True):
        print(f"  {measurement.loop:30} {measurement.median:12.2f}   {ratio}".rstrip())
    print(f"times as fast as the fastest of MONAI's, {outcome.peer.loop!r}:")
    for loop, ratio in outcome.ratios().items():
        print(f"  {loop:30} {ratio}")


def load_average() -> float | None:
    """Programs that wanted a core in the last minute; None where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def cpu_name() -> str:
    cpu_info = Path("/proc/cpuinfo")
    lines = cpu_info.read_text().splitlines() if cpu_info.exists() else []
    names = [line.split(": ")[1] for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
