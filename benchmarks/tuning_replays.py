"""Replays of `myosweep tune` on recorded runs: how often, and at what cost, is its answer good?

    python benchmarks/tuning_replays.py GRID [--replays 10] [--budget 14]
    python benchmarks/tuning_replays.py SEARCH --budget 20 --replays 4 [--train] [--record FILE]

GRID is a finished grid over one field (its tables suffice), SEARCH a search whose trials were drawn
at random. Where tune would train, the recorded run is taken. In each replay the search has another
seed, and in a grid another network of each value comes first. What is proposed becomes the nearest
recorded point not tried yet. Search, early ending, race and the look at the test patients are those
of `myosweep tune`. Networks that a race needs and that are not recorded are trained with --train,
in SEARCH's folder; several processes may do that side by side. --record writes what the replays
took to a file, which may stand for SEARCH: benchmarks/recorded/emidec-design.json is such a file;
networks that are missing in it are trained in --folder, with --data.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from common import refusals
from myosweep.analysis.conclude import conclude
from myosweep.analysis.points import points
from myosweep.analysis.tuning.early_scores import early_scores, told_so_far
from myosweep.analysis.tuning.found import DEFAULT, Trial, name_of, plan_race
from myosweep.analysis.tuning.race import (
    Race,
    is_confirmed,
    look_level,
    pick,
    run_race,
    start_race,
)
from myosweep.config import StudyConfig, Tune, read_study_config
from myosweep.files import read_json
from myosweep.randomness import stream
from myosweep.results.layout import StudyFolder
from myosweep.results.read import Results, read_results
from myosweep.results.rows import RunStatus
from myosweep.results.trials import TrialRun
from myosweep.statistics.answer import Answer, answer
from myosweep.statistics.score_table import ScoreTable
from myosweep.study.tune.early import is_hopeless
from myosweep.study.tune.propose import distribution, propose
from recorded import (
    Recorded,
    distance,
    further_study,
    inside,
    read_design,
    read_grid,
    read_recorded,
    train_missing,
    with_networks,
    write_recorded,
)

CHECKED = 3
"""Further networks of each, in which what a replay recommends is compared with the default."""


@dataclass(frozen=True)
class Outcome:
    """What a replay recommends, by position, and what it cost in runs of the default.

    ``missing`` are the networks (label and number) without which its race cannot go on.
    """

    recommended: int
    cost: float
    trials: int
    race: Race
    test: Answer | None
    missing: tuple[tuple[str, int], ...] = ()


class Replay:
    """One replay: the order of the networks and the seed of the search are its own."""

    def __init__(self, recorded: Recorded, tune: Tune, budget: float, number: int) -> None:
        self._recorded, self._tune, self._budget = recorded, tune, budget
        count = len(recorded.validation.networks)
        self._order = np.arange(count)
        if recorded.any_network_first:
            self._order = stream(number, "tuning", 0, 0).permutation(count)
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
        if not race.over:
            active = (DEFAULT, *(int(name.removeprefix("trial ")) for name in race.active))
            labels = [self._recorded.labels[self._places[trial]] for trial in active]
            missing = tuple((label, race.networks + 1) for label in labels)
            return Outcome(self._recorded.default, spent, len(self._trials), race, None, missing)
        if race.winner is None:
            return Outcome(self._recorded.default, spent, len(self._trials), race, None)
        test = self._look(race)
        winner = self._places[int(race.winner.removeprefix("trial "))]
        recommended = winner if is_confirmed(test) else self._recorded.default
        return Outcome(recommended, spent, len(self._trials), race, test)

    def _next(self, search: float) -> int | None:
        """The recorded point to try next; None when the search's budget is spent."""
        if not self._trials:
            return self._recorded.default
        spent = sum(one.run.spent for one in self._trials)
        default = self._recorded.values[self._recorded.default]
        values = propose(self._records(), self._recorded.space, self._tune, default)
        if values is None:
            return None
        left = [
            place
            for place in range(len(self._recorded.labels))
            if place not in self._places and self._recorded.costs[place] <= search - spent + 1e-9
        ]
        return min(
            left,
            key=lambda place: distance(values, self._recorded.values[place], self._recorded.space),
            default=None,
        )

    def _records(self) -> list[object]:
        from optuna.trial import TrialState, create_trial

        records: list[object] = []
        for one in self._trials:
            params = inside(one.run.values, self._recorded.space)
            whole = one.score is not None
            done = one.run.epochs_done
            records.append(
                create_trial(
                    params=params,
                    distributions={p: distribution(p, self._recorded.space[p]) for p in params},
                    state=TrialState.COMPLETE if whole else TrialState.PRUNED,
                    value=one.score,
                    intermediate_values={} if whole else {done: one.run.history[-1]},
                )
            )
        return records

    def _train(self, place: int) -> None:
        """Take a recorded run in place of a training, and end it where tune would."""
        history = self._recorded.histories[place][self._order[0]]
        _, rule = told_so_far(self._trials, self._tune)
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
        status = RunStatus(status="complete" if whole else "stopped", epochs_done=done)
        run = TrialRun(
            f"recorded-{place}", number, 0, self._recorded.costs[place],
            self._recorded.values[place], len(history), done, status, history[:done],
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
            thorough=False, level=look_level(len(race.contenders)),
        )  # fmt: skip

    def _race_cost(self, race: Race) -> float:
        """Every round costs the networks of all who were in it."""
        cost, active, looks = 0.0, race.contenders, {one.networks: one for one in race.rounds}
        for number in range(1, race.networks + 1):
            cost += 1 + sum(self._trials[int(n.removeprefix("trial "))].run.cost for n in active)
            active = looks[number].left if number in looks else active
        return cost


