"""The search for the heart: what is plausible, and where it ends, on rings of known place."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.data.dicom_files import write_series
from tests.predict.models import by_grey, codes_by_grey, facts_for, grey_model

from myosweep.predict.cases import find_cases
from myosweep.predict.grid import Grid, Place
from myosweep.predict.heart import enclosed, plausible_heart, search_heart
from myosweep.predict.placing import Places
from myosweep.predict.reading import Read
from myosweep.predict.run import plan_prediction, predict
from myosweep.predict.turn import AS_IT_IS


def ring(
    size: tuple[int, int], middle: tuple[float, float], outer: float = 9, inner: float = 5
) -> np.ndarray:
    """Grey levels of a bright ring (220) around a pool (150) on dark ground (20)."""
    y, x = np.mgrid[: size[0], : size[1]]
    radius = np.hypot(y - middle[0], x - middle[1])
    return np.select([radius < inner, radius < outer], [150, 220], 20).astype(np.uint8)


def answer(image: np.ndarray) -> np.ndarray:
    return by_grey(image[None, None].astype(np.float32))[0]


def test_a_ring_is_plausible_and_a_disc_is_not() -> None:
    score, middle = plausible_heart(answer(ring((32, 32), (14, 17))), None)
    assert score > 0.95
    assert middle == (14, 17)
    disc, _ = plausible_heart(answer(ring((32, 32), (14, 17), inner=0)), None)
    assert disc == 0
    assert plausible_heart(answer(np.zeros((32, 32), np.uint8)), None)[0] == 0


def test_each_fault_makes_it_less_plausible() -> None:
    whole = ring((32, 32), (15, 15))
    best = plausible_heart(answer(whole), (200.0, 300.0))[0]
    gap = whole.copy()
    gap[14:17, 20:] = 150  # the pool runs out through the ring
    cut = whole[:, 12:]  # half of it is beyond the window
    second = whole.copy()
    second[25:31, 25:31] = 220  # another bright thing
    flat = ring((32, 32), (15, 15)).repeat(2, 1)[:, 16:48]  # twice as wide as high
    unsure = answer(whole) * 0.4 + 0.2
    for worse in (gap, cut, second, flat):
        assert plausible_heart(answer(worse), (200.0, 300.0))[0] < 0.9 * best
    assert plausible_heart(unsure, (200.0, 300.0))[0] < 0.9 * best
    # the ring has about pi 9^2 = 254 pixels
    assert plausible_heart(answer(whole), (1000.0, 2000.0))[0] < 0.01
    assert plausible_heart(answer(whole), None)[0] == best


def test_enclosure_by_hand() -> None:
    regions = np.zeros((5, 5), int)
    regions[1:4, 1:4] = 2
    regions[2, 2] = 1
    filled = regions > 0
    share, part = enclosed(regions, filled)
    assert (share, np.argwhere(part).tolist()) == (1.0, [[2, 2]])
    regions[2, 3] = 1  # now one of the six neighbours of the inner part is outside
    assert enclosed(regions, filled)[0] == pytest.approx(5 / 6)


def look(images: np.ndarray, grid: Grid) -> object:
    def ask(places: Sequence[Place]) -> np.ndarray:
        cuts = [grid.cut(images, place)[0] for place in places]
        return np.stack([by_grey(one[:, None].astype(np.float32)) for one in cuts])

    return ask


@pytest.mark.parametrize("middle", [(12, 14), (40, 70), (55, 30), (50, 84)])
def test_a_heart_is_found_and_centred(middle: tuple[int, int]) -> None:
    image = ring((64, 96), middle)
    image[2:6, 2:90] = 220  # a bright wall
    image[60:63, 50:56] = 150
    grid = Grid.for_model(facts_for(32, 32), (64, 96), None)
    found = search_heart(grid, (200.0, 300.0), look(np.stack([image] * 3), grid))
    assert found.is_sure
    # the window's middle is the ring's, unless the window would leave the image
    wanted = [min(max(at - 15, 0), own - 32) for at, own in zip(middle, (64, 96), strict=True)]
    assert abs(found.place.top - wanted[0]) <= 1
    assert abs(found.place.left - wanted[1]) <= 1


def test_without_a_heart_it_is_the_middle_and_not_sure() -> None:
    grid = Grid.for_model(facts_for(32, 32), (64, 96), None)
    found = search_heart(grid, None, look(np.zeros((2, 64, 96), np.uint8), grid))
    assert found.place == Place(16, 32)
    assert not found.is_sure


def test_a_window_along_one_axis_alone() -> None:
    """An image that is smaller than the window along rows, and larger along columns."""
    image = ring((24, 96), (12, 60))
    grid = Grid.for_model(facts_for(32, 32), (24, 96), None)
    found = search_heart(grid, None, look(image[None], grid))
    assert found.place.top == -4
    assert abs(found.place.left - 45) <= 1


def test_all_slices_of_a_series_share_the_window(tmp_path: Path) -> None:
    """At the apex a vessel is the better ring; the stack as a whole decides."""
    images = np.stack([ring((64, 96), (40, 60), outer, outer - 4) for outer in (10, 10, 9, 9, 8)])
    images = np.concatenate([images, ring((64, 96), (14, 16))[None]])
    written = write_series(tmp_path / "in", images)
    assert len(written.files) == 6
    plan = plan_prediction(find_cases(tmp_path / "in"), tmp_path / "out", ["png"])
    outcome = predict(grey_model(32, 32), plan, tmp_path / "out")
    assert (outcome.problems, outcome.doubtful) == ([], [])
    masks = [
        np.asarray(Image.open(tmp_path / "out" / "masks" / "IM000" / f"{at:03d}.png"))
        for at in range(6)
    ]
    for mask, image in zip(masks[:5], images[:5], strict=True):
        np.testing.assert_array_equal(mask, codes_by_grey(image))
    assert not masks[5].any()


def test_pictures_of_a_patient_share_the_window(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for at in range(4):
        image = ring((64, 96), (40, 60)) if at else ring((64, 96), (14, 16))
        Image.fromarray(image).save(tmp_path / "in" / f"P1_{at}.png")
    for name, patient in (("alone", None), ("together", r"(P\d+)_")):
        found = find_cases(tmp_path / "in", patient=patient)
        plan = plan_prediction(found, tmp_path / name)
        assert not predict(grey_model(32, 32), plan, tmp_path / name).problems
    alone, together = (
        np.asarray(Image.open(tmp_path / name / "masks" / "P1_0.png"))
        for name in ("alone", "together")
    )
    np.testing.assert_array_equal(alone, codes_by_grey(ring((64, 96), (14, 16))))
    assert not together.any()


def test_the_window_of_a_patient_does_not_depend_on_what_was_done_before(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for at in range(12):
        image = ring((64, 96), (40, 60 - 2 * at), 10 - at // 3, 6 - at // 3)
        Image.fromarray(image).save(tmp_path / "in" / f"P1_{at}.png")
    cases = find_cases(tmp_path / "in", patient=r"(P\d+)_").cases
    model, read = grey_model(32, 32), Read(cases[0], ("png",), cases[0].read(), "")
    places = {
        Places(model, "search", AS_IT_IS, order).place(read).place
        for order in (cases, cases[::-1], [*cases[5:], *cases[:5]])
    }
    assert len(places) == 1


def test_what_is_not_found_is_told(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    Image.fromarray(np.full((64, 96), 20, np.uint8)).save(tmp_path / "in" / "empty.png")
    plan = plan_prediction(find_cases(tmp_path / "in"), tmp_path / "out")
    assert predict(grey_model(32, 32), plan, tmp_path / "out").doubtful == ["empty"]


def test_what_is_doubtful_is_listed_of_the_whole_folder(tmp_path: Path) -> None:
    """Of earlier calls as well; a heart that is found is not in the list."""
    (tmp_path / "in").mkdir()
    out, model = tmp_path / "out", grey_model(32, 32)
    pictures = {"good": ring((64, 96), (40, 60)), "empty": np.full((64, 96), 20, np.uint8)}
    for name, image in pictures.items():
        Image.fromarray(image).save(tmp_path / "in" / f"{name}.png")
    for _ in range(2):  # at the second time nothing is left to do
        outcome = predict(model, plan_prediction(find_cases(tmp_path / "in"), out), out)
        assert outcome.doubtful == ["empty"]
        rows = (out / "doubtful.csv").read_text().splitlines()
        assert rows == [
            "image,heart_score,heart,grey_levels",
            "empty,0.00,doubtful,as in training",
        ]
    (tmp_path / "in" / "empty.png").unlink()
    plan = plan_prediction(find_cases(tmp_path / "in"), tmp_path / "other")
    assert predict(model, plan, tmp_path / "other").doubtful == []
    assert not (tmp_path / "other" / "doubtful.csv").exists()


def test_later_pictures_of_a_patient_get_the_window_of_the_first(tmp_path: Path) -> None:
    """Alone the last one would get another."""
    (tmp_path / "in").mkdir()
    model, out = grey_model(32, 32), tmp_path / "out"

    def save(at: int, centre: tuple[int, int]) -> None:
        Image.fromarray(ring((64, 96), centre)).save(tmp_path / "in" / f"P1_{at}.png")

    def masks() -> dict[str, np.ndarray]:
        found = find_cases(tmp_path / "in", patient=r"(P\d+)_")
        assert not predict(model, plan_prediction(found, out), out).problems
        return {path.stem: np.asarray(Image.open(path)) for path in (out / "masks").iterdir()}

    for at in range(3):
        save(at, (40, 60))
    assert all(mask.any() for mask in masks().values())
    for path in (tmp_path / "in").iterdir():
        path.unlink()
    save(3, (14, 16))
    assert not masks()["P1_3"].any()
