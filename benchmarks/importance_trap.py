"""Shares of hyperparameters on a function whose shares are known: where they mislead, measured.

    python benchmarks/importance_trap.py [--repeats 20] [--trials 60] [--out docs/how-to]

Prints the tables of docs/how-to/which-hyperparameters-matter.md and draws its picture: the same
function over a narrow and a wide range of learning rates; trials drawn at random and by Optuna's
TPE; shares near the best; a cliff that moves; how often the interval holds the true share; and how
often pure noise is ranked. Nothing is trained.
"""

import argparse
import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from myosweep.analysis.importance.shares import (
    FEWEST_TRIALS,
    NEAR_BEST,
    Importance,
    Trial,
    Trials,
    importance,
)
from myosweep.analysis.importance.space import Domain
from myosweep.analysis.points import field_words
from myosweep.report.figures.style import GRID, INK, MUTED, finish, new_figure, styled

NOISE = 0.01
SPACE = {
    "learning_rate": Domain("float", 1e-4, 1e-2, log=True),
    "l2.strength": Domain("float", 1e-6, 1e-2, log=True),
    "dropout": Domain("float", 0.0, 0.6),
    "augmentation.flip": Domain("category", categories=(0.0, 0.5)),
}
NARROW = {**SPACE, "learning_rate": Domain("float", 5e-4, 2e-3, log=True)}
WIDE = {**SPACE, "learning_rate": Domain("float", 1e-6, 1e-1, log=True)}
RANGES = {
    "learning rate 0.0005 to 0.002": NARROW,
    "learning rate 0.0001 to 0.01": SPACE,
    "learning rate 0.000001 to 0.1": WIDE,
}
Score = Callable[[Mapping[str, Any]], float]
_GRID = 48
_RANDOM, _TPE = "random", "TPE"


def score(point: Mapping[str, Any]) -> float:
    """A made-up Dice: a best learning rate of 0.001, and an L2 that does more where it is high."""
    rate = math.log10(point["learning_rate"]) + 3
    l2 = math.log10(point["l2.strength"]) + 4
    flip = 0.01 if point["augmentation.flip"] else 0.0
    loss = 0.05 * rate**2 + 0.015 * l2**2 + 0.02 * rate * l2 + 0.3 * (point["dropout"] - 0.2) ** 2
    return 0.8 - loss + flip


def cliff(point: Mapping[str, Any]) -> float:
    """The same, but training fails from some learning rate on, earlier with much dropout."""
    fails = math.log10(point["learning_rate"]) > -2.3 - point["dropout"]
    return 0.05 if fails else score(point)


def true_shares(
    space: Mapping[str, Domain], capped: float = -math.inf, of: Score = score
) -> dict[tuple[str, ...], float]:
    """Variance shares of fields and pairs, by adding up over a fine grid.

    Args:
        capped: lower scores count as this one.
        of: the function.
    """
    axes = [_levels(domain) for domain in space.values()]
    table = np.array([of(dict(zip(space, one, strict=True))) for one in itertools.product(*axes)])
    table = np.maximum(table, capped).reshape([len(axis) for axis in axes])
    table -= table.mean()
    every, found = range(len(axes)), {}
    for count in (1, 2):
        for fields in itertools.combinations(every, count):
            mean = table.mean(tuple(set(every) - set(fields)), keepdims=True)
            names = [list(space)[k] for k in fields]
            below = [found[one,] for one in names] if count == 2 else []
            found[tuple(names)] = float((mean**2).mean() / table.var()) - sum(below)
    return found


def total(path: str, shares: Mapping[tuple[str, ...], float]) -> float:
    return sum(share for paths, share in shares.items() if path in paths)


def _levels(domain: Domain) -> list[Any]:
    if domain.levels is not None:
        return list(domain.levels)
    return [_at(domain, (k + 0.5) / _GRID) for k in range(_GRID)]


def _at(domain: Domain, place: float) -> float:
    if domain.log:
        return domain.low * (domain.high / domain.low) ** place
    return domain.low + (domain.high - domain.low) * place


def searched(
    space: Mapping[str, Domain], sampler: str, trials: int, seed: int, of: Score = score
) -> Trials:
    """Trials as a search finds them, with noise."""
    noise = np.random.default_rng(seed)
    rows = []
    samplers = {_RANDOM: optuna.samplers.RandomSampler, _TPE: optuna.samplers.TPESampler}
    study = optuna.create_study(direction="maximize", sampler=samplers[sampler](seed=seed))
    for _ in range(trials):
        trial = study.ask()
        point = {path: _suggested(trial, path, domain) for path, domain in space.items()}
        found = of(point) + NOISE * noise.standard_normal()
        study.tell(trial, found)
        rows.append(Trial(point, found))
    return Trials(space, rows)


def _suggested(trial: optuna.Trial, path: str, domain: Domain) -> Any:
    if domain.kind == "category":
        return trial.suggest_categorical(path, list(domain.categories))
    return trial.suggest_float(path, domain.low, domain.high, log=domain.log)


def repeated(
    space: Mapping[str, Domain], sampler: str, trials: int, repeats: int, near: bool = False
) -> list[Importance]:
    """What is found in several searches."""
    return [
        importance(searched(space, sampler, trials, seed), seed, near_best=near)
        for seed in range(repeats)
    ]


