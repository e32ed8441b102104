"""How often the statistics err, measured on simulated studies of known truth.

    python benchmarks/error_rates.py [--repetitions 10000] [--out docs/error-rates.md]
        [--cache FILE] [--quick]

Every target of docs/statistics.md, by the very functions that judge a real study. Same numbers
every time. Finished settings are kept in the cache, so an interrupted run continues.
"""

import os

if __name__ == "__main__":  # not when tests import this
    one_core = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    os.environ.update(dict.fromkeys(one_core, "1"))

import argparse
import hashlib
import inspect
import json
import platform
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import numpy as np
from scipy import special

from myosweep.analysis import looks
from myosweep.statistics import best, contrasts, decide, intervals, verdicts
from myosweep.statistics.contrasts import Components, against, estimate
from myosweep.statistics.intervals import LEVEL, bounds, simultaneous_level
from myosweep.statistics.score_table import ScoreTable

FOLDS = 5
LOOKS = (3, 5, 7, 10)
BATCH = 250
FEWEST = 10_000
"""Studies per setting of a full run."""
PARTS = {
    "typical": (0.02, 0.03, 0.05),
    "networks alike": (0.0, 0.03, 0.05),
    "patients alike": (0.02, 0.0, 0.05),
    "networks dominate": (0.05, 0.02, 0.05),
    "patients dominate": (0.01, 0.06, 0.05),
}
"""SD of a value's effect on a network, of its effect on a patient, and of what is left."""
Question = Literal["nothing", "margin", "best", "looks", "cost"]
Kind = Literal["normal", "t3", "failing", "near 1", "missing"]


@dataclass(frozen=True)
class Setting:
    """One kind of study.

    Attributes:
        asks: ``nothing``: all values are equal; ``margin``: they differ by exactly the margin;
            ``best``: which are the best; ``looks``: all are equal, looked at more than once;
            ``cost``: how many networks it takes.
        networks, patients: per value.
        repeats: of 5 folds; 0 if every network is tested on every patient.
        means: true mean of each value; the first is the reference.
        parts: a name in PARTS.
        kind: how the scores scatter.
        margin: the smallest difference that matters.
    """

    asks: Question
    networks: int
    patients: int
    repeats: int = 0
    means: tuple[float, ...] = (0.0, 0.0, 0.0)
    parts: str = "typical"
    kind: Kind = "normal"
    margin: float = 0.02

    @property
    def key(self) -> str:
        return json.dumps(asdict(self))


def settings() -> list[Setting]:
    """All that is simulated; not the full product, but every part of it with typical others."""
    return [*_coverage_settings(), *_other_settings()]


def _coverage_settings() -> Iterable[Setting]:
    for networks in (3, 5, 7, 10):
        for patients in (10, 16, 48, 80):
            yield Setting("nothing", networks, patients)
    unlike = [parts for parts in PARTS if parts != "typical"]
    for parts in unlike:
        for networks, patients in ((3, 16), (3, 48), (5, 16), (5, 48), (5, 80), (10, 48)):
            yield Setting("nothing", networks, patients, parts=parts)
    kinds: dict[Kind, tuple[tuple[int, int], ...]] = {
        "t3": ((3, 48), (5, 16), (5, 48), (10, 80)),
        "failing": ((3, 48), (5, 48), (5, 80), (10, 48), (10, 80)),
        "near 1": ((3, 48), (5, 16), (5, 48), (10, 80)),
        "missing": ((3, 48), (5, 16), (5, 48), (10, 80)),
    }
    for kind, sizes in kinds.items():
        for networks, patients in sizes:
            yield Setting("nothing", networks, patients, kind=kind)
        for repeats, patients in ((1, 48), (2, 48), (2, 80)):
            yield Setting("nothing", FOLDS * repeats, patients, repeats, kind=kind)
    for parts in ("typical", "networks dominate"):
        for networks, patients in ((3, 48), (5, 48), (10, 80)):
            yield Setting("nothing", networks, patients, means=(0.0,) * 7, parts=parts)
    for repeats in (1, 2):
        for patients in (10, 16, 48, 80):
            yield Setting("nothing", FOLDS * repeats, patients, repeats)
        for parts in unlike:
            for patients in (48, 80):
                yield Setting("nothing", FOLDS * repeats, patients, repeats, parts=parts)
        yield Setting("nothing", FOLDS * repeats, 48, repeats, means=(0.0,) * 7)


