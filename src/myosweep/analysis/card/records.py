"""``ModelCard``: every fact of a model card, frozen, as it goes to JSON; None is "not known"."""

from typing import Literal

from pydantic import Field

from myosweep.config import Record, Value

Range = tuple[int, int]
"""The smallest and the largest number; both the same where there is one number."""

Factor = Literal["level", "site", "vendor", "infarct size"]
"""What test patients, or their slices (level), are told apart by."""


class Mean(Record):
    """A mean over test patients, with its 95 % interval for new patients of these networks."""

    mean: float | None
    low: float | None
    high: float | None
    patients: int


class NetworkFacts(Record):
    """One network: which run made it, and how its training went.

    ``normaliser`` is as the weights file tells it; None if there is none.
    """

    run: str
    seed: int
    repeat: int | None
    fold: int | None
    status: str
    epochs_done: int
    seconds: float
    device: str
    precision: str
    threads: int
    processes: int
    machines: tuple[str, ...]
    versions: dict[str, str]
    normaliser: dict[str, str | float] | None = None

    @property
    def core_hours(self) -> float | None:
        """Hours times processor threads; None for other devices."""
        if self.device != "cpu":
            return None
        return self.seconds / 3600 * max(self.threads, 1) * max(self.processes, 1)


class Architecture(Record):
    """What the networks are. ``parameters`` counts the weights of one of them."""

    depth: int
    first_filters: int
    norm: str
    parameters: int | None
    regions: dict[str, tuple[int, ...]]
    ignored: tuple[int, ...]
    height_px: int | None
    width_px: int | None
    spacing_mm: tuple[float, float] | None = None


class SettingFact(Record):
    """A setting: its values in these networks, and in presets ``default`` and ``paper``."""

    path: str
    values: tuple[Value, ...]
    default: Value
    paper: Value

    @property
    def is_default(self) -> bool:
        """Whether it is the preset's; ``auto`` was resolved to one of its kinds."""
        return self.values == (self.default,) or self.default == "auto"


class PartFacts(Record):
    """One part of the split: numbers per network; sites and vendors None where not known."""

    part: Literal["training", "validation", "test"]
    patients: Range
    slices: Range
    sites: int | None
    vendors: int | None


class SplitFacts(Record):
    """How patients were divided. ``shared`` patients stand in more than one part."""

    design: Literal["seeds", "folds"]
    by: str
    fractions: tuple[float, float, float]
    seed: int
    from_file: bool
    folds: int
    repeats: int
    shared: int
    allow_leakage: bool


class DataFacts(Record):
    """What the networks learned from and were tested on: counts and hashes, nobody's name.

    Attributes:
        source: kind of files that the dataset was made of; None if it is not at hand.
        at_hand: whether the dataset was there to be asked.
        licence: under which it may be used; None if nobody stated it.
        crop_px: side of the square that the import cut out; None without, or if not known.
        crop_around: what it was cut around.
        resample_mm: side of the pixels that the import made; None without, or if not known.
        new_sites: sites of test patients without any training patient; None where not known.
        levels_known: slices whose level is known, of ``slices``.
    """

    source: str | None
    at_hand: bool
    licence: str | None
    crop_px: int | None
    crop_around: str | None
    resample_mm: float | None
    patients: int | None
    slices: int | None
    levels_known: int | None
    new_sites: int | None
    parts: tuple[PartFacts, ...]
    split: SplitFacts | None
    pixel_hash: str
    split_hashes: tuple[str, ...]


class RegionScores(Record):
    """Scores of one region on the test patients, and what its reference is like.

    Attributes:
        scores: by metric.
        baselines: mean scores of what never looks at an image, by baseline and metric.
        present, absent: test slices whose reference has, and lacks, the region.
        missed: share of the present ones on which the networks find nothing of it.
        false_alarms: share of the absent ones on which they mark any; None without such slices.
        pixel_share: share of all labelled test pixels.
        area_px: 5th percentile, median and 95th percentile of the reference's area on a slice.
    """

    region: str
    scores: dict[str, Mean]
    baselines: dict[str, dict[str, float]]
    present: int
    absent: int
    missed: float | None
    false_alarms: float | None
    pixel_share: float | None
    area_px: tuple[float, float, float] | None


