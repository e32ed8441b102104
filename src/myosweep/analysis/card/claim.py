"""CLAIM, the checklist for artificial intelligence in medical imaging, from a model card.

Numbers are those of the 2024 update (44 items); what each asks is said in our own short words.
"""

from collections.abc import Iterator

from myosweep.analysis.card.checklist import Checklist, Item, Status
from myosweep.analysis.card.claim_answers import Answers, Found
from myosweep.analysis.card.records import ModelCard

SOURCE = (
    "CLAIM, the Checklist for Artificial Intelligence in Medical Imaging, 2024 update (Tejani et "
    "al., Radiology: Artificial Intelligence 2024; 6: e240300). Numbers are the checklist’s; the "
    "wording is not. Page numbers, and all that is open, are yours to add."
)

_TITLE, _INTRODUCTION = "Title and abstract", "Introduction"
_DATA, _REFERENCE, _PARTS = "Methods: data", "Methods: reference standard", "Methods: partitions"
_DESIGN, _MODEL, _TRAINING = "Methods: study design", "Methods: model", "Methods: training"
_EVALUATION, _RESULTS = "Methods: evaluation", "Results"
_DISCUSSION, _OTHER = "Discussion", "Other information"

_ITEMS: tuple[tuple[str, str, str], ...] = (
    (_TITLE, "The title says that it is AI, and of which kind", "technology"),
    (_TITLE, "A structured abstract", ""),
    (_INTRODUCTION, "Background, intended use and role", "use"),
    (_INTRODUCTION, "Aims and hypotheses", "aims"),
    (_DESIGN, "Prospective or retrospective", ""),
    (_DESIGN, "Goal of the study", "goal"),
    (_DATA, "Where the data come from", "sources"),
    (_DATA, "Who was included and excluded", "inclusion"),
    (_DATA, "What was done to the images first", "preparation"),
    (_DATA, "Whether parts of the data were chosen", "subsets"),
    (_DATA, "How identities were removed", "identities"),
    (_DATA, "What was done about missing data", "missing"),
    (_DATA, "How images were acquired", "acquisition"),
    (_REFERENCE, "How the reference was made", ""),
    (_REFERENCE, "Why this reference", ""),
    (_REFERENCE, "Who drew it", ""),
    (_REFERENCE, "How the test set was annotated", ""),
    (_REFERENCE, "How far annotators agree, with themselves and with others", ""),
    (_PARTS, "How data were assigned to partitions", "assignment"),
    (_PARTS, "What partitions do not share: patients or less", "disjoint"),
    (_PARTS, "Intended size of the test set", "size"),
    (_MODEL, "The model, its input and output", "model"),
    (_MODEL, "Software, with versions", "software"),
    (_MODEL, "Weights at the start", "start"),
    (_TRAINING, "How it was trained", "training"),
    (_TRAINING, "How the final model was chosen", "choice"),
    (_TRAINING, "Ensembles", "ensemble"),
    (_EVALUATION, "Measures of performance", "metrics"),
    (_EVALUATION, "Significance and uncertainty", "uncertainty"),
    (_EVALUATION, "Robustness, sensitivity to circumstances", "robustness"),
    (_EVALUATION, "How answers are explained", "explanations"),
    (_EVALUATION, "Test on data of the same sources", "internal"),
    (_EVALUATION, "Test on data from elsewhere", "external"),
    (_EVALUATION, "Registration as a clinical trial", ""),
    (_RESULTS, "Numbers included and excluded", "numbers"),
    (_RESULTS, "Who the patients of each partition are", "patients"),
    (_RESULTS, "Performance with its uncertainty", "performance"),
    (_RESULTS, "Diagnostic performance and its precision", "diagnostic"),
    (_RESULTS, "Analysis of failures", "failures"),
    (_DISCUSSION, "Limitations", "limitations"),
    (_DISCUSSION, "What it means for practice", "practice"),
    (_OTHER, "Protocol, further technical details", "protocol"),
    (_OTHER, "Whether software, model and data can be had", "availability"),
    (_OTHER, "Funding, and the role of funders", ""),
)
"""Group, what the item asks, and the name of its answer in ``Answers``; none for open items."""


def claim(card: ModelCard) -> Checklist:
    """The checklist, filled in from what the card knows."""
    return Checklist("claim", "CLAIM checklist", SOURCE, tuple(_items(card)))


def _items(card: ModelCard) -> Iterator[Item]:
    answers = Answers(card)
    for number, (group, asks, name) in enumerate(_ITEMS, start=1):
        found: Found = getattr(answers, name)() if name else ("open", "")
        status: Status = found[0]
        yield Item(group, str(number), asks, status, found[1])
