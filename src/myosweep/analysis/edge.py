"""Whether the best value lies at the edge of the tested range, and what to try beyond it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from myosweep.analysis.compare import QuestionScores, question_scores
from myosweep.config import Value, settings_from_paths, settings_paths
from myosweep.errors import ConfigError
from myosweep.results.read import Results

_FEWEST_STEPS = 2


@dataclass(frozen=True)
class Edge:
    """The highest mean belongs to the smallest or largest value tested of a field.

    Attributes:
        path: the field.
        value: the value at the edge.
        following: the next step of the same ratio beyond it; None where there is none.
    """

    path: str
    side: Literal["smallest", "largest"]
    value: float | int
    following: float | int | None


def edges(results: Results, question: QuestionScores | None = None) -> tuple[Edge, ...]:
    """The edges at which the highest mean of the study's question lies.

    None if all means are equal, or the field cannot go further; an L2 strength of 0 is no edge.
    """
    question = question or question_scores(results)
    if question.highest is None or question.lowest is None:
        return ()
    if question.highest[1].mean == question.lowest[1].mean:
        return ()
    highest = dict(question.highest[0].values)
    tried = [dict(point.values) for point, _ in question.by_point]
    found = []
    for path, swept in results.study.sweep.items():
        if path not in results.fields:  # values that go together have no next step
            continue
        values = [*(point[path] for point in tried), *swept]
        tested = sorted({value for v in values if (value := _number(v)) is not None})
        value = _number(highest[path])
        if value is None or len(tested) < _FEWEST_STEPS or value not in (tested[0], tested[-1]):
            continue
        side: Literal["smallest", "largest"] = "smallest" if value == tested[0] else "largest"
        if _goes_on(path, value, side):
            found.append(Edge(path, side, value, _following(path, tested, side)))
    return tuple(found)


def edge_values(results: Results) -> dict[str, tuple[Value, ...]]:
    """The values to add beyond the edges, by path; empty if the best value lies inside."""
    return {edge.path: (edge.following,) for edge in edges(results) if edge.following is not None}


def _goes_on(path: str, value: float | int, side: str) -> bool:
    """Whether the setting can take values beyond this one; a flip probability ends at 1."""
    step = 1 if isinstance(value, int) else max(abs(value), 1e-9) / 1000
    return _allowed(path, value - step if side == "smallest" else value + step)


def _following(path: str, tested: Sequence[float | int], side: str) -> float | int | None:
    """One step beyond the range, by the ratio of its last two values, where that is allowed."""
    inner, outer = tested[:2][::-1] if side == "smallest" else tested[-2:]
    if inner == 0:
        return None
    beyond = outer**2 / inner
    following = round(beyond) if isinstance(outer, int) else float(f"{beyond:.2g}")
    return following if following != outer and _allowed(path, following) else None


def _allowed(path: str, value: float | int) -> bool:
    try:
        settings_from_paths({path: value})
    except ConfigError:
        return path not in settings_paths()
    return True


def _number(value: object) -> float | int | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
