"""The table of sites, vendors, levels, spacings and stacks."""

from pathlib import Path
from typing import Any

import pytest

from myosweep.data.descriptions import read_descriptions
from myosweep.data.names import SliceName
from myosweep.errors import DatasetError

A0, A1, B0 = SliceName("A", "0"), SliceName("A", "1"), SliceName("B", "0")


def read(folder: Path, text: str | bytes) -> dict[SliceName, dict[str, Any]]:
    path = folder / "meta.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_descriptions(path, [A0, A1, B0])


def problems(folder: Path, text: str | bytes) -> list[str]:
    with pytest.raises(DatasetError) as caught:
        read(folder, text)
    return list(caught.value.problems)


def test_by_patient_every_slice_gets_its_patients_row(tmp_path: Path) -> None:
    table = "patient,site,vendor,spacing_mm\nB,S2,Siemens,1.25\nA,S1, GE ,0.9\n"
    a = {"site": "S1", "vendor": "GE", "spacing_mm": 0.9}
    b = {"site": "S2", "vendor": "Siemens", "spacing_mm": 1.25}
    assert read(tmp_path, table) == {A0: a, A1: a, B0: b}


def test_by_slice_each_slice_gets_its_own_row(tmp_path: Path) -> None:
    table = "slice,level,slice_spacing_mm\nA_1,apex,10\nA_0,base,8\nB_0,middle,\n"
    assert read(tmp_path, table) == {
        A0: {"level": "base", "slice_spacing_mm": 8.0},
        A1: {"level": "apex", "slice_spacing_mm": 10.0},
        B0: {"level": "middle", "slice_spacing_mm": None},
    }


def test_the_slice_decides_where_both_columns_are(tmp_path: Path) -> None:
    table = "patient,slice,site\nA,A_0,x\nA,A_1,y\nB,B_0,z\n"
    assert [row["site"] for row in read(tmp_path, table).values()] == ["x", "y", "z"]


def test_empty_and_missing_cells_are_not_known(tmp_path: Path) -> None:
    table = "patient,site,vendor,spacing_mm\nA,,,\nB\n"
    assert set(read(tmp_path, table)[B0].values()) == {None}
    assert set(read(tmp_path, table)[A1].values()) == {None}


def test_rows_of_other_patients_are_passed_over_whatever_they_hold(tmp_path: Path) -> None:
    table = "patient,level,spacing_mm\nA,base,1\nZ,top,-1\nZ,,\n,,\n,,\nB,apex,2\n"
    assert read(tmp_path, table)[B0] == {"level": "apex", "spacing_mm": 2.0}


def test_a_byte_order_mark_windows_line_ends_and_quotes_are_read(tmp_path: Path) -> None:
    table = b'\xef\xbb\xbfpatient,site\r\nA,"Lund, Sk\xc3\xa5ne"\r\nB,"two\r\nlines"\r\n'
    assert [row["site"] for row in read(tmp_path, table).values()] == [
        "Lund, Skåne", "Lund, Skåne", "two\r\nlines",
    ]  # fmt: skip


def test_one_error_lists_every_problem_with_its_line(tmp_path: Path) -> None:
    table = (
        "patient,site,level,spacing_mm,hospital\n"
        "\n"
        'A,"two\nlines",top,1,x\n'
        "A,S1,base,0,x\n"
        "B,S1,base,1,5,x\n"
    )
    assert problems(tmp_path, table) == [
        "table 'meta.csv' has a column 'hospital'; known are slice, patient, site, vendor, level, "
        "spacing_mm, slice_spacing_mm, stack, place; rename or remove it",
        "table 'meta.csv', line 4: level is one of base, middle, apex, got 'top'",
        "table 'meta.csv', line 5: patient 'A' stands twice; keep one line",
        "table 'meta.csv', line 5: spacing_mm is a number of millimetres above 0, got '0'",
        "table 'meta.csv', line 6: there are more cells than columns; write 1.5, not 1,5, and "
        "quote commas",
    ]


def test_stacks_and_places_are_whole_numbers_of_slices(tmp_path: Path) -> None:
    table = "slice,stack,place\nA_0,1,3\nA_1,2,3\nB_0,,\n"
    assert read(tmp_path, table) == {
        A0: {"stack": 1, "place": 3},
        A1: {"stack": 2, "place": 3},
        B0: {"stack": None, "place": None},
    }
    assert problems(tmp_path, "slice,stack,place\nA_0,0,3\nA_1,1.5,-3\nB_0,\u00b2,4\n") == [
        "table 'meta.csv', line 2: stack is a whole number from 1, got '0'",
        "table 'meta.csv', line 3: stack is a whole number from 1, got '1.5'",
        "table 'meta.csv', line 3: place is a whole number from 1, got '-3'",
        "table 'meta.csv', line 4: stack is a whole number from 1, got '\u00b2'",
    ]
    assert problems(tmp_path, "slice,place\nA_0,3\nA_1,3\nB_0,3\n") == [
        "table 'meta.csv': slices 'A_0' and 'A_1' have the same place 3; give them other places, "
        "or other stacks"
    ]
    assert problems(tmp_path, "patient,stack\nA,1\nB,1\n") == [
        "table 'meta.csv' gives stack or place by patient, but each slice has its own; add a "
        "column 'slice'"
    ]


@pytest.mark.parametrize("text", ["-1", "0", "nan", "inf", "1 mm", "1e999"])
def test_spacings_are_positive_numbers(tmp_path: Path, text: str) -> None:
    table = f"patient,slice_spacing_mm\nA,{text}\nB,1\n"
    (problem,) = problems(tmp_path, table)
    assert problem.endswith(f"slice_spacing_mm is a number of millimetres above 0, got {text!r}")


def test_missing_lines_are_listed(tmp_path: Path) -> None:
    assert problems(tmp_path, "slice,site\nA_0,S1\n") == [
        f"table 'meta.csv' has no line for slice {name!r}; add one, with empty cells for what is "
        "not known"
        for name in ("A_1", "B_0")
    ]


@pytest.mark.parametrize("text", ["", "\n", "name,site\nA,S\n", "patient;site\nA;S\n"])
def test_a_table_needs_slice_or_patient(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text)[-1] == (
        "table 'meta.csv' needs a column 'slice' or 'patient', and commas between its columns; "
        "add it"
    )


def test_a_column_stands_once(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "patient,site,site\nA,1,2\nB,1,2\n")
    assert problem == "table 'meta.csv' has the column 'site' 2 times; keep one"


@pytest.mark.parametrize("text", [b"patient,site\nA,Z\xfcrich\n", b"\xff\xfep\0a\0"])
def test_other_encodings_are_refused(tmp_path: Path, text: bytes) -> None:
    (problem,) = problems(tmp_path, text)
    assert problem == (
        "table 'meta.csv' cannot be read; check the path, and save it as CSV in UTF-8"
    )


def test_a_missing_table_is_refused_without_its_folder(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"^table 'none\.csv' cannot be read; check the path"):
        read_descriptions(tmp_path / "none.csv", [A0])
