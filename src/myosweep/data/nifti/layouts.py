"""Which NIfTI files belong together: two folders, nnU-Net's layout, and three challenges."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from myosweep.data.folder import files_in
from myosweep.data.levels import Apex
from myosweep.data.names import natural_key
from myosweep.data.problems import raise_problems
from myosweep.errors import ConfigError, DatasetError
from myosweep.files import read_json
from myosweep.regions import RegionScheme, named_scheme

Layout = Literal["plain", "nnunet", "emidec", "myops", "acdc"]
HELP: dict[Layout, str] = {
    "plain": "it needs images and masks with the same names in two folders (.nii, .nii.gz, .hdr)",
    "nnunet": "it needs imagesTr/CASE_0000.nii.gz and labelsTr/CASE.nii.gz",
    "emidec": "it needs Case_P001/Images/Case_P001.nii.gz and Case_P001/Contours/Case_P001.nii.gz",
    "myops": "it needs myops_training_101_DE.nii.gz and myops_training_101_gd.nii.gz",
    "acdc": "it needs patient001_frame01.nii.gz and patient001_frame01_gt.nii.gz",
}
"""What each layout's files are called."""
_ENDINGS = (".nii", ".nii.gz", ".hdr")
_IMAGE_TAIL = re.compile(r"_0000$")
_MASK_TAIL = re.compile(r"_(gt|seg|mask|label|labels)$", re.IGNORECASE)


@dataclass(frozen=True)
class NiftiPair:
    """An image and its mask.

    Args:
        name: the image, relative to the folder that the user gave, without its ending.
        patient: the case's own name, where the layout has one.
        apex: at which end of the volume it lies, where that is known.
    """

    name: str
    mask_name: str
    image: Path
    mask: Path
    patient: str | None = None
    apex: Apex | None = None


@dataclass(frozen=True)
class Challenge:
    """How a challenge names its files; each pattern has a group ``case`` that both share.

    Args:
        image, mask: are searched in relative names without ending.
        patient: is searched in the case.
        codes: whose label codes it has, see ``LABEL_CODES``.
        once: whether a patient has one volume.
        warning: what a user must know.
    """

    image: str
    mask: str
    patient: str
    codes: str
    apex: Apex | None
    once: bool = True
    warning: str | None = None


CHALLENGES: dict[str, Challenge] = {
    "emidec": Challenge(
        image=r"(?:^|/)Images/(?=[^/]+$)",
        mask=r"(?:^|/)Contours/(?=[^/]+$)",
        patient=r"([^/]+)(?:/[^/]+)?$",
        codes="emidec",
        # Seen in the official volume sampleNegative (EMIDEC-Challenge/Evaluation-metrics): the
        # cavity grows from 60 pixels in the first slice to 480 in the last.
        apex="first",
    ),
    "myops": Challenge(
        image=r"(?P<case>myops_(?:training|test)_\d+)_DE$",
        mask=r"(?P<case>myops_(?:training|test)_\d+)_gd$",
        patient=r"(.+)",
        codes="myops",
        # Neither the challenge's pages nor public code that reads it says which end is which.
        apex=None,
    ),
    "acdc": Challenge(
        image=r"(?P<case>patient\d+_frame\d+)$",
        mask=r"(?P<case>patient\d+_frame\d+)_gt$",
        patient=r"(patient\d+)",
        codes="acdc",
        # Public code that worked on all 150 patients looks for the base from the first slice and
        # for the apex from the last one: julien-zheng/CardiacMotionFlow, processing/acdc_gt_base.py
        apex="last",
        once=False,
        warning="ACDC has cine images, no late enhancement: infarcts cannot be seen in them, and "
        "what they teach about a setting need not hold for LGE",
    ),
}
"""EMIDEC (Lalande et al., Data 2020), MyoPS 2020 (Zhuang, Li), ACDC (Bernard et al., TMI 2018)."""


def default_scheme(layout: Layout, images: Path, regions: str = "three") -> RegionScheme | None:
    """The regions of a layout whose label codes are known; None for a plain one.

    Args:
        regions: which of ``NAMED_SCHEMES``, for a challenge; nnU-Net names its own.

    Raises:
        DatasetError: if nnU-Net's dataset.json has no labels that can be used.
        ConfigError: if a challenge has nothing for one of the regions.
    """
    if layout == "nnunet":
        return _nnunet_scheme(_dataset_json(images))
    return named_scheme(regions, CHALLENGES[layout].codes) if layout in CHALLENGES else None


