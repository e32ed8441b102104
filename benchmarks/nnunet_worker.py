"""nnU-Net v2 in its own environment, called by nnunet.py: plans a dataset, or trains in turns.

    python nnunet_worker.py prepare DEPTH BATCH_SIZE FIRST_FILTERS...
    python nnunet_worker.py train CONFIGURATION THREADS
    python nnunet_worker.py timed SECONDS SEED THREADS
    python nnunet_worker.py predict THREADS IMAGES OUT

It needs nnU-Net's three environment variables, and imports nothing of myosweep. While training it
reads seconds, one number a line, from standard input, trains so long inside nnU-Net's own loop, and
answers with a line of JSON: images, seconds, and what was planned. ``timed`` trains as it plans for
so long, its learning rate falling to 0 in that time; ``predict`` predicts a folder with what it has
trained. Both keep to so many processors where the system allows it.
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import numpy as np
import torch
from nnunetv2.experiment_planning.plan_and_preprocess_api import (
    extract_fingerprints,
    plan_experiments,
    preprocess,
)
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

DATASET = 1
PLANS = "nnUNetPlans"
ANSWERS = os.fdopen(os.dup(1), "w")
"""Standard output itself; what nnU-Net prints goes to standard error."""


def main() -> None:
    os.dup2(2, 1)
    if sys.argv[1] != "train":
        end_with_parent()
    if sys.argv[1] == "prepare":
        depth, batch_size, *filters = map(int, sys.argv[2:])
        prepare(depth, batch_size, filters)
    elif sys.argv[1] == "timed":
        timed(float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    elif sys.argv[1] == "predict":
        predict(int(sys.argv[2]), *map(Path, sys.argv[3:]))
    else:
        train(sys.argv[2], int(sys.argv[3]))


def prepare(depth: int, batch_size: int, filters: list[int]) -> None:
    """Plan and preprocess as nnU-Net does, then add a configuration like ours for each size."""
    processes = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
    extract_fingerprints([DATASET], num_processes=processes, show_progress_bar=False)
    plan_experiments([DATASET])
    preprocess([DATASET], PLANS, ["2d"], num_processes=[processes], show_progress_bar=False)
    path = preprocessed() / f"{PLANS}.json"
    plans = json.loads(path.read_text())
    planned = plans["configurations"]["2d"]
    for first in filters:
        plans["configurations"][f"near_{first}"] = planned | {
            "batch_size": batch_size,
            "architecture": like_ours(planned["architecture"], depth, first),
        }
    path.write_text(json.dumps(plans))


def like_ours(architecture: dict, depth: int, first: int) -> dict:
    """As near to the paper's U-Net as a plans file allows: sizes, no normalisation, plain ReLU."""
    stages = depth + 1
    kwargs = architecture["arch_kwargs"] | {
        "n_stages": stages,
        "features_per_stage": [first * 2**stage for stage in range(stages)],
        "kernel_sizes": [[3, 3]] * stages,
        "strides": [[1, 1]] + [[2, 2]] * depth,
        "n_conv_per_stage": [2] * stages,
        "n_conv_per_stage_decoder": [2] * depth,
        "norm_op": None,
        "norm_op_kwargs": None,
        "nonlin": "torch.nn.ReLU",
        "nonlin_kwargs": {"inplace": True},
    }
    return architecture | {"arch_kwargs": kwargs}


class TurnTaking(nnUNetTrainer):
    """nnU-Net's trainer, which waits for its turn between two steps of its own loop."""

    def on_train_epoch_start(self) -> None:
        super().on_train_epoch_start()
        configuration = self.configuration_manager
        stages = configuration.network_arch_init_kwargs["features_per_stage"]
        answer(batch_size=self.batch_size, patch=configuration.patch_size, features=list(stages))
        self._await_turn()

    def train_step(self, batch: dict) -> dict:
        result = super().train_step(batch)
        self.done += len(batch["data"])
        if (elapsed := time.perf_counter() - self.started_at) >= self.wanted:
            answer(images=self.done, seconds=elapsed)
            self._await_turn()
        return result

    def _await_turn(self) -> None:
        line = sys.stdin.readline()
        if not line.strip():
            raise SystemExit(0)
        self.wanted, self.done, self.started_at = float(line), 0, time.perf_counter()


def answer(**facts: object) -> None:
    print(json.dumps(facts), file=ANSWERS, flush=True)


def train(configuration: str, threads: int) -> None:
    """nnU-Net's 2D training on the processor, for ever; its epoch never ends."""
    trainer = trainer_of(TurnTaking, configuration, threads)
    trainer.num_iterations_per_epoch = 10**9
    trainer.run_training()


def trainer_of(kind: type, configuration: str, threads: int) -> nnUNetTrainer:
    torch.set_num_threads(threads)
    plans = json.loads((preprocessed() / f"{PLANS}.json").read_text())
    dataset = json.loads((preprocessed() / "dataset.json").read_text())
    plans["continue_training"] = False
    return kind(plans, configuration, 0, dataset, torch.device("cpu"))


class Timed(nnUNetTrainer):
    """nnU-Net's trainer with a time limit: no validation, and its own decay of the learning rate
    (to the power of 0.9) over the time instead of over the epochs."""

    seconds: float

    def run_training(self) -> None:
        self.on_train_start()
        self.network.train()
        steps, started = 0, time.perf_counter()
        while (done := (time.perf_counter() - started) / self.seconds) < 1:
            for group in self.optimizer.param_groups:
                group["lr"] = self.initial_lr * (1 - done) ** 0.9
            self.train_step(next(self.dataloader_train))
            steps += 1
        self.current_epoch += 1  # which on_train_end takes back
        self.on_train_end()
        answer(
            steps=steps,
            batch_size=self.batch_size,
            seconds=time.perf_counter() - started,
            processor_seconds=sum(os.times()[:4]),
        )


Timed.__name__ = nnUNetTrainer.__name__  # by which the predictor finds the network's builder


def timed(seconds: float, seed: int, threads: int) -> None:
    """Train as planned for so long."""
    torch.manual_seed(seed)
    np.random.seed(seed)
    keep_to(threads)
    trainer = trainer_of(Timed, "2d", threads)
    trainer.seconds = seconds
    trainer.run_training()


def predict(threads: int, images: Path, out: Path) -> None:
    """Predict with mirroring, as nnU-Net does by default."""
    keep_to(threads)
    torch.set_num_threads(threads)
    trained = Path(os.environ["nnUNet_results"]) / preprocessed().name  # noqa: SIM112
    predictor = nnUNetPredictor(device=torch.device("cpu"), perform_everything_on_device=False)
    predictor.initialize_from_trained_model_folder(
        str(trained / f"{nnUNetTrainer.__name__}__{PLANS}__2d"), (0,)
    )
    predictor.predict_from_files(
        str(images), str(out), num_processes_preprocessing=1, num_processes_segmentation_export=1
    )


def keep_to(threads: int) -> None:
    """So many processors for this process and those that augment for it."""
    os.environ["nnUNet_n_proc_DA"] = str(threads)  # noqa: SIM112
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])


def end_with_parent() -> None:
    """End the whole session, which is ours alone, once the parent is gone, however it ended."""
    if not hasattr(os, "killpg"):
        return
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def preprocessed() -> Path:
    place = Path(os.environ["nnUNet_preprocessed"])  # noqa: SIM112
    return next(place.glob(f"Dataset{DATASET:03d}_*"))


if __name__ == "__main__":
    main()
