"""How long viewers of `myosweep serve` wait for a slice, when many look at the same time.

    python benchmarks/serve.py [--viewers 50] [--views 20] [--slices 200] [--networks 12]

Each viewer asks for slices at random, for image and masks as the page does, and pauses for up to a
second in between. The server is a process of its own; the viewers are another one on the same
machine, so they take part of its time. Ends with 1 if 95 % take longer than the target.
"""

import argparse
import asyncio
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from common import machine_facts, positive, print_machine
from synthetic_study import make_dataset, make_study

TARGET_MS = 300
SERVE = "import sys; from myosweep.cli import main; sys.exit(main())"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--viewers", type=positive, default=50)
    parser.add_argument("--views", type=positive, default=20, help="slices that each one asks for")
    parser.add_argument("--slices", type=positive, default=200, help="of the whole dataset")
    parser.add_argument("--networks", type=positive, default=4, help="of each of three values")
    given = parser.parse_args()
    print_machine(machine_facts(("fastapi", "uvicorn", "myosweep")), 1)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        dataset = make_dataset(Path(name) / "data", given.slices)
        study = make_study(Path(name) / "study", dataset, values=3, networks=given.networks)
        command = [sys.executable, "-c", SERVE, "serve", str(study.path), "--port", "0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                address = re.search(r"http://\S+", server.stdout.readline())
                if address is None:
                    raise SystemExit("the server did not start")
                first_ms, waits_ms = asyncio.run(
                    watch(address[0].rstrip("/"), given.viewers, given.views)
                )
            finally:
                server.terminate()
    print(f"first slice of all: {first_ms:.0f} ms")
    at = statistics.quantiles(waits_ms, n=20) if len(waits_ms) > 1 else [*waits_ms] * 19
    print(
        f"{given.viewers} viewers, {len(waits_ms)} slice views: median {at[9]:.0f} ms, "
        f"95 % within {at[18]:.0f} ms, longest {max(waits_ms):.0f} ms"
    )
    over = at[18] >= TARGET_MS
    print(f"{'OVER' if over else 'under'} the target of {TARGET_MS} ms for 95 %")
    sys.exit(int(over))


async def watch(address: str, viewers: int, views: int) -> tuple[float, list[float]]:
    """Milliseconds of the very first view, and of all views of all viewers."""
    limits = httpx.Limits(max_connections=2 * viewers)
    async with httpx.AsyncClient(base_url=address, limits=limits, timeout=60) as client:
        (study,) = (await client.get("/api/studies")).json()["studies"]
        found = (await client.get(f"/api/studies/{study['name']}/explorer")).json()
        place = f"/api/studies/{study['name']}/slices"
        count, stamp = len(found["index"]["slices"]), found["stamp"]

        async def view(number: int) -> float:
            started_at = time.perf_counter()
            asked = (f"{place}/{number}/{kind}.png?stamp={stamp}" for kind in ("image", "masks"))
            for answer in await asyncio.gather(*map(client.get, asked)):
                answer.raise_for_status()
            return 1000 * (time.perf_counter() - started_at)

        async def viewer(seed: int) -> list[float]:
            chance = random.Random(seed)
            waits = []
            for _ in range(views):
                await asyncio.sleep(chance.random())
                waits.append(await view(chance.randrange(count)))
            return waits

        first = await view(0)
        every = await asyncio.gather(*map(viewer, range(viewers)))
    return first, [wait for waits in every for wait in waits]


if __name__ == "__main__":
    main()
