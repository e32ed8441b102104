"""The phantom against its specification: physics, drawn population, masks, acquisition."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from myosweep.data.phantom import REGIONS, PhantomSlice, phantom_patient, physics
from myosweep.data.phantom.acquisition import Scan, SliceScan, acquire
from myosweep.data.phantom.materials import Material
from myosweep.data.phantom.physics import ContrastAgent, Inversion, Tissue, null_ti_ms
from myosweep.data.phantom.plan import PatientPlan, draw_plan
from myosweep.data.phantom.scar import draw_infarct, size_shares
from myosweep.data.phantom.section import Grid, HeartPoints, Points, heart_points, majority, mask
from myosweep.errors import DatasetError
from myosweep.randomness import stream

WEAK, STRONG = (ContrastAgent("gadobutrol", amount, 0.42) for amount in (0.25, 0.6))
QUIET = SliceScan((0.0, 0.0), ghost=0.0, ghost_shift=0.3, bad_lines=0.0, noise_seed=5)


@pytest.fixture(scope="module")
def plans() -> list[PatientPlan]:
    return [draw_plan(1, number, 128) for number in range(80)]


@pytest.fixture(scope="module")
def patients() -> list[list[PhantomSlice]]:
    return [phantom_patient(1, number) for number in range(4)]


def scars(plans: list[PatientPlan], *, infarct: bool) -> Iterator[PatientPlan]:
    for plan in plans:
        if plan.patient.scar is not None and plan.patient.scar.is_infarct == infarct:
            yield plan


def drawn_share(plan: PatientPlan) -> float:
    assert plan.patient.scar is not None
    return size_shares(plan.patient.heart, [plan.patient.scar])[0]


def label_maps(plan: PatientPlan) -> list[np.ndarray]:
    """The masks of one patient, without the images."""
    grids = [plan.grid(which, 128) for which in plan.slices]
    return [mask(heart_points(plan.patient, grid), grid) for grid in grids]


# Physics


@pytest.mark.parametrize(
    ("tissue", "weak_ms", "strong_ms"),
    [
        (physics.blood(0.42), 557, 293),
        (physics.myocardium(), 659, 446),
        (physics.infarct(), 500, 283),
        (physics.no_reflow(), 991, 871),
        (physics.FAT, 300, 300),
        (physics.LIVER, 462, 350),
        (physics.MUSCLE, 807, 636),
    ],
)
def test_t1_after_contrast_is_that_of_the_specification(
    tissue: Tissue, weak_ms: float, strong_ms: float
) -> None:
    assert WEAK.t1_ms(tissue, 1.5) == pytest.approx(weak_ms, abs=1)
    assert STRONG.t1_ms(tissue, 1.5) == pytest.approx(strong_ms, abs=1)


def test_t1_at_3_tesla_uses_that_fields_native_t1_and_relaxivity() -> None:
    agent = ContrastAgent("Gd-DOTA", 0.3, 0.4)
    by_hand_ms = 1000 / (1000 / 1200 + 3.4 * (0.3 / 0.6) * 0.26)
    assert agent.t1_ms(physics.myocardium(), 3.0) == pytest.approx(by_hand_ms)


def test_the_null_of_myocardium_is_that_of_the_specification() -> None:
    for agent, ti_ms in ((WEAK, 415), (STRONG, 301)):
        t1_ms = agent.t1_ms(physics.myocardium(), 1.5)
        assert null_ti_ms(t1_ms, tr_ms=1800.0) == pytest.approx(ti_ms, abs=1)


def test_the_signal_equation_by_hand() -> None:
    t1_ms = np.array([1000.0, 300.0])
    by_hand = [
        1 - 1.95 * 0.6065307 / (1 + 0.95 * 0.1353353),
        1 - 1.95 * 0.1888756 / (1 + 0.95 * 0.0012726),
    ]
    signal = Inversion(ti_ms=500.0, tr_ms=2000.0, b=0.95).magnetisation(t1_ms)
    np.testing.assert_allclose(signal, by_hand, atol=1e-6)


def test_there_is_no_signal_at_the_null_and_its_sign_changes_there() -> None:
    ti_ms = null_ti_ms(500.0, tr_ms=1600.0, b=0.93)
    t1_ms = np.array([480.0, 500.0, 520.0])
    short, null, long = Inversion(ti_ms, 1600.0, 0.93).magnetisation(t1_ms)
    assert short > 0 > long
    assert null == pytest.approx(0, abs=1e-12)


# Reproducibility


def test_the_same_arguments_give_the_same_bits(patients: list[list[PhantomSlice]]) -> None:
    np.random.seed(99)
    np.random.random(7)
    again = phantom_patient(1, 3)
    assert_same(patients[3], again)


def test_another_seed_and_another_number_give_another_patient() -> None:
    first = phantom_patient(1, 0, 32)[0].image
    for other in (phantom_patient(2, 0, 32)[0], phantom_patient(1, 1, 32)[0]):
        assert not np.array_equal(first, other.image)


def test_a_patient_does_not_depend_on_those_made_before() -> None:
    alone = phantom_patient(4, 3, 32)
    among = [phantom_patient(4, number, 32) for number in (2, 3)]
    assert_same(alone, among[1])


def assert_same(one: list[PhantomSlice], other: list[PhantomSlice]) -> None:
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a.image, b.image)
        np.testing.assert_array_equal(a.labels, b.labels)
        empty = np.zeros((1, 1), np.uint8)
        bare = [replace(s, image=empty.astype(np.uint16), labels=empty) for s in (a, b)]
        assert str(bare[0]) == str(bare[1])


def test_numbers_that_are_too_small_are_all_reported() -> None:
    with pytest.raises(DatasetError, match=r"seed must be at least 0, got -1(.|\n)*got 16"):
        phantom_patient(-1, 0, 16)


# Slices


def test_slices_have_the_promised_types_ranges_and_names(
    patients: list[list[PhantomSlice]],
) -> None:
    for number, slices in enumerate(patients):
        assert 6 <= len(slices) <= 9
        assert [one.slice for one in slices] == [f"{i:02d}" for i in range(len(slices))]
        for one in slices:
            assert one.patient == f"P{number:03d}"
            assert one.image.dtype == np.uint16
            assert one.labels.dtype == np.uint8
            assert one.image.shape == one.labels.shape == (128, 128)
            assert one.image.max() <= 4095
            assert set(np.unique(one.labels)) <= REGIONS.codes == {0, 1, 2, 3, 4}
            assert 1.25 <= one.spacing_mm <= 1.5
            assert 8 <= one.slice_spacing_mm <= 13


def test_slices_run_from_base_to_apex_and_the_ventricle_tapers(
    patients: list[list[PhantomSlice]],
) -> None:
    order = ("base", "middle", "apex")
    for slices in patients:
        ranks = [order.index(one.level) for one in slices]
        assert ranks == sorted(ranks)
        assert set(ranks) == {0, 1, 2}
        areas = [(one.labels > 0).sum() for one in slices]
        assert areas[0] > 1.5 * areas[-1] > 0


@pytest.mark.parametrize("size", [32, 48, 128])
def test_the_whole_ventricle_fits_into_small_images_too(size: int) -> None:
    for one in phantom_patient(2, 5, size):
        heart = one.labels > 0
        assert one.image.shape == (size, size)
        assert heart.any()
        assert not heart[[0, -1]].any()
        assert not heart[:, [0, -1]].any()


def test_the_heart_is_near_the_centre_but_not_on_it(patients: list[list[PhantomSlice]]) -> None:
    offsets_mm = []
    for slices in patients:
        for one in slices:
            centre = np.array(ndimage.center_of_mass(one.labels > 0))
            offsets_mm.append(np.hypot(*(centre - 63.5)) * one.spacing_mm)
    assert max(offsets_mm) < 25
    assert np.median(offsets_mm) > 2


def test_insertion_points_lie_on_the_septal_side_of_the_walls_outside(
    patients: list[list[PhantomSlice]],
) -> None:
    for slices in patients:
        one = slices[len(slices) // 2]
        heart = one.labels > 0
        inside, outside = (ndimage.distance_transform_edt(mask) for mask in (heart, ~heart))
        centre_y, centre_x = ndimage.center_of_mass(heart)
        anterior, inferior = one.rv_insertion_yx
        for y, x in (anterior, inferior):
            at = round(y), round(x)
            assert max(inside[at], outside[at]) <= 2.5
        assert anterior[0] < centre_y < inferior[0]
        assert (anterior[1] + inferior[1]) / 2 < centre_x


# Masks


def test_majority_by_hand() -> None:
    volumes = np.array(
        # background, blood pool, myocardium, infarct, no-reflow
        [
            [9, 0, 0, 0, 0],
            [4, 0, 3, 2, 0],
            [0, 4, 1, 3, 1],
            [3, 5, 1, 0, 0],
            [0, 4, 4, 0, 0],
            [0, 0, 2, 2, 5],
        ]
    )
    labels = majority(volumes.T.reshape(5, 2, 3))
    assert labels.tolist() == [[0, 2, 3], [1, 1, 4]]


def test_mask_counts_points_and_layers_by_hand() -> None:
    grid = Grid(pixels=2, points=2, spacing_mm=1.0, axis_yx_mm=(0.0, 0.0), depths_mm=(0.0, 1.0))
    points_at = [(0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (3, 0), (3, 1), (2, 2), (3, 3)]
    first_layer = [1, 1, 2, 2, 2, 1, 1, 3, 4]
    second_layer = [2, 3, 3, 2, 2, 1, 2, 4, 4]
    rows, columns = np.array(points_at).T
    unused = np.zeros(len(rows), np.float32)
    points = Points(rows, columns, unused, unused, unused, rows)
    labels = np.array([first_layer, second_layer], np.uint8)
    heart = HeartPoints(points, np.zeros_like(labels), points, labels)
    # Of 8 volumes: myocardium 6 of the first pixel; background 6, 4 (a tie) and 4 of the others.
    assert mask(heart, grid).tolist() == [[2, 0], [0, 0]]


def test_the_blood_pool_touches_the_background_only_at_the_outflow_tract(
    plans: list[PatientPlan],
) -> None:
    opened = 0
    for plan in plans[:8]:
        outflow = plan.patient.heart.outflow
        for which, labels in zip(plan.slices, label_maps(plan), strict=True):
            pool, outside = labels == 1, labels == 0
            leak_y, leak_x = np.nonzero(ndimage.binary_dilation(pool) & outside)
            if not leak_y.size:
                continue
            opened += 1
            assert which.depth_mm - plan.scan.thickness_mm / 2 < outflow.depth_mm
            axis_y, axis_x = 63.5 + np.array(which.axis_yx_mm) / plan.scan.spacing_mm
            angles = np.arctan2(axis_y - leak_y, leak_x - axis_x)
            away = np.abs(np.angle(np.exp(1j * (angles - outflow.angle_rad))))
            assert away.max() < outflow.half_width_rad + np.radians(5)
    assert opened >= 4


def test_no_reflow_lies_inside_the_infarct(plans: list[PatientPlan]) -> None:
    with_core = [p for p in scars(plans, infarct=True) if p.patient.scar.no_reflow > 0][:6]
    around = np.zeros(5, int)
    for plan in with_core:
        for labels in label_maps(plan):
            core = labels == 4
            rim = ndimage.binary_dilation(core, np.ones((3, 3))) & ~core
            around += np.bincount(labels[rim], minlength=5)
    background, pool, myocardium, infarct, _ = around
    assert background == 0
    assert infarct > pool > 0
    assert myocardium < 0.01 * around.sum()


def test_infarcts_reach_the_endocardium(plans: list[PatientPlan]) -> None:
    for plan in list(scars(plans, infarct=True))[:5]:
        maps = np.stack(label_maps(plan))
        scarred = maps >= 3
        at_pool = ndimage.binary_dilation(maps == 1, np.ones((1, 3, 3), bool)) & scarred
        assert at_pool.any()
        assert scarred.sum() / (maps >= 2).sum() == pytest.approx(drawn_share(plan), abs=0.06)


def test_fibrosis_that_is_no_infarct_keeps_the_label_of_myocardium(
    plans: list[PatientPlan],
) -> None:
    plan = next(scars(plans, infarct=False))
    assert set(np.unique(label_maps(plan))) == {0, 1, 2}
    grids = [plan.grid(which, 128) for which in plan.slices]
    materials = [heart_points(plan.patient, grid).materials for grid in grids]
    assert any((m == Material.SCAR).any() for m in materials)


def test_papillary_muscles_are_dark_and_belong_to_the_blood_pool(
    plans: list[PatientPlan],
) -> None:
    plan = plans[0]
    heart = heart_points(plan.patient, plan.grid(plan.slices[len(plan.slices) // 2], 128))
    near = np.flatnonzero(heart.all.r_mm <= heart.left.r_mm.max())
    dark_pool = (heart.labels == 1) & (heart.materials[:, near] == Material.MYOCARDIUM)
    assert 0.02 < dark_pool.sum() / (heart.labels == 1).sum() < 0.25


# Population


def test_infarcts_are_as_common_as_specified(plans: list[PatientPlan]) -> None:
    infarcts = list(scars(plans, infarct=True))
    assert len(infarcts) / len(plans) == pytest.approx(0.65, abs=0.14)
    assert len(list(scars(plans, infarct=False))) / len(plans) == pytest.approx(0.10, abs=0.09)
    cores = [plan.patient.scar.no_reflow > 0 for plan in infarcts]
    assert np.mean(cores) == pytest.approx(0.5, abs=0.18)


def test_infarcts_are_as_large_as_specified(plans: list[PatientPlan]) -> None:
    rng = stream(0, "phantom", 0)
    shares = []
    for plan in [*plans, *plans]:
        heart = plan.patient.heart
        shares += size_shares(heart, [draw_infarct(rng, heart)])
    low, middle, high = np.percentile(shares, [25, 50, 75])
    assert low == pytest.approx(0.10, abs=0.025)
    assert middle == pytest.approx(0.17, abs=0.025)
    assert high == pytest.approx(0.24, abs=0.025)


def test_drawn_infarcts_stay_within_the_specified_ranges(plans: list[PatientPlan]) -> None:
    infarcts = [plan.patient.scar for plan in scars(plans, infarct=True)]
    assert {scar.kind for scar in infarcts} == {"LAD", "RCA", "LCx"}
    for scar in infarcts:
        assert 30 <= np.degrees(scar.width_rad) <= 150
        assert 0.25 <= scar.transmurality <= 1
        assert 1 <= scar.border_mm <= 3


def test_scans_stay_within_the_specified_ranges(plans: list[PatientPlan]) -> None:
    assert {plan.scan.vendor.name for plan in plans} == {"A", "B", "C"}
    assert np.mean([p.scan.is_phase_sensitive for p in plans]) == pytest.approx(0.6, abs=0.13)
    for plan in plans:
        scan = plan.scan
        contrast = scan.signals[Material.BLOOD] - scan.signals[Material.MYOCARDIUM]
        assert 1.5 <= max(contrast, 0.03) / scan.noise <= 6
        assert min(scan.acquired_yx_mm) >= 1.4
        assert max(scan.acquired_yx_mm) <= 2.4
        assert 6 <= scan.thickness_mm <= min(10, plan.slice_spacing_mm)
        grid = plan.grid(plan.slices[0], 128)
        assert grid.spacing_mm / grid.points <= 0.5
        np.testing.assert_allclose(np.diff(grid.depths), 1, atol=1e-5)


# Acquisition


def plain_scan(**changes: object) -> Scan:
    """A scan without noise, coil, texture and blur, with 1000 grey values per unit of signal."""
    scan = draw_plan(1, 0, 128).scan
    plain = {
        "vendor": replace(scan.vendor, smoothing=0.0),
        "coil": replace(scan.coil, strength=0.0),
        "is_phase_sensitive": True,
        "spacing_mm": 1.4,
        "acquired_yx_mm": (2.0, 1.5),
        "noise": 0.0,
        "texture": 0.0,
        "motion_mm": 0.0,
        "phase_yx": (0.0, 0.0),
        "grey_per_signal": 1000.0,
    }
    return replace(scan, **{**plain, **changes})


def disc(pixels: int, points: int) -> np.ndarray:
    """A disc off the centre on the fine grid."""
    y, x = np.indices((pixels * points,) * 2) / points
    return ((y - 30.3) ** 2 + (x - 36.8) ** 2 < 15**2).astype(np.float32)


@pytest.mark.parametrize("points", [3, 4])
def test_an_image_lies_where_its_mask_lies(points: int) -> None:
    signal = disc(64, points)
    grey = acquire(signal, plain_scan(), QUIET, 64).astype(float) - 2048
    volume = signal.reshape(64, points, 64, points).mean(axis=(1, 3))
    expected = ndimage.center_of_mass(volume)
    np.testing.assert_allclose(ndimage.center_of_mass(grey), expected, atol=0.02)


def test_signal_becomes_grey_at_the_stated_rate_with_its_sign() -> None:
    signal = np.full((192, 192), -0.5, np.float32)
    assert set(np.unique(acquire(signal, plain_scan(), QUIET, 64))) == {1548}
    magnitude = acquire(signal, plain_scan(is_phase_sensitive=False), QUIET, 64)
    assert set(np.unique(magnitude)) == {1000}


def test_the_phase_of_the_complex_image_is_taken_out_again() -> None:
    signal = disc(64, 3) - 0.5
    turned, plain = (
        acquire(signal, plain_scan(phase_yx=phase_yx), QUIET, 64)[8:-8, 8:-8].astype(float)
        for phase_yx in ((0.02, -0.01), (0.0, 0.0))
    )
    assert np.corrcoef(turned.ravel(), plain.ravel())[0, 1] > 0.995
    assert turned[30, 36] == pytest.approx(2548, abs=60)


def test_noise_is_gaussian_around_zero_grey_or_rician_in_magnitude() -> None:
    nothing = np.zeros((384, 384), np.float32)
    signed = acquire(nothing, plain_scan(noise=0.1), QUIET, 128).astype(float)
    assert signed.mean() == pytest.approx(2048, abs=3)
    assert signed.std() == pytest.approx(100, rel=0.04)
    rician = acquire(nothing, plain_scan(noise=0.1, is_phase_sensitive=False), QUIET, 128)
    assert rician.mean() == pytest.approx(2 * 100 * np.sqrt(np.pi / 2), rel=0.03)


def test_resolution_is_lost_along_the_phase_direction() -> None:
    stripes = np.zeros((192, 192), np.float32)
    stripes[np.indices(stripes.shape)[0] // 3 % 2 == 0] = 1
    contrasts = []
    for signal in (stripes, stripes.T.copy()):
        scan = plain_scan(acquired_yx_mm=(2.0, 1.4))
        contrasts.append(acquire(signal, scan, QUIET, 64).astype(float).std())
    assert contrasts[0] < 1
    assert contrasts[1] > 100


def test_a_ghost_is_a_weak_shifted_copy_along_the_phase_direction() -> None:
    ghost = replace(QUIET, ghost=0.2, ghost_shift=0.5)
    signal = disc(64, 3)
    clean, haunted = (
        acquire(signal, plain_scan(is_phase_sensitive=False), moment, 64).astype(float)
        for moment in (QUIET, ghost)
    )
    assert clean[62, 36] < 60
    assert haunted[62, 36] == pytest.approx(0.2 * clean[30, 36], rel=0.15)
    assert haunted[30, 4] == pytest.approx(clean[30, 4], abs=10)


def test_mistriggered_lines_change_the_image() -> None:
    signal = disc(64, 3)
    clean = acquire(signal, plain_scan(), QUIET, 64).astype(float)
    bad = acquire(signal, plain_scan(), replace(QUIET, bad_lines=0.3), 64).astype(float)
    assert np.abs(bad - clean).mean() > 5


def test_a_breath_hold_shift_moves_image_and_mask_together() -> None:
    shifted = [
        (plan, which)
        for plan in (draw_plan(1, number, 128) for number in range(6))
        for which in plan.slices
        if which.scan.shift_yx_mm != (0.0, 0.0)
    ]
    plan, which = shifted[0]
    still = replace(which, axis_yx_mm=tuple(np.subtract(which.axis_yx_mm, which.scan.shift_yx_mm)))
    centres = []
    for one in (which, still):
        grid = plan.grid(one, 128)
        centres.append(ndimage.center_of_mass(mask(heart_points(plan.patient, grid), grid) > 0))
    moved_mm = np.subtract(*centres) * plan.scan.spacing_mm
    np.testing.assert_allclose(moved_mm, which.scan.shift_yx_mm, atol=0.4)
    assert np.abs(which.scan.shift_yx_mm).max() <= 3
