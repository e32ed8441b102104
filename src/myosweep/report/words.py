"""The report's sentences: what was done, what can be said, what the words mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np

import myosweep
from myosweep.analysis.cautions import (
    finished_networks,
    in_folds,
    patients_in_several_parts,
    question_words,
    run_statuses,
)
from myosweep.analysis.compare import QuestionScores, question_scores
from myosweep.analysis.number_words import counted, listed
from myosweep.analysis.points import Point, field_words, points, swept_things
from myosweep.analysis.scores import NO_IMAGE, baseline_scores
from myosweep.config import StudyConfig, canonical_hash, preset_reasons
from myosweep.data.split import PARTS
from myosweep.results.read import Results

_PRECISION = {
    "float32": "float32, about 7 significant digits",
    "bfloat16": "bfloat16: products are computed with about 3 significant digits, weights are kept "
    "with 7; what this does to the scores is not measured here",
}
_TELLING_LITTLE = 0.8
"""From this global accuracy of the no-image predictor on, global accuracy tells little."""


@dataclass(frozen=True)
class Fact:
    """A term and what is to be said of it."""

    term: str
    text: str


def title(results: Results) -> str:
    """The page's title."""
    subject = f"segmentation of the {results.study.question.region}"
    if not results.fields:
        return f"S{subject[1:]}"
    things = listed(swept_things(results.study, results.fields))
    return f"{things[:1].upper()}{things[1:]} and the {subject}"


def what_was_done(results: Results) -> tuple[str, str]:
    """Two sentences: which networks, and on which patients."""
    found = points(results)
    counts = sorted({len(point.runs) for point in found})
    each = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    total = sum(len(point.runs) for point in found)
    regions = listed(results.scheme.names)
    if results.study.source == "masks":
        first = f"{counted(total, 'set')} of masks, made by another program, that outline {regions}"
        first += " were scored"
    else:
        first = f"{counted(total, 'network')} (U-Net) learned to outline {regions}"
    first += " in LGE-MRI slices"
    if results.fields:
        tried = _tried(found)
        values = counted(len(found), "value" if len(tried) == 1 else "combination")
        first += f": {each} for each of {values} of {listed(tried)}"
    return first + ".", _patients(results)


def background(results: Results) -> tuple[str, ...]:
    """What to know beside the conclusion: what needs no image, and who was tested."""
    question = question_scores(results)
    return (*_floor(results, question, question_words(results)), _same_patients(results))


def facts(results: Results) -> tuple[Fact, ...]:
    """The study at a glance."""
    study = results.study
    question = Fact("Question", f"{question_words(results)}, on the test part")
    if study.source == "masks":
        return (question,)
    split = Fact("Split", _split(study))
    return (question, split, Fact("Preset", _preset(results)), *_computing(results))


def versions(results: Results) -> tuple[Fact, ...]:
    """Software that trained, and that wrote this report; hashes that name data and split."""
    trained = sorted({item for status in run_statuses(results) for item in status.versions.items()})
    wrote = [("myosweep", myosweep.__version__)]
    wrote += [(name, version(name)) for name in ("numpy", "pandas", "matplotlib")]
    settings = results.folder.run(results.networks["run"].iloc[0]).read_settings()
    splits = sorted(results.runs["split_hash"].unique().tolist())
    divided = Fact("Fingerprint of the split", splits[0][:16])
    if len(splits) > 1:
        together = canonical_hash({"splits": splits})[:16]
        divided = Fact(f"Fingerprint of the {len(splits)} splits together", together)
    return (
        *([Fact("Trained with", _versions(trained))] if trained else []),
        Fact("Report written with", _versions(wrote)),
        Fact("Fingerprint of images and masks", settings.pixel_hash[:16]),
        divided,
    )


def _tried(found: Sequence[Point]) -> list[str]:
    """What was varied, with its values, each once, in the sweep's order."""
    columns = zip(*(point.told for point in found), strict=True)
    return [
        f"{column[0][0]} ({', '.join(dict.fromkeys(value for _, value in column))})"
        for column in columns
    ]


def _patients(results: Results) -> str:
    """Who taught, validated and tested the networks, from the counts."""
    if in_folds(results):
        return _patients_in_folds(results)
    sizes = part_sizes(results)
    shared = patients_in_several_parts(results)
    unseen = "that no network has seen"
    if shared:
        unseen = f"; {counted(shared, 'patient')} of the study stand in more than one part"
    test = f"The test scores come from {sizes.get('test', 'no slices')}"
    if "training" not in sizes:
        return f"{test}."
    test += unseen if unseen.startswith(";") else f" {unseen}"
    return (
        f"They learned from {sizes['training']}; {sizes.get('validation', 'no slices')} served to "
        f"follow their training (validation). {test}."
    )


