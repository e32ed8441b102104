"""A run to be done: what it is, why it may not work, its samples and its network."""

from dataclasses import dataclass

import torch
from torch import nn

from myosweep.config import (
    EarlyRule,
    Replicate,
    RunSettings,
    Value,
    attempt_label,
    run_id,
    run_label,
)
from myosweep.data.split import Split
from myosweep.data.store import Dataset
from myosweep.files import write_json
from myosweep.launch import launch
from myosweep.model.ensemble import Averaged
from myosweep.model.unet import UNet
from myosweep.randomness import stream
from myosweep.regions import RegionScheme
from myosweep.results.layout import RunFolder
from myosweep.results.rows import RunSettingsFile, RunStatus
from myosweep.training.device import Computer
from myosweep.training.samples import Samples, gather_samples


@dataclass(frozen=True)
class RunPlan:
    """A run to be done: its place in the sweep, its settings, which network it is, its data.

    ``early_rule`` may stop it; ``adjustment`` is the entry of the rule's list that changed its
    settings, from 1, or 0. Neither is part of the id.
    """

    point: dict[str, Value]
    settings: RunSettings
    replicate: Replicate
    dataset: Dataset
    split: Split
    scheme: RegionScheme
    early_rule: EarlyRule | None = None
    adjustment: int = 0
    trial: int | None = None
    """With [tune], the number of the trial whose settings these are."""
    cost: float | None = None
    """With [tune], what the run costs, in runs of the default."""

    @property
    def seed(self) -> int:
        return self.replicate.seed

    @property
    def id(self) -> str:
        return run_id(
            self.settings,
            self.seed,
            self.dataset.manifest.pixel_hash,
            self.split.hash,
            self.scheme,
        )

    @property
    def label(self) -> str:
        """The run in words: swept values, or the trial, and which of their networks it is.

        And what the early rule has changed.
        """
        if self.trial is not None:
            return f"{trial_name(self.trial)}, {self.replicate.words}"
        changes = self.early_rule.adjust[: self.adjustment] if self.early_rule else ()
        return attempt_label(run_label(self.point, self.replicate.words), changes)

    def has_ended(self, status: RunStatus | None) -> bool:
        """Whether nothing is left to do in a run with this status; a failure is an end, too.

        What the early rule stopped has ended as long as the rule says stop; a trial of a search
        stays ended.
        """
        if status is None:
            return False
        stays = self.early_rule is not None and self.early_rule.may_stop(self.adjustment)
        return status.status != "stopped" or stays or self.trial is not None

    def samples(self) -> dict[str, Samples]:
        """The samples of each part."""
        return gather_samples(self.dataset, self.split, self.scheme, self.settings, self.seed)

    @property
    def steps_per_epoch(self) -> int:
        return len(self.split.training) // self.settings.batch_size

    def problems(self) -> list[str]:
        """Why this run cannot work, each with a way out; empty if it can."""
        _, height, width = self.dataset.images.shape
        unit = 2**self.settings.depth
        found = []
        if height % unit or width % unit:
            found.append(
                f"depth {self.settings.depth} needs image sides that are multiples of {unit}, the "
                f"dataset has {height} x {width}; import with another --crop or take less depth"
            )
        sharing = launch().processes
        if self.settings.batch_size < sharing:
            found.append(
                f"batch_size is {self.settings.batch_size}, but {sharing} processes share each "
                "mini-batch, at least one image each; start fewer or take a larger batch_size"
            )
        slices = len(self.split.training)
        if slices < self.settings.batch_size:
            found.append(
                f"batch_size is {self.settings.batch_size}, but the training part has only "
                f"{slices} slices; take a smaller batch_size or more data"
            )
        return found


def trial_name(number: int) -> str:
    """A trial in words; the first one is the default."""
    return f"trial {number}" if number else "default"


def build_network(plan: RunPlan, computer: Computer) -> UNet:
    """The plan's network with freshly drawn weights, on its device."""
    generator = torch.Generator().manual_seed(
        int(stream(plan.seed, "initialisation").integers(2**63))
    )
    network = network_of(plan.settings, len(plan.scheme.regions), generator)
    return network.to(computer.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def network_of(
    settings: RunSettings, regions: int, generator: torch.Generator | None = None
) -> UNet:
    """The network that settings describe; its weights are drawn from torch's own by default."""
    return UNet(
        in_channels=1,
        classes=regions,
        depth=settings.depth,
        first_filters=settings.first_filters,
        dropout=settings.dropout,
        generator=generator,
        norm=settings.norm,
    )


def answering(network: nn.Module, settings: RunSettings) -> nn.Module:
    """A trained network as it answers: with copies of each image, if the settings say so."""
    copies = settings.test_time_averaging
    return network if copies == 1 else Averaged(network, copies)


def describe_run(plan: RunPlan, folder: RunFolder) -> None:
    """Write the run's ``settings.json``, which makes it one of the study's runs."""
    description = RunSettingsFile(
        kind="trained",
        label=plan.label,
        point=plan.point,
        seed=plan.seed,
        repeat=plan.replicate.repeat,
        fold=plan.replicate.fold,
        trial=plan.trial,
        cost=plan.cost,
        settings=plan.settings,
        pixel_hash=plan.dataset.manifest.pixel_hash,
        split_hash=plan.split.hash,
        regions={region.name: region.codes for region in plan.scheme.regions},
        ignored=plan.scheme.ignored,
        adjustment=plan.adjustment,
    )
    write_json(folder.settings, description.model_dump(mode="json"))
