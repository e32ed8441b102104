"""The audit's page: whole, self-contained, safe, and with a picture for each finding."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tests.audit.planted import only, phantoms

from myosweep.audit import audit_dataset
from myosweep.report.audit_page import build_audit_page, render_audit, with_code, write_audit
from myosweep.report.audit_pictures import MOST_THUMBS, outline_path


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    slices = phantoms()
    for place in slices.of("P003"):
        slices.rows[place]["slice"] = f"<b>{place}"
    slices.append(slices.images[int(slices.of("P003")[2])], slices.labels[4], "P012")
    stretched = np.repeat(slices.images, 2, axis=1)[:, 48:-48]
    slices.labels = np.repeat(slices.labels, 2, axis=1)[:, 48:-48]
    slices.images = stretched
    folder = tmp_path_factory.mktemp("page")
    dataset = slices.dataset(folder)
    audit = audit_dataset(dataset)
    path = folder / "audit.html"
    write_audit(audit, dataset, path)
    shown = build_audit_page(audit, dataset)
    for group in shown.groups:
        for one in group.findings:
            if one.finding.check != "pixel size unknown":
                assert len(one.thumbs) == min(len(one.finding.slices), MOST_THUMBS)
    assert only(audit, "exact duplicates")
    assert [one.finding.check for group in shown.groups for one in group.findings if one.drawing]
    return path.read_text(encoding="utf-8"), path


def test_the_page_has_the_verdict_and_every_sentence(page: tuple[str, Path]) -> None:
    html, path = page
    assert "serious finding" in html
    assert "at most" in html
    assert path.stat().st_size < 3e6
    assert [one.name for one in path.parent.glob("*.html")] == ["audit.html"]


def test_nothing_is_fetched(page: tuple[str, Path]) -> None:
    html, _ = page
    assert "default-src 'none'" in html
    places = re.findall(r"(?:src|href)=\"([^\"]*)\"", html)
    assert places
    assert all(place.startswith(("data:image/png;base64,", "#")) for place in places)
    assert not re.findall(r"url\((?!#)", html)
    assert "<script" not in html


def test_names_are_escaped(page: tuple[str, Path]) -> None:
    html, _ = page
    assert "<b>2" not in html
    assert "&lt;b&gt;2" in html


def test_tags_are_closed_and_pictures_have_words(page: tuple[str, Path]) -> None:
    html, _ = page
    open_tags: list[str] = []
    unnamed: list[str] = []

    class Checker(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            if tag == "svg" and not dict(attributes).get("aria-label"):
                unnamed.append(tag)
            if tag not in ("meta", "br", "img"):
                open_tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert open_tags.pop() == tag

    Checker().feed(html)
    assert open_tags == []
    assert unnamed == []


def test_ids_are_unique(page: tuple[str, Path]) -> None:
    ids = re.findall(r"\bid=\"([^\"]+)\"", page[0])
    assert len(ids) == len(set(ids))


def test_code_in_sentences_is_escaped() -> None:
    assert with_code("a `<b>` & c") == "a <code>&lt;b&gt;</code> &amp; c"


@given(
    arrays(np.uint8, st.tuples(st.integers(1, 7), st.integers(1, 7)), elements=st.integers(0, 2))
)
def test_the_outline_is_as_long_as_the_sides_of_the_region(regions: np.ndarray) -> None:
    inside = np.pad(regions == 1, 1)
    sides = sum(int((np.diff(inside.astype(int), axis=axis) != 0).sum()) for axis in (0, 1))
    lengths = re.findall(r"[hv](\d+)", outline_path(regions, 1))
    assert sum(map(int, lengths)) == sides


def test_an_audit_without_findings_says_so(tmp_path: Path) -> None:
    dataset = phantoms().dataset(tmp_path)
    audit = replace(audit_dataset(dataset), findings=(), skipped=())
    html = render_audit(build_audit_page(audit, dataset))
    assert "Nothing serious and nothing to look at was found." in html
    assert "All checks were made." in html
