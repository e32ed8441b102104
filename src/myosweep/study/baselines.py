"""Two predictors that learn nothing from images; every score is read beside theirs."""

import time
from collections.abc import Iterator

import numpy as np
from jaxtyping import Int64, UInt8

from myosweep.data.split import PARTS, Split
from myosweep.files import write_json
from myosweep.results.layout import RunFolder
from myosweep.results.rows import RunSettingsFile, RunStatus
from myosweep.study.open import Study
from myosweep.training.claim import take_claim
from myosweep.training.score import RegionMaps, write_run_scores

MAJORITY = "majority class"
NO_IMAGE = "no-image predictor"
_CHUNK = 256
_POLL_S = 0.2


def write_baselines(study: Study, wait: bool = True) -> None:
    """Score both baselines on each of the study's splits, once.

    The majority class is the training part's most frequent region, everywhere. The no-image
    predictor gives at each pixel the region that is most frequent there in the training part.

    Args:
        wait: until those that another process is at are done.
    """
    while missing := [
        (split, name, folder)
        for split in study.splits.values()
        for name in (MAJORITY, NO_IMAGE)
        if (folder := _folder(study, name, split)).read_status() is None
    ]:
        claimed = [_claim_and_write(study, *one) for one in missing]
        if not wait:
            return
        if not any(claimed):
            time.sleep(_POLL_S)


def _folder(study: Study, name: str, split: Split) -> RunFolder:
    return study.folder.run(f"baseline-{name.split()[0]}-{split.hash[:8]}")


def _claim_and_write(study: Study, split: Split, name: str, folder: RunFolder) -> bool:
    """Write one baseline, unless another process is at it."""
    if (claim := take_claim(folder)) is None:
        return False
    try:
        if folder.read_status() is None:
            frequency = _region_frequency(study, split)
            majority = np.full(frequency.shape[1:], frequency.sum((1, 2)).argmax(), np.uint8)
            answer = majority if name == MAJORITY else frequency.argmax(0).astype(np.uint8)
            _write(study, split, name, folder, answer)
    finally:
        claim.release()
    return True


def _region_frequency(study: Study, split: Split) -> Int64[np.ndarray, "region y x"]:
    """How often each region stands at each pixel of the training part."""
    shape = (len(study.scheme.regions), *study.dataset.images.shape[1:])
    frequency = np.zeros(shape, np.int64)
    for references in _references(study, split, "training"):
        for region in range(shape[0]):
            frequency[region] += (references == region).sum(0)
    return frequency


def _write(
    study: Study, split: Split, name: str, folder: RunFolder, answer: UInt8[np.ndarray, "y x"]
) -> None:
    maps = {part: _pairs(study, split, part, answer) for part in PARTS}
    description = RunSettingsFile(
        kind="baseline",
        label=name,
        point={},
        seed=0,
        settings=None,
        pixel_hash=study.dataset.manifest.pixel_hash,
        split_hash=split.hash,
        regions={region.name: region.codes for region in study.scheme.regions},
        ignored=study.scheme.ignored,
    )
    write_json(folder.settings, description.model_dump(mode="json"))
    write_run_scores(folder, study.dataset, split.all_rows(study.dataset), study.scheme, maps)
    write_json(folder.status, RunStatus(status="complete").model_dump(mode="json"))


def _pairs(
    study: Study, split: Split, part: str, answer: UInt8[np.ndarray, "y x"]
) -> Iterator[tuple[RegionMaps, RegionMaps]]:
    for references in _references(study, split, part):
        yield references, np.broadcast_to(answer, references.shape).copy()


def _references(study: Study, split: Split, part: str) -> Iterator[RegionMaps]:
    rows = split.rows(part, study.dataset)
    for start in range(0, len(rows), _CHUNK):
        yield study.dataset.reference(study.scheme, rows[start : start + _CHUNK])
