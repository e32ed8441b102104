"""The page of a search: self-contained, the answer first, honest about what is missing."""

import json
import re
from pathlib import Path

import pytest
from tests.report.pages import section_of, well_formed, without_pixels
from tests.toy_tune import NETWORKS, ToySearch, finished_search, toy_search

from myosweep.analysis.tuning.cautions import tuned_cautions
from myosweep.analysis.tuning.early_scores import told_so_far
from myosweep.analysis.tuning.found import Tuned, conclude_tuning, search_so_far, seen_part
from myosweep.config import Choice, Range
from myosweep.errors import StudyError
from myosweep.report.figures.early import draw_early, early_figure
from myosweep.report.figures.race import draw_race, race_figure
from myosweep.report.figures.search import draw_search, early_score, search_figure
from myosweep.report.page import write_report
from myosweep.report.tuned.page import build_tuned_page, render_tuned
from myosweep.report.tuned.text import to_paste, tuned_blocks, tuned_json
from myosweep.report.tuned.words import answer_part, domain_words, race_part
from myosweep.results.ledger import Look, log_look, read_looks
from myosweep.results.read import read_results
from myosweep.results.trials import TuningState, read_tuning_state, write_tuning_state

FIGURES = ("figure-early-scores", "figure-race", "figure-search")


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> ToySearch:
    search = finished_search(tmp_path_factory.mktemp("search"))
    write_report(search.folder)
    return search


@pytest.fixture(scope="module")
def found(search: ToySearch) -> Tuned:
    return conclude_tuning(search.home)


@pytest.fixture(scope="module")
def text(search: ToySearch) -> str:
    return search.home.report.read_text("utf-8")


def test_the_page_is_well_formed(text: str) -> None:
    page = well_formed(text)
    assert page.headings.count(1) == 1
    steps = zip(page.headings, page.headings[1:], strict=False)
    assert all(after - before <= 1 for before, after in steps)
    assert len(page.pictures) == 3
    assert all(picture is not None and len(picture) > 60 for picture in page.pictures)


def test_the_page_needs_nothing_else_and_tells_no_place(search: ToySearch, text: str) -> None:
    words = without_pixels(text)
    for outside in ("http:", "https:", "//", "<script src", "@import", str(search.folder), "../"):
        assert outside not in words
    files = sorted(path.name for path in search.home.figures.iterdir())
    assert files == sorted(f"{name}.{kind}" for name in FIGURES for kind in ("png", "svg"))


def test_the_order_of_the_page(text: str) -> None:
    wanted = (
        "<h1>", "<h2>Answer", "Take the settings of trial 3", "How did the race go?",
        "What did it cost?", "Do early scores tell", "Table A.", "Table B.", "To use these",
        "<h2>The race", "Figure 1.", "Table 1.", "<h2>The search", "Figure 2.", "Figure 3.",
        "<h2>All trials", "Table 3.", "<h2>What was searched", "Table 4.", "<h2>Warnings",
        "<h2>Model card", "Methods, to paste", "Versions",
    )  # fmt: skip
    places = [text.index(mark) for mark in wanted]
    assert places == sorted(places)


def test_the_answer_has_its_evidence(found: Tuned, search: ToySearch) -> None:
    assert (found.outcome, found.recommended) == ("take", 3)
    part = answer_part(found, search.toy.config)
    assert (
        "On the test patients, looked at once: trial 3 is better than default" in part.sentences[0]
    )
    assert "4 networks of each, 8 patients" in part.sentences[1]
    assert to_paste(found, search.toy.config) == (
        'preset = "default"\n\n[settings]\n"l2.strength" = 8e-06\ndropout = 0.15'
    )


def test_methods_name_what_a_reviewer_asks_for(search: ToySearch, found: Tuned) -> None:
    page = build_tuned_page(read_results(search.folder), found)
    for words in (
        "Optuna 5.0.0", "tree-structured Parzen", "seed 0", "budget of 20runs", "9 trials",
        search.toy.split.hash[:16], "Dice similarity coefficient of the myocardium",
        "up to 4 each", "Looks were taken at 3 and 4 networks", f"{found.margin:.4f}",
        "8 test patients once, after the race", "PyTorch 2.13.0", "From 10 % of their epochs on",
    ):  # fmt: skip
        assert words in page.methods


def test_every_trial_stands_in_the_table(text: str) -> None:
    rows = section_of(text, "trials")
    names = re.findall(r'<th scope="row">(?:<span[^>]*></span>)?(.*?)</th>', rows)
    # the best first, then those without a score
    assert names[:2] == ["trial 3", "trial 4"]
    assert names[-3:] == ["trial 5", "trial 6", "trial 7"]
    assert sorted(names[2:5]) == ["default", "trial 1", "trial 2"]
    assert "3 of 30, stopped" in rows
    assert "0 of 30, failed" in rows


