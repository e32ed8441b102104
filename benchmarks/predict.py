"""Prediction: slices per second and peak memory of `myosweep predict`, as the folder grows.

    python benchmarks/predict.py --slices 200 1000 --first-filters 32

A network with random weights (speed does not depend on them) segments 8-bit pictures of 128 x 128
pixels: in bfloat16 and float32 with PyTorch, and as ONNX. Each prediction is a process of its own;
the rate is that of the further slices, without the start.
"""

import argparse
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from common import SIZE_PX, machine_facts, positive, print_machine, run_watched
from myosweep.config import RunSettings
from myosweep.files import write_json
from myosweep.model.unet import UNet
from myosweep.model.weights import write_tensors
from myosweep.predict.export import export_model
from myosweep.predict.facts import Member, ModelFacts, NormaliserFacts
from myosweep.predict.model import FACTS
from myosweep.predict.networks import weights_name
from myosweep.predict.sums import file_sha256
from myosweep.training.device import processor_count

DISTINCT = 50
REGIONS = {"background": (0,), "blood pool": (1,), "myocardium": (2, 3, 4)}


def write_model(folder: Path, first_filters: int, precision: str) -> Path:
    """A model as `myosweep export --as safetensors` writes it."""
    settings = RunSettings.model_validate({"first_filters": first_filters, "precision": precision})
    network = UNet(1, 3, settings.depth, first_filters, generator=torch.Generator().manual_seed(0))
    way = NormaliserFacts(kind="z-score", low=0, high=255, mean=0)
    weights = folder / weights_name(0)
    write_tensors(weights, dict(network.named_parameters()), way.model_dump())
    member = Member(
        run="0" * 16,
        label="random weights",
        seed=0,
        settings=settings,
        pixel_hash="",
        split_hash="",
        weights_sha256=file_sha256(weights),
        normaliser=0,
    )
    facts = ModelFacts(
        made_by="benchmark",
        regions=REGIONS,
        height_px=SIZE_PX,
        width_px=SIZE_PX,
        normalisers=(way,),
        members=(member,),
    )
    write_json(folder / FACTS, facts.model_dump(mode="json"))
    return folder


def write_pictures(folder: Path, slices: int) -> Path:
    """A folder of so many pictures, most of them links to few."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(slices):
        path = folder / f"{number:06d}.png"
        if number < DISTINCT:
            grey = rng.normal(100, 40, (SIZE_PX, SIZE_PX)).clip(0, 255).astype(np.uint8)
            Image.fromarray(grey).save(path)
        else:
            os.link(folder / f"{number % DISTINCT:06d}.png", path)
    return folder


def measure(model: Path, name: str, sizes: list[int], place: Path) -> None:
    """Print a row per number of slices, and the rate of the further ones."""
    measured = []
    for slices in sizes:
        command = [sys.executable, "-m", "myosweep", "predict", str(model)]
        command += [str(place.parent / str(slices)), str(place / f"{name}-{slices}")]
        seconds, megabytes = run_watched(command)
        measured.append((slices, seconds, megabytes))
        print(f"{name:>9} {slices:8d} {seconds:8.1f} {megabytes:8.0f}", flush=True)
    (few, fast, small), (many, slow, large) = measured[0], measured[-1]
    if many > few:
        print(f"{name}: {(many - few) / (slow - fast):.1f} slices per second")
        print(f"{name}: memory per further slice: {(large - small) / (many - few) * 1e3:.1f} kB")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--slices", type=positive, nargs="+", default=[200, 1000])
    parser.add_argument("--first-filters", type=positive, default=32)
    wanted = parser.parse_args()
    print_machine(machine_facts(("torch", "onnxruntime", "myosweep")), processor_count())
    print(f"{'model':>9} {'slices':>8} {'seconds':>8} {'peak MB':>8}")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        sizes = sorted(set(wanted.slices))
        for slices in sizes:
            write_pictures(place / str(slices), slices)
        models = {}
        for precision in ("bfloat16", "float32"):
            (place / precision).mkdir()
            models[precision] = write_model(place / precision, wanted.first_filters, precision)
        export_model(models["float32"], place / "onnx", "onnx")
        models["onnx"] = place / "onnx"
        for name, model in models.items():
            measure(model, name, sizes, place / "out")


if __name__ == "__main__":
    main()
