"""Every check of the graph passes on a slice of the real digits, and fails when something goes
wrong.
"""

import math
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest
from support import calls
from support.calls import ASSETS
from support.graph_fixtures import Outcome

from assets.definitions import defs
from assets.digits import not_in_training
from mnist_pipeline import harris, knn, pca, softmax, training
from mnist_pipeline.data import datasets
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.data.records import Network
from mnist_pipeline.evaluation import experiments, robustness, scores
from mnist_pipeline.evaluation.scores import Evaluation
from mnist_pipeline.handwriting.inbox import make_key
from mnist_pipeline.pca import Eigendecomposition
from mnist_pipeline.report import card, page
from mnist_pipeline.runtime.graph import checks
from mnist_pipeline.runtime.storage.storage import Storage

pytestmark = pytest.mark.slow

GRAPH = defs.resolve_asset_graph()
MODELS = ("knn", "softmax", "mlp", "cnn")
NETWORKS = ("mlp", "cnn")
ON_REQUEST = "experiment"
BLOCKING = {
    **{
        f"{split}_digits": {
            "as_many_labels_as_images",
            "full_range_of_pixels",
            "every_class_present",
        }
        for split in ("train", "test")
    },
    **{f"{name}_model": {"finite_weights", "held_out_accuracy"} for name in NETWORKS},
    "champion": {"candidates"},
}
TWO_TRIALS = ["knn-size_100-seed_0", "knn-size_300-seed_0"]
Result = dg.MaterializeResult[Any] | dg.AssetCheckResult


class Pipeline:
    """The assets on the slice: the values of the finished run, and a sweep of two trials, computed
    when needed.

    By default, an asset with shards is called for the second trial.
    """

    def __init__(self, directory: Path, finished: Path) -> None:
        self.directory = directory
        self._finished = Storage(str(finished))
        self._results: dict[tuple[str, str], dg.MaterializeResult[Any]] = {}

    def result(self, key: str, trial: str = "") -> dg.MaterializeResult[Any]:
        """The result of an asset that is computed on request if nothing goes wrong."""
        trial = (trial or _shards(key)[-1]) if _shards(key) else ""
        if (key, trial) not in self._results:
            self._results[key, trial] = self.call(key, trial)
        return self._results[key, trial]

    def value(self, key: str, trial: str = "") -> Any:
        return (
            self.result(key, trial).value
            if key.startswith(ON_REQUEST)
            else self._finished.read(key)
        )

    def trials(self, key: str) -> list[Any]:
        """The values of all shards of an asset."""
        return [self.value(key, trial) for trial in _shards(key)]

    def call(
        self, key: str, trial: str = "", config: Any = None, **spoiled: Any
    ) -> dg.MaterializeResult[Any]:
        """Call an asset on good inputs, except for those given by the key of the asset that they
        come from.
        """
        partition = (trial or _shards(key)[-1]) if _shards(key) else None
        with dg.DagsterInstance.ephemeral() as instance:
            context = dg.build_asset_context(instance=instance, partition_key=partition)
            return calls.call(
                key,
                context=context,
                config=config,
                read=lambda source: self._input(source, key, trial),
                **spoiled,
            )

    def _input(self, source: str, key: str, trial: str) -> Any:
        """What an asset reads from another: the same shard if both have shards, or all shards if
        only the other has.
        """
        if _shards(source) and not _shards(key):
            return dict(zip(_shards(source), self.trials(source), strict=True))
        return self.value(source, trial)


def _shards(key: str) -> list[str]:
    """The two shards of an asset that is computed in shards."""
    if not key.startswith(ON_REQUEST) or ASSETS[key].partitions_def is None:
        return []
    return TWO_TRIALS


@pytest.fixture(scope="module")
def pipeline(
    finished_run: tuple[Outcome, Path],
    slice_directory: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Pipeline]:
    directory = tmp_path_factory.mktemp("checks")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNIST_PIPELINE_DATA", str(slice_directory))
        patch.setenv("MNIST_PIPELINE_STORAGE", str(directory / "storage"))
        yield Pipeline(directory, finished_run[1])