def _other_settings() -> Iterable[Setting]:
    sizes = ((3, 48, 0), (5, 16, 0), (5, 48, 0), (10, 80, 0), (5, 48, 1), (10, 48, 2), (10, 80, 2))
    for margin in (0.04, 0.08):
        for networks, patients, repeats in sizes:
            means = (0.0, margin, -margin)
            yield Setting("margin", networks, patients, repeats, means, margin=margin)
    ladders = ((0.0, -0.01, -0.02), (0.0, -0.08, -0.08), (0.0, 0.0, 0.0))
    for means in ladders:
        margin = 0.08 if min(means) < -0.05 else 0.02
        for networks, patients, repeats in sizes:
            yield Setting("best", networks, patients, repeats, means, margin=margin)
    seven = (0.0, -0.01, -0.01, -0.08, -0.08, -0.08, -0.08)
    for networks, patients, repeats in ((5, 48, 0), (10, 48, 2)):
        yield Setting("best", networks, patients, repeats, seven, margin=0.08)
    for parts in PARTS:
        for patients in (48, 80):
            yield Setting("looks", LOOKS[-1], patients, parts=parts)
    yield Setting("looks", LOOKS[-1], 48, means=(0.0,) * 7)
    for kind in ("t3", "failing", "near 1"):
        yield Setting("looks", LOOKS[-1], 48, kind=kind)
    for patients in (48, 80):
        yield Setting("looks", 2 * FOLDS, patients, 2)
    for difference in (0.0, 0.01, 0.02, 0.03):
        means = (0.0, difference, difference)
        for networks, patients, repeats in ((5, 48, 0), (7, 80, 0), (10, 48, 2), (10, 80, 2)):
            yield Setting("cost", networks, patients, repeats, means)
    for parts in ("networks dominate", "patients dominate"):
        for networks, patients, repeats in ((5, 48, 0), (7, 80, 0), (10, 80, 2)):
            yield Setting("cost", networks, patients, repeats, (0.0, 0.03, 0.03), parts)


def simulate(setting: Setting, count: int, rng: np.random.Generator) -> np.ndarray:
    """Score tables, (study, value, network, patient), NaN where a fold does not test a patient."""
    v, n, p = len(setting.means), setting.networks, setting.patients
    sd = PARTS[setting.parts]
    draw = (
        (lambda *size: rng.standard_t(3, size) / np.sqrt(3))
        if setting.kind == "t3"
        else (lambda *size: rng.standard_normal(size))
    )
    effects = sd[0] * draw(count, v, n, 1) + sd[1] * draw(count, v, 1, p)
    effects = effects + sd[2] * draw(count, v, n, p)
    if setting.kind == "near 1":
        # the same effects where the curve is steep as at 0.95, and patients of unequal difficulty
        logit = np.log(19) + effects / (0.95 * 0.05) + 0.5 * rng.standard_normal((count, 1, 1, p))
        scores = special.expit(logit)
    else:
        scores = 0.8 + effects + np.asarray(setting.means)[None, :, None, None]
    if setting.kind == "failing":
        hard = rng.random((count, 1, 1, p)) < 0.06
        lost = hard & (rng.random(scores.shape) < 0.5)
        scores = np.where(lost, 0.1 + 0.02 * rng.standard_normal(scores.shape), scores)
    if setting.kind == "missing":
        scores = np.where(rng.random(scores.shape) < 0.05, np.nan, scores)
    if setting.repeats:
        fold = rng.random((count, setting.repeats, p)).argsort(2).argsort(2) % FOLDS
        tested = fold[:, :, None, :] == np.arange(FOLDS)[None, None, :, None]
        scores = np.where(tested.reshape(count, 1, n, p), scores, np.nan)
    return scores


def table_of(scores: np.ndarray, setting: Setting) -> ScoreTable:
    names = [tuple(map(str, range(length))) for length in scores.shape]
    return ScoreTable(*names, scores, "folds" if setting.repeats else "seeds")


