from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mnist_pipeline.evaluation.champion import (
    MARGIN,
    Champion,
    Choice,
    Election,
    choose,
    difference_interval,
    elect,
)

NUM_CLASSES = 10
TRUE = np.random.default_rng(0).integers(0, NUM_CLASSES, 5_000)
TEST = np.random.default_rng(1).integers(0, NUM_CLASSES, 1_000)


def with_errors(wrong: np.ndarray, true: np.ndarray = TRUE) -> np.ndarray:
    """Labels that are wrong for these images only."""
    labels = true.copy()
    labels[wrong] = (labels[wrong] + 1) % NUM_CLASSES
    return labels


def select(
    candidates: dict[str, np.ndarray],
    present: Choice | None = None,
    true: np.ndarray = TRUE,
    **losses: float,
) -> tuple[Choice | None, str]:
    """The choice among labels by model, whose log loss is 1 unless it is given."""
    return choose(true, candidates, {**dict.fromkeys(candidates, 1.0), **losses}, present)


def chosen(wrong: np.ndarray, true: np.ndarray = TRUE) -> Choice:
    found, _ = select({"first": with_errors(wrong, true)}, true=true)
    assert found is not None
    return found


def test_the_candidate_with_the_fewest_errors_is_the_first_champion() -> None:
    found, _ = select(
        {"poor": with_errors(np.arange(90)), "good": with_errors(np.arange(30))}, poor=0.1
    )
    assert found is not None
    assert (found.model, found.errors, found.best_model) == ("good", 30, "good")


@pytest.mark.parametrize(("losses", "expected"), [({"second": 0.9}, "second"), ({}, "first")])
def test_the_lowest_log_loss_breaks_a_tie_and_then_the_order_and_the_reason_names_all(
    losses: dict[str, float], expected: str
) -> None:
    tied = {
        name: with_errors(np.arange(start, start + 30))
        for start, name in enumerate(("first", "second"))
    }
    found, reason = select({**tied, "third": TRUE[::-1]}, **losses)
    assert found is not None
    assert found.model == expected
    assert all(name in reason for name in tied)
    assert "third" not in reason


def test_the_model_in_service_stays_on_a_tie_and_gives_way_to_fewer_errors() -> None:
    present = chosen(np.arange(30))
    rival = with_errors(np.arange(50, 80))
    assert select({"rival": rival}, present, rival=0.1)[0] is present
    again, reason = select(
        {"rival": rival, "first": with_errors(np.arange(30))}, present, rival=0.1
    )
    assert again == present
    assert "rival" in reason
    better, _ = select({"rival": rival, "other": with_errors(np.arange(50, 79))}, present)
    assert better is not None
    assert better.model == "other"


def test_the_same_model_trained_anew_is_taken_if_it_is_not_inferior() -> None:
    present = chosen(np.arange(30))
    found, _ = select({"first": with_errors(np.arange(31))}, present)
    assert found is not None
    assert (found.errors, found.best_labels) == (31, present.labels)


@pytest.mark.parametrize("wrong", [np.arange(60), np.arange(1_000, 1_045)])
def test_a_challenger_that_may_be_worse_by_more_than_the_margin_is_refused(
    wrong: np.ndarray,
) -> None:
    present = chosen(np.arange(30))
    found, _ = select({"first": with_errors(wrong)}, present)
    assert found is present


def test_champions_of_other_images_are_not_compared_even_if_they_are_as_many() -> None:
    other = np.roll(TRUE, 1)
    found, _ = select({"new": with_errors(np.arange(500))}, chosen(np.arange(3), other))
    assert found is not None
    assert (found.model, found.best_model) == ("new", "new")


def test_without_candidates_a_comparable_champion_stays() -> None:
    present = chosen(np.arange(30))
    assert select({}, present)[0] is present
    assert select({}, present, np.roll(TRUE, 1))[0] is None


def test_five_hundred_challengers_do_not_bring_the_champion_down() -> None:
    """Each challenger is trained anew, a little worse than the champion of its day on average."""
    random = np.random.default_rng(1)
    difficulty = random.random(
        len(TRUE)
    )  # an image is misread if its difficulty exceeds a model's skill
    skills, present = [0.994], None
    for _ in range(500):
        skill = skills[-1] - random.uniform(0, 0.001) + random.normal(0, 0.0005)
        wrong = np.flatnonzero(difficulty + random.normal(0, 0.0005, len(TRUE)) > skill)
        found, _ = select({"challenger": with_errors(wrong)}, present)
        assert found is not None
        if found is not present:
            skills.append(skill)
        present = found
        of_best = np.count_nonzero(np.array(present.best_labels) != TRUE)
        assert present.errors <= of_best + MARGIN * len(TRUE)
    assert len(skills) > 2
    assert skills[-1] > max(skills) - MARGIN - 0.002  # sampling noise of 5,000 images


def elected(wrong: dict[str, int], present: Champion | None = None, **test: int) -> Election:
    """The election among models with numbers of errors on the held-out images, and on the test
    images if given.
    """
    held_out = {name: with_errors(np.arange(count)) for name, count in wrong.items()}
    labels = {name: with_errors(np.arange(test.get(name, 0)), TEST) for name in wrong}
    return elect(held_out, dict.fromkeys(wrong, 1.0), TRUE, labels, TEST, present)


def test_held_out_images_choose_the_champion_and_test_images_only_report() -> None:
    found = elected({"good": 10, "poor": 90}, good=700)
    assert found.champion is not None
    assert (found.champion.model, found.champion.choice.errors) == ("good", 10)
    assert (found.champion.errors, found.champion.accuracy) == (700, 0.3)
    assert found.candidates == ["good", "poor"]


def test_a_model_that_may_only_guess_is_not_a_candidate() -> None:
    assert elected({"good": 700, "guess": 4_450}).candidates == ["good"]
    assert elected({"guess": 4_450}).champion is None


def test_a_champion_stays_as_it_is_while_its_challengers_are_worse_on_the_same_test_images() -> (
    None
):
    present = elected({"first": 10}).champion
    assert present is not None
    assert elected({"new": 100}, present).champion is present
    assert (
        elected({"new": 4_450}, present).champion is present
    )  # a model that guesses is not a candidate
    other = replace(present, test_set="of other images")
    replaced = elected({"new": 100}, other).champion
    assert replaced is not None
    assert replaced.model == "new"


def test_the_interval_is_the_published_one() -> None:
    """36, 12, 2 and 0 of 50 pairs, the example of Tango (1998)."""
    low, high = difference_interval(12, 2, 50)
    assert (low, high) == pytest.approx((0.0611, 0.3447), abs=5e-5)
    assert difference_interval(2, 12, 50) == pytest.approx((-high, -low))


def test_the_interval_covers_the_true_difference_as_often_as_it_says() -> None:
    random = np.random.default_rng(2)
    counts = random.multinomial(100, [0.03, 0.05, 0.92], size=2_000)
    intervals = [difference_interval(int(first), int(second), 100) for first, second, _ in counts]
    assert 0.93 < np.mean([low <= -0.02 <= high for low, high in intervals]) < 0.98
