"""Nothing that identifies a patient leaves the import of a thoroughly tagged series."""

import logging
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image
from pydicom import Sequence as Items
from pydicom.dataset import Dataset
from pydicom.uid import JPEGLSLossless
from tests.data.dicom_files import (
    Contour,
    Written,
    item,
    noise,
    write_rtstruct,
    write_seg,
    write_series,
)

from myosweep.data.dicom import import_dicom, list_dicom
from myosweep.data.dicom.pairs import find_pairs
from myosweep.data.dicom.series import find_series
from myosweep.data.rules import Rules
from myosweep.errors import DatasetError
from myosweep.regions import RegionScheme

RULES = Rules(RegionScheme.parse(["background=0", "blood pool=1"]))
SIZE = (3, 10, 12)
MARK = "XyZzY"
ROOT = "1.2.826.0.1.3680043.8.498.7777777"
"""Every text that identifies holds the mark, every number of an object begins with the root."""
TEXTS = """
    PatientName PatientID IssuerOfPatientID OtherPatientNames PatientAddress PatientComments
    PatientMotherBirthName MedicalRecordLocator PatientTelephoneNumbers MilitaryRank Occupation
    AdditionalPatientHistory EthnicGroup InstitutionName InstitutionAddress
    InstitutionalDepartmentName ReferringPhysicianName PerformingPhysicianName
    NameOfPhysiciansReadingStudy OperatorsName RequestingPhysician AccessionNumber StudyID
    StudyDescription SeriesDescription ProtocolName ImageComments StationName Manufacturer
    ManufacturerModelName DeviceSerialNumber SoftwareVersions RequestedProcedureDescription
    PerformedProcedureStepDescription PerformedProcedureStepID RequestedProcedureID ContentLabel
"""
UIDS = """
    StudyInstanceUID SeriesInstanceUID SOPInstanceUID FrameOfReferenceUID DeviceUID
    IrradiationEventUID SynchronizationFrameOfReferenceUID
"""
DATES = {
    "PatientBirthDate": "19330217",
    "StudyDate": "20190823",
    "SeriesDate": "20190824",
    "AcquisitionDate": "20190825",
    "ContentDate": "20190826",
}
SECRETS = (MARK, ROOT, "7777777", *DATES.values())


def tag(dataset: Dataset, at: int) -> None:
    for number, keyword in enumerate(TEXTS.split()):
        setattr(dataset, keyword, f"{MARK}{number}")
    for number, keyword in enumerate(UIDS.split()):
        per_slice = f".{at}" if keyword == "SOPInstanceUID" else ""
        setattr(dataset, keyword, f"{ROOT}.{number}{per_slice}")
    for keyword, date in DATES.items():
        setattr(dataset, keyword, date)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", MARK]
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.SourceApplicationEntityTitle = MARK
    dataset.RequestAttributesSequence = Items([item(ScheduledProcedureStepDescription=MARK)])
    block = dataset.private_block(0x0029, f"{MARK} CREATOR", create=True)
    block.add_new(0x10, "LO", f"{MARK} private")
    dataset.preamble = MARK.encode().ljust(128, b"\0")


def tagged(folder: Path) -> Written:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library knows that these are no proper values
        return write_series(folder / "images" / "case", noise(SIZE), change=tag)


def seg(folder: Path, written: Written) -> None:
    def change(dataset: Dataset) -> None:
        uid = dataset.SOPInstanceUID
        for keyword in ("PatientName", "PatientID", "AccessionNumber", "ContentCreatorName"):
            setattr(dataset, keyword, f"{MARK}^mask")
        dataset.file_meta.MediaStorageSOPInstanceUID = uid

    mask = np.zeros(SIZE, bool)
    mask[:, 3:6, 4:7] = True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_seg(folder / "masks" / "a.dcm", written.datasets, {"pool": mask}, change=change)


