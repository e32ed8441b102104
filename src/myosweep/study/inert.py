"""Settings that cannot act, told before a study starts, not after it has cost a week."""

from collections.abc import Iterator
from math import exp

from myosweep.config import (
    Labels,
    StudyConfig,
    flatten,
    full_point,
    settings_from_paths,
    without_effect,
)
from myosweep.data.label_noise import spoil_labels
from myosweep.errors import ConfigError
from myosweep.study.open import Study
from myosweep.study.tune.propose import draw
from myosweep.training.plan import RunPlan

_LEAST_SHRINKAGE = 0.01
"""Decoupled decay that takes less than this from a weight in a whole training hardly acts."""

_DRAWN = 50
"""Points of a search that tell whether a field ever acts in it."""
_LOOKED_AT = 20
"""Slices that tell whether errors in contours change anything; whole slices need all of them."""


def inert_settings(study: Study) -> list[str]:
    """A sentence for each setting that changes nothing, or hardly anything, in this study."""
    return [
        *_without_effect(study.config),
        *_searched_in_vain(study.config),
        *_too_weak(study),
        *_spoils_nothing(study),
    ]


def _without_effect(config: StudyConfig) -> Iterator[str]:
    points = [settings for _, settings in config.points()]
    reasons = [without_effect(settings) for settings in points]
    swept = () if config.tune else config.fields  # what a search tries depends on other fields
    for path in (*swept, *config.settings):
        inert = [found[path] for found in reasons if path in found]
        if len(inert) < len(points) or not inert:
            continue
        where = "is swept" if path in config.fields else "is set"
        yield f"{path} {where}, but acts nowhere: {inert[0]}"


def _searched_in_vain(config: StudyConfig) -> Iterator[str]:
    """Searched fields that act beside no values of the others, of many drawn at random."""
    if config.tune is None:
        return
    space, default = config.space, flatten(config.default.model_dump())
    reasons: dict[str, list[str]] = {path: [] for path in space}
    acts: set[str] = set()
    for number in range(_DRAWN):
        values = draw(space, number)
        try:
            settings = settings_from_paths({**default, **full_point(values, space, default)})
        except ConfigError:  # values that exclude each other: they are not tried
            continue
        inert = without_effect(settings)
        acts.update(path for path in values if path not in inert)
        for path in inert.keys() & values.keys():
            reasons[path].append(inert[path])
    for path, found in reasons.items():
        if found and path not in acts:
            yield (
                f"{path} is searched, but acts nowhere: {found[0]}; trials that differ in it alone "
                "are the same training"
            )


def _too_weak(study: Study) -> Iterator[str]:
    told = set()
    for plan in study.plans():
        settings = plan.settings
        l2, steps = settings.l2, plan.steps_per_epoch * settings.epochs
        if l2.kind != "decoupled" or l2.time_scale_epochs > 0 or isinstance(l2.strength, str):
            continue
        shrinkage = 1 - exp(-settings.learning_rate * l2.strength * steps)
        if l2.strength > 0 and shrinkage < _LEAST_SHRINKAGE and l2.strength not in told:
            told.add(l2.strength)
            yield (
                f"decoupled l2.strength {l2.strength:g} takes {100 * shrinkage:.2g} % of a weight "
                f"in the whole training (learning rate x strength x {steps:,} steps): it hardly "
                "acts; the strengths of kind 'penalty' do not carry over, give "
                "l2.time_scale_epochs instead, such as the number of epochs"
            )


def _spoils_nothing(study: Study) -> Iterator[str]:
    """Errors in the training masks that change none of them."""
    first: dict[Labels, RunPlan] = {}
    for plan in study.plans():
        first.setdefault(plan.settings.labels, plan)
    for labels, plan in first.items():
        if labels.noise == "none" or labels.strength == 0:
            continue
        rows = plan.split.rows("training", study.dataset)
        if labels.noise not in ("dropped", "swapped"):
            rows = rows[:_LOOKED_AT]
        drawn = study.dataset.reference(study.scheme, rows)
        patients = study.dataset.slices["patient"].to_numpy(str)[rows]
        if (spoil_labels(drawn, patients, rows, labels, plan.seed) == drawn).all():
            yield (
                f"labels.noise {labels.noise!r} of strength {labels.strength:g} changes no mask: "
                "it is too small for these pixels, patients or slices"
            )
