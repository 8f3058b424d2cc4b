import numpy as np
import pandas as pd
import pytest

from mnist_pipeline.data.values import DigitSet
from mnist_pipeline.evaluation.champion import Champion, elect

NUM_CLASSES = 10
TRUE = np.random.default_rng(0).integers(0, NUM_CLASSES, 5_000, np.uint8)
TEST = np.random.default_rng(1).integers(0, NUM_CLASSES, 1_000, np.uint8)


def numbered(labels: np.ndarray, first: int = 0) -> DigitSet:
    """Images with these labels, all of them different."""
    numbers = np.arange(first, first + len(labels), dtype=np.uint32)
    return DigitSet(numbers.view(np.uint8).reshape(-1, 1, 4), labels)


# All images are held out but for the last, which has the label of the first test image.
TRAIN_DIGITS = numbered(np.append(TRUE, TEST[0]))
TEST_DIGITS = numbered(TEST, first=10_000)


def with_errors(count: int, true: np.ndarray) -> np.ndarray:
    """Labels that are wrong for the first images."""
    labels = true.copy()
    labels[:count] = (labels[:count] + 1) % NUM_CLASSES
    return labels


def elected(
    errors: dict[str, int],
    present: Champion | None = None,
    train_digits: DigitSet = TRAIN_DIGITS,
    test_digits: DigitSet = TEST_DIGITS,
    test_errors: int = 0,
    **losses: float,
) -> tuple[Champion, str]:
    """The election among models with these errors on the held-out images; their log loss is 1
    unless it is given.
    """
    true = train_digits.labels[:-1]
    columns = {"index": np.arange(len(true)), "label": true}
    for name, count in errors.items():
        columns |= {name: with_errors(count, true), f"{name}_loss": losses.get(name, 1.0)}
    return elect(
        pd.DataFrame(columns),
        train_digits,
        dict.fromkeys(errors, with_errors(test_errors, test_digits.labels)),
        test_digits,
        {name: f"{name} with {count} errors" for name, count in errors.items()},
        present,
    )


def in_service(errors: int, loss: float = 1.0) -> Champion:
    return elected({"first": errors}, first=loss)[0]


def test_held_out_images_choose_the_champion_and_test_images_only_report():
    champion, _ = elected({"poor": 90, "good": 30}, test_errors=700, poor=0.1)
    assert champion.model_version == "good with 30 errors"
    assert (champion.held_out_errors, champion.num_held_out) == (30, 5_000)
    assert (champion.errors, champion.accuracy) == (700, 0.3)


@pytest.mark.parametrize(("losses", "expected"), [({"second": 0.9}, "second"), ({}, "first")])
def test_the_lowest_log_loss_breaks_a_tie_and_then_the_order_and_the_reason_names_them(
    losses, expected
):
    champion, reason = elected({"first": 30, "second": 30, "third": 31}, **losses)
    assert champion.model == expected
    assert "first" in reason
    assert "second" in reason
    assert "third" not in reason


@pytest.mark.parametrize(("errors", "expected"), [(40, "cnn"), (36, "cnn"), (34, "other")])
def test_only_a_surely_better_model_replaces_the_cnn(errors, expected):
    champion, reason = elected({"other": errors, "cnn": 40}, other=0.1)
    assert champion.model == expected
    assert "cnn" in reason or expected == "other"
    present = elected({"other": 39}, other=0.1)[0]
    for later in (39, 90):  # also after a worse training
        assert elected({"other": later, "cnn": 40}, present)[0].model == "cnn"


@pytest.mark.parametrize(
    ("errors", "loss", "stays"),
    [(31, 0.1, True), (30, 1.0, True), (30, 1.1, True), (30, 0.9, False), (29, 1.1, False)],
)
@pytest.mark.parametrize("model", ["first", "other"])
def test_the_champion_gives_way_only_to_fewer_errors_or_as_many_with_a_lower_log_loss(
    model, errors, loss, stays
):
    present = in_service(30)
    champion = elected({"first": 400, model: errors}, present, **{model: loss})[0]
    assert (champion is present) == stays


def test_the_reason_names_another_training_of_the_model_in_service_if_there_is_one():
    _, alone = elected({"first": 30})
    _, retrained = elected({"first": 31}, in_service(30))
    assert alone.count("30") == 1
    assert [retrained.count(errors) for errors in ("30", "31")] == [1, 1]


def exchanged() -> tuple[DigitSet, DigitSet]:
    """The sets with the last training image and the first test image exchanged; both have the same
    label.
    """
    train_images, test_images = TRAIN_DIGITS.images.copy(), TEST_DIGITS.images.copy()
    train_images[-1], test_images[0] = TEST_DIGITS.images[0], TRAIN_DIGITS.images[-1]
    return TRAIN_DIGITS._replace(images=train_images), TEST_DIGITS._replace(images=test_images)


ANOTHER_ORDER = DigitSet(*(np.append(array[-2::-1], array[-1:], axis=0) for array in TRAIN_DIGITS))


@pytest.mark.parametrize(
    ("train_digits", "test_digits", "model", "takes_part"),
    [
        (TRAIN_DIGITS, TEST_DIGITS, "first", True),
        (exchanged()[0], TEST_DIGITS, "first", True),
        (ANOTHER_ORDER, TEST_DIGITS, "first", True),
        (*exchanged(), "first", False),
        (numbered(np.roll(TRAIN_DIGITS.labels, 1)), TEST_DIGITS, "first", False),
        (numbered(TRAIN_DIGITS.labels, first=20_000), TEST_DIGITS, "first", False),
        (TRAIN_DIGITS, TEST_DIGITS, "second", False),
    ],
    ids=[
        "the same images",
        "another training image",
        "another order",
        "it has trained on an image that tests now",
        "other labels",
        "other images",
        "its model is gone",
    ],
)
def test_a_champion_takes_part_while_its_model_and_the_held_out_and_test_images_stay(
    train_digits, test_digits, model, takes_part
):
    present = in_service(30)
    champion = elected({model: 500}, present, train_digits, test_digits)[0]
    assert (champion is present) == takes_part
    assert champion.held_out_errors == (30 if takes_part else 500)