Outcome = dict[str, float]
"""What one study gave: 1 or 0, or a share; a name is left out if the study says nothing on it."""


def judge_nothing(table: ScoreTable, setting: Setting) -> Outcome:
    """All values equal: does the plain interval cover 0, does any of the family leave it out?"""
    found = estimate(table, against(0, len(setting.means)))
    low, high = bounds(found, LEVEL)
    each = simultaneous_level(found.correlation, found.df)
    claimed = _leaves_zero_out(*bounds(found, each))
    return {"coverage": float(((low <= 0) & (high >= 0)).mean()), "false claim": float(claimed)}


def judge_margin(table: ScoreTable, setting: Setting) -> Outcome:
    found = estimate(table, against(0, len(setting.means)))
    each = simultaneous_level(found.correlation, found.df)
    judged = [
        verdicts.judge(float(low), float(high), setting.margin)
        for low, high in zip(*bounds(found, each), strict=True)
    ]
    return {"false equivalence": float("practically equivalent" in judged)}


def judge_best(table: ScoreTable, setting: Setting) -> Outcome:
    sets = best.best_sets(table, setting.margin)
    shortfall = max(setting.means) - np.asarray(setting.means)
    wrong = (shortfall[list(sets.good_enough)] >= setting.margin).any()
    return {
        "best among those that may be": float(0 in sets.may_be_best),
        "all shown good enough are": float(not wrong),
    }


def judge_looks(table: ScoreTable, setting: Setting) -> Outcome:
    """All values equal, and a look after each group of networks: does any claim a difference?"""
    past: list[looks.Look] = []
    for networks in (FOLDS, 2 * FOLDS) if setting.repeats else LOOKS:
        look = looks.next_look(past, networks, table.values, LOOKS[-1])
        assert look is not None
        past.append(look)
        found = estimate(
            table.only(np.arange(len(table.networks)) < networks),
            against(0, len(setting.means)),
        )
        each = simultaneous_level(found.correlation, found.df, look.spent)
        if _leaves_zero_out(*bounds(found, each)):
            return {"false claim": 1.0}
    return {"false claim": 0.0}


def judge_cost(table: ScoreTable, setting: Setting) -> Outcome:
    """Whether the printed ranges hold what the truth would cost, for the first comparison.

    The report prints a cost only for what is undecided; both are counted, all and these.
    """
    found = estimate(table, against(0, len(setting.means)))
    each = simultaneous_level(found.correlation, found.df)
    low, high = (float(side[0]) for side in bounds(found, each))
    mean, se = float(found.mean[0]), float(found.se[0])
    cost = decide.cost_to_decide(
        "value", "other", mean, se, found.components[0], setting.margin, each
    )
    inside = {}
    for name, limits, chance in (
        ("even", cost.even, decide.EVEN),
        ("likely", cost.likely, decide.LIKELY),
    ):
        true = decide.networks_needed(
            true_components(setting), setting.means[1], setting.margin, chance, each
        )
        inside[f"{name}, all"] = float(limits[0] <= true <= limits[1])
    verdict = verdicts.judge(low, high, setting.margin)
    if verdict not in verdicts.DECIDED:
        inside |= {name.replace("all", "printed"): hit for name, hit in inside.items()}
    return inside


def true_components(setting: Setting) -> Components:
    network, patient, residual = (2 * sd**2 for sd in PARTS[setting.parts])
    cells = setting.patients / (FOLDS if setting.repeats else 1)
    return Components(network, patient, residual, setting.networks, setting.patients, cells)


def _leaves_zero_out(low: np.ndarray, high: np.ndarray) -> bool:
    return bool(((low > 0) | (high < 0)).any())


JUDGES: dict[Question, Callable[[ScoreTable, Setting], Outcome]] = {
    "nothing": judge_nothing,
    "margin": judge_margin,
    "best": judge_best,
    "looks": judge_looks,
    "cost": judge_cost,
}


@dataclass(frozen=True)
class Rate:
    """A measured share, its Monte Carlo error, and from how many studies."""

    rate: float
    error: float
    studies: int


