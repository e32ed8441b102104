"""A MONAI bundle: one network in MONAI's and PyTorch's own layers, with its preparation.

It is written here and never read: configurations of bundles can run code, and so can the kind of
weights file that they demand. Who trusts the bundle runs it with MONAI alone, without myosweep.
"""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from myosweep.errors import StudyError
from myosweep.files import write_json
from myosweep.predict.facts import ModelFacts, NormaliserFacts
from myosweep.predict.networks import Networks

_README = """# A network of myosweep as a MONAI bundle

Research only; not a medical device.

    python -m monai.bundle run --config_file configs/inference.json --bundle_root . \\
        --dataset_dir PICTURES --output_dir MASKS

PICTURES is a folder of PNG files, a slice each, with the heart in the middle as in training. Masks
are NIfTI files whose first axis is the picture's row; values are the places of the regions in
`configs/metadata.json`. `SHA256SUMS` names every file. MONAI runs what stands in a bundle's
configuration: take bundles only from people whom you trust.
"""


def write_bundle(model: Networks, folder: Path) -> Sequence[str]:
    """``configs/metadata.json``, ``configs/inference.json``, ``models/model.pt`` and a README.

    Raises:
        StudyError: if the model has several networks.
    """
    if len(model.networks) > 1:
        raise StudyError(
            f"a MONAI bundle holds one network, and this value has {len(model.networks)}; give one "
            "run (STUDY/runs/ID), or take --as onnx, which holds all of them"
        )
    settings = model.facts.members[0].settings
    weights = bundle_weights(model.networks[0].state_dict(), settings.depth)
    file = BytesIO()
    torch.save(weights, file)
    for name in ("models", "docs"):
        (folder / name).mkdir()
    (folder / "models" / "model.pt").write_bytes(file.getvalue())
    (folder / "docs" / "README.md").write_text(_README, encoding="utf-8")
    network = network_expression(settings.depth, settings.first_filters, len(model.facts.regions))
    write_json(folder / "configs" / "metadata.json", _metadata(model.facts))
    write_json(folder / "configs" / "inference.json", _inference(model.facts, network))
    return (
        f"MONAI {version('monai')} loads it with monai.bundle.load; docs/README.md there says how "
        "to run it.",
    )


def network_expression(depth: int, first_filters: int, regions: int) -> str:
    """The U-Net in Python: nested layers, with a skip connection around all that lies below it."""

    def pair(before: int, after: int) -> str:
        first, second = (f"{_NN}.Conv2d({size}, {after}, 3, padding=1)" for size in (before, after))
        return _sequential([first, _RELU, second, _RELU])

    def stage(number: int, before: int) -> list[str]:
        filters = first_filters * 2**number
        if number == depth:
            return [pair(before, filters)]
        up = f"{_NN}.ConvTranspose2d({2 * filters}, {filters}, 2, stride=2)"
        below = [f"{_NN}.MaxPool2d(2)", *stage(number + 1, filters), up, _RELU]
        skip = f"monai.networks.layers.SkipConnection({_sequential(below)}, dim=1, mode='cat')"
        return [pair(before, filters), skip, pair(2 * filters, filters)]

    return _sequential([*stage(0, 1), f"{_NN}.Conv2d({first_filters}, {regions}, 1)"])


_NN = "torch.nn"
_RELU = f"{_NN}.ReLU()"


def _sequential(layers: Sequence[str]) -> str:
    return f"{_NN}.Sequential({', '.join(layers)})"


def bundle_weights(weights: Mapping[str, Tensor], depth: int) -> dict[str, Tensor]:
    """A ``UNet``'s weights under the names of ``network_expression``.

    MONAI's skip connection puts the skipped channels before those from below, ``UNet`` behind
    them: the first convolution of each decoder stage takes its channels in the other order.
    """
    found: dict[str, Tensor] = {}

    def take(own: str, name: str) -> None:
        for part in ("weight", "bias"):
            found[f"{name}.{part}"] = weights[f"{own}.{part}"]

    def take_pair(own: str, name: str) -> None:
        take(f"{own}.first", f"{name}.0")
        take(f"{own}.second", f"{name}.2")

    def take_stage(number: int, prefix: str, place: int) -> None:
        """``place`` is where the stage begins in the list of layers that ``prefix`` names."""
        if number == depth:
            take_pair("bridge", f"{prefix}{place}")
            return
        decoder = depth - 1 - number
        take_pair(f"encoder.{number}", f"{prefix}{place}")
        inner = f"{prefix}{place + 1}.submodule."
        take_stage(number + 1, inner, 1)
        take(f"up.{decoder}", f"{inner}{2 if number + 1 == depth else 4}")
        take_pair(f"decoder.{decoder}", f"{prefix}{place + 2}")
        kernel = f"{prefix}{place + 2}.0.weight"
        below, skipped = found[kernel].chunk(2, 1)
        found[kernel] = torch.cat([skipped, below], 1)

    take_stage(0, "", 0)
    take("last", "3")
    return found


