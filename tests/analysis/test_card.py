"""Facts of a model card, against what is known of a study made by hand."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tests.toy import Toy, toy_study
from tests.toy_card import LICENCE, OTHER, PATIENTS, VALUE, area, card_study
from tests.toy_tune import finished_search

from myosweep.analysis.card.claim import claim
from myosweep.analysis.card.claim_answers import Answers
from myosweep.analysis.card.facts import model_card
from myosweep.analysis.card.markdown import card_markdown, plain
from myosweep.analysis.card.records import Mean, ModelCard
from myosweep.analysis.card.reloaded import reloaded
from myosweep.analysis.card.scores import _by_infarct, over_patients
from myosweep.analysis.card.words import card_parts
from myosweep.errors import StudyError
from myosweep.results.read import read_results
from myosweep.results.rows import RunStatus
from myosweep.statistics.intervals import rare_event_bound


def runs_of(toy: Toy, value: float) -> list[str]:
    found = [run for run in toy.home.runs() if run.read_settings().kind == "trained"]
    return [run.id for run in found if run.read_settings().point.get("l2.strength") == value]


def card_of(toy: Toy, value: float = VALUE, values: int = 2) -> ModelCard:
    names = runs_of(toy, value)
    members = [toy.home.run(name) for name in names]
    return model_card(read_results(toy.folder), members, names, values)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    return card_study(tmp_path_factory.mktemp("card"))


@pytest.fixture(scope="module")
def card(toy: Toy) -> ModelCard:
    return card_of(toy)


def odd_tested(toy: Toy) -> int:
    """Test patients with a small apex."""
    tested = {key.partition("_")[0] for key in toy.split.test}
    return sum(int(name[2:4]) % 2 for name in tested)


def part_text(card: ModelCard, name: str) -> str:
    part = next(one for one in card_parts(card) if one.name == name)
    cells = [cell for table in part.tables for row in table.rows for cell in row]
    return " | ".join([*part.sentences, *(f"{a}: {b}" for a, b in part.facts), *cells])


def test_what_it_learned_from_is_counted(card: ModelCard) -> None:
    data = card.data
    assert [(one.part, one.patients, one.slices) for one in data.parts] == [
        ("training", (3, 3), (9, 9)),
        ("validation", (2, 2), (6, 6)),
        ("test", (5, 5), (15, 15)),
    ]
    assert (data.patients, data.slices, data.levels_known) == (10, 30, 30)
    assert (data.source, data.licence, data.at_hand) == ("folders of pictures", LICENCE, True)
    assert (data.crop_px, data.crop_around, data.resample_mm) == (32, "masks", None)
    assert data.parts[2].sites == 2
    assert data.new_sites == 0
    text = part_text(card, "data")
    assert "cut to 32 x 32 px around the reference masks" in text
    assert "training / validation / test 30" in text
    assert "other hospitals were not tested" in text


def test_what_it_is(card: ModelCard, toy: Toy) -> None:
    one = card.architecture
    assert (one.depth, one.first_filters, one.height_px, one.width_px) == (4, 64, 32, 32)
    assert one.regions == {"background": (0,), "blood pool": (1,), "myocardium": (2, 3)}
    assert one.spacing_mm == (1.5, 1.5)
    assert one.parameters is None  # toys have no weights
    assert [network.seed for network in card.networks] == [0, 1]
    assert [network.epochs_done for network in card.networks] == [3, 3]
    # 60 and 61 seconds on 2 threads
    assert sum(network.core_hours or 0 for network in card.networks) == pytest.approx(242 / 3600)
    assert "0.067 core-hours" in part_text(card, "training")
    other = {fact.path for fact in card.settings if not fact.is_default}
    assert other == {"l2.strength", "normalisation", "shuffle"}  # of preset paper, by hand


def test_scores_are_those_of_these_networks_on_new_patients(card: ModelCard, toy: Toy) -> None:
    """By hand: pooled pixels per patient, mean over both networks, t interval over patients."""
    assert card.scores is not None
    own = next(one for one in card.scores.regions if one.region == "myocardium")
    tested = sorted({key.partition("_")[0] for key in toy.split.test})
    large, apex, small = area(10) + area(9), area(6), area(5)
    each = []
    for name in tested:
        odd = int(name[2:4]) % 2
        whole = large + (small if odd else apex)
        dice = [2 * found / (found + whole) for found in (large if odd else whole, large)]
        each.append(np.mean(dice))
    half = stats.t.ppf(0.975, 4) * np.std(each, ddof=1) / np.sqrt(5)
    dice_ = own.scores["dice"]
    assert dice_.mean == pytest.approx(np.mean(each))
    assert dice_.low == pytest.approx(np.mean(each) - half)
    assert dice_.high == pytest.approx(min(np.mean(each) + half, 1.0))
    assert dice_.patients == 5
    pool = next(one for one in card.scores.regions if one.region == "blood pool")
    assert pool.scores["dice"] == Mean(mean=1.0, low=1.0, high=1.0, patients=5)
    assert own.baselines["majority class"]["dice"] == 0
    assert own.area_px is not None
    assert own.area_px[1] == area(9)  # the middle one of three levels
    odd = odd_tested(toy)
    assert own.missed == pytest.approx((odd + 5) / 30)
    assert (own.present, own.absent, own.false_alarms) == (15, 0, None)


def test_failures_are_where_they_were_put(card: ModelCard, toy: Toy) -> None:
    assert card.scores is not None
    found = card.scores.failures
    assert found is not None
    odd = odd_tested(toy)
    assert 0 < odd < 5
    assert found.share == pytest.approx((odd + 5) / 30)
    assert (found.slices, found.patients, found.patients_failing) == (15, 5, 5)
    assert (found.low, found.high) == pytest.approx((0.025**0.2, 1.0))  # Clopper-Pearson, 5 of 5
    shares = {(one.factor, one.group): one.share for one in found.groups}
    assert shares["level", "base"] == shares["level", "middle"] == 0
    assert shares["level", "apex"] == pytest.approx((odd + 5) / 10)
    assert shares["heart size", "smallest third"] == shares["level", "apex"]
    assert shares["heart size", "largest third"] == 0
    # only small apices are missed by both networks; the other apices have a mean of 0.5
    assert len(found.worst) == odd
    worst = found.worst[0]
    assert (worst.level, worst.heart_size, worst.dice) == ("apex", "smallest third", 0)
    assert (worst.area_px, worst.missed, worst.extra) == (area(5), 1, 0)
    assert worst.area_cm2 == pytest.approx(area(5) * 0.0225)
    text = part_text(card, "failures")
    assert "Such slices, by any of the networks, occur in 5 of 5 patients" in text
    assert "apex" in text


def test_claim_tells_failures_that_were_seen_and_training_patients_that_were_tested(
    card: ModelCard,
) -> None:
    status, text = Answers(card).size()
    assert (status, text.split(". ")[0]) == (
        "partly",
        "5 test patients with myocardium: failures in 5 of them",
    )
    assert Answers(card).internal() == (
        "answered",
        "5 test patients (15 slices) of the same dataset, kept from training.",
    )
    split = card.data.split
    assert split is not None
    data = card.data.model_copy(update={"split": split.model_copy(update={"shared": 2})})
    status, text = Answers(card.model_copy(update={"data": data})).internal()
    assert status == "partly"
    assert "some are in other parts of the split, too" in text


def test_without_failures_what_cannot_be_ruled_out_is_said(tmp_path) -> None:
    toy = toy_study(tmp_path, {(VALUE,): (0,)}, split={"fractions": [0.3, 0.2, 0.5]})
    card = card_of(toy, values=1)
    assert card.scores is not None
    assert card.scores.failures is not None
    assert card.scores.failures.patients_failing == 0
    bound = f"{100 * rare_event_bound(5):.3g}"
    assert f"failures in up to {bound}" in Answers(card).size()[1]
    assert f"5 patients cannot rule out that this happens in up to {bound}" in part_text(
        card, "failures"
    )


def test_groups_are_large_enough_and_sites_have_no_names(card: ModelCard, toy: Toy) -> None:
    assert card.scores is not None
    odd = odd_tested(toy)
    kinds = {(one.factor, one.group): one.score for one in card.scores.groups}
    assert {group for factor, group in kinds if factor == "level"} == {"base", "middle", "apex"}
    assert kinds["level", "base"].mean == 1
    assert kinds["level", "apex"].mean == pytest.approx((5 - odd) / 10)
    assert all(score.patients >= 3 for score in kinds.values())
    sites = {group for factor, group in kinds if factor == "site"}
    assert sites <= {"site 1 of 2", "site 2 of 2"}
    assert len(sites) == 1  # of five test patients one site has at most two
    assert card.scores.small_groups >= 1


def test_infarct_size_divides_patients_at_the_median() -> None:
    sizes = {"a": 0, "b": 10, "c": 20, "d": 40, "e": 80}
    rows = pd.DataFrame(
        [
            {"patient": name, "slice": f"{name}_0", "region": region, "tp": pixels, "fn": 0}
            for name, infarct in sizes.items()
            for region, pixels in (("infarct", infarct), ("normal myocardium", 200 - infarct))
        ]
    )
    found = {group: sorted(set(rows.loc[keep, "patient"])) for _, group, keep in _by_infarct(rows)}
    assert found == {
        "none": ["a"],
        "up to 15 % of the myocardium": ["b", "c"],
        "above 15 % of the myocardium": ["d", "e"],
    }
    whole = rows[rows["region"] != "infarct"]
    assert not list(_by_infarct(whole))


@pytest.mark.parametrize(
    ("scores", "expected"),
    [
        ([[np.nan, np.nan]], (None, None, None, 0)),
        ([[0.5, np.nan], [0.7, np.nan]], (0.6, None, None, 1)),
        ([[1.0, 1.0, 1.0]], (1.0, 1.0, 1.0, 3)),
    ],
)
def test_a_mean_says_what_it_cannot(scores, expected) -> None:
    found = over_patients(np.array(scores))
    assert (found.mean, found.low, found.high, found.patients) == pytest.approx(expected)


def test_intervals_cover_new_patients() -> None:
    """Of 2000 samples of 12 patients 95 % have the true mean in their interval."""
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        patients = 0.7 + 0.05 * rng.standard_normal(12)
        found = over_patients(patients + 0.01 * rng.standard_normal((3, 12)))
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= 0.7 <= found.high
    assert 0.95 * 400 - 2 * np.sqrt(400 * 0.05 * 0.95) <= hits


def test_nothing_known_is_said_to_be_not_known(tmp_path) -> None:
    toy = toy_study(tmp_path, {(VALUE,): (1,)}, baselines=False)
    (toy.data.folder / "manifest.json").unlink()
    card = card_of(toy, values=1)
    assert card.data.licence is None
    assert "Licence of the data: not stated (the dataset was not at hand)" in part_text(
        card, "data"
    )
    assert "Side of a pixel: not known" in part_text(card, "model")
    assert "From which hospitals patients come is not known" in part_text(card, "data")
    assert card.data.parts[0].sites is None
    assert card.data.new_sites is None
    assert not card.warnings
    alone = model_card(None, [toy.home.run(runs_of(toy, VALUE)[0])], [])
    assert alone.scores is None
    assert alone.study is None
    assert "was not at hand" in part_text(alone, "scores")
    assert card_markdown(alone).startswith("# Model card: 1 network, L2 strength 0.0005\n")
    statuses = {one.number: one.status for one in claim(alone).items}
    for number in ("14", "16", "18", "37", "39", "44"):
        assert statuses[number] == "open"


def test_with_folds_every_patient_is_tested(tmp_path) -> None:
    folds = {"design": "folds", "repeats": 1, "folds": 5}
    toy = toy_study(tmp_path, {(VALUE,): (0, 1, 0, 1, 0)}, replicates=folds)
    card = card_of(toy, values=1)
    assert card.scores is not None
    assert card.scores.regions[2].scores["dice"].patients == 10
    assert [one.patients for one in card.data.parts] == [(6, 6), (2, 2), (2, 2)]
    assert len(card.data.split_hashes) == 5
    assert "by patient into 5 folds" in part_text(card, "data")
    assert "0 (repeat 1, fold 1)" in part_text(card, "training")


def test_a_search_shows_no_test_score_that_nobody_has_looked_at(tmp_path) -> None:
    search = finished_search(tmp_path)
    runs = [run for run in search.home.runs() if run.read_settings().trial == 4]
    members = [run for run in runs if (run.read_status() or RunStatus(status="failed")).whole]
    card = model_card(read_results(search.folder), members, [run.id for run in members])
    assert card.scores is None
    assert "nobody has looked" in part_text(card, "scores")
    assert card.value is not None
    assert card.value.startswith("trial 4 (L2 strength ")


def test_warnings_say_what_limits_the_scores(tmp_path, card: ModelCard) -> None:
    assert [one.topic for one in card.warnings] == ["Compared on the same patients"]
    toy = toy_study(
        tmp_path, {(VALUE,): (9,)}, split={"by": "slice"}, patients=10, allow_leakage=True
    )
    leak, near = card_of(toy, values=1).warnings
    assert (leak.topic, near.topic) == ("Patients in several parts", "Close to not looking at all")
    assert 0 < near.text.index("for the myocardium") < near.text.index("for the blood pool")


def test_a_run_that_is_no_finished_network_has_no_card(toy: Toy) -> None:
    results = read_results(toy.folder)
    base = next(run for run in toy.home.runs() if run.id.startswith("baseline"))
    with pytest.raises(StudyError, match="is no network"):
        model_card(results, [base], [base.id])


def test_checklists_have_every_item_and_invent_nothing(card: ModelCard) -> None:
    items = claim(card).items
    assert [one.number for one in items] == [str(number) for number in range(1, 45)]
    by_number = {one.number: one for one in items}
    for number in ("2", "5", "14", "15", "16", "17", "18", "34", "44"):  # no table tells these
        assert (by_number[number].status, by_number[number].answer) == ("open", "")
    assert by_number["19"].answer.endswith("Patients: training 3, validation 2, test 5.")
    assert by_number["20"].answer.startswith("By patient")
    assert LICENCE in by_number["43"].answer
    assert all(one.answer for one in items if one.status != "open")
    metrics = {one.asks: one for one in reloaded(card).items}
    assert metrics["Can the reference lack a region?"].answer.startswith(
        "Test slices without it: background 0 of 15"
    )
    assert metrics["Do annotators differ much?"].status == "open"
    lead = claim(card).lead
    numbers = [int(word) for word in lead.replace(",", "").split() if word.isdigit()]
    assert numbers[0] == sum(numbers[1:]) == 44


def test_whatever_stands_in_a_card_is_only_text(card: ModelCard) -> None:
    hostile = card.data.model_copy(update={"licence": "<script>|x|"})
    text = card_markdown(card.model_copy(update={"data": hostile}))
    assert "<" not in text
    assert plain("a|b\nc") == "a\\|b c"
    assert "&lt;script&gt;\\|x\\|" in text


def test_nobody_is_named(card: ModelCard, toy: Toy) -> None:
    texts = [card_markdown(card), card.model_dump_json()]
    texts += [str(checklist) for checklist in (claim(card), reloaded(card))]
    other = card_of(toy, OTHER)
    for text in (*texts, card_markdown(other)):
        assert str(toy.folder) not in text
        assert not [name for name in (*PATIENTS, "Lundby", "Malmberg") if name in text]
