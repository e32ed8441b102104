"""What is to be said of the early rule, in plain English; and what to beware of."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from myosweep.analysis.cautions import Caution, question_words
from myosweep.analysis.early_rule import EarlyApplication, EarlyFindings, Outcome, early_findings
from myosweep.analysis.number_words import counted, listed, number, percent
from myosweep.results.read import Results

OUTCOMES: dict[Outcome, str] = {
    "recorded": "recorded only",
    "stopped": "stopped",
    "waiting": "stopped; goes on at the next start",
    "continued": "stopped, went on later",
    "replaced": "stopped; next: ",
    "last": "list exhausted, trained on",
    "diverged": "ran out of bounds by itself",
}
_ACTIONS = {
    "report": "this is only recorded",
    "stop": "it stops there",
    "adjust": "it stops there, and a training with other settings takes its place",
}


def early_sentences(found: EarlyFindings, score: str) -> tuple[str, ...]:
    """Everything to be said of the rule in a study: what it is, did, and would have done wrongly.

    Args:
        score: the study's question in words, such as ``Dice of the myocardium``.
    """
    return (_what_it_is(found), *_what_it_did(found), *_wrongly(found, score), *_floor(found))


APPLICATION_COLUMNS = (
    "training", "adjustment", "epoch", "accuracy", "what happened"
)  # fmt: skip


def application_rows(applied: Sequence[EarlyApplication]) -> tuple[tuple[str, ...], ...]:
    """Each application as cells of ``APPLICATION_COLUMNS``."""
    return tuple(
        (
            one.words,
            f"{one.adjustment}: {one.change}" if one.adjustment else "–",
            f"{one.epoch} of {one.epochs}",
            accuracy_words(one.accuracy),
            outcome_words(one),
        )
        for one in applied
    )


def outcome_words(one: EarlyApplication) -> str:
    """What became of a run that had not passed, with the settings that came next."""
    return OUTCOMES[one.outcome] + one.next_change


def accuracy_words(accuracy: float) -> str:
    """An accuracy in percent, with two decimals, so that it is not rounded up to the threshold.

    >>> accuracy_words(0.89996).replace(chr(160), " "), accuracy_words(float("nan"))
    ('89.99 %', 'no accuracy')
    """
    if np.isnan(accuracy):
        return "no accuracy"
    return f"{np.floor(1e4 * accuracy + 1e-9) / 100:.2f}\u00a0%"


def early_cautions(results: Results) -> Iterator[Caution]:
    """Warnings that the study's own early rule calls for; none without one."""
    found = early_findings(results)
    if found is None or not found.in_force:
        return
    if found.no_higher_than:
        yield Caution("Early rule without meaning", " ".join(_floor(found)))
    stopped = [one for one in found.applied if one.outcome in ("stopped", "waiting")]
    if stopped:
        yield Caution(
            "Stopped by the early rule",
            f"{counted(len(stopped), 'training')} had not passed {percent(found.threshold)} "
            f"early, {_was(len(stopped))} stopped, and {_is(len(stopped))} missing in all means: "
            f"{listed([one.words for one in stopped])}. What is left of such a value is a "
            "selection, and may look better than the value is. To let them go on, set action = "
            "'report' under [early_rule] and run the study again.",
        )
    yield from _adjusted(results, found)


def _adjusted(results: Results, found: EarlyFindings) -> Iterator[Caution]:
    """Networks whose settings are not the study's."""
    networks = results.networks
    changed = set(networks.loc[networks["adjustment"] > 0, "run"])
    if not changed:
        return
    replaced = Counter(one.words for one in found.applied if one.outcome == "replaced")
    failed = [one.words for one in found.applied if one.outcome == "last"]
    still = f" Not even then passed: {listed(failed)}." if failed else ""
    yield Caution(
        "Settings changed by the early rule",
        f"{counted(len(changed), 'network')} {_was(len(changed))} trained with other settings "
        f"than the study's, because the first training had not passed {percent(found.threshold)} "
        f"early: {listed(list(replaced))}. Where the networks of one value have other settings "
        f"than those of another, their difference may come from these.{still}",
    )


