"""Training speed, side by side in one run: myosweep, plain PyTorch, MONAI and nnU-Net v2.

    python benchmarks/training.py [--data ../shared/data/emidec] [--first-filters 16 32 64] [--json]

All train on the same slices, on all cores, and take turns: each trains some seconds per round, and
ratios are taken round by round. Ours, plain PyTorch's and MONAI's loops train the same U-Net in
mini-batches of 4 with Adam. Ours runs preset `default` with everything that a study's step does,
once in the precision that `auto` gives here and once in float32, which shows what precision adds to
the gain. Plain PyTorch runs in float32 and under autocast to bfloat16, MONAI in float32 and with
and without meta data on each image (its default, which costs it time); both in torch's own memory
layout, with and without two worker processes. nnU-Net runs its own trainer (own network, loss,
augmentation, float32 on a processor): as it plans the dataset, and with network and mini-batches as
near to ours as its plans file allows. Of each kind of peer, the fastest counts.
"""

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nnunet
from common import (
    Measurement,
    Ratio,
    Turn,
    machine_facts,
    open_slices,
    positive,
    print_machine,
    take_turns,
    turn_of,
)
from loops import check_same_network, make_plan, monai_loop, our_loop, plain_loop
from myosweep.data.store import Dataset
from myosweep.training.device import Computer, processor_count, resolve_precision
from myosweep.training.plan import RunPlan

PACKAGES = ("torch", "monai", "numpy", "myosweep")
OURS = "myosweep"
PEERS = (
    "MONAI",
    "plain PyTorch, float32",
    "plain PyTorch, bfloat16",
    "nnU-Net, as",
    "nnU-Net, network",
)
"""How the names of each kind of peer begin."""


@dataclass(frozen=True)
class Outcome:
    """All measurements; our own loop in the preset's precision is the first."""

    measurements: tuple[Measurement, ...]

    @property
    def ours(self) -> list[Measurement]:
        return [one for one in self.measurements if one.name.startswith(OURS)]

    def peer(self, kind: str) -> Measurement | None:
        """The fastest of a kind of peer; None if none took part."""
        found = [one for one in self.measurements if one.name.startswith(kind)]
        return max(found, key=lambda one: one.median, default=None)

    def ratios(self) -> dict[str, dict[str, Ratio]]:
        """Each of our loops against the fastest of each kind of peer."""
        peers = [peer for kind in PEERS if (peer := self.peer(kind))]
        return {one.name: {peer.name: Ratio.of(one, peer) for peer in peers} for one in self.ours}


def main() -> None:
    given = parse_arguments()
    facts = machine_facts(PACKAGES)
    print_machine(facts, given.threads)
    with TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        facts["data"], dataset = open_slices(given.data, given.phantoms, folder)
        plans = nnunet_plans(dataset, given, folder / "nnunet")
        found = {size: compare(dataset, size, given, plans) for size in given.first_filters}
    if given.json:
        sizes = {size: as_json(outcome) for size, outcome in found.items()}
        print(json.dumps(facts | {"threads": given.threads, "first_filters": sizes}))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="EMIDEC folder with images/ and masks/")
    parser.add_argument("--phantoms", type=positive, default=16, help="patients, without --data")
    parser.add_argument("--first-filters", type=positive, nargs="+", default=[16])
    parser.add_argument("--rounds", type=positive, default=3)
    parser.add_argument("--seconds", type=float, default=3, help="per loop and round")
    parser.add_argument("--warm-up", type=float, default=3, help="untimed seconds per loop")
    parser.add_argument("--threads", type=positive, default=processor_count())
    parser.add_argument("--without-nnunet", action="store_true")
    parser.add_argument("--json", action="store_true", help="add all figures as a line of JSON")
    return parser.parse_args()


def nnunet_plans(dataset: Dataset, given: argparse.Namespace, folder: Path) -> Path | None:
    """The folder where nnU-Net has prepared the dataset; None if it takes no part."""
    why = "--without-nnunet was given" if given.without_nnunet else nnunet.missing()
    if why:
        print(f"nnU-Net takes no part: {why}.")
        return None
    plan = make_plan(dataset, given.first_filters[0], "float32")
    nnunet.prepare(plan, given.first_filters, folder)
    return folder


def compare(
    dataset: Dataset, first_filters: int, given: argparse.Namespace, plans: Path | None
) -> Outcome:
    """Train with all loops in turn, and print what came of it."""
    precision = resolve_precision("auto", "cpu")
    plan = make_plan(dataset, first_filters, precision)
    check_same_network(plan)
    print_plan(plan)
    computer = Computer("cpu", precision, given.threads)
    others = nnunet_turns(plans, first_filters, given.threads) if plans else nullcontext({})
    with others as turns, computer.active():
        all_turns = our_turns(plan, computer) | peer_turns(plan) | turns
        outcome = Outcome(take_turns(all_turns, given.rounds, given.seconds, given.warm_up))
    print_outcome(outcome)
    return outcome


def our_turns(plan: RunPlan, computer: Computer) -> dict[str, Turn]:
    """The computer's precision first; float32 alone where that is the same."""
    computers = [computer, replace(computer, precision="float32")]
    return {f"{OURS}, {one.precision}": turn_of(our_loop(plan, one)) for one in computers}


def peer_turns(plan: RunPlan) -> dict[str, Turn]:
    plain = {
        f"plain PyTorch, {precision}, {workers} workers": plain_loop(plan, workers, precision)
        for precision in ("float32", "bfloat16")
        for workers in (0, 2)
    }
    monai = {
        f"MONAI, {workers} workers{', no meta data' * (not meta)}": monai_loop(plan, workers, meta)
        for workers in (0, 2)
        for meta in (True, False)
    }
    return {name: turn_of(loop) for name, loop in (plain | monai).items()}


@contextmanager
def nnunet_turns(folder: Path, first_filters: int, threads: int) -> Iterator[dict[str, Turn]]:
    with nnunet.trainings(folder, first_filters, threads) as found:
        for name, training in found.items():
            planned = training.planned
            print(
                f"{name}: patches of {planned['patch']}, mini-batches of {planned['batch_size']}, "
                f"features {planned['features']}"
            )
        yield dict(found)


def as_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "images_per_s": {one.name: one.per_s for one in outcome.measurements},
        "ratios": {
            ours: {peer: asdict(ratio) for peer, ratio in ratios.items()}
            for ours, ratios in outcome.ratios().items()
        },
    }


def print_plan(plan: RunPlan) -> None:
    height, width = plan.dataset.images.shape[1:]
    print(
        f"\n{plan.settings.first_filters} first filters; {len(plan.split.training)} training "
        f"slices of {height} x {width}; mini-batches of {plan.settings.batch_size}; precision auto "
        f"is {plan.settings.precision} here"
    )


def print_outcome(outcome: Outcome) -> None:
    ours, *others = outcome.measurements
    ratios = [f"{Ratio.of(ours, other)}" for other in others]
    print(f"median of {len(ours.per_s)} rounds (lowest to highest):")
    print(f"  {'loop':36} images per s   {ours.name} is so many times as fast")
    for measurement, ratio in zip(outcome.measurements, ["", *ratios], strict=True):
        print(f"  {measurement.name:36} {measurement.median:12.2f}   {ratio}".rstrip())
    print("times as fast as the fastest of each kind of peer:", flush=True)
    for loop, against in outcome.ratios().items():
        for peer, ratio in against.items():
            print(f"  {loop:20} {peer:36} {ratio}", flush=True)


if __name__ == "__main__":
    main()
