"""DICOM SEG and RT-STRUCT: each gives exactly the masks that were planted, on its own series."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Sequence as Items
from pydicom.dataset import Dataset
from pydicom.uid import RLELossless, generate_uid
from tests.data.dicom_files import (
    AXIAL,
    OBLIQUE,
    SAGITTAL,
    Contour,
    Written,
    item,
    noise,
    write_enhanced,
    write_rtstruct,
    write_seg,
    write_series,
)

from myosweep.data.dicom.drawn import Drawn
from myosweep.data.dicom.pairs import Found, find_pairs, structure_faults
from myosweep.data.polygon import polygon_mask
from myosweep.errors import DatasetError

SIZE = (5, 13, 11)
ORIENTATIONS = [AXIAL, SAGITTAL, OBLIQUE]


def box(slices: slice, rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros(SIZE, bool)
    mask[slices, rows, columns] = True
    return mask


MYOCARDIUM = box(slice(1, 4), slice(3, 10), slice(2, 9))
POOL = box(slice(1, 3), slice(5, 8), slice(4, 7))
SEGMENTS = {"LV myocardium": MYOCARDIUM, "LV pool": POOL}
PAINTED = np.where(POOL, 2, MYOCARDIUM)


def found_in(folder: Path) -> tuple[Found, list[str]]:
    problems: list[str] = []
    return find_pairs(folder / "images", folder / "masks", problems), problems


def drawn(folder: Path, structures: Mapping[str, int] | None = None) -> Drawn:
    found, problems = found_in(folder)
    assert problems == []
    (pair,) = [pair for pair in found.pairs if pair.masks]
    (source,) = pair.masks
    return source.read(structures or {})


def seg(folder: Path, written: Written, name: str = "a.dcm", **options: Any) -> None:
    write_seg(folder / "masks" / name, written.datasets, SEGMENTS, **options)


def series(folder: Path, **options: Any) -> Written:
    return write_series(folder / "images" / "P1", noise(SIZE), **options)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("kind", ["BINARY", "FRACTIONAL"])
@pytest.mark.parametrize("all_frames", [False, True])
def test_a_seg_gives_the_planted_mask(
    tmp_path: Path, orientation: Any, kind: str, all_frames: bool
) -> None:
    written = series(tmp_path, orientation=orientation, names=["e", "d", "a", "c", "b"])
    seg(tmp_path, written, kind=kind, omit_empty_frames=not all_frames)
    found = drawn(tmp_path)
    np.testing.assert_array_equal(found.labels, PAINTED)
    assert found.has_mask == [False, True, True, True, False]


def test_a_label_map_gives_the_planted_mask(tmp_path: Path) -> None:
    seg(tmp_path, series(tmp_path), kind="LABELMAP")
    found = drawn(tmp_path)
    np.testing.assert_array_equal(found.labels, PAINTED)
    assert found.has_mask == [False, True, True, True, False]
    np.testing.assert_array_equal(drawn(tmp_path, {"LV POOL": 7}).labels, 7 * POOL)


def test_fractions_count_from_a_half(tmp_path: Path) -> None:
    written = series(tmp_path)
    shares = np.zeros(SIZE)
    shares[1, 3, 2:6] = (0.49, 0.5, 0.51, 1.0)
    for most in (255, 200, 10):
        write_seg(
            tmp_path / "masks" / "a.dcm",
            written.datasets,
            {"LV": shares},
            kind="FRACTIONAL",
            max_fractional_value=most,
        )
        stored = np.around(shares * most)
        np.testing.assert_array_equal(drawn(tmp_path).labels, 2 * stored >= most)


def test_compressed_segs_are_read(tmp_path: Path) -> None:
    def change(dataset: Dataset) -> None:
        dataset.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)

    seg(tmp_path, series(tmp_path), kind="FRACTIONAL", change=change)
    np.testing.assert_array_equal(drawn(tmp_path).labels, PAINTED)


def test_segments_take_codes_by_name_in_any_case(tmp_path: Path) -> None:
    seg(tmp_path, series(tmp_path))
    found = drawn(tmp_path, {"lv  MYOCARDIUM": 9, "LV Pool": 4})
    np.testing.assert_array_equal(found.labels, np.where(POOL, 4, 9 * MYOCARDIUM))
    only_pool = drawn(tmp_path, {"LV pool": 300})
    np.testing.assert_array_equal(only_pool.labels, 300 * POOL)
    assert only_pool.has_mask == [False, True, True, False, False]


def test_later_segments_lie_on_top(tmp_path: Path) -> None:
    written = series(tmp_path)
    pool_first = {"pool": POOL, "myocardium": MYOCARDIUM}
    write_seg(tmp_path / "masks" / "a.dcm", written.datasets, pool_first)
    np.testing.assert_array_equal(drawn(tmp_path).labels, 2 * MYOCARDIUM)


def test_a_seg_of_an_enhanced_file(tmp_path: Path) -> None:
    path = tmp_path / "images" / "a.dcm"
    written = write_enhanced(path, noise(SIZE), order=[4, 2, 0, 1, 3], orientation=OBLIQUE)
    order = [4, 2, 0, 1, 3]
    stored = {label: mask[order] for label, mask in SEGMENTS.items()}
    extend_for_highdicom(written.datasets[0])
    write_seg(tmp_path / "masks" / "a.dcm", written.datasets, stored)
    np.testing.assert_array_equal(drawn(tmp_path).labels, PAINTED)


@pytest.mark.parametrize("same_place", [False, True])
def test_a_seg_of_a_file_with_two_stacks_is_of_the_one_it_fits(
    tmp_path: Path, same_place: bool
) -> None:
    """Two directions in one file, or two kinds of images at the same places."""

    def change(dataset: Dataset) -> None:
        for number, group in enumerate(dataset.PerFrameFunctionalGroupsSequence):
            if same_place:
                kind = ["ORIGINAL", "PRIMARY", "M" if number < 5 else "PSIR"]
                group.MRImageFrameTypeSequence = Items([item(FrameType=kind)])
                group.PlanePositionSequence[0].ImagePositionPatient = [0, 0, 8 * (number % 5)]
            elif number >= 5:
                cosines = [*SAGITTAL[0], *SAGITTAL[1]]
                turned = item(ImageOrientationPatient=cosines)
                group.PlaneOrientationSequence = Items([turned])
                group.PlanePositionSequence[0].ImagePositionPatient = [500 + 8 * number, 0, 0]

    path = tmp_path / "images" / "a.dcm"
    enhanced = write_enhanced(path, noise((10, *SIZE[1:])), shared=False, change=change)
    single = write_series(tmp_path / "other", noise(SIZE), origin=(-30.0, 20.0, 100.0))
    if same_place:
        single = write_series(tmp_path / "other", noise(SIZE), origin=(0.0, 0.0, 0.0))
    for dataset in single.datasets:
        dataset.SeriesInstanceUID = enhanced.datasets[0].SeriesInstanceUID

    def name(dataset: Dataset) -> None:
        uid = enhanced.datasets[0].SOPInstanceUID
        for one in dataset.ReferencedSeriesSequence:
            one.ReferencedInstanceSequence = Items([item(ReferencedSOPInstanceUID=uid)])

    seg(tmp_path, single, change=name)
    found, problems = found_in(tmp_path)
    assert len(found.pairs) == 2
    if same_place:
        assert problems == [
            "mask 'a.dcm' fits series 'a.dcm' and series 'a.dcm, frame 6' equally well; leave one "
            "of them in the folder"
        ]
    else:
        assert problems == []
        assert [len(pair.masks) for pair in found.pairs] == [1, 0]


def extend_for_highdicom(dataset: Dataset) -> None:
    """What highdicom asks of a multi-frame source."""
    for number, group in enumerate(dataset.PerFrameFunctionalGroupsSequence, start=1):
        group.FrameContentSequence = Items(
            [item(StackID="1", InStackPositionNumber=number, DimensionIndexValues=[1, number])]
        )


def test_a_seg_on_turned_pixels_is_turned_back(tmp_path: Path) -> None:
    """Some programs write frames on rows and columns of their own, with the place of each."""
    written = series(tmp_path, spacing_yx=(1.5, 2.0))
    turned = []
    for at, source in enumerate(written.datasets):
        dataset = Dataset()
        dataset.update(source)
        dataset.file_meta = source.file_meta
        corner = written.to_mm(at, 12, 10)
        dataset.ImagePositionPatient = corner.round(6).tolist()
        dataset.ImageOrientationPatient = [0, -1, 0, -1, 0, 0]
        dataset.PixelSpacing = [2.0, 1.5]
        dataset.Rows, dataset.Columns = 11, 13
        turned.append(dataset)
    stored = {
        label: mask[:, ::-1, ::-1].transpose(0, 2, 1).copy() for label, mask in SEGMENTS.items()
    }
    write_seg(tmp_path / "masks" / "a.dcm", turned, stored)
    np.testing.assert_array_equal(drawn(tmp_path).labels, PAINTED)


def test_a_seg_beside_the_slices_is_refused(tmp_path: Path) -> None:
    def change(dataset: Dataset) -> None:
        for group in dataset.PerFrameFunctionalGroupsSequence:
            place = group.PlanePositionSequence[0].ImagePositionPatient
            group.PlanePositionSequence[0].ImagePositionPatient = [place[0] + 0.7, *place[1:]]

    seg(tmp_path, series(tmp_path), change=change)
    with pytest.raises(DatasetError, match="lies on other slices or pixels than those images"):
        drawn(tmp_path)


@pytest.mark.parametrize(("depth", "fits"), [(1.5, True), (1.7, False), (3.0, False)])
def test_a_seg_between_slices_is_refused(tmp_path: Path, depth: float, fits: bool) -> None:
    def change(dataset: Dataset) -> None:
        groups = dataset.PerFrameFunctionalGroupsSequence
        places = {id(one): one for group in groups for one in group.PlanePositionSequence}
        for place in places.values():
            x, y, z = place.ImagePositionPatient
            place.ImagePositionPatient = [x, y, z + depth]

    seg(tmp_path, series(tmp_path), change=change)
    if fits:
        np.testing.assert_array_equal(drawn(tmp_path).labels, PAINTED)
    else:
        with pytest.raises(DatasetError, match="lies on other slices or pixels than those"):
            drawn(tmp_path)


def test_a_seg_of_a_missing_slice_is_refused(tmp_path: Path) -> None:
    written = series(tmp_path)
    seg(tmp_path, written)
    written.files[3].unlink()
    with pytest.raises(DatasetError, match="lies on other slices or pixels than those images"):
        drawn(tmp_path)


@pytest.mark.parametrize("what", ["a.dcm", "rtstruct"])
def test_masks_need_a_pixel_spacing(tmp_path: Path, what: str) -> None:
    written = series(tmp_path)
    write_rtstruct(tmp_path / "masks" / "a.dcm", written, RING)
    for path in written.files:
        dataset = Dataset()
        dataset.update(written.datasets[written.files.index(path)])
        dataset.file_meta = written.datasets[0].file_meta
        del dataset.PixelSpacing
        dataset.save_as(path)
    with pytest.raises(DatasetError, match="images have no known pixel spacing"):
        drawn(tmp_path, {"epi": 1})


def test_a_seg_finds_its_series_by_instances(tmp_path: Path) -> None:
    study, frame = generate_uid(), generate_uid()
    written = write_series(tmp_path / "images" / "A", noise(SIZE), study=study, frame=frame)
    write_series(tmp_path / "images" / "B", noise(SIZE, seed=1), study=study, frame=frame)
    seg(tmp_path, written)
    found, problems = found_in(tmp_path)
    assert problems == []
    assert [len(pair.masks) for pair in found.pairs] == [1, 0]


def forget(*, series_too: bool, frame: str | None = None) -> Any:
    """Take the names of the images out of a segmentation, as some exports do."""

    def change(dataset: Dataset) -> None:
        for group in dataset.PerFrameFunctionalGroupsSequence:
            if "DerivationImageSequence" in group:
                del group.DerivationImageSequence
        for one in dataset.ReferencedSeriesSequence:
            del one.ReferencedInstanceSequence
        if series_too:
            del dataset.ReferencedSeriesSequence
        if frame is not None:
            dataset.FrameOfReferenceUID = frame

    return change


@pytest.mark.parametrize(("series_too", "other_frame"), [(False, "1.2.3"), (True, None)])
def test_a_seg_finds_its_series_by_number_or_place(
    tmp_path: Path, series_too: bool, other_frame: str | None
) -> None:
    frame = generate_uid()
    written = write_series(tmp_path / "images" / "A", noise(SIZE), frame=frame)
    other = (0.0, 0.0, 500.0)
    write_series(tmp_path / "images" / "B", noise(SIZE, seed=1), frame=frame, origin=other)
    write_series(tmp_path / "images" / "C", noise(SIZE, seed=2))
    seg(tmp_path, written, change=forget(series_too=series_too, frame=other_frame))
    found, problems = found_in(tmp_path)
    assert problems == []
    assert [len(pair.masks) for pair in found.pairs] == [1, 0, 0]


def test_a_seg_that_fits_two_series_is_a_problem(tmp_path: Path) -> None:
    frame = generate_uid()
    written = write_series(tmp_path / "images" / "A", noise(SIZE), frame=frame)
    write_series(tmp_path / "images" / "B", noise(SIZE, seed=1), frame=frame)
    seg(tmp_path, written, change=forget(series_too=True))
    found, problems = found_in(tmp_path)
    assert problems == [
        "mask 'a.dcm' fits series 'A/' and series 'B/' equally well; leave one of them in the "
        "folder"
    ]
    assert not any(pair.masks for pair in found.pairs)


@pytest.mark.parametrize(("own", "frame"), [("1.2", ""), ("1.2", "1.2.3"), ("", "")])
def test_a_seg_of_other_images_is_a_problem(tmp_path: Path, own: str, frame: str) -> None:
    def place_nowhere(dataset: Dataset, at: int) -> None:
        dataset.FrameOfReferenceUID = own

    seg(tmp_path, series(tmp_path), change=forget(series_too=True, frame=frame))
    series(tmp_path, change=place_nowhere)
    _, problems = found_in(tmp_path)
    assert problems == [
        "mask 'a.dcm' was drawn on none of the series found; add its images, or remove it"
    ]


def test_a_seg_without_segments_is_a_problem(tmp_path: Path) -> None:
    def change(dataset: Dataset) -> None:
        del dataset.SegmentSequence

    seg(tmp_path, series(tmp_path), change=change)
    _, problems = found_in(tmp_path)
    assert problems == [
        "file 'a.dcm' draws no structure anywhere; is it damaged? else leave it out"
    ]


def test_masks_may_lie_among_the_images(tmp_path: Path) -> None:
    written = series(tmp_path)
    write_seg(tmp_path / "images" / "P1" / "seg.dcm", written.datasets, SEGMENTS)
    problems: list[str] = []
    found = find_pairs(tmp_path / "images", tmp_path / "images", problems)
    assert problems == []
    assert [source.kind for source in found.pairs[0].masks] == ["DICOM SEG"]
    assert found.pairs[0].masks[0].structures == ((1, "LV myocardium"), (2, "LV pool"))


def test_masks_among_the_images_do_not_count_beside_a_folder_of_masks(tmp_path: Path) -> None:
    written = series(tmp_path)
    seg(tmp_path, written)
    write_seg(tmp_path / "images" / "P1" / "old.dcm", written.datasets, {"old": MYOCARDIUM})
    np.testing.assert_array_equal(drawn(tmp_path).labels, PAINTED)


def square(at: int, low: float, high: float, roi: str, **options: Any) -> Contour:
    return Contour(at, [(low, low), (low, high), (high, high), (high, low)], roi, **options)


RING = [square(1, 1.5, 9.5, "epi"), square(1, 3.5, 7.5, "endo"), square(3, 2.5, 8.5, "epi")]


def ring() -> np.ndarray:
    """By hand: edges of pixels are halves, so that 1.5 to 9.5 is the pixels 2 to 9."""
    labels = np.zeros(SIZE, int)
    labels[1, 2:10, 2:10] = 2
    labels[1, 4:8, 4:8] = 1
    labels[3, 3:9, 3:9] = 2
    return labels


CODES = {"epi": 2, "endo": 1}


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("references", [False, True])
@pytest.mark.parametrize("small_first", [False, True])
def test_contours_give_ring_and_cavity(
    tmp_path: Path, orientation: Any, references: bool, small_first: bool
) -> None:
    written = series(tmp_path, orientation=orientation, names=["e", "d", "a", "c", "b"])
    contours = RING[::-1] if small_first else RING
    write_rtstruct(tmp_path / "masks" / "r.dcm", written, contours, references=references)
    found = drawn(tmp_path, CODES)
    np.testing.assert_array_equal(found.labels, ring())
    assert found.has_mask == [False, True, False, True, False]


def test_rows_and_columns_have_spacings_of_their_own(tmp_path: Path) -> None:
    written = series(tmp_path, spacing_yx=(1.25, 2.5), orientation=OBLIQUE)
    write_rtstruct(tmp_path / "masks" / "r.dcm", written, RING)
    np.testing.assert_array_equal(drawn(tmp_path, CODES).labels, ring())


def test_contours_on_an_enhanced_file(tmp_path: Path) -> None:
    path = tmp_path / "images" / "a.dcm"
    written = write_enhanced(path, noise(SIZE), order=[4, 2, 0, 1, 3], orientation=SAGITTAL)
    write_rtstruct(tmp_path / "masks" / "r.dcm", written, RING)
    np.testing.assert_array_equal(drawn(tmp_path, CODES).labels, ring())


def test_vertices_on_pixel_centres_are_as_exact_as_in_pixels(tmp_path: Path) -> None:
    vertices = [(2, 3), (2, 9), (6, 10), (11, 7), (10, 2), (5, 1)]
    rows, columns = np.array(vertices, float).T
    written = series(tmp_path, orientation=OBLIQUE, spacing_yx=(1.40625, 1.40625))
    write_rtstruct(tmp_path / "masks" / "r.dcm", written, [Contour(2, vertices)])
    wanted = polygon_mask(rows, columns, *SIZE[1:])
    assert wanted.sum() > 40
    np.testing.assert_array_equal(drawn(tmp_path, {"LV": 1}).labels[2], wanted)


def test_contours_of_one_structure_are_joined_by_even_odd(tmp_path: Path) -> None:
    contours = [square(1, 1.5, 9.5, "myo"), square(1, 3.5, 7.5, "myo")]
    write_rtstruct(tmp_path / "masks" / "r.dcm", series(tmp_path), contours)
    wanted = ring()[1] == 2
    np.testing.assert_array_equal(drawn(tmp_path, {"myo": 1}).labels[1], wanted)


def test_other_structures_and_open_contours_are_passed_over(tmp_path: Path) -> None:
    contours = [*RING, square(2, 1.5, 9.5, "body"), square(4, 1.5, 9.5, "epi", kind="OPEN_PLANAR")]
    write_rtstruct(tmp_path / "masks" / "r.dcm", series(tmp_path), contours)
    found = drawn(tmp_path, CODES)
    np.testing.assert_array_equal(found.labels, ring())
    assert found.has_mask == [False, True, False, True, False]


@pytest.mark.parametrize(("shift", "at"), [(3.9, 1), (-3.9, 1), (4.1, 2), (-4.1, 0)])
def test_a_contour_goes_to_the_nearest_slice(tmp_path: Path, shift: float, at: int) -> None:
    contours = [square(1, 1.5, 9.5, "epi", shift_mm=shift)]
    write_rtstruct(tmp_path / "masks" / "r.dcm", series(tmp_path, orientation=OBLIQUE), contours)
    assert [bool(mask.any()) for mask in drawn(tmp_path, CODES).labels] == [
        n == at for n in range(5)
    ]


def test_a_contour_far_from_any_slice_is_a_problem(tmp_path: Path) -> None:
    contours = [*RING, square(4, 1.5, 9.5, "epi", shift_mm=5.0)]
    write_rtstruct(tmp_path / "masks" / "r.dcm", series(tmp_path), contours)
    with pytest.raises(DatasetError, match=r"has a contour 5.0 mm away from the nearest slice"):
        drawn(tmp_path, CODES)


def test_odd_values_in_masks_raise_no_warning(tmp_path: Path) -> None:
    """They are read late, in a thread; a warning would be an error in these tests."""

    def change(dataset: Dataset) -> None:
        for roi in dataset.ROIContourSequence:
            for contour in roi.ContourSequence:
                contour.add_new(0x30060016, "SQ", Items([Dataset()]))
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    contour.ContourImageSequence[0].ReferencedSOPInstanceUID = "no / number"

    written = series(tmp_path)
    write_rtstruct(tmp_path / "masks" / "r.dcm", written, RING, change=change)
    np.testing.assert_array_equal(drawn(tmp_path, CODES).labels, ring())


def test_a_contour_across_slices_is_a_problem(tmp_path: Path) -> None:
    written = series(tmp_path)

    def change(dataset: Dataset) -> None:
        contour = dataset.ROIContourSequence[0].ContourSequence[0]
        contour.ContourData = [0, 0, 100, 5, 5, 104, 9, 0, 116]

    write_rtstruct(tmp_path / "masks" / "r.dcm", written, RING, change=change)
    with pytest.raises(DatasetError, match="has a contour across several slices"):
        drawn(tmp_path, CODES)


@pytest.mark.parametrize("data", [["1", "2"], ["1", "2", "3", "x"]])
def test_a_contour_of_no_numbers_is_a_problem(tmp_path: Path, data: list[str]) -> None:
    def change(dataset: Dataset) -> None:
        contour = dataset.ROIContourSequence[0].ContourSequence[0]
        contour.add_new(0x30060050, "LO", data)

    written = series(tmp_path)
    write_rtstruct(tmp_path / "masks" / "r.dcm", written, RING, change=change)
    _, problems = found_in(tmp_path)
    assert problems == ["file 'r.dcm' has a contour whose places are no numbers; is it damaged?"]


def test_contours_on_other_series_are_left_to_them(tmp_path: Path) -> None:
    frame = generate_uid()
    one = write_series(tmp_path / "images" / "A", noise(SIZE), frame=frame)
    other = write_series(tmp_path / "images" / "B", noise(SIZE, seed=1), frame=frame)
    foreign = square(2, 1.5, 9.5, "epi", instance=other.datasets[2].SOPInstanceUID)
    write_rtstruct(tmp_path / "masks" / "r.dcm", one, [*RING, foreign])
    found, problems = found_in(tmp_path)
    assert problems == []
    first, second = (pair.masks[0].read(CODES) for pair in found.pairs)
    assert first.has_mask == [False, True, False, True, False]
    assert second.has_mask == [False, False, True, False, False]


def test_contours_need_codes(tmp_path: Path) -> None:
    def change(dataset: Dataset) -> None:
        dataset.StructureSetROISequence.append(item(ROINumber=9, ROIName="never drawn"))

    write_rtstruct(tmp_path / "masks" / "r.dcm", series(tmp_path), RING, change=change)
    found, _ = found_in(tmp_path)
    assert list(structure_faults(found.mask_files, {})) == [
        "RT-STRUCT files have the structures 'endo', 'epi', but no codes; say which code is which, "
        'for instance --structure "endo=1"'
    ]
    assert list(structure_faults(found.mask_files, {"EPI": 1})) == []
    assert list(structure_faults(found.mask_files, {"epi": 1, "scar": 2})) == [
        "no mask has a structure 'scar'; they have 'endo', 'epi'"
    ]
    assert list(structure_faults([], {"scar": 2})) == [
        "no mask has a structure 'scar'; only SEG and RT-STRUCT files do"
    ]


def test_a_file_without_any_of_the_structures_is_told(tmp_path: Path) -> None:
    write_rtstruct(tmp_path / "masks" / "r.dcm", series(tmp_path), RING)
    with pytest.raises(DatasetError, match="has no structure 'scar'; it has 'epi', 'endo'"):
        drawn(tmp_path, {"scar": 1})
