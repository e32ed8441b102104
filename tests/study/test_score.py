"""Masks of another program become a run; wrong masks are all named at once."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from myosweep.analysis.scores import summary
from myosweep.config import SplitConfig
from myosweep.data.png import import_png
from myosweep.data.split import make_split, write_split
from myosweep.data.store import Dataset
from myosweep.errors import DatasetError, StudyError
from myosweep.regions import RegionScheme
from myosweep.report.page import write_report
from myosweep.results.read import read_results
from myosweep.study.score import score_masks
from myosweep.study.sweep import run_study

SCHEME = RegionScheme.parse(["background=255", "blood pool=128", "myocardium=0"])


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    """Masks of 4 patients x 2 slices, 40 x 40, and images beside them."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:40, :40]
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
    for patient in range(4):
        for number in range(2):
            radius = np.hypot(y - 20 + patient, x - 20)
            labels = np.where(radius < 6, 128, np.where(radius < 10, 0, 255)).astype(np.uint8)
            name = f"P{patient}_s{number}.png"
            Image.fromarray(labels).save(tmp_path / "masks" / name)
            noise = rng.integers(0, 255, (40, 40), np.uint8)
            Image.fromarray(noise).save(tmp_path / "images" / name)
    return tmp_path / "masks"


@pytest.fixture
def dataset(masks: Path, tmp_path: Path) -> Dataset:
    pattern = r"(?P<patient>P\d)_s(?P<slice>\d)"
    images, out = tmp_path / "images", tmp_path / "data"
    return import_png(images, masks, out, patient=pattern, scheme=SCHEME, crop=32)


def moved(masks: Path, folder: Path, by: int) -> Path:
    folder.mkdir()
    for path in masks.iterdir():
        Image.fromarray(np.roll(np.asarray(Image.open(path)), by, 1)).save(folder / path.name)
    return folder


def test_perfect_masks_score_one_and_everything_downstream_works(
    masks: Path, dataset: Dataset, tmp_path: Path
) -> None:
    out = tmp_path / "study"
    score_masks(masks, dataset.folder, out, value="5e-4")
    score_masks(moved(masks, tmp_path / "off", 3), dataset.folder, out, value="5e-3")
    table = summary(read_results(out)).set_index(["label", "region", "metric"])["mean"]
    labels = {float(label.split()[-1]): label for label in table.index.unique("label")}
    for region in SCHEME.names:
        for metric in ("accuracy", "iou", "dice", "bf"):
            assert table[labels[5e-4], region, metric] == 1
            assert table[labels[5e-3], region, metric] < 1
    assert write_report(out, dataset.folder).is_file()


def test_masks_of_the_test_part_alone_suffice(
    masks: Path, dataset: Dataset, tmp_path: Path
) -> None:
    split = make_split(dataset, SplitConfig(fractions=(0.5, 0.25, 0.25)))
    write_split(split, tmp_path / "split.json")
    for path in masks.iterdir():
        if path.stem.replace("_s", "_") not in split.test:
            path.unlink()
    score_masks(masks, dataset.folder, tmp_path / "o", value="1e-4", split=tmp_path / "split.json")
    counts = read_results(tmp_path / "o").counts
    networks = counts[~counts["run"].astype(str).str.startswith("baseline")]
    assert set(networks["part"]) == {"test"}
    assert set(networks["slice"]) == set(split.test)


def test_all_wrong_masks_are_named_at_once(masks: Path, dataset: Dataset, tmp_path: Path) -> None:
    (masks / "P0_s0.png").unlink()
    (masks / "P1_s0.png").write_bytes(b"no image")
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(masks / "P2_s0.png")
    Image.fromarray(np.full((40, 40), 7, np.uint8)).save(masks / "P3_s0.png")
    with pytest.raises(DatasetError) as caught:
        score_masks(masks, dataset.folder, tmp_path / "out", value="1e-4")
    assert len(caught.value.problems) == 4
    assert not (tmp_path / "out").exists()


def test_other_codes_are_given_by_region(masks: Path, dataset: Dataset, tmp_path: Path) -> None:
    for path in masks.iterdir():
        codes = np.select([np.asarray(Image.open(path)) == c for c in (255, 128)], [0, 1], 2)
        Image.fromarray(codes.astype(np.uint8)).save(path)
    with pytest.raises(DatasetError, match="holds the codes"):
        score_masks(masks, dataset.folder, tmp_path / "a", value="1e-4")
    regions = ["background=0", "blood pool=1", "myocardium=2"]
    score_masks(masks, dataset.folder, tmp_path / "b", value="1e-4", regions=regions)
    table = summary(read_results(tmp_path / "b"))
    assert set(table.query("metric == 'dice'")["mean"]) == {1.0}
    with pytest.raises(DatasetError, match="same names in the same order"):
        score_masks(masks, dataset.folder, tmp_path / "c", value="1", regions=regions[::-1])


def test_strange_names_are_refused(masks: Path, dataset: Dataset, tmp_path: Path) -> None:
    (masks / "P0_s0.png").rename(masks / "patient.png")
    with pytest.raises(DatasetError, match="'patient' belongs to no slice") as caught:
        score_masks(masks, dataset.folder, tmp_path / "out", value="1e-4")
    assert len(caught.value.problems) == 1, "masks with right names are no strangers"


def test_what_does_not_fit_the_study_is_refused(
    masks: Path, dataset: Dataset, tmp_path: Path
) -> None:
    out = tmp_path / "study"
    score_masks(masks, dataset.folder, out, value="5e-4")
    with pytest.raises(StudyError, match=r"has masks of .* already"):
        score_masks(masks, dataset.folder, out, value="5e-4")
    with pytest.raises(StudyError, match=r"sweeps l2\.strength, not"):
        score_masks(masks, dataset.folder, out, value="1e-3", field="learning_rate")
    with pytest.raises(Exception, match="nothing to train"):
        run_study(out)
