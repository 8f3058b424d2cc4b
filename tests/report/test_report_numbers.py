"""The numbers on the page of the finished run are those of its stored values, computed again by
other code.

`tests/test_evaluation.py` does the same for the measures of an evaluation, which the report takes
as they are stored.
"""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from mnist_pipeline.data.held_out import split
from mnist_pipeline.evaluation.scores import wilson_interval
from mnist_pipeline.inference.networks import weights_of
from mnist_pipeline.models import MODELS
from mnist_pipeline.report.document import Values
from mnist_pipeline.report.words import power, probability
from mnist_pipeline.runtime.storage.storage import Storage

TITLES = {name: model.title for name, model in MODELS.items()}
SHORT = {name: model.short_title for name, model in MODELS.items()}


@pytest.fixture(scope="module")
def text(finished_run: tuple[object, Path], text_of: Callable[[str], str]) -> str:
    """The page that the run stored."""
    return text_of(Storage(str(finished_run[1])).read("evaluation_report").html)


def _is_right(values: Values) -> dict[str, np.ndarray]:
    return {name: values.predictions[name].labels == values.test_digits.labels for name in MODELS}


def _data(values: Values) -> Iterator[str]:
    train, test = values.train_digits.labels, values.test_digits.labels
    yield f"learned from {len(train):,} training images of"
    yield f"tested on {len(test):,} other images"
    yield f"an accuracy of {max(np.bincount(test)) / len(test):.1%}"
    yield from (f"{k} {(train == k).sum()} {(test == k).sum()}" for k in range(10))
    yield f"without information: {(values.train_digits.images.max(axis=0) == 0).sum()} pixels"


def _scores(values: Values) -> Iterator[str]:
    for name, right in _is_right(values).items():
        low, high = wilson_interval(int(right.sum()), len(right))
        interval = f"{100 * low:.2f}– {100 * high:.2f}%"
        yield f"{TITLES[name]} {right.mean():.2%} {interval} {(~right).sum()}"
        predicted, true = values.predictions[name].labels, values.test_digits.labels
        for k in range(10):
            hits, recalled = (right & (true == k)).sum(), (true == k).sum()
            measures = (
                hits / max(1, (predicted == k).sum()),
                hits / recalled,
                2 * hits / (recalled + (predicted == k).sum()),
            )
            yield f"{k} " + " ".join(f"{100 * measure:.1f}" for measure in measures)
    worst = [
        np.mean(
            [
                1 - right[values.test_digits.labels == k].mean()
                for right in _is_right(values).values()
            ]
        )
        for k in range(10)
    ]
    yield f"class {np.argmax(worst)} is the hardest: {max(worst):.1%}"
    missed = int((~np.any(list(_is_right(values).values()), axis=0)).sum())
    yield f"{missed} test image{'s' if missed != 1 else ''} that no model reads correctly"


def _components(values: Values) -> Iterator[str]:
    eigenvalues, vectors = values.eigendecomposition
    shares = np.cumsum(eigenvalues) / np.trace(values.covariance)
    yield (
        f"first component explains {shares[0]:.1%} of the variance, "
        f"the first 20 together explain {shares[19]:.1%}"
    )
    yield f"two components, which explain {shares[1]:.1%}"
    for share in (0.8, 0.9, 0.95):
        count = int((shares < share).sum()) + 1
        yield (
            f"{count} of 784 components explain {share:.0%} of the variance. The last of their "
            "eigenvalues is "
            f"{eigenvalues[0] / eigenvalues[count - 1]:.0f} times smaller than the first. One more "
            "component would add "
            f"{shares[count] - shares[count - 1]:.2%}; the other {784 - count} together"
        )
    rows = values.test_digits.images.reshape(-1, 784) - values.train_digits.images.reshape(
        -1, 784
    ).mean(axis=0)
    for k in values.reconstructions.num_components:
        error = np.sqrt(((rows - rows @ vectors[:, :k] @ vectors[:, :k].T) ** 2).mean())
        yield f"k = {k}: {shares[k - 1]:.1%} of the variance, error {error:.1f} grey levels"


