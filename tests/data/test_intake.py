"""From stacks to a dataset: order, sizes, crops, one error for all faults, nothing left over."""

import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from myosweep.data import intake
from myosweep.data.intake import import_stacks
from myosweep.data.problems import collecting, raise_problems
from myosweep.data.resample import resample_image, resample_labels
from myosweep.data.rules import Rules
from myosweep.data.stack import SourceSlice, Stack
from myosweep.data.store import Dataset, DatasetDraft
from myosweep.errors import ConfigError, DatasetError
from myosweep.regions import NO_REGION, RegionScheme

SCHEME = RegionScheme.parse(["background=0", "blood pool=1", "myocardium=2,3"], ignored=[9])
RNG = np.random.default_rng(0)
AHEAD = 32  # 8 threads, 4 stacks each, on the largest machine


def noise(*shape: int, dtype: type = np.uint8) -> np.ndarray:
    return RNG.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def a_slice(subject: str = "slice", shape: tuple[int, int] = (6, 8), **changes: Any) -> SourceSlice:
    """A slice of noise, with its mask; no two are alike."""
    values = {"image": noise(*shape), "labels": RNG.integers(0, 4, shape, np.uint8), **changes}
    return SourceSlice(subject, **values)


def stack(
    patient: str = "P1",
    order: str = "0",
    slices: Sequence[SourceSlice] | None = None,
    *,
    read: Callable[[], Sequence[SourceSlice]] | None = None,
    **changes: Any,
) -> Stack:
    """A stack of one slice, or of these; its header tells the truth."""
    subject = f"volume '{patient}-{order}'"
    found = (a_slice(f"{subject}, slice 1"),) if slices is None else slices
    image_types = [one.image.dtype for one in found] or [np.dtype(np.uint8)]
    values = {
        "sizes": tuple(one.image.shape for one in found),
        "image_type": np.result_type(*image_types),
        "label_type": np.dtype(np.uint8),
        "read": read or (lambda: found),
        "spacing_yx_mm": found[0].spacing_yx_mm if found else None,
        **changes,
    }
    return Stack(subject, patient, order, **values)


def bad_read(message: str | Sequence[str]) -> Callable[[], Sequence[SourceSlice]]:
    def read() -> Sequence[SourceSlice]:
        raise DatasetError(message)

    return read


