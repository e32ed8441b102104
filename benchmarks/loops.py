"""Trainings that go on for ever: myosweep's own, plain PyTorch's and MONAI's.

All train the same U-Net on the same slices. The peers have it as one writes it in plain PyTorch
(``PlainUNet``; ``check_same_network`` shows that it computes the same), with torch's fused Adam.
"""

from collections.abc import Iterator
from itertools import count

import monai.data
import numpy as np
import torch
import torch.nn.functional as F
from monai.transforms import Compose, NormalizeIntensityd, RandAffined, RandFlipd
from torch import Tensor, nn

from myosweep.config import PRESETS, Replicate, RunSettings, settings_from_paths
from myosweep.data.split import make_split
from myosweep.data.store import Dataset
from myosweep.model.unet import UNet
from myosweep.training.device import Computer, Precision
from myosweep.training.fit import train_step
from myosweep.training.optimizer import build_optimizer
from myosweep.training.plan import RunPlan, build_network
from myosweep.training.samples import MiniBatch, Samples, mini_batches

Loop = Iterator[int]
"""Each ``next`` does one step and gives its number of images."""
SHIFT_PX = 10


def make_plan(
    dataset: Dataset, first_filters: int, precision: Precision, preset: str = "default"
) -> RunPlan:
    """A run of a preset."""
    chosen = {"first_filters": first_filters, "precision": precision}
    settings = settings_from_paths({**PRESETS[preset], **chosen})
    plan = RunPlan({}, settings, Replicate(0), dataset, make_split(dataset), dataset.scheme)
    if problems := plan.problems():
        raise SystemExit("\n".join(problems))
    return plan


def our_loop(plan: RunPlan, computer: Computer) -> Loop:
    """Training as ``myosweep run`` does it."""
    network = build_network(plan, computer).train()
    optimizer = build_optimizer(network, plan.settings)
    for batch in endless_batches(plan, network):
        train_step(network, optimizer, batch, plan.settings, computer)
        yield len(batch.images)


def endless_batches(plan: RunPlan, network: UNet) -> Iterator[MiniBatch]:
    """The mini-batches of one epoch after the other, with dropout masks for the network."""
    training = plan.samples()["training"]
    shapes = network.dropout_shapes(*training.dataset.images.shape[1:])
    for epoch in count(1):
        yield from mini_batches(training, plan.settings, plan.seed, epoch, shapes)


class PlainUNet(nn.Module):
    """The paper's U-Net with torch's own layers."""

    def __init__(self, settings: RunSettings, classes: int) -> None:
        super().__init__()
        filters = [settings.first_filters * 2**stage for stage in range(settings.depth + 1)]
        before = [1, *filters]
        self.encoder = nn.ModuleList(map(_pair, before[:-2], filters[:-1]))
        self.bridge = _pair(filters[-2], filters[-1])
        self.up = nn.ModuleList(
            nn.ConvTranspose2d(2 * here, here, 2, stride=2) for here in filters[-2::-1]
        )
        self.decoder = nn.ModuleList(_pair(2 * here, here) for here in filters[-2::-1])
        self.last = nn.Conv2d(filters[0], classes, 1)
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout(settings.dropout)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for number, stage in enumerate(self.encoder, start=1):
            x = stage(x)
            skips.append(x)
            if number == len(self.encoder):
                x = self.dropout(x)
            x = self.pool(x)
        x = self.dropout(self.bridge(x))
        for up, stage, skip in zip(self.up, self.decoder, reversed(skips), strict=True):
            x = stage(torch.cat([F.relu(up(x)), skip], dim=1))
        return self.last(x)


def _pair(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(after, after, 3, padding=1),
        nn.ReLU(inplace=True),
    )


def check_same_network(plan: RunPlan) -> None:
    """Stop if the peers' network, given our weights, does not compute what ours does.

    Raises:
        SystemExit: if so.
    """
    ours = build_network(plan, Computer("cpu", "float32", 1)).eval()
    theirs = PlainUNet(plan.settings, len(plan.scheme.regions)).eval()
    images = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            other.copy_(mine)
        difference = (ours(images) - theirs(images)).abs().max() / ours(images).abs().max()
    if difference > 1e-4:
        raise SystemExit(f"the peers train another network: its scores differ by {difference:.2g}")


class Slices(torch.utils.data.Dataset[tuple[Tensor, Tensor]]):
    """Slices in memory; normalised, mirrored and shifted when they are asked for."""

    def __init__(self, samples: Samples) -> None:
        self._images = samples.dataset.images[samples.rows].astype(np.float32)
        self._references = samples.dataset.reference(samples.scheme, samples.rows)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        image = torch.from_numpy(self._images[index])
        reference = torch.from_numpy(self._references[index]).long()
        image = (image - image.mean()) / image.std()
        both = torch.stack([image, reference.float()])
        if torch.rand(()) < 0.5:
            both = both.flip(2)
        down, right = torch.randint(0, 2 * SHIFT_PX + 1, (2,)).tolist()
        height, width = image.shape
        both = F.pad(both, [SHIFT_PX] * 4)[:, down : down + height, right : right + width]
        return both[:1], both[1].long()


def plain_loop(plan: RunPlan, workers: int, precision: Precision) -> Loop:
    """Training as PyTorch's tutorials write it."""
    network = PlainUNet(plan.settings, len(plan.scheme.regions)).train()
    optimizer = _adam(network, plan.settings)
    loader = torch.utils.data.DataLoader(
        Slices(plan.samples()["training"]),
        batch_size=plan.settings.batch_size,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=workers > 0,
    )
    while True:
        for images, references in loader:
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
                loss = F.cross_entropy(network(images), references)
            loss.backward()
            optimizer.step()
            yield len(images)


def monai_loop(plan: RunPlan, workers: int, meta: bool) -> Loop:
    """Training as MONAI's tutorials write it; ``meta`` keeps meta data on each image."""
    network = PlainUNet(plan.settings, len(plan.scheme.regions)).train()
    optimizer = _adam(network, plan.settings)
    monai.data.set_track_meta(meta)
    loader = _monai_loader(plan.samples()["training"], plan.settings.batch_size, workers)
    while True:
        for batch in loader:
            optimizer.zero_grad()
            loss = F.cross_entropy(network(batch["image"]), batch["label"][:, 0].long())
            loss.backward()
            optimizer.step()
            yield len(batch["image"])
            monai.data.set_track_meta(meta)  # global, so the other loops have changed it


def _adam(network: nn.Module, settings: RunSettings) -> torch.optim.Optimizer:
    return torch.optim.Adam(
        network.parameters(),
        lr=settings.learning_rate,
        weight_decay=settings.l2.strength,
        fused=True,
    )


def _monai_loader(samples: Samples, batch_size: int, workers: int) -> monai.data.DataLoader:
    """Our normalisation and augmentation in MONAI's terms; the normalised slices are cached."""
    both = ("image", "label")
    augmented = Compose(
        [
            NormalizeIntensityd("image"),
            RandFlipd(both, prob=0.5, spatial_axis=1),
            RandAffined(
                both,
                prob=1,
                translate_range=(SHIFT_PX, SHIFT_PX),
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
