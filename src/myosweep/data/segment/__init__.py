"""Import of files of Medviso Segment (.mat, .seg) into a dataset."""

from collections.abc import Sequence
from pathlib import Path

from myosweep.data.intake import Progress, import_stacks
from myosweep.data.names import NamePattern
from myosweep.data.patient_key import read_key
from myosweep.data.problems import raise_problems
from myosweep.data.rules import Rules
from myosweep.data.segment.stacks import SegmentFindings, find_segment_stacks
from myosweep.data.stack import Uncontoured
from myosweep.data.store import Dataset, refuse_taken


def import_segment(
    paths: Sequence[Path | str],
    out: Path | str,
    *,
    rules: Rules,
    patient: str | None = None,
    key_file: Path | None = None,
    stack: int | None = None,
    uncontoured: Uncontoured = "leave-out",
    images: Path | str | None = None,
    progress: Progress | None = None,
) -> tuple[Dataset, SegmentFindings]:
    """Make a dataset of one image stack of each file, and tell what was taken and left out.

    Args:
        paths: .mat and .seg files, and folders of them.
        out: the dataset folder to make.
        rules: how stacks become slices; the codes are ``LABEL_CODES["myosweep"]``.
        patient: regular expression that finds the patient in a file's name, see ``NamePattern``;
            without it the code is a keyed hash of the patient's number, or name, in the file.
        key_file: the key for that, see ``read_key``.
        stack, uncontoured, images: as ``find_segment_stacks`` says.
        progress: called with slices done and slices in all.

    Raises:
        DatasetError: listing every problem of the files; then nothing was written.
    """
    out = Path(out)
    refuse_taken(out)
    problems: list[str] = []
    findings = find_segment_stacks(
        [Path(path) for path in paths],
        scheme=rules.scheme,
        patient=None if patient is None else NamePattern(patient),
        key=b"" if patient is not None else read_key(key_file),
        stack=stack,
        uncontoured=uncontoured,
        problems=problems,
        images=None if images is None else Path(images),
    )
    if not findings.stacks:
        raise_problems(problems)
    source = {
        "kind": "Segment",
        "patient_pattern": patient,
        "stack": stack,
        "uncontoured": uncontoured,
        "files": len(findings.stacks),
        "uncontoured_slices": findings.uncontoured,
        "incomplete_slices": findings.incomplete,
    }
    dataset = import_stacks(
        findings.stacks, out, rules, source=source, problems=problems, progress=progress
    )
    return dataset, findings
