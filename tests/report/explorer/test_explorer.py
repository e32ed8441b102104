"""The explorer in a browser: the right pixels, the keyboard, its lists, its address."""

import io
import itertools
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image
from tests.report.explorer.browsing import EXPLORER, Opener
from tests.toy import Toy

from myosweep.report.explorer.content import ExplorerContent, explorer_content
from myosweep.report.figures.masks import difference_map
from myosweep.report.figures.style import MISSED, TOO_MUCH, region_colours
from myosweep.results.read import read_masks, read_results

pytestmark = pytest.mark.painted

RUNS = {"0.00005": "run-5e-05", "0.0005": "run-0p0005", "0.005": "run-0p005"}
VALUES = tuple(RUNS)
SIDE = 32
PLAIN = "reference=0&opacity=100"


def rgb(colour: str) -> np.ndarray:
    return np.array([round(255 * channel) for channel in to_rgb(colour)])


@pytest.fixture(scope="module")
def content(toy: Toy) -> ExplorerContent:
    found = explorer_content(read_results(toy.folder), toy.data)
    assert found is not None
    return found


def stored(toy: Toy, value: str, seed: int, key: str) -> np.ndarray:
    return read_masks(toy.home.run(f"{RUNS[value]}-{seed}"))[key]


def reference(toy: Toy, key: str) -> np.ndarray:
    row = toy.data.slices["slice"].tolist().index(key)
    return toy.data.reference(toy.scheme, np.array([row]))[0]


def test_every_mask_is_shown_pixel_by_pixel(
    toy: Toy, content: ExplorerContent, report: Path, open_page: Opener
) -> None:
    """Through all slices, values and networks by the keyboard alone."""
    opened = open_page(report, f"#explorer?view=masks&order=patient&at=0&network=0&{PLAIN}")
    opened.page.locator('[data-part="pictures"]').focus()
    colours = region_colours(3)
    keys = [one.key for one in content.explorer.slices]
    for number, (key, pixels) in enumerate(zip(keys, content.pixels, strict=True)):
        grey = np.asarray(Image.open(io.BytesIO(pixels.image)))
        for at, seed in itertools.product(range(3), range(2)):
            opened.shows(f"slice={key}", f"at={at}", f"network={seed}")
            shown, mask = opened.colours(SIDE, SIDE), stored(toy, VALUES[at], seed, key)
            for code in (1, 2):
                assert (mask == code).any()
                assert (shown[mask == code] == rgb(colours[code])).all()
            assert (shown[mask == 0] == grey[mask == 0][:, None]).all()
            opened.press("]") if seed == 0 else opened.press("[", "ArrowRight")
        opened.press("ArrowLeft", "ArrowLeft", "ArrowDown")
        assert number < len(keys)


def test_difference_and_majority(
    toy: Toy, content: ExplorerContent, report: Path, open_page: Opener
) -> None:
    key = content.explorer.slices[0].key
    hash_ = f"#explorer?slice={key}&view=difference&order=patient&at=2&network=1&{PLAIN}"
    opened = open_page(report, hash_)
    opened.shows("network=1", "at=2")
    codes = difference_map(reference(toy, key), stored(toy, "0.005", 1, key), 2)
    shown = opened.colours(SIDE, SIDE)
    for code, colour in ((2, TOO_MUCH), (3, MISSED)):
        assert (codes == code).any()
        assert (shown[codes == code] == rgb(colour)).all()
    more, less = int((codes == 2).sum()), int((codes == 3).sum())
    words = opened.page.locator('[data-part="facts"]').inner_text()
    assert words.endswith(f"{more + less} px differ (+{more} −{less})")
    # of two networks the majority is what both say, else the region that stands first
    opened.page.locator("#explorer-network").select_option("all")
    opened.shows("network=all")
    both = np.minimum(stored(toy, "0.005", 0, key), stored(toy, "0.005", 1, key))
    shown = opened.colours(SIDE, SIDE)
    codes = difference_map(reference(toy, key), both, 2)
    assert (shown[codes == 3] == rgb(MISSED)).all()
    assert (shown[codes == 2] == rgb(TOO_MUCH)).all()