def table(
    title: str, space: Mapping[str, Domain], truth: Mapping[tuple[str, ...], float],
    found: Mapping[str, list[Importance]],
) -> Iterator[str]:  # fmt: skip
    """Mean shares over the searches that gave a ranking, next to the true ones."""
    kept = {name: [one for one in many if one.effects] for name, many in found.items()}
    yield f"\n{title} (ranked: {', '.join(f'{len(kept[n])} of {len(found[n])} {n}' for n in kept)})"
    kept = {name: many for name, many in kept.items() if many}
    methods = sorted({m for many in kept.values() for m in many[0].effects[0].others})
    heads = [f"{method}, {name}" for name in kept for method in ("myosweep", *methods)]
    yield f"| hyperparameter | true | {' | '.join(heads)} |"
    yield f"|---|---|{'---|' * len(heads)}"
    for path in space:
        cells = [f"{total(path, truth):.0%}"]
        for many in kept.values():
            effects = [next(e for e in one.effects if e.path == path) for one in many]
            truth_here = total(path, truth)
            held = sum(e.total.low <= truth_here <= e.total.high for e in effects)
            middle, low, high = (
                np.mean([getattr(e.total, part) for e in effects])
                for part in ("share", "low", "high")
            )
            kept_in = f"{held} of {len(effects)}"
            cells.append(f"{middle:.0%} ({low:.0%} to {high:.0%}; holds the true one in {kept_in})")
            cells += [f"{np.mean([e.others[m] for e in effects]):.0%}" for m in methods]
        yield f"| {field_words(path)} | {' | '.join(cells)} |"


def of_cliffs(trials: int, repeats: int) -> Iterator[str]:
    """What is seen of a cliff in the learning rate that moves with dropout."""
    pair = ("learning_rate", "dropout")
    found = [
        importance(searched(SPACE, _RANDOM, trials, seed, cliff), seed) for seed in range(repeats)
    ]
    shares = [one.share.share for many in found for one in many.interactions if one.paths == pair]
    truth = true_shares(SPACE, of=cliff)[pair]
    middle = np.mean(shares) if shares else math.nan
    yield f"\nA cliff that moves (ranked: {len(shares)} of {repeats})"
    yield f"explained: {np.mean([one.explained.share for one in found]):.0%} on average"
    yield f"interaction: {truth:.1%}, found {middle:.1%} on average"


def false_rankings(trials: int, repeats: int) -> float:
    """How often scores that are nothing but noise are ranked."""
    ranked = 0
    for seed in range(repeats):
        noise = np.random.default_rng(seed).standard_normal(trials)
        rows = searched(SPACE, _RANDOM, trials, seed).rows
        nothing = [replace(one, score=float(x)) for one, x in zip(rows, noise, strict=True)]
        ranked += bool(importance(Trials(SPACE, nothing), seed).effects)
    return ranked / repeats


def draw(found: Mapping[str, tuple[Mapping[str, Domain], Importance]], file: Path) -> None:
    """A panel per search: shares with intervals, and true shares as rings."""
    with styled():
        figure = new_figure(2.3)
        panels = figure.subplots(1, len(found), sharey=True, sharex=True)
        for axes, (title, (space, one)) in zip(panels, found.items(), strict=True):
            truth = true_shares(space)
            axes.set_title(title, fontsize=8)
            axes.grid(visible=False, axis="y")
            axes.grid(visible=True, axis="x", color=GRID)
            for place, path in enumerate(space):
                effect = next(e for e in one.effects if e.path == path).total
                axes.barh(place, effect.share, 0.5, color="#2f88b0", alpha=0.6, lw=0)
                axes.hlines(place, effect.low, effect.high, color=INK, lw=1.3)
                axes.plot(total(path, truth), place, "o", ms=5, mfc="none", mec="#d55e00", mew=1.4)
            axes.set(xlim=(0, 1.02), ylim=(len(space) - 0.4, -0.6))
            axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
            axes.set_xticks([0, 0.5, 1])
            axes.spines["left"].set_color(MUTED)
        words = (
            "share of the variance, interactions included, with 95 % interval; rings: the true one"
        )
        figure.supxlabel(words, fontsize=7.5, color=MUTED)
        panels[0].set_yticks(range(len(SPACE)), [field_words(path) for path in SPACE])
        panels[0].tick_params(axis="y", labelcolor=INK)
        file.write_bytes(finish(figure, file.stem, "").png)


def near_best_shares() -> dict[tuple[str, ...], float]:
    """The true shares when scores below the space's top quarter count as its lowest."""
    axes = [_levels(domain) for domain in SPACE.values()]
    every = [score(dict(zip(SPACE, one, strict=True))) for one in itertools.product(*axes)]
    return true_shares(SPACE, float(np.quantile(every, NEAR_BEST)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--out", type=Path, default=Path("docs/how-to"))
    asked = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sizes = asked.trials, asked.repeats
    found = {}
    for name, space in RANGES.items():
        found[name] = repeated(space, _RANDOM, *sizes)
        print(*table(name, space, true_shares(space), {_RANDOM: found[name]}), sep="\n", flush=True)
    tpe = repeated(SPACE, _TPE, *sizes)
    print(*table("TPE", SPACE, true_shares(SPACE), {_TPE: tpe}), sep="\n", flush=True)
    near = repeated(SPACE, _RANDOM, *sizes, near=True)
    print(*table("Near the best", SPACE, near_best_shares(), {_RANDOM: near}), sep="\n", flush=True)
    print(*of_cliffs(*sizes), sep="\n", flush=True)
    for trials in (FEWEST_TRIALS, asked.trials):
        ranked = false_rankings(trials, 5 * asked.repeats)
        print(f"pure noise ranked, {trials} trials: {ranked:.1%}", flush=True)
    asked.out.mkdir(parents=True, exist_ok=True)
    first = {name: next((one for one in many if one.effects), None) for name, many in found.items()}
    if all(first.values()):
        shown = {name: (RANGES[name], one) for name, one in first.items() if one}
        draw(shown, asked.out / "importance-trap.png")


if __name__ == "__main__":
    main()