def test_search_figure_adds_costs_up_and_marks_each_end(found: Tuned) -> None:
    record = search_figure(found, "dice")
    assert record is not None
    assert [round(mark.spent, 6) for mark in record.marks] == [1, 2, 3, 4, 5, 5.1, 5.2, 6.2, 7.2]
    states = [*["whole"] * 5, *["ended early"] * 2, "failed", "whole"]
    assert [mark.state for mark in record.marks] == states
    assert record.default == record.marks[0].score
    assert record.best == ((1.0, record.default), (4.0, 1.0))
    assert record.marks[5].score == pytest.approx(2 * 0.1 / 1.1)
    assert {mark.number for mark in record.marks if mark.colour} == {3, 4}
    drawing = draw_search(record)
    assert "the highest is 1.000 of trial 3, reached after 4.0 default runs" in drawing.alt
    assert early_score(0.3, "bf_strict") != early_score(0.3, "bf_strict")  # not known: NaN


def test_race_figure_has_a_row_per_look_and_contender(found: Tuned) -> None:
    assert found.race is not None
    record = race_figure(found.race, "dice", found.margin)
    assert record is not None
    assert [row.label for row in record.rows] == [
        "3 networks: trial 3", "3 networks: trial 4", "4 networks: trial 3", "4 networks: trial 4",
    ]  # fmt: skip
    look = found.race.rounds[1].shown.comparisons[0]
    assert (record.rows[2].low, record.rows[2].high) == (look.low, look.high)
    assert record.margin == found.margin
    assert draw_race(record).name == "figure-race"