class GroupScore(Record):
    """The question's score in one group of the test patients, or of their slices (level)."""

    factor: Factor
    group: str
    score: Mean


class FailureGroup(Record):
    """Slices of one level or size, and the share of them that fails."""

    factor: Literal["level", "heart size"]
    group: str
    slices: int
    share: float


class WorstSlice(Record):
    """One of the worst test slices, without any name.

    ``missed`` and ``extra`` are shares of the reference's area.
    """

    level: str | None
    heart_size: str
    area_px: int
    area_cm2: float | None
    dice: float
    missed: float
    extra: float


class Failures(Record):
    """Where the networks fail: test slices with a Dice below ``threshold``.

    Attributes:
        slices: test slices whose reference has the region.
        share: of these, mean over networks.
        patients_failing: patients with such a slice by any of the networks, of ``patients``;
            ``low`` and ``high``: exact 95 % interval of their share.
        collapsed: networks that find nothing of the region in any patient.
    """

    region: str
    threshold: float
    slices: int
    share: float
    patients: int
    patients_failing: int
    low: float
    high: float
    collapsed: int
    groups: tuple[FailureGroup, ...]
    worst: tuple[WorstSlice, ...]


class Scores(Record):
    """How the networks do on test patients.

    Attributes:
        kind: whose scores: of the single networks (mean over them), or of their ensemble.
        networks: how many of them were scored.
        question: region and metric of the study's question; ``margin`` as its author chose it.
        tolerance_px: of the boundary score.
        values: values of the study that were scored on these patients.
        small_groups: groups that are left out, since they have fewer than three patients.
    """

    kind: Literal["networks", "ensemble"]
    networks: int
    region: str
    metric: str
    margin: float | None
    tolerance_px: float
    values: int
    regions: tuple[RegionScores, ...]
    groups: tuple[GroupScore, ...]
    small_groups: int
    failures: Failures | None


class Probabilities(Record):
    """How far the answer's probabilities hold, as `myosweep calibrate` measured on test patients.

    Attributes:
        error: the calibration error, of pixels within ``near_px`` of the heart; ``low`` and
            ``high``: its 95 % interval, None with a single patient.
        overconfidence: probability minus share, on average; ``sure_low`` and ``sure_high``: its
            95 % interval, None with a single patient and on older cards.
        temperature: that the probabilities were scaled with; 1: they stay as they are.
    """

    error: float
    low: float | None
    high: float | None
    overconfidence: float
    patients: int
    near_px: float
    temperature: float
    sure_low: float | None = None
    sure_high: float | None = None


class Caution(Record):
    """A warning: a few words, and plain sentences."""

    topic: str
    text: str


class FileSum(Record):
    """A file by its name, relative to the study or the export, and its SHA-256."""

    name: str
    sha256: str


class ModelCard(Record):
    """A model card.

    Attributes:
        study, value: name of the study, and the swept values in words; None without a study.
        fields: what the study swept, in words.
        scores: None if they are not known; ``no_scores`` says why.
        probabilities: None if these very networks were not calibrated.
        clinical: whether clinical measures were taken in the study.
        files: what the facts were read from.
        exported: files of the export that the card stands beside; empty elsewhere.
    """

    format: Literal[1] = 1
    made_by: str
    study: str | None
    value: str | None
    fields: str | None
    architecture: Architecture
    networks: tuple[NetworkFacts, ...] = Field(min_length=1)
    settings: tuple[SettingFact, ...]
    data: DataFacts
    scores: Scores | None
    no_scores: str = ""
    probabilities: Probabilities | None = None
    clinical: bool = False
    warnings: tuple[Caution, ...] = ()
    files: tuple[FileSum, ...] = ()
    exported: tuple[FileSum, ...] = ()
