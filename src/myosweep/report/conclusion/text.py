"""A conclusion for the terminal, in the words and tables of the report; and the same as JSON."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from string import ascii_uppercase
from typing import Any

from myosweep.analysis.cautions import question_words
from myosweep.analysis.conclude import Conclusion
from myosweep.analysis.early_rule_words import early_sentences
from myosweep.analysis.number_words import capital, number
from myosweep.analysis.points import swept_in_words
from myosweep.analysis.scores import ALL
from myosweep.report.conclusion.section import ConclusionSection, conclusion_section
from myosweep.report.conclusion.tables import Lettered
from myosweep.report.early_rule import applications_table
from myosweep.report.figures.style import METRIC_WORDS
from myosweep.report.tables import Table
from myosweep.report.topics import Topic, fit_topic, topics
from myosweep.results.read import Results
from myosweep.statistics.answer import Answer, ValueMean


@dataclass(frozen=True)
class Block:
    """A heading with a table, sentences, or both."""

    title: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    sentences: tuple[str, ...] = ()


def conclusion_blocks(found: Conclusion, results: Results) -> tuple[Block, ...]:
    """Everything that ``myosweep conclude`` prints, in its order."""
    section = conclusion_section(found, results)
    return tuple(
        block for block in _blocks(section, found, results) if block.rows or block.sentences
    )


def conclusion_json(found: Conclusion, results: Results) -> dict[str, Any]:
    """The conclusion as JSON can hold it: None for what is undefined or without end."""
    content: dict[str, Any] = plain(asdict(found))
    made = (*topics(found, results, iter(ascii_uppercase)), fit_topic(found, results, iter("A")))
    asked = [
        {"question": one.question, "answer": one.lead, "sentences": list(one.sentences)}
        for one in made
        if one is not None
    ]
    head = {"study": results.study.name, "fields": list(results.fields)}
    return {**head, **content, "topics": asked}


def _blocks(section: ConclusionSection, found: Conclusion, results: Results) -> Iterator[Block]:
    yield Block(section.standing.term, sentences=(section.standing.text,))
    for part in section.questions:
        yield Block(part.question, sentences=(part.lead, *part.sentences))
    yield _table_block("Values", section.values, section.sets)
    yield _table_block("Comparisons", section.comparisons)
    yield _table_block("Interactions", section.interactions, (section.interaction,))
    for topic in section.topics:
        yield from _topic_blocks(topic)
    yield from _means(found, results)
    yield _table_block("Other regions and scores", section.others)
    yield _table_block("The paper's claims", section.claims)
    yield _parts(found)
    if section.fit is not None:
        yield from _topic_blocks(section.fit)
    yield _table_block("Failures", section.collapsed, section.failures)
    yield _early_rule(found, results)
    yield Block("Warnings", sentences=tuple(f"{one.topic}. {one.text}" for one in found.warnings))
    yield _table_block("Slices that move most", section.movers)
    yield _table_block("Where scores vary", section.shares)
    for one in section.subgroups:
        yield _table_block(one.title, one)
    yield _table_block("The same comparisons by other methods", section.second_looks)
    yield Block("Methods, to paste", sentences=(section.methods,))


def _table_block(title: str, one: Lettered | None, sentences: tuple[str, ...] = ()) -> Block:
    if one is None:
        return Block(title)
    columns, rows = _flat(one.table)
    return Block(title, columns, rows, (*filter(None, sentences), one.caption))


def _topic_blocks(topic: Topic) -> Iterator[Block]:
    yield Block(topic.question, sentences=(topic.lead, *topic.sentences))
    yield _table_block("", topic.table)


def _flat(table: Table) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
    """A table as plain rows; titles of sections stand in a column, if there are any."""
    titled = any(section.title for section in table.sections)
    columns = tuple(heading.text for heading in table.head[-1])
    rows = tuple(
        (*((section.title,) if titled else ()), row.head, *row.cells)
        for section in table.sections
        for row in section.rows
    )
    return (("", *columns) if titled else columns), rows


def _means(found: Conclusion, results: Results) -> Iterator[Block]:
    """Means with their intervals, region by region, for every metric."""
    answers: dict[tuple[str, str], Answer] = {
        (found.asked.region, found.asked.metric): found.shown,
        **{(one.region, one.metric): one.shown for one in found.others},
    }
    for region in (*results.scheme.names, ALL):
        here = {metric: shown for (name, metric), shown in answers.items() if name == region}
        ordered = sorted(here, key=list(METRIC_WORDS).index)
        rows = tuple(
            (one.value, *(_cell(here[metric].mean(one.value)) for metric in ordered))
            for one in found.shown.values
        )
        title = "All regions" if region == ALL else f"{region[:1].upper()}{region[1:]}"
        yield Block(
            f"{title}: mean over patients and 95 % interval of each mean",
            (
                capital(swept_in_words(results.study, results.fields)),
                *(METRIC_WORDS[metric] for metric in ordered),
            ),
            rows,
        )


def _cell(one: ValueMean) -> str:
    if not math.isfinite(one.low):
        return number(one.mean)
    return f"{number(one.mean)} ({number(one.low)} to {number(one.high)})"


def _parts(found: Conclusion) -> Block:
    """Training, validation and test score of every value: overfitting, or underfitting?"""
    rows = tuple(
        (
            one.point.label,
            *(number(part.mean) for part in (one.training, one.validation, one.test)),
            number(one.gap.mean, sign=True),
        )
        for one in found.gap
        if math.isfinite(one.training.mean)
    )
    note = (
        "All parts are scored alike, from pooled pixels and without augmentation. Training far "
        "above validation means overfitting; low on both means underfitting."
    )
    columns = ("value", "training", "validation", "test", "training − validation")
    return Block("The study's score on all parts", columns, rows, (note,) if rows else ())


def _early_rule(found: Conclusion, results: Results) -> Block:
    """What the early rule did, and would have done wrongly."""
    if found.early_rule is None:
        return Block("The early rule")
    sentences = early_sentences(found.early_rule, question_words(results))
    table = applications_table(found.early_rule)
    columns, rows = _flat(table) if table else ((), ())
    return Block("The early rule", columns, rows, sentences)


def plain(content: Any) -> Any:
    """Content as JSON can hold it: None for what is undefined or without end."""
    if isinstance(content, dict):
        return {str(key): plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [plain(value) for value in content]
    if isinstance(content, float):
        return float(content) if math.isfinite(content) else None
    return content
