"""The benchmarks still run: each with so little work that its figures mean nothing."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


def needs(package: str) -> pytest.MarkDecorator:
    missing = find_spec(package) is None
    return pytest.mark.skipif(
        missing, reason=f"this benchmark compares with {package}; pip install '.[dev]'"
    )


def run(script: str, *arguments: str) -> str:
    command = [sys.executable, str(BENCHMARKS / script), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


@needs("monai")
def test_training_prints_every_loop_and_ratio() -> None:
    little = "--phantoms 4 --first-filters 4 --rounds 1 --steps 1 --warm-up 1 --threads 1"
    output = run("training.py", *little.split(), "--json")
    assert "PHANTOMS, not on EMIDEC: no --data was given" in output
    found = json.loads(output.splitlines()[-1])
    speeds = found["images_per_s"]
    assert found["data"] == "phantoms"
    assert found["first_filters"] == 4
    assert len([loop for loop in speeds if loop.startswith("MONAI, ")]) == 4
    assert all(len(rounds) == 1 and rounds[0] > 0 for rounds in speeds.values())
    ours = f"myosweep, {found['precision']}"
    assert found["ratios"].keys() == {ours, "myosweep, float32"}
    expected = speeds[ours][0] / speeds[found["peer"]][0]
    assert found["ratios"][ours]["median"] == pytest.approx(expected)
    assert speeds[found["peer"]] == max(speeds[loop] for loop in speeds if "MONAI" in loop)


@needs("monai")
@needs("surface_distance")
def test_boundary_prints_the_peers() -> None:
    output = run("boundary.py", "--slices", "2")
    for peer in ("monai", "surface-distance"):
        assert any(
            line.split()[0] == peer and "times ours" in line
            for line in output.splitlines()
            if line.strip()
        )


def test_import_prints_rate_and_memory() -> None:
    output = run("import_png.py", "--slices", "20", "60")
    lines = [line.split() for line in output.splitlines()]
    rows = {words[0]: words for words in lines if words and words[0] in ("20", "60")}
    assert all(float(number) > 0 for words in rows.values() for number in words)
    assert set(rows) == {"20", "60"}
    assert "memory per further slice" in output
