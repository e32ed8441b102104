"""The server's pages in a browser: the right pixels, the keyboard, a study that goes on, paper."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from tests.report.explorer.browsing import Opened, Opener
from tests.serve.running import Running, running
from tests.toy import PAPER, Toy, toy_study

from myosweep.config import write_study_config
from myosweep.report.figures.style import region_colours
from myosweep.results.ledger import read_looks
from myosweep.results.read import read_masks

SIDE = 32
LONG_MS = 60_000  # an answer is computed in a process of its own, which must begin first
SEEN = "#explorer?view=masks&order=patient&at=0&network=0&reference=0&opacity=100"


def rgb(colour: str) -> np.ndarray:
    return np.array([round(255 * channel) for channel in to_rgb(colour)])


def wait_for(opened: Opened, selector: str, words: str) -> None:
    opened.page.locator(selector, has_text=words).first.wait_for(timeout=LONG_MS)


def held(opened: Opened, pattern: str) -> list[Any]:
    """Keep back what the page asks for next at such an address."""
    kept: list[Any] = []
    opened.page.route(pattern, lambda route: kept.append(route), times=1)
    return kept


def let_go(opened: Opened, kept: list[Any]) -> None:
    """Let it be answered, and give the page time to do something with it."""
    with opened.page.expect_response(kept[0].request.url):
        kept[0].continue_()
    opened.page.wait_for_timeout(200)


def test_studies_lead_to_their_pages(server: Running, open_page: Opener) -> None:
    opened = open_page(server.address)
    wait_for(opened, "#studies li", "Finished: 6 of 6 networks done")
    assert opened.page.locator("#studies h2").all_inner_texts() == ["first", "second"]
    opened.page.get_by_role("link", name="first").click()
    wait_for(opened, "#state", "Finished: 6 of 6 networks done")
    assert opened.page.locator("#run-rows tr").count() == 6
    tables = opened.page.locator("#tables a")
    assert tables.all_inner_texts()[0] == "runs"
    for link in tables.all():
        assert link.is_visible()
        place = link.get_attribute("href")
        assert server.client.get(f"{place}").headers["content-type"].startswith("text/csv")


def test_every_slice_is_shown_pixel_by_pixel(
    server: Running, shown: Toy, open_page: Opener
) -> None:
    """By the keyboard alone."""
    opened = open_page(f"{server.address}/studies/first", SEEN)
    opened.shows("at=0", "network=0")
    opened.page.locator('[data-part="pictures"]').focus()
    stored = read_masks(shown.home.run("run-5e-05-0"))
    for key in sorted(shown.split.test):
        opened.shows(f"slice={key}")
        colours, mask = opened.colours(SIDE, SIDE), stored[key]
        for code in (1, 2):
            assert (colours[mask == code] == rgb(region_colours(3)[code])).all()
        opened.press("ArrowDown")


def test_the_conclusion_is_asked_for_and_the_question_changed(
    tmp_path: Path, open_page: Opener
) -> None:
    toy = toy_study(tmp_path, PAPER)
    with running(toy.folder) as server:
        opened = open_page(f"{server.address}/studies/study")
        wait_for(opened, "#answer", "is a look at it")
        late = held(opened, "**/conclusion?metric=iou")
        opened.page.get_by_label("Score").select_option("iou")
        opened.page.get_by_role("button", name="Ask").press("Enter")
        opened.page.get_by_role("button", name="The study’s own question").press("Enter")
        wait_for(opened, '#answer:not([aria-busy="true"])', "is a look at it")
        let_go(opened, late)  # too late: something else is asked now
        wait_for(opened, "#answer", "is a look at it")
        opened.page.get_by_label("Score").select_option("iou")
        opened.page.get_by_role("button", name="Ask").press("Enter")
        wait_for(opened, "#answer .standing", "Exploratory.")
        assert read_looks(toy.home) == ()
        opened.page.get_by_role("button", name="The study’s own question").press("Enter")
        wait_for(opened, "#answer", "is a look at it")
        opened.page.get_by_role("button", name="Look at the answer").press("Enter")
        wait_for(opened, "#answer .standing", "Primary question.")
        assert len(read_looks(toy.home)) == 1
        mark = opened.page.locator("#answer #figure-A g[role=img]").first
        mark.focus()
        assert opened.page.locator(".tip").inner_text() == mark.get_attribute("aria-label")
        with opened.page.expect_download() as waiting:
            opened.page.locator("#figure-A .save a", has_text="PNG").click()
        assert Path(waiting.value.path()).read_bytes().startswith(b"\x89PNG")
        opened.close()


@pytest.mark.long
def test_a_study_that_goes_on_is_followed(tmp_path: Path, open_page: Opener) -> None:
    toy = toy_study(tmp_path, PAPER)
    grown = toy.config.model_copy(
        update={"replicates": toy.config.replicates.model_copy(update={"seeds": 3})}
    )
    write_study_config(grown, toy.home.study)
    with running(toy.folder) as server:
        opened = open_page(f"{server.address}/studies/study", SEEN)
        wait_for(opened, "#state", "6 of 9 networks done")
        wait_for(opened, "#preliminary", "Preliminary")
        opened.shows("at=0", "network=0")
        wait_for(opened, "#curves-part figcaption", "Training, epoch by epoch")
        toy.add_network({"l2.strength": 5e-5}, 2, 0)
        wait_for(opened, "#news", "1 further network is finished.")
        wait_for(opened, "#state", "7 of 9 networks done")
        opened.page.get_by_role("button", name="Show them").click()
        option = opened.page.locator('[data-part="network"] option', has_text="seed 2")
        option.wait_for(state="attached")
        opened.shows("at=0", "network=0", "view=masks")  # what was looked at is looked at still
        opened.close()


def test_a_damaged_study_keeps_nobody_waiting(tmp_path: Path, open_page: Opener) -> None:
    toy = toy_study(tmp_path, {(5e-3,): (2,)}, baselines=False, patients=5)
    (run,) = toy.home.runs()
    run.settings.write_text("{", encoding="utf-8")
    with running(toy.folder) as server:
        opened = open_page(f"{server.address}/studies/study")
        wait_for(opened, "#lost", "is missing or damaged")
        text = opened.page.locator("main").inner_text()
        assert "…" not in text  # neither computing nor drawing
        assert not opened.page.locator("#asking").is_visible()
        assert not opened.page.locator("#share").is_visible()
        assert not opened.page.locator("#tables").is_visible()
        assert all("409" in one for one in opened.complaints)
        opened.complaints.clear()
        opened.close()


@pytest.mark.long
def test_two_studies_stand_side_by_side(server: Running, open_page: Opener) -> None:
    opened = open_page(f"{server.address}/compare")
    opened.page.locator('#one option[value="first"]').wait_for(state="attached")
    late = held(opened, "**/comparison?one=first&other=second")
    opened.page.get_by_role("button", name="Compare").press("Enter")
    wait_for(opened, "#compared", "Computing …")
    opened.page.get_by_label("Second study").select_option("first")
    opened.page.get_by_role("button", name="Compare").press("Enter")
    wait_for(opened, "#differences", "In nothing that is known")
    let_go(opened, late)  # too late
    wait_for(opened, "#differences", "In nothing that is known")
    opened.page.get_by_label("Second study").select_option("second")
    opened.page.get_by_role("button", name="Compare").press("Enter")
    wait_for(opened, "#differences table", "Setting")
    assert opened.page.locator("#compared figure").count() == 2
    assert opened.page.url.endswith("?one=first&other=second")


def test_a_server_that_ends_is_missed(studies: Path, open_page: Opener) -> None:
    with running(studies) as server:
        opened = open_page(server.address)
        wait_for(opened, "#studies li", "Finished")
    wait_for(opened, "#lost", "does not answer")
    assert all("ERR_CONNECTION_REFUSED" in one for one in opened.complaints)
    opened.complaints.clear()
    opened.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("/", "Finished"),
        ("/studies/first", "Training, epoch"),
        ("/compare?one=first&other=second", "In what"),
    ],
)
def test_axe_finds_nothing_serious(
    scheme: str, place: str, words: str, server: Running, open_page: Opener
) -> None:
    size = {"width": 1280 if scheme == "light" else 390, "height": 844}
    opened = open_page(
        f"{server.address}{place}", color_scheme=scheme, viewport=size, bypass_csp=True
    )
    wait_for(opened, "main", words)
    assert opened.serious_faults() == []
    assert opened.page.evaluate("document.documentElement.scrollWidth") == size["width"]
    for head in opened.page.locator(".runs tbody th").all():  # a long label hides no cell
        assert head.evaluate("one => getComputedStyle(one).position") == "static"


def test_a_page_can_be_printed(server: Running, open_page: Opener) -> None:
    opened = open_page(f"{server.address}/studies/first", SEEN)
    wait_for(opened, "#curves-part figcaption", "Training")
    opened.page.locator("#region").select_option("all")
    opened.page.get_by_role("button", name="Ask").press("Enter")
    wait_for(opened, "#answer .standing", "Exploratory.")
    wait_for(opened, "#answer", "mean Dice over all regions")
    opened.page.evaluate(
        "window.addEventListener('beforeprint', () => { window.closed = "
        "document.querySelectorAll('#answer details:not([open])').length; })"
    )
    opened.page.emulate_media(media="print")
    assert not opened.page.locator("#asking").is_visible()
    assert opened.page.locator("#curves-part svg").is_visible()
    assert len(opened.page.pdf()) > 20_000
    assert opened.page.evaluate("window.closed") == 0  # warnings and methods are on paper
    assert opened.page.locator("#answer details:not([open])").count() >= 2  # and closed again
