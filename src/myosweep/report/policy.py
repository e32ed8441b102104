"""What a page may do: its own scripts and styles, known by their hashes, and nothing else."""

import base64
import hashlib
import html
import re
from collections.abc import Callable

POLICY_PLACE = "{policy}"
"""Stands in a page's head where its policy will be."""

_SCRIPT = re.compile(r"<script type=\"module\">(.*?)</script>", re.DOTALL)
_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)
_INLINE = re.compile(r"(<[a-zA-Z][^<>]*?) style=\"([^\"]*)\"")


def sealed(page: str) -> str:
    """The page with its policy, and with its styles where the policy can name them.

    Style attributes, of which figures have thousands, move into a sheet of their own: a policy
    that allows them would allow any. Then scripts and sheets are named by hash, pictures may be
    part of the page, and everything else is forbidden: no request can leave, whatever the page
    holds.

    Args:
        page: HTML with ``POLICY_PLACE`` in its head and ``</head>`` once.
    """
    sheet: dict[str, int] = {}

    def numbered(match: re.Match[str]) -> str:
        return f'{match[1]} data-look="{sheet.setdefault(match[2], len(sheet))}"'

    page = _outside_scripts(page, numbered)
    rules = "\n".join(f'[data-look="{k}"]{{{html.unescape(look)}}}' for look, k in sheet.items())
    if rules:
        page = page.replace("</head>", f"<style>\n{rules}\n</style>\n</head>", 1)
    return page.replace(POLICY_PLACE, _policy(page), 1)


def _outside_scripts(page: str, replace: Callable[[re.Match[str]], str]) -> str:
    parts = re.split(r"(<script.*?</script>)", page, flags=re.DOTALL)
    return "".join(
        part if part.startswith("<script") else _INLINE.sub(replace, part) for part in parts
    )


def _policy(page: str) -> str:
    scripts, styles = (
        " ".join(dict.fromkeys(map(_hashed, found.findall(page)))) or "'none'"
        for found in (_SCRIPT, _STYLE)
    )
    return (
        f"default-src 'none'; script-src {scripts}; style-src {styles}; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _hashed(text: str) -> str:
    """A source by the hash of its content, as browsers compute it."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