def test_disagreement_is_where_networks_differ(
    toy: Toy, content: ExplorerContent, report: Path, open_page: Opener
) -> None:
    key = content.explorer.slices[0].key
    opened = open_page(report, f"#explorer?slice={key}&view=disagreement&at=2&{PLAIN}")
    opened.shows("view=disagreement", "at=2")
    one, other = (stored(toy, "0.005", seed, key) == 2 for seed in (0, 1))
    grey = np.asarray(Image.open(io.BytesIO(content.pixels[0].image)))
    shown = opened.colours(SIDE, SIDE).astype(int)
    tinted = np.ptp(shown, axis=-1) > 8
    assert np.array_equal(tinted, one != other)
    assert (shown[~one & ~other] == grey[~one & ~other][:, None]).all()
    facts = opened.page.locator('[data-part="facts"]').inner_text()
    assert facts.endswith(f"networks disagree on {(one != other).sum()} px")


def test_contours_follow_the_edges_of_pixels(
    content: ExplorerContent, report: Path, open_page: Opener
) -> None:
    """The middle of every pixel stays as it is, whatever the zoom; edges are drawn."""
    key = content.explorer.slices[0].key
    opened = open_page(report, f"#explorer?slice={key}&view=contours&at=2&network=0")
    opened.shows("view=contours")
    grey = np.asarray(Image.open(io.BytesIO(content.pixels[0].image)))
    assert (opened.colours(SIDE, SIDE) == grey[..., None]).all()
    assert opened.colourful() > 1000


def test_side_by_side_and_close_up(
    toy: Toy, content: ExplorerContent, report: Path, open_page: Opener
) -> None:
    key = content.explorer.slices[0].key
    hash_ = f"#explorer?slice={key}&view=masks&at=2&network=0&{PLAIN}"
    opened = open_page(report, hash_)
    opened.page.locator('[data-part="compare"]').check()
    opened.page.locator("#explorer-other-0").press("Home")
    opened.shows("compare=1", "other=0")
    colour = rgb(region_colours(3)[2])
    for part, value in (("canvas", "0.005"), ("other-canvas", "0.00005")):
        mask = stored(toy, value, 0, key)
        assert (opened.colours(SIDE, SIDE, part)[mask == 2] == colour).all()
    opened.page.locator('[data-part="close"]').check()
    opened.shows("close=1")
    closer = (opened.colours(200, 200) == colour).all(-1).mean()
    assert closer > 1.2 * (stored(toy, "0.005", 0, key) == 2).mean()


def test_slices_are_sorted_and_filtered(
    content: ExplorerContent, report: Path, open_page: Opener
) -> None:
    opened = open_page(report)
    opened.shows("order=matters")

    def listed() -> list[int]:
        options = opened.page.locator("#explorer-slice option")
        numbers: list[int] = options.evaluate_all("all => all.map(one => Number(one.value))")
        return numbers

    slices = content.explorer.slices
    moved = [slices[number].moved for number in listed()]
    assert moved == sorted(moved, key=lambda one: -(one or 0))
    means = {k: np.mean([score or 0 for score in one.scores]) for k, one in enumerate(slices)}
    for order, sign in (("worst", 1), ("best", -1)):
        opened.page.locator("#explorer-order").select_option(order)
        opened.shows(f"order={order}", f"slice={slices[listed()[0]].key}")
        assert listed() == sorted(means, key=lambda k: (sign * round(means[k], 6), k))
    opened.page.locator("#explorer-patient").select_option(slices[3].patient)
    opened.shows(f"patient={slices[3].patient}")
    assert {slices[number].patient for number in listed()} == {slices[3].patient}
    assert not opened.page.locator("#explorer-level").is_visible()  # levels are not known here


