"""The numbers on the page of the finished run are those of its stored values."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from mnist_pipeline.data.held_out import split
from mnist_pipeline.evaluation.robustness import is_small as is_small_amount
from mnist_pipeline.methods.knn import vote
from mnist_pipeline.methods.networks.method import weights_of
from mnist_pipeline.methods.table import MODELS, by_model
from mnist_pipeline.report.content import Values
from mnist_pipeline.report.words import interval, power, probability
from mnist_pipeline.runtime.storage.storage import Storage

TITLES = {name: model.title for name, model in MODELS.items()}
RULES = ("nearest", "smallest")
SHORT = {name: model.short_title for name, model in MODELS.items()}


@pytest.fixture(scope="module")
def text(finished_run: tuple[object, Path], text_of: Callable[[str], str]) -> str:
    """The page that the run stored."""
    return text_of(Storage(str(finished_run[1])).read("evaluation_report").html)


def _row(model: str, values: Values) -> str:
    """The head of a model's row in a table."""
    return TITLES[model] + (" champion ★" if model == values["champion"].model else "")


def _data(values: Values) -> Iterator[str]:
    train, test = values["train_digits"].labels, values["test_digits"].labels
    yield f"an accuracy of {max(np.bincount(test)) / len(test):.1%}"
    yield from (f"{k} {(train == k).sum()} {(test == k).sum()}" for k in range(10))
    yield f"without information: {(values['train_digits'].images.max(axis=0) == 0).sum()} pixels"


def _scores(values: Values) -> Iterator[str]:
    evaluations = by_model(values, "evaluation")
    for name, found in evaluations.items():
        low, high = (f"{100 * end:.2f}" for end in found.interval)
        yield f"{_row(name, values)} {found.total - found.errors:,} {low}– {high}%"
        for k, measures in enumerate(zip(found.precision, found.recall, found.f1)):
            yield f"{k} " + " ".join(f"{100 * measure:.1f}" for measure in measures)
    missed = 1 - np.mean([found.recall for found in evaluations.values()], axis=0)
    yield f"class {missed.argmax()} is the hardest: {missed.max():.1%}"
    count = len(values["model_comparison"].missed_by_all)
    yield f"{count} test image{'s' if count != 1 else ''} that no model classifies correctly"


def _components(values: Values) -> Iterator[str]:
    eigenvalues, vectors = values["eigendecomposition"]
    shares = np.cumsum(eigenvalues) / np.trace(values["covariance"])
    yield (
        f"first component explains {shares[0]:.1%} of the variance, the first 20 together explain "
        f"{shares[19]:.1%}"
    )
    yield f"v₁ and v₂, which explain {shares[1]:.1%}"
    for share in (0.8, 0.9, 0.95):
        count = int((shares < share).sum()) + 1
        yield (
            f"{count} of 784 components explain at least {share:.0%} of the variance. The last of "
            f"their eigenvalues is {eigenvalues[0] / eigenvalues[count - 1]:.0f} times smaller "
            "than the first. One more component would add "
            f"{shares[count] - shares[count - 1]:.2%}; the other {784 - count} together"
        )
    rows = values["test_digits"].images.reshape(-1, 784) - values["data_mean"]
    for k in values["reconstructions"].num_components:
        error = np.sqrt(((rows - rows @ vectors[:, :k] @ vectors[:, :k].T) ** 2).mean())
        yield f"k = {k}: {shares[k - 1]:.1%} of the variance, error {error:.1f} grey levels"


def _corners(values: Values) -> Iterator[str]:
    found = values["harris_corners"]
    yield f"{found.corners.sum()} corners in all"
    yield f"centring would remove {np.median(found.centering_change):.0%} of the trace"
    digit = found.response.argmax() // 784
    for place in (found.response[digit].argmax(), found.response[digit].argmin()):
        row, column = divmod(int(place), 28)
        low, high = np.linalg.eigvalsh(found.structure_tensor[digit, row, column])
        response = high * low - 0.05 * (high + low) ** 2
        yield f"{row}, {column} {high:,.0f} {low:,.0f} {power(float(response))}"


def _neighbors(values: Values) -> Iterator[str]:
    near = values["knn_predictions"].nearest["labels"]
    for k in range(1, near.shape[1] + 1):
        right = [vote(near[:, :k], rule) == values["test_digits"].labels for rule in RULES]
        yield f"{k} {right[0].mean():.2%} {right[1].mean():.2%}"


def _training(values: Values) -> Iterator[str]:
    loss, accuracy = values["softmax_model"]["loss"], values["softmax_model"]["accuracy"]
    yield f"mean loss is {loss[0]:.3f} in the first epoch and {loss[-1]:.3f} in the last"
    yield (
        f"accuracy on the training images is {accuracy[0]:.1%} in the first epoch and "
        f"{accuracy[-1]:.1%} in the last"
    )
    for name in ("mlp", "cnn"):
        network, kept = values[f"{name}_model"], len(split(values["train_digits"].labels)[0])
        parameters = sum(array.size for array in weights_of(network).values())
        yield f"the network has {parameters:,} parameters and learned from {kept:,} training images"
        first, last = network["loss"][[0, -1]]
        yield f"{first:.3f} on average in the first epoch and {last:.3f} in the last"
        last = network["validation_accuracy"][-1]
        yield f"{last:.1%} of them are classified correctly after the last epoch"


def _pairs(values: Values) -> Iterator[str]:
    for pair in values["model_comparison"].pairs:
        verdict = "significant" if pair.p_value < 0.05 / 6 else "may be chance"
        names = f"{SHORT[pair.first]}, {SHORT[pair.second]}"
        counts = f"{pair.only_first_correct} {pair.only_second_correct}"
        yield f"{names} {counts} {probability(pair.p_value)} {verdict}"


def _disturbances(values: Values) -> Iterator[str]:
    table = values["robustness"]
    name, amount = table["disturbance"], table["amount"]
    is_neutral = amount == name.map({"scale": 1, "contrast": 1, "resolution": 28}).fillna(0)
    is_small = np.array([is_small_amount(*place) for place in zip(name, amount)])
    is_corrupted = name.str.startswith("corruption")
    for model in MODELS:
        accuracy = table["accuracy"].where(table["model"] == model)
        disturbed = accuracy[~is_neutral]
        means = accuracy[is_small & ~is_neutral].mean(), disturbed.mean(), disturbed.min()
        measures = accuracy[is_neutral].max(), *means, disturbed[is_corrupted].mean()
        shares = (f"{measure:.1%} {interval(measure, table['count'][0])}" for measure in measures)
        yield f"{_row(model, values)} " + " ".join(shares)


@pytest.mark.parametrize(
    "phrases",
    [_data, _scores, _components, _corners, _neighbors, _training, _pairs, _disturbances],
)
def test_the_page_has_the_numbers_of_the_stored_values(
    phrases: Callable[[Values], Iterator[str]], values: Values, text: str
) -> None:
    expected = list(phrases(values))
    assert expected
    assert [phrase for phrase in expected if phrase not in text] == []
