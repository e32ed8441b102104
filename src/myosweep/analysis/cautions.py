"""What a reader must know before believing the scores of a study."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from myosweep.analysis.compare import QuestionScores, question_scores
from myosweep.analysis.edge import edges
from myosweep.analysis.number_words import listed
from myosweep.analysis.points import field_words, format_value, points
from myosweep.analysis.remember import remembered
from myosweep.analysis.scores import NO_IMAGE, baseline_scores, summary
from myosweep.config import Question
from myosweep.results.read import Results
from myosweep.results.rows import RunStatus

_NEAR_BASELINE = 0.1
"""A mean is near the no-image baseline below this share of the way from there to 1."""


@dataclass(frozen=True)
class Caution:
    """One warning: a few words for its heading, and plain sentences."""

    topic: str
    text: str


def cautions(results: Results) -> tuple[Caution, ...]:
    """Everything that limits what the study's scores say, the gravest first."""
    question = question_scores(results)
    return (
        *_unfinished(results),
        *_diverged(results),
        *leak_caution(results),
        *_near_baseline(results, question),
        *_not_learned(results),
        *_edge(results, question),
        *_single_networks(results),
        *machines_caution(results),
    )


@remembered
def patients_in_several_parts(results: Results) -> int:
    """How many patients have slices in more than one part of the same split."""
    split_of = results.runs.set_index("run")["split_hash"]
    places = results.counts[["run", "part", "patient"]].drop_duplicates()
    places["split"] = places.pop("run").astype(str).map(split_of)
    parts = places.drop_duplicates().groupby(["split", "patient"], observed=True).size()
    return int(parts[parts > 1].index.unique("patient").size)


def _unfinished(results: Results) -> Iterator[Caution]:
    """Runs that the study wants and that are not whole, and those that failed."""
    if results.study.source != "training":
        return
    done, wanted = finished_networks(results)
    statuses = [run.read_status() for run in results.folder.runs()]
    if done < wanted - _stopped_for_good(results, statuses):
        yield Caution(
            "Preliminary",
            f"{done} of {wanted} networks are finished. All means change as the others "
            "come in, and values may be compared with different numbers of networks"
            f"{', tested on different patients' if in_folds(results) else ''}.",
        )
    failed = sum(status is not None and status.status == "failed" for status in statuses)
    if failed:
        yield Caution(
            "Failed training",
            f"{_networks(failed)} stopped with an error and {_are(failed)} missing here. They are "
            "tried again when the study is continued.",
        )


def _stopped_for_good(results: Results, statuses: Sequence[RunStatus | None]) -> int:
    """Networks that the early rule stopped, and that nothing replaces."""
    rule = results.study.early_rule
    if rule is None or rule.action != "stop":
        return 0
    return sum(status is not None and status.status == "stopped" for status in statuses)


def _diverged(results: Results) -> Iterator[Caution]:
    networks = results.networks
    diverged = set(networks.loc[networks["status"] == "diverged", "run"])
    named = []
    for point in points(results):
        seeds = [s for run, s in zip(point.runs, point.seeds, strict=True) if run in diverged]
        if seeds:
            numbers = f"{len(seeds)} of {_networks(len(point.runs))}"
            named.append(f"{point.words} ({numbers}: seed {', '.join(map(str, seeds))})")
    if named:
        yield Caution(
            "Diverged",
            f"Training ran out of bounds with {'; '.join(named)}. Such a network is not dropped: "
            "it is scored as it predicts, and pixels without an answer count as missed.",
        )


def leak_caution(results: Results) -> Iterator[Caution]:
    """Patients that stand in several parts of a split."""
    shared = patients_in_several_parts(results)
    if shared:
        yield Caution("Patients in several parts", leak_words(shared))


def leak_words(shared: int) -> str:
    """What it means that so many patients stand in several parts."""
    return (
        f"{_patients(shared)} {_have(shared)} slices in more than one of training, validation "
        "and test part. Neighbouring slices of a patient look alike, so the test scores are "
        "too good for new patients."
    )


def _near_baseline(results: Results, question: QuestionScores) -> Iterator[Caution]:
    if question.no_image is None:
        return
    near = [
        f"{point.words} ({score.mean:.3f})"
        for point, score in question.by_point
        if near_baseline(score.mean, question.no_image)
    ]
    if near:
        yield Caution(
            "Close to not looking at all",
            f"A predictor that never sees the image reaches {question.no_image:.3f} "
            f"{question_words(results)}. The mean of these values is lower, or hardly higher: "
            f"{'; '.join(near)}.",
        )


