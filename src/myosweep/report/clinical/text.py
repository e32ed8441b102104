"""Clinical findings for the terminal, and as JSON."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from myosweep.analysis.clinical.findings import ClinicalFindings, MeasureFinding
from myosweep.analysis.verdict_text import plain
from myosweep.report.clinical.section import clinical_section
from myosweep.report.clinical.tables import OF_CONCORDANCE, OF_LIMITS
from myosweep.report.conclusion.tables import Lettered
from myosweep.report.conclusion.text import Block
from myosweep.report.measured import MeasuredSection
from myosweep.results.read import Results


def clinical_blocks(found: ClinicalFindings, results: Results) -> tuple[Block, ...]:
    """Everything that ``myosweep clinical`` prints, the conclusion first."""
    section = clinical_section(found, results, draw=False)
    return tuple(_blocks(section))


def clinical_json(found: ClinicalFindings, results: Results) -> dict[str, Any]:
    """The same for other programs; None for what is not known."""
    section = clinical_section(found, results, draw=False)
    record = {
        "study": results.study.name,
        "fields": list(results.fields),
        "conclusion": list(section.lead),
        "measures": [_measure(one) for one in found.measures],
        "values": [asdict(one) for one in found.extras],
        "segments": [asdict(one) for one in found.segments],
        "facts": found.facts.model_dump(mode="json"),
        "networks_not_measured": found.not_measured,
        "warnings": [{"topic": topic, "text": text} for topic, text in section.warnings],
    }
    content: dict[str, Any] = plain(record)
    return content


def _blocks(section: MeasuredSection) -> Iterator[Block]:
    yield Block("Conclusion", sentences=section.lead)
    yield from map(_table, section.tables)
    if section.warnings:
        yield Block("Warnings", sentences=tuple(f"{t}. {text}" for t, text in section.warnings))


def _table(one: Lettered) -> Block:
    """A table as the terminal shows it, without columns that a narrow one has no room for."""
    heads = [cell.text for cell in one.table.head[-1]]
    kept = [k for k, head in enumerate(heads) if head not in (OF_LIMITS, OF_CONCORDANCE)]
    rows = tuple(
        tuple((row.head, *row.cells)[k] for k in kept)
        for section in one.table.sections
        for row in section.rows
    )
    columns = tuple(heads[k] for k in kept)
    return Block(one.title, columns, rows, () if one.folded else (one.caption,))


def _measure(one: MeasureFinding) -> dict[str, Any]:
    agreement = one.agreement
    return {
        **asdict(one.measure),
        "estimand": one.estimand,
        "reference_mean": agreement.reference_mean,
        "values": [asdict(value) for value in agreement.values],
        "sizes": None if agreement.sizes is None else asdict(agreement.sizes),
        "errors": None if agreement.errors is None else asdict(agreement.errors),
        "worst": [
            {"patient": name, "reference": reference, "means": list(means)}
            for name, reference, means in one.worst
        ],
    }
