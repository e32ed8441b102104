"""Runs in a store that fsspec reaches (S3, ...): what one machine leaves, another continues.

    URL/runs/<run-id>/owner.json                      the errand that is at the run
    URL/runs/<run-id>/checkpoint-0007-<hash>.safetensors   after seven epochs
    URL/runs/<run-id>/history.csv, weights.safetensors, counts.parquet, masks.npz, status.json

A run that the early rule stopped has no weights, counts and masks, and keeps its checkpoints.
A store need not rename anything, nor write files in one step: each checkpoint has a name of its
own with a hash of its content, so that a half-written one is passed over, and ``status.json``,
written last, makes a run whole.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from myosweep.errors import ClaimLost, StudyError
from myosweep.files import whole_file
from myosweep.results.layout import RunFolder
from myosweep.results.rows import RunStatus
from myosweep.training.claim import Errand

_KEPT = 2


class Store:
    """A place under an fsspec URL.

    Raises:
        StudyError: if there is no fsspec, the URL is none, or its kind needs another package.
    """

    def __init__(self, url: str) -> None:
        try:
            from fsspec.core import url_to_fs
        except ImportError:
            raise StudyError(
                "--store needs fsspec, which is not installed; install it with "
                "`pip install 'myosweep[ray]'`"
            ) from None
        try:
            self._files, root = url_to_fs(url, use_listings_cache=False)
        except (ImportError, ValueError, TypeError) as error:
            raise StudyError(
                f"--store {url!r} cannot be used: {error}; give a URL such as s3://bucket/study, "
                "and install what its kind needs (s3fs for s3://)"
            ) from None
        self._root = f"{root.rstrip('/')}/runs"

    def finished(self) -> set[str]:
        """The ids of the runs that are whole in the store, as far as their names tell."""
        self._files.invalidate_cache()
        found = self._files.glob(f"{self._root}/*/status.json")
        return {str(path).rsplit("/", 2)[-2] for path in found}

    def ended(self, run_id: str) -> RunStatus | None:
        """How a run ended, if it is whole in the store, or stopped by the early rule."""
        content = self._read(f"{run_id}/status.json")
        try:
            status = content and RunStatus.model_validate_json(content)
        except ValidationError:  # half-written
            return None
        return status if status and status.status != "failed" else None

    def fetch(self, folder: RunFolder) -> bool:
        """Get a run's files, status last; False if it has not ended in the store."""
        status = self.ended(folder.id)
        if status is None:
            return False
        if not status.whole:
            self._get_checkpoint(folder.id, folder.checkpoint)
        for path in folder.results if status.whole else folder.stopped_results:
            with whole_file(path) as draft:
                self._files.get_file(f"{self._root}/{folder.id}/{path.name}", str(draft))
        if status.whole:
            folder.checkpoint.unlink(missing_ok=True)
        return True

    def _get_checkpoint(self, run_id: str, checkpoint: Path) -> int:
        """Get a run's newest checkpoint that is whole; gives its epochs, 0 if there is none."""
        for epochs, digest, path in reversed(self._checkpoints(run_id)):
            content = self._files.cat_file(path)
            if _digest(content) == digest:
                with whole_file(checkpoint) as draft:
                    draft.write_bytes(content)
                return epochs
        return 0

    def _checkpoints(self, run_id: str) -> list[tuple[int, str, str]]:
        """Epochs, digest and place of each checkpoint of a run, oldest first."""
        self._files.invalidate_cache()
        paths = [str(path) for path in self._files.ls(f"{self._root}/{run_id}", detail=False)]
        named = [(_CHECKPOINT.search(path), path) for path in paths]
        return sorted((int(match[1]), match[2], path) for match, path in named if match)

    def _read(self, name: str) -> bytes | None:
        try:
            return bytes(self._files.cat_file(f"{self._root}/{name}"))
        except FileNotFoundError:
            return None


class RunStore(Store):
    """One run in a store, while an errand is at it."""

    def __init__(self, url: str, run_id: str, errand: Errand) -> None:
        super().__init__(url)
        self._id, self._errand = run_id, errand
        self._home = f"{self._root}/{run_id}"
        self.epochs_done = 0

    def begin(self, checkpoint: Path) -> None:
        """Become the run's owner, and get its newest checkpoint that is whole, if any."""
        self._files.makedirs(self._home, exist_ok=True)
        owner = {"errand": self._errand.name, "attempt": self._errand.attempt}
        self._files.pipe_file(f"{self._home}/owner.json", json.dumps(owner).encode())
        self.epochs_done = self._get_checkpoint(self._id, checkpoint)

    def keep(self, checkpoint: Path, epochs_done: int) -> None:
        """Put a checkpoint into the store, and remove those before the last two.

        Raises:
            ClaimLost: if another errand, or a later attempt, is at the run now.
        """
        self._check_owner()
        content = checkpoint.read_bytes()
        name = f"checkpoint-{epochs_done:04d}-{_digest(content)}.safetensors"
        self._files.pipe_file(f"{self._home}/{name}", content)
        for _, _, path in self._checkpoints(self._id)[:-_KEPT]:
            self._files.rm_file(path)

    def finish(self, folder: RunFolder) -> None:
        """Put the files of a run that has ended into the store, status last.

        Checkpoints of a whole run are removed; those of a stopped one stay, to continue from.

        Raises:
            ClaimLost: if another errand, or a later attempt, is at the run now.
        """
        self._check_owner()
        status = folder.read_status()
        whole = status is not None and status.whole
        for path in folder.results if whole else folder.stopped_results:
            self._files.pipe_file(f"{self._home}/{path.name}", path.read_bytes())
        for _, _, path_in_store in self._checkpoints(self._id) if whole else []:
            self._files.rm_file(path_in_store)

    def _check_owner(self) -> None:
        content = self._read(f"{self._id}/owner.json")
        try:
            owner: Any = json.loads(content or b"")
        except ValueError:  # half-written by a later one, or by this one's store
            return
        if owner != {"errand": self._errand.name, "attempt": self._errand.attempt}:
            raise ClaimLost(f"run {self._id} was taken over by another process")


_CHECKPOINT = re.compile(r"/checkpoint-(\d+)-([0-9a-f]+)\.safetensors$")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
