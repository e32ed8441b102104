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
def compete(
    against: ModuleType, toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., None]:
    def compete(double: Double, seconds: float = 60.0) -> None:
        monkeypatch.setattr(against.nnunet, "_call", double)
        against.compete(open_study(toy.folder), tmp_path / "out", seconds, 2)

    return compete


@pytest.mark.parametrize("fails", ["", "prepare", "timed", "predict"])
def test_what_is_there_is_not_done_again(
    compete: Callable[..., None], toy: Toy, tmp_path: Path, fails: str
) -> None:
    double = Double(toy.data, tmp_path / "whole", fails)
    if fails:
        with pytest.raises(KeyboardInterrupt):
            compete(double)
    compete(double)
    compete(double)
    expected = {"prepare": 1, "timed": 2, "predict": 2}
    assert double.asked == {step: n + (step == fails) for step, n in expected.items()}
    assert double.tested == patients_in_test(toy)
    assert not double.planned & patients_in_test(toy)


def test_the_reference_itself_scores_1(
    against: ModuleType, compete: Callable[..., None], toy: Toy, tmp_path: Path
) -> None:
    compete(Double(toy.data, tmp_path / "whole"))
    out = tmp_path / "out"
    against.judge(
        read_results(toy.folder), against.score(open_study(toy.folder), out), out / "scores.csv"
    )
    lines = (out / "scores.csv").read_text().splitlines()
    theirs = [line.split(",") for line in lines if line.startswith("nnU-Net")]
    assert {(seed, patient) for _, seed, patient, _ in theirs} == {
        (seed, patient) for seed in ("seed 0", "seed 1") for patient in patients_in_test(toy)
    }
    assert {float(score) for *_, score in theirs} == {1.0}


def patients_in_test(toy: Toy) -> set[str]:
    return {*toy.data.slices["patient"].iloc[toy.splits["split"].rows("test", toy.data)]}


def test_what_was_trained_otherwise_is_not_judged(
    compete: Callable[..., None], toy: Toy, tmp_path: Path
) -> None:
    double = Double(toy.data, tmp_path / "whole")
    compete(double, 60.0)
    with pytest.raises(SystemExit, match=r"seed 0 was trained with 2 threads for 1\.0 minutes"):
        compete(double, 90.0)


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
