"""Silence: within it nothing is heard, after it everything is, whatever the threads do."""

import random
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from myosweep.data.quiet import quiet


def warn() -> None:
    warnings.warn("patient Svensson has a strange header", stacklevel=2)


def assert_heard() -> None:
    with pytest.raises(UserWarning, match="strange header"):
        warn()


def test_warnings_are_heard_again_afterwards() -> None:
    before = warnings.filters
    content = list(before)
    assert_heard()
    with quiet():
        warn()
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert warnings.filters is before
    assert warnings.filters == content
    assert_heard()


def test_a_warning_that_was_silent_is_not_forgotten() -> None:
    """Python remembers where it warned; silence must not count."""
    for silent in (True, False, True):
        if silent:
            with quiet():
                warn()
        else:
            assert_heard()


def test_silence_within_silence() -> None:
    with quiet():
        with quiet():
            warn()
        warn()
    assert_heard()


def fail() -> None:
    with quiet():
        warn()
        raise KeyError("x")


def test_exceptions_pass_and_end_the_silence() -> None:
    for _ in range(3):
        with pytest.raises(KeyError, match="x"):
            fail()
        assert_heard()
    with quiet():
        with pytest.raises(KeyError, match="x"):
            fail()
        warn()
    assert_heard()


def test_the_first_to_leave_does_not_end_the_silence_of_others() -> None:
    inside, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with quiet():
            inside.set()
            assert leave.wait(5)
            warn()

    with ThreadPoolExecutor(1) as pool:
        with quiet():
            staying = pool.submit(stay)
            assert inside.wait(5)
        warn()  # still silent: somebody is inside
        leave.set()
        staying.result()
    assert_heard()


def test_many_threads() -> None:
    before, content = warnings.filters, list(warnings.filters)

    def work(seed: int) -> None:
        rng = random.Random(seed)
        for _ in range(40):
            try:
                with quiet():
                    time.sleep(rng.random() * 2e-4)
                    warn()
                    if rng.random() < 0.3:
                        raise ValueError("damaged")
            except ValueError:
                pass

    with ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(work, seed) for seed in range(6)]:
            done.result()
    assert warnings.filters is before
    assert warnings.filters == content
    assert_heard()
