"""The model card in the report."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.report.pages import Checked, section_of, without_pixels
from tests.toy import Toy
from tests.toy_card import LICENCE, card_study
from tests.toy_tune import finished_search, toy_search

from myosweep.analysis.tuned import conclude_tuning
from myosweep.report.page import build_page, render, write_report
from myosweep.report.tuned_page import build_tuned_page
from myosweep.results.read import read_results


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    return card_study(tmp_path_factory.mktemp("card"))


def test_the_report_shows_the_card(toy: Toy) -> None:
    text = render(build_page(read_results(toy.folder)))
    checked = Checked(text)
    assert not checked.wrong
    assert len(checked.ids) == len(set(checked.ids))
    assert {target[1:] for target in checked.targets} <= set(checked.ids)
    part = without_pixels(section_of(text, "card"))
    for words in (
        "Research only; not a medical device",
        f"<dd>{LICENCE}</dd>",
        "Such slices occur in",
        "Compared on the same patients",
        "CLAIM checklist: of 44 items",
        "Metrics Reloaded checklist: of ",
        "for the authors to write",
        "runs/run-0p0005-0/counts.parquet",
    ):
        assert words in part
    assert part.count("<details>") == 3  # files, and both checklists


def test_the_report_with_its_card_loads_no_torch(toy: Toy) -> None:
    code = (
        "import sys\nfrom myosweep.report.page import write_report\n"
        f"write_report({str(toy.folder)!r})\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert '<section id="card">' in toy.home.report.read_text("utf-8")


def test_the_page_of_a_search_has_the_card_of_its_winner(tmp_path: Path) -> None:
    search = finished_search(tmp_path / "over")
    text = write_report(search.folder).read_text("utf-8")
    part = section_of(text, "card")
    assert "trial 3 (L2 strength" in part
    assert not Checked(text).wrong
    young = toy_search(tmp_path / "young")
    young.add(0, 1)
    young.is_at(over=False)
    page = build_tuned_page(read_results(young.folder), conclude_tuning(young.home))
    assert page.card is None
