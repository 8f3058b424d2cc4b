"""Every check of the graph: it passes over a slice of the real digits, and fails where something is spoiled."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest

from assets.definitions import assets, defs
from assets.digits import not_in_training
from assets.expanded import ExpandedCNNConfig, ExpandedSoftmaxConfig
from assets.networks import NetworkConfig
from assets.softmax import SoftmaxConfig
from mnist_pipeline import counts, evaluation, harris, knn, moments, pca, softmax, training
from mnist_pipeline.data import datasets, expansion
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.evaluation import Champion, Evaluation
from mnist_pipeline.knn import shards as neighbor_shards
from mnist_pipeline.knn.index import PrincipalComponentIndex
from mnist_pipeline.pca import Eigendecomposition
from mnist_pipeline.report import page
from mnist_pipeline.runtime.graph import checks
from mnist_pipeline.runtime.graph.seed import Seed
from mnist_pipeline.runtime.graph.shards import FOLDS, Shards, fold_names
from mnist_pipeline.runtime.storage.storage import Storage

GRAPH = defs.resolve_asset_graph()
ASSETS = {asset.key.to_user_string(): asset for asset in assets}
MODELS = ("knn", "softmax", "mlp", "cnn")
NETWORKS = ("mlp", "cnn")
QUICK: dict[str, dg.Config] = {
    **{f"{name}_model": NetworkConfig(epochs=4, batch_size=50, learning_rate=2e-3) for name in NETWORKS},
    "expanded_softmax": ExpandedSoftmaxConfig(learning_rate=1e-2),  # what one pass over so few images takes
}
BLOCKING = {
    **{
        f"{split}_digits": {"as_many_labels_as_images", "full_range_of_pixels", "every_class_present"}
        for split in ("train", "test")
    },
    **{f"{name}_model": {"finite_weights", "held_out_accuracy"} for name in NETWORKS},
    "champion": {"candidates"},
    "expanded_digits": {"labels_kept", "changed"},
    "expanded_moments": {"ink", "symmetric"},
    "expanded_neighbors": {"equals_brute_force"},
    "expanded_cnn": {"finite_weights"},
}
ORIGINAL, DEFORMED = TWO_FOLDS = fold_names(2)
Result = dg.MaterializeResult[Any] | dg.AssetCheckResult


class Pipeline:
    """The assets over the slice, each called as a function and once, when it is first asked for.

    The expanded set has two folds; of an asset that comes in folds, the deformed one is meant unless another is named.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._results: dict[tuple[str, str], dg.MaterializeResult[Any]] = {}

    def result(self, key: str, fold: str = DEFORMED) -> dg.MaterializeResult[Any]:
        """What an asset gives where nothing is spoiled."""
        fold = fold if _in_folds(key) else ""
        if (key, fold) not in self._results:
            self._results[key, fold] = self.call(key, fold)
        return self._results[key, fold]

    def value(self, key: str, fold: str = DEFORMED) -> Any:
        return self.result(key, fold).value

    def folds(self, key: str) -> list[Any]:
        """The values of all folds of an asset."""
        return [self.value(key, fold) for fold in TWO_FOLDS]

    def call(self, key: str, fold: str = DEFORMED, **spoiled: Any) -> dg.MaterializeResult[Any]:
        """Call an asset on good inputs, but for those that are given, by the names of the assets they come from."""
        asset = ASSETS[key]
        parameters = inspect.signature(asset.op.compute_fn.decorated_fn).parameters
        inputs: dict[str, Any] = {}
        for name, upstream in asset.keys_by_input_name.items():
            if not asset.op.input_dict[name].dagster_type.is_nothing:
                source = upstream.to_user_string()
                inputs[name] = spoiled.pop(source) if source in spoiled else self._input(source, key, fold)
        for name, parameter in parameters.items():
            if name == "config":
                inputs[name] = spoiled.pop(name, None) or QUICK.get(key) or parameter.annotation()
            elif name == "seed":
                inputs[name] = Seed(value=0)
        assert not spoiled, f"{key} does not read {', '.join(spoiled)}"
        if "context" not in parameters:
            return asset(**inputs)
        partition = fold if _in_folds(key) else None
        with dg.DagsterInstance.ephemeral() as instance:
            return asset(dg.build_asset_context(instance=instance, partition_key=partition), **inputs)

    def _input(self, source: str, key: str, fold: str) -> Any:
        """What an asset reads of another: the same fold where both come in folds, all of them where it does not."""
        if _in_folds(source) and not _in_folds(key):
            return Shards.at_hand(self.folds(source))
        return self.value(source, fold)

    def store_in(self, name: str, patch: pytest.MonkeyPatch) -> Storage:
        """Another storage directory, empty at first, which the environment names from here on."""
        patch.setenv("MNIST_PIPELINE_STORAGE", str(self.directory / name))
        return Storage(str(self.directory / name))


