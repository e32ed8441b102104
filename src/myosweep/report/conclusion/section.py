"""The report's first part: what may be concluded, for somebody who has ten minutes."""

from collections.abc import Iterator
from dataclasses import dataclass
from string import ascii_uppercase

from myosweep.analysis.conclude import Conclusion
from myosweep.analysis.number_words import decimals_of, percent
from myosweep.analysis.points import points, swept_in_words
from myosweep.analysis.sentences import second_look_sentences, sets_sentences
from myosweep.report.conclusion import background
from myosweep.report.conclusion import tables as made
from myosweep.report.conclusion.tables import Lettered
from myosweep.report.conclusion.told import Part, Told, score_words
from myosweep.report.conclusion.words import failures, four_questions
from myosweep.report.figures.dose import DoseFigure, dose_figure, draw_dose
from myosweep.report.figures.forest import ForestFigure, draw_forest, forest_figure
from myosweep.report.figures.heat import HeatFigure, draw_heat, heat_figure
from myosweep.report.figures.style import Drawing
from myosweep.report.tables import Table
from myosweep.report.topics import Topic, draw_topic, fit_topic, topics
from myosweep.report.words import Fact
from myosweep.results.read import Results
from myosweep.statistics.answer import Answer


@dataclass(frozen=True)
class LetteredDrawing:
    """A figure of the conclusion with its letter and caption; ``topic`` names where it belongs."""

    letter: str
    drawing: Drawing
    caption: str
    topic: str = ""


@dataclass(frozen=True)
class ConclusionSection:
    """Everything that the report says first, and what belongs to it in the appendix.

    Attributes:
        standing: whether this answers the primary question, and at which look.
        questions: the four questions with their answers.
        sets: the two sets of values in sentences.
        interaction: whether two swept fields depend on each other; empty with one.
        failures: collapsed networks, and what cannot be ruled out.
        topics, fit: what this study can say beside its question.
        second_looks_words: what the other methods in ``second_looks`` are worth.
        methods: a paragraph for a manuscript.
    """

    standing: Fact
    questions: tuple[Part, ...]
    sets: tuple[str, ...]
    interaction: str
    failures: tuple[str, ...]
    dose: DoseFigure
    forest: ForestFigure | None
    heat: HeatFigure | None
    values: Lettered
    comparisons: Lettered | None
    interactions: Lettered | None
    collapsed: Lettered | None
    others: Lettered | None
    claims: Lettered | None
    patients: Lettered | None
    movers: Lettered | None
    second_looks: Lettered | None
    second_looks_words: str
    shares: Lettered | None
    subgroups: tuple[Lettered, ...]
    topics: tuple[Topic, ...]
    fit: Topic | None
    methods: str


def conclusion_section(conclusion: Conclusion, results: Results) -> ConclusionSection:
    """Put a conclusion into sentences, tables and records of figures."""
    found, field = points(results), swept_in_words(results.study, results.fields)
    shown = conclusion.shown
    design = results.study.replicates.design if results.study.source == "training" else None
    told = Told(conclusion, found, field, results.scheme.names, design)
    letters = iter(ascii_uppercase)
    compared = made.comparisons_table(shown, found) if shown.comparisons else None
    looks = second_look_sentences(shown)
    # where the best value may move, that topic says what two axes do to each other
    crossed = None if conclusion.moving_best else conclusion.interaction
    return ConclusionSection(
        standing=_standing(conclusion, results),
        questions=four_questions(told),
        sets=sets_sentences(shown),
        interaction=crossed.sentence if crossed else "",
        failures=failures(told),
        topics=topics(conclusion, results, letters),
        dose=dose_figure(conclusion, results),
        forest=forest_figure(conclusion, results),
        heat=heat_figure(conclusion),
        values=_values(letters, conclusion, made.values_table(conclusion, found, field), told),
        comparisons=_lettered(letters, compared, _compared_words(told), "Every comparison"),
        interactions=_lettered(
            letters, made.interaction_table(conclusion) if crossed else None, _INTERACTIONS
        ),
        collapsed=_lettered(letters, made.failures_table(conclusion, found), _FAILURES),
        others=_lettered(
            letters, made.others_table(conclusion, results.scheme.names), _others_words(conclusion)
        ),
        claims=_lettered(letters, made.claims_table(conclusion), _CLAIMS),
        patients=_folded(
            letters,
            background.patients_rows(conclusion.patients, found),
            f"Mean {told.score} of each patient over a value’s networks, most different first.",
            "Every patient",
        ),
        movers=_folded(
            letters, background.movers_table(conclusion.movers), _MOVERS, "Slices that move most"
        ),
        fit=fit_topic(conclusion, results, letters),
        second_looks=_lettered(
            letters, background.second_looks_table(shown), _second_looks_words(shown)
        ),
        second_looks_words=looks[0] if looks else "",
        shares=_lettered(letters, background.shares_table(conclusion), _SHARES),
        subgroups=tuple(
            Lettered(
                next(letters),
                _subgroup_words(one.factor, one.left_out),
                background.subgroups_table(one, decimals_of(shown)),
                True,
                f"By {one.factor}",
            )
            for one in conclusion.subgroups
        ),
        methods=conclusion.methods,
    )


