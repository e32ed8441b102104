"""A study as it stands at this moment; what is costly is kept until a further run is whole."""

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from myosweep.analysis.study_dataset import study_dataset
from myosweep.config import StudyConfig, read_study_config
from myosweep.errors import DatasetError
from myosweep.report.explorer.build import explorer_source
from myosweep.results.layout import StudyFolder
from myosweep.results.read import Results, read_results
from myosweep.serve.slices import SliceStore
from myosweep.study.state import StudyState, study_state
from myosweep.study.tune.progress import SearchProgress, search_progress

_LOOK_AGAIN_S = 1.0
_SHARE = 20
"""Looking at a study of thousands of runs takes at most a twentieth of the time."""
_KEPT = 2
"""Stores of slices: of now, and of before, for those who have not asked for the newest yet."""


@dataclass
class _Kept:
    """A computed thing, when it was made, and until when it may be shown."""

    value: Any = None
    until: float = 0.0


@dataclass
class Live:
    """One study of the server. Many threads may ask at the same time."""

    folder: Path
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _state: _Kept = field(default_factory=_Kept)
    _stamp: _Kept = field(default_factory=_Kept)
    _search: _Kept = field(default_factory=_Kept)
    _weights: _Kept = field(default_factory=_Kept)
    _results: tuple[str, Results] | None = None
    _regions: tuple[str, ...] = ()
    _study: tuple[int, StudyConfig] | None = None
    _slices: dict[str, SliceStore | None] = field(default_factory=dict)

    @property
    def study(self) -> StudyConfig:
        """The study as it is written now.

        Raises:
            InputError: if it is damaged.
        """
        path = StudyFolder(self.folder).study
        try:
            written_at = path.stat().st_mtime_ns
        except OSError:
            written_at = 0
        if self._study is None or self._study[0] != written_at:
            self._study = (written_at, read_study_config(path))
        return self._study[1]

    def regions(self) -> tuple[str, ...]:
        """Names of the regions, in the scheme's order; none before the first run has begun."""
        if not self._regions:
            for run in StudyFolder(self.folder).runs():
                if run.settings.is_file():
                    self._regions = tuple(run.read_settings().regions)
                    break
        return self._regions

    def state(self) -> StudyState:
        """How every run stands.

        Raises:
            InputError: if a file of the study is damaged.
        """
        return self._kept(self._state, lambda: study_state(self.folder, self._state.value))

    def search_progress(self) -> SearchProgress:
        """How far a search is: of its budget, since nobody knows its runs beforehand.

        Raises:
            InputError: if a file of the study is damaged.
        """
        folder, state = StudyFolder(self.folder), self.state()
        return self._kept(self._search, lambda: search_progress(folder, state))

    def stamp(self) -> str:
        """Names the set of whole runs; what is computed from them lasts as long as it does."""
        return self._kept(self._stamp, lambda: _stamp_of(StudyFolder(self.folder)))

    def weights(self) -> frozenset[str]:
        """The runs whose weights are here: not scores of other programs, nor what was left out."""
        runs = StudyFolder(self.folder).runs
        return self._kept(
            self._weights, lambda: frozenset(run.id for run in runs() if run.weights.is_file())
        )

    def has_networks(self) -> bool:
        """Whether any network is finished."""
        return self.state().done > 0

    def results(self) -> tuple[str, Results]:
        """The results tables, and their stamp.

        Raises:
            InputError: if there is no whole run, or a file is damaged.
        """
        stamp = self.stamp()
        with self._lock:
            if self._results is None or self._results[0] != stamp:
                self._results = (stamp, read_results(self.folder))
            return self._results

    def slices(self, stamp: str | None = None) -> tuple[str, SliceStore] | None:
        """What can be looked at; None if that is nothing, or nothing of this stamp any more.

        Args:
            stamp: of an earlier answer; default: as the study stands now.

        Raises:
            InputError: if a file is damaged.
        """
        if stamp is None:
            stamp, results = self.results()
            with self._lock:
                if stamp not in self._slices:
                    self._slices[stamp] = _store(results)
                    for old in list(self._slices)[:-_KEPT]:
                        del self._slices[old]
        store = self._slices.get(stamp)
        return None if store is None else (stamp, store)

    def _kept(self, kept: _Kept, compute: Callable[[], Any]) -> Any:
        with self._lock:
            if (started := time.monotonic()) >= kept.until:
                kept.value = compute()
                ended = time.monotonic()
                kept.until = ended + max(_LOOK_AGAIN_S, _SHARE * (ended - started))
            return kept.value


def _stamp_of(folder: StudyFolder) -> str:
    digest = hashlib.sha256()
    for run in folder.runs():
        try:
            ended_at = run.status.stat().st_mtime_ns
        except FileNotFoundError:
            continue
        digest.update(f"{run.id} {ended_at}\n".encode())
    return digest.hexdigest()[:16]


def _store(results: Results) -> SliceStore | None:
    """The slices of a study; None where the dataset is not at hand or no network was tested."""
    if results.study.tune is not None or results.networks.empty:
        return None
    try:
        dataset = study_dataset(results)
    except DatasetError:
        return None
    source = explorer_source(results, dataset)
    if source is None:
        return None
    store = SliceStore(source)
    store.warm()
    return store
