"""Numbers in words: scores, probabilities, shares, counts and lists as people write them."""

import math
import re
from collections.abc import Sequence

import numpy as np

from myosweep.statistics.answer import Answer

_NOISE = 1e-6
"""Differences below this are what is left of rounding, and are written as 0."""


def decimals_of(answer: Answer) -> int:
    """Decimals that an answer's scores are written with: two digits of the margin.

    At least 3 where all means lie between -1 and 1, as Dice does.
    """
    digits = 1 - math.floor(math.log10(answer.margin)) if 0 < answer.margin < math.inf else 3
    means = [abs(one.mean) for one in answer.values if math.isfinite(one.mean)]
    fewest = 3 if all(mean <= 1 for mean in means) else 0
    return min(max(digits, fewest), 6)


def margin_words(answer: Answer) -> str:
    """The margin: as somebody chose it, or with two digits where it was computed."""
    short = f"{answer.margin:.4g}"
    if float(short) == answer.margin and "e" not in short:
        return short
    return number(answer.margin, decimals_of(answer))


def number(x: float, decimals: int = 3, *, sign: bool = False) -> str:
    """A number as people write it; small ones keep one digit; ``–`` where it is not known.

    >>> number(0.1514), number(-0.0304, sign=True), number(0.00004), number(float("nan"))
    ('0.151', '−0.030', '0.00004', '–')
    """
    if math.isnan(x):
        return "–"
    if math.isinf(x):
        return "∞" if x > 0 else "−∞"
    size = abs(x)
    text = f"{size:.{decimals}f}"
    if not float(text):
        text = f"{0:.{decimals}f}"
        if size >= _NOISE:
            text = np.format_float_positional(size, precision=1, fractional=False, trim="-")
    if not float(text):
        return text
    return ("−" if x < 0 else "+" if sign else "") + text


def p_words(p: float) -> str:
    """A probability as people write it; empty where there is none.

    >>> p_words(0.00012), p_words(0.0031), p_words(0.0496), p_words(0.234), p_words(1.0)
    ('p < 0.001', 'p = 0.003', 'p = 0.0496', 'p = 0.23', 'p = 1')
    """
    if math.isnan(p):
        return ""
    if p < 0.001:
        return "p < 0.001"
    if p >= 0.995:
        return "p = 1"
    text = f"{p:.3f}" if p < 0.1 else f"{p:.2f}"
    return f"p = {p:.4f}" if text == "0.050" and p != 0.05 else f"p = {text}"


def percent(share: float) -> str:
    """A share in percent; never rounded up to all.

    >>> percent(0.95).replace(chr(160), " "), percent(0.99375).replace(chr(160), " ")
    ('95 %', '99.4 %')
    """
    text = f"{100 * share:.3g}"
    if text == "100" and share < 1:
        text = f"{math.floor(1e6 * share) / 1e4:g}"
    return f"{text}\u00a0%"


def counted(count: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "network"), counted(3, "patient")
    ('1 network', '3 patients')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def listed(words: Sequence[str], last: str = "and") -> str:
    """Words in a row; between semicolons where they hold commas, outside parentheses, themselves.

    >>> listed(["0"]), listed(["0", "0.1", "0.2"], "or"), listed(["0, 1", "0, 2"])
    ('0', '0, 0.1 or 0.2', '0, 1; and 0, 2')
    """
    if len(words) < 2:
        return "".join(words)
    bare = [re.sub(r"\(.*?\)", "", word) for word in words]
    between = "; " if any("," in word for word in bare) else ", "
    before = "; " if between == "; " else " "
    return f"{between.join(words[:-1])}{before}{last} {words[-1]}"


def capital(text: str) -> str:
    """The text with a capital letter in front."""
    return text[:1].upper() + text[1:]