def draw_conclusion(section: ConclusionSection) -> tuple[LetteredDrawing, ...]:
    """Draw the figures: A the means, B differences, C the grid of two axes; then the topics'."""
    drawn = [LetteredDrawing("A", draw_dose(section.dose), _dose_words(section.dose))]
    if section.forest is not None:
        drawn.append(
            LetteredDrawing("B", draw_forest(section.forest), _forest_words(section.forest))
        )
    if section.heat is not None:
        letter = ascii_uppercase[len(drawn)]
        drawn.append(LetteredDrawing(letter, draw_heat(section.heat), _heat_words(section.heat)))
    for topic in (*section.topics, *([section.fit] if section.fit else [])):
        if (drawing := draw_topic(topic)) is not None:
            letter = ascii_uppercase[len(drawn)]
            drawn.append(LetteredDrawing(letter, drawing, topic.caption, topic.name))
    return tuple(drawn)


_INTERACTIONS = (
    "Does the effect of one setting depend on the other? Each row is a difference of two "
    "differences; 0 means that the effect is the same."
)
_FAILURES = (
    "Failures by value. Networks that collapsed, with the exact 95 % interval of their share. "
    "Patients missed: at least one network that did not collapse found nothing of the region, and "
    "the largest share of such patients that is not ruled out. False alarms: slices without the "
    "region in the manual mask on which a network marked it, over all networks."
)
_CLAIMS = (
    "The paper’s claims, judged on these data by rules fixed beforehand. Supported: every part of "
    "the claim is shown. Contradicted: a part is shown to be wrong. Other data, networks and "
    "settings than the paper’s: a claim that fails here may still be true there."
)
_MOVERS = (
    "The test slices whose mean score depends most on the value. They are picked for that: on "
    "other slices the values differ less. A range that is not well above the standard deviation "
    "(SD) between networks of one value says little."
)
_SHARES = (
    "Where scores vary, as standard deviations in units of the score. They do not add up to a "
    "whole. “What is left” is what none of the others explains."
)


def _standing(conclusion: Conclusion, results: Results) -> Fact:
    asked = conclusion.asked
    score = score_words(asked.region, asked.metric)
    if conclusion.look is None or conclusion.exploratory:
        why = (
            "the share of errors foreseen for looks at the study’s question is spent, because "
            "values or networks were added that were not planned"
            if asked.primary
            else "this is not the question that the study was made for"
        )
        return Fact("Exploratory", f"{score}: {why}. Confirm it in a new study before you use it.")
    largest = results.study.replicates.largest
    number = conclusion.looks.index(conclusion.look) + 1
    first = f"look {number}" if len(conclusion.looks) > 1 else "the first look"
    return Fact(
        "Primary question",
        f"{score}, on the test part, as fixed in the study. This is {first} at it, with "
        f"{conclusion.look.networks} of at most {largest} networks per value. The verdicts "
        f"together may be wrong in {percent(conclusion.shown.level)} of such studies.",
    )


