"""The report in a browser: sorting, saving, values on hover, paper, policy, accessibility."""

import csv
import re
from pathlib import Path
from typing import Any

import pytest
from tests.report.explorer.browsing import Opener
from tests.toy import Toy

pytestmark = [pytest.mark.long, pytest.mark.painted]
"""A browser that draws whole reports takes minutes on slow processors."""

MOST_BYTES = 10_000_000


def column(opened: Any, table: str, number: int) -> list[str]:
    return opened.page.locator(f"{table} tbody tr").evaluate_all(
        f"rows => rows.filter(row => row.cells.length > {number})"
        f".map(row => row.cells[{number}].textContent.trim())"
    )


def test_a_table_is_sorted_by_its_heads(report: Path, open_page: Opener) -> None:
    opened = open_page(report)
    table = "table:has(#table-A)"
    before = column(opened, table, 1)
    head = opened.page.locator(f"{table} thead tr:last-child > :nth-child(2)")
    head.locator("button").focus()
    for order, reverse in (("ascending", False), ("descending", True)):
        opened.press("Enter")
        assert head.get_attribute("aria-sort") == order
        assert column(opened, table, 1) == sorted(before, key=float, reverse=reverse)
        others = opened.page.locator(f'{table} [aria-sort]:not([aria-sort="none"])')
        assert others.count() == 1
    opened.press("Enter")
    assert head.get_attribute("aria-sort") == "none"
    assert column(opened, table, 1) == before


def test_a_table_is_saved_as_csv(report: Path, open_page: Opener, tmp_path: Path) -> None:
    opened = open_page(report)
    for letter in ("A", "B"):
        table = f"table:has(#table-{letter})"
        with opened.page.expect_download() as waiting:
            opened.page.get_by_role("button", name=f"Save as CSV: Table {letter}").click()
        assert waiting.value.suggested_filename == f"toy-table-{letter.lower()}.csv"
        waiting.value.save_as(tmp_path / "table.csv")
        with (tmp_path / "table.csv").open(encoding="utf-8-sig", newline="") as file:
            head, *rows = csv.reader(file)
        for number in range(len(head)):
            # a minus of a number becomes one that programs read
            cells = [re.sub(r"−(?=\d)", "-", cell) for cell in column(opened, table, number)]
            assert [row[number] for row in rows] == [re.sub(r"\s+", " ", cell) for cell in cells]


def test_rows_of_slices_and_patients_lead_to_the_explorer(report: Path, open_page: Opener) -> None:
    opened = open_page(report)
    opened.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    links = opened.page.locator('main tbody th a[href^="#explorer?slice="]')
    key = links.last.inner_text()
    links.last.click()
    opened.shows(f"slice={key}")
    patients = opened.page.locator('main tbody th a[href^="#explorer?patient="]')
    patient = patients.first.inner_text()
    patients.first.click()
    opened.shows(f"patient={patient}")


def test_marks_say_their_values(report: Path, open_page: Opener) -> None:
    opened = open_page(report)
    tip = opened.page.locator(".tip")
    marks = opened.page.locator("#figure-A g[role=img]")
    assert marks.count() == 3 * 4  # values, panels
    mark = marks.nth(6)  # the myocardium's first value, the smallest
    mark.scroll_into_view_if_needed()
    box = mark.bounding_box()
    assert box is not None
    assert not tip.is_visible()
    opened.page.mouse.move(box["x"] + 10, box["y"] + 10)
    assert tip.inner_text().startswith("L2 strength 0.")
    assert tip.inner_text() == mark.get_attribute("aria-label")
    opened.page.mouse.move(0, 0)
    assert not tip.is_visible()
    marks.first.focus()
    opened.press("ArrowRight")
    assert tip.inner_text() == marks.nth(1).get_attribute("aria-label")
    bars = opened.page.locator("#figure-1 g[role=img]")
    assert bars.count() == 3 * (3 * 3 + 4)  # values; metrics of three regions, and over all
    assert re.search(
        r"^L2 strength 0\.005\n.*\nAccuracy \d\.\d{3} ± ", bars.first.get_attribute("aria-label")
    )
    box = bars.last.bounding_box()
    assert box is not None
    bars.last.scroll_into_view_if_needed()
    bars.last.hover(position={"x": box["width"] / 2, "y": 2}, force=True)
    assert tip.inner_text() == bars.last.get_attribute("aria-label")
    rows = opened.page.locator("#figure-B g[role=img]")
    assert rows.count() == 3
    assert re.search(r"\n[+−]\d\.\d{3} \([+−]\d\.\d{3} to ", rows.first.get_attribute("aria-label"))


@pytest.mark.parametrize(
    ("scheme", "width"),
    [
        ("light", 1280),
        ("dark", 390),
        ("dark", 1280),
        ("light", 390),
    ],
)
def test_axe_finds_nothing_serious(
    scheme: str, width: int, report: Path, open_page: Opener
) -> None:
    size = {"width": width, "height": 844}
    opened = open_page(
        report, "#explorer?compare=1&view=masks", color_scheme=scheme, viewport=size,
        bypass_csp=True,
    )  # fmt: skip
    opened.shows("compare=1")
    opened.page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert opened.serious_faults() == []
    assert opened.page.evaluate("document.documentElement.scrollWidth") == width


