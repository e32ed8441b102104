"""Settings that cannot act beside others: which, and why."""

from myosweep.config.parts import LEARNED
from myosweep.config.settings import RunSettings


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
