"""Prediction: slices per second and peak memory of `myosweep predict`, as the folder grows.

    python benchmarks/predict.py --slices 10000 --first-filters 32 --models bfloat16

A network with random weights (speed does not depend on them) segments 8-bit pictures of 128 x 128
pixels: in bfloat16 and float32 with PyTorch, and as ONNX. Each is asked about a tenth of the slices
and then about all of them, each time in a process of its own; the rate is that of the further
slices, without the start. Memory is constant if both peaks are alike.
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
from myosweep.model.weights import write_tensors
from myosweep.predict.export import export_model
from myosweep.predict.facts import Member, ModelFacts, NormaliserFacts
from myosweep.predict.model import FACTS
from myosweep.predict.networks import weights_name
from myosweep.predict.sums import file_sha256
from myosweep.training.device import processor_count
from myosweep.training.plan import network_of

DISTINCT = 50
MODELS = ("bfloat16", "float32", "onnx")
REGIONS = {"background": (0,), "blood pool": (1,), "myocardium": (2, 3, 4)}


def write_model(folder: Path, first_filters: int, precision: str) -> Path:
    """A model as `myosweep export --as safetensors` writes it."""
    folder.mkdir()
    settings = RunSettings.model_validate({"first_filters": first_filters, "precision": precision})
    network = network_of(settings, len(REGIONS), torch.Generator().manual_seed(0))
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


def measure(model: Path, name: str, sizes: tuple[int, int], place: Path) -> None:
    """Print a row for each number of slices, and what the further ones took."""
    seconds, megabytes = [], []
    for slices in sizes:
        command = [sys.executable, "-m", "myosweep", "predict", str(model)]
        command += [str(place.parent / str(slices)), str(place / f"{name}-{slices}")]
        took, peak = run_watched(command)
        seconds.append(took)
        megabytes.append(peak)
        print(f"{name:>9} {slices:8d} {took:8.1f} {peak:8.0f}", flush=True)
    more = sizes[1] - sizes[0]
    print(
        f"{name}: {more / (seconds[1] - seconds[0]):.1f} slices per second; "
        f"{(megabytes[1] - megabytes[0]) / more * 1e3:.1f} kB of memory per further slice"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--slices", type=positive, default=1000, help="at least 20")
    parser.add_argument("--first-filters", type=positive, default=32)
    parser.add_argument("--models", nargs="+", choices=MODELS, default=MODELS)
    wanted = parser.parse_args()
    sizes = (max(wanted.slices // 10, 1), max(wanted.slices, 20))
    print_machine(machine_facts(("torch", "onnxruntime", "myosweep")), processor_count())
    print(f"{'model':>9} {'slices':>8} {'seconds':>8} {'peak MB':>8}")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for slices in sizes:
            write_pictures(place / str(slices), slices)
        for name in wanted.models:
            precision = "bfloat16" if name == "bfloat16" else "float32"
            model = write_model(place / name, wanted.first_filters, precision)
            if name == "onnx":
                export_model(model, model / "exported", "onnx")
                model = model / "exported"
            measure(model, name, sizes, place / "out")


if __name__ == "__main__":
    main()
