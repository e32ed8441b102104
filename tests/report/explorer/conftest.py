"""One browser and one study for all tests of pages; skipped where there is no browser."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.report.explorer.browsing import Opened, Opener, explorer_page
from tests.toy import Toy, toy_study

from myosweep.report.page import write_report

SHIFTS = {(5e-3,): (2, 3), (5e-4,): (1, 1), (5e-5,): (0, 1)}
CROSSED = {(1e-3, 1e-4): (1,), (1e-3, 1e-3): (2,), (0.0, 1e-4): (0,)}


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Debian's Chromium, driven by Playwright."""
    driven = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("there is no Chromium here (apt-get install chromium)")
    with driven.sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu"]
        started = playwright.chromium.launch(executable_path=program, args=options)
        yield started
        started.close()


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """Three values of two networks each, with its report."""
    toy = toy_study(tmp_path_factory.mktemp("looked-at"), SHIFTS)
    write_report(toy.folder)
    return toy


@pytest.fixture(scope="session")
def crossed(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """Two fields, of whose four combinations one has no network yet."""
    fields = ("l2.strength", "learning_rate")
    folder = tmp_path_factory.mktemp("crossed")
    return toy_study(folder, CROSSED, fields=fields, baselines=False)


@pytest.fixture
def open_page(browser: Any) -> Iterator[Opener]:
    """Opens a page from disk; afterwards nothing must have gone wrong or left the machine."""
    opened: list[Opened] = []

    def opener(path: Path, hash_: str = "", **context: Any) -> Opened:
        opened.append(Opened(browser, path, hash_, context))
        return opened[-1]

    yield opener
    for one in opened:
        one.close()
    for one in opened:
        assert one.complaints == []
        assert one.left == []


@pytest.fixture(scope="session")
def report(toy: Toy) -> Path:
    return toy.home.report


@pytest.fixture(scope="session")
def crossed_page(crossed: Toy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The explorer alone, of the study with two fields."""
    path = tmp_path_factory.mktemp("page") / "explorer.html"
    path.write_text(explorer_page(crossed), encoding="utf-8")
    return path
