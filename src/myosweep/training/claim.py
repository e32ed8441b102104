"""Who works on a run: one process at a time, over crashes, on shared folders.

A claim is a file ``claim-0001.json`` that its owner alone could create. Whoever finds the newest
claim dead creates the next number: creation is exclusive, so there is one winner. The owner renews
its claim while it works and stops when a newer claim appears. Who hands out runs may name the
errand; a later attempt at the same errand takes over at once. See docs/decisions.
"""

import hashlib
import json
import os
import socket
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from myosweep.errors import ClaimLost
from myosweep.files import read_json, write_json
from myosweep.results.layout import ClaimedFolder

SILENCE_S = 600.0
"""A claim that was not renewed for so long is dead."""
_RENEW_S = 1.0


@dataclass(frozen=True)
class Errand:
    """What a process was sent for, and the how-manieth attempt at it this is.

    Who sends a further attempt has given the earlier ones up for dead.
    """

    name: str
    attempt: int = 1

    def overrides(self, owner: dict[str, Any]) -> bool:
        """Whether the owner of a claim is an earlier attempt at this errand."""
        return owner.get("errand") == self.name and owner.get("attempt", 0) < self.attempt


@dataclass
class Claim:
    """A claim that this process holds."""

    folder: ClaimedFolder
    number: int
    errand: Errand | None = None
    renewed_at: float = 0.0
    progress: dict[str, Any] = field(default_factory=dict)

    def renew(self, **progress: Any) -> None:
        """Say that the owner lives, and how far it is; at most once a second.

        Raises:
            ClaimLost: if another process has taken the run over.
        """
        self.progress = progress
        now = time.time()
        if now - self.renewed_at >= _RENEW_S:
            self.check()
            write_json(self._path, {**_owner(self.errand), "renewed_at": now, **progress})
            self.renewed_at = now

    def check(self) -> None:
        """Raise ``ClaimLost`` if another process has taken the run over."""
        if not self.is_newest:
            raise ClaimLost(f"run {self.folder.id} was taken over by another process")

    @property
    def is_newest(self) -> bool:
        """Whether no other process has taken the run over."""
        return self.folder.claims[-1:] == [self._path]

    def release(self) -> None:
        """Give the run back, so that anybody may take it at once."""
        if self.is_newest:
            write_json(self._path, {**self.progress, "released": True})

    @property
    def _path(self) -> Path:
        return self.folder.claim(self.number)


def take_claim(folder: ClaimedFolder, errand: Errand | None = None) -> Claim | None:
    """Claim a run, or give None if a live process has it.

    Args:
        errand: on which the run is done; the claim of an earlier attempt does not hold.
    """
    folder.path.mkdir(parents=True, exist_ok=True)
    claims = folder.claims
    if claims and is_live(claims[-1]) and not (errand and errand.overrides(_read(claims[-1]))):
        return None
    number = int(claims[-1].stem.removeprefix("claim-")) + 1 if claims else 1
    try:
        with folder.claim(number).open("x", encoding="utf-8") as file:
            json.dump({**_owner(errand), "renewed_at": time.time()}, file)
    except FileExistsError:
        return None
    return Claim(folder, number, errand)


def is_claimed(folder: ClaimedFolder) -> bool:
    """Whether a live process works on a run."""
    claims = folder.claims
    return bool(claims) and is_live(claims[-1])


def last_progress(folder: ClaimedFolder) -> dict[str, Any]:
    """What the last owner of a run said of its progress; empty if nobody ever worked on it."""
    claims = folder.claims
    return _read(claims[-1]) if claims else {}


def is_live(claim: Path) -> bool:
    """Whether the owner of a claim still works: not released, not dead, not silent for long."""
    content = _read(claim)
    if content.get("released"):
        return False
    if content.get("host") == host_code() and not _is_running(content):
        return False
    try:
        renewed_at = float(content.get("renewed_at", claim.stat().st_mtime))
    except FileNotFoundError:
        return False
    return time.time() - renewed_at < SILENCE_S


def host_code() -> str:
    """Tells this machine from others; a hospital's machine names stay out of study folders."""
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:12]


def _read(claim: Path) -> dict[str, Any]:
    """The content; empty while the owner is still writing it for the first time."""
    try:
        content = read_json(claim)
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _owner(errand: Errand | None) -> dict[str, Any]:
    return {
        "host": host_code(),
        "process": os.getpid(),
        "process_started_at": psutil.Process().create_time(),
        **({"errand": errand.name, "attempt": errand.attempt} if errand else {}),
    }


def _is_running(owner: dict[str, Any]) -> bool:
    """Whether the process runs, and is the same one, not a later one with its number."""
    try:
        started_at = psutil.Process(int(owner["process"])).create_time()
    except (psutil.Error, KeyError, ValueError):
        return False
    return abs(started_at - float(owner.get("process_started_at", started_at))) < 1.0
