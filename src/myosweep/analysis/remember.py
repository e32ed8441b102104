"""Results are asked for the same things many times: each is computed once for one ``Results``."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from myosweep.results.read import Results

Answer = TypeVar("Answer")
Rest = ParamSpec("Rest")


def remembered(
    compute: Callable[Concatenate[Results, Rest], Answer],
) -> Callable[Concatenate[Results, Rest], Answer]:
    """The function with a memory that lives as long as the results.

    What it gives is shared by all who ask, so nobody may change it. For answers that are small
    beside the tables themselves.
    """
    memory: WeakKeyDictionary[Results, dict[object, Answer]] = WeakKeyDictionary()

    @wraps(compute)
    def remembering(results: Results, /, *rest: Rest.args, **named: Rest.kwargs) -> Answer:
        known = memory.setdefault(results, {})
        asked = rest, tuple(sorted(named.items()))
        if asked not in known:
            known[asked] = compute(results, *rest, **named)
        return known[asked]

    return remembering