def find_nifti_pairs(
    images: Path,
    masks: Path | None,
    layout: Layout,
    problems: list[str],
    *,
    channel: int | None = None,
) -> list[NiftiPair]:
    """Pair images and masks by name, in natural order; no file is opened.

    Args:
        images: folder of images; for nnU-Net the one with imagesTr, labelsTr and dataset.json.
        masks: folder of masks; nnU-Net has its own, the challenges may have them beside the images.
        problems: gets a sentence for each file that has no partner.
        channel: which of nnU-Net's channels is the LGE image, where there are several.

    Raises:
        DatasetError: if there is nothing to pair.
    """
    _check_folders(images, masks, layout)
    if layout == "nnunet":
        pairs = _nnunet_pairs(images, channel, problems)
    elif layout == "plain":
        assert masks is not None
        pairs = _plain_pairs(images, masks, problems)
    else:
        pairs = _challenge_pairs(images, masks, CHALLENGES[layout], problems)
    if not pairs:
        raise_problems(
            problems or [f"{images.name!r} holds no files of layout {layout!r}; {HELP[layout]}"]
        )
    return sorted(pairs, key=lambda pair: natural_key(pair.name))


def _check_folders(images: Path, masks: Path | None, layout: Layout) -> None:
    given = {"images": images} if masks is None else {"images": images, "masks": masks}
    problems = [
        f"there is no folder of {kind} {path.name!r}; check the path"
        for kind, path in given.items()
        if not path.exists()
    ]
    if layout == "plain" and masks is None:
        problems.append("a plain layout needs a folder of masks; give it behind the images")
    if layout == "plain" and masks is not None and masks.resolve() == images.resolve():
        problems.append("images and masks are the same folder; put the masks in one of their own")
    if layout == "nnunet" and masks is not None:
        problems.append("nnU-Net's masks lie in labelsTr; give its folder alone, and no masks")
    raise_problems(problems)


def _volumes(folder: Path, kind: str, problems: list[str]) -> dict[str, Path]:
    """NIfTI files by relative name without ending; a name that is there twice is a problem."""
    files = dict(files_in(folder))
    found: dict[str, Path] = {}
    endings: dict[str, list[str]] = {}
    for name, path in files.items():
        ending = next((end for end in _ENDINGS if name.lower().endswith(end)), None)
        if ending is None:
            continue
        bare = name[: -len(ending)]
        if ending == ".hdr" and not {f"{bare}.img", f"{bare}.IMG"} & files.keys():
            problems.append(f"{kind} {name!r} has no .img file beside it; add it")
            continue
        found.setdefault(bare, path)
        endings.setdefault(bare, []).append(ending)
    problems += [
        f"{kind} {name!r} is there {len(ends)} times ({', '.join(ends)}); keep one"
        for name, ends in endings.items()
        if len(ends) > 1
    ]
    return found


def _plain_pairs(images: Path, masks: Path, problems: list[str]) -> list[NiftiPair]:
    found, labels = _volumes(images, "image", problems), _volumes(masks, "mask", problems)
    if images.is_file() and masks.is_file():  # two files belong together, whatever their names
        return [
            NiftiPair(name, mask_name, path, mask)
            for (name, path), (mask_name, mask) in zip(found.items(), labels.items(), strict=False)
        ]
    by_case = {_MASK_TAIL.sub("", name): name for name in labels} | {name: name for name in labels}
    pairs = {
        name: by_case[case]
        for name in found
        for case in [name if name in by_case else _IMAGE_TAIL.sub("", name)]
        if case in by_case
    }
    problems += _unpaired(found, labels, pairs)
    return [NiftiPair(name, mask, found[name], labels[mask]) for name, mask in pairs.items()]


def _unpaired(
    images: Iterable[str], masks: Iterable[str], pairs: Mapping[str, str]
) -> Iterator[str]:
    for name in sorted(set(images) - pairs.keys(), key=natural_key):
        yield f"image {name!r} has no mask; add it or remove the image"
    for name in sorted(set(masks) - set(pairs.values()), key=natural_key):
        yield f"mask {name!r} has no image; add it or remove the mask"
    used: dict[str, str] = {}
    for name, mask in pairs.items():
        if (other := used.setdefault(mask, name)) != name:
            yield f"images {other!r} and {name!r} share the mask {mask!r}; remove one"


