"""The methods paragraph of a search, to be pasted into a manuscript."""

from collections.abc import Iterator

from myosweep.analysis.methods import METRICS, versions_sentence
from myosweep.analysis.number_words import counted, listed
from myosweep.analysis.patient_scores import strict_metric
from myosweep.analysis.points import fields_in_words
from myosweep.analysis.tuning.early_scores import told_so_far
from myosweep.analysis.tuning.found import Tuned, ahead_of_default
from myosweep.analysis.tuning.race import FIRST_LOOK, Race
from myosweep.config import Tune
from myosweep.results.read import Results
from myosweep.results.trials import TuningState

_SAMPLERS = {
    "tpe": "tree-structured Parzen estimator, multivariate and grouped",
    "gp": "Gaussian process",
    "random": "random search",
}
_PRUNERS = {"asha": "asynchronous successive halving", "hyperband": "Hyperband"}


def tuned_methods(found: Tuned, results: Results, state: TuningState) -> str:
    """Sampler, seeds, budget, split, networks, margins, looks and versions, in prose."""
    tune = results.study.tune
    assert tune is not None
    sentences = (
        _search(found, results, tune, state),
        _early(found, tune),
        _score(results),
        *_race(found, results, state),
        *_test(found),
        versions_sentence(results),
    )
    return " ".join(sentences)


def _search(found: Tuned, results: Results, tune: Tune, state: TuningState) -> str:
    split = sorted(results.networks["split_hash"].unique())[0][:16]
    whole = (
        f" ({state.budget_runs:.4g} trainings of the default)" if "run" not in state.budget else ""
    )
    optuna = f"Optuna {state.optuna}".strip()
    return (
        f"We searched {fields_in_words(results.fields)} with {optuna} ({_SAMPLERS[tune.sampler]}, "
        f"seed {tune.seed}; the default first, then {counted(tune.startup - 1, 'random trial')}; "
        "each proposal seeded from the study's seed and the trial's number). Search and race had a "
        f"budget of {state.budget}{whole if state.budget_runs else ''}, counted in "
        f"multiplications, at most {100 * (1 - tune.race_share):g} % of it for the search. "
        f"{counted(len(found.trials), 'trial')} trained one U-Net each (seed 0) on one split by "
        f"{results.study.split.by} (hash {split}); all results are conditional on that split."
    )


def _early(found: Tuned, tune: Tune) -> str:
    told, rule = told_so_far(found.trials, tune, found.measured)
    if tune.pruner == "none" or not told:
        return "No trial was ended early."
    if rule is None:
        return (
            "No trial was ended early, because early scores did not tell the final ones (lower 90 "
            "% bound of Spearman's rank correlation below 0.5)."
        )
    return (
        f"From {rule.percent} % of their epochs on, trials were ended early by "
        f"{_PRUNERS[tune.pruner]} (reduction factor {rule.factor}), after the rank correlation of "
        "scores at that moment with the final ones had been found high enough on the first whole "
        "trials (lower 90 % bound at least 0.5)."
    )


def _score(results: Results) -> str:
    question = results.study.question
    return (
        f"The score was the {METRICS[strict_metric(question.metric)]} of the {question.region}, "
        "from the pooled pixels of each patient's slices (boundary scores: mean over slices), "
        "averaged over patients; slices whose reference lacks the region were left out."
    )


def _race(found: Tuned, results: Results, state: TuningState) -> Iterator[str]:
    race = found.race
    if race is None:
        return
    if not race.contenders:
        yield (
            "The budget did not reach a race."
            if ahead_of_default(found.trials)
            else "No trial scored higher than the default on validation patients."
        )
        return
    yield (
        f"The best {counted(len(race.contenders), 'trial')} by validation score and the default "
        f"were trained with new networks, up to {state.largest} each, with the same seeds for all. "
        f"After each round from the {FIRST_LOOK}rd on, paired differences to the default on "
        "validation patients were judged by simultaneous intervals (analysis of variance with "
        "networks and patients as crossed random factors, distribution of the largest |t|); all "
        "looks together spend 5 % of errors by a cubic spending function. A trial that could not "
        f"be better by the smallest difference that matters, {found.margin:.4f} "
        f"({_source(results)}), left; ties went to the default. {_looks(race)}"
    )


def _source(results: Results) -> str:
    if results.study.question.margin is not None:
        return "chosen beforehand"
    return (
        "the effect of moving the reference outline outward by a quarter of a pixel in these data"
    )


def _looks(race: Race) -> str:
    sizes = [str(one.networks) for one in race.rounds]
    return f"Looks were taken at {listed(sizes)} networks each." if sizes else "No look was taken."


def _test(found: Tuned) -> Iterator[str]:
    if found.test is None:
        if found.outcome == "keep":
            yield "No trial was left ahead of the default, and the test patients were not used."
        return
    when = (
        "once, after the race"
        if not found.exploratory
        else "after an earlier look under a smaller budget, so that this comparison is exploratory"
    )
    yield (
        f"The leader of the race was compared with the default on {found.test.patients} test "
        f"patients {when}: "
        f"the {found.test.networks} networks of the race each, 95 % interval, margin "
        f"{found.test.margin:.4f}."
    )