def measure(setting: Setting, repetitions: int) -> dict[str, Rate]:
    """Simulate studies and judge them; the same numbers every time."""
    sums: dict[str, np.ndarray] = {}
    seed = zlib.crc32(setting.key.encode())
    for start in range(0, repetitions, BATCH):
        count = min(BATCH, repetitions - start)
        for scores in simulate(setting, count, np.random.default_rng([seed, start])):
            for name, hit in JUDGES[setting.asks](table_of(scores, setting), setting).items():
                sums[name] = sums.get(name, 0) + np.array([hit, hit**2, 1])
    return {name: _rate(*found) for name, found in sums.items()}


def _rate(total: float, squares: float, count: float) -> Rate:
    mean = total / count
    # a rate of exactly 0 or 1 still has an error: as if one study more had gone the other way
    variance = max(squares / count - mean**2, 1 / (count + 1) * (1 - 1 / (count + 1)))
    return Rate(float(mean), float(np.sqrt(variance / count)), int(count))


@dataclass(frozen=True)
class Target:
    """A promise: what is measured, where, and the limits that it must keep."""

    title: str
    says: str
    asks: Question
    measure: str
    limits: Callable[[Setting], tuple[float, float]]


def coverage_limits(setting: Setting) -> tuple[float, float]:
    """Of the plain 95 % interval; above is fine with few networks or where a component is 0."""
    if setting.networks < 5:
        return 0.92, 1.0
    return 0.93, 0.975 if min(PARTS[setting.parts]) > 0 else 1.0


TARGETS = (
    Target(
        "Coverage of the 95 % interval",
        "How often the plain interval of a difference holds the true difference, 0. Wanted: "
        "93 to 97.5 % from 5 networks on (more is fine where a component is 0), at least 92 % "
        "with 3.",
        "nothing",
        "coverage",
        coverage_limits,
    ),
    Target(
        'False "better" or "worse"',
        "All values are equal: how often any interval of the family leaves 0 out. Every false "
        '"better" or "worse", size uncertain or not, is among these. Wanted: at most 5 %.',
        "nothing",
        "false claim",
        lambda _: (0.0, LEVEL),
    ),
    Target(
        'False "better" or "worse" at any of several looks',
        f"The same with looks at {', '.join(map(str, LOOKS))} networks (with folds at 5 and 10), "
        "each spending its share. Wanted: at most 5 % for all looks together.",
        "looks",
        "false claim",
        lambda _: (0.0, LEVEL),
    ),
    Target(
        'False "practically equivalent"',
        "Two values differ from the reference by exactly the margin, one each way: how often "
        "either is called practically equivalent. Wanted: at most 5 %.",
        "margin",
        "false equivalence",
        lambda _: (0.0, LEVEL),
    ),
    Target(
        'The set "may be best" holds the best',
        "How often the true best is in the set; where several are equal, a given one of them. "
        "Wanted: at least 95 %.",
        "best",
        "best among those that may be",
        lambda _: (1 - LEVEL, 1.0),
    ),
    Target(
        'All in the set "shown good enough" are',
        "How often every value in the set really falls short of the best by less than the "
        "margin. Wanted: at least 95 %.",
        "best",
        "all shown good enough are",
        lambda _: (1 - LEVEL, 1.0),
    ),
    *(
        Target(
            f"Cost to decide, {words}, {which}",
            "How often the range holds the number of networks that the truth asks for"
            + (
                ', where the report prints it: the difference is not decided ("studies" says how '
                "many were not). "
                if which == "printed"
                else ", in all studies, decided or not. "
            )
            + "Wanted: at least 60 %.",
            "cost",
            f"{name}, {which}",
            lambda _: (0.6, 1.0),
        )
        for name, words in (("even", "even chance"), ("likely", "chance of 80 %"))
        for which in ("printed", "all")
    ),
)


def kept(target: Target, setting: Setting, rate: Rate) -> str:
    """Whether a measured rate keeps the limits: yes, within two Monte Carlo errors, or no."""
    low, high = target.limits(setting)
    beyond = max(low - rate.rate, rate.rate - high)
    return "yes" if beyond <= 0 else "within error" if beyond <= 2 * rate.error else "**no**"


