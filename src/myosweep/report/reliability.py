"""The section on reliability: flags and probabilities of calibrated models."""

import itertools
import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from myosweep.analysis.number_words import number
from myosweep.analysis.reliability import Limits, Reliability, judge_reliability
from myosweep.analysis.reliability.words import (
    failure_words,
    reliability_sentences,
    reliability_warnings,
    share_words,
)
from myosweep.analysis.verdict_text import plain
from myosweep.report.conclusion.tables import Lettered, interval, plain_table
from myosweep.report.conclusion.text import Block
from myosweep.report.figures.reliability import draw_reliability
from myosweep.report.figures.style import Drawing
from myosweep.report.measured import MeasuredSection
from myosweep.report.tables import NONE, Row, Table
from myosweep.results.read import Results
from myosweep.results.reliability import WHOLE, calibrated_models
from myosweep.statistics.clustered import Estimate

LETTER = "R"
MOST_FIGURES = 12
"""With more models than these no figure is drawn."""


def stored_reliability(results: Results) -> MeasuredSection | None:
    """The section on what `myosweep calibrate` has measured; None if there is nothing.

    Raises:
        StudyError: if a table is damaged.
    """
    there = set(results.networks["run"])
    found = [
        judge_reliability(tables, Limits(asked.region, asked.failure, asked.catch))
        for tables, asked in calibrated_models(results.folder)
        if set(tables.about.runs) <= there
    ]
    found.sort(key=lambda one: one.about.label)
    return reliability_section(found) if found else None


def reliability_section(found: list[Reliability], *, draw: bool = True) -> MeasuredSection:
    """The section on some models; without figures if ``draw`` is False."""
    several = len(found) > 1
    lead = [
        f"{one.about.label}: {sentence}" if several and first == 0 else sentence
        for one in found
        for first, sentence in enumerate(reliability_sentences(one))
    ]
    warnings = dict.fromkeys(
        (f"{one.about.label}: {topic}" if several and topic != "Other images" else topic, text)
        for one in found
        for topic, text in reliability_warnings(one)
    )
    drawings = tuple(_drawings(found)) if draw and len(found) <= MOST_FIGURES else ()
    return MeasuredSection(tuple(lead), tuple(_tables(found)), drawings, tuple(warnings))


def _drawings(found: list[Reliability]) -> Iterator[tuple[Drawing, str]]:
    for place, one in enumerate(found, start=1):
        shaded = "" if one.threshold.value is None else " The shaded part is flagged."
        failures = failure_words(one.limits)
        yield (
            draw_reliability(one, f"figure-{LETTER}{place}-reliability"),
            f"{one.about.label}. Left: of pixels near the heart (within "
            f"{one.about.near_px:g} px) the share that is wrong, against the chance of it that the "
            "model tells, in bins of equal size; on the dashed line both are equal. Right: every "
            f"test slice; below the dashed line are failures ({failures}).{shaded}",
        )


def _tables(found: list[Reliability]) -> Iterator[Lettered]:
    letters = (f"{LETTER}{number}" for number in itertools.count(1))
    for one in found:
        label = one.about.label
        yield Lettered(
            next(letters),
            f"{label}: the flag ‘look at this one’. Intervals are over patients (95 %). "
            "Caught: share of failed slices, so patients with many weigh more, while the promise "
            "of the threshold counts every patient alike. AUROC: "
            "the chance that a failure has less agreement than a good slice; Dice left: mean Dice "
            "of the slices that are not flagged.",
            _flag_table(one),
            title=f"The flag, {one.about.label}",
        )
        yield Lettered(
            next(letters),
            f"{label}: probabilities of test pixels near the heart. Calibration error: mean "
            "distance between probability and share, in 15 bins of equal size. Too sure: "
            "probability minus share, in percentage points; below 0, too cautious.",
            _pixel_table(one),
            title=f"Pixels, {one.about.label}",
        )


def _flag_table(one: Reliability) -> Table:
    heads = (
        "part", "slices", "patients", "failures of patients", "caught", "good ones flagged",
        "AUROC", "Dice", "Dice left",
    )  # fmt: skip
    rows = []
    for part, flags in (("validation", one.validation), ("test", one.test)):
        of = f"{flags.failures} of {flags.failure_patients}" if flags.failures else "0"
        cells = (
            str(flags.slices),
            str(flags.patients),
            of,
            _share(flags.caught),
            _share(flags.false_alarms),
            _estimate(flags.auroc, 2),
            number(flags.dice),
            number(flags.dice_unflagged),
        )
        rows.append(Row(part, cells))
    return plain_table(heads, rows)


def _pixel_table(one: Reliability) -> Table:
    rows = []
    for pair in zip(one.pixels[::2], one.pixels[1::2], strict=True):
        told = pair[:1] if one.about.temperature == 1 else pair
        cells = [_estimate(each.error, 3) for each in told]
        cells += [_points(each.overconfidence) for each in told]
        name = "the answer’s region" if pair[0].region == WHOLE else pair[0].region
        rows.append(Row(name, tuple(cells)))
    if one.about.temperature == 1:
        return plain_table(("region", "error", "too sure, points"), rows)
    return plain_table(("region", "error", "calibrated", "too sure, points", "calibrated"), rows)


def _share(one: Estimate) -> str:
    return NONE if math.isnan(one.value) else share_words(one).replace("95\u00a0% interval ", "")


def _estimate(one: Estimate, places: int) -> str:
    if math.isnan(one.value) or math.isnan(one.low):
        return number(one.value, places)
    return f"{number(one.value, places)} ({interval(one.low, one.high, places)})"


def _points(one: Estimate) -> str:
    """In percentage points, with the interval."""
    if math.isnan(one.value):
        return NONE
    scaled = [100 * x for x in (one.value, one.low, one.high)]
    value = number(scaled[0], 1, sign=True)
    if math.isnan(one.low):
        return value
    return f"{value} ({interval(scaled[1], scaled[2], 1, sign=True)})"


def reliability_blocks(found: Reliability) -> Iterator[Block]:
    """Everything that ``myosweep calibrate`` prints."""
    section = reliability_section([found], draw=False)
    yield Block("Conclusion", sentences=section.lead)
    for one in section.tables:
        rows = tuple((r.head, *r.cells) for part in one.table.sections for r in part.rows)
        columns = tuple(cell.text for cell in one.table.head[-1])
        yield Block(one.title, columns, rows, (one.caption,))
    yield Block("Warnings", sentences=tuple(f"{t}: {text}" for t, text in section.warnings))


def reliability_json(found: Reliability) -> dict[str, Any]:
    """The same for other programs; None for what is not known."""
    record = {
        "about": found.about.model_dump(mode="json"),
        "limits": asdict(found.limits),
        "threshold": asdict(found.threshold),
        "validation": asdict(found.validation),
        "test": asdict(found.test),
        "pixels": [
            {
                "region": one.region or None,
                "calibrated": one.calibrated,
                "error": asdict(one.error),
                "overconfidence": asdict(one.overconfidence),
                "said": one.said.tolist(),
                "so": one.so.tolist(),
                "pixels": one.pixels.tolist(),
            }
            for one in found.pixels
        ],
        "conclusion": list(reliability_sentences(found)),
        "warnings": [{"topic": t, "text": text} for t, text in reliability_warnings(found)],
    }
    content: dict[str, Any] = plain(record)
    return content
