"""What a model card answers of the CLAIM checklist; nothing that it does not know."""

from dataclasses import dataclass

from myosweep.analysis.card.checklist import Status
from myosweep.analysis.card.data_words import licence_words, preparation_words, split_words
from myosweep.analysis.card.parts import from_to, mean_words, whole_range
from myosweep.analysis.card.records import ModelCard, RegionScores, SettingFact
from myosweep.analysis.card.score_words import METRICS, failure_part
from myosweep.analysis.card.words import model_part, normalisation_words, setting_words
from myosweep.analysis.number_words import counted, listed, percent
from myosweep.statistics.intervals import rare_event_bound

Found = tuple[Status, str]
_OPEN: Found = ("open", "")
_NOT_SCORED: Found = ("open", "Nothing was scored on test patients.")


@dataclass(frozen=True)
class Answers:
    """A method for each item that may have an answer."""

    card: ModelCard

    def technology(self) -> Found:
        return "partly", "Technology: deep learning (U-Net), segmentation of LGE-MRI slices."

    def use(self) -> Found:
        return "partly", "Intended use: research only; not a medical device."

    def aims(self) -> Found:
        scores = self.card.scores
        if scores is None:
            return _OPEN
        margin = ""
        if scores.margin is not None:
            margin = f", smallest difference that matters {scores.margin:g}"
        return "partly", (
            f"Primary question of study.toml: {METRICS[scores.metric]} of the "
            f"{scores.region}{margin}."
        )

    def goal(self) -> Found:
        if self.card.scores is None or not self.card.fields:
            return _OPEN
        return "partly", (
            f"Training of networks with {counted(self.card.scores.values, 'value')} of "
            f"{self.card.fields}, and their comparison."
        )

    def sources(self) -> Found:
        data = self.card.data
        if data.patients is None:
            return _OPEN
        return "partly", (
            f"{counted(data.slices or 0, 'slice')} of {counted(data.patients, 'patient')}; source: "
            f"{data.source or 'not known'}; licence: {licence_words(data)}."
        )

    def inclusion(self) -> Found:
        return "open", "The dataset holds included patients only."

    def preparation(self) -> Found:
        known = self.card.data.at_hand
        text = f"Grey levels: {normalisation_words(self.card)}."
        if known:
            text = f"Import: {preparation_words(self.card.data)}. {text}"
        return "answered" if known else "partly", text

    def subsets(self) -> Found:
        fact = self._setting("data.fraction")
        if fact.values == (1.0,):
            return "partly", "All patients of the training part trained."
        return "partly", f"Share of the training part’s patients that trained: {_value(fact)}."

    def identities(self) -> Found:
        return "partly", (
            "myosweep keeps patient codes, no names, dates, institutions or paths; what was "
            "removed before is for the authors to say."
        )

    def missing(self) -> Found:
        absent = [f"{one.region} {one.absent}" for one in self._regions() if one.absent]
        if not self._regions():
            return _OPEN
        told = f" Test slices without a region: {', '.join(absent)}." if absent else ""
        return "partly", (
            "Slices whose reference lacks a region are left out of its scores for all networks."
            f"{told}"
        )

    def acquisition(self) -> Found:
        spacing = self.card.architecture.spacing_mm
        if spacing is None:
            return _OPEN
        return "partly", f"Side of a pixel: {spacing[0]:.3g} to {spacing[1]:.3g} mm."

    def assignment(self) -> Found:
        split = self.card.data.split
        if split is None:
            return _OPEN
        sizes = [f"{one.part} {from_to(one.patients)}" for one in self.card.data.parts]
        return "answered", f"{split_words(split).capitalize()}. Patients: {', '.join(sizes)}."

    def disjoint(self) -> Found:
        split = self.card.data.split
        if split is None:
            return _OPEN
        if split.shared:
            return "answered", (
                f"Not by patient: {counted(split.shared, 'patient')} in more than one partition."
            )
        return "answered", "By patient: nobody is in more than one partition of a split."

    def size(self) -> Found:
        scores = self.card.scores
        if scores is None or scores.failures is None:
            return _OPEN
        failures = scores.failures
        having = f"{counted(failures.patients, 'test patient')} with {failures.region}"
        if failures.patients_failing:
            seen = f"failures in {failures.patients_failing} of them"
        else:
            bound = percent(rare_event_bound(failures.patients))
            seen = f"failures in up to {bound} of patients could go unseen"
        return "partly", f"{having}: {seen}. Why so many is for the authors to say."

    def model(self) -> Found:
        facts = dict(model_part(self.card).facts)
        terms = ("Network", "Regions and label codes", "Input", "Output")
        known = self.card.architecture.height_px is not None
        return "answered" if known else "partly", "; ".join(facts[term] for term in terms) + "."

    def software(self) -> Found:
        versions = dict.fromkeys(
            f"{name} {number}"
            for one in self.card.networks
            for name, number in one.versions.items()
        )
        return ("answered", f"{', '.join(versions)}.") if versions else _OPEN

    def start(self) -> Found:
        fact = self._setting("init_from")
        seeds = ", ".join(str(one.seed) for one in self.card.networks)
        if fact.values == ("",):
            return "answered", f"Random (He normal), from each network’s seed ({seeds}); biases 0."
        return "partly", "From the weights of another training, which the settings name by hash."

    def training(self) -> Found:
        names = (
            "epochs", "batch_size", "learning_rate", "schedule", "loss", "l2.kind", "l2.strength",
            "dropout", "augmentation.flip", "augmentation.shift_px", "augmentation.rotation_deg",
            "augmentation.scale", "augmentation.intensity",
        )  # fmt: skip
        said = ", ".join(setting_words(self._setting(name)) for name in names)
        done = whole_range([one.epochs_done for one in self.card.networks])
        count = counted(len(self.card.networks), "network")
        return "answered", f"Adam; {said}; {count}, {done} epochs done. All settings: model card."

    def choice(self) -> Found:
        text = "Of each training the weights after its last epoch, whatever their score."
        return "partly", f"{text} Why this value was taken is in the report’s conclusion."

    def ensemble(self) -> Found:
        count = len(self.card.networks)
        if count == 1:
            return "answered", "No ensemble: one network."
        scores = self.card.scores
        scored = scores is not None and scores.kind == "ensemble"
        return "answered", (
            f"{count} networks answer together by the mean of their probabilities; "
            f"{'scores are theirs together' if scored else 'scores are of the single networks'}."
        )

    def metrics(self) -> Found:
        scores = self.card.scores
        if scores is None:
            return _NOT_SCORED
        names = listed(list(METRICS.values()))
        return "answered", (
            f"{names} per region, from each patient’s pooled pixels (boundary F1: mean over "
            f"slices, tolerance {scores.tolerance_px:.2f} px), then averaged over patients."
        )

    def uncertainty(self) -> Found:
        if self.card.scores is None:
            return _NOT_SCORED
        return "answered", (
            "95 % intervals (t) over test patients, for these networks. Comparisons of values are "
            "in the report."
        )

    def robustness(self) -> Found:
        scores = self.card.scores
        if scores is None or not scores.groups:
            return _OPEN
        factors = dict.fromkeys(one.factor for one in scores.groups)
        return "partly", f"Scores by {listed(list(factors))}; see the model card."

    def explanations(self) -> Found:
        return "open", "No maps of attention or the like were made."

    def internal(self) -> Found:
        tested = {one.part: one for one in self.card.data.parts}.get("test")
        if tested is None or self.card.scores is None:
            return _NOT_SCORED
        patients = f"{from_to(tested.patients)} test patients ({from_to(tested.slices)} slices)"
        split = self.card.data.split
        if split is not None and split.shared:
            return (
                "partly",
                f"{patients} of the same dataset; some are in other parts of the split, too.",
            )
        return "answered", f"{patients} of the same dataset, kept from training."

    def external(self) -> Found:
        new = self.card.data.new_sites
        if new:
            return "partly", f"{counted(new, 'site')} of the test part without training patients."
        return "open", "No data from elsewhere in this study."

    def numbers(self) -> Found:
        parts = self.card.data.parts
        if not parts:
            return _OPEN
        sizes = [
            f"{one.part} {from_to(one.patients)} patients ({from_to(one.slices)} slices)"
            for one in parts
        ]
        return "partly", f"Included: {'; '.join(sizes)}. Who was excluded is not known."

    def patients(self) -> Found:
        return "open", "Not in the dataset: age, sex and diagnoses."

    def performance(self) -> Found:
        dice = [f"{one.region} {mean_words(one.scores['dice'])}" for one in self._regions()]
        if not dice:
            return _NOT_SCORED
        return "answered", f"Dice, mean over test patients (95 % interval): {'; '.join(dice)}."

    def diagnostic(self) -> Found:
        found = [f"{one.region} {mean_words(one.scores['accuracy'])}" for one in self._regions()]
        if not found:
            return _NOT_SCORED
        return "partly", (
            f"Sensitivity for pixels: {'; '.join(found)}. No diagnosis is made, so none is judged."
        )

    def failures(self) -> Found:
        if self.card.scores is None or self.card.scores.failures is None:
            return _NOT_SCORED
        return "answered", " ".join(failure_part(self.card).sentences)

    def limitations(self) -> Found:
        topics = [one.topic for one in self.card.warnings]
        if not topics:
            return _OPEN
        return "partly", f"Warnings of the model card: {'; '.join(topics)}."

    def practice(self) -> Found:
        return "partly", "Research only; no clinical role was tested."

    def protocol(self) -> Found:
        named = {one.name: one.sha256 for one in self.card.files}
        if "study.toml" not in named:
            return _OPEN
        return "partly", (
            f"study.toml (SHA-256 {named['study.toml'][:16]}…) and the dataset (pixel hash "
            f"{self.card.data.pixel_hash[:16]}…) repeat the study."
        )

    def availability(self) -> Found:
        return "partly", (
            f"Software: {self.card.made_by}, MIT licence. Licence of the data: "
            f"{licence_words(self.card.data)}."
        )

    def _regions(self) -> tuple[RegionScores, ...]:
        return self.card.scores.regions if self.card.scores else ()

    def _setting(self, path: str) -> SettingFact:
        return next(one for one in self.card.settings if one.path == path)


def _value(fact: SettingFact) -> str:
    return setting_words(fact).rpartition(" ")[2]
