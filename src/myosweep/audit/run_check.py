"""What `myosweep run` looks at by itself before it starts: leaks, and empty images or masks."""

from collections.abc import Mapping

import numpy as np

from myosweep.audit.fingerprint import fingerprints
from myosweep.audit.leakage import find_leaks
from myosweep.audit.masks import all_empty
from myosweep.audit.measure import CHUNK
from myosweep.audit.near import near_pairs
from myosweep.audit.outliers import constant_images
from myosweep.audit.records import Finding, Progress
from myosweep.data.split import Split
from myosweep.data.store import Dataset
from myosweep.regions import NO_REGION


def serious_for_run(
    dataset: Dataset, splits: Mapping[str, Split], progress: Progress | None = None
) -> list[Finding]:
    """The serious findings that make a study worthless, and quick to see.

    Patients, the same images and nearly the same images in several parts of a split; images that
    show nothing; masks that are all empty. Mirrored copies are left to the whole audit.
    """
    prints = fingerprints(dataset, mirrored=False, progress=progress)
    near = near_pairs(dataset, prints) if splits else None
    findings = [*find_leaks(dataset, splits, near)]
    if prints.constant.any():
        keys = dataset.slices["slice"].astype(str).to_numpy(str)[prints.constant]
        findings.append(constant_images(tuple(keys.tolist())))
    if not _has_any_mask(dataset):
        findings.append(all_empty(len(dataset)))
    return findings


def _has_any_mask(dataset: Dataset) -> bool:
    scheme = dataset.scheme
    for start in range(0, len(dataset), CHUNK):
        maps = dataset.reference(scheme, slice(start, start + CHUNK))
        if np.any((maps > 0) & (maps != NO_REGION)):
            return True
    return False
