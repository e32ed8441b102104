"""The comparison with nnU-Net at equal time, in whose place a double answers here."""

import json
import shutil
from collections import Counter
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from myosweep.data.export import export_dataset
from myosweep.data.store import Dataset
from myosweep.errors import StudyError
from myosweep.results.read import read_results
from myosweep.study.open import open_study
from tests.test_benchmarks import BENCHMARKS
from tests.toy import Toy, toy_study

EXACT = {"precision": "float32"}
TRAINED = {"steps": 7, "batch_size": 4, "seconds": 60.0, "processor_seconds": 90.0}


class Double:
    """Answers in nnU-Net's place with the reference itself; ``fails`` names a step to fail once."""

    def __init__(self, data: Dataset, folder: Path, fails: str = "") -> None:
        export_dataset(data, folder, "nnunet")
        self.labels, self.fails, self.asked = folder / "labelsTr", fails, Counter[str]()

    def __call__(self, folder: Path, step: str, *words: Any, **places: str) -> str:
        self.asked[step] += 1
        if step == "prepare":
            (folder / "preprocessed" / "Dataset001_slices").mkdir(parents=True)
            self.planned = self._names(folder / "raw" / "Dataset001_slices" / "imagesTr")
        if step == "predict":
            out = Path(words[-1])
            out.mkdir()
            self.tested = self._names(words[-2])
        if step == self.fails:
            self.fails = ""
            raise KeyboardInterrupt
        if step == "predict":
            for name in self.tested:
                shutil.copy(self.labels / f"{name}.nii.gz", out)
        return json.dumps(TRAINED)

    def _names(self, folder: Path) -> set[str]:
        return {file.name.removesuffix("_0000.nii.gz") for file in folder.iterdir()}


@pytest.fixture
def against(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return import_module("against_nnunet")


@pytest.fixture
def toy(tmp_path: Path) -> Toy:
    return toy_study(tmp_path, {(): (1, 2)}, fields=(), baselines=False, settings=EXACT)


@pytest.fixture
def compare(
    against: ModuleType, toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., None]:
    def compare(double: Double, seconds: float = 60.0) -> None:
        monkeypatch.setattr(against.nnunet, "_call", double)
        study = open_study(toy.folder)
        against.compete(study, tmp_path / "out", seconds, 2)
        against.judge(
            read_results(toy.folder),
            against.score(study, tmp_path / "out"),
            tmp_path / "out" / "scores.csv",
        )

    return compare


@pytest.mark.parametrize("fails", ["", "prepare", "timed", "predict"])
def test_the_reference_scores_1_and_what_is_there_is_not_done_again(
    compare: Callable[..., None], toy: Toy, tmp_path: Path, fails: str
) -> None:
    double = Double(toy.data, tmp_path / "whole", fails)
    if fails:
        with pytest.raises(KeyboardInterrupt):
            compare(double)
    compare(double)
    compare(double)
    expected = {"prepare": 1, "timed": 2, "predict": 2}
    assert double.asked == {step: n + (step == fails) for step, n in expected.items()}
    rows = toy.splits["split"].rows("test", toy.data)
    tested = set(toy.data.slices["patient"].iloc[rows])
    assert double.tested == tested
    assert not double.planned & tested
    lines = (tmp_path / "out" / "scores.csv").read_text().splitlines()
    theirs = [line.split(",") for line in lines if line.startswith("nnU-Net")]
    assert {(seed, patient) for _, seed, patient, _ in theirs} == {
        (seed, patient) for seed in ("seed 0", "seed 1") for patient in tested
    }
    assert {float(score) for *_, score in theirs} == {1.0}


def test_what_was_trained_otherwise_is_not_judged(
    compare: Callable[..., None], toy: Toy, tmp_path: Path
) -> None:
    double = Double(toy.data, tmp_path / "whole")
    compare(double, 60.0)
    with pytest.raises(SystemExit, match=r"seed 0 was trained with 2 threads for 1\.0 minutes"):
        compare(double, 90.0)


def test_threads_count_in_equal_time(against: ModuleType, toy: Toy) -> None:
    results = read_results(toy.folder)  # 60 and 61 seconds with 2 threads
    assert against.equal_time(results, 2) == pytest.approx(60.5)
    assert against.equal_time(results, 1) == pytest.approx(121)


def test_what_cannot_be_compared_is_refused_at_once(against: ModuleType, tmp_path: Path) -> None:
    shifts = {(5e-3,): (1, 2), (5e-4,): (1,)}
    toy = toy_study(tmp_path, shifts, baselines=False, settings={**EXACT, "data.fraction": 0.5})
    with pytest.raises(StudyError) as caught:
        against.check(open_study(toy.folder), read_results(toy.folder))
    said = "; ".join(caught.value.problems)
    assert len(caught.value.problems) == 2
    assert "several values" in said
    assert "data.fraction" in said
