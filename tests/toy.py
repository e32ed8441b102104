"""A toy study, made by hand through the results tables: no training, no torch.

Each slice shows a ring (the myocardium) around a disc (the blood pool). A fake "network" predicts
the reference moved to the right by some pixels: the further, the worse its scores. With folds each
network has the split of its fold.
"""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from myosweep.config import (
    Replicate,
    StudyConfig,
    read_study_config,
    settings_from_paths,
    write_study_config,
)
from myosweep.data.split import (
    PARTS,
    Split,
    make_folds,
    make_split,
    subset_of_patients,
    write_split,
)
from myosweep.data.store import Dataset, new_dataset, open_dataset
from myosweep.files import read_json, write_json
from myosweep.metrics import count_slices, outline_lengths_px
from myosweep.regions import NO_REGION, RegionScheme
from myosweep.results.layout import RunFolder, StudyFolder
from myosweep.results.rows import RunSettingsFile, RunStatus, count_rows
from myosweep.results.write import write_scores

SCHEME = RegionScheme.parse(["background=0", "blood pool=1", "myocardium=2,3"])
DIVERGED = -1
"""Instead of a shift: the network has no answer anywhere."""
PAPER = {(5e-3,): (2, 3), (5e-4,): (1, 1), (5e-5,): (0, 1)}
"""Shifts of two networks for each of the paper's values."""


@dataclass(frozen=True)
class Toy:
    """A toy study on disk, to which networks and baselines can be added."""

    home: StudyFolder
    data: Dataset
    config: StudyConfig
    splits: Mapping[str, Split]
    scheme: RegionScheme = SCHEME
    answer: Callable[[np.ndarray, int], np.ndarray] | None = None

    @property
    def folder(self) -> Path:
        """The study's folder."""
        return self.home.path

    @property
    def split(self) -> Split:
        """The only split of a study without folds."""
        return self.splits["split"]

    def add_network(
        self,
        values: Mapping[str, Any],
        seed: int,
        shift: int,
        epochs: int = 3,
        trial: int | None = None,
        cost: float | None = None,
        **status: Any,
    ) -> RunFolder:
        """Write the run of one fake network; ``status`` replaces fields of its status.

        With folds its seed says which network it is, and so its repeat, fold and split.
        """
        members = {member.seed: member for member in self.config.replicates.members}
        member = members.get(seed, Replicate(seed))
        split = self.splits[member.split_name]
        name = "-".join(map(str, (*values.values(), seed))).replace(".", "p")
        run = self.home.run(f"run-{name}")
        settings = settings_from_paths(dict(values))
        facts = {"point": dict(values), "settings": settings, **member._asdict()}
        self._describe(run, split, "trained", name, **facts, trial=trial, cost=cost)
        accuracy = self._predict(
            run,
            split,
            lambda reference: (self.answer or moved)(reference, shift),
            settings.data.fraction,
            seed,
        )
        _history(epochs, seed, shift).to_csv(run.history, index=False)
        ended = {
            "status": "diverged" if shift == DIVERGED else "complete",
            "epochs_done": epochs,
            "seconds": 60.0 + seed,
            "device": "cpu",
            "precision": "float32",
            "threads": 2,
            "machines": ("Linux x86_64 AVX2, 2 threads",),
            "versions": {"myosweep": "0.1.0", "torch": "2.13.0"},
            "validation_accuracy": accuracy,
            "largest_l2_ratio": 0.25,
            **status,
        }
        write_json(run.status, RunStatus(**ended).model_dump(mode="json"))
        return run

    def add_baselines(self) -> None:
        """Write both baselines of each split: background everywhere, and one slice's reference."""
        fixed = self.data.reference(self.scheme, np.array([0]))[0]
        answers = {"majority class": np.zeros_like(fixed), "no-image predictor": fixed}
        for (place, split), (label, answer) in itertools.product(
            self.splits.items(), answers.items()
        ):
            run = self.home.run(f"baseline-{label.split()[0]}-{place}")
            self._describe(run, split, "baseline", label, point={}, seed=0, settings=None)
            self._predict(
                run, split, lambda reference, answer=answer: np.stack([answer] * len(reference))
            )
            write_json(run.status, RunStatus(status="complete").model_dump(mode="json"))

    def describe(self, run: RunFolder, **facts: Any) -> None:
        """Write what a trained run is, on the study's only split."""
        self._describe(run, self.split, "trained", run.id, **facts)

    def _describe(self, run: RunFolder, split: Split, kind: Any, label: str, **facts: Any) -> None:
        record = RunSettingsFile(
            kind=kind,
            label=label,
            pixel_hash=self.data.manifest.pixel_hash,
            split_hash=split.hash,
            regions={region.name: region.codes for region in self.scheme.regions},
            ignored=self.scheme.ignored,
            **facts,
        )
        write_json(run.settings, record.model_dump(mode="json"))

    def _predict(
        self,
        run: RunFolder,
        split: Split,
        predict: Callable[[np.ndarray], np.ndarray],
        fraction: float = 1.0,
        seed: int = 0,
    ) -> float:
        """Write counts and masks of all parts; returns the validation accuracy.

        Of the training part a share of the patients is written, as if only these had trained.
        """
        rows = {part: split.rows(part, self.data) for part in PARTS}
        owners = self.data.slices["patient"].to_numpy(str)
        rows["training"] = subset_of_patients(rows["training"], owners, fraction, seed)
        parts = np.repeat(PARTS, [len(rows[part]) for part in PARTS])
        chosen = np.concatenate([rows[part] for part in PARTS])
        reference = self.data.reference(self.scheme, chosen)
        prediction = predict(reference)
        regions = len(self.scheme.regions)
        counts = count_slices(reference, prediction, regions).columns()
        lengths = outline_lengths_px(reference, regions).reshape(-1)
        slices = self.data.slices.iloc[chosen]
        table = count_rows("", slices, self.scheme.names, lengths, counts)
        table["part"] = np.repeat(parts, regions)
        kept = parts != "training"
        write_scores(run, table, slices["slice"][kept].tolist(), prediction[kept])
        return float((prediction == reference)[parts == "validation"].mean())


