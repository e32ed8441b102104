"""Which NIfTI files belong together: every layout, and a sentence for each file left alone."""

import json
from pathlib import Path
from typing import Any

import pytest

from myosweep.data.nifti.layouts import (
    CHALLENGES,
    HELP,
    Layout,
    NiftiPair,
    default_scheme,
    find_nifti_pairs,
)
from myosweep.errors import DatasetError
from myosweep.regions import LABEL_CODES, RegionScheme

NNUNET: dict[str, Any] = {
    "channel_names": {"0": "LGE"},
    "labels": {"background": 0, "blood pool": 1, "myocardium": [2, 3], "ignore": 4},
    "numTraining": 2,
    "file_ending": ".nii.gz",
}


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def nnunet(folder: Path, *names: str, **changes: Any) -> Path:
    """A folder of nnU-Net with these files; a change of None leaves the key out."""
    touch(folder, *(names or ("imagesTr/P1_0000.nii.gz", "labelsTr/P1.nii.gz")))
    content = {key: value for key, value in (NNUNET | changes).items() if value is not None}
    (folder / "dataset.json").write_text(json.dumps(content))
    return folder


def found(
    images: Path, masks: Path | None, layout: Layout, **options: Any
) -> tuple[list[NiftiPair], list[str]]:
    problems: list[str] = []
    return find_nifti_pairs(images, masks, layout, problems, **options), problems


def names(pairs: list[NiftiPair]) -> list[tuple[str, str]]:
    return [(pair.name, pair.mask_name) for pair in pairs]


def test_plain_folders_pair_by_relative_name_in_natural_order(tmp_path: Path) -> None:
    images = touch(tmp_path / "i", "P10.nii", "P2.nii.gz", "a/P1.hdr", "a/P1.img", "notes.txt")
    masks = touch(tmp_path / "m", "P10.nii.gz", "P2.NII.GZ", "a/P1.nii", ".hidden.nii")
    pairs, problems = found(images, masks, "plain")
    assert problems == []
    assert names(pairs) == [("P2", "P2"), ("P10", "P10"), ("a/P1", "a/P1")]
    assert pairs[2].image == images / "a/P1.hdr"
    assert pairs[0].mask == masks / "P2.NII.GZ"
    assert (pairs[0].patient, pairs[0].apex) == (None, None)


def test_endings_of_names_may_differ_in_the_usual_ways(tmp_path: Path) -> None:
    images = touch(tmp_path / "i", *(f"P{n}_0000.nii" for n in range(5)), "Q_gt.nii", "R_0000.nii")
    tails = ["", "_gt", "_Seg", "_mask", "_label"]
    masks = [f"P{n}{tail}.nii" for n, tail in enumerate(tails)]
    masks_folder = touch(tmp_path / "m", *masks, "Q_gt.nii", "R_0000.nii")
    pairs, problems = found(images, masks_folder, "plain")
    assert problems == []
    assert names(pairs)[:5] == [(f"P{n}_0000", f"P{n}{tail}") for n, tail in enumerate(tails)]
    assert names(pairs)[5:] == [("Q_gt", "Q_gt"), ("R_0000", "R_0000")]


def test_two_files_belong_together_whatever_their_names(tmp_path: Path) -> None:
    touch(tmp_path, "heart.nii", "drawn.nii.gz")
    pairs, problems = found(tmp_path / "heart.nii", tmp_path / "drawn.nii.gz", "plain")
    assert (names(pairs), problems) == ([("heart", "drawn")], [])


def test_every_file_without_a_partner_is_told(tmp_path: Path) -> None:
    images = touch(tmp_path / "i", "A.nii", "B.nii", "B.nii.gz", "C.nii", "C_0000.nii", "D.hdr")
    masks = touch(tmp_path / "m", "B.nii", "C.nii", "E.nii")
    pairs, problems = found(images, masks, "plain")
    assert [pair.name for pair in pairs] == ["B", "C", "C_0000"]
    assert problems == [
        "image 'D.hdr' has no .img file beside it; add it",
        "image 'B' is there 2 times (.nii, .nii.gz); keep one",
        "image 'A' has no mask; add it or remove the image",
        "mask 'E' has no image; add it or remove the mask",
        "images 'C' and 'C_0000' share the mask 'C'; remove one",
    ]


