"""One process at a time: live claims hold, dead ones are taken over by one winner."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from myosweep.errors import ClaimLost
from myosweep.results.layout import RunFolder
from myosweep.training.claim import (
    SILENCE_S,
    Claim,
    Errand,
    host_code,
    is_live,
    last_progress,
    take_claim,
)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "run")


def write_claim(run: RunFolder, **content: object) -> None:
    run.path.mkdir(parents=True, exist_ok=True)
    run.claim(1).write_text(json.dumps(content), encoding="utf-8")


def dead_process() -> dict[str, object]:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return {"process": process.pid, "process_started_at": 0.0}


def test_a_live_claim_holds(run: RunFolder) -> None:
    assert take_claim(run) is not None
    assert take_claim(run) is None


def test_the_newest_claim_is_the_one_with_the_highest_number(run: RunFolder) -> None:
    """Turns of a long race go beyond 9,999; as text, 10000 comes before 9999."""
    run.path.mkdir(parents=True, exist_ok=True)
    for number in (9_998, 9_999):
        run.claim(number).write_text(json.dumps({"released": True}))
    claim = take_claim(run)
    assert claim is not None
    assert (claim.number, claim.is_newest) == (10_000, True)
    assert [path.name for path in run.claims][-1] == "claim-10000.json"


def test_a_released_claim_is_free(run: RunFolder) -> None:
    first = take_claim(run)
    assert first is not None
    first.release()
    second = take_claim(run)
    assert second is not None
    assert second.number == 2


def test_a_dead_process_of_this_host_holds_nothing(run: RunFolder) -> None:
    write_claim(run, host=host_code(), renewed_at=time.time(), **dead_process())
    assert take_claim(run) is not None


def test_a_later_process_with_the_same_number_is_another(run: RunFolder) -> None:
    long_ago = psutil.Process().create_time() - 1000
    write_claim(
        run,
        host=host_code(),
        process=os.getpid(),
        process_started_at=long_ago,
        renewed_at=time.time(),
    )
    assert take_claim(run) is not None


@pytest.mark.parametrize(("silent_s", "live"), [(1.0, True), (SILENCE_S + 1, False)])
def test_another_host_holds_until_it_is_silent(run: RunFolder, silent_s: float, live: bool) -> None:
    write_claim(run, host="elsewhere", process=1, renewed_at=time.time() - silent_s)
    assert is_live(run.claim(1)) is live
    assert (take_claim(run) is None) is live


def test_a_later_attempt_at_an_errand_takes_over_at_once(run: RunFolder) -> None:
    write_claim(run, host="elsewhere", process=1, renewed_at=time.time(), errand="one", attempt=2)
    assert take_claim(run) is None
    for other in (Errand("two", 9), Errand("one", 1), Errand("one", 2)):
        assert take_claim(run, other) is None, "neither another errand nor an earlier attempt"
    third = take_claim(run, Errand("one", 3))
    assert third is not None
    assert third.number == 2
    third.renew(epochs_done=1.0)
    content = json.loads(run.claim(2).read_text("utf-8"))
    assert (content["errand"], content["attempt"]) == ("one", 3)
    assert take_claim(run) is None
    with pytest.raises(ClaimLost):
        Claim(run, 1, Errand("one", 2)).check()


def test_a_claim_that_is_just_being_written_is_live(run: RunFolder) -> None:
    run.path.mkdir()
    run.claim(1).write_text("", encoding="utf-8")
    assert take_claim(run) is None


def test_who_was_taken_over_stops(run: RunFolder) -> None:
    first = take_claim(run)
    assert first is not None
    first.renew(epochs_done=1.5)
    progress = last_progress(run)
    assert progress["epochs_done"] == 1.5
    run.claim(2).write_text("{}", encoding="utf-8")
    with pytest.raises(ClaimLost, match="taken over"):
        first.check()
    first.release()
    assert json.loads(run.claim(2).read_text("utf-8")) == {}, "a lost claim releases nothing"


def test_of_many_at_once_one_wins(run: RunFolder) -> None:
    write_claim(run, released=True)
    barrier, winners = threading.Barrier(16), []

    def compete() -> None:
        barrier.wait()
        if (claim := take_claim(run)) is not None:
            winners.append(claim.number)

    threads = [threading.Thread(target=compete) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert winners == [2]
