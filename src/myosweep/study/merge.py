"""Two descriptions of one study: values and networks add up, everything else must be the same.

But for the early rule: it may cease to stop runs, which then go on.
"""

from collections.abc import Iterator
from typing import Any

from myosweep.config import EarlyRule, LevelNames, Replicates, StudyConfig, flatten, study_config
from myosweep.errors import StudyError


def merged(old: StudyConfig, new: StudyConfig) -> StudyConfig:
    """The study with the values and networks of both; of a search, with the new budget.

    Raises:
        StudyError: naming every other difference; only values and networks may be added.
        ConfigError: if both together break a rule, such as one value written in two ways.
    """
    before, after = (flatten(_fixed(config)) for config in (old, new))
    problems = [*_early_rules(old.early_rule, new.early_rule)]
    problems += [
        f"{path} is {before.get(path)!r} in the study's folder and {after.get(path)!r} in the "
        "study file; change it back, or give another --out"
        for path in sorted({*before, *after})
        if before.get(path) != after.get(path)
    ]
    if set(old.sweep) != set(new.sweep):
        problems.append(
            f"the study's folder sweeps {', '.join(old.sweep)}, the study file "
            f"{', '.join(new.sweep)}; give another --out"
        )
    if problems:
        raise StudyError(problems, "only swept values and networks can be added to a study")
    sweep = {path: union(old.sweep[path], new.sweep[path]) for path in old.sweep}
    replicates = joined(old.replicates, new.replicates)
    allowed = old.allow_leakage or new.allow_leakage
    names = {key: renamed(new, key, sweep[key]) for key in new.names}
    added = {
        "sweep": sweep, "names": names, "replicates": replicates, "allow_leakage": allowed
    }  # fmt: skip
    both = new.model_copy(update=added)
    return study_config(both.model_dump(), "the study with the values and networks of both")


def _fixed(config: StudyConfig) -> dict[str, Any]:
    """What stands before the first run and stays."""
    own_rules = {"dataset", "sweep", "names", "allow_leakage", "early_rule"}
    content = config.model_dump(mode="json", exclude=own_rules)
    for name in ("seeds", "repeats"):
        content["replicates"].pop(name)
    if content["tune"]:
        content["tune"].pop("budget")
    return content


def _early_rules(old: EarlyRule | None, new: EarlyRule | None) -> Iterator[str]:
    """Why an early rule cannot become another; only ``stop`` may become ``report``."""
    if old == new:
        return
    if old is None or new is None:
        there, here = ("has an", "has none") if new is None else ("has no", "has one")
        way_out = "change it back, or give another --out"
        if old is not None and old.action == "stop":
            way_out = f"set action = 'report', which lets stopped runs go on; or {way_out}"
        yield (
            f"the study's folder {there} [early_rule], the study file {here}; the rule stands "
            f"before the first run and stays; {way_out}"
        )
        return
    if old.action == "stop" and new == old.model_copy(update={"action": "report"}):
        return
    before, after = old.model_dump(mode="json"), new.model_dump(mode="json")
    for name in before:
        if before[name] != after[name]:
            yield (
                f"early_rule.{name} is {before[name]!r} in the study's folder and {after[name]!r} "
                "in the study file; a rule stands before the first run and stays (only action "
                "'stop' may become 'report'); change it back, or give another --out"
            )


def joined(old: Replicates, new: Replicates) -> Replicates:
    """The networks of both; their design is the same."""
    if old.design == "folds":
        return old.model_copy(update={"repeats": max(old.repeats, new.repeats)})
    before, wanted = (tuple(member.seed for member in one.members) for one in (old, new))
    if set(wanted) <= set(before):
        return old
    seeds = union(before, wanted)
    return old.model_copy(update={"seeds": seeds})


def renamed(config: StudyConfig, key: str, values: tuple[Any, ...]) -> LevelNames:
    """The names of a sweep key's values after some were added; these have none."""
    known = dict(zip(config.sweep[key], config.names[key].levels, strict=False))
    levels = tuple(known.get(value, "") for value in values) if known else ()
    return config.names[key].model_copy(update={"levels": levels})


def union(old: tuple[Any, ...], new: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys([*old, *new]))
