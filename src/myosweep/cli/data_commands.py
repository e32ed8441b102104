"""Commands that make phantoms, export data, divide it and describe it."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.markup import escape

from myosweep.cli.show import (
    console,
    counting,
    print_facts,
    print_json,
    print_table,
    warn,
)

if TYPE_CHECKING:
    from myosweep.data.split import Split
    from myosweep.data.store import Dataset

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for other programs.")]


def phantom(
    out: Annotated[Path, typer.Argument(help="Dataset folder to make.")],
    patients: Annotated[int, typer.Option(min=1, help="How many patients.")] = 24,
    seed: Annotated[int, typer.Option(min=0, help="Another seed gives other patients.")] = 0,
) -> None:
    """Make a dataset of synthetic LGE slices, to try myosweep without any patient data.

    Example: myosweep phantom data/phantom --patients 24 --seed 0
    """
    from myosweep.data.phantom_dataset import make_phantom

    with counting("Making patients") as progress:
        dataset = make_phantom(out, patients=patients, seed=seed, progress=progress)
    show_dataset(dataset)


def export(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE", help="A dataset; or a network: a run's folder, or a study's."
        ),
    ],
    out: Annotated[Path, typer.Argument(help="Folder to make.")],
    as_: Annotated[
        Literal["png", "nifti", "nnunet", "paper", "onnx", "monai", "safetensors"],
        typer.Option(
            "--as",
            help="Of a dataset: png: a picture per slice. nifti: a volume per patient. nnunet: the "
            "same in nnU-Net's layout. paper: 8-bit pictures, masks of 255, 128 and 0. Of a "
            "network: onnx: one file, which runs without torch. monai: a bundle of one network. "
            "safetensors: weights and JSON.",
        ),
    ] = "png",
    value: Annotated[
        list[str] | None,
        typer.Option(
            "--value", help="Of a study: the value whose networks are exported, as for predict."
        ),
    ] = None,
) -> None:
    """Write a dataset's images and masks, or a trained network, as files for other programs.

    Importing images and masks again gives the same pixels. A network's folder has the SHA-256 of
    each of its files.

    Examples: myosweep export data/mine exported --as nnunet;
    myosweep export data/mine for-matlab --as paper;
    myosweep export results/my-study model --as onnx --value 0.0005
    """
    if as_ == "onnx" or as_ == "monai" or as_ == "safetensors":
        _export_model(source, out, as_, value or [])
    else:
        _export_dataset(source, out, as_, value or [])


def _export_model(
    model: Path, out: Path, as_: Literal["onnx", "monai", "safetensors"], values: list[str]
) -> None:
    from myosweep.predict.export import export_model

    written = export_model(model, out, as_, values)
    networks = "1 network" if written.networks == 1 else f"{written.networks} networks"
    console.print(
        f"{networks} written to {escape(str(out))} (model {written.digest[:12]}). SHA256SUMS there "
        "names every file."
    )
    for note in written.notes:
        console.print(escape(note))


def _export_dataset(
    dataset: Path, out: Path, as_: Literal["png", "nifti", "nnunet", "paper"], values: list[str]
) -> None:
    from myosweep.data.export import export_dataset
    from myosweep.data.store import open_dataset
    from myosweep.errors import ConfigError
    from myosweep.results.layout import RunFolder, StudyFolder

    if values or StudyFolder(dataset).study.is_file() or RunFolder(dataset).settings.is_file():
        raise ConfigError(
            f"--as {as_} is for datasets; a network is exported as onnx, monai or safetensors"
        )
    with counting("Writing slices") as progress:
        written = export_dataset(open_dataset(dataset), out, as_, progress)
    console.print(
        f"{written.slices} slices of {written.patients} patients written to {escape(str(out))}. "
        "README.txt there says how to import them again."
    )
    for warning in written.warnings:
        warn(warning)


def split(
    dataset: Annotated[Path, typer.Argument(help="Dataset folder.")],
    out: Annotated[Path, typer.Option(help="Split file to write.")] = Path("split.json"),
    by: Annotated[
        Literal["patient", "slice"],
        typer.Option(help="Keep patients whole, or divide slices as the paper did."),
    ] = "patient",
    fractions: Annotated[
        str, typer.Option(help="Training, validation and test; they add up to 1.")
    ] = "0.6,0.2,0.2",
    seed: Annotated[int, typer.Option(min=0, help="Another seed gives another split.")] = 0,
) -> None:
    """Divide a dataset into training, validation and test part, and store who is where.

    Use it in a study with: [split] file = "split.json"

    Example: myosweep split data/mine --fractions 0.6,0.2,0.2 --seed 0 --out split.json
    """
    from myosweep.config import split_config
    from myosweep.data.split import make_split, patients_in_several_parts, write_split
    from myosweep.data.store import open_dataset
    from myosweep.errors import SplitError

    if out.exists():
        raise SplitError(f"{out.name!r} exists already and is not overwritten; give another --out")
    data = open_dataset(dataset)
    made = make_split(data, split_config(by, fractions, seed))
    write_split(made, out)
    _show_split(made, data)
    if mixed := patients_in_several_parts(made, data):
        warn(leak_warning(mixed))
    console.print(f"Written to {escape(str(out))}")


def leak_warning(patients: int) -> str:
    """What a split by slice does, in a sentence."""
    return (
        f"{patients} patients have slices in several parts, because the split is by slice. Test "
        "scores then say little about new patients; split by patient unless you repeat the paper."
    )


def info(
    path: Annotated[Path, typer.Argument(help="A dataset folder, study folder or split file.")],
    json: Json = False,
) -> None:
    """Describe a dataset, a study or a split.

    Examples: myosweep info data/mine; myosweep info split.json; myosweep info results/my-study
    """
    from myosweep.data.split import read_split
    from myosweep.data.store import open_dataset
    from myosweep.errors import ConfigError
    from myosweep.results.layout import StudyFolder

    if path.suffix == ".toml":
        raise ConfigError(
            f"{path.name} is a study file; see what it would do with `myosweep run {path.name} "
            "--dry-run`"
        )
    if path.is_file():
        made = read_split(path)
        print_json(_split_facts(made)) if json else _show_split(made, None)
    elif StudyFolder(path).study.is_file():
        _show_study(StudyFolder(path), json)
    else:
        dataset = open_dataset(path)
        print_json(_dataset_facts(dataset)) if json else show_dataset(dataset)


def _dataset_facts(dataset: "Dataset") -> dict[str, Any]:
    import numpy as np

    table, scheme = dataset.slices, dataset.scheme
    codes = sorted({int(code) for labels in dataset.labels for code in np.unique(labels)})
    return {
        "kind": "dataset",
        "slices": len(dataset),
        "patients": int(table["patient"].nunique()),
        "height_px": dataset.manifest.height,
        "width_px": dataset.manifest.width,
        "pixel_type": dataset.images.dtype.name,
        "regions": scheme.as_mapping(),
        "ignored_codes": list(scheme.ignored),
        "codes_present": codes,
        "sites": sorted(table["site"].dropna().unique().tolist()),
        "vendors": sorted(table["vendor"].dropna().unique().tolist()),
        "levels": {str(k): int(v) for k, v in table["level"].value_counts().items()},
        "slices_with_spacing": int(table["spacing_mm"].notna().sum()),
        "source": dataset.manifest.source,
        "made_by": dataset.manifest.made_by,
        "pixel_hash": dataset.manifest.pixel_hash,
    }


def show_dataset(dataset: "Dataset") -> None:
    """Print what a dataset holds."""
    facts = _dataset_facts(dataset)
    regions = "; ".join(f"{name} = {', '.join(map(str, codes))}"
                        for name, codes in facts["regions"].items())  # fmt: skip
    rows: list[tuple[str, object]] = [
        ("slices", f"{facts['slices']} of {facts['patients']} patients"),
        ("size", f"{facts['height_px']} x {facts['width_px']} pixels, {facts['pixel_type']}"),
        ("regions", regions),
        ("codes present", ", ".join(map(str, facts["codes_present"]))),
        ("sites", ", ".join(facts["sites"]) or "not known"),
        ("vendors", ", ".join(facts["vendors"]) or "not known"),
        ("pixel spacing", f"known for {facts['slices_with_spacing']} slices"),
        ("licence", dataset.manifest.licence or "not stated"),
        ("pixel hash", facts["pixel_hash"][:16]),
    ]
    if facts["ignored_codes"]:
        rows.insert(3, ("ignored codes", ", ".join(map(str, facts["ignored_codes"]))))
    print_facts(f"Dataset {dataset.folder.name}", rows)


def _split_facts(split: "Split") -> dict[str, Any]:
    from myosweep.data.split import PARTS

    made_by = split.made_by.model_dump(mode="json", exclude_none=True) if split.made_by else None
    slices = {part: len(split.part(part)) for part in PARTS}
    return {"kind": "split", "hash": split.hash, "made_by": made_by, "slices": slices}


def _show_split(split: "Split", dataset: "Dataset | None") -> None:
    from myosweep.data.split import PARTS

    rows: list[list[object]] = []
    for part in PARTS:
        row: list[object] = [part, len(split.part(part))]
        if dataset is not None:
            owners = dataset.slices["patient"].iloc[split.rows(part, dataset)]
            row.append(int(owners.nunique()))
        rows.append(row)
    columns = ["part", "slices", "patients"] if dataset is not None else ["part", "slices"]
    print_table(f"Split {split.hash[:16]}", columns, rows)


def _show_study(folder: Any, json: bool) -> None:
    from myosweep.config import flatten, read_study_config
    from myosweep.data.split import read_split

    config = read_study_config(folder.study)
    if json:
        split_facts = [
            {"name": file.stem, **_split_facts(read_split(file))} for file in folder.splits()
        ]
        content = config.model_dump(mode="json", exclude_none=True)
        print_json({"kind": "study", "study": content, "splits": split_facts})
        return
    content = config.model_dump(mode="json", exclude_none=True, exclude={"settings", "sweep"})
    swept = {f"sweep {path}": ", ".join(map(str, values)) for path, values in config.sweep.items()}
    print_facts(
        f"Study {config.name}", list({**flatten(content), **config.settings, **swept}.items())
    )
    _show_splits({file.stem: read_split(file) for file in folder.splits()})


def _show_splits(splits: "Mapping[str, Split]") -> None:
    """The study's split; with folds, a line for each."""
    from myosweep.data.split import PARTS

    if len(splits) == 1:
        _show_split(next(iter(splits.values())), None)
    elif splits:
        rows = [
            [name, *(len(split.part(part)) for part in PARTS), split.hash[:16]]
            for name, split in splits.items()
        ]
        print_table(f"{len(splits)} splits: slices per part", ["split", *PARTS, "hash"], rows)
