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

from myosweep.config import RunSettings
from myosweep.errors import StudyError
from myosweep.files import write_json
from myosweep.model.unet import norm_groups
from myosweep.predict.facts import ModelFacts, NormaliserFacts
from myosweep.predict.networks import Networks

_README = """# A network of myosweep as a MONAI bundle

Research only; not a medical device.

    python -m monai.bundle run --config_file configs/inference.json --bundle_root . \\
        --dataset_dir PICTURES --output_dir MASKS

PICTURES is a folder of PNG files, a slice each, with the heart in the middle as in training. Masks
are NIfTI files whose first axis is the picture's row; values are the places of the regions in
`configs/metadata.json`. Where the training averaged over mirrored or turned copies of an image
(`answer` in `configs/inference.json`), so does this workflow; a network that MONAI loads alone does
not. `SHA256SUMS` names every file. MONAI runs what stands in a bundle's configuration: take bundles
only from people whom you trust.
"""


def write_bundle(model: Networks, folder: Path) -> Sequence[str]:
    """``configs/metadata.json``, ``configs/inference.json``, ``models/model.pt`` and a README.

    Raises:
        StudyError: if the model has several networks.
    """
    if len(model.networks) > 1:
        raise StudyError(
            f"a MONAI bundle holds one network, and this model is the mean of "
            f"{len(model.networks)}; give one run (STUDY/runs/ID), or take --as onnx, which holds "
            "all of them"
        )
    settings = model.facts.members[0].settings
    weights = bundle_weights(model.networks[0].state_dict(), settings)
    file = BytesIO()
    torch.save(weights, file)
    for name in ("models", "docs"):
        (folder / name).mkdir()
    (folder / "models" / "model.pt").write_bytes(file.getvalue())
    (folder / "docs" / "README.md").write_text(_README, encoding="utf-8")
    write_json(folder / "configs" / "metadata.json", _metadata(model.facts))
    write_json(folder / "configs" / "inference.json", _inference(model.facts))
    return (
        f"MONAI {version('monai')} loads it with monai.bundle.load; docs/README.md there says how "
        "to run it.",
    )


def network_expression(settings: RunSettings, regions: int) -> str:
    """The U-Net in Python: nested layers, with a skip connection around all that lies below it."""

    def pair(before: int, after: int) -> str:
        layers = []
        for size in (before, after):
            layers += [f"{_NN}.Conv2d({size}, {after}, 3, padding=1)"]
            if settings.norm != "none":
                layers += [f"{_NN}.GroupNorm({norm_groups(settings.norm, after)}, {after})"]
            layers += [_RELU]
        return _sequential(layers)

    def stage(number: int, before: int) -> list[str]:
        filters = settings.first_filters * 2**number
        if number == settings.depth:
            return [pair(before, filters)]
        up = f"{_NN}.ConvTranspose2d({2 * filters}, {filters}, 2, stride=2)"
        below = [f"{_NN}.MaxPool2d(2)", *stage(number + 1, filters), up, _RELU]
        skip = f"monai.networks.layers.SkipConnection({_sequential(below)}, dim=1, mode='cat')"
        return [pair(before, filters), skip, pair(2 * filters, filters)]

    return _sequential([*stage(0, 1), f"{_NN}.Conv2d({settings.first_filters}, {regions}, 1)"])


_NN = "torch.nn"
_RELU = f"{_NN}.ReLU()"


def _sequential(layers: Sequence[str]) -> str:
    return f"{_NN}.Sequential({', '.join(layers)})"


def bundle_weights(weights: Mapping[str, Tensor], settings: RunSettings) -> dict[str, Tensor]:
    """A ``UNet``'s weights under the names of ``network_expression``.

    MONAI's skip connection puts the skipped channels before those from below, ``UNet`` behind
    them: the first convolution of each decoder stage takes its channels in the other order.
    """
    found: dict[str, Tensor] = {}
    depth = settings.depth
    places = {"first": 0, "second": 2}
    if settings.norm != "none":
        places = {"first": 0, "first_norm": 1, "second": 3, "second_norm": 4}

    def take(own: str, name: str) -> None:
        for part in ("weight", "bias"):
            found[f"{name}.{part}"] = weights[f"{own}.{part}"]

    def take_pair(own: str, name: str) -> None:
        for layer, place in places.items():
            take(f"{own}.{layer}", f"{name}.{place}")

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


def answer_expression(copies: int) -> str:
    """What ``Averaged`` does with a network, in Python; without copies the network's scores."""
    if copies == 1:
        return "@network(images)"
    terms = []
    for copy in range(copies):
        axes = [axis for axis, mirrored in ((3, copy & 1), (2, copy & 2)) if mirrored]
        flip, turn = f".flip({axes})" if axes else "", ".transpose(2, 3)" if copy & 4 else ""
        terms.append(f"@network(images{turn}{flip}).softmax(1){flip}{turn}")
    return f"({' + '.join(terms)}) / {copies}"


def _inference(facts: ModelFacts) -> dict[str, Any]:
    """A workflow that needs MONAI and its readers alone."""
    keys, settings = {"keys": "image"}, facts.members[0].settings
    return {
        "imports": ["$import glob", "$import os"],
        "bundle_root": ".",
        "device": "$torch.device('cuda' if torch.cuda.is_available() else 'cpu')",
        "dataset_dir": "$@bundle_root + '/images'",
        "output_dir": "$@bundle_root + '/masks'",
        "network_def": f"${network_expression(settings, len(facts.regions))}",
        "network": "$@network_def.to(@device).eval()",
        "answer": f"$lambda images: {answer_expression(settings.test_time_averaging)}",
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
            "$[@postprocessing({'pred': monai.data.MetaTensor(@answer(one['image'][None].to("
            "@device))[0].detach().cpu(), meta=one['image'].meta)}) for one in @dataset]",
        ],
    }


def _normalisation(way: NormaliserFacts) -> list[dict[str, Any]]:
    """What ``Normaliser`` does, in MONAI's transforms; padding holds the fill value.

    Of an odd number of missing rows MONAI puts the larger half behind, myosweep before.
    """
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
    turn = {"_target_": "Flipd", "keys": "image", "spatial_axis": [0, 1]}
    return [scale, turn, pad, turn]
