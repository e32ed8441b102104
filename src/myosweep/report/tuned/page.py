"""The page of a search: the answer first, then race, cost and trials, then how it was done."""

from dataclasses import dataclass
from pathlib import Path

from myosweep.analysis.cautions import Caution, question_words
from myosweep.analysis.number_words import counted, listed, number
from myosweep.analysis.patient_scores import strict_metric
from myosweep.analysis.points import field_words
from myosweep.analysis.tuning.cautions import tuned_cautions
from myosweep.analysis.tuning.found import Tuned, conclude_tuning
from myosweep.analysis.tuning.importance import tuned_importance
from myosweep.analysis.tuning.methods import tuned_methods
from myosweep.config import StudyConfig
from myosweep.files import whole_file
from myosweep.report import words
from myosweep.report.card import CardSection, trial_card_section
from myosweep.report.conclusion.text import Block
from myosweep.report.conclusion.told import Part
from myosweep.report.embed import rendered, write_figures
from myosweep.report.figures.early import draw_early, early_figure
from myosweep.report.figures.importance import draw_importance, importance_figure
from myosweep.report.figures.race import draw_race, race_figure
from myosweep.report.figures.search import draw_search, search_figure
from myosweep.report.figures.style import Drawing
from myosweep.report.tables import Heading, Row, Section, Table, settings_table
from myosweep.report.tuned.tables import (
    changes_table,
    early_table,
    race_table,
    space_table,
    test_table,
    trainings_table,
    trials_table,
)
from myosweep.report.tuned.text import matters_blocks, to_paste
from myosweep.report.tuned.words import answer_part, cost_part, early_part, race_part, tune_of
from myosweep.results.read import Results, read_results
from myosweep.results.trials import TrialRun, TuningState, read_trial_runs, read_tuning_state

_FEW_S = 600


@dataclass(frozen=True)
class Matter:
    """A part of what is known of which settings matter: a heading, sentences, perhaps a table."""

    title: str
    table: Table | None
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class TunedPage:
    """Everything that the page of a search shows, computed and drawn.

    Attributes:
        standing: whether the answer is final, preliminary or exploratory.
        parts: the questions with their answers.
        paste: the recommended settings as lines of a study file; empty if the default is kept.
        changes, test, race, early: tables; None where there is nothing yet.
        matters: which settings matter; empty before the search is over.
        card: the model card of the settings to take; None before the end.
    """

    name: str
    title: str
    done: tuple[str, str]
    standing: words.Fact
    parts: tuple[Part, ...]
    paste: str
    question: str
    margins: str
    changes: Table | None
    test: Table | None
    race: Table | None
    early: Table | None
    trials: Table
    space: Table
    settings: Table
    trainings: Table
    cautions: tuple[Caution, ...]
    facts: tuple[words.Fact, ...]
    versions: tuple[words.Fact, ...]
    methods: str
    search_drawing: Drawing | None
    race_drawing: Drawing | None
    early_drawing: Drawing | None
    matters: tuple[Matter, ...]
    matters_drawing: Drawing | None
    card: CardSection | None

    @property
    def drawings(self) -> tuple[Drawing, ...]:
        """The figures that there are."""
        every = (
            self.race_drawing, self.search_drawing, self.early_drawing, self.matters_drawing
        )  # fmt: skip
        return tuple(drawing for drawing in every if drawing is not None)


def write_tuned_report(folder: Path | str, found: Tuned | None = None) -> Path:
    """Write the page of a search and its figures, from its runs.

    If somebody leads at the end of the race, this looks at the test patients (see
    ``conclude_tuning``).

    Args:
        found: what was concluded, if that is known already.

    Returns:
        The page, one HTML file; figures stand beside it as SVG and PNG.

    Raises:
        StudyError: if the study is no search, or no run of it is whole.
    """
    results = read_results(folder)
    page = build_tuned_page(results, found or conclude_tuning(results.folder))
    write_figures(results.folder, page.drawings)
    with whole_file(results.folder.report) as draft:
        draft.write_text(render_tuned(page), encoding="utf-8")
    return results.folder.report


