"""Clinical measures in the report and on the command line."""

import csv
import json

import pytest
from tests.analysis.clinical.cohort import clinical_study, cohort
from tests.report.pages import section_of, well_formed, without_pixels

from myosweep.analysis.clinical.findings import clinical_findings
from myosweep.analysis.clinical.run import Options, measure_study
from myosweep.report.clinical.section import clinical_section, stored_section
from myosweep.report.page import build_page, render
from myosweep.results.read import read_results

SHIFTS = {(5e-3,): (1, 1), (5e-4,): (0, 0), (5e-5,): (0, 0)}


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return clinical_study(tmp_path_factory.mktemp("section"), SHIFTS)


@pytest.fixture
def insertions(tmp_path):
    file = tmp_path / "rv.csv"
    lines = [f"P{k:02d},8,13,32,13" for k in range(20)]
    file.write_text("patient,anterior_y,anterior_x,inferior_y,inferior_x\n" + "\n".join(lines))
    return file


def section(toy, **options):
    results = read_results(toy.folder)
    return clinical_section(
        clinical_findings(results, *measure_study(results, Options(**options))), results
    )


def test_figures_and_tables(toy, insertions):
    found = section(toy, insertions=insertions)
    names = [drawing.name for drawing, _ in found.drawings]
    assert names == ["figure-M1-agreement", "figure-M2-agreement", "figure-M3-bulls-eyes"]
    assert all(drawing.png.startswith(b"\x89PNG") for drawing, _ in found.drawings)
    assert "reference: " in found.drawings[2][0].alt
    letters = [one.letter for one in found.tables]
    assert letters == [f"M{k}" for k in range(1, len(letters) + 1)]
    official = next(one for one in found.tables if one.title.endswith("metrics: myocardium"))
    assert "these are not millimetres; beside it the same distance in true" in official.caption
    heads = [cell.text for cell in official.table.head[-1]]
    assert heads[-2:] == ["Hausdorff, official (not mm)", "Hausdorff, mm"]
    assert any(one.title.startswith("Infarct size at base, middle") for one in found.tables)
    first = found.tables[0].table.sections[0].rows
    assert [row.head for row in first] == ["0.005", "0.0005", "0.00005"]
    assert first[1].cells[1:4] == ("0.0", "0.0 to 0.0", "same")
    assert "‘not smaller’ means not smaller by the margin or more" in found.tables[0].caption
    contours = next(one for one in found.tables if one.title.startswith("Contours"))
    assert contours.table.sections[0].rows[1].cells[0] == "0.0 (20 of 20)"
    assert "in brackets: how many pairs of network and patient are averaged" in contours.caption


def test_no_bulls_eye_without_insertions(toy):
    found = section(toy)
    assert [drawing.name for drawing, _ in found.drawings] == [
        "figure-M1-agreement",
        "figure-M2-agreement",
    ]
    assert any("not AHA-aligned" in one.caption for one in found.tables)


def test_no_lengths_without_spacing(tmp_path):
    data = cohort(tmp_path / "data", spacing_mm=None, slice_spacing_mm=None)
    found = section(clinical_study(tmp_path, SHIFTS, data=data))
    captions = " ".join(one.caption for one in found.tables)
    assert "mm" not in captions
    assert "pixels" in captions


def test_the_command_then_the_report(shell, toy):
    results = read_results(toy.folder)
    assert stored_section(results) is None
    assert "Clinical measures" not in render(build_page(results))
    out = shell("clinical", toy.folder)
    assert out.startswith("Conclusion\nInfarct size: ")
    assert "not AHA-aligned" in out
    text = render(build_page(results))
    well_formed(text)
    part = without_pixels(section_of(text, "clinical"))
    assert "Table M1." in part
    assert "Figure M2." in part
    assert "20 to 35" in part


def test_json_and_csv(shell, toy, tmp_path):
    found = json.loads(shell("clinical", toy.folder, "--json", "--csv", tmp_path / "p.csv"))
    assert found["conclusion"][0].startswith("Infarct size")
    assert [one["column"] for one in found["measures"]][:2] == ["infarct_percent", "myocardium_g"]
    values = found["measures"][0]["values"]
    assert values[1]["bias"]["difference"] == 0
    assert found["facts"]["part"] == "test"
    with (tmp_path / "p.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["value"] for row in rows} == {"reference", "0.005", "0.0005", "0.00005"}


def test_validation_patients_are_measured_but_not_kept(shell, tmp_path):
    toy = clinical_study(tmp_path, SHIFTS)
    out = shell("clinical", toy.folder, "--part", "validation")
    assert "4 patients" in out
    assert "has a section" not in out
    assert stored_section(read_results(toy.folder)) is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--structure", "heart=muscle"), "a structure is one of cavity, myocardium"),
        (("--structure", "infarct=fibrossis"), "there is no region 'fibrossis' to be named"),
        (
            ("--structure", "infarct=x", "--structure", "cavity=x"),
            "region 'x' is infarct and cavity; give it one structure",
        ),
        (("--n-sd", "0"), "number of standard deviations is above 0, got 0"),
        (("--dataset", "nowhere"), "'nowhere' is not a dataset"),
        (("--rv-insertion", "none.csv"), "there is no table 'none.csv'"),
        (("--regions", "seven"), "--regions is three, five or a file"),
    ],
)
def test_errors_say_the_way_out(shell, toy, words, message):
    shell("clinical", toy.folder, *words, code=2)
    assert message in shell.err


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        (((0, 5), (1,), (2,), (3,)), "code 4 is nothing by --regions, and myocardium by the"),
        (((0, 5), (2,), (1,), (3, 4)), "code 1 is myocardium by --regions, and cavity by the"),
        (((0, 5, 4), (1,), (2,), (3,)), "code 4 is nothing by --regions, and myocardium by the"),
    ],
)
def test_regions_that_mean_something_else_are_refused(shell, toy, tmp_path, codes, message):
    names = ("background", "blood pool", "normal myocardium", "infarct")
    lines = [f'"{name}" = {list(one)}' for name, one in zip(names, codes, strict=True)]
    (tmp_path / "r.toml").write_text("\n".join(["[regions]", *lines]))
    shell("clinical", toy.folder, "--regions", "r.toml", code=2)
    assert message in shell.err


def test_no_study_is_an_error(shell, tmp_path):
    shell("clinical", tmp_path, code=2)
    assert "is not a study folder" in shell.err


def test_help_has_examples(shell):
    out = shell("clinical", "--help")
    assert "Examples:" in out
    assert "--rv-insertion" in out
