"""A good folder of each kind that myosweep imports, for the fuzz test to damage."""

from pathlib import Path

import nibabel
import numpy as np
from PIL import Image
from pydicom import Dataset
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless
from tests.data.dicom_files import Contour, write_rtstruct, write_seg, write_series
from tests.data.fuzz import Kind
from tests.data.segment_files import COLUMNS, ROWS, cine, scar, stack, write_v7, write_v73

from myosweep.data.dicom import import_dicom
from myosweep.data.nifti import import_nifti
from myosweep.data.png import import_png
from myosweep.data.rules import Rules
from myosweep.data.segment import import_segment
from myosweep.regions import named_scheme

SIDE = 32
THREE = named_scheme("three")


def ring(shift: int = 0) -> np.ndarray:
    """Blood pool and myocardium in the middle of a slice."""
    y, x = np.mgrid[:SIDE, :SIDE]
    radius = np.hypot(y - SIDE / 2, x - SIDE / 2 - shift)
    return np.select([radius < 4, radius < 8], [1, 2], 0).astype(np.uint8)


def picture(number: int) -> np.ndarray:
    noise = np.random.default_rng(number).integers(0, 60, (SIDE, SIDE))
    return (np.choose(ring(), [60, 180, 20]) + noise).astype(np.uint16)


def write_png(folder: Path) -> None:
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for number, mode in enumerate([np.uint8, np.uint16, np.uint8]):
        pixels = picture(number).astype(mode)
        Image.fromarray(pixels).save(folder / "images" / f"P1_{number}.png")
        ending = ["png", "tif", "bmp"][number]
        Image.fromarray(ring()).save(folder / "masks" / f"P1_{number}.{ending}")


def load_png(folder: Path, out: Path) -> object:
    pattern = r"(?P<patient>P\d+)_(?P<slice>\d+)"
    return import_png(
        folder / "images", folder / "masks", out, patient=pattern, scheme=THREE, crop=SIDE
    )


def write_nifti(folder: Path) -> None:
    """A plain file, a packed one, and a pair of header and image."""
    affine = np.diag([-1.5, -1.5, 8.0, 1.0])
    for number, ending in enumerate(["nii", "nii.gz", "img"]):
        pixels = np.stack([picture(3 * number + z) for z in range(3)], axis=-1)
        labels = np.stack([ring(z) for z in range(3)], axis=-1)
        for kind, values in (("images", pixels), ("masks", labels)):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            make = nibabel.Nifti1Pair if ending == "img" else nibabel.Nifti1Image
            nibabel.save(make(values, affine), folder / kind / f"P{number}.{ending}")


def load_nifti(folder: Path, out: Path) -> object:
    rules = Rules(THREE, crop=SIDE)
    return import_nifti(folder / "images", folder / "masks", out, rules=rules, patient=r"P\d+")


def write_dicom(folder: Path) -> None:
    """Two series, one of them compressed, with a DICOM SEG and an RT-STRUCT."""
    syntaxes = [RLELossless, JPEGLSLossless, JPEG2000Lossless]

    def compress(dataset: Dataset, at: int) -> None:
        dataset.compress(syntaxes[at], generate_instance_uid=False)

    rings = np.stack([ring(z) for z in range(3)])
    plain = np.stack([picture(z) for z in range(3)])
    packed = np.stack([picture(z + 3) for z in range(3)])
    one = write_series(folder / "images" / "a", plain, patient="A")
    other = write_series(folder / "images" / "b", packed, patient="B", change=compress)
    segments = {"cavity": rings == 1, "muscle": rings == 2}
    write_seg(folder / "masks" / "seg.dcm", one.datasets, segments)
    inner, outer = [(8, 8), (8, 15), (15, 15), (15, 8)], [(5, 5), (5, 18), (18, 18), (18, 5)]
    contours = [Contour(z, inner, "cavity") for z in range(3)]
    contours += [Contour(z, outer, "muscle") for z in range(3)]
    write_rtstruct(folder / "masks" / "structures.dcm", other, contours)


def load_dicom(folder: Path, out: Path) -> object:
    return import_dicom(
        folder / "images",
        out,
        masks=folder / "masks",
        rules=Rules(THREE, crop=SIDE),
        structures={"cavity": 1, "muscle": 2},
        patient=r"^\w",
    )


def write_segment(folder: Path) -> None:
    """A file of each container version, with a second stack and a scar."""
    folder.mkdir()
    result = np.zeros((ROWS, COLUMNS, 4), bool)
    result[6:8, 6:8] = True
    stacks = [cine(), stack(Scar=scar(Result=result))]
    write_v7(folder / "A.mat", stacks)
    write_v73(folder / "B.mat", [cine(), stack(slices=5)])


def load_segment(folder: Path, out: Path) -> object:
    return import_segment([folder], out, rules=Rules(THREE, crop=SIDE), patient=r"^\w")


KINDS = [
    Kind("png", write_png, load_png),
    Kind("nifti", write_nifti, load_nifti),
    Kind("dicom", write_dicom, load_dicom),
    Kind("segment", write_segment, load_segment),
]