def contours(folder: Path, written: Written) -> None:
    def change(dataset: Dataset) -> None:
        dataset.StructureSetLabel = f"{MARK} label"
        dataset.PatientName = MARK

    vertices = [(1.5, 1.5), (1.5, 9.5), (8.5, 9.5)]
    drawn = [Contour(1, vertices, "pool")]
    write_rtstruct(folder / "masks" / "r.dcm", written, drawn, change=change)


def pictures(folder: Path, written: Written) -> None:
    (folder / "masks" / "case").mkdir(parents=True)
    for path in written.files:
        labels = Image.fromarray(np.eye(10, 12, dtype=np.uint8))
        labels.save(folder / "masks" / "case" / f"{path.stem}.png")


def forms() -> list[bytes]:
    """Every secret as files could hold it."""
    found = []
    for secret in SECRETS:
        for text in (secret, secret.upper(), secret.lower()):
            for encoding in ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le"):
                found += [text.encode(encoding), text.encode(encoding)[::-1]]
    return found


FORMS = forms()


def check(content: bytes | str, where: object) -> None:
    content = content.encode() if isinstance(content, str) else content
    for form in FORMS:
        assert form not in content, f"{form!r} is in {where}"


def in_dataset(folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) == 4
    for path in files:
        check(path.read_bytes(), path.name)
        check(path.name, "names")
    table = pyarrow.parquet.read_table(folder / "slices.parquet")  # its columns are compressed
    check(repr(table.to_pylist()) + repr(table.schema), "slices.parquet")


Watch = Callable[[], AbstractContextManager[None]]


