"""Masks of another program (MATLAB, nnU-Net) as a run of a study, scored as our own are."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from myosweep.config import (
    Replicate,
    StudyConfig,
    Value,
    canonical_hash,
    flatten,
    read_study_config,
    run_label,
    settings_from_paths,
    study_config,
    write_study_config,
)
from myosweep.data.crop import Window
from myosweep.data.names import NamePattern
from myosweep.data.raster import list_rasters, read_raster
from myosweep.data.split import PARTS, Split, check_split, read_split, write_split
from myosweep.data.store import Dataset, open_dataset
from myosweep.errors import DatasetError, StudyError
from myosweep.files import write_json
from myosweep.regions import NO_REGION, RegionScheme
from myosweep.results.layout import StudyFolder
from myosweep.results.rows import RunSettingsFile, RunStatus
from myosweep.study.baselines import write_baselines
from myosweep.study.merge import joined, union
from myosweep.study.open import Study
from myosweep.study.places import relative_path
from myosweep.training.score import RegionMaps, write_run_scores


def score_masks(
    predictions: Path | str,
    dataset: Path | str,
    out: Path | str,
    *,
    value: str,
    seed: int = 0,
    field: str = "l2.strength",
    split: Path | str | None = None,
    regions: Sequence[str] | None = None,
) -> str:
    """Score predicted masks and add them to a study as one run.

    Args:
        predictions: folder of masks, named as the images were at import or by slice key; of the
            dataset's size, or of the original size (then they are cropped as the images were).
        dataset: the dataset that they belong to.
        out: the study folder to make or to add to.
        value: the swept field's value of the network that made them.
        seed: which of the value's networks it is.
        field: the swept field, a path such as ``l2.strength``.
        split: a split file; every part with any mask must have all of them, and the test part
            must be there. Without it every slice is a test slice.
        regions: ``NAME=CODES`` of the predicted masks where they differ from the dataset's.

    Returns:
        The run's id.

    Raises:
        InputError: listing every problem; then nothing was written.
    """
    data = open_dataset(dataset)
    scheme = RegionScheme.parse(regions) if regions else data.scheme
    if scheme.names != data.scheme.names:
        raise DatasetError(
            f"the predicted masks have the regions {', '.join(scheme.names)}, the dataset has "
            f"{', '.join(data.scheme.names)}; give the same names in the same order"
        )
    parts = read_split(Path(split)) if split else _all_test(data)
    check_split(parts, data)
    maps = _read_masks(Path(predictions), data, parts, scheme)
    exact = flatten(settings_from_paths({field: _value(value)}).model_dump())[field]
    study = _open(StudyFolder(Path(out)), data, parts, field, exact, seed)
    return _write(study, parts, {field: exact}, seed, maps)


def _all_test(dataset: Dataset) -> Split:
    keys = tuple(dataset.slices["slice"])
    return Split(
        made_by=None,
        pixel_hash=dataset.manifest.pixel_hash,
        training=(),
        validation=(),
        test=keys,
    )


def _read_masks(
    folder: Path, dataset: Dataset, split: Split, scheme: RegionScheme
) -> dict[str, RegionMaps]:
    """Region maps of every part that has masks, in the split's order."""
    files = _files_by_slice(folder, dataset)
    problems, maps = [], {}
    for part in PARTS:
        wanted = split.part(part)
        missing = [key for key in wanted if key not in files]
        if len(missing) == len(wanted) and part != "test":
            continue
        problems += [f"slice {key} of the {part} part has no predicted mask" for key in missing]
        chunks = []
        for key in (key for key in wanted if key in files):
            try:
                chunks.append(_read_mask(files[key], key, dataset, scheme))
            except DatasetError as error:
                problems += [f"mask of slice {key} {problem}" for problem in error.problems]
        if not problems:
            maps[part] = np.stack(chunks)
    if problems:
        raise DatasetError(problems, "nothing was scored")
    return maps


def _files_by_slice(folder: Path, dataset: Dataset) -> dict[str, Path]:
    """The file of each slice key, by the key itself or by the dataset's patient pattern."""
    if not folder.is_dir() or not (found := list_rasters(folder)):
        raise DatasetError(f"folder {folder.name!r} holds no masks; check the path")
    keys = set(dataset.slices["slice"])
    files = {Path(name).name: paths[0] for name, paths in found.items() if Path(name).name in keys}
    others = {name: paths[0] for name, paths in found.items() if Path(name).name not in keys}
    pattern = NamePattern(str(dataset.manifest.source.get("patient_pattern", _NEVER)))
    slices, strangers = pattern.read(others)
    strangers += [name for name, one in slices.items() if one.key not in keys]
    if not pattern.names_slices:
        strangers += _incomplete_patients([one.patient for one in slices.values()], dataset)
    if strangers:
        raise DatasetError(
            [
                f"{name!r} belongs to no slice of the dataset; name masks by slice key, such as "
                f"{min(keys)}.png, or as the images were named at import"
                for name in strangers
            ],
            "nothing was scored",
        )
    return files | {one.key: others[name] for name, one in slices.items()}


