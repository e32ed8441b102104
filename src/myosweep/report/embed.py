"""What pages have in common: their templates, their style, and figures inside of them."""

import base64
import re
from collections.abc import Sequence
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from myosweep.files import whole_file
from myosweep.report.style import FACE, GRID, INK, MUTED, Drawing
from myosweep.results.layout import StudyFolder

_THEME = {INK: "var(--ink)", MUTED: "var(--muted)", GRID: "var(--rule)", FACE: "var(--paper)"}
_REFERENCE = re.compile(r"(url\(#|href=\"#)([^)\"]+)")
_ID = re.compile(r" id=\"([^\"]+)\"")


def page_environment() -> Environment:
    """Reads the templates of this package; whatever they print is escaped."""
    return Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(_package_file),
    )


def page_style() -> Markup:
    """The style sheet, to be put into a page."""
    return Markup(_package_file("page.css"))


def _package_file(name: str) -> str:
    return files("myosweep.report").joinpath(name).read_text("utf-8")


def embedded(drawing: Drawing) -> Markup:
    """A figure as HTML, whichever of SVG and PNG is smaller; nothing in it points elsewhere."""
    svg = inline_svg(drawing)
    image = base64.b64encode(drawing.png).decode()
    if len(svg) <= len(image):
        return Markup(svg)  # made by matplotlib from our own figures: texts in it are escaped
    alt = escape(drawing.alt)
    return Markup('<img alt="{}" src="data:image/png;base64,{}">').format(alt, image)


def inline_svg(drawing: Drawing) -> str:
    """The figure's SVG, made fit for a page that holds several.

    Ids are prefixed with the figure's name, and those that nothing refers to are dropped. The
    style's inks become the page's, so that the figure is readable on a dark page too.
    """
    body = drawing.svg[drawing.svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r"<style.*?</style>", "", body, flags=re.DOTALL)
    used = {match[2] for match in _REFERENCE.finditer(body)}
    body = _ID.sub(
        lambda match: f' id="{drawing.name}-{match[1]}"' if match[1] in used else "", body
    )
    body = _REFERENCE.sub(lambda match: f"{match[1]}{drawing.name}-{match[2]}", body)
    for ink, variable in _THEME.items():
        body = body.replace(ink, variable)
    body = re.sub(r"\s*\n\s*", " ", body)
    box = re.search(r"viewBox=\"[^\"]+\"", body)
    opening = f'<svg role="img" aria-label="{escape(drawing.alt)}" {box[0] if box else ""}>'
    return re.sub(r"<svg[^>]*>", lambda _: opening, body, count=1)


def write_figures(folder: StudyFolder, drawings: Sequence[Drawing]) -> None:
    """Write the figures of a page beside it, as SVG and PNG."""
    for drawing in drawings:
        with whole_file(folder.figures / f"{drawing.name}.svg") as draft:
            draft.write_text(drawing.svg, encoding="utf-8")
        with whole_file(folder.figures / f"{drawing.name}.png") as draft:
            draft.write_bytes(drawing.png)