def _metadata(facts: ModelFacts) -> dict[str, Any]:
    names = {str(place): name for place, name in enumerate(facts.scheme.names)}
    shape = {"spatial_shape": list(facts.size), "dtype": "float32", "value_range": []}
    return {
        "schema": "https://github.com/Project-MONAI/MONAI-extra-test-data/releases/download/0.8.1/"
        "meta_schema_20220324.json",
        "version": "1.0.0",
        "changelog": {"1.0.0": f"exported by {facts.made_by}"},
        "monai_version": version("monai"),
        "pytorch_version": torch.__version__.partition("+")[0],
        "numpy_version": version("numpy"),
        "required_packages_version": {"nibabel": version("nibabel"), "pillow": version("pillow")},
        "task": "segmentation of short-axis LGE-MRI slices",
        "description": "U-Net trained by myosweep; research only, not a medical device",
        "authors": "see the study that it was trained in",
        "copyright": "see the study that it was trained in",
        "network_data_format": {
            "inputs": {
                "image": {
                    "type": "image",
                    "format": "magnitude",
                    "modality": "MR",
                    "num_channels": 1,
                    "is_patch_data": False,
                    "channel_def": {"0": "LGE"},
                    **shape,
                }
            },
            "outputs": {
                "pred": {
                    "type": "image",
                    "format": "segmentation",
                    "num_channels": len(names),
                    "is_patch_data": False,
                    "channel_def": names,
                    **shape,
                }
            },
        },
        "myosweep": facts.model_dump(mode="json"),
    }


def _inference(facts: ModelFacts, network: str) -> dict[str, Any]:
    """A workflow that needs MONAI and its readers alone."""
    keys = {"keys": "image"}
    return {
        "imports": ["$import glob", "$import os"],
        "bundle_root": ".",
        "device": "$torch.device('cuda' if torch.cuda.is_available() else 'cpu')",
        "dataset_dir": "$@bundle_root + '/images'",
        "output_dir": "$@bundle_root + '/masks'",
        "network_def": f"${network}",
        "network": "$@network_def.to(@device).eval()",
        "checkpoint": "$@bundle_root + '/models/model.pt'",
        "preprocessing": {
            "_target_": "Compose",
            "transforms": [
                {
                    "_target_": "LoadImaged",
                    **keys,
                    "reader": "$monai.data.PILReader(reverse_indexing=False)",
                },
                {"_target_": "EnsureChannelFirstd", **keys, "channel_dim": "no_channel"},
                {"_target_": "CenterSpatialCropd", **keys, "roi_size": list(facts.size)},
                *_normalisation(facts.normalisers[0]),
            ],
        },
        "dataset": {
            "_target_": "Dataset",
            "data": "$[{'image': f} for f in sorted(glob.glob(@dataset_dir + '/*.png'))]",
            "transform": "@preprocessing",
        },
        "postprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "AsDiscreted", "keys": "pred", "argmax": True},
                {
                    "_target_": "SaveImaged",
                    "keys": "pred",
                    "output_dir": "@output_dir",
                    "output_postfix": "mask",
                    "separate_folder": False,
                    "resample": False,
                    "print_log": False,
                },
            ],
        },
        "run": [
            "$@network.load_state_dict(torch.load(@checkpoint, map_location=@device, "
            "weights_only=True))",
            "$[@postprocessing({'pred': monai.data.MetaTensor(@network(one['image'][None].to("
            "@device))[0].detach().cpu(), meta=one['image'].meta)}) for one in @dataset]",
        ],
    }


def _normalisation(way: NormaliserFacts) -> list[dict[str, Any]]:
    """What ``Normaliser`` does, in MONAI's transforms; padding holds the fill value."""
    size = "$@_meta_#network_data_format#inputs#image#spatial_shape"
    if way.kind == "z-score":
        scale: dict[str, Any] = {"_target_": "NormalizeIntensityd", "keys": "image"}
        fill = 0.0
    else:
        fill = -way.mean
        scale = {
            "_target_": "ScaleIntensityRanged",
            "keys": "image",
            "a_min": way.low,
            "a_max": way.high,
            "b_min": fill,
            "b_max": 255 - way.mean,
            "clip": True,
        }
    pad = {"_target_": "SpatialPadd", "keys": "image", "spatial_size": size, "value": fill}
    return [scale, pad]
