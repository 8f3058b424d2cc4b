"""Numbers in words are rounded as they should be."""

import re
from collections.abc import Callable

import pytest

from mnist_pipeline.evaluation.robustness import Curves
from mnist_pipeline.report import words
from mnist_pipeline.report.topics.trust import topic


def test_a_disturbance_names_the_amount_with_the_lowest_accuracy_and_the_models_there() -> None:
    accuracies = {"knn": [0.97, 0.8, 0.1], "mlp": [0.98, 0.7, 0.2], "cnn": [0.99, 0.98, 0.85]}
    text = topic.disturbance_in_words(
        Curves("Shift", "pixels", 0.0, [0.0, 2.0, 4.0], accuracies), "digits", 100
    )
    assert re.search(
        r"4 \(pixels\).*convolutional network.*85.0%.*k-nearest neighbours.*10.0%", text
    )


def test_the_most_robust_model_is_named_before_the_least_robust_one() -> None:
    means = {"knn": 0.8, "softmax": 0.6, "cnn": 0.95}
    text = topic.robustness_in_words(
        {name: {"undisturbed": 0.97, "mean": mean} for name, mean in means.items()}, num_images=100
    )
    assert re.search(r"100.*convolutional network.*95.0%.*softmax regression.*60.0%", text)


def test_a_share_of_a_small_sample_has_a_wide_interval() -> None:
    assert words.estimate(0.98, 100) == "98.0% (93.0% – 99.4%)"
    assert words.estimate(0.98, 10_000) == "98.0% (97.7% – 98.3%)"


@pytest.mark.parametrize(
    ("format_number", "values", "expected"),
    [
        (words.percent, (0.9691,), "96.91%"),
        (words.seconds, (None,), "–"),
        (words.seconds, (0.25,), "250 ms"),
        (words.seconds, (0.9996,), "1.0 s"),
        (words.seconds, (99.96,), "100 s"),
        (words.power, (0,), "0"),
        (words.power, (1.3e-16,), "1.3·10⁻¹⁶"),
        (words.probability, (0.0123,), "0.012"),
        (words.probability, (0.0009,), "9.0·10⁻⁴"),
        (words.with_short_titles, ("the cnn stays, knn is worse",), "the CNN stays, k-NN is worse"),
    ],
)
def test_a_number_is_formatted(
    format_number: Callable[..., str], values: tuple[object, ...], expected: str
) -> None:
    assert format_number(*values) == expected