def _what_it_is(found: EarlyFindings) -> str:
    when = listed([f"epoch {epoch} of {epochs}" for epoch, epochs in found.epochs], "or")
    rule = (
        f"if a training has not passed {percent(found.threshold)} validation accuracy by the end "
        f"of {when} ({percent(found.fraction)} of the epochs)"
    )
    if found.in_force:
        return f"The early rule of this study: {rule}, {_ACTIONS[found.action]}."
    return (
        "This study has no early rule. Exploratory, and without any effect on the results: the "
        f"paper's rule put to the finished trainings. By that rule, {rule}, other settings are "
        "tried."
    )


def _what_it_did(found: EarlyFindings) -> Iterator[str]:
    if not found.in_force:
        return
    asked = counted(found.asked, "training")
    if not found.applied:
        passed = "It" if found.asked == 1 else "Every one"
        yield f"{asked} got so far. {passed} passed." if found.asked else "No training got so far."
        return
    yield f"{asked} got so far; {len(found.applied)} of them had not passed."
    last = sum(one.outcome == "last" for one in found.applied)
    if last:
        yield (
            f"In {counted(last, 'case')} the list of other settings was exhausted: the last "
            "training was carried to its end without having passed."
        )


def _wrongly(found: EarlyFindings, score: str) -> Iterator[str]:
    completed = len(found.completed)
    if not completed:
        yield "No finished training can say whether the rule stops wrongly."
        return
    runs, share = counted(completed, "completed training"), percent(found.wrongly / completed)
    interval = (
        f"95\u00a0% interval {percent(found.low)} to {percent(found.high)}, exact, as if trainings "
        "were independent"
    )
    if not found.would_stop:
        yield (
            f"Of {runs} the rule would have stopped none, and so {share} of them wrongly "
            f"({interval})."
        )
    else:
        verb = "had not passed" if found.action == "adjust" else "would have been stopped"
        yield (
            f"Of {runs}, {found.would_stop} {verb}: {found.wrongly} wrongly, {share} of the "
            f"completed trainings ({interval}). Wrongly means: the training ended with a "
            f"validation score ({score}) at least as good as that of the study’s median training, "
            f"{number(found.median)}."
        )
    if found.action != "report" and any(
        one.outcome in ("stopped", "replaced") for one in found.applied
    ):
        yield (
            "Trainings that the rule stopped are not among these, because nobody knows how they "
            "would have ended: how often the rule stops wrongly can only be seen in a study with "
            "action = 'report'."
        )


def _floor(found: EarlyFindings) -> Iterator[str]:
    """Whether passing the threshold says anything, beside what needs no image."""
    if not found.baselines:
        return
    too_low = found.no_higher_than
    reached = [f"the {name} ({accuracy_words(one)})" for name, one in too_low or found.baselines]
    if not too_low:
        yield (
            f"The threshold, {percent(found.threshold)}, lies above what is reached on the "
            f"validation part without looking at the image, by {listed(reached)}."
        )
        return
    yield (
        f"The threshold, {percent(found.threshold)}, is no higher than what is reached on the "
        f"validation part without looking at the image, by {listed(reached)}. A training that "
        "passes it need not have learned anything from the images: here the rule cannot tell "
        "learning from not learning."
    )


def _was(count: int) -> str:
    return "was" if count == 1 else "were"


def _is(count: int) -> str:
    return "is" if count == 1 else "are"


def early_notes(results: Results) -> tuple[str, ...]:
    """Notes below a table of scores: only where the study has a rule of its own."""
    found = early_findings(results)
    if found is None or not found.in_force:
        return ()
    return early_sentences(found, question_words(results))
