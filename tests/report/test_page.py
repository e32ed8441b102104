"""The page: complete, self-contained, readable by machines, honest about what is missing."""

import html
import json
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from tests.report.pages import (
    Checked,
    cells_of,
    section_of,
    well_formed,
    without_pixels,
    without_scripts,
)
from tests.toy import Toy, toy_dataset, toy_study

from myosweep.analysis.conclude import conclude
from myosweep.analysis.scores import summary
from myosweep.errors import DatasetError, InputError, StudyError
from myosweep.report.page import build_page, write_report
from myosweep.results.ledger import read_looks
from myosweep.results.read import read_results

pytestmark = pytest.mark.painted

FIGURES = (
    "figure-a-dose-response",
    "figure-b-differences",
    "figure-overfitting",
    "figure-1-scores",
    "figure-2-masks",
    "figure-3-learning-curves",
    "figure-4-early-rule",
)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    toy = toy_study(tmp_path_factory.mktemp("toy"))
    write_report(toy.folder)
    return toy


@pytest.fixture(scope="module")
def text(toy: Toy) -> str:
    return toy.home.report.read_text("utf-8")


def test_the_page_is_well_formed(text: str) -> None:
    page = well_formed(text)
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    steps = zip(page.headings, page.headings[1:], strict=False)
    assert all(after - before <= 1 for before, after in steps)


def test_the_page_needs_nothing_else(toy: Toy, text: str) -> None:
    assert all(source.startswith("data:image/png;base64,") for source in Checked(text).sources)
    assert set(re.findall(r"url\((.)", text)) <= {"#"}
    words = without_pixels(text)
    for outside in ("http:", "https:", "//", "<script src", "<link", "@import", "javascript:"):
        assert outside not in words
    assert toy.home.report.stat().st_size < 1_000_000


def test_the_page_tells_no_place(toy: Toy, text: str) -> None:
    words = without_pixels(text)
    for place in (str(toy.folder), str(toy.data.folder), "/tmp", "../"):
        assert place not in words
    assert "\\" not in without_scripts(words)
    assert not re.search(rf"\b{re.escape(socket.gethostname())}\b", words)


def test_every_figure_is_there_with_a_text_for_those_who_cannot_see_it(toy: Toy, text: str) -> None:
    pictures = Checked(text).pictures
    assert len(pictures) == len(FIGURES)
    assert all(picture is not None and len(picture) > 60 for picture in pictures)
    files = sorted(path.name for path in toy.home.figures.iterdir())
    assert files == sorted(f"{name}.{kind}" for name in FIGURES for kind in ("png", "svg"))


def test_the_order_of_the_page(text: str) -> None:
    wanted = (
        "<h1>", "<h2>Conclusion", "Which value should I take?", "How much does it matter?",
        "Where do the segmentations differ?", "What is not known", "Figure A.", "Figure B.",
        "Table A.", "Table B.", "<h2>The study", "Table 1.", "Figure 1.", "Figure 2.", "Table 2.",
        "Table 3.", "Figure 3.", "<h2>The early rule", "Figure 4.", "<h2>Warnings",
        "<h2>Model card", "<h2>Appendix", "Methods, to paste",
        "What the words mean", "Table 4.", "Table 5.", "Versions",
    )  # fmt: skip
    places = [text.index(mark) for mark in wanted]
    assert places == sorted(places)


def test_the_main_table_holds_means_and_spreads(toy: Toy, text: str) -> None:
    table = summary(read_results(toy.folder)).set_index(["label", "region", "metric"])
    row = cells_of(section_of(text, "scores"), "Dice")[2]  # of the third region, the myocardium
    for label, cell in zip(("0.005", "0.0005", "0.00005"), row, strict=False):
        cells = table.loc[(label, "myocardium", "dice")]
        assert cell == f"{cells['mean']:.3f} ± {cells['sd']:.3f}"
    assert len(row) == 5  # and both baselines
    assert row[4] == "0.000"
    assert '<tr class="marked"><th scope="row">Dice</th>' in text


def test_validation_accuracies_stand_beside_the_papers(toy: Toy, text: str) -> None:
    status = json.loads((toy.home.run("run-5e-05-0").status).read_text())
    assert status["validation_accuracy"] == 1  # a perfect network
    (row, *_) = cells_of(section_of(text, "training"), "0.00005")
    assert row[1] == "100.00"
    assert row[-1] == "98.43"


def test_the_conclusion_answers_the_four_questions(toy: Toy, text: str) -> None:
    said = section_of(text, "conclusion")
    found = conclude(read_results(toy.folder))
    assert "<b>Primary question.</b> Dice of the myocardium" in said
    assert "0.00005" in said
    assert len(re.findall(r'<p class="verdict">', said)) == 4
    assert html.escape(found.methods, quote=True).replace("&#x27;", "&#39;") in text
    (row, *_) = cells_of(said, "0.00005")
    assert row[0] == f"{found.shown.mean('0.00005').mean:.3f}"
    assert "is not judged here" not in text


def test_the_words_are_plain(text: str) -> None:
    words = re.sub(r"<[^>]+>", " ", text)
    assert not re.search(r"\b(significant(ly)?|nan|inf|None)\b", words.replace(
        "significant digits", ""))  # fmt: skip


def test_a_report_is_a_look_and_the_same_report_the_same_look(toy: Toy, text: str) -> None:
    results = read_results(toy.folder)
    (look,) = read_looks(results.folder)
    assert look == conclude(results).look
    assert look.networks == 2
    write_report(toy.folder)
    assert read_looks(results.folder) == (look,)
    assert toy.home.report.read_text("utf-8") == text


def test_patients_and_slices_are_counted(text: str) -> None:
    assert "12 slices of 6 patients; 4 slices of 2 patients" in text
    assert "4 slices of 2 patients that no network has seen" in text


def test_a_rebuilt_report_is_the_same_and_needs_no_torch(
    toy: Toy, text: str, tmp_path: Path
) -> None:
    shutil.copytree(toy.folder.parent, tmp_path / "again")
    again = tmp_path / "again" / "study"
    shutil.rmtree(again / "figures")
    code = (
        "import sys\nfrom myosweep import write_report\n"
        f"write_report({str(again)!r})\n"
        "assert 'torch' not in sys.modules\n"
        "assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert (again / "report.html").read_text("utf-8") == text
    for path in toy.home.figures.iterdir():
        assert (again / "figures" / path.name).read_bytes() == path.read_bytes()


def test_another_dataset_is_not_shown(toy: Toy, tmp_path: Path) -> None:
    other = toy_dataset(tmp_path / "other", patients=3)
    with pytest.raises(DatasetError, match="has other pixels"):
        build_page(read_results(toy.folder), dataset=other.folder)


def test_a_slice_that_is_none_is_refused(toy: Toy) -> None:
    key = toy.split.test[0]
    with pytest.raises(InputError, match=f"no test slice of this study; did you mean '{key}'"):
        build_page(read_results(toy.folder), slices=[f"{key}0"])


def test_baselines_alone_make_no_report(toy: Toy, tmp_path: Path) -> None:
    shutil.copytree(toy.folder, tmp_path / "study")
    for path in (tmp_path / "study" / "runs").glob("run-*"):
        shutil.rmtree(path)
    with pytest.raises(StudyError, match="no finished network yet"):
        write_report(tmp_path / "study")
