"""What all addresses share: the studies as they stand, and parts of pages that take long."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool

from myosweep.report.figures.style import Drawing
from myosweep.results.layout import StudyFolder
from myosweep.results.ledger import log_look
from myosweep.serve.fragments import Part, Question, conclusion_part, curves_part, search_part
from myosweep.serve.live import Live
from myosweep.serve.records import ConclusionNow, PagePart
from myosweep.serve.standing import is_over
from myosweep.serve.studies import Studies
from myosweep.serve.work import Work, name_of

DRAWING_SHARE = 20
"""Learning curves are drawn for at most a twentieth of the time: it is taken from trainings."""


_MOST_SHOWN = 10_000

Stamps = tuple[tuple[Live, str], ...]
"""Studies, and the stamp of each at some time."""


@dataclass(frozen=True)
class _Shown:
    """How a part of a page that was shown is made; it is the same while its stamps last."""

    key: tuple[Any, ...]
    compute: Callable[..., Part]
    given: tuple[Any, ...]
    stamps: Stamps

    def lasts(self) -> bool:
        return all(live.stamp() == stamp for live, stamp in self.stamps)


@dataclass
class Desk:
    """All that the addresses share: the studies as they stand, and the process that computes."""

    studies: Studies
    work: Work = field(default_factory=Work)
    _live: dict[Path, Live] = field(default_factory=dict)
    _drawn: dict[Path, tuple[float, float]] = field(default_factory=dict)
    _shown: OrderedDict[str, _Shown] = field(default_factory=OrderedDict)

    def live(self, name: str) -> Live:
        """A study, by its name.

        Raises:
            HTTPException: 404, if there is none.
        """
        folder = self.studies.folder(name)
        return self._live.setdefault(folder, Live(folder))

    async def curves(self, live: Live, epochs_done: float) -> PagePart:
        """Learning curves after so many epochs, or a little before; see ``DRAWING_SHARE``."""
        shown, until = self._drawn.get(live.folder, (epochs_done, 0.0))
        if (started := time.monotonic()) >= until:
            if shown != epochs_done:
                self.work.forget(("curves", live.folder, shown))
            shown = epochs_done
        key = ("curves", live.folder, shown)
        part = await self.part(key, curves_part, live.folder)
        if started >= until:
            ended = time.monotonic()
            self._drawn[live.folder] = (shown, ended + DRAWING_SHARE * (ended - started))
        return part

    async def conclusion(self, live: Live, question: Question, *, may_look: bool) -> ConclusionNow:
        """The conclusion so far.

        Args:
            may_look: whether a further look at the study's own question may be taken, and logged.

        Raises:
            InputError: if the study does not have what is asked for, or files are damaged.
        """
        is_preliminary = not is_over(live, await run_in_threadpool(live.state))
        if live.study.tune is not None:
            return await self._answer_of_search(live, is_preliminary)
        if not await run_in_threadpool(live.has_networks):
            return _nothing(is_preliminary, "No network is finished yet.")
        looks = StudyFolder(live.folder).looks
        seen = looks.stat().st_size if looks.exists() else 0
        stamp = await run_in_threadpool(live.stamp)
        key = ("conclusion", live.folder, stamp, question, seen)
        part: Part = await self.work.answer(key, conclusion_part, live.folder, question)
        if part.new_look and part.look is not None:
            if not may_look:
                return ConclusionNow(
                    state="a look", sentence=_A_LOOK, is_preliminary=is_preliminary, part=None
                )
            await run_in_threadpool(log_look, StudyFolder(live.folder), part.look)
        stamps = ((live, stamp),)
        shown = await self.part(key, conclusion_part, live.folder, question, stamps=stamps)
        return ConclusionNow(state="shown", sentence="", is_preliminary=is_preliminary, part=shown)

    async def _answer_of_search(self, live: Live, is_preliminary: bool) -> ConclusionNow:
        """What a search has found; before its end nothing, since its end looks at test patients."""
        if is_preliminary or not StudyFolder(live.folder).report.is_file():
            return _nothing(True, _OF_A_SEARCH)
        stamp = live.stamp()
        key = ("search", live.folder, stamp)
        shown = await self.part(key, search_part, live.folder, stamps=((live, stamp),))
        return ConclusionNow(state="shown", sentence="", is_preliminary=False, part=shown)

    async def part(
        self,
        key: tuple[Any, ...],
        compute: Callable[..., Part],
        *given: Any,
        stamps: Stamps = (),
    ) -> PagePart:
        """A part of a page, computed once for all who ask; see ``Work.answer``.

        Args:
            stamps: what it depends on; without any, what is drawn again may be newer.
        """
        part: Part = await self.work.answer(key, compute, *given)
        name = name_of(key)
        self._shown[name] = _Shown(key, compute, given, stamps)
        self._shown.move_to_end(name)
        while len(self._shown) > _MOST_SHOWN:
            self._shown.popitem(last=False)
        names = [drawing.name for drawing in part.drawings]
        return PagePart(html=part.html, tips=part.tips, part=name, figures=names)

    async def figure(self, part: str, name: str) -> Drawing | None:
        """A figure of a part that a page has shown; None if there is none, or not any more.

        If it is not kept, it is drawn again, unless its studies have gone on since.
        """
        shown = self._shown.get(part)
        if shown is None:
            return None
        if not self.work.keeps(shown.key):
            if not await run_in_threadpool(shown.lasts):
                return None
            again: Part = await self.work.answer(shown.key, shown.compute, *shown.given)
            if again.new_look:  # it went on just now, and nobody has asked to look again
                self.work.forget(shown.key)
                return None
        found: Part = await self.work.answer(shown.key, shown.compute, *shown.given)
        return next((drawing for drawing in found.drawings if drawing.name == name), None)


_OF_A_SEARCH = (
    "This is a search: its answer comes from a race at its end, when test patients are looked at, "
    "once. `myosweep conclude` says how far it is."
)
_A_LOOK = (
    "Reading the answer to the study's own question is a look at it. Every look at a growing study "
    "is another chance to err, so each may spend only a part of the 5 % of errors, and it is "
    "written down in the study's folder."
)


def _nothing(is_preliminary: bool, sentence: str) -> ConclusionNow:
    return ConclusionNow(state="nothing", sentence=sentence, is_preliminary=is_preliminary)