def build_tuned_page(results: Results, found: Tuned) -> TunedPage:
    """Compute and draw everything that the page shows."""
    study, home = results.study, results.folder
    metric, region = strict_metric(study.question.metric), study.question.region
    state = read_tuning_state(home) or TuningState(budget=tune_of(study).budget)
    runs = read_trial_runs(home, region)
    search = search_figure(found, metric)
    race = race_figure(found.race, metric, found.margin) if found.race else None
    early = early_figure(found, tune_of(study), region, metric)
    parts = (
        answer_part(found, study),
        race_part(found, study),
        cost_part(found, state),
        early_part(found, study),
    )
    return TunedPage(
        name=study.name,
        title=f"A search for better settings: segmentation of the {region}",
        done=_what_was_done(found, results),
        standing=_standing(found, results),
        parts=tuple(part for part in parts if part is not None),
        paste=to_paste(found, study),
        question=question_words(results),
        margins=_margins(found),
        changes=changes_table(found),
        test=test_table(found),
        race=race_table(found, study),
        early=early_table(found, study),
        trials=trials_table(found),
        space=space_table(found, study),
        settings=settings_table(results),
        trainings=trainings_table(runs),
        cautions=tuned_cautions(found, results),
        facts=_facts(results, runs, state),
        versions=_versions(results, state),
        methods=tuned_methods(found, results, state),
        search_drawing=None if search is None else draw_search(search),
        race_drawing=None if race is None else draw_race(race),
        early_drawing=None if early is None else draw_early(early),
        matters=tuple(map(_matter, matters_blocks(found, study))),
        matters_drawing=_draw_matters(found, study),
        card=trial_card_section(results, found.recommended),
    )


def _matter(block: Block) -> Matter:
    if not block.rows:
        return Matter(block.title, None, block.sentences)
    head = (tuple(Heading(name) for name in block.columns),)
    rows = tuple(Row(row[0], row[1:]) for row in block.rows)
    return Matter(block.title, Table(head, (Section("", rows),)), block.sentences)


def _draw_matters(found: Tuned, study: StudyConfig) -> Drawing | None:
    if found.race is None:
        return None
    figure = importance_figure(tuned_importance(found.trials, study))
    return None if figure is None else draw_importance(figure)


def render_tuned(page: TunedPage) -> str:
    """The page as HTML that needs nothing else."""
    return rendered("tuned.html.j2", page)


def _standing(found: Tuned, results: Results) -> words.Fact:
    """What kind of answer it is."""
    question = question_words(results)
    if found.outcome == "not over":
        return words.Fact("Preliminary", f"{question}; the search or its race is not over.")
    if found.exploratory:
        return words.Fact(
            "Exploratory", f"{question}; the test patients had been looked at before this answer."
        )
    looked = "looked at once, at the end" if found.test else "not looked at"
    if found.earlier and not found.test:
        looked = "looked at before, for another answer"
    return words.Fact(
        "Primary question",
        f"{question}, as fixed in the study. Validation patients chose; test patients were "
        f"{looked}.",
    )


def _what_was_done(found: Tuned, results: Results) -> tuple[str, str]:
    """Two sentences: what was tried, and on which patients."""
    fields = listed([field_words(path) for path in results.fields])
    raced = found.race.contenders if found.race else ()
    race = f"; the best {len(raced)} raced against the default" if len(raced) > 1 else ""
    race = "; the best one raced against the default" if len(raced) == 1 else race
    first = (
        f"{counted(len(found.trials), 'trial')} of {fields} were made with one network (U-Net) each"
        f"{race}."
    )
    sizes = words.part_sizes(results)
    second = (
        f"Networks learned from {sizes.get('training', 'no slices')}; "
        f"{sizes.get('validation', 'no slices')} (validation) served to choose; "
        f"{sizes.get('test', 'no slices')} (test) were kept for the end."
    )
    return first, second


def _margins(found: Tuned) -> str:
    """The margin on validation patients and, where they were looked at, on test patients."""
    if found.test is None:
        return number(found.margin)
    return f"{number(found.margin)} on validation, {number(found.test.margin)} on test patients"


def _facts(
    results: Results, runs: tuple[TrialRun, ...], state: TuningState
) -> tuple[words.Fact, ...]:
    tune = tune_of(results.study)
    seconds = sum(one.status.seconds for one in runs if one.status)
    minutes = f"{seconds / 60:.1f}" if seconds < _FEW_S else f"{seconds / 60:.0f}"
    time = words.Fact("Time of training", f"{minutes} minutes for {counted(len(runs), 'run')}")
    share = f"at most {100 * (1 - tune.race_share):g}\u00a0% of it for the search"
    return (
        words.Fact("Question", question_words(results)),
        words.Fact("Budget", f"{state.budget}, {share}"),
        words.Fact(
            "Search",
            f"{_optuna(state)}, {tune.sampler}, seed {tune.seed}; ending early: {tune.pruner}",
        ),
        *(fact for fact in words.facts(results) if fact.term not in ("Question", time.term)),
        time,
    )


def _versions(results: Results, state: TuningState) -> tuple[words.Fact, ...]:
    found = words.versions(results)
    return (*found[:1], words.Fact("Trials proposed with", _optuna(state)), *found[1:])


def _optuna(state: TuningState) -> str:
    return f"Optuna {state.optuna}" if state.optuna else "Optuna, version not known"
