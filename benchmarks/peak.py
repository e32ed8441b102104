"""How much of this machine's matrix-multiply peak a whole training step reaches.

    python benchmarks/peak.py [--data ../shared/data/emidec] [--first-filters 16 32 64] [--json]

The peak is the fastest of some square matrix products in the same precision, measured in the same
process and in turn with the training; shares are taken round by round. A step's multiply-adds are
counted by torch while it runs and by hand from the network's layers, and both must agree. Three
things are measured against the peak: the whole step of a study (data, casts, norms and optimiser
included), and, as a ceiling for it, its convolutions alone, forward and both ways backward, on
tensors that lie ready in the right precision and layout. A profile says where a step's time goes.
"""

import argparse
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from common import (
    Measurement,
    Ratio,
    machine_facts,
    open_slices,
    positive,
    print_machine,
    take_turns,
    turn_of,
)
from loops import endless_batches, make_plan, our_loop
from myosweep.data.store import Dataset
from myosweep.training.device import Computer, Precision, processor_count, resolve_precision
from myosweep.training.fit import train_step
from myosweep.training.optimizer import build_optimizer
from myosweep.training.plan import RunPlan, build_network
from step_profile import print_shares, profile_step

SIDES = (1024, 2048, 4096)
"""Of the square matrices among which the fastest product is the peak."""


@dataclass(frozen=True)
class Layer:
    """One convolution as a training step uses it."""

    module: nn.Conv2d | nn.ConvTranspose2d
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    first: bool

    @property
    def multiply_adds(self) -> int:
        """Of the forward pass; each way backward takes as many."""
        transposed = isinstance(self.module, nn.ConvTranspose2d)
        places = self.input_shape if transposed else self.output_shape
        return math.prod(places[2:]) * places[0] * self.module.weight.numel()

    @property
    def step_multiply_adds(self) -> int:
        """Forward, gradient of the weights, and of the input unless that is the image."""
        return self.multiply_adds * (2 if self.first else 3)


def main() -> None:
    given = parse_arguments()
    facts = machine_facts(("torch", "numpy", "myosweep"))
    print_machine(facts, given.threads)
    native = resolve_precision("auto", "cpu") == "bfloat16"
    if not native:
        print("This processor computes no bfloat16 natively; float32 alone is measured.")
    precisions = ("float32", "bfloat16") if native else ("float32",)
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        facts["data"], dataset = open_slices(given.data, given.phantoms, Path(folder))
        found = [
            measure(dataset, size, Computer("cpu", precision, given.threads), given)
            for size in given.first_filters
            for precision in precisions
        ]
    if given.json:
        print(json.dumps(facts | {"threads": given.threads, "found": found}))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="EMIDEC folder with images/ and masks/")
    parser.add_argument("--phantoms", type=positive, default=16, help="patients, without --data")
    parser.add_argument("--first-filters", type=positive, nargs="+", default=[16, 32, 64])
    parser.add_argument("--rounds", type=positive, default=3)
    parser.add_argument("--seconds", type=float, default=2, help="per contestant and round")
    parser.add_argument("--warm-up", type=float, default=2, help="untimed seconds of each")
    parser.add_argument("--profiled", type=positive, default=5, help="steps of the profile")
    parser.add_argument("--sides", type=positive, nargs="+", default=SIDES, help="of the matrices")
    parser.add_argument("--threads", type=positive, default=processor_count())
    parser.add_argument("--json", action="store_true", help="add all figures as a line of JSON")
    return parser.parse_args()


def measure(
    dataset: Dataset, first_filters: int, computer: Computer, given: argparse.Namespace
) -> dict[str, Any]:
    """Shares of the peak and the profile of one size in one precision, printed and given back."""
    plan = make_plan(dataset, first_filters, computer.precision)
    with computer.active():
        step_gflop = count_step(plan, computer)
        images = plan.settings.batch_size
        gflop_steps = (step_gflop * done / images for done in our_loop(plan, computer))
        side = fastest_side(given.sides, computer.precision)
        turns = {
            "peak": turn_of(matrix_products(side, computer.precision)),
            "step": turn_of(gflop_steps),
            "convolutions": turn_of(convolutions(plan, computer)),
        }
        measured = take_turns(turns, given.rounds, given.seconds, given.warm_up)
        shares = profile_step(plan, computer, given.profiled)
    print_measured(plan, side, step_gflop, measured)
    print_shares(shares)
    peak, *others = measured
    return {
        "first_filters": first_filters,
        "precision": computer.precision,
        "gflop_per_step": step_gflop,
        "gflop_per_s": {one.name: one.per_s for one in measured},
        "share_of_peak": {one.name: Ratio.of(one, peak).median for one in others},
        "profile": shares,
    }


