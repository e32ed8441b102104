"""nnU-Net v2's own 2D training as a contestant: a process of its own that waits for its turn.

nnU-Net lives in `.venv-nnunet` (`make nnunet`). While the others train, its processes are
suspended, so that its augmentation does not slow them down; its queues of augmented batches stay as
they are.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import psutil

from myosweep.data.export import export_dataset
from myosweep.files import read_json, write_json
from myosweep.training.plan import RunPlan

ROOT = Path(__file__).resolve().parents[1]
PYTHON = ROOT / ".venv-nnunet" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
WORKER = Path(__file__).with_name("nnunet_worker.py")
DATASET = "Dataset001_slices"


def missing() -> str | None:
    """Why nnU-Net cannot take part, with a way out; None if it can."""
    if PYTHON.exists():
        return None
    return "there is no environment .venv-nnunet; `make nnunet` makes it (2 GB, 2 minutes)"


def prepare(plan: RunPlan, first_filters: Sequence[int], folder: Path) -> None:
    """Export the dataset, let nnU-Net plan and preprocess it, and give it our split."""
    (folder / "raw").mkdir(parents=True)
    export_dataset(plan.dataset, folder / "raw" / DATASET, "nnunet")
    _call(folder, "prepare", plan.settings.depth, plan.settings.batch_size, *first_filters)
    _write_split(plan, "test", folder)


def prepare_timed(plan: RunPlan, folder: Path) -> None:
    """The same for a training that is judged: test patients take no part in its planning.

    What was interrupted is begun anew; what is there is left as it is.
    """
    if folder.exists():
        return
    draft = folder.with_name(f"{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    raw = draft / "raw" / DATASET
    raw.parent.mkdir(parents=True)
    export_dataset(plan.dataset, raw, "nnunet")
    (raw / "imagesTs").mkdir()
    for patient in _patients(plan, "test"):
        name = f"{patient}_0000.nii.gz"
        (raw / "imagesTr" / name).rename(raw / "imagesTs" / name)
        (raw / "labelsTr" / f"{patient}.nii.gz").unlink()
    facts = json.loads((raw / "dataset.json").read_text())
    facts["numTraining"] = len(list((raw / "labelsTr").iterdir()))
    (raw / "dataset.json").write_text(json.dumps(facts))
    _call(draft, "prepare", plan.settings.depth, plan.settings.batch_size)
    _write_split(plan, "validation", draft)
    draft.rename(folder)


def train_and_predict(folder: Path, seconds: float, seed: int, threads: int) -> dict[str, Any]:
    """Train for so long and predict the test patients into ``folder/predicted-SEED``.

    What was trained, or predicted, is not done again.

    Raises:
        SystemExit: if it was trained for another time, or with other threads.
    """
    out, trained = folder / f"predicted-{seed}", folder / f"trained-{seed}.json"
    wanted = {"wanted_seconds": round(seconds, 3), "threads": threads}
    places = {"nnUNet_results": str(folder / f"results-{seed}")}
    if not trained.exists():
        told = _call(folder, "timed", seconds, seed, threads, **places)
        write_json(trained, wanted | json.loads(told))
    done = read_json(trained)
    if {name: done[name] for name in wanted} != wanted:
        raise SystemExit(
            f"seed {seed} was trained with {done['threads']} threads for "
            f"{done['wanted_seconds'] / 60:.1f} minutes; give the same again, or another --out"
        )
    if not out.exists():
        draft = out.with_name(f"{out.name}.draft")
        shutil.rmtree(draft, ignore_errors=True)
        _call(folder, "predict", threads, folder / "raw" / DATASET / "imagesTs", draft, **places)
        draft.rename(out)
    return done


def _call(folder: Path, *words: object, **places: str) -> str:
    """What a worker of nnU-Net answers; it ends, with all its processes, when we do."""
    process = psutil.Popen(
        [str(PYTHON), str(WORKER), *map(str, words)],
        env=_environment(folder) | places,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        told, said = process.communicate()
    finally:
        _end(process)
    if process.returncode:
        raise SystemExit(f"nnU-Net has failed:\n{(told + said)[-4000:]}")
    return told


def _end(process: psutil.Popen) -> None:
    """End a process and those that it started."""
    with suppress(psutil.NoSuchProcess):
        family = [*process.children(recursive=True), process]
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(family, timeout=10)


def _write_split(plan: RunPlan, held_out: str, folder: Path) -> None:
    parts = {"train": _patients(plan, "training"), "val": _patients(plan, held_out)}
    splits = folder / "preprocessed" / DATASET / "splits_final.json"
    splits.write_text(json.dumps([parts]))


def _patients(plan: RunPlan, part: str) -> list[str]:
    rows = plan.split.rows(part, plan.dataset)
    return sorted(plan.dataset.slices["patient"].iloc[rows].unique())


def _environment(folder: Path) -> dict[str, str]:
    places = {f"nnUNet_{name}": str(folder / name) for name in ("raw", "preprocessed", "results")}
    return os.environ | places


class NnunetTraining:
    """One training of nnU-Net; as a function, a turn of so many seconds."""

    def __init__(self, folder: Path, configuration: str, threads: int) -> None:
        """Start it; ``planned`` says what it trains with."""
        self._log = (folder / f"{configuration}.log").open("w+")
        self._process = psutil.Popen(
            [str(PYTHON), str(WORKER), "train", configuration, str(threads)],
            env=_environment(folder),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self.planned = self._answer()
        self._all("suspend")

    def __call__(self, seconds: float) -> float:
        """Train so long, at least a step, inside nnU-Net's own loop; gives images per second."""
        self._all("resume")
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()
        found = self._answer()
        self._all("suspend")
        return found["images"] / found["seconds"]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """End it and the processes that it started."""
        _end(self._process)
        self._log.close()

    def _answer(self) -> dict[str, Any]:
        if line := self._process.stdout.readline():
            return json.loads(line)
        self._log.seek(0)
        raise SystemExit(f"nnU-Net has ended:\n{self._log.read()[-4000:]}")

    def _all(self, action: str) -> None:
        for one in [self._process, *self._process.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                getattr(one, action)()


@contextmanager
def trainings(
    folder: Path, first_filters: int, threads: int
) -> Iterator[dict[str, NnunetTraining]]:
    """nnU-Net as it plans itself, and as near to our network and batches as its plans allow."""
    with (
        NnunetTraining(folder, "2d", threads) as planned,
        NnunetTraining(folder, f"near_{first_filters}", threads) as near,
    ):
        yield {"nnU-Net, as it plans": planned, "nnU-Net, network near ours": near}


if __name__ == "__main__":
    sys.exit(missing() or "nnU-Net is there; python benchmarks/training.py compares with it")