def test_links_that_lead_out_are_passed_over(tmp_path: Path) -> None:
    outside = touch(tmp_path / "outside", "X.nii", "Y.img", "imagesTr/P1_0000.nii.gz")
    images = touch(tmp_path / "i", "A.nii", "Y.hdr")
    masks = touch(tmp_path / "m", "A.nii", "X.nii")
    (images / "X.nii").symlink_to(outside / "X.nii")
    (images / "Y.img").symlink_to(outside / "Y.img")
    (images / "more").symlink_to(outside)
    pairs, problems = found(images, masks, "plain")
    assert names(pairs) == [("A", "A")]
    assert problems == [
        "image 'Y.hdr' has no .img file beside it; add it",
        "mask 'X' has no image; add it or remove the mask",
    ]
    folder = nnunet(tmp_path / "n", "labelsTr/P1.nii.gz")
    (folder / "imagesTr").symlink_to(outside / "imagesTr")
    with pytest.raises(DatasetError, match="'n' has no folder imagesTr"):
        found(folder, None, "nnunet")


def test_hostile_names_are_quoted_and_relative(tmp_path: Path) -> None:
    images = touch(tmp_path / "i", "A\n{evil}.nii", "ok.nii")
    _, problems = found(images, touch(tmp_path / "m", "ok.nii"), "plain")
    assert problems == [r"image 'A\n{evil}' has no mask; add it or remove the image"]


@pytest.mark.parametrize(
    ("images", "masks", "layout", "message"),
    [
        ("i", None, "plain", "a plain layout needs a folder of masks"),
        ("i", "i", "plain", "images and masks are the same folder"),
        ("none", "m", "plain", "there is no folder of images 'none'; check the path"),
        ("i", "none", "emidec", "there is no folder of masks 'none'; check the path"),
        ("i", "m", "nnunet", "nnU-Net's masks lie in labelsTr"),
        ("i", None, "nnunet", "'i' has no readable dataset.json"),
        ("empty", "m", "plain", "mask 'A' has no image"),
        *(("empty", "empty2", name, f"'empty' holds no files of layout '{name}'; it needs")
          for name in HELP if name != "nnunet"),
    ],
)  # fmt: skip
def test_folders_that_hold_nothing_are_refused(
    tmp_path: Path, images: str, masks: str | None, layout: Layout, message: str
) -> None:
    touch(tmp_path, "i/A.nii", "m/A.nii", "empty/notes.txt", "empty2/notes.txt")
    with pytest.raises(DatasetError, match=message) as caught:
        found(tmp_path / images, None if masks is None else tmp_path / masks, layout)
    assert str(tmp_path) not in str(caught.value)


def test_emidec_has_a_folder_per_case(tmp_path: Path) -> None:
    for case in ("Case_P002", "Case_N010"):
        touch(tmp_path, f"{case}/Images/{case}.nii.gz", f"{case}/Contours/{case}.nii.gz")
    touch(tmp_path, "Case_P002/Case_P002.txt", "Case_P002/Other/x.nii")
    pairs, problems = found(tmp_path, None, "emidec")
    assert problems == []
    assert [(pair.patient, pair.apex) for pair in pairs] == [
        ("Case_N010", "first"),
        ("Case_P002", "first"),
    ]
    assert pairs[1].name == "Case_P002/Images/Case_P002"
    assert pairs[1].mask_name == "Case_P002/Contours/Case_P002"
    inside, _ = found(tmp_path / "Case_P002", None, "emidec")
    assert [(pair.name, pair.patient) for pair in inside] == [("Images/Case_P002", "Case_P002")]


def test_emidec_cases_may_share_the_name_of_their_files(tmp_path: Path) -> None:
    for case in ("train/A", "train/B"):
        touch(tmp_path, f"{case}/Images/image.nii", f"{case}/Contours/image.nii")
    pairs, problems = found(tmp_path, None, "emidec")
    assert ([pair.patient for pair in pairs], problems) == (["A", "B"], [])
    touch(tmp_path, "train/C/Images/image.nii", "train/D/Contours/image.nii")
    _, problems = found(tmp_path, None, "emidec")
    assert problems == [
        "image 'train/C/Images/image' has no mask; add it or remove the image",
        "mask 'train/D/Contours/image' has no image; add it or remove the mask",
    ]


@pytest.mark.parametrize("folders", [("", ""), ("train25/", "train25_myops_gd/")])
def test_myops_takes_the_late_enhancement_alone(tmp_path: Path, folders: tuple[str, str]) -> None:
    for case in (101, 102):
        for sequence in ("C0", "DE", "T2"):
            touch(tmp_path, f"{folders[0]}myops_training_{case}_{sequence}.nii.gz")
        touch(tmp_path, f"{folders[1]}myops_training_{case}_gd.nii.gz")
    pairs, problems = found(tmp_path, None, "myops")
    if folders[0]:
        apart, _ = found(tmp_path / folders[0], tmp_path / folders[1], "myops")
        assert [pair.patient for pair in apart] == [pair.patient for pair in pairs]
    assert problems == []
    assert [pair.name for pair in pairs] == [
        f"{folders[0]}myops_training_{case}_DE" for case in (101, 102)
    ]
    assert (pairs[0].patient, pairs[0].apex) == ("myops_training_101", None)