def replay(recorded: Recorded, budget: float, number: int) -> Outcome:
    """One replay with `myosweep tune`'s own defaults."""
    tune = Tune(seed=number, budget=f"{budget:g}runs")
    return Replay(recorded, tune, budget, number).run()


def told(found: Outcome) -> str:
    """What a replay did, in words."""
    race = f"{len(found.race.contenders)} raced over {found.race.networks} networks"
    return (
        f"{found.trials} trials, {race} ({found.race.ending}), winner {found.race.winner}, "
        f"{found.cost:.1f} runs"
    )


def replay_grid(results: Results, replays: int, budget: float, default: str | None) -> None:
    """How often the answer is the grid's; with another default, which is no question to the grid,
    how often it lies near the best.
    """
    recorded = read_grid(results)
    if default:
        recorded = replace(recorded, default=recorded.labels.index(default))
    means = recorded.test.network_means().mean(1)
    print(
        "test means: "
        + ", ".join(f"{n} {m:.3f}" for n, m in zip(recorded.labels, means, strict=True))
        + f"; default {recorded.labels[recorded.default]}; margin {recorded.margins[1]:.3f}"
    )
    concluded = conclude(results)
    enough, grid = concluded.shown.good_enough, concluded.recommendation.value
    cost = float(sum(len(point.runs) for point in points(results)))
    print(
        f"grid: {cost:.0f} runs; recommends {grid or 'not known, the default'}; good enough: "
        f"{', '.join(enough) or 'none'}"
    )
    good = near_best = 0
    for number in range(replays):
        found = replay(recorded, budget, number)
        label = recorded.labels[found.recommended]
        near = means.max() - means[found.recommended] < recorded.margins[1]
        near_best += near
        words = f"{'within' if near else 'NOT within'} the margin of the best"
        if not default:
            kept = grid is None and found.recommended == recorded.default
            fits = kept or label in enough
            good += fits
            words = f"{'as the grid' if fits else 'NOT as the grid'}, {words}"
        print(
            f"replay {number}: {told(found)}, 1/{cost / found.cost:.1f} of the grid; takes "
            f"{label}: {words}"
        )
    reached = "" if default else f"{good} of {replays} replays reach the grid's answer; "
    print(f"{reached}{near_best} of {replays} end within the margin of the best test mean")