def test_early_figure_tells_measured_trials_from_later_ones(
    found: Tuned, search: ToySearch
) -> None:
    tune = search.toy.config.tune
    assert tune is not None
    told, rule = told_so_far(found.trials, tune)
    record = early_figure(found, tune, "myocardium", "dice")
    assert rule is not None
    assert record is not None
    assert record.told in told
    assert record.told.percent == rule.percent
    assert [point.number for point in record.points] == [0, 1, 2, 3, 4, 8]
    assert all(point.measured for point in record.points)
    history = found.trials[3].run.history
    assert record.points[3].early == history[30 * rule.percent // 100 - 1]
    assert record.points[3].final == found.trials[3].score
    assert "Rank correlation" in draw_early(record).alt


def test_one_look_is_logged_and_may_be_repeated(search: ToySearch, found: Tuned) -> None:
    assert read_looks(search.home) == (Look(4, ("default", "trial 3"), 0.05),)
    again = conclude_tuning(search.home)
    assert not again.exploratory
    assert again.test == found.test
    assert len(read_looks(search.home)) == 1


def test_another_winner_after_a_larger_budget_is_exploratory(tmp_path: Path) -> None:
    search = finished_search(tmp_path)
    assert conclude_tuning(search.home).recommended == 3
    search.add(9, 0)
    search.race({8: (0, 0, 0, 0)})
    search.is_at(contenders=(8, 4), budget="30runs")
    found = conclude_tuning(search.home)
    assert (found.recommended, found.exploratory) == (8, True)
    assert found.earlier == Look(4, ("default", "trial 3"), 0.05)
    assert len(read_looks(search.home)) == 1
    study, state = search.toy.config, read_tuning_state(search.home)
    assert state is not None
    content = tuned_json(found, study, state)
    assert content["exploratory"] is True
    assert content["earlier_look"]["values"] == ["default", "trial 3"]
    words = " ".join(s for block in tuned_blocks(found, study, state) for s in block.sentences)
    assert "Trial 8 looks better than the default, but this is exploratory." in words
    assert "looked at before, for trial 3 with 4 networks" in words
    page = build_tuned_page(read_results(search.folder), found)
    assert page.standing.term == "Exploratory"
    assert "Exploratory" in [caution.topic for caution in page.cautions]
    assert "this comparison is exploratory" in page.methods
    assert "Trial 8 looks better" in render_tuned(page)


def test_without_a_winner_nobody_looks_at_test_patients(tmp_path: Path) -> None:
    search = toy_search(tmp_path)
    for trial, shift in enumerate((1, 2, 0)):
        search.add(trial, shift)
    search.race({0: (1, 1, 1, 1), 2: (2, 2, 2, 2)})
    search.is_at(contenders=(2,))
    found = conclude_tuning(search.home)
    assert (found.outcome, found.recommended, found.test) == ("keep", 0, None)
    assert read_looks(search.home) == ()
    text = write_report(search.folder).read_text("utf-8")
    assert "Keep the default" in text
    assert "The test patients were not looked at" in text
    assert "Table A." not in text
    assert "To use these settings" not in text
    log_look(search.home, Look(4, ("default", "trial 1"), 0.05))
    part = answer_part(conclude_tuning(search.home), search.toy.config)
    assert "not looked at for this answer" in part.sentences[0]
    assert "before, for trial 1" in part.sentences[1]


def test_where_nothing_was_learned_nothing_is_recommended(tmp_path: Path) -> None:
    search = toy_search(tmp_path)
    for trial, shift in enumerate((12, 11, 12)):
        search.add(trial, shift)
    search.race({0: (12, 12, 12, 12), 1: (11, 11, 11, 11)})
    search.is_at(contenders=(1,))
    found = conclude_tuning(search.home)
    assert found.floor is not None
    assert max(one.score or 0 for one in found.trials) < found.floor
    assert (found.nothing_learned, found.recommended) == (True, None)
    text = write_report(search.folder).read_text("utf-8")
    assert "Not known: the networks have not learned the task." in text
    assert f"never sees the image ({found.floor:.3f})" in text
    assert "Take the settings" not in text
    assert "Keep the default" not in text
    assert "To use these settings" not in text


def test_a_search_that_has_just_begun(tmp_path: Path) -> None:
    search = toy_search(tmp_path, baselines=False)
    with pytest.raises(StudyError, match="continue it with `myosweep tune`"):
        write_report(search.folder)
    search.add(0, 1)
    search.is_at(over=False)
    text = write_report(search.folder).read_text("utf-8")
    assert "<b>Preliminary.</b>" in text
    assert "No look at a race was taken yet." in text
    assert "Not measured yet" in text
    assert read_looks(search.home) == ()


def test_why_there_was_no_race(tmp_path: Path) -> None:
    search = toy_search(tmp_path)
    search.add(0, 1)
    search.add(1, 2)
    search.is_at()
    part = race_part(conclude_tuning(search.home), search.toy.config)
    assert part is not None
    assert "nothing to race" in part.lead
    search.add(2, 0)
    part = race_part(conclude_tuning(search.home), search.toy.config)
    assert part is not None
    assert "does not reach its first look" in part.lead


def test_warnings(tmp_path: Path) -> None:
    space = {"l2.strength": {"low": 8e-6, "high": 1e-2, "log": True}, "dropout": [0.15, 0.5]}
    tune = {"budget": "20runs", "startup": 5, "networks": 4, "space": space}
    search = toy_search(tmp_path, tune=tune)
    search.add(0, 4)
    search.add(3, 3)
    search.fail(7)
    search.is_at(over=False)
    found = conclude_tuning(search.home)
    cautions = {one.topic: one.text for one in tuned_cautions(found, read_results(search.folder))}
    assert "1 trial ended with an error" in cautions["Failed trials"]
    assert (
        "L2 strength of trial 3, 0.000008, lies at the lower end"
        in (cautions["Edge of the searched range"])
    )
    assert "Preliminary" in cautions
    assert "Diverged" not in cautions


def test_unseen_test_scores_stay_unseen(search: ToySearch) -> None:
    results = read_results(search.folder)
    kept = seen_part(results).counts
    tested = set(kept.loc[kept["part"] == "test", "run"].astype(str))
    runs = results.runs.set_index("run").loc[sorted(tested)]
    trained = runs[runs["kind"] == "trained"]
    assert set(zip(trained["trial"], trained["seed"], strict=True)) == {
        (trial, seed) for trial in (0, 3) for seed in (1, 2, 3, 4)
    }
    assert set(runs["kind"]) == {"trained", "baseline"}
    of_part = results.counts["part"]
    assert (kept["part"] == "validation").sum() == (of_part == "validation").sum()


def test_json_can_be_written(found: Tuned, search: ToySearch) -> None:
    content = tuned_json(found, search.toy.config, TuningState(budget="20runs"))
    again = json.loads(json.dumps(content, allow_nan=False))
    assert again["settings"] == {"l2.strength": 8e-06, "dropout": 0.15}
    assert len(again["trials"]) == len(search_so_far(search.home)) == 9


def test_a_domain_in_words() -> None:
    assert domain_words(Range(low=1e-6, high=0.01, log=True)) == "0.000001 to 0.01 (logarithmic)"
    assert domain_words(Choice(values=(True, "dice"))) == "yes, dice"


def test_a_race_that_goes_on_names_who_is_ahead_and_no_score(tmp_path: Path) -> None:
    search = toy_search(tmp_path)
    for trial, shift in enumerate((2, 1, 0)):
        search.add(trial, shift)
    search.race({0: (2, 2, 2), 1: (0, 0, 1), 2: (1, 1, 1)})
    state = TuningState(
        budget="20runs", budget_runs=20.0, search_over=True, contenders=(2, 1), largest=NETWORKS
    )
    write_tuning_state(search.home, state)
    found = conclude_tuning(search.home)
    assert found.outcome == "not over"
    said = " ".join(answer_part(found, search.toy.config).sentences)
    assert "Ahead in the race so far, on validation patients: trial 1." in said
    assert "Highest validation score" not in said
