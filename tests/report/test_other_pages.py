"""Pages of other studies: without their dataset, of two fields, of another program's masks."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from tests.analysis.reliability.tables import write_calibrated
from tests.report.pages import Checked, cells_of, section_of, well_formed, without_pixels
from tests.toy import DIVERGED, Toy, as_of_another_program, toy_study

from myosweep.errors import DatasetError
from myosweep.report.page import NO_DATASET, Page, build_page, render
from myosweep.report.reliability import stored_reliability
from myosweep.results.read import read_results


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    return toy_study(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="module")
def bare(toy: Toy, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Page]:
    """The study without its dataset, and its page."""
    folder = tmp_path_factory.mktemp("bare") / "study"
    shutil.copytree(toy.folder, folder)
    return folder, build_page(read_results(folder))


def test_without_the_dataset_the_page_says_so(bare: tuple[Path, Page], tmp_path: Path) -> None:
    folder, page = bare
    assert not any("masks" in one.name for one in page.drawings)
    assert "figure-1-scores" in [one.name for one in page.drawings]
    assert NO_DATASET in render(page)
    with pytest.raises(DatasetError, match="is not a dataset"):
        build_page(read_results(folder), dataset=tmp_path / "nowhere")


def test_a_calibrated_model_has_a_section(bare: tuple[Path, Page]) -> None:
    folder, page = bare
    assert page.reliability is None
    assert "Can the networks be believed?" not in render(page)
    results = read_results(folder)
    write_calibrated(results.folder, tuple(results.networks["run"][:2]))
    text = render(replace(page, reliability=stored_reliability(results)))
    well_formed(text)
    part = without_pixels(section_of(text, "reliability"))
    assert "Table R2." in part
    assert "Figure R1." in part
    assert "Other images." in part


def test_two_fields_one_seed_and_a_diverged_network(tmp_path: Path) -> None:
    shifts = {(1e-3, 1e-4): (1,), (1e-3, 1e-3): (2,), (0.0, 1e-4): (0,), (0.0, 1e-3): (DIVERGED,)}
    fields = ("l2.strength", "learning_rate")
    toy = toy_study(tmp_path, shifts, fields=fields, split={"by": "slice"}, baselines=False)
    text = render(build_page(read_results(toy.folder)))
    assert Checked(text).wrong == []
    assert "<h1>L2 strength and learning rate and the segmentation" in text
    assert "4 combinations of L2 strength (0.001, 0) and learning rate (0.0001, 0.001)." in text
    assert "out of bounds with L2 strength 0, learning rate 0.001 (1 of 1 network: seed 0)" in text
    assert "that needs several networks per value" in text
    assert "Figure C." in text
    assert "stand in more than one part" in text
    assert cells_of(section_of(text, "scores"), "BF score")[2][3] == "undefined"
    assert "no-image predictor</th>" not in text  # no baselines, no columns for them
    assert "The dashed line" not in text
    (run,) = [row for row in cells_of(text, "run-0p0-0p001-0") if row]
    assert run[2] == "diverged"


def test_masks_of_another_program(toy: Toy, tmp_path: Path) -> None:
    """No settings, no history, no training or validation part: the page does without."""
    shutil.copytree(toy.folder, tmp_path / "study")
    results = read_results(tmp_path / "study")
    as_of_another_program(results.folder)
    text = render(build_page(read_results(tmp_path / "study")))
    assert Checked(text).wrong == []
    assert "6 sets of masks, made by another program" in text
    assert "Table 2." not in text
    assert cells_of(text, "run-0p005-0")[0][3:5] == ["–", "–"]
    assert "nothing is known about training" in text
