"""Margins and outlines: by hand on discs and rows, and on the real slices."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from myosweep.analysis.margin import Outline, as_shift_px, outline_of, shift_effect


def one_patient(area: float = 400.0, outline: float = 80.0, pixels: float = 4000.0) -> Outline:
    return Outline(np.array([area]), np.array([outline]), np.array([pixels]), None)


@pytest.mark.parametrize(
    ("metric", "effect"),
    [
        ("dice", 20 / 820),  # a strip of 0.25 x 80 = 20 wrong pixels beside 400 right ones
        ("iou", 20 / 420),
        ("accuracy", 20 / 400),
        ("global_accuracy", 20 / 4000),
        ("bf_strict", 20 / 820),
    ],
)
def test_a_quarter_of_a_pixel_by_hand(metric: str, effect: float) -> None:
    assert shift_effect(one_patient(), metric) == pytest.approx(effect)


def test_the_effect_is_a_mean_over_patients() -> None:
    two = Outline(np.array([400.0, 100.0]), np.array([80.0, 40.0]), np.array([1e3, 1e3]), None)
    assert shift_effect(two, "dice") == pytest.approx((20 / 820 + 10 / 210) / 2)


def test_no_patient_gives_no_margin() -> None:
    nobody = Outline(np.zeros(0), np.zeros(0), np.zeros(0), None)
    assert np.isnan(shift_effect(nobody, "dice"))
    assert as_shift_px(0.1, nobody, "dice") is None


def test_a_difference_becomes_a_shift_with_its_sign() -> None:
    margin = shift_effect(one_patient(), "dice")
    assert as_shift_px(-2 * margin, one_patient(), "dice") == pytest.approx(-0.5)


def counts(**changed: object) -> pd.DataFrame:
    rows = {
        "region": ["myocardium"] * 3,
        "slice": ["a", "b", "c"],
        "patient": ["P1", "P1", "P2"],
        "reference_present": [True, True, False],
        "reference_outline_px": [10.0, 20.0, 0.0],
        "tp": [30, 50, 0],
        "fn": [10, 0, 0],
        "fp": [5, 5, 7],
        "tn": [55, 45, 93],
        "spacing_mm": [1.5, 1.5, 1.5],
        **changed,
    }
    return pd.DataFrame(rows)


def test_outlines_add_up_over_the_slices_that_have_the_region() -> None:
    twice = pd.concat([counts(), counts()])  # another run tells the same of the reference
    outline = outline_of(twice, "myocardium")
    assert outline.area_px.tolist() == [90]
    assert outline.outline_px.tolist() == [30]
    assert outline.pixels.tolist() == [200]
    assert outline.spacing_mm == 1.5


@pytest.mark.parametrize("spacings", [[1.5, 1.4, 1.5], [1.5, np.nan, 1.5]])
def test_spacing_is_used_only_where_it_is_one(spacings: list[float]) -> None:
    assert outline_of(counts(spacing_mm=spacings), "myocardium").spacing_mm is None


def test_the_margin_of_the_real_slices(emidec_files: Path, tmp_path: Path) -> None:
    """A quarter of a pixel is about 0.02 Dice, 0.04 IoU and 0.0025 accuracy on EMIDEC."""
    from myosweep.data.png import import_png
    from myosweep.data.store import open_dataset
    from myosweep.metrics import outline_lengths_px
    from myosweep.regions import RegionScheme

    import_png(
        emidec_files / "images",
        emidec_files / "masks",
        tmp_path / "data",
        patient=r"(?P<patient>Case_[NP]\d+)_slice(?P<slice>\d+)",
        scheme=RegionScheme.parse(["background=0", "blood pool=1", "myocardium=2,3,4"]),
        crop=128,
    )
    data = open_dataset(tmp_path / "data")
    maps = data.reference(data.scheme, np.arange(len(data.slices)))
    table = pd.DataFrame({"patient": data.slices["patient"].to_numpy(str)})
    table["area"] = (maps == 2).sum((1, 2))
    table["outline"] = outline_lengths_px(maps, 3)[:, 2]
    table["pixels"] = maps[0].size
    sums = table.groupby("patient").sum()
    outline = Outline(*(sums[name].to_numpy(float) for name in sums), None)
    assert shift_effect(outline, "dice") == pytest.approx(0.0211, abs=2e-4)
    assert shift_effect(outline, "iou") == pytest.approx(0.0413, abs=2e-4)
    assert shift_effect(outline, "global_accuracy") == pytest.approx(0.0025, abs=1e-4)