def _corners(values: Values) -> Iterator[str]:
    found = values.harris_corners
    yield f"{found.corners.sum()} corners in all"
    yield f"centring would remove {np.median(found.centering_change):.0%} of the trace"
    digit = found.response.argmax() // 784
    for place in (found.response[digit].argmax(), found.response[digit].argmin()):
        row, column = divmod(int(place), 28)
        low, high = np.linalg.eigvalsh(found.structure_tensor[digit, row, column])
        response = high * low - 0.05 * (high + low) ** 2
        yield f"{row}, {column} {high:,.0f} {low:,.0f} {power(float(response))}"


def _neighbors(values: Values) -> Iterator[str]:
    near, true = (
        values.predictions["knn"].nearest["labels"],
        values.test_digits.labels,
    )
    for k in range(1, near.shape[1] + 1):
        counts = np.stack([(near[:, :k] == label).sum(axis=1) for label in range(10)], axis=1)
        is_tied = counts == counts.max(axis=1, keepdims=True)
        nearest = [next(label for label in row if tied[label]) for row, tied in zip(near, is_tied)]
        yield f"{k} {(nearest == true).mean():.2%} {(is_tied.argmax(axis=1) == true).mean():.2%}"


def _training(values: Values) -> Iterator[str]:
    loss, accuracy = values.models["softmax"]["loss"], values.models["softmax"]["accuracy"]
    yield f"mean loss is {loss[0]:.3f} in the first epoch and {loss[-1]:.3f} in the last"
    yield (
        f"accuracy on the training images is {accuracy[0]:.1%} in the first epoch "
        f"and {accuracy[-1]:.1%} in the last"
    )
    for name in ("mlp", "cnn"):
        network, kept = values.models[name], len(split(len(values.train_digits.labels))[0])
        parameters = sum(array.size for array in weights_of(network).values())
        yield f"the network has {parameters:,} parameters and learned from {kept:,} training images"
        first, last = network["loss"][[0, -1]]
        yield f"{first:.3f} on average in the first epoch and {last:.3f} in the last"
        last = network["validation_accuracy"][-1]
        yield f"{last:.1%} of them are read correctly after the last epoch"


def _pairs(values: Values) -> Iterator[str]:
    right = _is_right(values)
    for pair in values.model_comparison.pairs:
        first, second = right[pair.first], right[pair.second]
        counts = int((first & ~second).sum()), int((second & ~first).sum())
        p = binomtest(counts[0], sum(counts)).pvalue
        verdict = "significant" if p < 0.05 / 6 else "may be chance"
        names = f"{SHORT[pair.first]}, {SHORT[pair.second]}"
        yield f"{names} {counts[0]} {counts[1]} {probability(p)} {verdict}"


def _disturbances(values: Values) -> Iterator[str]:
    table = values.robustness
    neutral = table["disturbance"].map({"scale": 1, "contrast": 1, "resolution": 28}).fillna(0)
    small = {"shift": (1,), "rotation": (5, 10), "scale": (0.9, 1.1), "stroke": (-0.5, 0.5)}
    is_small = pd.Series(
        [
            amount in small.get(name, ())
            for name, amount in zip(table["disturbance"], table["amount"])
        ]
    )
    is_disturbed, is_corrupted = (
        table["amount"] != neutral,
        table["disturbance"].str.startswith("corruption"),
    )
    for name in MODELS:
        of = table["accuracy"][table["model"] == name]
        undisturbed, disturbed = of[~is_disturbed].iloc[0], of[is_disturbed]
        measures = (
            undisturbed,
            of[is_small].mean(),
            disturbed.mean(),
            disturbed.min(),
            disturbed[is_corrupted].mean(),
        )
        yield f"{TITLES[name]} " + " ".join(f"{measure:.1%}" for measure in measures)


@pytest.mark.parametrize(
    "phrases", [_data, _scores, _components, _corners, _neighbors, _training, _pairs, _disturbances]
)
def test_the_page_has_the_numbers_of_the_stored_values(
    phrases: Callable[[Values], Iterator[str]], values: Values, text: str
) -> None:
    expected = list(phrases(values))
    assert expected
    assert [phrase for phrase in expected if phrase not in text] == []


def test_the_page_names_the_checksums_of_the_raw_files(slice_directory: Path, text: str) -> None:
    for path in slice_directory.iterdir():
        content = path.read_bytes()
        assert f"{path.name} {len(content):,} {hashlib.sha256(content).hexdigest()}" in text
