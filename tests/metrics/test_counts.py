"""Counting against hand-drawn masks, an independent distance transform, and laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from myosweep.errors import InputError
from myosweep.metrics import SQUARED_DISTANCES_PX, boundary_hits, count_slices
from myosweep.metrics import counts as counts_module
from myosweep.regions import NO_REGION

REGION_OF = {".": 0, "#": 1, "o": 2, "x": NO_REGION}
SQUARE = """
......
.####.
.####.
.####.
.####.
......
"""
SHIFTED_BY_ONE = """
......
..####
..####
..####
..####
......
"""


def drawn(*pictures):
    """Region maps [slice, y, x] from drawings: background, region 1, region 2, no region."""
    rows = [[[REGION_OF[c] for c in line] for line in picture.split()] for picture in pictures]
    return np.array(rows, np.uint8)


def boundary_by_erosion(mask):
    """Pixels with a 4-neighbour outside, by SciPy's erosion with nothing beyond the edge."""
    return mask & ~ndimage.binary_erosion(mask, border_value=0)


def hits_by_distance_transform(boundary, other, squared_distances):
    if not other.any():
        return [0] * len(squared_distances)
    squared = np.rint(ndimage.distance_transform_edt(~other)[boundary] ** 2)
    return [int((squared <= limit).sum()) for limit in squared_distances]


def region_maps(shape, regions, *, seed):
    """Reference and prediction with blobs, noise and some ignored or unanswered pixels."""
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=shape), (0, 1.5, 1.5))
    limits = np.quantile(smooth, np.linspace(0, 1, regions + 1)[1:-1]) if smooth.size else []
    reference = np.digitize(smooth, limits).astype(np.uint8)
    prediction = np.roll(reference, (1, 2), (1, 2))
    noisy = rng.random(shape) < 0.02
    prediction[noisy] = rng.integers(0, regions, noisy.sum())
    reference[rng.random(shape) < 0.02] = NO_REGION
    prediction[rng.random(shape) < 0.02] = NO_REGION
    return reference, prediction


def test_perfect_prediction():
    counts = count_slices(drawn(SQUARE), drawn(SQUARE), 2)
    assert counts.tp.tolist() == [[20, 16]]
    assert counts.tn.tolist() == [[16, 20]]
    assert counts.fp.tolist() == counts.fn.tolist() == [[0, 0]]
    assert counts.reference_boundary.tolist() == counts.prediction_boundary.tolist() == [[20, 12]]
    assert (counts.reference_hits[0, 1] == 12).all()
    assert (counts.prediction_hits[0, 1] == 12).all()


def test_shifted_by_one_pixel():
    """Of the two rings of 12, the 6 pixels in the shared top and bottom rows coincide."""
    counts = count_slices(drawn(SQUARE), drawn(SHIFTED_BY_ONE), 2)
    assert (counts.tp[0, 1], counts.fp[0, 1], counts.fn[0, 1], counts.tn[0, 1]) == (12, 4, 4, 16)
    assert counts.reference_hits[0, 1].tolist() == [6] + [12] * 13
    assert counts.prediction_hits[0, 1].tolist() == [6] + [12] * 13
    assert counts.reference_hits[0, 0, 0] == 16, "all background here lies on its boundary"


def test_pixels_on_the_image_edge_are_boundary():
    full = np.ones((1, 4, 5), np.uint8)
    counts = count_slices(full, full, 2)
    assert counts.reference_boundary.tolist() == [[0, 14]]
    assert counts.reference_hits[0, :, 0].tolist() == [0, 14]


def test_region_missing_from_the_prediction():
    counts = count_slices(drawn(SQUARE), np.zeros((1, 6, 6), np.uint8), 2)
    assert (counts.tp[0, 1], counts.fp[0, 1], counts.fn[0, 1]) == (0, 0, 16)
    assert (counts.reference_boundary[0, 1], counts.prediction_boundary[0, 1]) == (12, 0)
    assert not counts.reference_hits[0, 1].any()
    assert not counts.prediction_hits[0, 1].any()


