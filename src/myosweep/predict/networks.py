"""A model's networks in PyTorch: weights from safetensors, checked before they are used."""

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
from myosweep.model.weights import read_tensors
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
from myosweep.predict.sums import file_sha256
from myosweep.results.layout import RunFolder
from myosweep.results.read import mask_shape, read_counts
from myosweep.results.rows import RunSettingsFile
from myosweep.training.device import (
    Computer,
    processor_count,
    resolve_device,
    resolve_precision,
)

_USUAL = (5, 95)
"""Percentiles between which a heart has a usual area."""
_PICKLES = (b"PK\x03\x04", b"\x80")
"""How files begin that torch.save and pickle write: reading them can run code. A safetensors file
can begin so by chance, with the length of its header, which stands before a brace."""


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
    tensors, stored = _tensors(run.weights)
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
    return facts, _network(facts, member, tensors)


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
    facts = read_facts(folder / FACTS)
    files = [folder / weights_name(number) for number in range(len(facts.members))]
    networks = []
    for path, member in zip(files, facts.members, strict=True):
        tensors, _ = _tensors(path)
        if file_sha256(path) != member.weights_sha256:
            raise StudyError(
                f"{path.name!r} is not the file that was exported (its SHA-256 differs); export "
                "the model again"
            )
        networks.append(_network(facts, member, tensors))
    return Networks(facts, networks, files)


def weights_name(number: int) -> str:
    """The file of one of a model's networks, counted from 0."""
    return f"network-{number}.safetensors"


def _tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A weights file; what could run code when it is read is refused unread."""
    try:
        with path.open("rb") as file:
            start = file.read(9)
    except OSError:
        raise StudyError(f"the weights file {path.name!r} is not there; check the path") from None
    if start[8:] != b"{" and start.startswith(_PICKLES):
        raise StudyError(
            f"{path.name!r} is a pickle, which can run code when it is read, so it is not read; "
            "myosweep's weights are safetensors"
        )
    return read_tensors(path)


def _network(facts: ModelFacts, member: Member, tensors: Mapping[str, Tensor]) -> UNet:
    """A network with these weights; names, shapes, types and values are checked first."""
    settings = member.settings
    try:
        with torch.device("meta"):  # takes no memory, whatever the settings say
            network = UNet(1, len(facts.regions), settings.depth, settings.first_filters, 0.0)
    except (RuntimeError, OverflowError):
        raise StudyError(
            f"run {member.run} says it has {settings.first_filters} first filters, more than any "
            "network; is its file of settings damaged?"
        ) from None
    own = {name: parameter.shape for name, parameter in network.named_parameters()}
    if own != {name: tensor.shape for name, tensor in tensors.items()}:
        raise StudyError(
            f"the weights of run {member.run} belong to another network than its settings say; "
            "train it again"
        )
    if not all(t.dtype == torch.float32 and bool(t.isfinite().all()) for t in tensors.values()):
        raise StudyError(
            f"the weights of run {member.run} are no finite numbers of 32 bits; it cannot answer"
        )
    network.load_state_dict(dict(tensors), assign=True)
    return network.eval()


def torch_model(read: Networks, device: str = "cpu", threads: int | None = None) -> Model:
    """A model that computes with PyTorch, in the precision that each network was trained in."""
    there = resolve_device(device)
    computer = Computer(there, "float32", threads or processor_count())
    native = resolve_precision("auto", there) == "bfloat16"
    kinds = [
        torch.bfloat16 if native and one.settings.precision == "bfloat16" else torch.float32
        for one in read.facts.members
    ]
    ready = [
        _InPrecision(network.to(there, kind).to(memory_format=torch.channels_last), kind)  # type: ignore[call-overload]
        for network, kind in zip(read.networks, kinds, strict=True)
    ]
    model = MeanOfNetworks(ready, [one.normaliser for one in read.facts.members]).eval()

    def engine(
        images: Float32[np.ndarray, "image channel y x"],
    ) -> Float32[np.ndarray, "image region y x"]:
        with computer.active(), torch.inference_mode():
            given = torch.from_numpy(images).to(there, memory_format=torch.channels_last)
            answer: np.ndarray = model(given).cpu().numpy()
        return answer

    channels = [one.normaliser for one in read.facts.members]
    own = [one.settings.test_time_averaging for one in read.facts.members]
    return Model(read.facts, engine, "torch", torch_voters(ready, channels, own, there, computer))


class _InPrecision(nn.Module):
    """A network whose weights are in some precision; what autocast does, without casting anew."""

    def __init__(self, network: nn.Module, kind: torch.dtype) -> None:
        super().__init__()
        self.network, self.kind = network, kind

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.network(images.to(self.kind))
        return scores
