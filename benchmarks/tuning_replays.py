"""Replays of `myosweep tune` on recorded runs: how often, and at what cost, is its answer good?

    python benchmarks/tuning_replays.py STUDY [--replays 10] [--budget 14]

STUDY is a finished study (its tables suffice): a grid over one field, or a search whose trials were
drawn at random and whose best trials have further networks. Nothing is trained: where tune would
train, the recorded run is taken. In each replay another network of each value comes first, and
the search has another seed. What is proposed becomes the nearest recorded point not tried yet.
Search, early ending, race and the look at the test patients are those of `myosweep tune`.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from myosweep.analysis.conclude import conclude
from myosweep.analysis.early_scores import early_scores, rule_so_far
from myosweep.analysis.margin import outline_of, shift_effect
from myosweep.analysis.patient_scores import patient_counts, score_table
from myosweep.analysis.points import points
from myosweep.analysis.race import Race, pick, run_race, start_race
from myosweep.analysis.tuned import DEFAULT, Trial, name_of, plan_race
from myosweep.config import Choice, Range, Tune, Value
from myosweep.randomness import stream
from myosweep.results.layout import StudyFolder
from myosweep.results.read import Results, read_history, read_results
from myosweep.results.rows import RunStatus
from myosweep.results.trials import TrialRun
from myosweep.statistics.answer import Answer, answer
from myosweep.statistics.score_table import ScoreTable
from myosweep.study.tune.early import is_hopeless
from myosweep.study.tune.propose import distribution, propose


@dataclass(frozen=True)
class Recorded:
    """A study's recorded runs.

    Attributes:
        labels: of the points; ``values`` of the searched fields at each.
        validation, test: scores of every point's networks.
        histories: validation IoU after each epoch, by point and network.
        costs: of a run of each point, in runs of the default.
        default: position of the default.
        margins: the smallest difference that matters, on validation and test patients.
    """

    labels: tuple[str, ...]
    values: tuple[dict[str, Value], ...]
    validation: ScoreTable
    test: ScoreTable
    histories: tuple[tuple[tuple[float, ...], ...], ...]
    costs: tuple[float, ...]
    default: int
    margins: tuple[float, float]


@dataclass(frozen=True)
class Outcome:
    """What a replay recommends, by position, and what it cost in runs of the default."""

    recommended: int
    cost: float
    trials: int
    race: Race
    test: Answer | None


def read_recorded(results: Results) -> Recorded:
    """The recorded runs of a grid over one field."""
    region, metric = results.study.question.region, results.study.question.metric
    found = points(results)
    tables = {
        part: score_table(results, patient_counts(results, part), region, metric)
        for part in ("validation", "test")
    }
    margins = tuple(
        shift_effect(outline_of(results.counts[results.counts["part"] == part], region), metric)
        for part in ("validation", "test")
    )
    preset = results.study.default.model_dump()
    default = next(
        position for position, point in enumerate(found) if _is_default(dict(point.values), preset)
    )
    histories = tuple(
        tuple(
            tuple(read_history(results.folder.run(run))[f"iou_{region}"].astype(float))
            for run in point.runs
        )
        for point in found
    )
    return Recorded(
        tuple(point.label for point in found),
        tuple(dict(point.values) for point in found),  # type: ignore[arg-type]
        tables["validation"],
        tables["test"],
        histories,
        tuple(1.0 for _ in found),
        default,
        margins,  # type: ignore[arg-type]
    )


def _is_default(values: dict[str, Value | None], preset: dict[str, object]) -> bool:
    for path, value in values.items():
        branch: object = preset
        for part in path.split("."):
            branch = branch[part]  # type: ignore[index]
        if branch != value:
            return False
    return True


class Replay:
    """One replay: the order of the networks and the seed of the search are its own."""

    def __init__(self, recorded: Recorded, tune: Tune, budget: float, number: int) -> None:
        self._recorded, self._tune, self._budget = recorded, tune, budget
        count = len(recorded.validation.networks)
        self._order = stream(number, "tuning", 0, 0).permutation(count)
        self._space = _space(recorded)
        self._trials: list[Trial] = []
        self._places: list[int] = []

    def run(self) -> Outcome:
        """Search, race, and the look at the test patients."""
        search = self._budget * (1 - self._tune.race_share)
        while (place := self._next(search)) is not None:
            self._train(place)
        spent = sum(one.run.spent for one in self._trials)
        contenders, largest = plan_race(
            self._trials, self._tune.candidates, self._tune.networks, self._budget - spent
        )
        race = start_race(name_of(DEFAULT), [*map(name_of, contenders)])
        table = self._named(self._recorded.validation)
        race = run_race(race, self._scores(table), self._recorded.margins[0], largest)
        spent += self._race_cost(race)
        if race.winner is None:
            return Outcome(self._recorded.default, spent, len(self._trials), race, None)
        test = self._look(race)
        better = test.comparisons[0].low > 0
        winner = self._places[int(race.winner.removeprefix("trial "))]
        recommended = winner if better else self._recorded.default
        return Outcome(recommended, spent, len(self._trials), race, test)

    def _next(self, search: float) -> int | None:
        """The recorded point to try next; None when the search's budget is spent."""
        if not self._trials:
            return self._recorded.default
        spent = sum(one.run.spent for one in self._trials)
        default = self._recorded.values[self._recorded.default]
        values = propose(self._records(), self._space, self._tune, default)
        if values is None:
            return None
        left = [
            place
            for place in range(len(self._recorded.labels))
            if place not in self._places and self._recorded.costs[place] <= search - spent + 1e-9
        ]
        return min(left, key=lambda place: self._distance(values, place), default=None)

    def _distance(self, values: dict[str, Value], place: int) -> float:
        total = 0.0
        for path, domain in self._space.items():
            one, other = values.get(path), self._recorded.values[place].get(path)
            if isinstance(domain, Choice):
                total += float(one != other)
                continue
            ends = np.array([domain.low, domain.high, one, other], float)
            if domain.log:
                ends = np.log(np.maximum(ends, domain.low / 10))
            total += float(((ends[2] - ends[3]) / (ends[1] - ends[0])) ** 2)
        return total

    def _records(self) -> list[object]:
        from optuna.trial import TrialState, create_trial

        records: list[object] = []
        for one in self._trials:
            params = {path: one.run.values[path] for path in self._space}
            whole = one.score is not None
            done = one.run.epochs_done
            records.append(
                create_trial(
                    params=params,
                    distributions={p: distribution(p, self._space[p]) for p in params},
                    state=TrialState.COMPLETE if whole else TrialState.PRUNED,
                    value=one.score,
                    intermediate_values={} if whole else {done: one.run.history[-1]},
                )
            )
        return records

    def _train(self, place: int) -> None:
        """Take a recorded run in place of a training, and end it where tune would."""
        history = self._recorded.histories[place][self._order[0]]
        rule = rule_so_far(self._trials, self._tune)
        done = len(history)
        if rule is not None:
            others = [
                early_scores(one.run.history, one.run.epochs, rule.rungs) for one in self._trials
            ]
            for epochs in range(1, len(history)):
                own = early_scores(history[:epochs], len(history), rule.rungs)
                if is_hopeless(self._tune.pruner, rule, others, own):
                    done = epochs
                    break
        number, whole = len(self._trials), done == len(history)
        values = {path: self._recorded.values[place][path] for path in self._space}
        status = RunStatus(status="complete" if whole else "stopped", epochs_done=done)
        run = TrialRun(
            f"recorded-{place}", number, 0, self._recorded.costs[place],
            _inside(values, self._space), len(history), done, status, history[:done],
        )  # fmt: skip
        scores = self._recorded.validation.scores[place, self._order[0]]
        score = float(scores[np.isfinite(scores)].mean()) if whole else None
        self._trials.append(Trial(run, score))
        self._places.append(place)

    def _named(self, table: ScoreTable) -> ScoreTable:
        """The scores of the trials so far, under their names."""
        names = tuple(name_of(number) for number in range(len(self._places)))
        return replace(table, values=names, scores=table.scores[self._places])

    def _scores(self, table: ScoreTable):  # type: ignore[no-untyped-def]
        def scores(names: Sequence[str], networks: int) -> ScoreTable | None:
            if networks >= len(self._order):
                return None
            return pick(table, names, self._order[1 : networks + 1])

        return scores

    def _look(self, race: Race) -> Answer:
        table = self._named(self._recorded.test)
        networks = self._order[1 : race.networks + 1]
        shown = pick(table, (race.default, str(race.winner)), networks)
        assert shown is not None
        return answer(
            shown, self._recorded.margins[1], family="reference", reference=race.default,
            thorough=False,
        )  # fmt: skip

    def _race_cost(self, race: Race) -> float:
        """Every round costs the networks of all who were in it."""
        cost, active, looks = 0.0, race.contenders, {one.networks: one for one in race.rounds}
        for number in range(1, race.networks + 1):
            cost += 1 + sum(self._trials[int(n.removeprefix("trial "))].run.cost for n in active)
            active = looks[number].left if number in looks else active
        return cost


