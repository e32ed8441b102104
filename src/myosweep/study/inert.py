"""Settings that cannot act, told before a study starts, not after it has cost a week."""

from collections.abc import Iterator
from math import exp

from myosweep.config import LEARNED, RunSettings, StudyConfig
from myosweep.study.open import Study

_LEAST_SHRINKAGE = 0.01
"""Decoupled decay that takes less than this from a weight in a whole training hardly acts."""


def inert_settings(study: Study) -> list[str]:
    """A sentence for each setting that changes nothing, or hardly anything, in this study."""
    return [*_without_effect(study.config), *_too_weak(study)]


def without_effect(settings: RunSettings) -> dict[str, str]:
    """Fields that no value of theirs could make act in such a run, and why."""
    l2, found = settings.l2, {}
    for path in ("start", "rate", "per"):
        if l2.strength != LEARNED:
            found[f"l2.learned.{path}"] = "l2.strength is not 'learned'"
    if l2.time_scale_epochs > 0:
        found["l2.strength"] = "l2.time_scale_epochs takes its place"
    elif l2.strength == 0:
        found["l2.kind"] = "l2.strength is 0"
    for name in ("labels", "images"):
        quality = getattr(settings, name)
        if quality.noise == "none":
            found[f"{name}.strength"] = f"{name}.noise is 'none'"
        elif quality.strength == 0:
            found[f"{name}.noise"] = f"{name}.strength is 0"
    if settings.images.noise == "none":
        found["images.parts"] = "images.noise is 'none'"
    return found


def _without_effect(config: StudyConfig) -> Iterator[str]:
    points = [settings for _, settings in config.points()]
    reasons = [without_effect(settings) for settings in points]
    for path in (*config.fields, *config.settings):
        inert = [found[path] for found in reasons if path in found]
        if len(inert) < len(points) or not inert:
            continue
        where = "is swept" if path in config.fields else "is set"
        yield f"{path} {where}, but acts nowhere: {inert[0]}"


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