def test_the_policy_holds(report: Path, open_page: Opener) -> None:
    """Nothing that is put into the page runs, nothing is fetched, no style is added."""
    opened = open_page(report)
    policy = opened.page.locator("meta[http-equiv]").get_attribute("content")
    assert policy is not None
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    refused = opened.page.evaluate(
        """async () => {
          const refused = [];
          document.addEventListener("securitypolicyviolation",
            event => refused.push(event.effectiveDirective));
          const script = document.createElement("script");
          script.textContent = "window.ran = true;";
          document.body.append(script);
          const paragraph = document.createElement("p");
          paragraph.setAttribute("style", "color: red");
          document.body.append(paragraph);
          const style = document.createElement("style");
          style.textContent = "p { color: red }";
          document.head.append(style);
          await fetch("https://example.org/").catch(() => refused.push("fetch failed"));
          await new Promise(resolve => setTimeout(resolve, 100));
          return [refused, window.ran ?? false];
        }"""
    )
    assert refused[1] is False
    assert {"script-src-elem", "style-src-attr", "style-src-elem", "connect-src",
            "fetch failed"} <= set(refused[0])  # fmt: skip
    assert len(opened.complaints) >= 4
    opened.complaints.clear()
    opened.left.clear()


def test_figures_keep_their_looks_under_the_policy(report: Path, open_page: Opener) -> None:
    """Style attributes, which the policy forbids, became rules of a sheet that it allows."""
    assert ' style="' not in re.sub(
        r"<script.*?</script>", "", report.read_text("utf-8"), flags=re.S
    )
    opened = open_page(report)
    fill = opened.page.locator("th .swatch").first.evaluate(
        "one => getComputedStyle(one).backgroundColor"
    )
    assert re.fullmatch(r"rgb\(\d+, \d+, \d+\)", fill)
    fills = opened.page.locator("#figure-A g[role=img] use").evaluate_all(
        "all => all.map(one => getComputedStyle(one).stroke)"
    )
    assert len(set(fills)) == 3


def test_colours_are_switched(report: Path, open_page: Opener) -> None:
    opened = open_page(report, color_scheme="light")
    paper = "getComputedStyle(document.body).backgroundColor"
    assert opened.page.evaluate(paper) == "rgb(255, 255, 255)"
    switch = opened.page.get_by_label("Colours", exact=True)
    switch.select_option("dark")
    assert opened.page.evaluate(paper) == "rgb(20, 25, 30)"
    switch.select_option("")
    assert opened.page.evaluate(paper) == "rgb(255, 255, 255)"


def test_on_paper(report: Path, open_page: Opener) -> None:
    """A PDF comes out; controls are gone, short folded tables are open, the picture is there."""
    opened = open_page(report, color_scheme="dark")
    opened.page.evaluate("document.documentElement.dataset.theme = 'dark'")
    opened.page.evaluate(
        "window.addEventListener('beforeprint', () => { window.opened = "
        "document.querySelectorAll('main > section > details[open]').length; })"
    )
    pdf = opened.page.pdf()
    assert pdf.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) >= 5
    rows = opened.page.evaluate(
        "[...document.querySelectorAll('main > section > details')]"
        ".map(one => one.querySelectorAll('tbody tr').length)"
    )
    assert min(rows) <= 40 < max(rows)
    assert opened.page.evaluate("window.opened") == sum(count <= 40 for count in rows)
    assert opened.page.locator("main > section > details[open]").count() == 0
    opened.page.emulate_media(media="print")
    assert not opened.page.locator(".controls").is_visible()
    assert not opened.page.locator(".switch").is_visible()
    assert opened.page.locator('[data-part="canvas"]').is_visible()
    paper = opened.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == "rgb(255, 255, 255)"


def test_without_scripts_the_page_is_that_of_paper(report: Path, open_page: Opener) -> None:
    opened = open_page(report, java_script_enabled=False)
    assert opened.page.locator("noscript").inner_text().startswith("Looking at every test slice")
    assert not opened.page.locator("[data-explorer]").is_visible()
    assert opened.page.locator("#figure-2").is_visible()
    assert opened.page.locator("#figure-A svg").get_attribute("role") == "img"


def test_without_the_dataset_all_else_works(toy: Toy, tmp_path: Path, open_page: Opener) -> None:
    text = toy.home.report.read_text("utf-8")
    start, end = text.index('<section id="explorer">'), text.index('<section id="study">')
    alone = tmp_path / "alone.html"
    alone.write_text(text[:start] + text[end:].replace('<a href="#explorer">', ""), "utf-8")
    opened = open_page(alone)
    assert opened.page.locator("#figure-A g[role=img]").count() == 12


def test_the_page_is_small(report: Path) -> None:
    assert report.stat().st_size < MOST_BYTES / 10