_NEVER = "(?!)"
"""A pattern that matches nothing: the dataset was not made from files with names."""


def _incomplete_patients(owners: list[str], dataset: Dataset) -> list[str]:
    """Patients whose slices were numbered by order and whose masks are not all there."""
    known = dataset.slices["patient"].value_counts()
    return [name for name in dict.fromkeys(owners) if owners.count(name) != known.get(name)]


def _read_mask(path: Path, key: str, dataset: Dataset, scheme: RegionScheme) -> np.ndarray:
    labels = read_raster(path, labels=True)
    row = dataset.slices[dataset.slices["slice"] == key].iloc[0].to_dict()
    shape = dataset.images.shape[1:]
    original = (row.get("source_height"), row.get("source_width"))
    if unknown := scheme.unknown_codes(labels):
        raise DatasetError(f"holds the codes {list(unknown)}, which no region has; give --region")
    regions = scheme.encode(labels)
    if labels.shape == shape:
        return regions
    if labels.shape == original:
        window = Window(int(row["crop_top"]), int(row["crop_left"]), shape[0])
        return window.cut(regions, NO_REGION)
    raise DatasetError(
        f"has {labels.shape[0]} x {labels.shape[1]} pixels, the slice has {shape[0]} x {shape[1]}"
    )


def _open(
    folder: StudyFolder, dataset: Dataset, split: Split, field: str, value: Value, seed: int
) -> Study:
    """The study of other programs' masks in a folder, with this value and seed in it."""
    content = {
        "name": folder.path.resolve().name,
        "dataset": relative_path(dataset.folder, folder.path),
        "source": "masks",
        "sweep": {field: [value]},
        "replicates": {"seeds": [seed]},
        "question": {"region": _question_region(dataset.scheme)},
    }
    config = study_config(content, "the study")
    if folder.study.exists():
        config = _joined(read_study_config(folder.study), config)
        if read_split(folder.split()).hash != split.hash:
            raise StudyError(
                f"study {folder.path.name!r} was scored on another split; give that split or "
                "another --out"
            )
    folder.path.mkdir(parents=True, exist_ok=True)
    write_split(split, folder.split())
    write_study_config(config, folder.study)
    return Study(config, folder, dataset, {Replicate(seed).split_name: split}, dataset.scheme)


def _joined(old: StudyConfig, new: StudyConfig) -> StudyConfig:
    if old.source != "masks":
        raise StudyError(
            f"study {old.name!r} trains its own networks; masks of another program need an --out "
            "of their own"
        )
    if set(old.sweep) != set(new.sweep):
        raise StudyError(
            f"study {old.name!r} sweeps {', '.join(old.sweep)}, not {', '.join(new.sweep)}; give "
            "that --field or another --out"
        )
    sweep = {path: union(old.sweep[path], new.sweep[path]) for path in old.sweep}
    return old.model_copy(
        update={"sweep": sweep, "replicates": joined(old.replicates, new.replicates)}
    )


def _question_region(scheme: RegionScheme) -> str:
    return "myocardium" if "myocardium" in scheme.names else scheme.names[-1]


def _write(
    study: Study, split: Split, point: dict[str, Value], seed: int, maps: dict[str, RegionMaps]
) -> str:
    description = RunSettingsFile(
        kind="masks",
        label=run_label(point, f"seed {seed}"),
        point=point,
        seed=seed,
        settings=None,
        pixel_hash=study.dataset.manifest.pixel_hash,
        split_hash=split.hash,
        regions={region.name: region.codes for region in study.scheme.regions},
        ignored=study.scheme.ignored,
    )
    facts = description.model_dump(mode="json")
    folder = study.folder.run(f"masks-{canonical_hash(facts)[:10]}")
    if folder.read_status() is not None:
        raise StudyError(
            f"the study has masks of {description.label} already; give another --seed or --value"
        )
    folder.path.mkdir(parents=True, exist_ok=True)
    write_json(folder.settings, facts)
    pairs = {part: _pairs(study, split, part, predicted) for part, predicted in maps.items()}
    write_run_scores(folder, study.dataset, split.all_rows(study.dataset), study.scheme, pairs)
    write_json(folder.status, RunStatus(status="complete").model_dump(mode="json"))
    if split.training:
        write_baselines(study)
    return folder.id


def _pairs(
    study: Study, split: Split, part: str, maps: RegionMaps
) -> Iterator[tuple[RegionMaps, RegionMaps]]:
    yield study.dataset.reference(study.scheme, split.rows(part, study.dataset)), maps


def _value(text: str) -> Value:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