Failure = Callable[[str, Pipeline, pytest.MonkeyPatch], Result]
Inputs = Callable[[Pipeline], dict[str, Any]]


def returns(
    owner: object, name: str, change: Callable[[Any], Any], inputs: Inputs = lambda _: {}
) -> Failure:
    """The asset runs while a function or method returns its own result, changed."""

    def run(asset: str, pipeline: Pipeline, patch: pytest.MonkeyPatch) -> Result:
        original = getattr(owner, name)
        patch.setattr(owner, name, lambda *args, **kwargs: change(original(*args, **kwargs)))
        return pipeline.call(asset, **inputs(pipeline))

    return run


def reads(inputs: Inputs) -> Failure:
    """The asset runs on inputs of which some are wrong."""
    return lambda asset, pipeline, _: pipeline.call(asset, **inputs(pipeline))


def _few_of_all_but_zero(labels: np.ndarray) -> np.ndarray:
    """Labels where only the first of each class is kept, and all others are 0."""
    kept = np.unique(labels, return_index=True)[1]
    return np.where(np.isin(np.arange(len(labels)), kept), labels, 0).astype(np.uint8)


def _first(digits: DigitSet, count: int) -> DigitSet:
    return DigitSet(digits.images[:count], digits.labels[:count])


def _stretch(part: str) -> Callable[[Eigendecomposition], Eigendecomposition]:
    return lambda found: found._replace(**{part: getattr(found, part) * 1.001})


def _network_with_nan(network: Network) -> Network:
    weights = {name: array.copy() for name, array in network.weights.items()}
    next(array for array in weights.values() if array.ndim > 1).flat[0] = np.nan
    return network._replace(weights=weights)


def _without_weights(network: Network) -> Network:
    return network._replace(
        weights={name: np.zeros_like(array) for name, array in network.weights.items()}
    )


def _in_each_epoch(
    change: Callable[[training.EpochRecord], dict[str, float]],
) -> Callable[[Any], training.History]:
    return lambda history: replace(
        history, epochs=tuple(replace(record, **change(record)) for record in history.epochs)
    )


def _guesses(pipeline: Pipeline, model: str) -> Any:
    """The predictions of a model with random labels."""
    predictions = pipeline.value(f"{model}_predictions")
    labels = np.random.default_rng(0).integers(0, 10, len(predictions.labels), dtype=np.uint8)
    return predictions._replace(labels=labels)


def _guesses_of(model: str) -> Inputs:
    return lambda pipeline: {f"{model}_predictions": _guesses(pipeline, model)}


def _without_an_image(found: Evaluation) -> Evaluation:
    matrix = np.array(found.confusion_matrix)
    matrix[0, 0] -= 1
    return replace(found, confusion_matrix=matrix.tolist())


def _file_that_is_not_a_picture(
    asset: str, pipeline: Pipeline, patch: pytest.MonkeyPatch
) -> Result:
    (directory := pipeline.directory / "inbox").mkdir()
    (file := directory / "notes.txt").write_text("no picture")
    os.utime(file, (1, 1))  # long ago, so that nobody is writing it
    patch.setenv("MNIST_PIPELINE_INBOX", str(directory))
    context = dg.build_asset_context(partition_key=make_key(file))
    return calls.call(asset, context=context, read=pipeline.value)


def _few_train_digits(pipeline: Pipeline) -> dict[str, Any]:
    digits = _first(pipeline.value("train_digits"), 200)
    return {"train_digits": digits, "config": {"epochs": 2, "batch_size": 50}}


def spoiled(key: str, change: Callable[[Any], Any]) -> Failure:
    """The asset runs on a changed value of another asset."""
    return reads(lambda pipeline: {key: change(pipeline.value(key))})


def _test_images_with_a_training_image(
    asset: str, pipeline: Pipeline, patch: pytest.MonkeyPatch
) -> Result:
    train, test = pipeline.value("train_digits"), pipeline.value("test_digits")
    return not_in_training(
        test._replace(images=np.concatenate([test.images[:-1], train.images[:1]])), train
    )