def part_sizes(results: Results) -> dict[str, str]:
    """How many slices of how many patients each part has, in words."""
    places = results.counts[["part", "slice", "patient"]].drop_duplicates()
    return {
        str(part): f"{counted(len(group), 'slice')} of "
        f"{counted(group['patient'].nunique(), 'patient')}"
        for part, group in places.groupby("part", observed=True)
    }


def _patients_in_folds(results: Results) -> str:
    replicates = results.study.replicates
    counts = results.counts
    patients, slices = counts["patient"].nunique(), counts["slice"].nunique()
    one_each = results.runs.drop_duplicates("split_hash")["run"]
    places = counts.loc[counts["run"].isin(one_each), ["run", "part", "patient"]]
    sizes = places.drop_duplicates().groupby(["run", "part"], observed=True).size()
    training, validation, test = (_from_to(sizes.xs(part, level="part").tolist()) for part in PARTS)
    anew = "" if replicates.repeats == 1 else f", {replicates.repeats} times anew"
    times = "once" if replicates.repeats == 1 else f"{replicates.repeats} times"
    done, wanted = finished_networks(results)
    each = "Each" if done >= wanted else "When all networks are finished, each"
    return (
        f"{counted(patients, 'patient')} ({counted(slices, 'slice')}) were divided into "
        f"{replicates.folds} folds{anew}. Each fold ({test} patients) tests one network per value, "
        f"which learned from {training} of the other patients while {validation} served to follow "
        f"its training (validation). {each} patient is tested {times} per value, always by "
        "networks that have not seen him or her."
    )


def _from_to(sizes: Sequence[int]) -> str:
    low, high = min(sizes), max(sizes)
    return str(low) if low == high else f"{low} to {high}"


def _split(study: StudyConfig) -> str:
    seed = f"seed {study.split.seed}"
    if study.replicates.design == "folds":
        repeats = study.replicates.repeats
        anew = "" if repeats == 1 else f", {repeats} times anew"
        share = f"{100 * study.replicates.validation:g}\u00a0%"
        return (
            f"by patient, {study.replicates.folds} folds{anew}; {share} of the patients not tested "
            f"validate, {seed}"
        )
    if study.split.file is not None:
        return "as given in a split file"
    parts = " / ".join(f"{100 * share:g}" for share in study.split.fractions)
    return f"by {study.split.by}, training / validation / test {parts}\u00a0%, {seed}"


def _same_patients(results: Results) -> str:
    if in_folds(results):
        return (
            "In every fold the networks of all values learned from the same patients and were "
            "tested on the same patients, so that values can be compared fold by fold."
        )
    return (
        "All networks were scored on the same test slices. How much other patients, to learn from "
        "or to be tested on, would change the scores is not known."
    )


def _floor(results: Results, question: QuestionScores, name: str) -> list[str]:
    if question.no_image is None:
        return []
    floor = baseline_scores(results).set_index(["baseline", "metric"])["score"]
    accuracy = float(np.ravel(floor[NO_IMAGE, "global_accuracy"])[0])
    sentence = (
        "A predictor that never looks at the image, and gives at each position the region most "
        f"frequent there in the training part, reaches {question.no_image:.3f} {name}"
    )
    if accuracy < _TELLING_LITTLE:
        return [sentence + "."]
    return [
        f"{sentence} and {100 * accuracy:.1f}\u00a0% global accuracy. A high accuracy over all "
        "pixels therefore says little."
    ]


def _preset(results: Results) -> str:
    reasons = preset_reasons(results.study.preset)
    if not reasons:
        return f"{results.study.preset}: MATLAB’s settings, as in the paper"
    changed = "; ".join(
        f"{listed(list(map(field_words, paths)))} ({reason})" for reason, paths in reasons.items()
    )
    return f"{results.study.preset}: MATLAB’s settings, except {changed}"


def _computing(results: Results) -> list[Fact]:
    statuses = run_statuses(results)
    if not statuses:
        return []
    precisions = sorted({status.precision for status in statuses})
    places = sorted(
        {
            f"{s.device}, {machine}"
            for s in statuses
            for machine in s.machines or (f"{s.threads} threads",)
        }
    )
    minutes = sum(status.seconds for status in statuses) / 60
    return [
        Fact("Precision", "; ".join(_PRECISION.get(name, name) for name in precisions)),
        Fact("Computed on", "; ".join(places)),
        Fact("Time of training", f"{minutes:.0f} minutes for {counted(len(statuses), 'network')}"),
    ]


def _versions(items: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{name} {number}" for name, number in items)