def test_ignored_pixels_are_removed_before_boundaries_are_drawn():
    """The prediction's bar loses its two ignored pixels, and with them two boundary pixels."""
    reference = drawn("..... .##xx .....")
    prediction = drawn("..... .#### .....")
    counts = count_slices(reference, prediction, 2)
    assert (counts.tp[0, 1], counts.fp[0, 1], counts.fn[0, 1], counts.tn[0, 1]) == (2, 0, 0, 11)
    assert counts.prediction_boundary[0, 1] == 2
    assert counts.prediction_hits[0, 1, 0] == 2


def test_no_answer_is_a_missed_pixel_and_never_a_false_alarm():
    reference = drawn("..... .##ox .....")
    counts = count_slices(reference, np.full_like(reference, NO_REGION), 3)
    assert counts.fn.tolist() == [[11, 2, 1]]
    assert not counts.tp.any()
    assert not counts.fp.any()
    assert counts.tn.tolist() == [[3, 12, 13]]
    assert not counts.prediction_boundary.any()


def test_distances_between_two_pixels_across_a_word_border():
    offsets = [(dy, dx) for dy in range(-6, 7) for dx in range(-6, 7)]
    reference = np.zeros((len(offsets), 17, 128), np.uint8)
    prediction = np.zeros_like(reference)
    for position, (dy, dx) in enumerate(offsets):
        reference[position, 8, 63] = prediction[position, 8 + dy, 63 + dx] = 1
    counts = count_slices(reference, prediction, 2)
    expected = [[int(y * y + x * x <= d2) for d2 in SQUARED_DISTANCES_PX] for y, x in offsets]
    assert counts.reference_hits[:, 1].tolist() == expected
    assert counts.prediction_hits[:, 1].tolist() == expected


SHAPES = [(3, 5, 7), (2, 70, 130), (2, 3, 64), (2, 65, 63), (2, 1, 1), (2, 1, 200), (2, 40, 1)]
assert SHAPES


@pytest.mark.parametrize("shape", SHAPES)
def test_every_count_agrees_with_plain_numpy_and_a_distance_transform(shape):
    reference, prediction = region_maps(shape, 3, seed=sum(shape))
    counts = count_slices(reference, prediction, 3)
    for position, region in np.ndindex(shape[0], 3):
        labelled = reference[position] != NO_REGION
        true = reference[position] == region
        predicted = (prediction[position] == region) & labelled
        edges = boundary_by_erosion(true), boundary_by_erosion(predicted)
        place = position, region
        assert counts.tp[place] == (true & predicted).sum()
        assert counts.fp[place] == (~true & predicted).sum()
        assert counts.fn[place] == (true & ~predicted).sum()
        assert counts.tn[place] == (labelled & ~true & ~predicted).sum()
        assert counts.reference_boundary[place] == edges[0].sum()
        assert counts.prediction_boundary[place] == edges[1].sum()
        for hits, (boundary, other) in (
            (counts.reference_hits[place], edges),
            (counts.prediction_hits[place], edges[::-1]),
        ):
            assert hits.tolist() == hits_by_distance_transform(
                boundary, other, SQUARED_DISTANCES_PX
            )


def test_hits_at_distances_beyond_five_pixels():
    reference = np.zeros((2, 50, 90), bool)
    prediction = np.zeros_like(reference)
    reference[:, 4:30, 5:20] = True
    prediction[0, 20:45, 30:80] = True
    squared = (30, 122, 500, 2_000, 90_000)
    hits = boundary_hits(reference, prediction, squared)
    edges = boundary_by_erosion(reference[0]), boundary_by_erosion(prediction[0])
    assert hits.reference_hits[0].tolist() == hits_by_distance_transform(*edges, squared)
    assert hits.prediction_hits[0].tolist() == hits_by_distance_transform(*edges[::-1], squared)
    assert hits.reference_hits[0, -1] == edges[0].sum()
    assert not hits.reference_hits[1].any()


def test_all_squared_distances_up_to_five_pixels_are_listed():
    possible = {dy * dy + dx * dx for dy in range(6) for dx in range(6)}
    assert tuple(sorted(d2 for d2 in possible if d2 <= 25)) == SQUARED_DISTANCES_PX


map_pairs = hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=9).flatmap(
    lambda shape: st.tuples(
        *[hnp.arrays(np.uint8, shape, elements=st.sampled_from([0, 1, 2, NO_REGION]))] * 2
    )
)