Measured = dict[Setting, dict[str, Rate]]


def measure_all(chosen: Sequence[Setting], repetitions: int, cache: Path | None) -> Measured:
    """Measure every setting that the cache does not hold, and say how long the rest will take."""
    engine_hash()  # of the code that is loaded now
    known = _read_cache(cache, repetitions)
    found: Measured = {}
    started_at, fresh = time.monotonic(), 0
    missing = sum(setting.key not in known for setting in chosen)
    for setting in chosen:
        if setting.key in known:
            found[setting] = known[setting.key]
            continue
        found[setting] = measure(setting, repetitions)
        fresh += 1
        if cache:
            _append(cache, repetitions, setting, found[setting])
        left_s = (time.monotonic() - started_at) / fresh * (missing - fresh)
        words = ", ".join(f"{name} {100 * r.rate:.1f} %" for name, r in found[setting].items())
        print(f"{fresh}/{missing}, {left_s / 60:.0f} min left: {setting} {words}", flush=True)
    return found


@lru_cache
def engine_hash() -> str:
    """Changes with the code that is measured: results of other code are no results of this."""
    parts = [
        *(best, contrasts, decide, intervals, looks, verdicts),
        *(simulate, table_of, true_components, measure, _rate, *JUDGES.values()),
    ]
    text = "".join([*map(inspect.getsource, parts), repr((PARTS, FOLDS, LOOKS, BATCH))])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _read_cache(cache: Path | None, repetitions: int) -> dict[str, dict[str, Rate]]:
    if cache is None or not cache.exists():
        return {}
    rows = [json.loads(line) for line in cache.read_text("utf-8").splitlines() if line.strip()]
    return {
        row["setting"]: {name: Rate(*numbers) for name, numbers in row["rates"].items()}
        for row in rows
        if (row["engine"], row["repetitions"]) == (engine_hash(), repetitions)
    }


def _append(cache: Path, repetitions: int, setting: Setting, rates: dict[str, Rate]) -> None:
    row = {
        "engine": engine_hash(),
        "repetitions": repetitions,
        "setting": setting.key,
        "rates": {name: (r.rate, r.error, r.studies) for name, r in rates.items()},
    }
    with cache.open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")


def page(found: Measured, repetitions: int, command: str) -> str:
    """The documentation page."""
    sections = [_section(target, found) for target in TARGETS]
    summary = "\n".join(
        f"| {target.title} | {len(rows)} | {_worst(rows)} |"
        for target in TARGETS
        if (rows := _rows(target, found))
    )
    packages = ", ".join(f"{name} {version(name)}" for name in ("myosweep", "numpy", "scipy"))
    parts = "\n".join(
        f"| {name} | {' | '.join(f'{number:g}' for number in sd)} |" for name, sd in PARTS.items()
    )
    return f"""# Error rates

How often the statistics of myosweep err, measured on {repetitions} simulated studies for each of
{len(found)} settings. The truth of each is known, and the functions that judge it are those that
judge a real study. What they compute stands in [statistics](statistics.md).

| target | settings | kept |
|---|---|---|
{summary}

"Within error": beyond the limit, but by no more than two Monte Carlo errors (the ± below is one).
{_few(repetitions)}
{_missed(found)}
## What was simulated

A score is 0.8, plus the value's true effect, plus three random numbers: how this value does with
this network (seed), how it does with this patient, and the rest. So patients react differently to
values even where no value is better on average. The standard deviations of the three, per value:

| | network | patient | rest |
|---|---|---|---|
{parts}

- **seeds**: every network is tested on every patient. **folds**: 5-fold cross-validation, once (5
  networks) or twice (10), each network tested on its fold's patients.
- **t3**: all three random numbers have Student's distribution with 3 degrees of freedom (same
  standard deviation): outliers are common.
- **failing**: each patient is difficult with probability 6 %; there every network of every value
  collapses to a score of about 0.1 with probability 1/2.
- **near 1**: the random numbers act on the logit of a score of 0.95, so that scores pile up near 1,
  and patients differ in difficulty.
- **missing**: each score is missing with probability 5 %.
- Three values against the first, or seven where it says so.

Not every combination was simulated: all sizes with typical scores; the other scores and the folds
at the sizes that studies have.

Made by `{command}`
with Python {platform.python_version()}, {packages}. The same command gives the same numbers.

{chr(10).join(sections)}"""


