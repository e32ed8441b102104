"""The process that works on a stranger's files: ``python -m myosweep.serve.worker WORKSPACE``.

It loads what prediction needs, waits for the path of a job's folder on its standard input, does
that one job and ends. Whoever started it keeps the input open: its end means that the server is
gone, and then this process goes as well, and takes the workspace with it.
"""

import faulthandler
import os
import queue
import shutil
import signal
import sys
import threading
from pathlib import Path

_PIECE = 4096


def main() -> None:
    """Wait for one job and do it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends us
    jobs: queue.SimpleQueue[Path] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(jobs, Path(sys.argv[1])), daemon=True).start()
    from myosweep.serve.job import JOB, Job
    from myosweep.serve.predicting import load, work

    load()
    folder = jobs.get()
    job = Job.model_validate_json((folder / JOB).read_bytes())
    with open(os.devnull, "wb") as nowhere:
        faulthandler.dump_traceback_later(job.seconds, exit=True, file=nowhere)
        work(job, folder)
    os._exit(0)  # at once, whatever libraries would do at the end


def _listen(jobs: queue.SimpleQueue[Path], workspace: Path) -> None:
    """Give the first line; end the process when there can be no further one."""
    text = b""
    while piece := os.read(0, _PIECE):
        text += piece
        if text.endswith(b"\n"):
            jobs.put(Path(os.fsdecode(text.rstrip())))
            text = b""
    shutil.rmtree(workspace, ignore_errors=True)
    os._exit(3)


if __name__ == "__main__":
    main()
