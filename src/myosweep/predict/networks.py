"""A model's networks in PyTorch: of a run, of a study's value, or of an export."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float32
from pydantic import ValidationError
from torch import Tensor, nn

import myosweep
from myosweep.errors import StudyError
from myosweep.model.unet import UNet
from myosweep.predict.choose import chosen_runs, refuse_values
from myosweep.predict.facts import (
    Member,
    ModelFacts,
    first_fault,
    normaliser_facts,
    read_facts,
    refuse_large,
)
from myosweep.predict.model import FACTS, Model
from myosweep.predict.samples import torch_voters
from myosweep.predict.sums import check_sum, file_sha256
from myosweep.predict.weights import network_with, read_weights
from myosweep.results.layout import RunFolder
from myosweep.results.read import mask_shape, read_counts
from myosweep.results.rows import RunSettingsFile
from myosweep.training.device import (
    Computer,
    processor_count,
    resolve_device,
    resolve_precision,
)
from myosweep.training.plan import answering

_USUAL = (5, 95)
"""Percentiles between which a heart has a usual area."""


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
    first, ways = read[0][0], list(dict.fromkeys(facts.normalisers[0] for facts, _ in read))
    if len({(facts.size, tuple(facts.regions.items()), facts.ignored) for facts, _ in read}) > 1:
        raise StudyError("the runs have different regions or image sizes; give one of them")
    members = [
        facts.members[0].model_copy(update={"normaliser": ways.index(facts.normalisers[0])})
        for facts, _ in read
    ]
    spacings = [mm for facts, _ in read for mm in facts.spacing_mm or ()]
    known = all(facts.spacing_mm for facts, _ in read)
    joined = first.model_copy(
        update={
            "members": tuple(members),
            "normalisers": tuple(ways),
            "spacing_mm": (min(spacings), max(spacings)) if known else None,
        }
    )
    return Networks(joined, [network for _, network in read], [run.weights for run in runs])


def _read_run(run: RunFolder) -> tuple[ModelFacts, UNet]:
    refuse_large(run.settings)
    refuse_large(run.status)
    what, status = run.read_settings(), run.read_status()
    if what.kind != "trained" or what.settings is None:
        raise StudyError(f"run {run.id} is no network ({what.kind}); give another run")
    if status is None or status.status != "complete":
        raise StudyError(
            f"run {run.id} has not finished ({status.status if status else 'still to do'}), so its "
            "network cannot be used; see `myosweep status`"
        )
    tensors, stored = read_weights(run.weights)
    size = mask_shape(run)
    if size is None:
        raise StudyError(f"run {run.id} has no masks.npz, which tells its image size; run it again")
    try:
        facts = _facts(run, what, stored, size, status.versions)
    except ValidationError as error:
        raise StudyError(
            f"run {run.id} does not describe a network ({first_fault(error)}); run it again"
        ) from None
    member = facts.members[0]
    return facts, network_with(facts, member, tensors)


def _facts(
    run: RunFolder,
    what: RunSettingsFile,
    stored: Mapping[str, Any],
    size: tuple[int, int],
    versions: Mapping[str, str],
) -> ModelFacts:
    """A run's facts; its counts tell the spacing of all its slices."""
    assert what.settings is not None
    counts = read_counts(run)
    spacing = counts["spacing_mm"]
    known = bool(len(spacing)) and bool(spacing.notna().all())
    member = Member(
        run=run.id,
        label=what.label,
        seed=what.seed,
        repeat=what.repeat,
        fold=what.fold,
        settings=what.settings,
        pixel_hash=what.pixel_hash,
        split_hash=what.split_hash,
        versions=dict(versions),
        weights_sha256=file_sha256(run.weights),
        normaliser=0,
    )
    return ModelFacts(
        made_by=f"myosweep {myosweep.__version__}",
        regions=what.regions,
        ignored=what.ignored,
        height_px=size[0],
        width_px=size[1],
        spacing_mm=(float(spacing.min()), float(spacing.max())) if known else None,
        heart_px=_usual_area(counts, next(iter(what.regions))),
        normalisers=(normaliser_facts(stored, f"the weights file of run {run.id}"),),
        members=(member,),
    )


def _usual_area(counts: pd.DataFrame, background: str) -> tuple[float, float] | None:
    """The usual area of a heart in the reference masks, pixels; None without any."""
    hearts = counts[counts["region"] != background]
    areas = (hearts["tp"] + hearts["fn"]).groupby([hearts["part"], hearts["slice"]], observed=True)
    shown = areas.sum()
    shown = shown[shown > 0]
    if shown.empty:
        return None
    low, high = np.percentile(shown.to_numpy(), _USUAL)
    return float(low), float(high)


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
    plain = [
        _InPrecision(
            network.to(there).to(memory_format=torch.channels_last),  # type: ignore[call-overload]
            Computer(there, "bfloat16", count)
            if able and member.settings.precision == "bfloat16"
            else computer,
        )
        for network, member in zip(read.networks, read.facts.members, strict=True)
    ]
    model = mean_of(plain, read.facts)

    def engine(
        images: Float32[np.ndarray, "image channel y x"],
    ) -> Float32[np.ndarray, "image region y x"]:
        with computer.active(), torch.inference_mode():
            given = torch.from_numpy(images).to(there, memory_format=torch.channels_last)
            answer: np.ndarray = model(given).cpu().numpy()
        return answer

    return Model(read.facts, engine, "torch", torch_voters(plain, read.facts, there, computer))


class _InPrecision(nn.Module):
    """A network that computes in some precision, as in training."""

    def __init__(self, network: nn.Module, computer: Computer) -> None:
        super().__init__()
        self.network, self.computer = network, computer

    def forward(self, images: Tensor) -> Tensor:
        with self.computer.autocast():
            scores: Tensor = self.network(images)
        return scores