def replay_search(
    read: Callable[[], Recorded], replays: int, budget: float, trained_in: Path | None
) -> Recorded:
    """How often what is recommended is worse than the default on the test patients.

    Judged with networks that took no part in the replay: those that it looked at were better, or
    the default would be recommended.

    Args:
        read: reads what is recorded by now.
        trained_in: folder for networks that are missing; None to stop there.

    Returns:
        What the replays took.
    """
    recorded = read()
    first = recorded.test.network_means()[:, 0]
    print(
        f"{len(first)} trials; test means of their first networks: default "
        f"{first[recorded.default]:.3f}, {(first > first[recorded.default]).sum()} higher, best "
        f"{first.max():.3f}, worst {first.min():.3f}; margin {recorded.margins[1]:.3f}"
    )
    worse = 0
    for number in range(replays):
        found = replay(recorded, budget, number)
        fresh, missing = check(recorded, found)
        while missing and trained_in:
            train_missing(trained_in, recorded, missing)
            recorded = read()
            found = replay(recorded, budget, number)
            fresh, missing = check(recorded, found)
        if missing:
            needed = ", ".join(f"{label} seed {seed}" for label, seed in missing)
            raise SystemExit(f"replay {number} needs networks: {needed}; give --train")
        print(
            f"replay {number}: {told(found)}{_shown(', its winner', found.test)}; takes "
            f"{recorded.labels[found.recommended]}{_shown(', in further networks', fresh)}"
        )
        worse += fresh is not None and fresh.comparisons[0].high < 0
    what = "what is recommended is shown to be worse than the default"
    print(f"in {worse} of {replays} replays {what}")
    return recorded


def check(recorded: Recorded, found: Outcome) -> tuple[Answer | None, tuple[tuple[str, int], ...]]:
    """What was recommended against the default on test patients, in networks after the race's.

    Returns:
        The answer, None if the default is recommended; and the networks that are missing for it.
    """
    if found.missing or found.recommended == recorded.default:
        return None, found.missing
    names = (recorded.labels[recorded.default], recorded.labels[found.recommended])
    seeds = range(found.race.networks + 1, found.race.networks + 1 + CHECKED)
    there = len(recorded.test.networks)
    table = pick(recorded.test, names, seeds) if seeds[-1] < there else None
    if table is None:
        return None, tuple((name, seed) for seed in seeds for name in names)
    return answer(
        table, recorded.margins[1], family="reference", reference=names[0], thorough=False
    ), ()


def _shown(what: str, found: Answer | None) -> str:
    """A difference to the default on the test patients, in words."""
    if found is None:
        return ""
    one = found.comparisons[0]
    return f"{what} {one.difference:+.3f} ({one.low:+.3f} to {one.high:+.3f}) on test patients"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("study", type=Path)
    parser.add_argument("--replays", type=int, default=10)
    parser.add_argument("--budget", type=float, default=14.0, help="in runs of the default")
    parser.add_argument("--default", help="label of another value of a grid, as the default")
    parser.add_argument("--train", action="store_true", help="train networks that are missing")
    parser.add_argument("--record", type=Path, help="file for what the replays of a search took")
    parser.add_argument("--source", default="", help="where the recorded scores come from")
    parser.add_argument("--folder", type=Path, help="where a file's missing networks are trained")
    parser.add_argument("--data", type=Path, help="the dataset that they are trained on")
    given = parser.parse_args()
    if given.train and not given.study.is_dir() and not (given.folder and given.data):
        parser.error("to train what is missing in a file, give --folder and --data")
    if given.study.is_dir() and _study_of(given.study).tune is None:
        replay_grid(read_results(given.study), given.replays, given.budget, given.default)
        return
    if given.study.is_dir():
        folder, read = given.study, partial(read_design, given.study)
        study = StudyFolder(given.study).study.read_text(encoding="utf-8")
    else:
        folder, read = given.folder, partial(_from_file, given.study, given.folder)
        study = read_json(given.study)["study"]
        if given.train:
            further_study(study, folder, given.data)
    trained_in = folder if given.train else None
    recorded = replay_search(read, given.replays, given.budget, trained_in)
    if given.record:
        write_recorded(recorded, study, given.source, given.record)


def _study_of(folder: Path) -> StudyConfig:
    return read_study_config(StudyFolder(folder).require().study)


def _from_file(file: Path, folder: Path | None) -> Recorded:
    recorded = read_recorded(file)
    return with_networks(recorded, folder) if folder and folder.is_dir() else recorded


if __name__ == "__main__":
    with refusals():
        main()
