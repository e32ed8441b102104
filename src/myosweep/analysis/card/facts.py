"""All facts of a model card, from a study's tables and files; no images are needed, no torch."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import myosweep
from myosweep.analysis.card.data import data_facts, spacing_mm
from myosweep.analysis.card.networks import architecture, network_facts, setting_facts
from myosweep.analysis.card.records import Caution, ModelCard, NetworkFacts, Scores
from myosweep.analysis.card.scores import model_scores
from myosweep.analysis.cautions import leak_caution, machines_caution, near_baseline
from myosweep.analysis.number_words import counted
from myosweep.analysis.points import field_words, fields_in_words, format_value
from myosweep.analysis.scores import NO_IMAGE
from myosweep.analysis.tuning.found import name_of, seen_part
from myosweep.errors import StudyError
from myosweep.results.layout import RunFolder
from myosweep.results.read import Results, read_counts

_NO_STUDY = "The study that the networks were trained in was not at hand, so nothing was scored."
_NOT_SEEN = (
    "The study is a search, and nobody has looked at how these networks do on test patients; this "
    "card does not either, so that nobody chooses by it."
)
_NO_TEST = "No test slice was scored."


def model_card(
    results: Results | None,
    members: Sequence[RunFolder],
    scored: Sequence[str],
    values: int = 1,
    planned: int | None = None,
) -> ModelCard:
    """The card of some networks that answer together, or of one.

    Args:
        results: of their study; None if it is not at hand.
        members: the networks' runs, in their order.
        scored: ids of the runs whose scores count: the members' own, or that of their ensemble.
        values: how many values of the study were scored on the test patients.
        planned: how many networks the study wants of this value; None for a card of one run.

    Raises:
        StudyError: if a run is no finished network.
    """
    networks = tuple(map(network_facts, members))
    settings = [run.read_settings() for run in members]
    if results is not None:
        results = _only(results, {*(run.id for run in members), *scored})
    scores, why = _scores(results, scored, values)
    one = settings[0]
    point = [f"{field_words(path)} {format_value(value)}" for path, value in one.point.items()]
    if one.trial is not None:
        point = [f"{name_of(one.trial)} ({', '.join(point)})" if one.trial else name_of(0)]
    return ModelCard(
        made_by=f"myosweep {myosweep.__version__}",
        study=None if results is None else results.study.name,
        value=", ".join(point) or None,
        fields=None if results is None else fields_in_words(results.fields),
        architecture=architecture(members, _spacing(results, members)),
        networks=networks,
        settings=setting_facts(settings),
        data=data_facts(members, results),
        scores=scores,
        no_scores=why,
        clinical=results is not None and results.folder.clinical.exists(),
        warnings=(*_unfinished(networks, planned), *_warnings(results, networks, scores)),
    )


def _only(results: Results, wanted: set[str]) -> Results:
    """The results of some runs and of all baselines."""
    runs = results.runs
    kept = runs[runs["run"].isin(wanted) | (runs["kind"] == "baseline")].reset_index(drop=True)
    counts = results.counts[results.counts["run"].isin(kept["run"])].reset_index(drop=True)
    return replace(results, runs=kept, counts=counts)


def _scores(
    results: Results | None, scored: Sequence[str], values: int
) -> tuple[Scores | None, str]:
    """The scores, or why there are none."""
    if results is None:
        return None, _NO_STUDY
    search = results.study.tune is not None
    found = model_scores(seen_part(results) if search else results, scored, values)
    return found, "" if found else _NOT_SEEN if search else _NO_TEST


def _spacing(results: Results | None, members: Sequence[RunFolder]) -> tuple[float, float] | None:
    if results is not None:
        return spacing_mm(results.counts)
    try:
        return spacing_mm(read_counts(members[0]))
    except StudyError:
        return None


def _unfinished(networks: Sequence[NetworkFacts], planned: int | None) -> Iterator[Caution]:
    if planned is not None and len(networks) < planned:
        yield Caution(
            topic="Preliminary",
            text=f"{len(networks)} of the {planned} networks that the study wants of this value "
            "are finished; with the others the card changes.",
        )


def _warnings(
    results: Results | None, networks: Sequence[NetworkFacts], scores: Scores | None
) -> Iterator[Caution]:
    """What a user must know before trusting the scores, the gravest first."""
    diverged = sum(one.status == "diverged" for one in networks)
    if diverged:
        yield Caution(
            topic="Diverged",
            text=f"The training of {counted(diverged, 'network')} ran out of bounds; without an "
            "answer pixels count as missed.",
        )
    if results is not None:
        for found in (*leak_caution(results), *machines_caution(results)):
            yield Caution(topic=found.topic, text=found.text)
    if scores is not None:
        yield from _near_baseline(scores)
        yield from _chosen(scores)


def _near_baseline(scores: Scores) -> Iterator[Caution]:
    """The region of the question first, then others that the networks hardly know either."""
    near = []
    for one in sorted(scores.regions, key=lambda one: one.region != scores.region):
        floor, mean = one.baselines.get(NO_IMAGE, {}).get("dice"), one.scores["dice"].mean
        if floor is not None and mean is not None and near_baseline(mean, floor):
            near.append(
                f"A predictor that never sees the image reaches a Dice of {floor:.3f} for the "
                f"{one.region}; the networks reach {mean:.3f}."
            )
    if near:
        yield Caution(topic="Close to not looking at all", text=" ".join(near))


def _chosen(scores: Scores) -> Iterator[Caution]:
    if scores.values > 1:
        yield Caution(
            topic="Compared on the same patients",
            text=f"{scores.values} values of the study were scored on these test patients. If this "
            "one was taken because its score is the highest, the score is a little too good for "
            "new patients.",
        )
