"""The methods paragraph: what was done, in words that can be pasted into a manuscript."""

from importlib.metadata import version

from myosweep.analysis.early_rule import early_findings
from myosweep.analysis.points import fields_in_words
from myosweep.analysis.question import Asked
from myosweep.analysis.scores import ALL
from myosweep.results.ledger import Look
from myosweep.results.read import Results
from myosweep.statistics.answer import Answer
from myosweep.statistics.score_table import ScoreTable, estimand_words

METRICS = {
    "accuracy": "accuracy (sensitivity)",
    "iou": "intersection over union",
    "dice": "Dice similarity coefficient",
    "bf_strict": "boundary F1 score (a missed region counts 0)",
    "global_accuracy": "global accuracy",
    "mean_iou": "mean intersection over union",
    "mean_dice": "mean Dice similarity coefficient",
    "mean_bf_strict": "mean boundary F1 score (a missed region counts 0)",
}


def methods_paragraph(
    results: Results,
    asked: Asked,
    shown: Answer,
    table: ScoreTable,
    looks: tuple[Look, ...],
    *,
    default_margin: bool,
) -> str:
    """Estimand, design, counts, seeds, split, margin, family, looks and versions, in prose."""
    sentences = [
        _networks(results, table),
        _design(results),
        _early_rule(results),
        _score(asked, table),
        _margin(shown, default_margin=default_margin),
        _family(asked, shown),
        _intervals(shown, table),
        _looks(looks, results),
        versions_sentence(results),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _networks(results: Results, table: ScoreTable) -> str:
    what = fields_in_words(results.fields)
    values = "; ".join(table.values)
    kind = "sets of masks of another program" if results.study.source == "masks" else "U-Nets"
    each = f"{table.network_count} {kind} per value"
    return f"We compared {len(table.values)} values of {what} ({values}) with {each}."


def _design(results: Results) -> str:
    replicates, split = results.study.replicates, results.study.split
    if results.study.source == "masks":
        return ""
    hashes = sorted(results.networks["split_hash"].unique())
    if replicates.design == "folds":
        repeats = "once" if replicates.repeats == 1 else f"{replicates.repeats} times anew"
        return (
            f"Patients were divided into {replicates.folds} folds, {repeats} (seed {split.seed}, "
            f"{len(hashes)} splits, the first with hash {hashes[0][:16]}); each fold tested one "
            "network per value, trained on the other patients, of whom "
            f"{100 * replicates.validation:g} % were kept for validation. Every network had its "
            "own seed, and the same seeds and folds served all values."
        )
    seeds = ", ".join(str(member.seed) for member in replicates.members)
    return (
        f"All networks were trained and tested on one split by {split.by} (hash {hashes[0][:16]}); "
        f"the same seeds ({seeds}) served all values. All results are conditional on that one "
        "split: variance between training sets is not part of the intervals."
    )


def _early_rule(results: Results) -> str:
    rule, found = results.study.early_rule, early_findings(results)
    if rule is None or found is None or rule.action == "report":
        return ""
    applied = sum(one.outcome in ("stopped", "replaced") for one in found.applied)
    what = (
        "was stopped" if rule.action == "stop" else "was stopped and trained anew with the next of "
        f"{len(rule.adjust)} other settings fixed beforehand"
    )  # fmt: skip
    return (
        f"A training whose validation accuracy had not passed {100 * rule.threshold:g} % after "
        f"{100 * rule.fraction:g} % of its epochs {what}; this happened {applied} times."
    )


def _score(asked: Asked, table: ScoreTable) -> str:
    region = "over all regions" if asked.region == ALL else f"of the {asked.region}"
    return (
        f"The score was the {METRICS[asked.metric]} {region}, from the pooled pixels of each "
        "patient's slices (boundary scores: mean over slices), averaged over "
        f"{table.patient_count} test patients; slices whose reference lacks the region were "
        "left out for all networks."
    )


def _margin(shown: Answer, *, default_margin: bool) -> str:
    source = (
        "the effect of moving the reference outline outward by a quarter of a pixel in these data"
        if default_margin
        else "chosen beforehand"
    )
    return f"The smallest difference that matters was {shown.margin:.4f} ({source})."


def _family(asked: Asked, shown: Answer) -> str:
    kind = "primary" if asked.primary else "exploratory"
    match shown.family:
        case "reference":
            what = f"each value minus {shown.reference}"
        case "best":
            what = "each value minus the best of the others (Hsu's multiple comparisons)"
        case _:
            what = "all pairs of values"
    return f"The {kind} family of comparisons was {what}."


def _intervals(shown: Answer, table: ScoreTable) -> str:
    if shown.estimand == "none":
        return "With one network and one patient no interval can be given."
    scope = f"Intervals hold for {estimand_words(shown.estimand)}"
    if shown.estimand == "networks and patients":
        how = (
            "analysis of variance with networks and patients as crossed random factors"
            if table.common.all()
            else "sums of squares over networks, patients and cells, both as random factors"
        )
        scope += f", from paired differences by {how}"
    return (
        f"{scope}; they hold together with {100 * (1 - shown.level):.4g} % by the distribution of "
        "the largest |t|."
    )


def _looks(looks: tuple[Look, ...], results: Results) -> str:
    largest = results.study.replicates.largest
    if not looks:
        return "Nothing was left of the errors foreseen for looks, so this result is exploratory."
    sizes = ", ".join(str(look.networks) for look in looks)
    if len(looks) == 1:
        return f"Results were looked at once, at {sizes} of at most {largest} networks per value."
    return (
        f"Results were looked at {len(looks)} times, at {sizes} of at most {largest} networks per "
        "value; each look spent its share of the 5 % of errors (cubic spending function)."
    )


def versions_sentence(results: Results) -> str:
    """What computed the networks and these results."""
    trained = {
        item
        for run in results.runs.loc[results.runs["kind"] == "trained", "run"]
        if (status := results.folder.run(run).read_status()) is not None
        for item in status.versions.items()
    }
    torch = ", ".join(sorted(f"PyTorch {number}" for name, number in trained if name == "torch"))
    own = f"myosweep {version('myosweep')}, SciPy {version('scipy')}"
    return f"Computed with {own}{', ' + torch if torch else ''}."
