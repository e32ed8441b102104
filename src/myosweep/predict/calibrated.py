"""What `myosweep calibrate` has measured of the very networks that a card is about."""

from collections.abc import Sequence
from pathlib import Path

from myosweep.analysis.card.probabilities import probabilities_of
from myosweep.analysis.card.records import NetworkFacts, Probabilities
from myosweep.errors import StudyError
from myosweep.predict.run_facts import joined_facts, run_facts
from myosweep.results.layout import StudyFolder
from myosweep.results.reliability import calibrated_models, model_folder


def measured_probabilities(
    study: StudyFolder, networks: Sequence[NetworkFacts]
) -> tuple[Probabilities | None, list[Path]]:
    """How far their probabilities hold together, and the files that tell it; nothing without.

    A network that was trained again since makes another model, of which nothing is known.

    Raises:
        StudyError: if tables are damaged.
    """
    own = {one.run: one for one in networks}
    for tables, _ in calibrated_models(study):
        runs, model = tables.about.runs, tables.about.model
        if set(runs) == own.keys() and _digest(study, [own[run] for run in runs]) == model:
            folder = model_folder(study, model)
            files = [folder / name for name in ("about.json", "pixels.parquet")]
            return probabilities_of(tables), files
    return None, []


def _digest(study: StudyFolder, networks: Sequence[NetworkFacts]) -> str | None:
    """The name of the model that these networks are; None if they cannot answer together."""
    try:
        read = [run_facts(study.run(one.run), one.normaliser or {}) for one in networks]
        return joined_facts(read).digest
    except (StudyError, OSError):
        return None
