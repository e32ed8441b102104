"""A model card in words: its parts in their order, for Markdown and for the report."""

from collections.abc import Iterator, Sequence

from myosweep.analysis.card.data_words import data_part
from myosweep.analysis.card.parts import NOT_KNOWN, CardTable, Part, whole_range
from myosweep.analysis.card.probabilities import probability_part
from myosweep.analysis.card.records import ModelCard, NetworkFacts, SettingFact
from myosweep.analysis.card.score_words import failure_part, group_part, score_part
from myosweep.analysis.number_words import counted, listed
from myosweep.analysis.points import field_words, format_value
from myosweep.config import Value

INTENDED = (
    "Research only; not a medical device. The masks are meant for studies of methods on LGE-MRI, "
    "looked at by somebody who can judge them."
)
NOT_FOR = (
    "Diagnosis, treatment or any decision about a patient: nobody has shown that it is safe there.",
    "Images that are no short-axis LGE-MRI slices (cine, mapping, long axis), or that are turned "
    "otherwise than those of the training.",
    "Other hospitals, scanners, sequences and diseases than those below, unless it is tested on "
    "them first.",
)


def card_title(card: ModelCard) -> str:
    """What the card is about, in a line."""
    networks = counted(len(card.networks), "network")
    return f"Model card: {networks}, {card.value}" if card.value else f"Model card: {networks}"


def card_parts(card: ModelCard) -> tuple[Part, ...]:
    """All parts of the card, in their order."""
    parts = (
        use_part(),
        model_part(card),
        data_part(card),
        score_part(card),
        group_part(card),
        failure_part(card),
        probability_part(card.probabilities),
        warnings_part(card),
        training_part(card),
        settings_part(card),
        files_part(card),
    )
    return tuple(part for part in parts if part is not None)


def use_part() -> Part:
    """What the model is for, and what it is not for."""
    return Part("use", "Intended use", (INTENDED, "Not for:"), tuple(("", one) for one in NOT_FOR))


def model_part(card: ModelCard) -> Part:
    """What the networks are."""
    return Part("model", "Model", facts=tuple(_model_facts(card)))


def _model_facts(card: ModelCard) -> Iterator[tuple[str, str]]:
    one = card.architecture
    norm = "" if one.norm == "none" else f", {one.norm} normalisation"
    size = "" if one.parameters is None else f", {one.parameters:,} weights"
    yield (
        "Network",
        f"U-Net, {counted(one.depth, 'encoder stage')}, {one.first_filters} filters in the first"
        f"{norm}{size}",
    )
    count = len(card.networks)
    together = f"{count}, answering together by the mean of their probabilities"
    yield "Networks", together if count > 1 else "1"
    if card.study is not None:
        yield "Study", f"{card.study}: {card.fields}" if card.fields else card.study
    regions = "; ".join(
        f"{name} = {', '.join(map(str, codes))}" for name, codes in one.regions.items()
    )
    yield "Regions and label codes", regions
    if one.ignored:
        yield "Ignored codes", ", ".join(map(str, one.ignored))
    pixels = (
        NOT_KNOWN if one.height_px is None else f"{one.height_px} x {one.width_px} px, 1 channel"
    )
    yield "Input", pixels
    spacing = NOT_KNOWN
    if one.spacing_mm is not None:
        low, high = one.spacing_mm
        spacing = f"{low:.3g} mm" if low == high else f"{low:.3g} to {high:.3g} mm"
    yield "Side of a pixel", spacing
    yield "Grey levels", normalisation_words(card)
    yield "Output", "a probability of each region for every pixel of a slice"


def normalisation_words(card: ModelCard) -> str:
    """How pixels become input."""
    kinds = {fact.path: fact for fact in card.settings}["normalisation"].values
    if kinds == ("z-score",):
        return "each image minus its own mean, divided by its own standard deviation (z-score)"
    told = [one.normaliser for one in card.networks if one.normaliser is not None]
    means = [float(one["mean"]) for one in told if "mean" in one]
    text = "scaled to 0..255, minus the mean of the training images (zero-centre)"
    if means:
        low, high = min(means), max(means)
        text += f", {low:.1f}" if round(low, 1) == round(high, 1) else f", {low:.1f} to {high:.1f}"
    return text


def warnings_part(card: ModelCard) -> Part:
    """What limits the scores."""
    found = tuple((one.topic, one.text) for one in card.warnings)
    nothing = () if found else ("The card’s checks found nothing.",)
    return Part("warnings", "Warnings", nothing, found)


def training_part(card: ModelCard) -> Part:
    """Seeds, epochs, machines, versions and cost."""
    return Part("training", "Training", facts=tuple(_training_facts(card.networks)))


def _training_facts(networks: Sequence[NetworkFacts]) -> Iterator[tuple[str, str]]:
    seeds = [
        f"{one.seed}" if one.fold is None else f"{one.seed} (repeat {one.repeat}, fold {one.fold})"
        for one in networks
    ]
    yield "Seeds", ", ".join(seeds)
    yield "Epochs", whole_range([one.epochs_done for one in networks])
    yield "Precision", _each([one.precision for one in networks])
    machines = [machine for one in networks for machine in one.machines or (one.device,)]
    yield "Machine", _each(machines)
    yield "Cost", cost_words(networks)
    versions = [f"{name} {number}" for one in networks for name, number in one.versions.items()]
    yield "Software", _each(versions)
    yield "Runs", ", ".join(one.run for one in networks)


def cost_words(networks: Sequence[NetworkFacts]) -> str:
    """Hours of training, and core-hours where processors trained; energy was not measured."""
    hours = sum(one.seconds for one in networks) / 3600
    cores = [one.core_hours for one in networks]
    known = [x for x in cores if x is not None]
    text = f"{hours:.2g} hours of training and scoring"
    if len(known) == len(cores):
        text += f", {sum(known):.2g} core-hours (hours x processor threads)"
    return f"{text}; energy was not measured"


def _each(texts: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(filter(None, texts))) or NOT_KNOWN


def settings_part(card: ModelCard) -> Part:
    """Settings that are not the preset's, then all of them."""
    other = [fact for fact in card.settings if not fact.is_default]
    columns = ("Setting", "Value", "Preset default", "Preset paper (MATLAB)")
    tables = [CardTable("All settings.", columns, tuple(map(_setting, card.settings)))]
    if other:
        caption = "Settings that differ from preset “default”."
        tables.insert(0, CardTable(caption, columns, tuple(map(_setting, other))))
        return Part("settings", "Settings", tables=tuple(tables))
    return Part("settings", "Settings", ("All are preset “default”.",), tables=tuple(tables))


def setting_words(fact: SettingFact) -> str:
    """A setting with its value: ``L2 strength 0.0005``."""
    return f"{field_words(fact.path)} {listed(list(map(format_value, fact.values)), 'or')}"


def _setting(fact: SettingFact) -> tuple[str, ...]:
    return (fact.path, *(_cell(v) for v in (fact.values, (fact.default,), (fact.paper,))))


def _cell(values: Sequence[Value]) -> str:
    return ", ".join(map(format_value, values))


def files_part(card: ModelCard) -> Part | None:
    """SHA-256 of everything; None if nothing was hashed."""
    tables = [
        CardTable(caption, ("File", "SHA-256"), tuple((one.name, one.sha256) for one in files))
        for caption, files in (
            ("Files of this export.", card.exported),
            ("Files of the study that the card was written from.", card.files),
        )
        if files
    ]
    if not tables:
        return None
    told = "`myosweep card --check` says whether a file has changed since."
    return Part("files", "Files", (told,), tables=tuple(tables))
