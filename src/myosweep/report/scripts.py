"""A page's script: ES modules of this package, put into one for a page that has no addresses."""

import re
from collections.abc import Iterator
from importlib.resources import files

from markupsafe import Markup

_ENTRY = "script/page.js"
_IMPORT = re.compile(r"^import (\{[^}]*\})\s*from \"([^\"]+)\";\n", re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|const|class) (\w+))", re.MULTILINE)
_COMMENT = re.compile(r"^ *\/\*.*?\*\/\n", re.MULTILINE | re.DOTALL)


def page_script() -> Markup:
    """The script of a page and all that it imports, as one module.

    A module inside of a page cannot import others: it has no address to start from. So each becomes
    a function that is called once, after those that it imports, and gives what it exports. That
    needs imports by name at the start of a line, and exports where a name is declared.
    """
    return Markup("const modules = {};\n" + "\n".join(_modules(_ENTRY, set())))


def _modules(place: str, known: set[str]) -> Iterator[str]:
    """The module at a place, after all that it imports and nobody has imported before."""
    text = files("myosweep.report").joinpath(place).read_text("utf-8")
    for match in _IMPORT.finditer(text):
        there = _resolved(place, match[2])
        if there not in known:
            known.add(there)
            yield from _modules(there, known)
    names = ", ".join(match[1] for match in _EXPORT.finditer(text))
    body = _IMPORT.sub(
        lambda match: f'const {match[1]} = modules["{_resolved(place, match[2])}"];\n', text
    )
    body = _COMMENT.sub("", _EXPORT.sub("", body)).strip()
    yield f'modules["{place}"] = (() => {{\n{body}\nreturn {{ {names} }};\n}})();'


def _resolved(place: str, address: str) -> str:
    """The place of a module from its address in another.

    >>> _resolved("script/page.js", "../explorer/maps.js"), _resolved("script/a.js", "./b.js")
    ('explorer/maps.js', 'script/b.js')
    """
    folder = place.rpartition("/")[0]
    return address.removeprefix("../") if address.startswith("../") else f"{folder}/{address[2:]}"