def _challenge_pairs(
    images: Path, masks: Path | None, challenge: Challenge, problems: list[str]
) -> list[NiftiPair]:
    found = _volumes(images, "image", problems)
    labels = found if masks is None else _volumes(masks, "mask", problems)
    cases = _cases(found, challenge.image, "image", problems)
    mask_cases = _cases(labels, challenge.mask, "mask", problems)
    pairs = {cases[case]: mask_cases[case] for case in cases if case in mask_cases}
    problems += _unpaired(cases.values(), mask_cases.values(), pairs)
    patients = {
        case: match[1]
        for case in cases
        if (match := re.search(challenge.patient, case)) is not None
    }
    return [
        NiftiPair(name, mask, found[name], labels[mask], patients[case], challenge.apex)
        for case, name in cases.items()
        if (mask := pairs.get(name)) is not None
    ]


def _cases(names: Iterable[str], pattern: str, kind: str, problems: list[str]) -> dict[str, str]:
    """Names by their case: what the pattern calls so, else the name without what it matches."""
    cases: dict[str, str] = {}
    for name in names:
        match = re.search(pattern, name)
        if match is None:
            continue
        whole = f"{name[: match.start()]}/{name[match.end() :]}".lstrip("/")
        case = match.groupdict().get("case") or whole
        if (other := cases.setdefault(case, name)) != name:
            problems.append(f"{kind}s {other!r} and {name!r} are both case {case!r}; remove one")
    return cases


def _nnunet_pairs(images: Path, channel: int | None, problems: list[str]) -> list[NiftiPair]:
    content = _dataset_json(images)
    raise_problems(list(_nnunet_faults(images, content, channel)))
    tail = f"_{channel or 0:04d}"
    scans = _volumes(images / "imagesTr", "image", problems)
    masks = _volumes(images / "labelsTr", "mask", problems)
    found = {name.removesuffix(tail): name for name in scans if name.endswith(tail)}
    pairs = {found[case]: case for case in found if case in masks}
    problems += _unpaired(found.values(), masks, pairs)
    return [
        NiftiPair(f"imagesTr/{name}", f"labelsTr/{case}", scans[name], masks[case], patient=case)
        for name, case in pairs.items()
    ]


def _dataset_json(folder: Path) -> dict[str, Any]:
    try:
        content = read_json(folder / "dataset.json")
    except (OSError, ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise DatasetError(
            f"{folder.name!r} has no readable dataset.json; give the folder that holds nnU-Net's "
            "imagesTr, labelsTr and dataset.json"
        )
    return content


def _nnunet_faults(folder: Path, content: dict[str, Any], channel: int | None) -> Iterator[str]:
    ending = content.get("file_ending")
    if ending not in _ENDINGS:
        yield (
            f"dataset.json says that files end in {str(ending)!r}; .nii.gz or .nii are read here, "
            "other images with `myosweep import png`"
        )
    channels = content.get("channel_names")
    names = list(channels.values()) if isinstance(channels, dict) else []
    if not names:
        yield "dataset.json has no channel_names; write them as nnU-Net 2 does"
    elif channel is None and len(names) > 1:
        yield (
            f"there are {len(names)} channels ({', '.join(map(str, names))}); say with --channel "
            f"0 to {len(names) - 1} which one is the LGE image"
        )
    elif channel is not None and not 0 <= channel < len(names):
        yield f"channels are 0 to {len(names) - 1}, got {channel}; take one of them"
    for part in ("imagesTr", "labelsTr"):
        place = folder / part
        if not place.is_dir() or not place.resolve().is_relative_to(folder.resolve()):
            yield f"{folder.name!r} has no folder {part}; give the folder that holds it"


def _nnunet_scheme(content: dict[str, Any]) -> RegionScheme:
    """The labels of dataset.json as regions, in their order; its label 'ignore' is ignored."""
    way_out = "give the regions with --region"
    labels = content.get("labels")
    codes = {
        str(name): value if isinstance(value, list) else [value]
        for name, value in (labels.items() if isinstance(labels, dict) else ())
    }
    if not codes or not all(type(code) is int for group in codes.values() for code in group):
        raise DatasetError(
            f"dataset.json has no labels of names and whole numbers, as nnU-Net 2 has; {way_out}"
        )
    ignored = codes.pop("ignore", [])
    try:
        return RegionScheme.from_mapping(codes, ignored)
    except ConfigError as error:
        told = [f"dataset.json: {problem}; {way_out}" for problem in error.problems]
        raise DatasetError(told, "its labels cannot be used as they are") from None