def test_acdc_has_two_frames_of_a_patient(tmp_path: Path) -> None:
    folder = "training/patient001"
    for frame in ("01", "12"):
        touch(tmp_path, f"{folder}/patient001_frame{frame}.nii.gz")
        touch(tmp_path, f"{folder}/patient001_frame{frame}_gt.nii.gz")
    touch(tmp_path, f"{folder}/patient001_4d.nii.gz", f"{folder}/Info.cfg")
    pairs, problems = found(tmp_path, None, "acdc")
    assert problems == []
    assert names(pairs) == [
        (f"{folder}/patient001_frame{frame}", f"{folder}/patient001_frame{frame}_gt")
        for frame in ("01", "12")
    ]
    assert {(pair.patient, pair.apex) for pair in pairs} == {("patient001", "last")}
    touch(tmp_path, "copy/patient001_frame01.nii.gz")
    _, problems = found(tmp_path, None, "acdc")
    assert problems == [
        "images 'copy/patient001_frame01' and 'training/patient001/patient001_frame01' are both "
        "case 'patient001_frame01'; remove one"
    ]


def test_nnunet_pairs_by_case_and_channel(tmp_path: Path) -> None:
    files = [f"imagesTr/P{n}_{channel:04d}.nii.gz" for n in (1, 2) for channel in (0, 1)]
    labels = ["labelsTr/P1.nii.gz", "labelsTr/P2.nii.gz", "imagesTs/P3_0000.nii.gz"]
    folder = nnunet(tmp_path, *files, *labels, channel_names={"0": "cine", "1": "LGE"})
    pairs, problems = found(folder, None, "nnunet", channel=1)
    assert problems == []
    assert names(pairs) == [(f"imagesTr/P{n}_0001", f"labelsTr/P{n}") for n in (1, 2)]
    assert [pair.patient for pair in pairs] == ["P1", "P2"]
    assert pairs[0].image == folder / "imagesTr/P1_0001.nii.gz"
    with pytest.raises(DatasetError, match=r"2 channels \(cine, LGE\); say with --channel 0 to 1"):
        found(folder, None, "nnunet")
    with pytest.raises(DatasetError, match="channels are 0 to 1, got 2"):
        found(folder, None, "nnunet", channel=2)
    (folder / "labelsTr/P2.nii.gz").unlink()
    _, problems = found(folder, None, "nnunet", channel=1)
    assert problems == ["image 'P2_0001' has no mask; add it or remove the image"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"file_ending": ".png"}, "files end in '.png'; .nii.gz or .nii are read here"),
        ({"file_ending": ["../x"]}, "are read here"),
        ({"channel_names": None}, "has no channel_names; write them as nnU-Net 2 does"),
        ({"channel_names": "LGE"}, "has no channel_names"),
    ],
)
def test_a_dataset_json_that_does_not_fit_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        found(nnunet(tmp_path, **changes), None, "nnunet")


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_dataset_json_is_refused(tmp_path: Path, content: bytes) -> None:
    folder = nnunet(tmp_path)
    (folder / "dataset.json").write_bytes(content)
    with pytest.raises(DatasetError, match=r"has no readable dataset\.json"):
        found(folder, None, "nnunet")


def test_nnunets_labels_are_the_regions(tmp_path: Path) -> None:
    scheme = default_scheme("nnunet", nnunet(tmp_path))
    wanted = {"background": [0], "blood pool": [1], "myocardium": [2, 3]}
    assert scheme == RegionScheme.from_mapping(wanted, [4])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "has no labels of names and whole numbers"),
        ({"0": "background", "1": "heart"}, "has no labels of names and whole numbers"),
        ({"background": 0, "heart": [1.5]}, "has no labels of names and whole numbers"),
        ({"background": 0, "whole": [1, 2], "core": 2}, "code 2 is in region 'whole' and again in"),
        ({"background": 0}, "at least two regions are needed, got 1; give the regions with"),
    ],
)
def test_labels_that_are_no_regions_are_refused(tmp_path: Path, labels: Any, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        default_scheme("nnunet", nnunet(tmp_path, labels=labels))


def test_challenges_have_their_own_codes(tmp_path: Path) -> None:
    assert set(CHALLENGES) < set(LABEL_CODES)
    scheme = default_scheme("emidec", tmp_path)
    assert scheme is not None
    assert scheme.as_mapping() == {"background": [0], "blood pool": [1], "myocardium": [2, 3, 4]}
    assert default_scheme("emidec", tmp_path, "five") != scheme
    assert default_scheme("plain", tmp_path) is None
    assert [one.warning is None for one in CHALLENGES.values()] == [True, True, False]
