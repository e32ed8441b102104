"""Over- or underfitting, in plain English."""

from myosweep.analysis.number_words import counted, listed, number
from myosweep.analysis.topics.overfitting import Change, Overfitting, Reading

_LEADS: dict[Reading, str] = {
    "helps by less overfitting": "Helps by less overfitting",
    "helps by better learning": "Helps, validation and training rise",
    "helps": "Helps, it is not shown how",
    "hurts by underfitting": "Hurts by underfitting",
    "hurts by more overfitting": "Hurts by more overfitting",
    "hurts": "Hurts, it is not shown how",
    "less overfitting, no better": "Less overfitting, but not shown to be better",
    "more overfitting, no worse": "More overfitting, but not shown to be worse",
    "not known": "",
}
_BECAUSE: dict[Reading, str] = {
    "helps by less overfitting": "the validation score rises and the gap to training shrinks",
    "helps by better learning": "validation and training score rise",
    "helps": "the validation score rises; whether training or the gap change is not shown",
    "hurts by underfitting": "the validation score falls, and the training score with it",
    "hurts by more overfitting": "the validation score falls and the gap to training grows",
    "hurts": "the validation score falls; whether training or the gap change is not shown",
    "less overfitting, no better": "the gap shrinks, but validation is not shown to rise or fall",
    "more overfitting, no worse": "the gap grows, but validation is not shown to rise or fall",
    "not known": "",
}
_MOST_NAMED = 6


def overfitting_lead(found: Overfitting) -> str:
    """The answer in one line."""
    groups: dict[Reading, list[str]] = {}
    for one in found.changes:
        groups.setdefault(one.reading, []).append(_named(one))
    shown = [
        f"{_LEADS[kind]}: {listed(groups[kind])}"
        for kind in _LEADS
        if kind in groups and _LEADS[kind]
    ]
    if not shown:
        return f"Not known: no value is shown to fit otherwise than {found.base}."
    return f"Against {found.field} {found.base}. {'. '.join(shown)}."


def overfitting_sentences(found: Overfitting, score: str) -> tuple[str, ...]:
    """Each value that is shown to change something, what is not shown, and what all this covers."""
    shown = [one for one in found.changes if one.reading != "not known"]
    said = [_changed(one, found) for one in shown[:_MOST_NAMED]]
    if len(shown) > _MOST_NAMED:
        said.append(f"{len(shown) - _MOST_NAMED} further values: see the table.")
    unknown = [_named(one) for one in found.changes if one.reading == "not known"]
    if unknown and shown:
        named = listed(unknown) if len(unknown) <= _MOST_NAMED else f"{len(unknown)} other values"
        said.append(f"Not shown to change anything: {named}.")
    return (*said, *_scope(found, score))


def _named(one: Change) -> str:
    return f"{one.value} (at {one.group})" if one.group else one.value


def _changed(one: Change, found: Overfitting) -> str:
    parts = (("training", one.training), ("validation", one.validation), ("gap", one.gap))
    each = [
        f"{name} {number(mean, sign=True)} ({number(low, sign=True)} to {number(high, sign=True)})"
        for name, (mean, low, high) in parts
    ]
    where = f" at {one.group}" if one.group else ""
    return (
        f"{found.field[:1].upper()}{found.field[1:]} {one.value} against {found.base}{where}: "
        f"{_BECAUSE[one.reading]}. "
        f"Changes: {listed(each)}."
    )


def _scope(found: Overfitting, score: str) -> tuple[str, ...]:
    said = [
        f"{score[:1].upper()}{score[1:]} on training and validation part, from pooled pixels, "
        "without augmentation, against the masks as they were drawn. The intervals hold together, "
        "for new networks on these very patients."
    ]
    if all(one.validation[1] != one.validation[1] for one in found.changes):
        said = ["With one network per value, nothing can be said about the next one."]
    if found.without_norm:
        said.append(
            f"The weight norm of {counted(found.without_norm, 'network')} is not known: older "
            "versions did not record it, and without L2 it cannot be computed afterwards."
        )
    return tuple(said)
