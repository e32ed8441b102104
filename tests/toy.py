"""A toy study, made by hand through the results tables: no training, no torch.

Each slice shows a ring (the myocardium) around a disc (the blood pool). A fake "network" predicts
the reference moved to the right by some pixels, so that every score can be worked out by hand.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from myosweep.config import RunSettings, StudyConfig, settings_from_paths, write_study_config
from myosweep.data.split import PARTS, Split, make_split, write_split
from myosweep.data.store import Dataset, new_dataset, open_dataset
from myosweep.files import write_json
from myosweep.metrics import count_slices
from myosweep.regions import NO_REGION, RegionScheme
from myosweep.results.layout import StudyFolder
from myosweep.results.rows import RunSettingsFile, RunStatus, count_rows
from myosweep.results.write import write_scores

SCHEME = RegionScheme.parse(["background=0", "blood pool=1", "myocardium=2,3"])
DIVERGED = -1
"""Instead of a shift: the network has no answer anywhere."""


@dataclass(frozen=True)
class Toy:
    """A toy study: its folder, and the dataset that its pictures come from."""

    folder: Path
    dataset: Path


def toy_dataset(folder: Path, *, patients: int = 10, slices: int = 2, side: int = 32) -> Dataset:
    """A dataset of rings with a scar, each slice a little different."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side]
    shape = (patients * slices, side, side)
    kinds = np.dtype(np.uint8), np.dtype(np.uint8)
    with new_dataset(folder, shape, *kinds, SCHEME, {"kind": "toy"}) as draft:
        for position in range(shape[0]):
            patient, number = divmod(position, slices)
            radius = np.hypot(y - side / 2 + position % 3, x - side / 2)
            labels = np.zeros((side, side), np.uint8)
            labels[radius < side * 0.28] = 2
            labels[(radius < side * 0.28) & (x > side * 0.65)] = 3
            labels[radius < side * 0.16] = 1
            image = np.choose(labels, [90, 170, 60, 180]) + rng.normal(0, 12, labels.shape)
            draft.put(
                position,
                image.clip(0, 255).astype(np.uint8),
                labels,
                slice=f"P{patient:02d}_{number:03d}",
                patient=f"P{patient:02d}",
            )
    return open_dataset(folder)


def toy_study(
    folder: Path,
    shifts: Mapping[tuple[Any, ...], tuple[int, ...]] | None = None,
    *,
    fields: tuple[str, ...] = ("l2.strength",),
    baselines: bool = True,
    patients: int = 10,
    side: int = 32,
    epochs: int = 3,
    **config: Any,
) -> Toy:
    """A finished study below ``folder``.

    Args:
        shifts: for each point of the sweep (a value per field) the shift of each network in
            pixels, seed by seed; ``DIVERGED`` for a network without answers. By default the
            paper's three values with shifts (2, 3), (1, 1) and (0, 1).
        config: further fields of the study, such as ``scoring`` or ``split``.
    """
    if shifts is None:
        shifts = {(5e-3,): (2, 3), (5e-4,): (1, 1), (5e-5,): (0, 1)}
    dataset = toy_dataset(folder / "data", patients=patients, side=side)
    sweep = {
        path: tuple(dict.fromkeys(point[number] for point in shifts))
        for number, path in enumerate(fields)
    }
    seeds = max(map(len, shifts.values()))
    study = StudyConfig(
        name="toy", dataset="../data", sweep=sweep, replicates={"seeds": seeds}, **config
    )
    home = StudyFolder(folder / "study")
    split = make_split(dataset, study.split)
    write_study_config(study, home.study)
    write_split(split, home.split)
    for point, moves in shifts.items():
        for seed, shift in enumerate(moves):
            values = dict(zip(fields, point, strict=True))
            add_network(home, dataset, split, values, seed, shift, epochs)
    if baselines:
        add_baselines(home, dataset, split)
    return Toy(home.path, dataset.folder)


