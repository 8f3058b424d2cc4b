"""Numbers said in words: rounded as they should be, and each comparison told from the side of the better model."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_pipeline.evaluation import Comparison, PairComparison, mcnemar_p_value
from mnist_pipeline.report import words
from mnist_pipeline.robustness import Curves


def curves(**accuracies: list[float]) -> Curves:
    return Curves("Shift", "pixels", 0.0, [0.0, 2.0, 4.0], accuracies)


def test_a_disturbance_is_told_where_it_is_hardest() -> None:
    told = words.disturbance_in_words(curves(knn=[0.97, 0.8, 0.1], mlp=[0.98, 0.7, 0.2], cnn=[0.99, 0.98, 0.85]))
    assert told == (
        "Hardest at 4 (pixels): the convolutional network still reads 85.0% of the digits, k-nearest neighbours 10.0%."
    )
    assert words.disturbance_in_words(curves(knn=[0.9, 0.5, 0.8], cnn=[0.9, 0.5, 0.9])) == (
        "Hardest at 2 (pixels): every model reads 50.0% of the digits."
    )


def test_the_model_that_bears_disturbances_best_is_named_with_the_one_that_bears_them_worst() -> None:
    models = {
        "knn": {"undisturbed": 0.97, "mean": 0.8},
        "softmax": {"undisturbed": 0.92, "mean": 0.6},
        "cnn": {"undisturbed": 0.993, "mean": 0.95},
    }
    assert words.robustness_in_words(models) == (
        "The convolutional network bears them best: on average over all disturbances its accuracy goes from "
        "99.3% to 95.0%; that of softmax regression goes from 92.0% to 60.0%."
    )


def _told(only_first: int, only_second: int, p_value: float | None = None, num_pairs: int = 1) -> str:
    """What is said of the CNN against softmax regression, among so many pairs."""
    p_value = mcnemar_p_value(only_first, only_second) if p_value is None else p_value
    pair = PairComparison("cnn", "softmax", only_first, only_second, p_value)
    other = PairComparison("mlp", "knn", 0, 0, 1.0)
    return words.comparison_in_words(Comparison({}, [pair, *[other] * (num_pairs - 1)], []))[0]


def test_a_pair_is_told_from_the_side_of_the_better_one_whichever_comes_first() -> None:
    assert _told(90, 10).startswith(
        "The convolutional network is better than softmax regression. "
        "The convolutional network alone reads 90 images correctly, softmax regression alone 10."
    )
    assert _told(10, 90).startswith(
        "Softmax regression is better than the convolutional network. "
        "Softmax regression alone reads 90 images correctly, the convolutional network alone 10."
    )


def test_a_difference_that_may_be_chance_names_no_better_model() -> None:
    told = _told(12, 8)
    assert "The convolutional network and softmax regression are not told apart." in told
    assert "is better" not in told
    share = float(re.search(r"in ([\d.]+)% of cases", told)[1]) / 100
    assert share == pytest.approx(mcnemar_p_value(12, 8), rel=0.05)


def test_a_tie_happens_always() -> None:
    told = _told(10, 10)
    assert "are not told apart" in told
    assert told.endswith("A fair coin does at least that always.")


def test_models_that_are_right_on_the_same_images_are_not_split_by_a_coin() -> None:
    told = _told(0, 0)
    assert told == (
        "The convolutional network and softmax regression are right and wrong on the same images: "
        "nothing tells them apart."
    )


def test_a_pair_is_held_to_a_level_divided_by_the_number_of_pairs() -> None:
    p_value = 0.02
    assert "is better than" in _told(30, 10, p_value)
    assert "is better than" in _told(30, 10, p_value, num_pairs=2)
    assert "are not told apart" in _told(30, 10, p_value, num_pairs=3)
    assert "are not told apart" in _told(30, 10, words.SIGNIFICANCE)


def test_how_rare_a_split_is_is_told_to_two_digits() -> None:
    assert _told(30, 10, 0.001).endswith("about once in 1,000 times.")
    assert _told(30, 10, 1 / 123_456).endswith("about once in 120,000 times.")
    assert _told(300, 10, 1e-10).endswith("less than once in a billion times.")


def test_comparing_nothing_says_nothing() -> None:
    assert words.comparison_in_words(Comparison({}, [], [])) == []


@given(st.integers(0, 400), st.integers(0, 400), st.integers(1, 6))
def test_a_comparison_is_told_in_whole_sentences_without_an_unreadable_number(
    first: int, second: int, num_pairs: int
) -> None:
    told = _told(first, second, num_pairs=num_pairs)
    assert re.fullmatch(r"[A-Z].*\.", told)
    assert not re.search(r"\de[-+]?\d|nan|inf\b|\d{4,}", told)
    if first != second and "is better than" in told:
        assert told.startswith("The convolutional" if first > second else "Softmax")


@pytest.mark.parametrize(
    ("value", "digits", "told"),
    [(0.9691, 2, "96.91%"), (1, 2, "100.00%"), (0, 0, "0%"), (0.314, 0, "31%"), (0.5049, 1, "50.5%")],
)
def test_a_share_is_told_in_percent(value: float, digits: int, told: str) -> None:
    assert words.percent(value, digits) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (None, "–"),
        (0.0004, "0 ms"),
        (0.25, "250 ms"),
        (0.9994, "999 ms"),
        (1.0, "1.0 s"),
        (4.26, "4.3 s"),
        (99.94, "99.9 s"),
        (100.0, "100 s"),
        (1234.4, "1234 s"),
    ],
)
def test_a_time_is_told_to_a_digit_that_means_something(value: float | None, told: str) -> None:
    assert words.seconds(value) == told


@pytest.mark.parametrize("value", [0.9996, 99.96])
def test_a_time_that_rounds_up_to_the_next_form_takes_it(value: float) -> None:
    assert words.seconds(value) in {"1.0 s", "100 s"}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0, "0"),
        (1.3e-16, "1.3·10⁻¹⁶"),
        (-4.25e5, "-4.2·10⁵"),
        (1.0, "1.0·10⁰"),
        (9.96e9, "1.0·10¹⁰"),
        (123_456_789, "1.2·10⁸"),
    ],
)
def test_a_number_is_told_as_a_power_of_ten(value: float, told: str) -> None:
    assert words.power(value) == told


@given(st.floats(1e-300, 1e300) | st.floats(-1e300, -1e-300))
def test_a_power_of_ten_is_the_number_to_two_digits(value: float) -> None:
    mantissa, exponent = words.power(value).split("·10")
    exponent = exponent.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    assert 1 <= abs(float(mantissa)) < 10
    assert math.isclose(float(f"{mantissa}e{exponent}"), value, rel_tol=0.0501)


@pytest.mark.parametrize(
    ("value", "told"), [(1.0, "1"), (0.25, "0.25"), (0.0123, "0.012"), (0.001, "0.001"), (0.0009, "9.0·10⁻⁴"), (0, "0")]
)
def test_a_p_value_is_told_in_the_shorter_form(value: float, told: str) -> None:
    assert words.probability(value) == told


def test_thousands_are_set_apart() -> None:
    assert [words.count(number) for number in (0, 999, 1_000, 60_000)] == ["0", "999", "1,000", "60,000"]