def _in_folds(key: str) -> bool:
    return ASSETS[key].partitions_def == FOLDS


@pytest.fixture(scope="module")
def pipeline(slice_directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    directory = tmp_path_factory.mktemp("checks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNIST_PIPELINE_DATA", str(slice_directory))
        patch.setenv("MNIST_PIPELINE_STORAGE", str(directory / "storage"))
        yield Pipeline(directory)


Failure = Callable[[Pipeline, pytest.MonkeyPatch], Result]
FAILURES: dict[tuple[str, str], Failure] = {}


def fails(asset: str, check: str) -> Callable[[Failure], Failure]:
    """Enter a function into the table: what it returns is a result whose check of that name has failed."""

    def enter(failure: Failure) -> Failure:
        FAILURES[asset, check] = failure
        return failure

    return enter


def _changed(patch: pytest.MonkeyPatch, owner: object, name: str, change: Callable[[Any], Any]) -> None:
    """Let a function or method return its own result, changed."""
    original = getattr(owner, name)
    patch.setattr(owner, name, lambda *args, **kwargs: change(original(*args, **kwargs)))


def _few_of_all_but_zero(labels: np.ndarray) -> np.ndarray:
    """Labels of which only the first of each class is kept, and all others are 0."""
    kept = np.unique(labels, return_index=True)[1]
    return np.where(np.isin(np.arange(len(labels)), kept), labels, 0).astype(np.uint8)


SPOILED_DIGITS: dict[str, Callable[[DigitSet], DigitSet]] = {
    "as_many_labels_as_images": lambda read: DigitSet(read.images, read.labels[:-1]),
    "full_range_of_pixels": lambda read: DigitSet(read.images // 255, read.labels),
    "every_class_present": lambda read: DigitSet(read.images, np.where(read.labels == 7, 1, read.labels)),
    "classes_balanced": lambda read: DigitSet(read.images, _few_of_all_but_zero(read.labels)),
    "pixel_mean": lambda read: DigitSet(255 - read.images, read.labels),
    "pixel_deviation": lambda read: DigitSet(np.full_like(read.images, 128), read.labels),
}


def _reads(split: str, check: str) -> Failure:
    def read(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
        _changed(patch, datasets, "load_digits", SPOILED_DIGITS[check])
        return pipeline.call(f"{split}_digits")

    return read


for check in SPOILED_DIGITS:
    for split in ("train", "test"):
        fails(f"{split}_digits", check)(_reads(split, check))


@fails("test_digits", "not_in_training")
def _a_training_image_among_the_test_images(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    train, test = pipeline.value("train_digits"), pipeline.value("test_digits")
    images = np.concatenate([test.images[:-1], train.images[:1]])
    return not_in_training(DigitSet(images, test.labels), train)


@fails("data_mean", "within_range")
def _a_sum_in_place_of_the_mean(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    _changed(patch, pca, "mean", lambda mean: mean * 2_000)
    return pipeline.call("data_mean")


@fails("centered_data", "mean_zero")
def _a_mean_of_other_images(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    return pipeline.call("centered_data", data_mean=pca.mean(pipeline.value("test_digits").images))


@fails("covariance", "symmetric")
def _one_triangle_alone(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    _changed(patch, moments, "covariance", np.triu)
    return pipeline.call("covariance")


@fails("covariance", "positive_semidefinite")
def _a_direction_of_negative_variance(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    _changed(patch, moments, "covariance", lambda matrix: matrix - 1e-3 * np.trace(matrix) * np.eye(len(matrix)))
    return pipeline.call("covariance")


@fails("covariance", "of_centered_data")
def _centred_data_of_other_images(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    return pipeline.call("covariance", centered_data=pipeline.value("centered_data")[::2])


def _stretches(asset: str, part: str) -> Failure:
    def decompose(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
        _changed(patch, pca, "eigendecomposition", lambda found: found._replace(**{part: getattr(found, part) * 1.001}))
        return pipeline.call(asset)

    return decompose


for asset in ("eigendecomposition", "expanded_eigendecomposition"):
    fails(asset, "trace")(_stretches(asset, "eigenvalues"))
    fails(asset, "orthonormal")(_stretches(asset, "eigenvectors"))


@fails("projections", "variance_is_eigenvalue")
def _leading_eigenvalues_in_another_order(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    values, vectors = pipeline.value("eigendecomposition")
    return pipeline.call(
        "projections", eigendecomposition=Eigendecomposition(np.r_[values[9::-1], values[10:]], vectors)
    )


@fails("projections", "error_is_left_out")
def _eigenvalues_in_ascending_order(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    values, vectors = pipeline.value("eigendecomposition")
    return pipeline.call("projections", eigendecomposition=Eigendecomposition(values[::-1], vectors))


@fails("reconstructions", "error_falls")
def _an_error_that_rises_at_the_end(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    _changed(patch, pca, "reconstruction_rmse", lambda errors: np.r_[errors[:-1], errors[-2] + 0.1])
    return pipeline.call("reconstructions")


@fails("harris_corners", "equals_pca")
def _a_structure_tensor_that_is_no_gram_matrix(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    _changed(patch, harris, "gram_difference", lambda difference: difference + 1e-6)
    return pipeline.call("harris_corners")


@fails("harris_corners", "corners_found")
def _blank_images(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    return pipeline.call("harris_corners", digit_images=np.zeros((10, 28, 28), np.uint8))


@fails("knn_index", "labels_kept")
def _labels_shifted_by_one(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    _changed(patch, knn.KNNClassifier, "to_arrays", lambda arrays: {**arrays, "labels": np.roll(arrays["labels"], 1)})
    return pipeline.call("knn_index")


@fails("knn_predictions", "equals_brute_force")
def _an_index_of_shifted_rows(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    index = pipeline.value("knn_index")
    return pipeline.call("knn_predictions", knn_index={**index, "images": np.roll(index["images"], 1, axis=0)})


def _lengthens_the_gradient(asset: str, config: dg.Config) -> Failure:
    def fit(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
        _changed(patch, softmax, "gradient", lambda slopes: tuple(1.001 * slope for slope in slopes))
        return pipeline.call(asset, config=config)

    return fit


def _fits(asset: str, config: dg.Config) -> Failure:
    return lambda pipeline, patch: pipeline.call(asset, config=config)


for asset, configured in (("softmax_model", SoftmaxConfig), ("expanded_softmax", ExpandedSoftmaxConfig)):
    fails(asset, "gradient")(_lengthens_the_gradient(asset, configured(epochs=1)))
    fails(asset, "loss_falls")(_fits(asset, configured(epochs=1, learning_rate=10)))  # steps that are too large


@fails("softmax_predictions", "probabilities_sum_to_one")
def _twice_the_probabilities(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    _changed(patch, softmax, "predict_probabilities", lambda probabilities: 2 * probabilities)
    return pipeline.call("softmax_predictions")


def _with_one_nan(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    spoiled = {name: array.copy() for name, array in weights.items()}
    next(array for array in spoiled.values() if array.ndim > 1).flat[0] = np.nan
    return spoiled


def _with_each_epoch(change: Callable[[training.EpochRecord], dict[str, float]]) -> Callable[[Any], training.History]:
    return lambda history: replace(
        history, epochs=tuple(replace(record, **change(record)) for record in history.epochs)
    )


SPOILED_TRAINING: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "finite_weights": ("weights", _with_one_nan),
    "loss_falls": ("train", _with_each_epoch(lambda record: {"loss": float(record.epoch)})),
    "held_out_accuracy": ("train", _with_each_epoch(lambda record: {"validation_accuracy": 0.1})),
}


def _trains(name: str, check: str) -> Failure:
    def train(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
        _changed(patch, training, *SPOILED_TRAINING[check])
        digits = DigitSet(*(array[:200] for array in pipeline.value("train_digits")))
        return pipeline.call(f"{name}_model", train_digits=digits, config=NetworkConfig(epochs=2, batch_size=50))

    return train


def _doubles_probabilities(name: str) -> Failure:
    def predict(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
        _changed(patch, training, "predict_probabilities", lambda probabilities: 2 * probabilities)
        return pipeline.call(f"{name}_predictions")

    return predict


for name in NETWORKS:
    fails(f"{name}_predictions", "probabilities_sum_to_one")(_doubles_probabilities(name))
    for check in SPOILED_TRAINING:
        fails(f"{name}_model", check)(_trains(name, check))


@fails("cnn_kernels", "finite")
def _a_kernel_with_nan(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    network = pipeline.value("cnn_model")
    return pipeline.call("cnn_kernels", cnn_model=network._replace(weights=_with_one_nan(network.weights)))


@fails("cnn_errors", "all_wrong")
def _a_right_prediction_among_the_errors(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    def first_right(errors: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        predicted = errors["predicted_label"]
        return {**errors, "true_label": np.r_[predicted[:1], errors["true_label"][1:]]}

    _changed(patch, evaluation, "misclassified", first_right)
    return pipeline.call("cnn_errors", cnn_predictions=_guesses(pipeline, "cnn"))


def _guesses(pipeline: Pipeline, model: str) -> Any:
    """Predictions of a model whose labels are drawn at random."""
    predictions = pipeline.value(f"{model}_predictions")
    labels = np.random.default_rng(0).integers(0, 10, len(predictions.labels), dtype=np.uint8)
    return predictions._replace(labels=labels)


def _guessing(pipeline: Pipeline) -> Evaluation:
    """The evaluation of a model that guesses."""
    return evaluation.evaluate(pipeline.value("test_digits").labels, _guesses(pipeline, "cnn").labels)


def _loses_an_image(model: str) -> Failure:
    def evaluate(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
        def lose(found: Evaluation) -> Evaluation:
            matrix = np.array(found.confusion_matrix)
            matrix[0, 0] -= 1
            return replace(found, confusion_matrix=matrix.tolist())

        _changed(patch, evaluation, "evaluate", lose)
        return pipeline.call(f"{model}_evaluation")

    return evaluate


def _evaluates_guesses(model: str) -> Failure:
    return lambda pipeline, patch: pipeline.call(
        f"{model}_evaluation", **{f"{model}_predictions": _guesses(pipeline, model)}
    )


for model in MODELS:
    fails(f"{model}_evaluation", "counts_add_up")(_loses_an_image(model))
    fails(f"{model}_evaluation", "accuracy_above_floor")(_evaluates_guesses(model))


@fails("model_comparison", "no_model_below_floor")
def _one_model_that_guesses(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    return pipeline.call("model_comparison", mlp_evaluation=_guessing(pipeline))


@fails("robustness", "undisturbed_as_evaluated")
def _predictions_of_another_network(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    return pipeline.call("robustness", mlp_predictions=_guesses(pipeline, "mlp"))


@fails("robustness", "small_disturbances")
def _a_network_that_names_one_class(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    network = pipeline.value("cnn_model")
    still = {name: np.zeros_like(array) for name, array in network.weights.items()}
    return pipeline.call("robustness", cnn_model=network._replace(weights=still))


@fails("evaluation_report", "self_contained")
def _a_picture_from_elsewhere(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    _changed(patch, page, "render", lambda html: html + '<img src="https://example.org/digit.png">')
    return pipeline.call("evaluation_report")


@fails("evaluation_report", "size")
def _a_page_with_a_film_inside(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    _changed(patch, page, "render", lambda html: html + "é" * 2_000_000)
    return pipeline.call("evaluation_report")


@fails("champion", "candidates")
def _only_models_that_guess_beside_a_present_champion(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    labels = pipeline.value("test_digits").labels.tolist()
    pipeline.store_in("with champion", patch).write("champion", Champion("cnn", 1.0, 0, labels))
    return pipeline.call("champion", **{f"{model}_evaluation": _guessing(pipeline) for model in MODELS})


@fails("recognizer", "agrees_with_predictions")
def _another_network_than_was_evaluated(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    champion = Champion("cnn", 0.9, 0, pipeline.value("cnn_predictions").labels.tolist())
    network = pipeline.value("cnn_model")
    other = network._replace(weights={name: np.zeros_like(weights) for name, weights in network.weights.items()})
    return pipeline.call("recognizer", champion=champion, cnn_model=other)


@fails("expanded_digits", "labels_kept")
def _a_fold_in_another_order_than_its_labels(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    _changed(patch, expansion, "fold", lambda fold: fold._replace(labels=np.roll(fold.labels, 1)))
    return pipeline.call("expanded_digits")


@fails("expanded_digits", "changed")
def _a_fold_that_is_the_set_once_more(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    patch.setattr(expansion, "vary", lambda images, *_: images)
    return pipeline.call("expanded_digits")


@fails("expanded_moments", "ink")
def _a_sum_that_is_off_by_one(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    _changed(patch, moments, "moments", lambda found: found._replace(sums=found.sums + np.eye(784, dtype=int)[300]))
    return pipeline.call("expanded_moments")


@fails("expanded_moments", "symmetric")
def _products_of_one_triangle_alone(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    _changed(patch, moments, "moments", lambda found: found._replace(products=np.tril(found.products)))
    return pipeline.call("expanded_moments")


@fails("expanded_mean", "counted")
def _a_fold_with_half_of_its_images(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    original, _ = pipeline.folds("expanded_moments")
    half = moments.moments(pipeline.value("expanded_digits").images[::2])
    return pipeline.call("expanded_mean", expanded_moments=Shards.at_hand([original, half]))


@fails("expanded_covariance", "symmetric")
def _a_triangle_that_is_not_mirrored(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    _changed(patch, moments, "covariance", np.tril)
    return pipeline.call("expanded_covariance")


@fails("expanded_covariance", "positive_semidefinite")
def _products_of_fewer_images_than_the_sums(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    original, deformed = pipeline.folds("expanded_moments")
    few = moments.moments(pipeline.value("expanded_digits").images[:100])
    return pipeline.call(
        "expanded_covariance", expanded_moments=Shards.at_hand([original, deformed._replace(products=few.products)])
    )


@fails("expanded_projections", "equals_double_precision")
def _coordinates_in_half_precision(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    _changed(patch, pca, "project", lambda coordinates: coordinates.astype(np.float16))
    return pipeline.call("expanded_projections")


@fails("expanded_neighbors", "equals_brute_force")
def _a_bound_that_is_too_tight(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    _changed(patch, PrincipalComponentIndex, "limits", lambda limits: limits * [1, 0.5, 1])
    return pipeline.call("expanded_neighbors")


@fails("expanded_knn", "ordered")
def _the_same_fold_twice(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    return pipeline.call("expanded_knn", expanded_neighbors=Shards.at_hand([pipeline.value("expanded_neighbors")] * 2))


@fails("expanded_knn", "no_farther")
def _a_merge_that_keeps_the_later_fold_alone(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    patch.setattr(neighbor_shards, "merge", lambda first, second, num_kept: second)
    return pipeline.call("expanded_knn")


@fails("expanded_cnn", "finite_weights")
def _an_expanded_network_with_nan(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    _changed(patch, training, "weights", _with_one_nan)
    return _trains_on_few(pipeline, epochs=1)


@fails("expanded_cnn", "loss_falls")
def _a_loss_that_rises_from_pass_to_pass(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    _changed(patch, training, "train_on_shards", _with_each_epoch(lambda record: {"loss": float(record.epoch)}))
    return _trains_on_few(pipeline, epochs=2)


def _trains_on_few(pipeline: Pipeline, epochs: int) -> Result:
    """The network of the expanded set, trained on the first images of each fold."""
    few = [DigitSet(*(array[:100] for array in fold)) for fold in pipeline.folds("expanded_digits")]
    config = ExpandedCNNConfig(epochs=epochs, batch_size=50)
    return pipeline.call("expanded_cnn", expanded_digits=Shards.at_hand(few), config=config)


@fails("expanded_confusions", "counted")
def _a_model_that_skips_an_image(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    _changed(patch, counts, "confusions", lambda found: _one_image_less(found, "cnn"))
    return pipeline.call("expanded_confusions")


@fails("expanded_evaluation", "counted")
def _a_fold_that_lacks_an_image(pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
    return _evaluates_one_image_less(pipeline, "softmax")


def _evaluates_one_image_less(pipeline: Pipeline, model: str) -> Result:
    original, deformed = pipeline.folds("expanded_confusions")
    parts = Shards.at_hand([original, _one_image_less(deformed, model)])
    return pipeline.call("expanded_evaluation", expanded_confusions=parts)


def _one_image_less(found: counts.Counts, model: str) -> counts.Counts:
    matrix = found[model].copy()
    matrix[0, 0] -= 1
    return {**found, model: matrix}


def _check(result: Result, name: str) -> dg.AssetCheckResult:
    """The result of the check of that name."""
    if isinstance(result, dg.AssetCheckResult):
        return result
    (found,) = (check for check in result.check_results if check.check_name == name)
    return found


@pytest.mark.parametrize(("asset", "check"), FAILURES)
def test_each_check_fails_where_what_it_guards_against_happens(
    asset: str, check: str, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.result(asset)  # so that what is upstream is there, and good, before anything is patched
    found = _check(FAILURES[asset, check](pipeline, monkeypatch), check)
    assert found.passed is False
    assert "measured" in found.metadata
    description = GRAPH.get_check_spec(dg.AssetCheckKey(dg.AssetKey(asset), check)).description
    assert len(description or "") >= 30


def test_a_covariance_without_any_positive_variance_is_not_positive_semidefinite(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.result("covariance")
    _changed(monkeypatch, moments, "covariance", lambda matrix: -matrix - np.eye(len(matrix)))
    assert not _check(pipeline.call("covariance"), "positive_semidefinite").passed


def test_a_negative_mean_is_not_within_the_grey_levels(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline.result("data_mean")
    _changed(monkeypatch, pca, "mean", lambda mean: mean - 100)
    assert not _check(pipeline.call("data_mean"), "within_range").passed


def test_the_first_fold_is_not_to_be_deformed(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    pipeline.result("train_digits")
    _changed(monkeypatch, expansion, "fold", lambda fold: fold._replace(images=255 - fold.images))
    assert not _check(pipeline.call("expanded_digits", ORIGINAL), "changed").passed


def test_an_image_that_one_model_alone_was_not_asked_about_is_missed(pipeline: Pipeline) -> None:
    for model in pipeline.value("expanded_confusions"):
        assert not _check(_evaluates_one_image_less(pipeline, model), "counted").passed


@pytest.mark.parametrize("asset", sorted({asset for asset, _ in FAILURES}))
def test_every_check_of_an_asset_passes_on_a_slice_of_the_digits(asset: str, pipeline: Pipeline) -> None:
    for fold in TWO_FOLDS:
        found = {check.check_name: check.passed for check in pipeline.result(asset, fold).check_results}
        assert found == {spec.name: True for spec in ASSETS[asset].check_specs}


def test_no_test_image_of_the_slice_is_a_training_image(pipeline: Pipeline) -> None:
    assert not_in_training(pipeline.value("test_digits"), pipeline.value("train_digits")).passed


def test_every_check_of_the_graph_has_a_test_in_which_it_fails() -> None:
    keys = {(key.asset_key.to_user_string(), key.name) for key in GRAPH.asset_check_keys}
    assert set(FAILURES) == keys


def test_the_checks_that_stop_what_is_downstream_are_those_without_which_it_means_nothing() -> None:
    specs = [GRAPH.get_check_spec(key) for key in GRAPH.asset_check_keys]
    found: dict[str, set[str]] = {}
    for spec in specs:
        if spec.blocking:
            found.setdefault(spec.asset_key.to_user_string(), set()).add(spec.name)
    assert found == BLOCKING


@pytest.mark.parametrize(
    "measured",
    [
        checks.at_most(math.nan, 1),
        checks.at_least(math.nan, 1),
        checks.between(math.nan, 0, 1),
        checks.exactly(math.nan, 0),
        checks.exactly(math.nan, math.nan),
        checks.loss_falls([1.0, math.nan]),
        checks.loss_falls([math.nan]),
        checks.Measured(math.nan),
    ],
)
def test_nan_passes_no_check(measured: checks.Measured) -> None:
    assert not measured.passed


@pytest.mark.parametrize(
    ("hold", "inside", "outside"),
    [
        (lambda value: checks.at_most(value, 2), [-math.inf, 1, 2], [np.nextafter(2, 3), math.inf]),
        (lambda value: checks.at_least(value, 2), [2, 3, math.inf], [np.nextafter(2, 1), -math.inf]),
        (lambda value: checks.between(value, 2, 3), [2, 2.5, 3], [np.nextafter(2, 1), np.nextafter(3, 4)]),
        (lambda value: checks.exactly(value, 2), [2, np.int64(2), np.float32(2)], [1, np.nextafter(2, 3)]),
    ],
    ids=["at_most", "at_least", "between", "exactly"],
)
def test_both_limits_belong_to_the_range(
    hold: Callable[[float], checks.Measured], inside: list[float], outside: list[float]
) -> None:
    assert [hold(value).passed for value in inside] == [True] * len(inside)
    assert [hold(value).passed for value in outside] == [False] * len(outside)


@pytest.mark.parametrize(
    ("measured", "metadata"),
    [
        (checks.at_most(3, 2), {"measured": 3.0, "at most": 2.0}),
        (checks.at_least(3, 2), {"measured": 3.0, "at least": 2.0}),
        (checks.between(3, 2, 4), {"measured": 3.0, "at least": 2.0, "at most": 4.0}),
        (checks.exactly(3, 2), {"measured": 3.0, "at least": 2.0, "at most": 2.0}),
        (checks.at_most(math.nan, 2), {"measured": "nan", "at most": 2.0}),
        (checks.at_least(-math.inf, 2), {"measured": "-inf", "at least": 2.0}),
        (checks.Measured(3), {"measured": 3.0}),
    ],
)
def test_a_result_tells_the_value_and_its_finite_limits(
    measured: checks.Measured, metadata: dict[str, float | str]
) -> None:
    (found,) = checks.check_results({"held": measured})
    assert (found.check_name, found.passed) == ("held", measured.passed)
    assert {name: entry.value for name, entry in found.metadata.items()} == metadata


@pytest.mark.parametrize(
    ("loss", "passed"),
    [
        ([1.0, 0.5], True),
        ([0.5, 1.0], False),
        ([9.0, 20.0, 8.0], True),
        ([math.log(10)], True),
        ([math.log(10) + 1e-9], False),
        (np.array([0.3]), True),
    ],
)
def test_the_last_loss_is_held_to_the_first_and_that_of_one_epoch_to_guessing(
    loss: list[float] | np.ndarray, passed: bool
) -> None:
    assert checks.loss_falls(loss).passed is passed


def test_checks_are_specified_with_their_reasons_and_block_where_they_are_named() -> None:
    first, second = checks.checks("digits", {"one": "Why one.", "two": "Why two."}, blocking=("two",))
    assert (first.name, first.description, first.blocking) == ("one", "Why one.", False)
    assert (second.name, second.description, second.blocking) == ("two", "Why two.", True)
    assert first.asset_key == second.asset_key == dg.AssetKey("digits")
