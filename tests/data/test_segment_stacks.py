"""Segment stacks: which one is chosen, what its slices hold, and each pitfall of the format."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.data.segment_files import (
    COLUMNS,
    CONTAINERS,
    EMPTY,
    ENDO,
    EPI,
    RIGHT,
    ROWS,
    SECRETS,
    Stack,
    Write,
    cine,
    contours,
    rectangle,
    scar,
    stack,
    write_v7,
    write_v73,
)

from myosweep.data.names import NamePattern
from myosweep.data.patient_key import patient_code
from myosweep.data.segment.choice import SegmentListing, list_segment
from myosweep.data.segment.stacks import SegmentFindings, find_segment_stacks
from myosweep.data.stack import SourceSlice
from myosweep.regions import LABEL_CODES, RegionScheme, named_scheme

CODES = LABEL_CODES["myosweep"]
KEY = b"k" * 32
FIVE = named_scheme("five")

write_each = pytest.mark.parametrize("write", CONTAINERS.values(), ids=CONTAINERS)


def find(paths: list[Path], **options: Any) -> tuple[SegmentFindings, list[str]]:
    problems: list[str] = []
    known: dict[str, Any] = {"scheme": FIVE, "patient": None, "key": KEY, "stack": None}
    known |= {"uncontoured": "leave-out", "problems": problems}
    return find_segment_stacks(paths, **(known | options)), problems


def slices_of(path: Path, **options: Any) -> list[SourceSlice]:
    findings, problems = find([path], **options)
    assert problems == []
    (found,) = findings.stacks
    slices = list(found.read())
    assert len(slices) == len(found.sizes) == findings.chosen[0].slices
    for one in slices:
        assert one.image.shape == one.labels.shape == found.sizes[0]
        assert one.image.dtype == found.image_type
    return slices


def one_problem(path: Path, **options: Any) -> str:
    findings, problems = find([path], **options)
    assert findings.stacks == ()
    (problem,) = problems
    assert "SECRET" not in problem
    return problem


def box(top: int, bottom: int, left: int, right: int) -> np.ndarray:
    """Pixels from (top, left) to (bottom, right), both included."""
    mask = np.zeros((ROWS, COLUMNS), bool)
    mask[top : bottom + 1, left : right + 1] = True
    return mask


def drawn() -> np.ndarray:
    """What ENDO and EPI hold, by hand: their edges lie between pixels."""
    labels = np.full((ROWS, COLUMNS), CODES["background"])
    labels[box(5, 14, 6, 17)] = CODES["normal myocardium"]
    labels[box(8, 11, 9, 14)] = CODES["blood pool"]
    return labels


# Pitfalls


@write_each
def test_rows_are_x_and_columns_are_y_counted_from_1(tmp_path: Path, write: Write) -> None:
    for one in slices_of(write(tmp_path / "a.mat", [stack()])):
        np.testing.assert_array_equal(one.labels, drawn())


@write_each
def test_contours_are_ordered_by_point_time_and_slice(tmp_path: Path, write: Write) -> None:
    """With as many frames as slices, a swap of the two shows in the masks alone."""
    endo = contours("Endo", {0: ENDO, 1: ENDO}, 3, 3, frame=1)
    epi = contours("Epi", {0: EPI, 1: rectangle(3.5, 15.5, 4.5, 18.5)}, 3, 3, frame=1)
    first, second = slices_of(write(tmp_path / "a.mat", [stack(3, 3, (), **endo, **epi)]))
    np.testing.assert_array_equal(first.labels, drawn())
    assert (second.labels > 0).sum() == 12 * 14


SIGNALLING_NAN = np.array([0x7FF4000000000000]).view(np.float64)
"""As a damaged file may hold it: to subtract from it is an error to the processor."""


@write_each
@pytest.mark.parametrize("absent", [np.array(np.nan), np.array(0.0), SIGNALLING_NAN])
def test_nan_and_zero_are_no_contour(tmp_path: Path, write: Write, absent: np.ndarray) -> None:
    fields = stack()
    for name in ("EndoX", "EndoY", "EpiX", "EpiY"):
        fields[name] = np.where(np.isnan(fields[name]), absent, fields[name])
    path = write(tmp_path / "a.mat", [fields])
    assert [one.subject for one in slices_of(path)] == [
        f"file 'a.mat', slice {n}" for n in (1, 2, 3)
    ]
    findings, _ = find([path])
    assert (findings.uncontoured, findings.incomplete) == (1, 0)


@write_each
@pytest.mark.parametrize(("slices", "frames"), [(1, 1), (1, 3), (4, 1), (4, 3)])
def test_dropped_axes_of_length_1(tmp_path: Path, write: Write, slices: int, frames: int) -> None:
    fields = stack(slices, frames, drawn=range(slices), Scar=scar(slices))
    found = slices_of(write(tmp_path / "a.mat", [fields]))
    assert len(found) == slices
    for one in found:
        np.testing.assert_array_equal(one.labels, drawn())


@write_each
def test_images_of_floats_are_scaled_back(tmp_path: Path, write: Write) -> None:
    fields = stack(IntensityScaling=800, IntensityOffset=-50)
    for at, one in enumerate(slices_of(write(tmp_path / "a.mat", [fields]))):
        values = one.image * one.row["signal_slope"] + one.row["signal_offset"]
        np.testing.assert_allclose(values, fields["IM"][:, :, 0, at] * 800 - 50, atol=0.007)


@write_each
def test_images_of_whole_numbers_are_not_scaled(tmp_path: Path, write: Write) -> None:
    image = np.random.default_rng(0).integers(0, 4000, (ROWS, COLUMNS, 1, 4), np.int16)
    fields = stack(IM=image, IntensityScaling=800, IntensityOffset=-50)
    for at, one in enumerate(slices_of(write(tmp_path / "a.mat", [fields]))):
        np.testing.assert_array_equal(one.image, image[:, :, 0, at])
        assert (one.row["signal_slope"], one.row["signal_offset"]) == (1, 0)


@write_each
def test_an_image_of_8_bits_keeps_them(tmp_path: Path, write: Write) -> None:
    image = np.random.default_rng(0).integers(0, 255, (ROWS, COLUMNS, 1, 4), np.uint8)
    for one in slices_of(write(tmp_path / "a.mat", [stack(IM=image)])):
        assert one.image.dtype == np.uint8


@write_each
def test_the_time_frame_is_the_one_with_most_contours(tmp_path: Path, write: Write) -> None:
    fields = stack(4, 3, (0,))
    for name, outline in (("Endo", ENDO), ("Epi", EPI)):
        more = contours(name, {1: outline, 2: outline}, 4, 3, frame=2)
        for field, places in more.items():
            fields[field] = np.where(np.isnan(places), fields[field], places)
    path = write(tmp_path / "a.mat", [fields])
    found = slices_of(path)
    assert [one.subject[-1] for one in found] == ["2", "3"]
    values = found[0].image * found[0].row["signal_slope"] + found[0].row["signal_offset"]
    np.testing.assert_allclose(values, fields["IM"][:, :, 2, 1], atol=1e-5)
    chosen = find([path])[0].chosen[0]
    assert (chosen.frame, chosen.frames) == (3, 3)


@write_each
def test_a_contour_partly_outside_is_cut_off(tmp_path: Path, write: Write) -> None:
    outside = rectangle(-6.5, 6.5, 15.5, 40.5)
    fields = stack(drawn=(0,), **contours("Epi", {0: outside}, 4))
    fields |= contours("Endo", {0: rectangle(-3.5, 1.5, 20.5, 30.5)}, 4)
    (one,) = slices_of(write(tmp_path / "a.mat", [fields]))
    np.testing.assert_array_equal(one.labels > 0, box(0, 6, 16, 23))
    np.testing.assert_array_equal(one.labels == CODES["blood pool"], box(0, 1, 21, 23))


@write_each
def test_several_stacks_and_objects_in_one_file(tmp_path: Path, write: Write) -> None:
    path = write(tmp_path / "a.mat", [cine(), stack(), cine()])
    assert len(slices_of(path)) == 3
    assert find([path])[0].chosen[0].stack == 2


@write_each
def test_a_slice_with_one_contour_of_two_is_left_out_and_counted(
    tmp_path: Path, write: Write
) -> None:
    fields = stack(6, drawn=(1, 2))
    fields |= contours("Endo", dict.fromkeys((0, 1, 2), ENDO), 6)
    fields |= contours("Epi", dict.fromkeys((1, 2, 4), EPI), 6)
    path = write(tmp_path / "a.mat", [fields])
    assert [one.subject[-1] for one in slices_of(path)] == ["2", "3"]
    findings, _ = find([path], uncontoured="background")
    assert (findings.uncontoured, findings.incomplete) == (2, 2)
    kept = slices_of(path, uncontoured="background")
    assert [one.subject[-1] for one in kept] == ["2", "3", "4", "6"]
    assert [bool(one.labels.any()) for one in kept] == [True, True, False, False]


@write_each
def test_behind_the_last_cavity_the_epicardium_is_enough(tmp_path: Path, write: Write) -> None:
    fields = stack(5, drawn=(0, 1))
    fields |= contours("Epi", dict.fromkeys(range(4), EPI), 5)
    found = slices_of(write(tmp_path / "a.mat", [fields]))
    assert [one.subject[-1] for one in found] == ["1", "2", "3", "4"]
    for one in found[2:]:
        np.testing.assert_array_equal(one.labels == CODES["normal myocardium"], box(5, 14, 6, 17))
        assert not (one.labels == CODES["blood pool"]).any()


@write_each
def test_old_files_lack_nearly_everything(tmp_path: Path, write: Write) -> None:
    outlines = {name: stack()[name] for name in ("EndoX", "EndoY", "EpiX", "EpiY")}
    fields = {"IM": stack()["IM"], "Resolution": 1.25, "Scar": scar(), **outlines}
    (first, *_) = slices_of(write(tmp_path / "P1.mat", [fields]), patient=NamePattern(r"P\d+"))
    assert first.spacing_yx_mm == (1.25, 1.25)
    assert first.row.keys() == {
        *("signal_slope", "signal_offset", "level", "image_file_hash", "mask_file_hash")
    }


@write_each
def test_both_containers_give_the_same(tmp_path: Path, write: Write) -> None:
    full = [cine(), stack(Scar=scar(), **contours("RVEndo", {0: RIGHT}, 4))]
    one, other = (
        slices_of(each(tmp_path / f"{name}.mat", full)) for name, each in CONTAINERS.items()
    )
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left.image, right.image)
        np.testing.assert_array_equal(left.labels, right.labels)
        assert (left.points, left.spacing_yx_mm) == (right.points, right.spacing_yx_mm)
        without = [
            {key: value for key, value in side.row.items() if "hash" not in key}
            for side in (left, right)
        ]
        assert without[0] == without[1]


# What the table gets


@pytest.mark.parametrize(
    ("fields", "spacing", "between"),
    [
        ({"ResolutionX": 1.5, "ResolutionY": 1.25}, (1.5, 1.25), 10),
        ({"ResolutionX": None, "ResolutionY": None, "Resolution": 2}, (2, 2), 10),
        ({"ResolutionX": None, "ResolutionY": None}, None, 10),
        ({"ResolutionX": 0}, None, 10),
        ({"ResolutionX": -1.5}, None, 10),
        ({"ResolutionX": np.inf}, None, 10),
        ({"ResolutionX": np.nan}, None, 10),
        ({"ResolutionX": EMPTY}, None, 10),
        ({"ResolutionX": "1.5"}, None, 10),
        ({"SliceThickness": 6, "SliceGap": 0}, (1.5, 1.5), 6),
        ({"SliceThickness": 8, "SliceGap": -2}, (1.5, 1.5), 6),
        ({"SliceGap": None}, (1.5, 1.5), None),
        ({"SliceThickness": 0}, (1.5, 1.5), None),
        ({"SliceThickness": np.nan}, (1.5, 1.5), None),
    ],
)
def test_spacing(
    tmp_path: Path, fields: Stack, spacing: tuple[float, float] | None, between: float | None
) -> None:
    path = write_v73(tmp_path / "a.mat", [stack(**fields)])
    (one, *_) = slices_of(path)
    assert one.spacing_yx_mm == spacing
    assert one.row.get("slice_spacing_mm") == between
    assert find([path])[0].stacks[0].spacing_yx_mm == spacing


def test_levels_run_from_base_to_apex_over_the_slices_with_the_ventricle(tmp_path: Path) -> None:
    path = write_v7(tmp_path / "a.mat", [stack(8, drawn=range(1, 7))])
    levels = [one.row.get("level") for one in slices_of(path, uncontoured="background")]
    assert levels == [None, "base", "base", "middle", "middle", "apex", "apex", None]


@pytest.mark.parametrize(
    ("scanner", "vendor"),
    [
        ("SIEMENS", "Siemens"),
        ("GE", "GE"),
        ("GE_Signa", "GE"),
        ("Philips Ingenia", "Philips"),
        ("Toshiba", "Canon"),
        ("SECRET General Hospital", None),
        ("", None),
    ],
)
def test_only_known_vendors_are_told(tmp_path: Path, scanner: str, vendor: str | None) -> None:
    (one, *_) = slices_of(write_v7(tmp_path / "a.mat", [stack(Scanner=scanner)]))
    assert one.row.get("vendor") == vendor


def test_label_type_is_that_of_the_scheme(tmp_path: Path) -> None:
    path = write_v7(tmp_path / "a.mat", [stack()])
    wide = RegionScheme(FIVE.regions, (700,))
    types = [find([path], scheme=one)[0].stacks[0].label_type for one in (FIVE, wide)]
    assert types == [np.uint8, np.uint16]


# Patients


@pytest.mark.parametrize(
    ("person", "identity"),
    [
        (SECRETS, SECRETS["ID"]),
        ({"Name": "A^B^^^", "ID": ""}, "A^B"),
        ({"Name": "A^B", "ID": "Anonymous"}, "A^B"),
        ({"Name": "A^B", "ID": 471100000001.0}, "471100000001"),
        ([{"ID": "first"}, {"ID": "second"}], "first"),
    ],
)
def test_the_patient_is_a_keyed_hash(tmp_path: Path, person: Any, identity: str) -> None:
    findings, _ = find([write_v73(tmp_path / "a.mat", [stack(PatientInfo=person)])])
    assert findings.stacks[0].patient == patient_code(identity, KEY)


@pytest.mark.parametrize("person", [None, EMPTY, {"ID": "", "Name": "Hidden"}, {"Name": "^^"}])
def test_a_file_of_nobody_needs_a_pattern(tmp_path: Path, person: Any) -> None:
    path = write_v7(tmp_path / "a.mat", [stack(PatientInfo=person)])
    assert "does not tell its patient; give --patient" in one_problem(path)


def test_another_stack_may_tell_the_patient(tmp_path: Path) -> None:
    findings, _ = find([write_v7(tmp_path / "a.mat", [cine(), stack(PatientInfo=EMPTY)])])
    assert findings.stacks[0].patient == patient_code(SECRETS["ID"], KEY)


def test_a_pattern_finds_the_patient_in_the_relative_name(tmp_path: Path) -> None:
    (tmp_path / "P07").mkdir()
    write_v7(tmp_path / "P07" / "lge.MAT", [stack()])
    write_v7(tmp_path / "other.mat", [stack()])
    findings, problems = find([tmp_path], patient=NamePattern(r"(P\d+)/"))
    assert [one.patient for one in findings.stacks] == ["P07"]
    assert problems == [
        "file 'other.mat' does not match the patient pattern '(P\\\\d+)/'; rename it or change "
        "--patient"
    ]


# Choice


@write_each
@pytest.mark.parametrize(
    ("stacks", "chosen"),
    [
        ([cine(), stack()], 2),
        ([stack(ImageType="LATE ENHANCEMENT", Scar=None)], 1),
        (
            [
                cine(Scar=scar(3))
                | contours("Endo", {0: ENDO}, 3, 2)
                | contours("Epi", {0: EPI}, 3, 2)
            ],
            1,
        ),
        ([stack(), stack(Scar=scar())], 2),
        ([stack(ImageViewPlane=None), stack()], 2),
        ([stack(ImageViewPlane="4CH"), stack(ImageViewPlane="Unspecified")], 2),
        ([stack(5), stack(6)], 2),
        ([stack(1, drawn=(0,)), stack(2, drawn=(0,))], 2),
        ([stack(drawn=()), stack()], 2),
        ([stack(), stack()], 1),
        ([stack(6), stack(ImageViewPlane=None, Scar=scar())], 2),
        ([stack(Rotated=1), stack()], 2),
    ],
)
def test_the_rule_of_choice(tmp_path: Path, write: Write, stacks: list[Stack], chosen: int) -> None:
    findings, problems = find([write(tmp_path / "a.mat", stacks)])
    assert problems == []
    assert findings.chosen[0].stack == chosen


def test_the_user_may_choose(tmp_path: Path) -> None:
    path = write_v73(tmp_path / "a.mat", [stack(), stack(ImageType="Cine", drawn=(0,))])
    assert find([path], stack=2)[0].chosen[0].stack == 2
    for number in (0, 3):
        problem = one_problem(path, stack=number)
        assert problem == (
            f"file 'a.mat' has no stack {number}, but stack 1 (Late enhancement, Short-axis, "
            "20 x 24, 4 slices, 3 contoured); stack 2 (Cine, Short-axis, 20 x 24, 4 slices, "
            "1 contoured); give another with --stack"
        )


def test_without_a_fitting_stack_the_problem_lists_all(tmp_path: Path) -> None:
    stacks = [cine(), stack(ImageViewPlane="2CH"), stack(Rotated=1, ImageType="Late enhancement")]
    problem = one_problem(write_v7(tmp_path / "a.mat", stacks))
    assert problem == (
        "file 'a.mat' has no late-enhancement short-axis stack, but stack 1 (Cine, Short-axis, "
        "20 x 24, 3 slices, 0 contoured); stack 2 (Late enhancement, 2CH, 20 x 24, 4 slices, "
        "3 contoured); stack 3 (Late enhancement, Short-axis, radial, 20 x 24, 4 slices, "
        "3 contoured); choose one with --stack"
    )


def test_a_radial_stack_is_refused_even_if_chosen(tmp_path: Path) -> None:
    path = write_v73(tmp_path / "a.mat", [stack(Rotated=np.array([[True]]))])
    assert "has a radial stack 1 (rotated)" in one_problem(path, stack=1)


def test_a_stack_without_contours_is_refused(tmp_path: Path) -> None:
    for uncontoured in ("leave-out", "background"):
        path = write_v7(tmp_path / "a.mat", [stack(drawn=())])
        problem = one_problem(path, uncontoured=uncontoured)
        assert "stack 1 without a slice that has endocardium and epicardium; draw them" in problem


def test_a_stack_without_images_is_refused(tmp_path: Path) -> None:
    path = write_v7(tmp_path / "a.mat", [stack(IM=EMPTY)])
    assert "holds no images; give --images" in one_problem(path)


@pytest.mark.parametrize(
    ("fields", "match"),
    [
        ({"ZSize": 5}, "has 20 x 24 pixels, 1 frames and 4 slices, and says that it has others"),
        ({"XSize": COLUMNS, "YSize": ROWS}, "and says that it has others; is it damaged"),
        ({"EndoX": np.ones((80, 1, 3))}, "has Endo contours for other frames or slices"),
        ({"EndoX": np.ones((80, 4))}, "has Endo contours for other frames or slices"),
        ({"EpiY": None}, "has Epi contours for other frames or slices"),
        ({"EpiY": "text"}, "has Epi contours for other frames or slices"),
        ({"EpiY": np.ones((80, 1, 4), complex)}, "has Epi contours for other frames or slices"),
        ({n: np.ones((10001, 1, 4)) for n in ("EpiX", "EpiY")}, "contours of too many points"),
        ({"IM": np.ones((4, 4, 1, 2, 2))}, "has images with 5 axes instead of 4"),
    ],
)
def test_contradictions_are_refused(tmp_path: Path, fields: Stack, match: str) -> None:
    path = write_v73(tmp_path / "a.mat", [cine(), stack(**fields)])
    problem = one_problem(path)
    assert problem.startswith("file 'a.mat' has a stack 2 that ")
    assert match in problem
    assert one_problem(path, stack=2) == problem


def test_contradictions_in_another_stack_do_not_matter(tmp_path: Path) -> None:
    path = write_v7(tmp_path / "a.mat", [cine(ZSize=9), stack()])
    assert find([path])[0].chosen[0].stack == 2


# Files


def test_files_and_folders_may_be_mixed(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "b").mkdir(parents=True)
    one = write_v7(folder / "a.mat", [stack()])
    write_v73(folder / "b" / "c.mat", [stack()])
    (folder / "notes.txt").write_text("x")
    findings, problems = find([one, folder, folder / "b"])
    assert ([one.subject for one in findings.stacks], problems) == (
        ["file 'a.mat'", "file 'b/c.mat'"],
        [],
    )


def test_paths_that_hold_nothing_are_told_by_name_alone(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.txt").write_text("x")
    findings, problems = find([tmp_path / name for name in ("none", "empty", "a.txt")])
    assert problems == [
        "there is no file or folder 'none'; check the path",
        "folder 'empty' holds no .mat or .seg file; give files of Segment",
        "file 'a.txt' is no .mat or .seg file; give files of Segment",
    ]
    assert findings.stacks == ()


def test_two_files_of_one_relative_name_are_refused(tmp_path: Path) -> None:
    for name in ("x", "y"):
        (tmp_path / name).mkdir()
        write_v7(tmp_path / name / "a.mat", [stack()])
    _, problems = find([tmp_path / "x", tmp_path / "y"])
    assert problems == ["two files are called 'a.mat'; give one folder that holds both"]


def test_one_bad_file_does_not_hide_the_others(tmp_path: Path) -> None:
    write_v7(tmp_path / "a.mat", [stack()])
    (tmp_path / "b.mat").write_bytes(b"MATLAB 5.0 MAT-file")
    findings, problems = find([tmp_path])
    assert len(findings.stacks) == 1
    assert problems == ["file 'b.mat' is no MATLAB file of version 5 or later; is it damaged?"]


def test_links_that_lead_out_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    outside = write_v7(tmp_path / "outside.mat", [stack()])
    (tmp_path / "in" / "link.mat").symlink_to(outside)
    assert find([tmp_path / "in"])[1] == [
        "folder 'in' holds no .mat or .seg file; give files of Segment"
    ]


# Listing


@write_each
def test_a_listing_tells_all_stacks_and_why(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "a.mat", [cine(), stack(), stack(Scar=scar()), stack(ZSize=7, ImageType="x")])
    problems: list[str] = []
    (listing,) = list_segment([tmp_path], problems)
    assert problems == []
    assert listing.file == "a.mat"
    assert [one.why_not for one in listing.stacks] == [
        "it is no late enhancement and has no scar",
        "stack 3 is preferred",
        None,
        "it has 20 x 24 pixels, 1 frames and 4 slices, and says that it has others; is it damaged?",
    ]
    third = replace(listing.stacks[2], image_type="?")
    assert (third.number, third.view, third.rows, third.columns) == (3, "Short-axis", 20, 24)
    assert (third.frames, third.slices, third.spacing_yx_mm) == (1, 4, (1.5, 1.5))
    assert (third.contoured, third.has_scar, third.is_chosen) == (3, True, True)
    assert "SECRET" not in repr(listing)


def test_a_listing_follows_the_users_choice(tmp_path: Path) -> None:
    path = write_v7(tmp_path / "a.mat", [cine(), stack()])
    chosen = [one.is_chosen for one in list_segment([path], [], stack=1)[0].stacks]
    assert chosen == [True, False]


def test_a_listing_steers_no_terminal(tmp_path: Path) -> None:
    path = write_v73(tmp_path / "a.mat", [stack(ImageType="\x1b[2Jred" + "x" * 100)])
    (listing,) = list_segment([path], [])
    assert isinstance(listing, SegmentListing)
    assert listing.stacks[0].image_type == "?[2Jred" + "x" * 22 + "…"