@given(map_pairs)
@settings(max_examples=60, deadline=None)
def test_laws_of_counts(maps):
    counts = count_slices(*maps, 3)
    labelled = (maps[0] != NO_REGION).sum(axis=(1, 2))
    assert (counts.tp + counts.fp + counts.fn + counts.tn == labelled[:, None]).all()
    assert ((counts.tp + counts.fn).sum(axis=1) == labelled).all()
    for hits, length in (
        (counts.reference_hits, counts.reference_boundary),
        (counts.prediction_hits, counts.prediction_boundary),
    ):
        assert (np.diff(hits, axis=2) >= 0).all()
        assert (hits[..., -1] <= length).all()
    coinciding = counts.reference_hits[..., 0], counts.prediction_hits[..., 0]
    assert (coinciding[0] == coinciding[1]).all()
    assert (coinciding[0] <= counts.tp).all()


@given(map_pairs)
@settings(max_examples=60, deadline=None)
def test_swapping_reference_and_prediction_swaps_the_counts(maps):
    reference, prediction = (np.where(m == NO_REGION, 0, m).astype(np.uint8) for m in maps)
    forth, back = count_slices(reference, prediction, 3), count_slices(prediction, reference, 3)
    assert (forth.tp == back.tp).all()
    assert (forth.fp == back.fn).all()
    assert (forth.reference_boundary == back.prediction_boundary).all()
    assert (forth.reference_hits == back.prediction_hits).all()


def test_chunks_make_no_difference(monkeypatch):
    maps = region_maps((7, 20, 70), 3, seed=0)
    whole = count_slices(*maps, 3).columns()
    monkeypatch.setattr(counts_module, "_WORDS_PER_CHUNK", 1)
    single = count_slices(*maps, 3).columns()
    assert all((whole[name] == single[name]).all() for name in whole)


def test_inputs_are_left_alone():
    reference, prediction = region_maps((2, 9, 9), 3, seed=1)
    reference.flags.writeable = prediction.flags.writeable = False
    count_slices(reference, prediction, 3)


def test_columns_are_named_by_squared_distance_and_run_slice_by_slice():
    counts = count_slices(drawn(SQUARE, SQUARE), drawn(SQUARE, SHIFTED_BY_ONE), 2)
    columns = counts.columns()
    sides = "reference", "prediction"
    hits = [f"{side}_hits_{d2}" for side in sides for d2 in SQUARED_DISTANCES_PX]
    lengths = ["reference_boundary", "prediction_boundary"]
    assert list(columns) == ["tp", "fp", "fn", "tn", *lengths, *hits]
    assert columns["tp"].tolist() == [20, 16, 16, 12]
    assert columns["reference_hits_0"].tolist() == [20, 12, 16, 6]
    assert columns["reference_hits_1"].tolist() == [20, 12, 18, 12]
    assert {column.dtype for column in columns.values()} == {np.dtype(np.int32)}


def test_no_slices_give_no_rows():
    nothing = np.zeros((0, 8, 8), np.uint8)
    counts = count_slices(nothing, nothing, 3)
    assert counts.tp.shape == (0, 3)
    assert counts.reference_hits.shape == (0, 3, 14)
    assert all(column.shape == (0,) for column in counts.columns().values())


def test_empty_slices_count_nothing():
    nothing = np.zeros((2, 0, 0), np.uint8)
    counts = count_slices(nothing, nothing, 3)
    assert not any(column.any() for column in counts.columns().values())


def test_error_for_a_value_that_is_no_region():
    reference = drawn("..# ...")
    with pytest.raises(InputError, match=r"holds 0\.\.1 or 255, the prediction holds 7; make"):
        count_slices(reference, reference + np.uint8(6) * (reference == 1), 2)


BAD_NUMBERS = [0, 255]
assert BAD_NUMBERS


@pytest.mark.parametrize("regions", BAD_NUMBERS)
def test_error_for_an_impossible_number_of_regions(regions):
    with pytest.raises(InputError, match=f"1 to 254 regions, got {regions}"):
        count_slices(drawn(SQUARE), drawn(SQUARE), regions)


def test_error_for_shapes_that_differ():
    with pytest.raises(InputError, match=r"got \(1, 6, 6\) and \(1, 6, 5\)"):
        counts_module.check_region_maps(drawn(SQUARE), drawn(SQUARE)[:, :, 1:], 2)