@pytest.fixture
def watch(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Watch:
    """Nothing is printed or warned of inside; of logs, Pillow alone tells of its chunks."""

    @contextmanager
    def watching() -> Iterator[None]:
        capfd.readouterr()
        caplog.set_level(logging.DEBUG)
        caplog.clear()
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            yield
        assert [str(one.message) for one in warned] == []
        assert capfd.readouterr() == ("", "")
        assert {record.name.split(".")[0] for record in caplog.records} <= {"PIL"}
        check(caplog.text, "the log")

    return watching


def run(folder: Path, **options: Any) -> Any:
    (folder / "key").write_text("ab" * 32)
    options = {"masks": folder / "masks", "rules": RULES, "structures": {"pool": 1}} | options
    return import_dicom(folder / "images", folder / "out", key_file=folder / "key", **options)


@pytest.mark.parametrize("masks", [seg, contours, pictures])
def test_a_dataset_holds_no_identity(tmp_path: Path, masks: Any, watch: Watch) -> None:
    masks(tmp_path, tagged(tmp_path))
    structures = {} if masks is pictures else {"pool": 1}
    with watch():
        dataset, findings = run(tmp_path, structures=structures, apex="first")
    assert len(dataset) >= 1
    assert dataset.slices["vendor"].isna().all()
    assert re.fullmatch(r"P[0-9a-f]{12}", dataset.slices["patient"][0])
    in_dataset(tmp_path / "out")
    check(repr(dataset) + repr(findings) + repr(dataset.slices.to_dict()), "the dataset")


@pytest.mark.parametrize("masks", [seg, contours, pictures])
def test_records_tell_no_identity(tmp_path: Path, masks: Any, watch: Watch) -> None:
    masks(tmp_path, tagged(tmp_path))
    problems: list[str] = []
    with watch():
        found = find_pairs(tmp_path / "images", tmp_path / "masks", problems)
        series = find_series(tmp_path / "images", problems)
        listings = list_dicom(tmp_path / "images", tmp_path / "masks", problems)
    check(repr(found) + repr(series), "repr")
    for listing in listings:
        assert MARK in listing.description
        known = {key: value for key, value in asdict(listing).items() if key != "description"}
        check(repr(listing) + repr(known), "the listing")
    assert problems == []


def truncated(folder: Path, written: Written) -> None:
    path = written.files[1]
    path.write_bytes(path.read_bytes()[:-50])


def cut_in_the_header(folder: Path, written: Written) -> None:
    content = written.files[1].read_bytes()
    written.files[1].write_bytes(content[: content.index(f"{MARK}0".encode()) + 3])


def garbled(folder: Path, written: Written) -> None:
    for keyword in ("Rows", "Columns"):
        written.datasets[1].add_new(keyword, "LO", MARK)
    written.datasets[1].save_as(written.files[1])


def garbled_numbers(folder: Path, written: Written) -> None:
    for dataset, path in zip(written.datasets, written.files, strict=True):
        for keyword in ("ImagePositionPatient", "PixelSpacing", "RescaleSlope", "InstanceNumber"):
            dataset.add_new(keyword, "LO", MARK)
        dataset.save_as(path)


def copied(folder: Path, written: Written) -> None:
    (written.files[0].parent / "copy").write_bytes(written.files[0].read_bytes())


def recompressed(folder: Path, written: Written) -> None:
    dataset = written.datasets[1]
    dataset.compress(JPEGLSLossless, generate_instance_uid=False)
    dataset.PixelData = dataset.PixelData[:60] + MARK.encode() + dataset.PixelData[65:]
    dataset.save_as(written.files[1])


def of_unknown_storage(folder: Path, written: Written) -> None:
    dataset = written.datasets[1]
    dataset.file_meta.TransferSyntaxUID = f"{ROOT}.9"
    dataset.save_as(written.files[1])


def of_unknown_class(folder: Path, written: Written) -> None:
    dataset = written.datasets[1]
    dataset.SOPClassUID = f"{ROOT}.9"
    dataset.Rows = 0
    dataset.save_as(written.files[1])


def without_patient(folder: Path, written: Written) -> None:
    for dataset, path in zip(written.datasets, written.files, strict=True):
        dataset.PatientID, dataset.PatientName = "", ""
        dataset.save_as(path)


def with_other_masks(folder: Path, written: Written) -> None:
    other = write_series(folder / "other", noise(SIZE, seed=5), change=tag)
    for dataset in other.datasets:
        for keyword in ("SOPInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"):
            setattr(dataset, keyword, f"{dataset[keyword].value}.5")
    seg(folder, other)


def with_damaged_masks(folder: Path, written: Written) -> None:
    path = folder / "masks" / "a.dcm"
    path.write_bytes(path.read_bytes()[:-5])


def with_pictures_of_another_size(folder: Path, written: Written) -> None:
    (folder / "masks" / "a.dcm").unlink()
    (folder / "masks" / "case").mkdir()
    picture = folder / "masks" / "case" / "IM001.png"
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(picture)


def with_duplicate_pixels(folder: Path, written: Written) -> None:
    for dataset, path in zip(written.datasets, written.files, strict=True):
        dataset.PixelData = written.datasets[0].PixelData
        dataset.save_as(path)


@pytest.mark.parametrize(
    "spoil",
    [
        truncated,
        cut_in_the_header,
        garbled,
        garbled_numbers,
        copied,
        recompressed,
        of_unknown_storage,
        of_unknown_class,
        without_patient,
        with_other_masks,
        with_damaged_masks,
        with_pictures_of_another_size,
        with_duplicate_pixels,
    ],
)
def test_errors_tell_no_identity(tmp_path: Path, spoil: Any, watch: Watch) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the fixture itself writes
        written = tagged(tmp_path)
        seg(tmp_path, written)
        spoil(tmp_path, written)
    with watch(), pytest.raises(DatasetError) as caught:
        run(tmp_path)
    error: BaseException | None = caught.value
    assert error is not None
    assert error.__suppress_context__ or error.__context__ is None
    check(str(error), "the error")
    assert str(tmp_path) not in str(error)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options", [{"patient": "Q"}, {"structures": {"scar": 1}}, {"structures": {"pool": 9}}]
)
def test_errors_of_choices_tell_no_identity(
    tmp_path: Path, options: dict[str, Any], watch: Watch
) -> None:
    seg(tmp_path, tagged(tmp_path))
    with watch(), pytest.raises(DatasetError) as caught:
        run(tmp_path, **options)
    check(str(caught.value), "the error")