def add_network(
    home: StudyFolder,
    dataset: Dataset,
    split: Split,
    values: dict[str, Any],
    seed: int,
    shift: int,
    epochs: int = 3,
    **status: Any,
) -> str:
    """Write the run of one fake network; returns its id."""
    name = "-".join(f"{value:g}" if isinstance(value, float) else str(value)
                    for value in values.values()).replace(".", "p")  # fmt: skip
    run = home.run(f"run-{name}-{seed}")
    settings = settings_from_paths(values)
    _write_settings(run.settings, "trained", f"{values}, seed {seed}", values, seed, settings,
                    dataset, split)  # fmt: skip
    _write_predictions(run, dataset, split, lambda reference: moved(reference, shift))
    _history(epochs, seed, shift).to_csv(run.history, index=False)
    facts = {
        "status": "diverged" if shift == DIVERGED else "complete",
        "epochs_done": epochs,
        "seconds": 60.0 + seed,
        "device": "cpu",
        "precision": "float32",
        "threads": 2,
        "machines": ("Linux x86_64 AVX2, 2 threads",),
        "versions": {"myosweep": "0.1.0", "torch": "2.13.0"},
        "validation_accuracy": 0.9 - 0.01 * shift,
        "largest_l2_ratio": 0.25,
        **status,
    }
    write_json(run.status, RunStatus(**facts).model_dump(mode="json"))
    return run.id


def add_baselines(home: StudyFolder, dataset: Dataset, split: Split) -> None:
    """Write both baselines: background everywhere, and one slice's reference for all."""
    fixed = dataset.reference(SCHEME, np.array([0]))[0]
    answers = {"majority class": np.zeros_like(fixed), "no-image predictor": fixed}
    for label, answer in answers.items():
        run = home.run(f"baseline-{label.split()[0]}")
        _write_settings(run.settings, "baseline", label, {}, 0, None, dataset, split)
        _write_predictions(
            run,
            dataset,
            split,
            lambda reference, answer=answer: np.repeat(answer[None], len(reference), 0),
        )
        write_json(run.status, RunStatus(status="complete").model_dump(mode="json"))


def moved(reference: np.ndarray, shift: int) -> np.ndarray:
    """Region maps moved to the right; what comes in from the left is background."""
    if shift == DIVERGED:
        return np.full_like(reference, NO_REGION)
    prediction = np.zeros_like(reference)
    prediction[:, :, shift:] = reference[:, :, : reference.shape[2] - shift]
    return prediction


def _write_settings(
    path: Path,
    kind: Any,
    label: str,
    point: dict[str, Any],
    seed: int,
    settings: RunSettings | None,
    dataset: Dataset,
    split: Split,
) -> None:
    record = RunSettingsFile(
        kind=kind,
        label=label,
        point=point,
        seed=seed,
        settings=settings,
        pixel_hash=dataset.manifest.pixel_hash,
        split_hash=split.hash,
        regions={region.name: region.codes for region in SCHEME.regions},
        ignored=SCHEME.ignored,
    )
    write_json(path, record.model_dump(mode="json"))


def _write_predictions(run: Any, dataset: Dataset, split: Split, predict: Any) -> None:
    tables, keys, masks = [], [], []
    for part in PARTS:
        rows = split.rows(part, dataset)
        reference = dataset.reference(SCHEME, rows)
        prediction = predict(reference)
        counts = count_slices(reference, prediction, len(SCHEME.regions)).columns()
        slices = dataset.slices.iloc[rows]
        tables.append(count_rows(part, slices, SCHEME.names, counts))
        if part != "training":
            keys += slices["slice"].tolist()
            masks.append(prediction)
    write_scores(run, pd.concat(tables, ignore_index=True), keys, np.concatenate(masks))


def _history(epochs: int, seed: int, shift: int) -> pd.DataFrame:
    epoch = np.arange(1, epochs + 1)
    quality = (1 - np.exp(-epoch / epochs * 3)) * (1 - 0.05 * shift - 0.01 * seed)
    return pd.DataFrame(
        {
            "epoch": epoch,
            "loss": 1.1 - quality,
            "l2_term": 0.1,
            "data_gradient_norm": 1.0,
            "l2_gradient_norm": 0.01 * (1 + shift) / epoch,
            "validation_accuracy": 0.8 + 0.19 * quality,
            **{f"iou_{name}": quality * 0.9 for name in SCHEME.names},
        }
    )