def count_step(plan: RunPlan, computer: Computer) -> float:
    """Gflop (two for a multiply-add) of one training step: torch's count, checked by layers.

    Raises:
        SystemExit: if torch's count and the layers' differ.
    """
    network = build_network(plan, computer).train()
    optimizer = build_optimizer(network, plan.settings)
    batch = next(endless_batches(plan, network))
    with FlopCounterMode(display=False) as counter:
        train_step(network, optimizer, batch, plan.settings, computer)
    by_torch = counter.get_total_flops()
    by_layer = 2 * sum(layer.step_multiply_adds for layer in layers(plan, computer))
    if by_torch != by_layer:
        raise SystemExit(f"torch counts {by_torch:,} flop a step, the layers make {by_layer:,}")
    return by_torch / 1e9


def layers(plan: RunPlan, computer: Computer) -> list[Layer]:
    """The network's convolutions with the shapes of a mini-batch, in their order."""
    network = build_network(plan, computer).eval()
    found: list[Layer] = []

    def note(module: nn.Module, given: tuple[Tensor], result: Tensor) -> None:
        found.append(Layer(module, tuple(given[0].shape), tuple(result.shape), not found))

    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            module.register_forward_hook(note)
    with torch.no_grad():
        network(next(endless_batches(plan, network)).images)
    return found


def fastest_side(sides: list[int], precision: Precision) -> int:
    """Of the square matrices whose product does most flop per second here."""
    speed = {}
    for side in sides:
        products = matrix_products(side, precision)
        turn_of(products)(0.1)
        speed[side] = turn_of(products)(0.5)
    return max(speed, key=lambda side: speed[side])


def matrix_products(side: int, precision: Precision) -> Iterator[float]:
    """Multiply for ever; each step gives its Gflop."""
    one, other = (torch.randn(side, side).to(getattr(torch, precision)) for _ in range(2))
    result = torch.empty_like(one)
    while True:
        torch.mm(one, other, out=result)
        yield 2 * side**3 / 1e9


def convolutions(plan: RunPlan, computer: Computer) -> Iterator[float]:
    """All convolutions of a step, forward and backward, and nothing else; gives their Gflop."""
    found = layers(plan, computer)
    work = [_work(layer, getattr(torch, computer.precision)) for layer in found]
    gflop = 2 * sum(layer.step_multiply_adds for layer in found) / 1e9
    for _ in repeat(None):
        for forward_and_backward in work:
            forward_and_backward()
        yield gflop


def _work(layer: Layer, dtype: torch.dtype) -> Callable[[], None]:
    """A layer's work, forward and both ways backward, on tensors of its own."""
    module = layer.module
    if isinstance(module, nn.ConvTranspose2d):
        return _products(layer, dtype)
    x, gradient, weight = (
        torch.randn(shape).to(dtype, memory_format=torch.channels_last)
        for shape in (layer.input_shape, layer.output_shape, module.weight.shape)
    )
    how = (module.stride, module.padding, module.dilation, False, (0, 0), 1)
    bias = torch.zeros(layer.output_shape[1], dtype=dtype)
    wanted = [not layer.first, True, True]

    def run() -> None:
        with torch.no_grad():
            torch.ops.aten.convolution(x, weight, bias, *how)
            torch.ops.aten.convolution_backward(gradient, x, weight, list(bias.shape), *how, wanted)

    return run


def _products(layer: Layer, dtype: torch.dtype) -> Callable[[], None]:
    """A transposed convolution 2 x 2 with stride 2 is three matrix products."""
    images, channels, *sides = layer.input_shape
    pixels, fours = images * math.prod(sides), layer.module.weight.numel() // channels
    x, gradient, matrix = (
        torch.randn(shape).to(dtype)
        for shape in ((pixels, channels), (pixels, fours), (channels, fours))
    )

    def run() -> None:
        torch.mm(x, matrix)
        torch.mm(gradient, matrix.t())
        torch.mm(x.t(), gradient)

    return run


def print_measured(
    plan: RunPlan, side: int, step_gflop: float, measured: tuple[Measurement, ...]
) -> None:
    peak, step, alone = measured
    settings = plan.settings
    print(
        f"\n{settings.first_filters} first filters, {settings.precision}: {step_gflop:.1f} Gflop a "
        f"step of {settings.batch_size} images (torch's count, the same by layers)"
    )
    print(f"  peak, {side} x {side} matrices   {peak.median:8.1f} Gflop per s")
    for words, one in (("whole training step", step), ("its convolutions alone", alone)):
        share = Ratio.of(one, peak)
        print(
            f"  {words:26} {one.median:8.1f} Gflop per s, {100 * share.median:.0f} % of the peak "
            f"({100 * share.lowest:.0f} to {100 * share.highest:.0f} %)"
        )


if __name__ == "__main__":
    main()
