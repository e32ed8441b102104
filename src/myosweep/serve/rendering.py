"""Templates of the server: those of the report, and its own; pages have addresses for all else."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader
from markupsafe import Markup

from myosweep.report.embed import page_environment

_LOOK = re.compile(r"(<[a-zA-Z][^<>]*?) style=\"")


@cache
def _environment() -> Environment:
    environment = page_environment()
    own = environment.loader
    assert own is not None
    environment.loader = ChoiceLoader([own, PackageLoader("myosweep.serve", "pages")])
    return environment


def fragment(template: str, **content: Any) -> str:
    """A part of a page, as HTML that a script puts into it.

    Style attributes, of which matplotlib's figures have thousands, are named ``data-look``: the
    server's policy forbids the former, and the script that puts the part in its place sets them.
    """
    return _LOOK.sub(r'\1 data-look="', _environment().get_template(template).render(**content))


def page(template: str, content: Mapping[str, Any]) -> Markup:
    """A whole page; its scripts and sheets have addresses of this server."""
    return Markup(fragment(template, **content))
