"""One study for all tests of pages."""

from pathlib import Path

import pytest
from tests.report.explorer.browsing import explorer_page
from tests.toy import Toy, toy_study

from myosweep.report.page import write_report

SHIFTS = {(5e-3,): (2, 3), (5e-4,): (1, 1), (5e-5,): (0, 1)}
CROSSED = {(1e-3, 1e-4): (1,), (1e-3, 1e-3): (2,), (0.0, 1e-4): (0,)}


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


@pytest.fixture(scope="session")
def report(toy: Toy) -> Path:
    return toy.home.report


@pytest.fixture(scope="session")
def crossed_page(crossed: Toy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The explorer alone, of the study with two fields."""
    path = tmp_path_factory.mktemp("page") / "explorer.html"
    path.write_text(explorer_page(crossed), encoding="utf-8")
    return path
