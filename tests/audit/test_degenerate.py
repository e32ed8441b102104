"""Datasets that hardly are any give sentences, never errors or warnings."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.audit.planted import Slices, split_of

from myosweep.audit import audit_dataset, serious_for_run
from myosweep.regions import RegionScheme
from myosweep.report.audit_page import build_audit_page, render_audit

THREE = RegionScheme.parse(["background=0", "blood pool=1", "myocardium=2"])
OTHER = RegionScheme.parse(["nothing=0", "left thing=1", "right thing=2"])


def made(
    count: int, patients: int, size: tuple[int, int], images: str, labels: str, scheme: str
) -> Slices:
    random = np.random.default_rng(1)
    shape = (count, *size)
    pixels = random.integers(0, 256, shape) if images == "noise" else np.full(shape, 7)
    codes = {
        "empty": np.zeros(shape),
        "noise": random.integers(0, 3, shape),
        "full": np.ones(shape),
        "padding": np.full(shape, 9),
    }[labels]
    rows = [
        {"patient": f"P{number % patients}", "slice": f"P{number % patients}_{number}"}
        for number in range(count)
    ]
    known = {"three": THREE, "other": OTHER}[scheme]
    padding = 9 if labels == "padding" else None
    if padding:
        known = RegionScheme(known.regions, (9,))
    return Slices(pixels.astype(np.uint8), codes.astype(np.uint8), rows, known, padding=padding)


CASES = [
    (1, 1, (8, 8), "noise", "noise", "three"),
    (1, 1, (1, 1), "noise", "empty", "three"),
    (1, 1, (40, 40), "flat", "padding", "three"),
    (3, 1, (40, 33), "noise", "noise", "other"),
    (12, 12, (8, 8), "flat", "noise", "three"),
    (12, 6, (8, 200), "noise", "full", "three"),
    (12, 6, (40, 40), "noise", "empty", "three"),
    (12, 6, (40, 40), "flat", "empty", "other"),
    (12, 6, (40, 40), "noise", "padding", "other"),
    (24, 8, (40, 40), "noise", "noise", "three"),
    (24, 8, (40, 40), "noise", "full", "other"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_nothing_breaks(
    case: tuple[int, int, tuple[int, int], str, str, str], tmp_path: Path
) -> None:
    dataset = made(*case).dataset(tmp_path)
    keys = dataset.slices["slice"].tolist()
    parts = ["training", "validation", "test"]
    split = split_of(dataset, {key: parts[number % 3] for number, key in enumerate(keys)})
    for splits in ({}, {"split": split}):
        audit = audit_dataset(dataset, splits)
        for finding in audit.findings:
            assert finding.sentence.endswith(".")
            assert "nan" not in finding.sentence
            assert finding.advice.endswith((".", "?"))
            assert set(finding.slices) <= set(keys)
        json.dumps(audit.as_json(), allow_nan=False)
        assert audit.name in render_audit(build_audit_page(audit, dataset))
        for finding in serious_for_run(dataset, splits):
            assert finding.severity == "serious"


def test_what_needs_a_blood_pool_is_skipped_and_said(tmp_path: Path) -> None:
    audit = audit_dataset(made(24, 8, (40, 40), "noise", "noise", "other").dataset(tmp_path))
    reasons = {one.check: one.reason for one in audit.skipped}
    assert "no region is called blood pool" in reasons["open rings"]
    assert "left thing" in reasons["fit of masks to images"]
    assert "leakage between parts" in reasons


def test_progress_goes_up_to_three_steps_a_slice(tmp_path: Path) -> None:
    dataset = made(12, 6, (40, 40), "noise", "noise", "three").dataset(tmp_path)
    steps: list[tuple[int, int]] = []
    audit_dataset(dataset, progress=lambda done, of: steps.append((done, of)))
    assert steps == [(number, 36) for number in [*range(1, 37), 36]]
