"""The model card in the report."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.analysis.reliability.tables import write_calibrated
from tests.predict.conftest import give_weights
from tests.report.pages import section_of, well_formed, without_pixels
from tests.toy import Toy
from tests.toy_card import HOSPITALS, LICENCE, PATIENTS, card_study
from tests.toy_tune import finished_search

from myosweep.predict.choose import networks_by_value
from myosweep.predict.networks import read_runs
from myosweep.report.card import trial_card_section
from myosweep.results.read import read_results


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    """Calibrated; its report was written in a process that has no torch at the end."""
    toy = card_study(tmp_path_factory.mktemp("card"))
    runs = [run for run in toy.home.runs() if run.read_settings().kind == "trained"]
    for seed, run in enumerate(runs):
        give_weights(run, seed)
    for networks in networks_by_value(toy.home).values():
        facts = read_runs(networks).facts
        write_calibrated(toy.home, tuple(run.id for run in networks), facts.digest)
    code = (
        "import sys\nfrom myosweep.report.page import write_report\n"
        f"write_report({str(toy.folder)!r})\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    return toy


@pytest.mark.long
def test_the_report_shows_the_card(toy: Toy) -> None:
    text = toy.home.report.read_text("utf-8")
    well_formed(text)
    part = without_pixels(section_of(text, "card"))
    for words in (
        "Research only; not a medical device",
        f"<dd>{LICENCE}</dd>",
        "Such slices, by any of the networks, occur in",
        "Compared on the same patients",
        "CLAIM checklist: of 44 items",
        "Metrics Reloaded checklist: of ",
        "for the authors to write",
        "The calibration error of the answer’s probabilities",
        "runs/run-0p0005-0/counts.parquet",
    ):
        assert words in part
    assert part.count("<details>") == 3  # files, and both checklists
    for secret in (*PATIENTS, *HOSPITALS, str(toy.folder)):
        assert secret not in part


def test_a_search_has_the_card_of_the_settings_to_take(tmp_path: Path) -> None:
    results = read_results(finished_search(tmp_path).folder)
    section = trial_card_section(results, 3)
    assert section is not None
    assert section.title.startswith("Model card: 5 networks, trial 3 (L2 strength")
    assert trial_card_section(results, None) is None
