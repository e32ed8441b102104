"""Finished studies of any size without any training, for benchmarks of what comes after it.

Slices are phantoms, a few hundred of them repeated with other noise. A "network" predicts the
reference moved by a few pixels, other ones on every slice: the stronger its L2, the further. All
files are those of a real run but the weights, which no report reads.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from myosweep.config import (
    Replicate,
    StudyConfig,
    run_label,
    settings_from_paths,
    write_study_config,
)
from myosweep.data.phantom import REGIONS, PhantomSlice, phantom_patient
from myosweep.data.split import PARTS, Split, make_split, write_split
from myosweep.data.store import Dataset, new_dataset, open_dataset
from myosweep.files import write_json
from myosweep.results.layout import RunFolder, StudyFolder
from myosweep.results.rows import RunSettingsFile, RunStatus
from myosweep.training.score import RegionMaps, write_run_scores

DISTINCT = 280
"""So many phantoms are drawn; a larger dataset repeats them with other noise."""
SIDE_PX = 128
SLICES_PER_PATIENT = 7
STRENGTHS = (0.0, 5e-6, 5e-5, 1e-4, 5e-4, 1e-3, 5e-3)
EPOCHS = 30
_CHUNK = 256


def make_dataset(folder: Path, slices: int, seed: int = 0) -> Dataset:
    """A dataset of so many slices, seven to a patient."""
    rng = np.random.default_rng(seed)
    types = np.dtype(np.uint16), np.dtype(np.uint8)
    originals = list(itertools.islice(_phantoms(seed), min(slices, DISTINCT)))
    with new_dataset(folder, *types, REGIONS, {"kind": "repeated phantoms"}) as draft:
        for number in range(slices):
            one = originals[number % len(originals)]
            noise = rng.integers(-20, 21, one.image.shape, np.int16)
            image = (one.image.astype(np.int16) + noise).clip(0, 4095).astype(np.uint16)
            patient, position = divmod(number, SLICES_PER_PATIENT)
            draft.append(
                image,
                one.labels,
                slice=f"P{patient:06d}_{position}",
                patient=f"P{patient:06d}",
                site=f"S{patient % 6}",
                vendor="ABC"[patient % 3],
                level=("base", "middle", "apex")[position * 3 // SLICES_PER_PATIENT],
                spacing_mm=1.4,
                slice_spacing_mm=10.0,
            )
    return open_dataset(folder)


def _phantoms(seed: int) -> Iterator[PhantomSlice]:
    for patient in itertools.count(1):
        yield from phantom_patient(seed, patient, SIDE_PX)


def make_study(folder: Path, dataset: Dataset, values: int, networks: int) -> StudyFolder:
    """A finished study of so many L2 strengths and networks for each."""
    home = StudyFolder(folder)
    content = {
        "name": "synthetic",
        "dataset": str(dataset.folder.resolve()),
        "sweep": {"l2.strength": STRENGTHS[:values]},
        "replicates": {"seeds": networks},
    }
    study = StudyConfig.model_validate(content)
    folder.mkdir(parents=True)
    write_study_config(study, home.study)
    split = make_split(dataset, study.split)
    write_split(split, home.split())
    for number, (point, _) in enumerate(study.points()):
        for member in study.replicates.members:
            run = home.run(f"{number:04d}{member.seed:012d}")
            write_run(run, dataset, split, float(point["l2.strength"]), member, 1 + number)
    return home


def write_run(
    run: RunFolder,
    dataset: Dataset,
    split: Split,
    strength: float,
    member: Replicate,
    furthest_px: int,
) -> None:
    """The files of one finished network, whose masks are moved by up to ``furthest_px``."""
    rng = np.random.default_rng([member.seed, furthest_px])
    point = {"l2.strength": strength}
    description = RunSettingsFile(
        kind="trained",
        label=run_label(point, member.words),
        point=point,
        **member._asdict(),
        settings=settings_from_paths(point),
        pixel_hash=dataset.manifest.pixel_hash,
        split_hash=split.hash,
        regions={region.name: region.codes for region in REGIONS.regions},
        ignored=REGIONS.ignored,
    )
    write_json(run.settings, description.model_dump(mode="json"))
    write_json(run.claim(1), {"epochs_done": EPOCHS, "seconds": 60.0, "released": True})
    maps = predictions(dataset, split, furthest_px, rng)
    write_run_scores(run, dataset, split.all_rows(dataset), REGIONS, maps)
    _history(rng).to_csv(run.history, index=False)
    ended = RunStatus(
        status="complete",
        epochs_done=EPOCHS,
        seconds=60.0,
        device="cpu",
        precision="float32",
        threads=1,
        machines=("Linux x86_64 AVX2, 1 threads",),
        versions={"myosweep": "0.1.0", "torch": "2.13.0"},
        validation_accuracy=float(rng.uniform(0.95, 0.98)),
        largest_l2_ratio=strength * 100,
    )
    write_json(run.status, ended.model_dump(mode="json"))


def predictions(
    dataset: Dataset, split: Split, furthest_px: int, rng: np.random.Generator
) -> dict[str, Iterator[tuple[RegionMaps, RegionMaps]]]:
    """Per part reference and predicted region maps, some slices at a time."""
    return {part: _moved(dataset, split.rows(part, dataset), furthest_px, rng) for part in PARTS}


def _moved(
    dataset: Dataset, rows: np.ndarray, furthest_px: int, rng: np.random.Generator
) -> Iterator[tuple[RegionMaps, RegionMaps]]:
    for start in range(0, len(rows), _CHUNK):
        references = dataset.reference(REGIONS, rows[start : start + _CHUNK])
        moves = rng.integers(-furthest_px, furthest_px + 1, (len(references), 2))
        pairs = zip(references, moves, strict=True)
        yield references, np.stack([np.roll(one, move, (0, 1)) for one, move in pairs])


def _history(rng: np.random.Generator) -> pd.DataFrame:
    epoch = np.arange(1, EPOCHS + 1)
    quality = 1 - np.exp(-epoch / 8) + rng.normal(0, 0.01, EPOCHS)
    return pd.DataFrame(
        {
            "epoch": epoch,
            "loss": 1.1 - quality,
            "l2_term": 0.1,
            "data_gradient_norm": 1.0,
            "l2_gradient_norm": 0.01 / epoch,
            "validation_accuracy": 0.8 + 0.17 * quality,
            **{f"iou_{name}": 0.9 * quality for name in REGIONS.names},
        }
    )
