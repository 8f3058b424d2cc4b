"""The scikit-learn estimators: scikit-learn's own checks, the same results as the methods, and a
grid search.
"""

import importlib
import re
import sys
from typing import Any

import numpy as np
import pytest
from sklearn.utils.estimator_checks import check_estimator

from mnist_pipeline.data.records import DigitSet
from mnist_pipeline.methods import estimators, pca, softmax
from mnist_pipeline.methods.estimators import PCA, CNNClassifier, KNNClassifier, SoftmaxRegression
from mnist_pipeline.methods.networks import method

ROUNDED = "projections are float32, and BLAS rounds a row by its place in memory"
TIES = (
    "on a tied vote, the class of the nearest neighbour wins, although the probabilities are equal"
)


class StretchedCNN(CNNClassifier):
    """The classifier with images that are made of a few features, each repeated until all pixels
    are filled.
    """

    def _images(self, X: np.ndarray) -> np.ndarray:
        return super()._images(np.repeat(X, -(-784 // X.shape[1]), axis=1)[:, :784])

    def __sklearn_tags__(self) -> Any:
        return super(CNNClassifier, self).__sklearn_tags__()


@pytest.mark.parametrize(
    ("estimator", "exceptions"),
    [
        pytest.param(KNNClassifier(), {"check_classifiers_train": TIES}, id="knn"),
        pytest.param(SoftmaxRegression(), {}, id="softmax"),
        pytest.param(PCA(), {"check_methods_sample_order_invariance": ROUNDED}, id="pca"),
        pytest.param(StretchedCNN("fast", epochs=5), {}, id="cnn", marks=pytest.mark.slow),
    ],
)
def test_scikit_learns_checks_pass(estimator: Any, exceptions: dict[str, str]) -> None:
    results = check_estimator(estimator, expected_failed_checks=exceptions, on_skip=None)
    assert {result["check_name"] for result in results if result["status"] == "xfail"} <= set(
        exceptions
    )


def test_softmax_regression_learns_the_weights_of_the_method(small_train: DigitSet) -> None:
    W, b = softmax.sgd(*small_train, epochs=2, seed=5)
    model = SoftmaxRegression(epochs=2, random_state=5).fit(*small_train)
    np.testing.assert_array_equal(model.coef_, W)
    np.testing.assert_array_equal(model.intercept_, b)


def test_cnn_predicts_the_labels_of_the_method(small_train: DigitSet, small_test: DigitSet) -> None:
    settings = {"recipe": "fast", "learning_rate": None}
    fitted = method.CNN.fit(*small_train, settings, seed=5)
    answer = method.CNN.answer(fitted, small_test.images)
    model = CNNClassifier("fast", random_state=5).fit(*small_train)
    np.testing.assert_array_equal(model.predict(small_test.images), answer.labels)


def test_pca_projects_as_the_method(small_train: DigitSet, small_test: DigitSet) -> None:
    mean = pca.mean(small_train.images)
    eigenvalues, eigenvectors = pca.eigendecomposition(
        pca.covariance(pca.center(small_train.images, mean))
    )
    model = PCA(n_components=0.9).fit(small_train.images)
    count = pca.components_for_share(eigenvalues, 0.9)
    expected = pca.project(small_test.images, mean, eigenvectors[:, :count])
    np.testing.assert_array_equal(model.transform(small_test.images), expected)
    assert model.explained_variance_ratio_.sum() == pytest.approx(
        pca.explained_share(eigenvalues)[count - 1]
    )


@pytest.mark.parametrize("random_state", [None, np.random.RandomState(0)])
@pytest.mark.parametrize("kind", [SoftmaxRegression, CNNClassifier])
def test_a_generator_gives_each_fit_another_seed(kind: type, random_state: Any) -> None:
    images, labels = np.zeros((20, 28, 28), np.uint8), [0, 1] * 10
    images[1::2, :, 14:] = 255
    first, second = (
        kind(epochs=1, random_state=random_state).fit(images, labels).predict_proba(images)
        for _ in range(2)
    )
    assert (first != second).any()


def test_cnn_takes_images_and_not_any_number_of_features() -> None:
    tags = CNNClassifier().__sklearn_tags__().input_tags
    assert (tags.two_d_array, tags.three_d_array) == (False, True)
    with pytest.raises(ValueError, match="X has 100 features; expected 784"):
        CNNClassifier().fit(np.eye(2, 100), [0, 1])


def test_without_scikit_learn_the_error_names_the_package_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    with pytest.raises(ImportError, match=r"pip install scikit-learn$"):
        importlib.reload(estimators)


@pytest.mark.parametrize("n_components", [0, 5, 1.0, -0.5])
def test_pca_rejects_other_numbers_of_components(n_components: float) -> None:
    with pytest.raises(ValueError, match="n_components is " + re.escape(str(n_components))):
        PCA(n_components).fit(np.eye(4))


def test_the_grid_search_of_the_documentation_runs(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (request.config.rootpath / "docs" / "python.md").read_text()
    example, printed = re.findall(
        r"```python\n([^`]*GridSearchCV[^`]*)```\n\n```\n([^`]*)```", page
    )[0]
    exec(compile(example, "docs/python.md", "exec"), {})
    assert capsys.readouterr().out == printed
