"""The audit as one page that holds everything: findings with pictures, then tables."""

import re
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup, escape

from myosweep.audit import SEVERITIES, Audit, Baselines, Finding, Severity, ShareTable
from myosweep.data.store import Dataset
from myosweep.files import whole_file
from myosweep.report.audit_pictures import (
    Thumb,
    draw_axis_ratios,
    draw_centroids,
    draw_no_image,
    thumbs,
)
from myosweep.report.embed import inline_svg, page_environment, rendered
from myosweep.report.figures.style import Drawing, region_colours

SEVERITY_WORDS: dict[Severity, tuple[str, str]] = {
    "serious": ("Serious", "Results mean something else, or nothing, until this is dealt with."),
    "look": ("To look at", "A person has to decide whether this is a fault."),
    "note": ("Notes", "Good to know, and to tell in the paper."),
}  # fmt: skip
MOST_LISTED = 2000
"""Slices listed for a finding; the JSON of the audit has all."""
_WHOLE_IMAGE = ("duplicates", "constant", "brightness", "contrast", "several parts", "border",
                "place", "displaced", "shifted", "another patient", "fit")  # fmt: skip
_DRAWERS = {
    "centred with the reference": draw_centroids,
    "distortion": draw_axis_ratios,
    "no-image predictor": draw_no_image,
}


@dataclass(frozen=True)
class ShownFinding:
    """A finding with its pictures.

    Attributes:
        listed: keys of its slices, as many as the page lists.
    """

    finding: Finding
    drawing: Drawing | None
    thumbs: tuple[Thumb, ...]
    listed: tuple[str, ...]


@dataclass(frozen=True)
class SeverityGroup:
    """All findings of one severity."""

    severity: Severity
    title: str
    meaning: str
    findings: tuple[ShownFinding, ...]


@dataclass(frozen=True)
class AuditPage:
    """What the page shows, drawn."""

    audit: Audit
    groups: tuple[SeverityGroup, ...]
    legend: tuple[tuple[str, str], ...]
    tables: tuple[ShareTable, ...]


def write_audit(audit: Audit, dataset: Dataset, path: Path) -> None:
    """Write the page, whole or not at all; it needs nothing else, and no network.

    Args:
        dataset: the one that was audited; its images are shown beside the findings.
    """
    page = build_audit_page(audit, dataset)
    with whole_file(path) as draft:
        draft.write_text(render_audit(page), encoding="utf-8")


def build_audit_page(audit: Audit, dataset: Dataset) -> AuditPage:
    """Draw everything that the page shows."""
    groups = tuple(
        SeverityGroup(
            severity,
            *SEVERITY_WORDS[severity],
            tuple(_shown(finding, audit, dataset) for finding in audit.of(severity)),
        )
        for severity in SEVERITIES
    )
    names = audit.structures.names
    legend = tuple(zip(names, region_colours(len(names)), strict=True))[1:]
    tables = (*audit.tables, *_baseline_table(audit.baselines, names))
    return AuditPage(audit, groups, legend, tables)


def render_audit(page: AuditPage) -> str:
    """The page as HTML."""
    environment = page_environment()
    environment.filters["inline"] = lambda drawing: Markup(inline_svg(drawing))
    environment.filters["with_code"] = with_code
    return rendered("audit.html.j2", page, environment)


def _shown(finding: Finding, audit: Audit, dataset: Dataset) -> ShownFinding:
    drawer = _DRAWERS.get(finding.check)
    whole = any(word in finding.check for word in _WHOLE_IMAGE)
    pictures = () if finding.check == "pixel size unknown" else finding.slices
    return ShownFinding(
        finding,
        None if drawer is None else drawer(audit),
        thumbs(dataset, pictures, whole=whole, scales=_scales(finding, audit)),
        finding.slices[:MOST_LISTED],
    )


def _scales(finding: Finding, audit: Audit) -> dict[str, tuple[float, float]] | None:
    """For findings about brightness one grey scale per patient; others show each image at best."""
    if finding.check != "unusual brightness":
        return None
    table = audit.table
    usual = table.groupby("patient")[["p01", "p99"]].transform("median")
    chosen = usual[table["slice"].isin(finding.slices)].assign(slice=table["slice"])
    if finding.facts.get("compared_with") != "the other slices of the same patient":
        chosen = chosen.assign(p01=table["p01"].median(), p99=table["p99"].median())
    return {str(key): (float(low), float(high)) for low, high, key in chosen.to_numpy()}


def with_code(text: str) -> Markup:
    """Text for HTML in which what stands between backticks is code.

    >>> with_code("use `a < b`")
    Markup('use <code>a &lt; b</code>')
    """
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _baseline_table(baselines: Baselines | None, names: tuple[str, ...]) -> tuple[ShareTable, ...]:
    if baselines is None:
        return ()
    rows = []
    for score in (baselines.majority, baselines.no_image_score):
        dices = [score.dice[name] for name in names]
        cells = ["–" if value is None else f"{value:.3f}" for value in dices]
        rows.append((score.name, f"{score.accuracy:.3f}", *cells))
    columns = ("predictor", "accuracy", *(f"Dice, {name}" for name in names))
    title = f"Without looking at images: {baselines.how}. Dice is the mean over patients"
    return (ShareTable(title, columns, tuple(rows)),)