def test_what_is_shown_is_said(content: ExplorerContent, report: Path, open_page: Opener) -> None:
    opened = open_page(report, "#explorer?order=patient")
    one = content.explorer.slices[0]
    scores = [score or 0 for score in one.scores[:2]]
    opened.said(
        f"Patient {one.patient}, slice {one.key}, 1 of 4.",
        "L2 strength 0.005: 2 networks",
        f"mean Dice {np.mean(scores) + 1e-9:.3f} ({min(scores):.3f} to {max(scores):.3f})",
    )
    opened.page.locator('[data-part="pictures"]').focus()
    opened.press("]", "ArrowLeft")
    opened.said(f"L2 strength 0.0005: seed 0 · Dice {one.scores[2]:.3f}")
    live = opened.page.locator('[data-part="said"]')
    assert live.get_attribute("aria-live") == "polite"


def test_a_link_shows_the_same_view(
    content: ExplorerContent, report: Path, open_page: Opener
) -> None:
    opened = open_page(report)
    opened.page.locator('[data-part="pictures"]').focus()
    opened.press("ArrowDown", "3", "c", "z", "m", "ArrowLeft", "]")
    opened.shows("view=difference", "compare=1", "close=1", "reference=0", "at=1", "network=0")
    address = opened.page.evaluate("location.hash")
    again = open_page(report, address)
    again.shows(*address.removeprefix("#explorer?").split("&"))
    assert again.page.evaluate("location.hash") == address
    assert np.array_equal(again.colours(50, 50), opened.colours(50, 50))


@pytest.mark.parametrize(
    "hash_",
    ["#explorer?slice=nobody&at=7&network=9&view=x", "#explorer?patient=a&level=b&at=0.0.0", "#x"],
)
def test_an_address_that_asks_for_nonsense_gets_what_there_is(
    hash_: str, crossed_page: Path, open_page: Opener
) -> None:
    opened = open_page(crossed_page, hash_)
    opened.shows("view=contours", "network=all", "order=matters", "at=1.0")


def test_every_control_is_reached_by_the_tab_key(report: Path, open_page: Opener) -> None:
    opened = open_page(report, "#explorer?compare=1&view=masks")
    opened.shows("compare=1")
    visible = "el => !el.closest('[hidden]') && !el.disabled && (!el.closest('details') || \
               el.matches('summary'))"
    wanted = opened.page.locator(f"{EXPLORER} :is(button, select, input, summary, [tabindex])")
    count = wanted.evaluate_all(
        f"all => all.filter({visible}).filter(el => el.type !== 'radio' || el.checked).length"
    )
    opened.page.locator(".stage").evaluate("el => { el.tabIndex = -1; el.focus(); }")
    reached = set()
    for _ in range(count):
        opened.press("Tab")
        reached.add(
            opened.page.evaluate(
                "() => { const all = [...document.querySelectorAll('[data-explorer] *')];"
                " return all.indexOf(document.activeElement); }"
            )
        )
    assert -1 not in reached
    assert len(reached) == count > 14


def test_two_fields_have_two_sliders(crossed_page: Path, open_page: Opener) -> None:
    opened = open_page(crossed_page, "#explorer?at=0.0")
    opened.shows("at=0.0")
    opened.page.locator('[data-part="pictures"]').focus()
    opened.press("Shift+ArrowRight")
    opened.shows("at=0.1")
    facts = opened.page.locator('[data-part="facts"]')
    assert facts.inner_text() == "no network of this value was tested on this slice yet"
    opened.press("ArrowRight")
    opened.shows("at=1.1")
    assert facts.inner_text().startswith("one network · Dice 0.")
    opened.page.locator(".every summary").click()
    opened.page.locator(".every button").first.click()
    opened.shows("at=0.0")
    assert opened.page.evaluate("document.activeElement.getAttribute('aria-pressed')") == "true"
