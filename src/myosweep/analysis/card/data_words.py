"""The data of a model card in words: counts, licence, split; no names."""

from collections.abc import Iterator

from myosweep.analysis.card.parts import NONE, NOT_KNOWN, NOT_STATED, CardTable, Part, from_to
from myosweep.analysis.card.records import DataFacts, ModelCard, SplitFacts
from myosweep.analysis.number_words import counted, percent


def data_part(card: ModelCard) -> Part:
    """What the networks learned from and were tested on."""
    data = card.data
    facts, tables = tuple(_facts(data)), tuple(_tables(data))
    return Part("data", "Data", tuple(_sentences(data)), facts=facts, tables=tables)


def licence_words(data: DataFacts) -> str:
    """The licence, or that nobody stated it."""
    if data.licence:
        return data.licence
    return NOT_STATED if data.at_hand else f"{NOT_STATED} (the dataset was not at hand)"


def split_words(split: SplitFacts) -> str:
    """How patients were divided."""
    if split.design == "folds":
        anew = "" if split.repeats == 1 else f", {split.repeats} times anew"
        return f"by patient into {split.folds} folds{anew} (seed {split.seed})"
    if split.from_file:
        return "as given in a split file"
    shares = " / ".join(percent(share) for share in split.fractions)
    return f"by {split.by}, training / validation / test {shares} (seed {split.seed})"


def preparation_words(data: DataFacts) -> str:
    """Crop and resampling at the import."""
    if not data.at_hand:
        return NOT_KNOWN
    said = []
    if data.resample_mm is not None:
        said.append(f"resampled to {data.resample_mm:g} mm")
    if data.crop_px is not None:
        middle = "the reference masks" if data.crop_around == "masks" else "the image’s centre"
        said.append(f"cut to {data.crop_px} x {data.crop_px} px around {middle}")
    return ", ".join(said) or "pixels as in the source"


def _facts(data: DataFacts) -> Iterator[tuple[str, str]]:
    yield "Source", data.source or NOT_KNOWN
    yield "Licence of the data", licence_words(data)
    if data.patients is not None:
        yield (
            "In all",
            f"{counted(data.slices or 0, 'slice')} of {counted(data.patients, 'patient')}",
        )
    yield "Preparation", preparation_words(data)
    if data.levels_known is not None:
        yield "Level (base, middle, apex)", f"known for {data.levels_known} of {data.slices} slices"
    yield "Pathology, age, sex", f"{NOT_KNOWN}; a dataset of myosweep does not hold them"
    yield "Split", NOT_KNOWN if data.split is None else split_words(data.split)
    yield "Hash of the pixels", data.pixel_hash
    yield "Hash of the split", ", ".join(data.split_hashes)


def _sentences(data: DataFacts) -> Iterator[str]:
    if data.split is not None:
        yield (
            f"{counted(data.split.shared, 'patient')} of the study stand in more than one part, so "
            "the scores are too good for new patients."
            if data.split.shared
            else "No patient stands in more than one part of a split."
        )
    if data.new_sites is not None:
        yield (
            f"Test patients come from {counted(data.new_sites, 'site')} that no training patient "
            "comes from."
            if data.new_sites
            else "All sites of the test patients have training patients too: other hospitals were "
            "not tested."
        )
    elif data.parts:
        yield "From which hospitals patients come is not known, so other hospitals were not tested."


def _tables(data: DataFacts) -> Iterator[CardTable]:
    if data.parts:
        rows = tuple(
            (
                one.part.capitalize(),
                from_to(one.patients),
                from_to(one.slices),
                NONE if one.sites is None else str(one.sites),
                NONE if one.vendors is None else str(one.vendors),
            )
            for one in data.parts
        )
        caption = "Patients and slices of each part, and how many sites and vendors they come from."
        yield CardTable(caption, ("Part", "Patients", "Slices", "Sites", "Vendors"), rows)