class Place:
    """Where a dataset is made."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "out" / "set"

    def make(
        self,
        stacks: Sequence[Stack],
        *,
        source: dict[str, Any] | None = None,
        problems: Sequence[str] = (),
        progress: intake.Progress | None = None,
        scheme: RegionScheme = SCHEME,
        **rules: Any,
    ) -> Dataset:
        return import_stacks(
            stacks,
            self.out,
            Rules(scheme, **rules),
            source=source or {},
            problems=problems,
            progress=progress,
        )

    def problems(self, stacks: Sequence[Stack], **options: Any) -> list[str]:
        """What the import complains of; it must leave nothing behind and name no folder."""
        with pytest.raises(DatasetError) as caught:
            self.make(stacks, **options)
        assert self.is_clean()
        assert str(self.folder) not in str(caught.value)
        return list(caught.value.problems)

    def is_clean(self) -> bool:
        return not self.out.parent.exists() or not list(self.out.parent.iterdir())

    def table(self, text: str) -> Path:
        path = self.folder / "table.csv"
        path.write_text(text)
        return path


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture(autouse=True)
def no_thread_stays() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


@pytest.fixture
def two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)


# Order and names


def test_slices_stand_in_the_order_of_patients_stacks_and_reading(place: Place) -> None:
    found = {
        key: stack(*key, [a_slice(f"{key} {n}") for n in range(2)])
        for key in [("P10", "a"), ("P2", "b10"), ("P2", "b9"), ("P1", "a")]
    }
    dataset = place.make(list(found.values()))
    assert dataset.slices["slice"].tolist() == [
        "P1_000", "P1_001", "P2_000", "P2_001", "P2_002", "P2_003", "P10_000", "P10_001",
    ]  # fmt: skip
    assert dataset.slices["patient"].tolist() == ["P1"] * 2 + ["P2"] * 4 + ["P10"] * 2
    order = [("P1", "a"), ("P2", "b9"), ("P2", "b10"), ("P10", "a")]
    expected = [one for key in order for one in found[key].read()]
    np.testing.assert_array_equal(dataset.images, [one.image for one in expected])
    np.testing.assert_array_equal(dataset.labels, [one.labels for one in expected])
    dataset.check_pixels()


def test_labels_of_slices_are_kept(place: Place) -> None:
    slices = [a_slice("x", slice=label) for label in ("7", "003", "apex")]
    names = place.make([stack(slices=slices)]).slices["slice"].tolist()
    assert names == ["P1_7", "P1_003", "P1_apex"]


def test_a_name_that_two_slices_have_is_refused(place: Place) -> None:
    """Within a patient, and across two of them: 'A' with slice '1_2', 'A_1' with slice '2'."""
    stacks = [
        stack("A", "0", [a_slice("first", slice="1_2"), a_slice("second", slice="1_2")]),
        stack("A_1", "0", [a_slice("third", slice="2")]),
    ]
    way_out = "give one of them another name, or leave it out"
    expected = [
        f"first and second are both slice 'A_1_2'; {way_out}",
        f"first and third are both slice 'A_1_2'; {way_out}",
    ]
    assert place.problems(stacks) == expected
    assert place.problems(stacks, problems=["something else"]) == ["something else", *expected]
    told = "files 'a' and 'b' are both slice 'A_1_2'"
    assert place.problems(stacks, problems=[told]) == [told]


def test_a_slice_that_is_not_given_leaves_no_gap_in_the_numbers(place: Place) -> None:
    read = (a_slice("x"), a_slice("y"))
    dataset = place.make([stack(sizes=((6, 8),) * 5, read=lambda: read), stack(order="1")])
    assert dataset.slices["slice"].tolist() == ["P1_000", "P1_001", "P1_002"]


def test_stacks_are_counted_within_their_patient_and_slices_keep_their_place(place: Place) -> None:
    drawn = [[a_slice(f"{n}", place=n) for n in numbers] for numbers in ((2, 3, 5), (1,), (4, 6))]
    empty = stack("P1", "3", [], read=lambda: [])
    stacks = [stack("P1", "1", drawn[0]), empty, stack("P1", "4", drawn[2])]
    dataset = place.make([*stacks, stack("P2", "2", drawn[1]), stack("P3")])
    table = dataset.slices
    assert table["stack"].tolist() == [1, 1, 1, 2, 2, 1, pd.NA]
    assert table["place"].tolist() == [2, 3, 5, 4, 6, 1, pd.NA]
    assert str(table["stack"].dtype) == str(table["place"].dtype) == "Int64"


def test_stacks_and_places_do_not_change_the_pixel_hash(place: Place) -> None:
    one = a_slice("x")
    without = place.make([stack(slices=[one])])
    assert not {"stack", "place"} & set(without.slices)
    without.folder.rename(place.folder / "without")
    within = place.make([stack(slices=[replace(one, place=7)])])
    assert within.slices["place"].tolist() == [7]
    assert within.manifest.pixel_hash == without.manifest.pixel_hash


def test_a_stack_of_nobody_is_looked_at_but_never_written(place: Place) -> None:
    strange = a_slice("x", labels=np.full((6, 8), 77, np.uint8))
    problems = place.problems([stack("", "", [strange]), stack()], problems=["x has no patient"])
    assert problems[0] == "x has no patient"
    assert "mask of x holds 77" in problems[1]
    with pytest.raises(AssertionError, match="readers tell of stacks of nobody"):
        place.make([stack("")])
    assert place.is_clean()


def test_rows_hold_what_the_source_says_and_where_the_pixels_lay(place: Place) -> None:
    row = {"site": "S1", "signal_slope": 0.5, "patient": "Svensson", "slice": "secret"}
    one = a_slice("x", row=row, spacing_yx_mm=(1.5, 1.5), points={"insertion": (3.5, 4.0)})
    table = place.make([stack(slices=[one]), stack(order="1")], crop=4).slices
    first, second = table.iloc[0], table.iloc[1]
    assert (first["slice"], first["patient"]) == ("P1_000", "P1")
    assert (first["site"], first["signal_slope"], first["spacing_mm"]) == ("S1", 0.5, 1.5)
    assert (first["insertion_y_px"], first["insertion_x_px"]) == (2.5, 2.0)
    lay = ["source_height", "source_width", "crop_top", "crop_left"]
    assert first[lay].tolist() == [6, 8, 1, 2]
    assert second[["site", "spacing_mm", "insertion_y_px", "signal_slope"]].isna().all()


def test_the_manifest_tells_the_rules(place: Place) -> None:
    slices = [a_slice("x", spacing_yx_mm=(2.0, 2.0))]
    one = place.make([stack(slices=slices)], source={"kind": "test"}, crop=3, resample_mm=1.0)
    assert one.manifest.licence is None
    assert one.manifest.source == {
        "kind": "test", "crop": 3, "crop_around": "centre", "resample_mm": 1.0,
    }  # fmt: skip


def test_a_licence_is_kept_as_it_was_stated(place: Place) -> None:
    dataset = place.make([stack()], licence=" CC BY-NC-SA 4.0 ")
    assert dataset.manifest.licence == dataset.manifest.source["licence"] == "CC BY-NC-SA 4.0"


@pytest.mark.parametrize("text", ["", "  ", "two\nlines", 'a "quote"', "x" * 201])
def test_a_licence_is_a_line(text: str) -> None:
    with pytest.raises(DatasetError, match="a licence is a line of at most 200 letters"):
        Rules(SCHEME, licence=text)


# Threads


def slow(result: Stack, seconds: float) -> Stack:
    def read() -> Sequence[SourceSlice]:
        time.sleep(seconds)
        return result.read()

    return replace(result, read=read)


def test_the_result_does_not_depend_on_timing(place: Place, monkeypatch: Any) -> None:
    stacks = [stack(f"P{n % 7}", str(n), [a_slice(f"{n}")]) for n in range(40)]
    contents = []
    for threads, delays in ((1, [0.0]), (2, [0.01, 0.0, 0.003]), (8, [0.0, 0.004, 0.02, 0.001])):
        monkeypatch.setattr("os.cpu_count", lambda threads=threads: threads)
        mixed = [slow(one, delays[n % len(delays)]) for n, one in enumerate(stacks)]
        folder = place.make(mixed[::-1], crop=5).folder
        contents.append({path.name: path.read_bytes() for path in folder.iterdir()})
        folder.rename(place.folder / str(threads))
    assert contents[0] == contents[1] == contents[2]


def test_only_a_few_stacks_are_read_ahead(place: Place, two_threads: None) -> None:
    begun, most = [0], [0]

    def counted(one: Stack) -> Stack:
        def read() -> Sequence[SourceSlice]:
            begun[0] += 1
            return one.read()

        return replace(one, read=read)

    def look(done: int, whole: int) -> None:
        time.sleep(0.001)  # so that the threads get as far as they may
        most[0] = max(most[0], begun[0] - done)

    place.make([counted(stack(order=str(n))) for n in range(60)], progress=look)
    assert begun == [60]
    assert 2 <= most[0] <= 8


def test_large_stacks_are_read_one_at_a_time(
    place: Place, two_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "_AHEAD_PIXELS", 100)
    inside, most = [0], [0]
    lock = threading.Lock()

    def counted(one: Stack) -> Stack:
        def read() -> Sequence[SourceSlice]:
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            time.sleep(0.005)
            with lock:
                inside[0] -= 1
            return one.read()

        return replace(one, read=read)

    large = [counted(stack(order=str(n), slices=[a_slice(str(n), (10, 11))])) for n in range(6)]
    place.make(large)
    assert most == [1]
    place.out.rename(place.folder / "elsewhere")
    fine = [counted(stack(order=str(n))) for n in range(12)]  # 48 pixels each: two at a time
    place.make(fine)
    assert most == [2]


def test_what_is_large_after_resampling_counts_as_large(
    place: Place, two_threads: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "_AHEAD_PIXELS", 100)
    reading: set[str] = set()
    together: list[int] = []

    def counted(one: Stack) -> Stack:
        def read() -> Sequence[SourceSlice]:
            reading.add(one.order)
            time.sleep(0.002)
            together.append(len(reading))
            reading.discard(one.order)
            return one.read()

        return replace(one, read=read)

    slices = [a_slice(str(n), spacing_yx_mm=(2.0, 2.0)) for n in range(6)]
    place.make([counted(stack(order=one.subject, slices=[one])) for one in slices], resample_mm=1.0)
    assert together == [1] * 6


def test_a_failure_of_the_program_is_not_swallowed(place: Place) -> None:
    def read() -> Sequence[SourceSlice]:
        raise ZeroDivisionError("a fault of ours")

    with pytest.raises(ZeroDivisionError, match="a fault of ours"):
        place.make([*(stack(order=str(n)) for n in range(40)), stack("P0", read=read)])
    assert place.is_clean()


def test_progress_counts_slices(place: Place) -> None:
    calls: list[tuple[int, int]] = []
    slices = [a_slice("a"), a_slice("b"), a_slice("c")]
    stacks = [
        stack("P1", "0", slices),
        stack("P1", "1", sizes=((6, 8), (6, 8))),  # read() gives one slice only
        stack("P2", "0"),
    ]
    place.make(stacks, progress=lambda done, whole: calls.append((done, whole)))
    assert calls == [(3, 6), (5, 6), (6, 6)]


@pytest.mark.parametrize("at", [1, 20, 40])
def test_an_interrupted_import_leaves_nothing_and_stops_reading(place: Place, at: int) -> None:
    begun = []

    def counted(one: Stack) -> Stack:
        return replace(one, read=lambda: begun.append(one.order) or one.read())

    def interrupt(done: int, whole: int) -> None:
        if done == at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        place.make([counted(stack(order=str(n))) for n in range(100)], progress=interrupt)
    assert place.is_clean()
    assert at <= len(begun) <= at + AHEAD
    seen = len(begun)
    time.sleep(0.01)
    assert len(begun) == seen


def test_stacks_that_wait_are_not_read_after_an_interruption(
    place: Place, two_threads: None
) -> None:
    begun = []

    def counted(one: Stack) -> Stack:
        def read() -> Sequence[SourceSlice]:
            begun.append(one.order)
            time.sleep(0.2)
            return one.read()

        return replace(one, read=read)

    def interrupt(done: int, whole: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        place.make([counted(stack(order=str(n))) for n in range(20)], progress=interrupt)
    assert len(begun) <= 5  # 8 were waiting


def test_a_full_disk_leaves_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(DatasetDraft, "append", full)
    with pytest.raises(OSError, match="No space left"):
        place.make([stack(order=str(n)) for n in range(50)])
    assert place.is_clean()


# Sizes and crops


def test_one_size_is_needed_without_a_crop(place: Place) -> None:
    stacks = [
        stack("P1", "0"),
        stack("P1", "1", [a_slice("x"), a_slice("y", (7, 9)), a_slice("z", (5, 5))]),
        stack("P2", "0", [a_slice("v", (7, 9))]),
        stack("P3", "0"),
    ]
    way_out = "most have 6 x 8; give --crop to cut all to one size"
    assert place.problems(stacks) == [
        f"volume 'P1-1' has 7 x 9 pixels, {way_out}",
        f"volume 'P1-1' has 5 x 5 pixels, {way_out}",
        f"volume 'P2-0' has 7 x 9 pixels, {way_out}",
    ]


def test_a_header_that_lies_about_its_size_is_found(place: Place) -> None:
    wrong = stack("P1", "1", sizes=((6, 8),), read=lambda: [a_slice("x", (6, 9))])
    silent = stack("P1", "2", sizes=(), read=lambda: [a_slice("y", (4, 4))])
    way_out = "most have 6 x 8; give --crop to cut all to one size"
    assert place.problems([stack(), wrong, silent]) == [
        f"volume 'P1-1' has 6 x 9 pixels, {way_out}",
        f"volume 'P1-2' has 4 x 4 pixels, {way_out}",
    ]
    assert len(place.make([stack(), wrong, silent], crop=6)) == 3


def test_where_no_header_tells_a_size_the_first_slice_does(place: Place) -> None:
    def without_header(order: str, *shape: int) -> Stack:
        return stack(order=order, sizes=(), read=lambda: [a_slice(order, shape)])

    stacks = [without_header("0", 6, 8), without_header("1", 6, 8)]
    assert len(place.make(stacks)) == 2
    place.out.rename(place.folder / "elsewhere")
    assert place.problems([*stacks, without_header("2", 3, 3)]) == [
        "volume 'P1-2' has 3 x 3 pixels, most have 6 x 8; give --crop to cut all to one size"
    ]


def test_slices_of_several_sizes_are_each_cut_at_their_own_middle(place: Place) -> None:
    sizes = [(6, 8), (9, 7), (6, 8), (4, 4)]
    slices = [a_slice(str(n), shape) for n, shape in enumerate(sizes)]
    dataset = place.make([stack(slices=slices[:3]), stack(order="1", slices=slices[3:])], crop=4)
    corners = dataset.slices[["crop_top", "crop_left"]].to_numpy().tolist()
    assert corners == [[1, 2], [2, 1], [1, 2], [0, 0]]
    for number, (one, (y, x)) in enumerate(zip(slices, corners, strict=True)):
        np.testing.assert_array_equal(dataset.images[number], one.image[y : y + 4, x : x + 4])
        np.testing.assert_array_equal(dataset.labels[number], one.labels[y : y + 4, x : x + 4])


def test_a_crop_around_masks_is_one_window_for_a_whole_stack(place: Place) -> None:
    def with_ring(subject: str, at: tuple[int, int] | None) -> SourceSlice:
        labels = np.zeros((40, 50), np.uint8)
        labels[0] = 9  # ignored: it must not pull the window upwards
        if at:
            labels[at[0] : at[0] + 2, at[1] : at[1] + 2] = 3
        return a_slice(subject, labels=labels, image=noise(40, 50))

    # rows 10 to 17 and columns 20 to 31: the middle is (14, 26)
    tall = [with_ring("a", (10, 30)), with_ring("b", None), with_ring("c", (16, 20))]
    other = [with_ring("d", (30, 4))]
    dataset = place.make([stack(slices=tall), stack("P2", slices=other)], crop=12,
                         crop_around="masks")  # fmt: skip
    corners = dataset.slices[["crop_top", "crop_left"]].to_numpy().tolist()
    assert corners == [[8, 20]] * 3 + [[25, -1]]
    np.testing.assert_array_equal(dataset.images[1], tall[1].image[8:20, 20:32])
    np.testing.assert_array_equal(dataset.labels[2], tall[2].labels[8:20, 20:32])


def test_padding_has_a_code_of_its_own_that_is_ignored(place: Place) -> None:
    small = a_slice("x", (3, 4), points={"p": (1.0, 1.0)})
    dataset = place.make([stack(slices=[small]), stack(order="1")], crop=6)
    around = ((2, 1), (1, 1))
    np.testing.assert_array_equal(dataset.images[0], np.pad(small.image, around))
    expected = np.pad(small.labels, around, constant_values=255)
    np.testing.assert_array_equal(dataset.labels[0], expected)
    assert dataset.manifest.padding == 255
    assert dataset.scheme.ignored == (9, 255)
    np.testing.assert_array_equal(dataset.padding()[0], expected == 255)
    assert (dataset.reference(dataset.scheme)[0][expected == 255] == NO_REGION).all()
    row = dataset.slices.iloc[0]
    assert row[["crop_top", "crop_left", "p_y_px", "p_x_px"]].tolist() == [-2, -1, 3, 2]


def test_padding_without_a_free_code_is_refused(place: Place) -> None:
    full = RegionScheme.from_mapping({"a": range(100), "b": range(100, 256)})
    with pytest.raises(ConfigError, match="padding needs a code that no region has"):
        place.make([stack()], crop=9, scheme=full)
    assert place.is_clean()


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"crop": 0}, "a crop is at least 1 pixel wide, got 0; give a larger one"),
        ({"crop": 4097}, "a crop is at most 4096 pixels wide, got 4097; give a smaller one"),
        ({"resample_mm": 0.04}, r"resampled to 0.05 to 20 mm, got 0.04; LGE slices have about 1"),
        ({"resample_mm": 21.0}, r"resampled to 0.05 to 20 mm, got 21; LGE"),
        ({"resample_mm": float("nan")}, "got nan"),
    ],
)
def test_rules_out_of_range(rules: dict[str, Any], message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        Rules(SCHEME, **rules)


def test_sizes_that_cannot_be_true_are_refused_without_reading(place: Place) -> None:
    def read() -> Sequence[SourceSlice]:
        raise AssertionError("it was read")

    bombs = [
        stack(order="1", sizes=((6, 8), (4097, 4096)), read=read),
        stack(order="2", sizes=((60_000, 60_000),) * 9, read=read),
    ]
    expected = [
        "volume 'P1-1' says it has 4097 x 4096 pixels; is it damaged?",
        "volume 'P1-2' says it has 60000 x 60000 pixels; is it damaged?",
    ]
    assert place.problems([stack(), *bombs]) == expected
    assert place.problems([*bombs, stack()], crop=4) == expected


def test_a_slice_without_pixels_is_refused(place: Place) -> None:
    nothing = [a_slice("x", (0, 8), spacing_yx_mm=(1.0, 1.0)), a_slice("y", (6, 0))]
    expected = [
        "x has no pixels (0 x 8); is it damaged?",
        "y has no pixels (6 x 0); is it damaged?",
    ]
    for rules in ({}, {"crop": 4}, {"resample_mm": 1.0}):
        assert place.problems([stack(slices=nothing, sizes=())], **rules) == expected


# Types


def test_the_smallest_types_that_hold_all_stacks_are_taken(place: Place) -> None:
    deep = noise(6, 8, dtype=np.uint16)
    codes = np.full((6, 8), 300, np.int64)
    scheme = RegionScheme.parse(["a=0,1,2,3", "b=300"])
    flat = a_slice("flat")
    stacks = [
        stack("P1", slices=[flat]),
        stack("P2", slices=[a_slice("deep", image=deep)]),
        stack("P3", slices=[a_slice("codes", labels=codes)], label_type=np.dtype(np.uint16)),
    ]
    dataset = place.make(stacks, scheme=scheme)
    assert (dataset.images.dtype, dataset.labels.dtype) == (np.uint16, np.uint16)
    np.testing.assert_array_equal(dataset.images[:2], [flat.image, deep])
    np.testing.assert_array_equal(dataset.labels[2], codes)
    place.out.rename(place.folder / "elsewhere")
    small = place.make(stacks[:1])
    assert (small.images.dtype, small.labels.dtype) == (np.uint8, np.uint8)


def test_values_that_a_type_does_not_hold_are_never_cut_off(place: Place) -> None:
    """Stored as 8 bits, 300 would become 44."""
    scheme = RegionScheme.parse(["a=0,1,2,3", "b=300"])
    values = a_slice("values", image=np.full((6, 8), 300, np.uint16))
    codes = a_slice("codes", labels=np.full((6, 8), 300, np.uint16))
    stacks = [
        stack("P1", slices=[values], image_type=np.dtype(np.uint8)),
        stack("P2", slices=[codes]),
        stack("P3", slices=[a_slice("fine", image=noise(6, 8).astype(np.uint16))],
              image_type=np.dtype(np.uint8)),
    ]  # fmt: skip
    assert place.problems(stacks, scheme=scheme) == [
        "values has values that its header does not allow for; is it damaged?",
        "mask of codes holds codes that its header does not allow for; is it damaged?",
    ]
    np.testing.assert_array_equal(place.make(stacks[2:]).images, [stacks[2].read()[0].image])


# Faults


def test_one_error_tells_every_fault(place: Place) -> None:
    """Of readers, headers, pixels, names and the table; of stacks that cannot be read, too."""
    good = a_slice("good")
    strange = np.full((6, 8), 77, np.uint8)
    stacks = [
        stack("P1", "0", [good, a_slice("odd", labels=np.zeros((8, 6), np.uint8))]),
        stack("P1", "1", read=bad_read(["is damaged", "has no end"])),
        stack("P2", "0", [a_slice("told", problems=("mask 'told' is lost", "and so on"))]),
        stack("P2", "1", [a_slice("codes", labels=strange, mask_subject="mask 'c'")]),
        stack("P3", "0", [a_slice("both", labels=strange, problems=("image 'both' is lost",))]),
        stack("P3", "1", [a_slice("oblong", spacing_yx_mm=(1.0, 1.5))]),
        stack("P4", "0", [a_slice("twin", image=good.image)]),
        stack("P4", "1", sizes=((9000, 9000),)),
        stack("P5", "0", [a_slice("wide", (6, 9))], read=bad_read("is damaged")),
    ]
    unknown = "which no region has; add the code to a --region or give it to --ignore"
    table = place.table("patient,level\nP1,top\nP2,\nP3,\nP4,\n")
    problems = place.problems(stacks[::-1], problems=["file 'x' has no mask"], table=table)
    assert sorted(problems) == sorted([
        "file 'x' has no mask",
        "odd has 6 x 8 pixels, its mask 8 x 6; they must have the same size",
        "volume 'P1-1' is damaged",
        "volume 'P1-1' has no end",
        "mask 'told' is lost",
        "and so on",
        f"mask 'c' holds 77, {unknown}",
        "image 'both' is lost",
        f"mask of both holds 77, {unknown}",
        "volume 'P3-1' has pixels of 1 x 1.5 mm, which would distort the heart; give --resample 1 "
        "for square ones",
        "twin is the same as good; remove one, or keep both with --allow-duplicates",
        "volume 'P4-1' says it has 9000 x 9000 pixels; is it damaged?",
        "volume 'P5-0' is damaged",
        "volume 'P5-0' has 6 x 9 pixels, most have 6 x 8; give --crop to cut all to one size",
        "table 'table.csv', line 2: level is one of base, middle, apex, got 'top'",
    ])  # fmt: skip
    assert problems[0] == "file 'x' has no mask"


def test_problems_that_were_found_before_stop_the_import(place: Place) -> None:
    assert place.problems([stack()], problems=["a", "b"]) == ["a", "b"]


@pytest.mark.parametrize("stacks", [[], [stack(slices=[], sizes=())]])
def test_nothing_to_import_is_refused(place: Place, stacks: list[Stack]) -> None:
    assert place.problems(stacks) == ["a dataset needs at least one slice; none was left to import"]
    assert place.problems(stacks, problems=["why"]) == ["why"]
    calls: list[tuple[int, int]] = []
    place.problems(stacks, progress=lambda *counts: calls.append(counts))
    assert calls == [(0, 0)] * len(stacks)


def test_of_many_unknown_codes_the_first_are_told(place: Place) -> None:
    picture = a_slice("x", labels=np.arange(48, dtype=np.uint8).reshape(6, 8))
    (problem,) = place.problems([stack(slices=[picture])])
    assert problem.startswith(
        "mask of x holds 4, 5, 6, 7, 8 and 38 more codes (is it a mask?), which no region has"
    )


def test_a_picture_in_place_of_a_mask_is_not_resampled_code_by_code(place: Place) -> None:
    picture = noise(200, 200, dtype=np.uint16)
    slices = [a_slice("x", (200, 200), labels=picture, spacing_yx_mm=(1.0, 1.0))]
    started_at = time.perf_counter()
    found = stack(slices=slices, label_type=np.dtype(np.uint16))
    (problem,) = place.problems([found], resample_mm=0.5)
    assert "more codes (is it a mask?)" in problem
    assert time.perf_counter() - started_at < 20  # with 30,000 codes: minutes


def test_duplicates_are_found_across_stacks_and_by_what_is_stored(place: Place) -> None:
    image = noise(8, 8)
    other = image.copy()
    other[0, 0] ^= 1
    stacks = [stack(order=str(n), slices=[a_slice("same subject", (8, 8), image=pixels)])
              for n, pixels in enumerate((image, other))]  # fmt: skip
    assert len(place.make(stacks)) == 2
    place.out.rename(place.folder / "elsewhere")
    expected = (
        "same subject is the same as same subject; remove one, or keep both with --allow-duplicates"
    )
    assert place.problems(stacks, crop=4) == [expected]
    assert place.make(stacks, crop=4, allow_duplicates=True).slices["image_hash"].nunique() == 1


def test_oblong_pixels_are_told_once_for_a_stack(place: Place) -> None:
    def with_spacing(*spacing: float) -> list[SourceSlice]:
        return [a_slice(f"{spacing} {n}", spacing_yx_mm=spacing) for n in range(3)]

    bad = [
        stack("P1", slices=with_spacing(1.0, 1.25)),
        stack("P2", slices=with_spacing(30.0, 25.0)),
    ]
    distort = "which would distort the heart; give --resample"
    assert place.problems(bad) == [
        f"volume 'P1-0' has pixels of 1 x 1.25 mm, {distort} 1 for square ones",
        f"volume 'P2-0' has pixels of 30 x 25 mm, {distort} 20 for square ones",
    ]
    nearly = place.make([stack(slices=with_spacing(1.0, 1.0099))])
    assert nearly.slices["spacing_mm"].tolist() == pytest.approx([1.00495] * 3)


def test_an_output_in_use_is_refused_before_anything_is_read(place: Place) -> None:
    place.out.mkdir(parents=True)
    (place.out / "mine").write_text("mine")

    def read() -> Sequence[SourceSlice]:
        raise AssertionError("it was read")

    with pytest.raises(DatasetError, match="'set' exists already and is not overwritten"):
        place.make([stack(read=read)])
    assert [path.name for path in place.out.iterdir()] == ["mine"]


def test_warnings_in_threads_are_errors_here() -> None:
    """So that the tests above would notice any."""
    with pytest.raises(UserWarning, match="heard"):
        warnings.warn("heard", stacklevel=1)


def test_collecting_names_the_subject_of_each_problem() -> None:
    problems = ["first"]
    with collecting(problems, "image 'x' "):
        raise DatasetError(["is lost", "is torn"])
    assert problems == ["first", "image 'x' is lost", "image 'x' is torn"]
    with pytest.raises(ConfigError, match="other"), collecting(problems):
        raise ConfigError("other")
    raise_problems([])
    with pytest.raises(DatasetError, match=r"^nothing was imported \(3 problems\):\n- first"):
        raise_problems(problems)


# Resampling


def test_resampling_changes_size_spacing_and_points(place: Place) -> None:
    one = a_slice("x", (12, 8), spacing_yx_mm=(2.0, 3.0), points={"p": (4.0, 5.0)})
    dataset = place.make([stack(slices=[one])], resample_mm=1.0)
    assert dataset.images.shape == (1, 24, 24)
    np.testing.assert_array_equal(dataset.images[0], resample_image(one.image, (2.0, 3.0), 1.0))
    np.testing.assert_array_equal(dataset.labels[0], resample_labels(one.labels, (2.0, 3.0), 1.0))
    row = dataset.slices.iloc[0]
    assert row[["spacing_mm", "source_height", "source_width"]].tolist() == [1.0, 24, 24]
    assert row[["p_y_px", "p_x_px"]].tolist() == [8.5, 16.0]


def test_the_crop_comes_after_the_resampling(place: Place) -> None:
    one = a_slice("x", (12, 8), spacing_yx_mm=(2.0, 3.0), points={"p": (4.0, 5.0)})
    dataset = place.make([stack(slices=[one])], resample_mm=1.0, crop=10)
    whole = resample_image(one.image, (2.0, 3.0), 1.0)
    np.testing.assert_array_equal(dataset.images[0], whole[7:17, 7:17])
    assert dataset.slices[["p_y_px", "p_x_px"]].to_numpy().tolist() == [[1.5, 9.0]]


def test_sizes_are_compared_after_resampling(place: Place) -> None:
    alike = [
        stack("P1", slices=[a_slice("a", (12, 12), spacing_yx_mm=(1.0, 1.0))]),
        stack("P2", slices=[a_slice("b", (6, 8), spacing_yx_mm=(2.0, 1.5))]),
    ]
    assert place.make(alike, resample_mm=1.0).images.shape == (2, 12, 12)
    place.out.rename(place.folder / "elsewhere")
    way_out = "pixels, most have 6 x 6; give --crop to cut all to one size"
    other = stack("P3", slices=[a_slice("c", (12, 12), spacing_yx_mm=(2.0, 2.0))])
    silent = replace(alike[0], spacing_yx_mm=None)  # the slice alone tells its spacing
    assert place.problems([silent, alike[1], other], resample_mm=2.0) == [
        f"volume 'P3-0' has 12 x 12 {way_out}"
    ]


@pytest.mark.parametrize(
    ("spacing", "reason"),
    [
        (None, "has no known pixel spacing, so it cannot be resampled; leave out --resample"),
        ((1e-7, 1.0), "says its pixels are 1e-07 x 1 mm, but 0.05 to 20 mm are possible, so it"),
        ((1.0, 1e300), "says its pixels are 1 x 1e+300 mm, but 0.05 to 20 mm are possible, so it"),
        ((20.0, 20.0), "would have 120000 x 160000 pixels of 0.05 mm; give a larger --resample"),
    ],
)
def test_what_cannot_be_resampled_is_told_once_for_a_stack(
    place: Place, spacing: tuple[float, float] | None, reason: str
) -> None:
    shape = (300, 400)
    bad = [a_slice(str(n), shape, spacing_yx_mm=spacing) for n in range(3)]
    good = [a_slice("good", (6, 8), spacing_yx_mm=(1.0, 1.0))]
    stacks = [stack("P1", slices=bad), stack("P2", slices=good)]
    (problem,) = place.problems(stacks, resample_mm=0.05, crop=4)
    assert problem.startswith(f"volume 'P1-0' {reason}")


# The table


def test_the_table_counts_more_than_the_source_but_its_empty_cells_do_not(place: Place) -> None:
    row = {"site": "S1", "vendor": "V1", "level": "base"}
    first = [a_slice("a", row=row, spacing_yx_mm=(1.5, 1.5)), a_slice("b", row=row)]
    stacks = [stack("P1", slices=first), stack("P2")]
    lines = "slice,site,vendor,spacing_mm\nP2_000,S9,,\nP1_001,,V2,1.25\nP1_000,S3,,\nP7_000,x,x,1"
    table = place.make(stacks, table=place.table(lines)).slices
    known = table[["site", "vendor", "level", "spacing_mm"]].astype(object)
    assert known.where(known.notna(), None).to_numpy().tolist() == [
        ["S3", "V1", "base", 1.5], ["S1", "V2", "base", 1.25], ["S9", None, None, None],
    ]  # fmt: skip


def test_a_table_cannot_undo_the_resampling(place: Place) -> None:
    def found() -> list[Stack]:
        return [stack(slices=[a_slice("x", spacing_yx_mm=(2.0, 2.0))])]

    table = place.table("patient,spacing_mm\nP1,2.0\n")
    assert place.problems(found(), resample_mm=1.0, table=table) == [
        "table 'table.csv' gives spacing_mm, which --resample makes 1; remove the column"
    ]
    for cell in ("", "1.0"):
        dataset = place.make(
            found(), resample_mm=1.0, table=place.table(f"patient,spacing_mm\nP1,{cell}\n")
        )
        assert dataset.slices["spacing_mm"].tolist() == [1.0]
        dataset.folder.rename(place.folder / f"was{cell}")


def test_a_table_that_cannot_be_used_is_told(place: Place) -> None:
    assert place.problems([stack()], table=place.table("slice,site\nP9_000,x\n")) == [
        "table 'table.csv' has no line for slice 'P1_000'; add one, with empty cells for what is "
        "not known"
    ]