def as_of_another_program(home: StudyFolder) -> None:
    """Turn a toy study into one of masks that were scored: no settings, history, other parts."""
    config = read_study_config(home.study).model_copy(update={"source": "masks"})
    write_study_config(config, home.study)
    for run in home.runs():
        counts = pd.read_parquet(run.counts)
        counts[counts["part"] == "test"].to_parquet(run.counts)
        run.history.unlink(missing_ok=True)
        settings = read_json(run.settings) | {"settings": None}
        kind = {"trained": "masks"}.get(settings["kind"], settings["kind"])
        write_json(run.settings, settings | {"kind": kind})
        write_json(run.status, {"status": "complete"})


def toy_study(
    folder: Path,
    shifts: Mapping[tuple[Any, ...], tuple[int, ...]] = PAPER,
    *,
    fields: tuple[str, ...] = ("l2.strength",),
    baselines: bool = True,
    patients: int = 10,
    side: int = 32,
    epochs: int = 3,
    data: Dataset | None = None,
    scheme: RegionScheme = SCHEME,
    answer: Callable[[np.ndarray, int], np.ndarray] | None = None,
    **config: Any,
) -> Toy:
    """A finished study below ``folder``, and its dataset beside it.

    Args:
        shifts: for each point of the sweep (a value per field) the shift of each network in
            pixels, seed by seed; ``DIVERGED`` for a network without answers. With folds, fold by
            fold; fewer shifts than networks give an unfinished study.
        data: another dataset, in ``folder / "data"``, with its ``scheme``.
        answer: what a network predicts, from the reference and its shift; default: ``moved``.
        config: further fields of the study, such as ``scoring``, ``split`` or ``replicates``.
    """
    data = data or toy_dataset(folder / "data", patients=patients, side=side)
    sweep = {
        path: tuple(dict.fromkeys(point[number] for point in shifts))
        for number, path in enumerate(fields)
    }
    seeds = max(map(len, shifts.values()))
    content = {"dataset": "../data", "sweep": sweep, "replicates": {"seeds": seeds}, **config}
    study = StudyConfig(name="toy", **content)
    home = StudyFolder(folder / "study")
    toy = Toy(home, data, study, toy_splits(data, study), scheme, answer)
    write_study_config(study, toy.home.study)
    for name, split in toy.splits.items():
        write_split(split, toy.home.split(name))
    for point, moves in shifts.items():
        for seed, shift in enumerate(moves):
            toy.add_network(dict(zip(fields, point, strict=True)), seed, shift, epochs)
    if baselines:
        toy.add_baselines()
    return toy


def toy_splits(data: Dataset, study: StudyConfig) -> dict[str, Split]:
    """The study's split, or that of each fold, by name."""
    replicates = study.replicates
    if replicates.design == "seeds":
        return {"split": make_split(data, study.split)}
    names = [member.split_name for member in replicates.members]
    splits = [
        split
        for repeat in range(1, replicates.repeats + 1)
        for split in make_folds(
            data, replicates.folds, repeat, replicates.validation, study.split.seed
        )
    ]
    return dict(zip(names, splits, strict=True))


def toy_dataset(folder: Path, *, patients: int = 10, slices: int = 2, side: int = 32) -> Dataset:
    """A dataset of rings with a scar, in another place in each patient."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:side, :side]
    kinds = np.dtype(np.uint8), np.dtype(np.uint8)
    with new_dataset(folder, *kinds, SCHEME, {"kind": "toy"}) as draft:
        for position in range(patients * slices):
            patient, number = divmod(position, slices)
            down, right = 2 * (patient % 3 - 1), 2 * (patient % 2)
            radius = np.hypot(y - side / 2 + down, x - side / 2 + right) + number
            labels = np.zeros((side, side), np.uint8)
            labels[radius < side * 0.28] = 2
            labels[(radius < side * 0.28) & (x > side * 0.65)] = 3
            labels[radius < side * 0.16] = 1
            image = np.choose(labels, [90, 170, 60, 180]) + rng.normal(0, 12, labels.shape)
            name = f"P{patient:02d}"
            pixels = image.clip(0, 255).astype(np.uint8)
            draft.append(pixels, labels, slice=f"{name}_{number:03d}", patient=name)
    return open_dataset(folder)


def moved(reference: np.ndarray, shift: int) -> np.ndarray:
    """Region maps moved to the right; what comes in from the left is background."""
    if shift == DIVERGED:
        return np.full_like(reference, NO_REGION)
    prediction = np.zeros_like(reference)
    prediction[:, :, shift:] = reference[:, :, : reference.shape[2] - shift]
    return prediction


def _history(epochs: int, seed: int, shift: int) -> pd.DataFrame:
    epoch = np.arange(1, epochs + 1)
    quality = (1 - np.exp(-epoch / epochs * 3)) * (1 - 0.05 * shift - 0.01 * seed)
    return pd.DataFrame(
        {
            "epoch": epoch,
            "loss": 1.1 - quality,
            "l2_term": 0.1,
            "data_gradient_norm": 1.0,
            "l2_gradient_norm": 0.01 * (2 + shift) / epoch,
            "validation_accuracy": 0.8 + 0.19 * quality,
            **{f"iou_{name}": quality * 0.9 for name in SCHEME.names},
        }
    )
