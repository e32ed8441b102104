"""A model's results on an upload, and the files of it that can be saved."""

import csv
import shutil
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt8

from myosweep.data.raster import read_raster
from myosweep.files import whole_file
from myosweep.predict.cases import Case
from myosweep.predict.outputs import Form, files_of
from myosweep.serve.job import Answering, DownloadName, volume_name

if TYPE_CHECKING:
    from myosweep.predict.model import Model
    from myosweep.predict.run import Outcome as Predicted
    from myosweep.predict.run import Plan
    from myosweep.predict.watch import SliceScore, Watch


@dataclass(frozen=True)
class Answer:
    """A model's results, in a folder of its own."""

    model: "Model"
    watch: "Watch"
    plan: "Plan"
    predicted: "Predicted"
    out: Path

    def has(self, case: Case) -> bool:
        forms = {id(one): forms for one, forms in self.plan.todo}.get(id(case))
        return forms is not None and all(f.exists() for f in files_of(case, forms, self.out))

    def is_volume(self, case: Case) -> bool:
        return all(path.exists() for path in files_of(case, ["nifti"], self.out))

    def regions(self, case: Case) -> UInt8[np.ndarray, "slice y x"]:
        """The region maps of a case."""
        codes = [read_raster(path, labels=True) for path in files_of(case, ["png"], self.out)]
        return self.model.facts.scheme.encode(np.stack(codes))

    def scores(self) -> Mapping[tuple[str, int], "SliceScore"]:
        return {(one.case, one.slice): one for one in self.predicted.scores}

    def about(self) -> Answering:
        calibration = self.watch.calibration
        sentences = calibration.sentences if calibration else ()
        return Answering(networks=len(self.model.facts.members), sentences=sentences)


def keep_masks(cases: Sequence[Case], answers: Sequence[Answer], results: Path) -> None:
    """The NIfTI masks of volumes."""
    for number, case in enumerate(cases):
        for model, answer in enumerate(answers):
            if answer.is_volume(case):
                (mask,) = files_of(case, ["nifti"], answer.out)
                mask.replace(results / volume_name(number, model))


def keep_downloads(
    cases: Sequence[Case], answers: Sequence[Answer], results: Path
) -> Iterator[DownloadName]:
    """What can be saved: a file where there is one, else a ZIP file of several."""

    def files(form: Form, some: Sequence[Case]) -> list[tuple[str, Path]]:
        several = len(answers) > 1
        return [
            ((f"model-{place + 1}/" if several else "") + _inside(path, one), path)
            for place, one in enumerate(answers)
            for case in some
            for path in files_of(case, [form], one.out)
        ]

    volumes = [case for case in cases if answers[0].is_volume(case)]
    yield _bundle(files("png", cases), results, "mask.png", "masks.zip")
    if volumes:
        yield _bundle(files("nifti", volumes), results, "mask.nii.gz", "volumes.zip")
    yield _bundle(files("contours", cases), results, "contours.json", "contours.zip")
    if any(one.predicted.scores for one in answers):
        _write_scores(answers, results / "slices.csv")
        yield "slices.csv"


def _inside(path: Path, answer: Answer) -> str:
    """A result's name in a ZIP file: without the folder of its form."""
    return "/".join(path.relative_to(answer.out).parts[1:])


def _bundle(
    files: Sequence[tuple[str, Path]], results: Path, single: DownloadName, several: DownloadName
) -> DownloadName:
    if len(files) == 1:
        shutil.copyfile(files[0][1], results / single)
        return single
    with zipfile.ZipFile(results / several, "w") as file:  # PNG and gzip are small as they are
        for name, path in files:
            kind = zipfile.ZIP_DEFLATED if path.suffix == ".json" else zipfile.ZIP_STORED
            file.write(path, name, kind)
    return several


def _write_scores(answers: Sequence[Answer], path: Path) -> None:
    from myosweep.predict.watch import COLUMNS

    with whole_file(path) as draft, draft.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("model", *COLUMNS))
        for number, answer in enumerate(answers, 1):
            for one in answer.predicted.scores:
                look = "" if one.look is None else "yes" if one.look else "no"
                cells = (one.case, one.slice, one.region, f"{one.agreement:.4f}", one.pixels)
                writer.writerow((number, *cells, look, one.words))
