"""A model's networks in PyTorch: of a run, of a study's value, or of an export."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor, nn

from myosweep.errors import StudyError
from myosweep.model.unet import UNet
from myosweep.predict.choose import chosen_runs, refuse_values
from myosweep.predict.facts import ModelFacts, read_facts
from myosweep.predict.model import FACTS, Model
from myosweep.predict.run_facts import finished, joined_facts, run_facts
from myosweep.predict.samples import torch_voters
from myosweep.predict.sums import check_sum, file_sha256
from myosweep.predict.weights import network_with, read_weights
from myosweep.results.layout import RunFolder
from myosweep.training.device import (
    Computer,
    processor_count,
    resolve_device,
    resolve_precision,
)
from myosweep.training.plan import answering


class MeanOfNetworks(nn.Module):
    """The mean of several networks' probabilities; each looks at its own channel.

    Args:
        networks: each gives scores before the softmax for the same regions.
        channels: which channel each of them sees.
    """

    def __init__(self, networks: Sequence[nn.Module], channels: Sequence[int]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.channels = tuple(channels)

    def forward(self, images: Tensor) -> Tensor:
        """Probabilities (image, region, y, x) of normalised images (image, channel, y, x)."""
        answers = [
            network(images[:, channel : channel + 1]).float().softmax(1)
            for network, channel in zip(self.networks, self.channels, strict=True)
        ]
        return torch.stack(answers).mean(0)


@dataclass(frozen=True, eq=False)
class Networks:
    """Facts and networks, which compute in float32 on the processor, and their weights files."""

    facts: ModelFacts
    networks: list[UNet]
    files: list[Path]


def mean_of(networks: Sequence[nn.Module], facts: ModelFacts) -> MeanOfNetworks:
    """A model's networks together, each as it answered in its study: with copies, if so set."""
    pairs = zip(networks, facts.members, strict=True)
    answers = [answering(network, member.settings) for network, member in pairs]
    return MeanOfNetworks(answers, [member.normaliser for member in facts.members]).eval()


def read_model(place: Path, values: Sequence[str] = ()) -> Networks:
    """The networks of a run, of a study's value, or of a model exported as safetensors.

    Raises:
        StudyError: if it is none of these, a run is not finished, a file is damaged or not the one
            that was exported, or runs do not fit together.
    """
    if (place / FACTS).is_file():
        refuse_values(values, place)
        return _read_exported(place)
    return read_runs(chosen_runs(place, values))


def read_runs(runs: Sequence[RunFolder]) -> Networks:
    """The networks of finished runs."""
    read = [_read_run(run) for run in runs]
    facts = joined_facts([facts for facts, _ in read])
    return Networks(facts, [network for _, network in read], [run.weights for run in runs])


def _read_run(run: RunFolder) -> tuple[ModelFacts, UNet]:
    finished(run)
    tensors, stored = read_weights(run.weights)
    facts = run_facts(run, stored)
    return facts, network_with(facts, facts.members[0], tensors)


def _read_exported(folder: Path) -> Networks:
    check_sum(folder / FACTS)  # it tells the weights' own SHA-256
    facts = read_facts(folder / FACTS)
    files = [folder / weights_name(number) for number in range(len(facts.members))]
    networks = []
    for path, member in zip(files, facts.members, strict=True):
        tensors, _ = read_weights(path)
        if file_sha256(path) != member.weights_sha256:
            raise StudyError(
                f"{path.name!r} is not the file that was exported (its SHA-256 differs); export "
                "the model again"
            )
        networks.append(network_with(facts, member, tensors))
    return Networks(facts, networks, files)


def weights_name(number: int) -> str:
    """The file of one of a model's networks, counted from 0."""
    return f"network-{number}.safetensors"


def torch_model(read: Networks, device: str = "cpu", threads: int | None = None) -> Model:
    """A model that computes with PyTorch, in the precision that each network was trained in.

    A device that does not compute bfloat16 natively takes float32, which is faster there.
    """
    there = resolve_device(device)
    count = threads or processor_count()
    computer = Computer(there, "float32", count)
    able = resolve_precision("auto", there) == "bfloat16"
    computers = [
        Computer(there, "bfloat16", count)
        if able and member.settings.precision == "bfloat16"
        else computer
        for member in read.facts.members
    ]
    plain = [
        _InPrecision(
            network.to(there).to(memory_format=torch.channels_last),  # type: ignore[call-overload]
            own,
        )
        for network, own in zip(read.networks, computers, strict=True)
    ]
    model = mean_of(plain, read.facts)

    def engine(
        images: Float32[np.ndarray, "image channel y x"],
    ) -> Float32[np.ndarray, "image region y x"]:
        with computer.active(), torch.inference_mode(), _enough_memory(images.shape):
            given = torch.from_numpy(images).to(there, memory_format=torch.channels_last)
            answer: np.ndarray = model(given).cpu().numpy()
        return answer

    return Model(
        read.facts,
        engine,
        "torch",
        torch_voters(plain, read.facts, there, computer),
        precision="+".join(sorted({own.precision for own in computers})),
        device=there,
    )


@contextmanager
def _enough_memory(shape: tuple[int, ...]) -> Iterator[None]:
    """What PyTorch raises without memory, as a ``StudyError``."""
    try:
        yield
    except RuntimeError as error:  # of the processor's memory there is no class of its own
        lacks = isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error)
        if not lacks:
            raise
        count, _, height, width = shape
        raise StudyError(
            f"the memory does not hold what this model needs for {count} images of {height} x "
            f"{width} pixels; end other programs, or predict on a machine with more memory"
        ) from None


class _InPrecision(nn.Module):
    """A network that computes in some precision, as in training."""

    def __init__(self, network: nn.Module, computer: Computer) -> None:
        super().__init__()
        self.network, self.computer = network, computer

    def forward(self, images: Tensor) -> Tensor:
        with self.computer.autocast():
            scores: Tensor = self.network(images)
        return scores
