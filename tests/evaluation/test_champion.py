from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from mnist_pipeline.evaluation.champion import Champion, elect

NUM_CLASSES = 10
TRUE = np.random.default_rng(0).integers(0, NUM_CLASSES, 5_000)
TEST = np.random.default_rng(1).integers(0, NUM_CLASSES, 1_000)


def with_errors(count: int, true: np.ndarray) -> np.ndarray:
    """Labels that are wrong for the first images."""
    labels = true.copy()
    labels[:count] = (labels[:count] + 1) % NUM_CLASSES
    return labels


def elected(
    errors: dict[str, int],
    present: Champion | None = None,
    true: np.ndarray = TRUE,
    test_errors: int = 0,
    **losses: float,
) -> tuple[Champion, str]:
    """The election among models with these errors on the held-out images; their log loss is 1
    unless it is given.
    """
    columns: dict[str, np.ndarray | float] = {"label": true}
    for name, count in errors.items():
        columns |= {name: with_errors(count, true), f"{name}_loss": losses.get(name, 1.0)}
    return elect(
        pd.DataFrame(columns),
        dict.fromkeys(errors, with_errors(test_errors, TEST)),
        TEST,
        {name: f"{name} with {count} errors" for name, count in errors.items()},
        present,
    )


def in_service(errors: int, loss: float = 1.0) -> Champion:
    return elected({"first": errors}, first=loss)[0]


def test_held_out_images_choose_the_champion_and_test_images_only_report() -> None:
    champion, _ = elected({"poor": 90, "good": 30}, test_errors=700, poor=0.1)
    assert champion.model_version == "good with 30 errors"
    assert (champion.held_out_errors, champion.num_held_out) == (30, 5_000)
    assert (champion.errors, champion.accuracy) == (700, 0.3)


@pytest.mark.parametrize(("losses", "expected"), [({"second": 0.9}, "second"), ({}, "first")])
def test_the_lowest_log_loss_breaks_a_tie_and_then_the_order_and_the_reason_names_all(
    losses: dict[str, float], expected: str
) -> None:
    champion, reason = elected({"first": 30, "second": 30, "third": 31}, **losses)
    assert champion.model == expected
    assert "first" in reason
    assert "second" in reason
    assert "third" not in reason


@pytest.mark.parametrize(
    ("errors", "loss", "stays"),
    [(31, 0.1, True), (30, 1.0, True), (30, 1.1, True), (30, 0.9, False), (29, 1.1, False)],
)
@pytest.mark.parametrize("model", ["first", "other"])
def test_the_champion_gives_way_only_to_fewer_errors_or_as_many_with_a_lower_log_loss(
    model: str, errors: int, loss: float, stays: bool
) -> None:
    present = in_service(30)
    champion = elected({"first": 400, model: errors}, present, **{model: loss})[0]
    assert (champion is present) == stays


def test_that_a_later_training_does_not_replace_the_champion_is_part_of_the_reason() -> None:
    present = in_service(30)
    assert "31" in elected({"first": 31, "other": 40}, present)[1]
    assert elected({"first": 30}, present)[1] == elected({"first": 30})[1]


def test_a_champion_of_other_images_or_of_a_model_that_is_gone_does_not_take_part() -> None:
    present = in_service(30)
    for champion in (
        elected({"first": 500}, present, np.roll(TRUE, 1))[0],
        elected({"first": 500}, replace(present, images="of other test images"))[0],
        elected({"second": 500}, present)[0],
    ):
        assert champion.held_out_errors == 500
