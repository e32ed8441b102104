"""What a search found, in sentences: for the terminal and for the page."""

from collections.abc import Iterator

from myosweep.analysis.cautions import metric_words
from myosweep.analysis.comparison_words import comparison_sentence
from myosweep.analysis.number_words import capital, counted, listed, number
from myosweep.analysis.points import format_value
from myosweep.analysis.tuning.cautions import best_trial, exploratory_words
from myosweep.analysis.tuning.early_scores import told_so_far
from myosweep.analysis.tuning.found import Trial, Tuned, ahead_of_default
from myosweep.analysis.tuning.race import FIRST_LOOK, Race
from myosweep.config import Choice, Range, StudyConfig, Tune, Value
from myosweep.report.conclusion.told import Part
from myosweep.results.trials import TuningState


def answer_part(found: Tuned, study: StudyConfig) -> Part:
    """Which settings to take, and the evidence on test patients or why there is none."""
    question, winner = "Which settings should I take?", winner_of(found)
    if found.nothing_learned and found.outcome != "not over":
        return Part(question, *_nothing_learned(found))
    match found.outcome:
        case "take" if found.exploratory:
            lead = f"{capital(winner)} looks better than the default, but this is exploratory."
        case "take":
            lead = f"Take the settings of {winner}."
        case "not confirmed":
            lead = (
                f"Keep the default. {capital(winner)} came first in the race on validation "
                "patients, but is not shown to be better on test patients."
            )
        case "keep":
            lead = "Keep the default: nothing that was tried is shown to be better."
        case _:
            lead = "Not known yet: the search or its race is not over. All below is preliminary."
    return Part(question, lead, (*_evidence(found, study), *_earlier(found)))


def _nothing_learned(found: Tuned) -> tuple[str, tuple[str, ...]]:
    assert found.floor is not None
    return "Not known: the networks have not learned the task.", (
        "No trial has a higher validation score than a predictor that never sees the image "
        f"({number(found.floor)}). Give trials more epochs, or let the learning rate be searched "
        "over a wider range, and look at the images and masks (`myosweep audit`).",
    )


def _evidence(found: Tuned, study: StudyConfig) -> Iterator[str]:
    best = best_trial(found)
    if found.test is not None:
        once = "" if found.earlier else ", looked at once"
        difference = comparison_sentence(
            found.test.comparisons[0], found.test, metric_words(study.question)
        )
        yield f"On the test patients{once}: {difference}"
        yield (
            f"This holds for new networks and new patients: {found.test.networks} networks of "
            f"each, {counted(found.test.patients, 'patient')}. These networks took no part in the "
            "search."
        )
    elif found.outcome == "keep":
        now = " for this answer" if found.earlier else ""
        yield f"The test patients were not looked at{now}, because there is nothing to confirm."
    elif found.race is not None and found.race.winner is not None:
        yield (
            f"Ahead in the race so far, on validation patients: {found.race.winner}. The race is "
            "not over."
        )
    elif best is not None and best.score is not None:
        yield (
            f"Highest validation score so far: {number(best.score)} of {best.name}. One network "
            "each says little about which settings are best."
        )


def _earlier(found: Tuned) -> Iterator[str]:
    if found.exploratory:
        yield exploratory_words(found)
    elif found.earlier is not None and found.test is None:
        yield (
            f"They had been looked at before, for {found.earlier.values[-1]} with "
            f"{found.earlier.networks} networks, when the budget was smaller: whatever else is "
            "found now is exploratory."
        )


def winner_of(found: Tuned) -> str:
    """The winner of the race; empty without one."""
    return found.race.winner if found.race and found.race.winner else ""


def race_part(found: Tuned, study: StudyConfig) -> Part | None:
    """How the race went; None before it."""
    race, question = found.race, "How did the race go?"
    if race is None:
        return None
    if not race.contenders:
        return Part(question, _no_race(found), ())
    return Part(question, _ending(race, found), tuple(_race_words(race, found, study)))


def _no_race(found: Tuned) -> str:
    if not ahead_of_default(found.trials):
        return "No trial scored higher than the default's network: there was nothing to race."
    return (
        "There was none: what is left of the budget does not reach its first look, at "
        f"{FIRST_LOOK} new networks each of the default and of one contender."
    )


