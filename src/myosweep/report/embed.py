"""What pages have in common: their templates, their style, and figures inside of them."""

import base64
import json
import re
from collections.abc import Iterable, Sequence
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from myosweep.files import whole_file
from myosweep.report.figures.style import FACE, GRID, INK, MUTED, Drawing
from myosweep.report.policy import POLICY_PLACE, sealed
from myosweep.report.scripts import page_script
from myosweep.results.layout import StudyFolder

_THEME = {INK: "var(--ink)", MUTED: "var(--muted)", GRID: "var(--rule)", FACE: "var(--paper)"}
_REFERENCE = re.compile(r"(url\(#|href=\"#)([^)\"]+)")
_ID = re.compile(r" id=\"([^\"]+)\"")


def page_environment() -> Environment:
    """Reads the templates of this package; whatever they print is escaped."""
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=PackageLoader("myosweep.report", ""),
    )
    environment.filters["embedded"] = embedded
    environment.filters["as_data"] = as_data
    environment.globals.update(style=page_style(), script=page_script(), policy=POLICY_PLACE)
    environment.globals.update(tips_of=tips_of)
    return environment


def rendered(template: str, page: object, environment: Environment | None = None) -> str:
    """A page as HTML that needs nothing else, and may do nothing else.

    Args:
        template: its name in this package.
        environment: with further filters; default ``page_environment()``.
    """
    environment = environment or page_environment()
    return sealed(environment.get_template(template).render(page=page))


def page_style() -> Markup:
    """The style sheet, to be put into a page."""
    return Markup(
        "\n".join(map(_package_file, ("page.css", "interactive.css", "explorer/explorer.css")))
    )


def _package_file(name: str) -> str:
    return files("myosweep.report").joinpath(name).read_text("utf-8")


def embedded(drawing: Drawing) -> Markup:
    """A figure as HTML, whichever of SVG and PNG is smaller; nothing in it points elsewhere.

    A figure whose marks say something is SVG in any case.
    """
    svg = inline_svg(drawing)
    image = base64.b64encode(drawing.png).decode()
    if drawing.tips or len(svg) <= len(image):
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
    used = {*drawing.tips, *(match[2] for match in _REFERENCE.finditer(body))}
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


def tips_of(drawings: Iterable[Drawing]) -> dict[str, str]:
    """What the marks of a page's figures say, by their ids in the page."""
    return {
        f"{drawing.name}-{mark}": text
        for drawing in drawings
        for mark, text in drawing.tips.items()
    }


def as_data(content: object) -> Markup:
    """Content as JSON that can stand in a script element, whatever texts it holds."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))


def write_figures(folder: StudyFolder, drawings: Sequence[Drawing]) -> None:
    """Write the figures of a page beside it, as SVG and PNG."""
    for drawing in drawings:
        with whole_file(folder.figures / f"{drawing.name}.svg") as draft:
            draft.write_text(drawing.svg, encoding="utf-8")
        with whole_file(folder.figures / f"{drawing.name}.png") as draft:
            draft.write_bytes(drawing.png)