def near_baseline(score: float, no_image: float) -> bool:
    """Whether a score is lower than the no-image predictor's, or hardly higher."""
    return bool(score < no_image + _NEAR_BASELINE * (1 - no_image))


def _not_learned(results: Results) -> Iterator[Caution]:
    """Other regions that no value segments: where all fail alike, equivalence is no good news."""
    blind, reached = baseline_scores(results), summary(results)
    blind = blind[(blind["baseline"] == NO_IMAGE) & (blind["metric"] == "dice")]
    reached = reached[reached["metric"] == "dice"]
    scores = pd.DataFrame(
        {
            "blind": blind.set_index("region")["score"],
            "highest": reached.groupby("region")["mean"].max(),
        }
    )
    missed = [
        f"the {region} ({scores['highest'][region]:.3f}; without the image "
        f"{scores['blind'][region]:.3f})"
        for region in results.scheme.names
        if region in scores.index
        and region != results.study.question.region
        and near_baseline(scores["highest"][region], scores["blind"][region])
    ]
    if missed:
        yield Caution(
            "Regions not learned",
            f"At no value is the mean Dice of {listed(missed)} much higher than that of a "
            "predictor that never sees the image. Where values are equivalent there, all of them "
            "fail alike.",
        )


def _edge(results: Results, question: QuestionScores) -> Iterator[Caution]:
    """The highest mean at the smallest or largest tested value: the range may be too short."""
    for edge in edges(results, question):
        following = ""
        if edge.following is not None:
            step = format_value(edge.following)
            following = f"; the next step of the same ratio would be {step} (`myosweep extend`)"
        yield Caution(
            "Edge of the tested range",
            f"The highest mean {question_words(results)} belongs to the {edge.side} "
            f"{field_words(edge.path)} tested, {format_value(edge.value)}. What lies beyond was "
            f"not tried{following}.",
        )


def _single_networks(results: Results) -> Iterator[Caution]:
    alone = [point.label for point in points(results) if len(point.runs) == 1]
    if alone:
        other = "another seed, that is, by chance alone,"
        if in_folds(results):
            other = "another seed and in another fold, that is, by chance and with other patients,"
        yield Caution(
            "One network only",
            f"Only one network stands for each of these values: {'; '.join(alone)}. How much "
            f"scores would change with {other} is not known.",
        )


def machines_caution(results: Results) -> Iterator[Caution]:
    """Networks that were not all computed alike."""
    statuses = run_statuses(results)
    groups: dict[str, set[Any]] = {
        "machines": {status.machines for status in statuses if status.machines},
        "precisions": {status.precision for status in statuses},
        "devices": {status.device for status in statuses},
        "software versions": {tuple(sorted(status.versions.items())) for status in statuses},
    }
    if "precision" in results.fields:  # differs by the study's will
        del groups["precisions"]
    differing = [name for name, found in groups.items() if len(found) > 1]
    if differing:
        yield Caution(
            "Not all computed alike",
            f"The networks were trained on different {' and '.join(differing)}. This changes "
            "scores a little, about as another seed does, and may add to differences of values.",
        )


def run_statuses(results: Results) -> tuple[RunStatus, ...]:
    """How each trained network ended, in the order of RUNS."""
    trained = results.runs.loc[results.runs["kind"] == "trained", "run"]
    found = (results.folder.run(run).read_status() for run in trained)
    return tuple(status for status in found if status is not None)


def finished_networks(results: Results) -> tuple[int, int]:
    """How many networks were trained to the end, and how many the study wants."""
    wanted = len(list(results.study.points())) * len(results.study.replicates.members)
    return int((results.networks["kind"] == "trained").sum()), wanted


def in_folds(results: Results) -> bool:
    """Whether each network was tested on a fold of the patients, and not all on the same ones."""
    return results.study.replicates.design == "folds"


def question_words(results: Results) -> str:
    """The study's question in words: ``Dice of the myocardium``."""
    return metric_words(results.study.question)


def metric_words(question: Question) -> str:
    """What a question asks for, in words."""
    names = {"accuracy": "accuracy", "iou": "IoU", "dice": "Dice", "bf": "BF score"}
    metric = names.get(question.metric, "strict BF score")
    return f"{metric} of the {question.region}"


def _networks(count: int) -> str:
    return "1 network" if count == 1 else f"{count} networks"


def _patients(count: int) -> str:
    return "1 patient" if count == 1 else f"{count} patients"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _have(count: int) -> str:
    return "has" if count == 1 else "have"