def _ending(race: Race, found: Tuned) -> str:
    if found.outcome == "not over":
        return "It is not over."
    if race.winner and race.ending == "decided":
        return f"{capital(race.winner)} is better than the default on validation patients."
    if race.winner:
        return (
            f"{capital(race.winner)} came first, though it is not shown to be better on "
            "validation patients; the test patients decide."
        )
    match race.ending:
        case "nobody left":
            return "Nobody is left: no contender can be better than the default by the margin."
        case "largest number":
            return "Undecided: every contender has its largest number of networks."
        case _:
            return "Undecided: the budget is spent."


def _race_words(race: Race, found: Tuned, study: StudyConfig) -> Iterator[str]:
    names = listed(race.contenders)
    yield f"{capital(names)} raced against the default, each with {race.networks} new networks."
    if not race.rounds:
        yield f"The first look is taken at {FIRST_LOOK} networks each."
        return
    yield (
        f"Differences in {metric_words(study.question)} on validation patients, of new networks "
        "with the same seeds. The intervals of all looks together are wrong in at most 5 % of such "
        "races; a candidate leaves when it cannot be better by the margin of "
        f"{number(found.margin)}."
    )


def cost_part(found: Tuned, state: TuningState) -> Part:
    """What search and race have cost."""
    budget = f" of {state.budget_runs:.1f}" if state.budget_runs is not None else ""
    early = sum(_state(one) == "stopped" for one in found.trials)
    failed = sum(_state(one) == "failed" for one in found.trials)
    what = [counted(len(found.trials), "trial")]
    what += [f"{early} of them ended early"] if early else []
    what += [f"{failed} failed"] if failed else []
    saved = sum(one.run.cost - one.run.spent for one in found.trials if _state(one) == "stopped")
    sentences = [
        "The budget counts multiplications, which are the same on every machine: a network with "
        "twice the filters counts fourfold, twice the epochs twofold."
    ]
    if saved > 0:
        sentences.append(f"Ending trials early has saved {saved:.1f} default runs.")
    return Part(
        "What did it cost?",
        f"{', '.join(what)}; {found.spent:.1f}{budget} default runs spent on search and race.",
        tuple(sentences),
    )


def _state(one: Trial) -> str:
    return "" if one.run.status is None else one.run.status.status


def early_part(found: Tuned, study: StudyConfig) -> Part:
    """Whether early scores tell the final ones, and what followed from it."""
    tune = tune_of(study)
    told, rule = told_so_far(found.trials, tune, found.measured)
    question = "Do early scores tell the final ones?"
    if tune.pruner == "none":
        return Part(question, "No trial is ended early: tune.pruner is 'none'.", ())
    if not told:
        return Part(question, "Not measured yet; until then no trial is ended early.", ())
    if rule is None:
        lead = (
            "They tell too little (a rank correlation of at least 0.5 is asked for), and no trial "
            "is ended early."
        )
    else:
        rungs = listed([f"{rung} %" for rung in rule.rungs])
        lead = (
            f"Well enough: trials may be ended at {rungs} of their epochs, where about one of "
            f"{rule.factor} goes on ({tune.pruner})."
        )
    measured = (
        f"Measured on the first {told[0].trials} trials that were trained to their end: the rank "
        "correlation of the validation score at that moment with the final one, and its lower "
        "bound (90 %)."
    )
    return Part(question, lead, (measured,))


def domain_words(domain: Range | Choice) -> str:
    """Where a setting is searched.

    >>> domain_words(Range(low=0.001, high=0.1, log=True)), domain_words(Choice(values=(2, 4)))
    ('0.001 to 0.1 (logarithmic)', '2, 4')
    """
    if isinstance(domain, Range):
        scale = " (logarithmic)" if domain.log else ""
        return f"{format_value(domain.low)} to {format_value(domain.high)}{scale}"
    return ", ".join(map(format_value, domain.values))


def short_value(value: Value | None) -> str:
    """A setting's value in three digits.

    >>> short_value(0.00012345), short_value(8), short_value("penalty")
    ('0.000123', '8', 'penalty')
    """
    return format_value(float(f"{value:.3g}") if isinstance(value, float) else value)


def tune_of(study: StudyConfig) -> Tune:
    """The study's [tune]."""
    assert study.tune is not None
    return study.tune
