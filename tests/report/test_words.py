"""Numbers in words are rounded as they should be."""

import math
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_pipeline.report import words


def test_a_disturbance_names_the_amount_with_the_lowest_accuracy_and_the_models_there() -> None:
    accuracies = {"knn": [0.97, 0.8, 0.1], "mlp": [0.98, 0.7, 0.2], "cnn": [0.99, 0.98, 0.85]}
    text = words.disturbance_in_words(Curves("Shift", "pixels", 0.0, [0.0, 2.0, 4.0], accuracies))
    assert re.search(r"4 \(pixels\).*convolutional network reads 85.0%.*k-nearest neighbours 10.0%", text)
    equal = Curves("Shift", "pixels", 0.0, [0.0, 2.0], {"knn": [0.9, 0.5], "cnn": [0.9, 0.5]})
    assert re.search(r"2 \(pixels\).*every model reads 50.0%", words.disturbance_in_words(equal))


def test_the_most_robust_model_is_named_before_the_least_robust_one() -> None:
    models = {
        "knn": {"undisturbed": 0.97, "mean": 0.8},
        "softmax": {"undisturbed": 0.92, "mean": 0.6},
        "cnn": {"undisturbed": 0.993, "mean": 0.95},
    }
    text = words.robustness_in_words(models)
    assert re.search(r"convolutional network .*95.0% \(99.3%.*softmax regression: 60.0% \(92.0%", text)


@pytest.mark.parametrize(
    ("format_number", "value", "expected"),
    [
        (words.percent, 0.9691, "96.91%"),
        (words.percent, 1, "100.00%"),
        (words.seconds, None, "–"),
        (words.seconds, 0.25, "250 ms"),
        (words.seconds, 0.9996, "1.0 s"),
        (words.seconds, 4.26, "4.3 s"),
        (words.seconds, 99.96, "100 s"),
        (words.seconds, 1234.4, "1234 s"),
        (words.power, 0, "0"),
        (words.power, 1.3e-16, "1.3·10⁻¹⁶"),
        (words.power, 9.96e9, "1.0·10¹⁰"),
        (words.probability, 0.0123, "0.012"),
        (words.probability, 0.0009, "9.0·10⁻⁴"),
    ],
)
def test_a_number_is_formatted(format_number: Callable[[object], str], value: object, expected: str) -> None:
    assert format_number(value) == expected


@given(st.floats(1e-300, 1e300) | st.floats(-1e300, -1e-300))
def test_a_power_of_ten_is_the_number_to_two_digits(value: float) -> None:
    mantissa, exponent = words.power(value).split("·10")
    exponent = exponent.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    assert 1 <= abs(float(mantissa)) < 10
    assert math.isclose(float(f"{mantissa}e{exponent}"), value, rel_tol=0.0501)


def test_a_text_names_models_by_their_short_titles() -> None:
    assert words.with_short_titles("the cnn stays, knn is worse") == "the CNN stays, k-NN is worse"
