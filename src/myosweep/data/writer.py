"""Prepared slices get their names and go into a dataset's draft; doubles are refused."""

from collections import Counter
from collections.abc import Iterator

from myosweep.data.descriptions import read_descriptions
from myosweep.data.names import SliceName
from myosweep.data.prepare import Outcome, Ready, size_text, sizes_after, too_large
from myosweep.data.problems import collecting
from myosweep.data.rules import Rules
from myosweep.data.store import DatasetDraft
from myosweep.regions import RegionScheme, free_code


class Writer:
    """Gives slices their names, refuses doubles and other sizes, and fills the draft.

    Args:
        size: height and width of most slices; without one, those of the first.
        told: what readers have complained of already.
    """

    def __init__(
        self, draft: DatasetDraft, rules: Rules, size: tuple[int, ...] | None, told: str
    ) -> None:
        self._draft = draft
        self._rules = rules
        self._size = size
        self._told = told
        self._names: list[SliceName] = []
        self._keys: dict[str, str] = {}
        self._subjects: dict[str, str] = {}
        self._numbered: Counter[str] = Counter()
        self._stacks: Counter[str] = Counter()

    def take(self, outcome: Outcome, *, keep: bool) -> list[str]:
        """Write the slices of a stack if they are to be kept; give what is wrong with them."""
        patient = outcome.stack.patient
        assert patient or not (keep and outcome.ready), "readers tell of stacks of nobody"
        problems = [*outcome.problems, *self._other_sizes(outcome)]
        named: list[tuple[SliceName, Ready]] = []
        for one in outcome.ready:
            problems += self._seen_before(one)
            if patient:
                name = self._name(patient, one.label)
                problems += self._same_name(name, one)
                named.append((name, one))
        if keep and not problems:
            self._stacks[patient] += any("place" in one.row for one in outcome.ready)
            for name, one in named:
                self._append(name, one)
        return problems

    def describe(self) -> list[str]:
        """Add the user's table to the rows, where it says something; give what is wrong with it."""
        table, to_mm = self._rules.table, self._rules.resample_mm
        problems: list[str] = []
        if table is None:
            return problems
        with collecting(problems):
            lines = read_descriptions(table, self._names)
            spacings = {line.get("spacing_mm") for line in lines.values()}
            if to_mm is not None and spacings - {None, to_mm}:
                problems.append(
                    f"table {table.name!r} gives spacing_mm, which --resample makes {to_mm:g}; "
                    "remove the column"
                )
            for name, row in zip(self._names, self._draft.rows, strict=False):
                row |= {key: value for key, value in lines[name].items() if value is not None}
        return problems

    def _other_sizes(self, outcome: Outcome) -> Iterator[str]:
        stack = outcome.stack
        if self._rules.crop is not None or too_large(stack):
            return
        sizes = [one.image.shape for one in outcome.ready] or sizes_after(stack, self._rules)
        for size in dict.fromkeys(sizes):
            self._size = self._size or size
            if size != self._size:
                usual = size_text(self._size)
                yield (
                    f"{stack.subject} has {size_text(size)} pixels, most have {usual}; give --crop "
                    "to cut all to one size"
                )

    def _seen_before(self, one: Ready) -> Iterator[str]:
        if self._rules.allow_duplicates:
            return
        other = self._subjects.get(one.hashes["image_hash"])
        if other is None:
            self._subjects[one.hashes["image_hash"]] = one.subject
        else:
            yield (
                f"{one.subject} is the same as {other}; remove one, or keep both with "
                "--allow-duplicates"
            )

    def _same_name(self, name: SliceName, one: Ready) -> Iterator[str]:
        """Two patients can share a key: 'A' has the slice '1_2', and 'A_1' the slice '2'."""
        other = self._keys.get(name.key)
        self._keys.setdefault(name.key, one.subject)
        if other is not None and repr(name.key) not in self._told:
            yield (
                f"{other} and {one.subject} are both slice {name.key!r}; give one of them another "
                "name, or leave it out"
            )

    def _name(self, patient: str, label: str | None) -> SliceName:
        name = SliceName(patient, label or f"{self._numbered[patient]:03d}")
        self._numbered[patient] += 1
        self._names.append(name)
        return name

    def _append(self, name: SliceName, one: Ready) -> None:
        row = {**one.row, "slice": name.key, "patient": name.patient}
        if "place" in row:
            row["stack"] = self._stacks[name.patient]
        self._draft.append(one.image, one.labels, hashes=one.hashes, **row)
        if one.padded and self._draft.padding is None:
            code = free_code(self._rules.scheme.codes, one.labels.dtype)
            scheme = self._draft.scheme
            self._draft.padding = code
            self._draft.scheme = RegionScheme(scheme.regions, (*scheme.ignored, code))