def _champion_among_models_that_guess(
    asset: str, pipeline: Pipeline, patch: pytest.MonkeyPatch
) -> Result:
    patch.setenv("MNIST_PIPELINE_STORAGE", str(pipeline.directory / "with champion"))
    Storage(str(pipeline.directory / "with champion")).write("champion", pipeline.value("champion"))
    labels = pipeline.value("held_out_labels")
    return pipeline.call(asset, held_out_labels=labels.assign(**dict.fromkeys(MODELS, 0)))


def _recognizer_of_another_network(pipeline: Pipeline) -> dict[str, Any]:
    labels = pipeline.value("cnn_predictions").labels.tolist()
    champion = replace(pipeline.value("champion"), model="cnn", labels=labels)
    return {"champion": champion, "cnn_model": _without_weights(pipeline.value("cnn_model"))}


SPOILED_DIGITS: dict[str, Callable[[DigitSet], DigitSet]] = {
    "as_many_labels_as_images": lambda read: DigitSet(read.images, read.labels[:-1]),
    "full_range_of_pixels": lambda read: DigitSet(read.images // 255, read.labels),
    "every_class_present": lambda read: DigitSet(
        read.images, np.where(read.labels == 7, 1, read.labels)
    ),
    "classes_balanced": lambda read: DigitSet(read.images, _few_of_all_but_zero(read.labels)),
    "pixel_mean": lambda read: DigitSet(255 - read.images // 10, read.labels),
    "pixel_deviation": lambda read: DigitSet(np.full_like(read.images, 128), read.labels),
    "no_duplicates": lambda read: DigitSet(
        np.concatenate([read.images[:-1], read.images[:1]]), read.labels
    ),
    "one_label_per_image": lambda read: DigitSet(
        read.images[[0, *range(len(read.images) - 1)]], read.labels
    ),
    "not_empty": lambda read: DigitSet(
        np.minimum(read.images, np.arange(len(read.images))[:, None, None] * 255), read.labels
    ),
    "classes_mixed": lambda read: DigitSet(*(array[np.argsort(read.labels)] for array in read)),
}
RISING_LOSS = _in_each_epoch(lambda record: {"loss": float(record.epoch)})
SPOILED_TRAINING: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "finite_weights": ("stored", _network_with_nan),
    "loss_falls": ("train", RISING_LOSS),
    "held_out_accuracy": ("train", _in_each_epoch(lambda record: {"validation_accuracy": 0.1})),
}
LINK = '<img src="https://example.org/digit.png">'
# For each check, what goes wrong in the asset so that the check fails.
FAILURES: dict[tuple[str, str], Failure] = {
    ("test_digits", "not_in_training"): _test_images_with_a_training_image,
    ("data_mean", "within_range"): returns(pca, "mean", lambda mean: mean * 2_000),
    ("centered_data", "mean_zero"): reads(
        lambda pipeline: {"data_mean": pca.mean(pipeline.value("test_digits").images)}
    ),
    ("covariance", "symmetric"): returns(pca, "covariance", np.triu),
    ("covariance", "positive_semidefinite"): returns(
        pca, "covariance", lambda matrix: matrix - 1e-3 * np.trace(matrix) * np.eye(len(matrix))
    ),
    ("covariance", "diagonal"): returns(pca, "covariance", lambda matrix: matrix * 2),
    ("projections", "variance_is_eigenvalue"): spoiled(
        "eigendecomposition",
        lambda found: found._replace(
            eigenvalues=np.r_[found.eigenvalues[9::-1], found.eigenvalues[10:]]
        ),
    ),
    ("projections", "error_is_left_out"): spoiled(
        "eigendecomposition", lambda found: found._replace(eigenvalues=found.eigenvalues[::-1])
    ),
    ("reconstructions", "error_falls"): returns(
        pca, "reconstruction_rmse", lambda errors: np.r_[errors[:-1], errors[-2] + 0.1]
    ),
    ("harris_corners", "equals_pca"): returns(
        harris, "gram_difference", lambda difference: difference + 1e-6
    ),
    ("harris_corners", "corners_found"): reads(
        lambda _: {"digit_images": np.zeros((10, 28, 28), np.uint8)}
    ),
    ("knn_index", "labels_kept"): returns(
        knn.KNNClassifier,
        "to_arrays",
        lambda arrays: {**arrays, "labels": np.roll(arrays["labels"], 1)},
    ),
    ("knn_predictions", "equals_brute_force"): spoiled(
        "knn_index", lambda index: {**index, "images": np.roll(index["images"], 1, axis=0)}
    ),
    ("softmax_model", "gradient"): returns(
        softmax,
        "gradient",
        lambda parts: [1.001 * part for part in parts],
        lambda _: {"config": {"epochs": 1}},
    ),
    ("softmax_model", "loss_falls"): reads(
        lambda _: {"config": {"epochs": 1, "learning_rate": 10}}
    ),
    ("softmax_predictions", "probabilities_sum_to_one"): returns(
        softmax, "predict_probabilities", lambda found: 2 * found
    ),
    ("cnn_kernels", "finite"): spoiled("cnn_model", _network_with_nan),
    ("cnn_errors", "all_wrong"): returns(
        scores,
        "misclassified",
        lambda errors: {
            **errors,
            "true_label": np.r_[errors["predicted_label"][:1], errors["true_label"][1:]],
        },
        _guesses_of("cnn"),
    ),
    ("held_out_labels", "better_than_guessing"): spoiled("cnn_model", _without_weights),
    ("robustness", "undisturbed_as_evaluated"): reads(_guesses_of("mlp")),
    ("robustness", "small_disturbances"): returns(
        robustness, "summary", lambda found: {**found, "small_mean": 0.5}
    ),
    ("evaluation_report", "self_contained"): returns(page, "render", lambda html: html + LINK),
    ("evaluation_report", "size"): returns(page, "render", lambda html: html + "é" * 2_000_000),
    ("champion", "candidates"): _champion_among_models_that_guess,
    ("champion", "test_as_held_out"): reads(_guesses_of("mlp")),
    ("recognizer", "agrees_with_predictions"): reads(_recognizer_of_another_network),
    ("inbox_predictions", "is_a_picture"): _file_that_is_not_a_picture,
    ("model_card", "describes_champion"): returns(
        card, "render", lambda text: text.partition("Answers")[0]
    ),
    ("experiment_trials", "better_than_guessing"): returns(
        experiments, "run", lambda labels: {name: (each + 1) % 10 for name, each in labels.items()}
    ),
    ("experiment_summary", "more_data_helps"): reads(
        lambda pipeline: {
            "experiment_trials": dict(
                zip(TWO_TRIALS, pipeline.trials("experiment_trials")[::-1], strict=True)
            )
        }
    ),
}
for split in ("train", "test"):
    for check, spoil in SPOILED_DIGITS.items():
        FAILURES[f"{split}_digits", check] = returns(datasets, "load_digits", spoil)
FAILURES["eigendecomposition", "trace"] = returns(
    pca, "eigendecomposition", _stretch("eigenvalues")
)
FAILURES["eigendecomposition", "orthonormal"] = returns(
    pca, "eigendecomposition", _stretch("eigenvectors")
)
for name in NETWORKS:
    FAILURES[f"{name}_predictions", "probabilities_sum_to_one"] = returns(
        training, "predict_probabilities", lambda found: 2 * found
    )
    for check, (function, spoil) in SPOILED_TRAINING.items():
        FAILURES[f"{name}_model", check] = returns(training, function, spoil, _few_train_digits)
for model in MODELS:
    FAILURES[f"{model}_evaluation", "counts_add_up"] = returns(
        scores, "evaluate", _without_an_image
    )
    FAILURES[f"{model}_evaluation", "better_than_guessing"] = reads(_guesses_of(model))


# More that goes wrong, for checks with two sides.
FURTHER: dict[tuple[str, str], Failure] = {
    ("data_mean", "within_range"): returns(pca, "mean", lambda mean: mean - 100),
    ("covariance", "positive_semidefinite"): returns(
        pca, "covariance", lambda matrix: -matrix - np.eye(len(matrix))
    ),
}


def _check(result: Result, name: str) -> dg.AssetCheckResult:
    if isinstance(result, dg.AssetCheckResult):
        return result
    (found,) = (check for check in result.check_results if check.check_name == name)
    return found


@pytest.mark.parametrize(("key", "failure"), [*FAILURES.items(), *FURTHER.items()])
def test_each_check_fails_when_something_goes_wrong(
    key: tuple[str, str], failure: Failure, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    asset, check = key
    if asset.startswith(ON_REQUEST):
        pipeline.result(asset)  # computes everything upstream before anything is patched
    found = _check(failure(asset, pipeline, monkeypatch), check)
    assert found.passed is False
    assert "measured" in found.metadata
    description = GRAPH.get_check_spec(dg.AssetCheckKey(dg.AssetKey(asset), check)).description
    assert len(description or "") >= 30


def test_every_check_passes_on_a_slice_of_the_digits(finished_run: tuple[Outcome, Path]) -> None:
    later = (ON_REQUEST, "inbox")
    checked = [
        key
        for key in GRAPH.asset_check_keys
        if not key.asset_key.to_user_string().startswith(later)
    ]
    assert f"Checks: {len(checked)} passed" in finished_run[0].output.splitlines()


@pytest.mark.parametrize(
    "asset", sorted({asset for asset, _ in FAILURES if asset.startswith(ON_REQUEST)})
)
def test_every_check_of_an_asset_on_request_passes(asset: str, pipeline: Pipeline) -> None:
    for trial in _shards(asset) or [""]:
        found = {
            check.check_name: check.passed for check in pipeline.result(asset, trial).check_results
        }
        assert found == {spec.name: True for spec in ASSETS[asset].check_specs}


def test_every_check_of_the_graph_has_a_test_in_which_it_fails() -> None:
    assert set(FAILURES) == {
        (key.asset_key.to_user_string(), key.name) for key in GRAPH.asset_check_keys
    }


def test_checks_block_where_results_downstream_would_mean_nothing() -> None:
    blocking = {key for key in GRAPH.asset_check_keys if GRAPH.get_check_spec(key).blocking}
    assert blocking == {
        dg.AssetCheckKey(dg.AssetKey(asset), name) for asset in BLOCKING for name in BLOCKING[asset]
    }


@pytest.mark.parametrize(
    ("limit", "low", "high"),
    [
        (lambda value: checks.at_most(value, 2), -math.inf, 2.0),
        (lambda value: checks.at_least(value, np.float32(2)), 2.0, math.inf),
        (lambda value: checks.Measured(float(value), 2, 3), 2.0, 3.0),
        (lambda value: checks.exactly(value, np.int64(2)), 2.0, 2.0),
        (checks.Measured, -math.inf, math.inf),
    ],
    ids=["at_most", "at_least", "a range", "exactly", "no limit"],
)
def test_a_value_in_the_range_passes_and_the_result_records_it_with_the_finite_limits(
    limit: Callable[[float], checks.Measured], low: float, high: float
) -> None:
    inside = {low, high, float(np.clip(2.5, low, high))}
    outside = {
        np.nextafter(low, -math.inf),
        np.nextafter(high, math.inf),
        -math.inf,
        math.inf,
    } - inside
    for value in (*inside, *outside, math.nan):
        (found,) = checks.check_results({"limit": limit(value)})
        assert (found.check_name, found.passed) == ("limit", value in inside)
        assert found.metadata["measured"].value == (
            checks.rounded(value) if math.isfinite(value) else str(value)
        )
        expected = str(
            found.metadata["expected"].value
        )  # text: Dagster would plot a number, as a constant line
        assert {float(number) for number in re.findall(r"[-\d.]+", expected)} == {
            end for end in (low, high) if math.isfinite(end)
        }


@pytest.mark.parametrize(
    ("loss", "passed"),
    [
        ([1.0, 0.5], True),
        ([0.5, 1.0], False),
        ([9.0, 20.0, 8.0], True),
        ([2.302], True),
        ([2.303], False),
        ([1.0, math.nan], False),
        ([math.nan], False),
    ],
)
def test_the_last_loss_is_compared_with_the_first_and_with_guessing_after_one_epoch(
    loss: list[float], passed: bool
) -> None:
    assert checks.loss_falls(loss, 10).passed is passed
