"""The pixels of a study's slices, ready to be sent: made in blocks, kept while there is room."""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from myosweep.errors import InputError
from myosweep.report.explorer.build import ExplorerSource
from myosweep.report.explorer.pixels import SlicePixels
from myosweep.report.explorer.record import Explorer

ROOM_BYTES = 256_000_000
_MOST_AT_ONCE = 128
"""Slices of a block: one look at the files of masks serves them all, and nobody waits too long."""


@dataclass
class SliceStore:
    """The slices of a study as it stood at one moment. Many threads may ask at the same time."""

    source: ExplorerSource
    room_bytes: int = ROOM_BYTES
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _blocks: OrderedDict[int, tuple[SlicePixels, ...]] = field(default_factory=OrderedDict)

    @property
    def explorer(self) -> Explorer:
        return self.source.explorer

    def ready(self, number: int) -> SlicePixels | None:
        """The pixels of a slice, by its number in ``explorer``, if they are made already."""
        block, place = divmod(number, self._at_once)
        made = self._blocks.get(block)
        return None if made is None else made[place]

    def pixels(self, number: int) -> SlicePixels:
        """The pixels of a slice, by its number in ``explorer``; made if they are not ready.

        Raises:
            StudyError: if masks are missing or damaged.
        """
        block, place = divmod(number, self._at_once)
        with self._lock:
            if block not in self._blocks:
                self._blocks[block] = self._make(block)
                self._make_room()
            self._blocks.move_to_end(block)
            return self._blocks[block][place]

    def warm(self) -> None:
        """Make all that there is room for, in the background, so that nobody waits for it."""
        threading.Thread(target=self._make_all, daemon=True).start()

    def _make_all(self) -> None:
        used = 0
        for number in range(0, len(self.explorer.slices), self._at_once):
            try:
                self.pixels(number)
            except InputError:
                return  # whoever asks for the slice is told
            used += sum(one.size for one in self._blocks.get(number // self._at_once, ()))
            if used > self.room_bytes // 2:
                return

    @property
    def _at_once(self) -> int:
        return min(self.source.at_once, _MOST_AT_ONCE)

    def _make(self, block: int) -> tuple[SlicePixels, ...]:
        start = block * self._at_once
        end = min(start + self._at_once, len(self.explorer.slices))
        return tuple(self.source.pixels(range(start, end)))

    def _make_room(self) -> None:
        """Forget what was not asked for for the longest time, but never the newest."""
        used = {key: sum(one.size for one in made) for key, made in self._blocks.items()}
        for key in list(self._blocks)[:-1]:
            if sum(used.values()) <= self.room_bytes:
                return
            del self._blocks[key], used[key]