def _values(letters: Iterator[str], conclusion: Conclusion, table: Table, told: Told) -> Lettered:
    floor = "; ".join(f"{name} {score:.3f}" for name, score in conclusion.baselines)
    without = f" Without looking at the image: {floor}." if floor else ""
    marked = " The recommended value is shaded." if conclusion.recommendation.value else ""
    sets = (
        " May be the best: not ruled out as the best value. Shown good enough: shown to fall short "
        "of the best by less than the margin."
        if len(conclusion.shown.values) > 1
        else ""
    )
    caption = (
        f"Mean {told.score} over networks and patients, each patient counting once, with the "
        f"interval of each mean on its own (cut at 0 and 1).{sets}{marked}{without}"
    )
    return Lettered(next(letters), caption, table)


def _compared_words(told: Told) -> str:
    shown = told.conclusion.shown
    together = (
        "The intervals hold for all rows together, and p is adjusted for their number. "
        if len(shown.comparisons) > 1
        else ""
    )
    return (
        f"Differences in {told.score}, network by network and patient by patient. {together}"
        "Decided is what the whole interval says, not the estimate."
    )


def _others_words(conclusion: Conclusion) -> str:
    shown = conclusion.shown
    against = {
        "reference": f"each value against {shown.reference}",
        "best": "each value against the best of the others",
        "pairs": "all pairs, the first value against the second",
    }[shown.family]
    return (
        f"Exploratory: verdicts for all other regions and scores, {against}. Each row is a family "
        "of its own, with its own margin; among so many rows some verdicts are wrong by chance."
    )


def _subgroup_words(factor: str, left_out: int) -> str:
    what = "slices" if factor == "level" else "patients"
    left = f" {left_out} {what} without a known {factor} are left out." if left_out else ""
    return (
        f"Exploratory: the differences by {factor}. Whether groups differ is said by the last rows "
        f"only; a verdict in one group and none in another is no difference between them.{left}"
    )


def _second_looks_words(shown: Answer) -> str:
    """What each method is that the table has a column for."""
    said = [
        "The same differences by other methods. Sign-flip test: exact, over networks, for these "
        "patients only."
    ]
    if any(one.cautious is not None for one in shown.second_looks):
        said.append(
            "Nadeau-Bengio: a cautious interval for networks that learned from overlapping "
            "patients."
        )
    if any(one.bootstrap is not None for one in shown.second_looks):
        said.append("Bootstrap: networks and patients drawn anew.")
    return " ".join(said)


def _lettered(
    letters: Iterator[str], table: Table | None, caption: str, title: str = ""
) -> Lettered | None:
    """A table with the next letter; long ones that have a title are folded away."""
    if table is None:
        return None
    return Lettered(next(letters), caption, table, bool(title) and made.is_long(table), title)


def _folded(
    letters: Iterator[str], table: Table | None, caption: str, title: str
) -> Lettered | None:
    return None if table is None else Lettered(next(letters), caption, table, True, title)


def _dose_words(record: DoseFigure) -> str:
    floor = any(panel.no_image is not None for panel in record.panels)
    return (
        f"Mean scores for each {record.field}, with the 95 % interval of each mean. A filled mark: "
        "shown good enough, that is, short of the best value by less than the margin. A triangle "
        "below: may be the best. The grey band holds all scores that differ by less than the "
        f"margin from {record.middle}. Each panel has its own scale. Intervals of two values may "
        "overlap and their difference be decided all the same, because values are compared network "
        "by network and patient by patient."
        + (" The dashed line is a predictor that never sees the image." if floor else "")
    )


def _forest_words(record: ForestFigure) -> str:
    left = (
        f" The {record.left_out} smallest differences are left out for want of space."
        if record.left_out
        else ""
    )
    arrow = " An arrow head: the interval goes on beyond the figure."
    beyond = any(max(-row.low, row.high) > record.limit for row in record.rows)
    shift = (
        " The upper axis says which shift of the manual contour would change the score as much."
        if record.per_unit is not None
        else ""
    )
    return (
        f"{record.against[:1].upper()}{record.against[1:]}: differences in {record.score} with "
        "their intervals. Decided is a difference whose whole interval lies on one side of 0, or "
        f"within the grey band of differences too small to matter.{shift}"
        f"{arrow if beyond else ''}{left}"
    )


def _heat_words(record: HeatFigure) -> str:
    return (
        f"Mean {record.score} at each combination of {record.fields[0]} and {record.fields[1]}. "
        "✓: shown good enough; ▲: may be the best; dashed frame: the base, from which the effects "
        "of both settings are taken."
    )