def _few(repetitions: int) -> str:
    if repetitions >= FEWEST:
        return ""
    return f"\n**A short run**: {repetitions} studies per setting, where {FEWEST} are wanted.\n"


def _missed(found: Measured) -> str:
    """Every rate beyond its limit by more than chance, or that there is none."""
    lines = [
        f"- {target.title}: {_design(setting)}, {setting.networks} networks, "
        f"{setting.patients} patients, {_scores(setting)}: {100 * rate.rate:.1f} %"
        + (
            " (intervals wider than need be)"
            if rate.rate > target.limits(setting)[1] < 1 and target.measure == "coverage"
            else ""
        )
        for target in TARGETS
        for setting, rate, word in _rows(target, found)
        if word == "**no**"
    ]
    if not lines:
        return "No target is missed by more than two Monte Carlo errors in any setting.\n"
    return (
        "Missed by more than two Monte Carlo errors:\n\n"
        + "\n".join(lines)
        + "\n\nOther rules that were tried, and what they gave, stand in\n"
        "[decision 8](decisions/0008-degrees-of-freedom.md); none kept more.\n"
    )


Row = tuple[Setting, Rate, str]


def _rows(target: Target, found: Measured) -> list[Row]:
    return [
        (setting, rates[target.measure], kept(target, setting, rates[target.measure]))
        for setting, rates in found.items()
        if setting.asks == target.asks and target.measure in rates
    ]


def _worst(rows: Sequence[Row]) -> str:
    verdict = [word for _, _, word in rows]
    missed, near = verdict.count("**no**"), verdict.count("within error")
    words = [f"yes in {verdict.count('yes')}"]
    words += [f"within error in {near}"] if near else []
    words += [f"**missed in {missed}**"] if missed else []
    return ", ".join(words)


def _section(target: Target, found: Measured) -> str:
    rows = _rows(target, found)
    if not rows:
        return ""
    lines = "\n".join(
        f"| {_design(setting)} | {setting.networks} | {setting.patients} | {_scores(setting)} "
        f"| {100 * rate.rate:.1f} ± {100 * rate.error:.1f} % | {rate.studies} | {word} |"
        for setting, rate, word in rows
    )
    return (
        f"## {target.title}\n\n{target.says}\n\n"
        "| design | networks | patients | scores | rate | studies | kept |\n"
        f"|---|---|---|---|---|---|---|\n{lines}\n"
    )


def _design(setting: Setting) -> str:
    return f"folds, {setting.repeats} x {FOLDS}" if setting.repeats else "seeds"


def _scores(setting: Setting) -> str:
    words = [setting.parts if setting.kind == "normal" else setting.kind]
    if len(setting.means) != 3:
        words.append(f"{len(setting.means)} values")
    if any(setting.means):
        others = setting.means[1:2] if setting.asks == "cost" else setting.means[1:]
        words.append(
            f"true differences {', '.join(f'{mean:+g}' for mean in dict.fromkeys(others))}"
        )
    if setting.asks not in ("nothing", "looks"):
        words.append(f"margin {setting.margin:g}")
    return "; ".join(words)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--repetitions", type=int, default=FEWEST, help="studies per setting")
    options.add_argument("--quick", action="store_true", help="every tenth setting, 100 studies")
    options.add_argument("--out", type=Path, help="write the documentation page to this file")
    options.add_argument("--cache", type=Path, help="JSON lines of what is finished")
    given = options.parse_args()
    chosen, repetitions = settings(), given.repetitions
    if given.quick:
        chosen, repetitions = chosen[::10], min(repetitions, 100)
    found = measure_all(chosen, repetitions, given.cache)
    command = f"python benchmarks/error_rates.py --repetitions {repetitions}"
    text = page(found, repetitions, command + (" --quick" if given.quick else ""))
    if given.out:
        given.out.write_text(text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    main()