def _space(recorded: Recorded) -> dict[str, Range | Choice]:
    """Where the recorded points lie."""
    space: dict[str, Range | Choice] = {}
    for path in recorded.values[0]:
        values = [point[path] for point in recorded.values]
        numbers = sorted(float(v) for v in values if isinstance(v, float) and v > 0)
        if len(numbers) >= 2 and len(numbers) >= len(values) - 1:
            space[path] = Range(low=numbers[0], high=numbers[-1], log=True)
        else:
            space[path] = Choice(values=tuple(dict.fromkeys(values)))
    return space


def _inside(values: dict[str, Value], space: dict[str, Range | Choice]) -> dict[str, Value]:
    """0 has no logarithm: to the search it is the lower end."""
    return {
        path: max(float(value), domain.low) if isinstance(domain, Range) else value
        for (path, value), domain in zip(values.items(), space.values(), strict=True)
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("study", type=Path)
    parser.add_argument("--replays", type=int, default=10)
    parser.add_argument("--budget", type=float, default=14.0, help="in runs of the default")
    parser.add_argument("--default", help="label of another value to be taken as the default")
    given = parser.parse_args()
    results = read_results(StudyFolder(given.study).path)
    recorded = read_recorded(results)
    if given.default:
        recorded = replace(recorded, default=recorded.labels.index(given.default))
    means = recorded.test.network_means().mean(1)
    print(
        "test means: "
        + ", ".join(f"{n} {m:.3f}" for n, m in zip(recorded.labels, means, strict=True))
        + f"; default {recorded.labels[recorded.default]}; margin {recorded.margins[1]:.3f}"
    )
    concluded = conclude(results)
    enough, grid = concluded.shown.good_enough, concluded.recommendation.value
    cost = float(sum(map(len, (point.runs for point in points(results)))))
    print(
        f"grid: {cost:.0f} runs; recommends {grid or 'not known, the default'}; good enough: "
        f"{', '.join(enough) or 'none'}"
    )
    good = near_best = 0
    for number in range(given.replays):
        tune = Tune(seed=number, budget=f"{given.budget:g}runs")
        found = Replay(recorded, tune, given.budget, number).run()
        label = recorded.labels[found.recommended]
        kept = found.recommended == recorded.default and not given.default
        fits = label in enough or (grid is None and kept)
        good += fits
        near = means.max() - means[found.recommended] < recorded.margins[1]
        near_best += near
        race = f"{len(found.race.contenders)} raced over {found.race.networks} networks"
        print(
            f"replay {number}: {found.trials} trials, {race} ({found.race.ending}), winner "
            f"{found.race.winner}; takes {label}: {'as the grid' if fits else 'NOT as the grid'}, "
            f"{'within' if near else 'NOT within'} the margin of the best; "
            f"{found.cost:.1f} runs, 1/{cost / found.cost:.1f} of the grid"
        )
    print(
        f"{good} of {given.replays} replays reach the grid's answer; {near_best} end within the "
        "margin of the best test mean"
    )


if __name__ == "__main__":
    main()
