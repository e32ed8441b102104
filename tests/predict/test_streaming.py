"""Long inputs: memory does not grow with them, and a killed prediction continues."""

import os
import signal
import subprocess
import sys
import time
import weakref
from pathlib import Path

import numpy as np
import pytest
from tests.predict.conftest import Trained
from tests.predict.models import grey_model
from tests.shell import Shell

from myosweep.predict.cases import Case, Found
from myosweep.predict.run import plan_prediction, predict


def test_memory_is_that_of_a_few_slices(tmp_path: Path) -> None:
    """Of 400 pictures at most 64 are in memory at a time, whatever their number."""
    alive: set[int] = set()
    most = 0

    def case(number: int) -> Case:
        def read() -> np.ndarray:
            nonlocal most
            pixels = np.full((1, 16, 16), number % 256, np.uint8)
            alive.add(number)
            weakref.finalize(pixels, alive.discard, number)
            most = max(most, len(alive))
            return pixels

        return Case(f"{number:03d}", f"image {number}", "picture", 1, (16, 16), None, None, read)

    done: list[tuple[int, int]] = []
    plan = plan_prediction(Found([case(at) for at in range(400)], []), tmp_path)
    outcome = predict(
        grey_model(16, 16), plan, tmp_path, progress=lambda at, total: done.append((at, total))
    )
    assert (outcome.cases, outcome.problems) == (400, [])
    assert most <= 64
    assert done[-1] == (400, 400)
    assert [at for at, _ in done] == sorted(at for at, _ in done)


def test_a_case_that_fails_in_any_step_is_one_sentence(tmp_path: Path) -> None:
    def case(name: str, pixels: np.ndarray) -> Case:
        return Case(name, f"image {name!r}", "picture", 1, (16, 16), None, None, lambda: pixels)

    good = np.zeros((1, 16, 16), np.uint8)
    found = Found([case("good", good), case("other", good[:, :8]), case("more", good)], ["before"])
    outcome = predict(grey_model(16, 16), plan_prediction(found, tmp_path), tmp_path)
    assert outcome.cases == 2
    assert outcome.problems == [
        "before",
        "image 'other' is not what its header says; is it damaged?",
    ]


@pytest.mark.skipif(os.name == "nt", reason="sends a signal that Windows does not have")
def test_a_killed_prediction_continues(trained: Trained, tmp_path: Path, shell: Shell) -> None:
    """Killed without warning after some masks, it ends with the masks of an undisturbed one."""
    names = trained.write_pictures(tmp_path / "images", 12)
    for copy in range(15):
        for name in names:
            content = (tmp_path / "images" / f"{name}.png").read_bytes()
            (tmp_path / "images" / f"{name}-{copy}.png").write_bytes(content)
    run = trained.runs[0].path
    shell("predict", run, "images", "whole", "--device", "cpu")
    command = [sys.executable, "-m", "myosweep", "predict", str(run), "images", "cut"]
    process = subprocess.Popen([*command, "--device", "cpu", "--threads", "1"])
    masks = tmp_path / "cut" / "masks"
    while not masks.is_dir() or len(list(masks.glob("P*.png"))) < 20:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = {path.name: path.stat().st_mtime_ns for path in masks.glob("P*.png")}
    assert 20 <= len(before) < 192
    out = shell("predict", run, "images", "cut", "--device", "cpu")
    assert f"{192 - len(before)} images or stacks with" in out
    for path in (tmp_path / "whole" / "masks").iterdir():
        assert (masks / path.name).read_bytes() == path.read_bytes()
    after = {path.name: path.stat().st_mtime_ns for path in masks.glob("P*.png")}
    assert {name: after[name] for name in before} == before
