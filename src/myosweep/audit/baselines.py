"""How far one gets without looking at images: the majority class and the no-image predictor."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Int64, UInt8

from myosweep.audit.leakage import part_numbers
from myosweep.audit.measure import CHUNK
from myosweep.audit.records import Baselines, BaselineScore, Finding, Inspected
from myosweep.audit.words import percent
from myosweep.data.split import PARTS
from myosweep.metrics import dice, divide_defined, mean_defined
from myosweep.regions import NO_REGION

LOOK_DICE, LOOK_ACCURACY = 0.2, 0.9
MAJORITY, NO_IMAGE = "majority class", "no-image predictor"
_LEAVE_ONE_OUT = "learned from all other patients, tested on each patient in turn"
_Counts = Int64[np.ndarray, "region 3"]
"""TP, FP and FN of each region."""


def measure_baselines(inspected: Inspected) -> Baselines | None:
    """Score both predictors; None if there are fewer than two patients, or nothing to learn from.

    With splits they learn from each training part and are tested on its test part. Without, they
    are tested on each patient after learning from all others.
    """
    if inspected.table["patient"].nunique() < 2:
        return None
    scored = [*(_on_splits(inspected) if inspected.splits else _leave_one_out(inspected))]
    if not scored:
        return None
    how = _LEAVE_ONE_OUT
    if inspected.splits:
        how = "learned from the training part, tested on the patients of the test part"
        how += f" of {len(inspected.splits)} splits" * (len(inspected.splits) > 1)
    everything = _frequency(inspected, np.arange(len(inspected.table)))
    majority = _score(MAJORITY, inspected.structures.names, [one for one, _ in scored])
    no_image = _score(NO_IMAGE, inspected.structures.names, [one for _, one in scored])
    return Baselines(how, majority, no_image, _answer(everything))


def find_baselines(inspected: Inspected, baselines: Baselines | None) -> Iterator[Finding]:
    """Whether one gets far without seeing the image."""
    if baselines is None:
        return
    score = baselines.no_image_score
    names = inspected.structures.names
    wall = [names[place] for place in inspected.structures.myocardium] or list(names[1:])
    known = {name: value for name in wall if (value := score.dice[name]) is not None}
    best = max(known, key=lambda name: known[name], default=None)
    high_dice = best is not None and known[best] > LOOK_DICE
    if not (high_dice or score.accuracy > LOOK_ACCURACY):
        return
    dices = ", ".join(
        f"{name} {value:.2f}" for name in names[1:] if (value := score.dice[name]) is not None
    )
    yield Finding(
        "no-image predictor",
        "look",
        f"A predictor that never sees the image, but answers each position with the region most "
        f"frequent there, reaches an accuracy of {percent(score.accuracy, 1)} and Dice of {dices} "
        f"({baselines.how}). Calling everything {_most_frequent(inspected)} reaches "
        f"{percent(baselines.majority.accuracy, 1)}.",
        "Print every result beside it. An accuracy near it shows nothing; say Dice, and how much "
        "better than this it is.",
        (),
        {
            one.name: {"accuracy": round(one.accuracy, 4), "dice": dict(one.dice)}
            for one in (score, baselines.majority)
        },
    )


def _most_frequent(inspected: Inspected) -> str:
    names = inspected.structures.names
    return max(names, key=lambda name: float(inspected.table[f"area_px: {name}"].sum()))


def _leave_one_out(inspected: Inspected) -> Iterator[tuple[_Counts, _Counts]]:
    """Counts of both predictors for each patient, with what all others have."""
    everything = _frequency(inspected, np.arange(len(inspected.table)))
    for rows in inspected.table.groupby("patient", sort=False).indices.values():
        own = _frequency(inspected, np.asarray(rows))
        yield _test(own, everything - own)


def _on_splits(inspected: Inspected) -> Iterator[tuple[_Counts, _Counts]]:
    """Counts of both predictors for each patient of each test part."""
    for split in inspected.splits.values():
        parts = part_numbers(inspected.dataset, split)
        learned = _frequency(inspected, np.flatnonzero(parts == PARTS.index("training")))
        tested = inspected.table["patient"][parts == PARTS.index("test")]
        for rows in tested.groupby(tested, sort=False).groups.values():
            yield _test(_frequency(inspected, rows.to_numpy(np.int64)), learned)


def _frequency(
    inspected: Inspected, rows: Int64[np.ndarray, " row"]
) -> Int64[np.ndarray, "region y x"]:
    """How often each region stands at each pixel of some slices."""
    dataset, regions = inspected.dataset, len(inspected.structures.names)
    frequency = np.zeros((regions, *dataset.labels.shape[1:]), np.int64)
    scheme = dataset.scheme
    for start in range(0, len(rows), CHUNK):
        maps = dataset.reference(scheme, rows[start : start + CHUNK])
        for region in range(regions):
            frequency[region] += np.count_nonzero(maps == region, axis=0)
    return frequency


def _answer(frequency: Int64[np.ndarray, "region y x"]) -> UInt8[np.ndarray, "y x"]:
    """The most frequent region at each pixel, or none where nothing was ever labelled."""
    answer = frequency.argmax(0).astype(np.uint8)
    answer[frequency.sum(0) == 0] = NO_REGION
    return answer


def _test(
    own: Int64[np.ndarray, "region y x"], learned: Int64[np.ndarray, "region y x"]
) -> tuple[_Counts, _Counts]:
    """Counts of both predictors on a patient, from how often regions stand at each pixel."""
    majority = np.full(own.shape[1:], learned.sum((1, 2)).argmax(), np.uint8)
    return _count(own, majority), _count(own, _answer(learned))


def _count(
    own: Int64[np.ndarray, "region y x"], answer: UInt8[np.ndarray, "y x"]
) -> Int64[np.ndarray, "region 3"]:
    labelled = own.sum(0)
    counts = np.zeros((len(own), 3), np.int64)
    for region in range(len(own)):
        said = answer == region
        tp = int(own[region][said].sum())
        counts[region] = tp, int(labelled[said].sum()) - tp, int(own[region].sum()) - tp
    return counts


def _score(name: str, names: Sequence[str], patients: Sequence[_Counts]) -> BaselineScore:
    """Accuracy over all pixels, and the mean over patients of each region's Dice."""
    counts = np.stack(patients)
    tp, fp, fn = counts[..., 0], counts[..., 1], counts[..., 2]
    scores = dice(tp, fp, fn, strict=True)
    means = {region: mean_defined(scores[:, place]) for place, region in enumerate(names)}
    accuracy = float(divide_defined(tp.sum(), (tp + fn).sum()))
    return BaselineScore(
        name,
        accuracy if np.isfinite(accuracy) else 0.0,
        {region: round(mean.mean, 4) if mean.n_defined else None for region, mean in means.items()},
        {region: mean.n_defined for region, mean in means.items()},
    )
