"""The methods as scikit-learn estimators, for pipelines, cross-validation and grid searches.

Parameters and attributes have scikit-learn's names (`n_neighbors`, `n_components`, `random_state`,
`n_features_in_`). Samples are of shape (n_samples, n_features); images (n_samples, height, width)
are flattened. Labels may be of any type; the attribute `classes_` has them in sorted order.

Bytes (uint8) are pixels: softmax regression and the CNN divide them by 255, to values in [0, 1].
Other numbers are used as they are. So train and predict on the same kind of numbers.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mnist_pipeline.data.held_out import held_out_size
from mnist_pipeline.methods import knn, pca, softmax
from mnist_pipeline.methods.knn.method import vote_probabilities
from mnist_pipeline.methods.networks import modules, training
from mnist_pipeline.utils import places

try:
    from sklearn.base import (
        BaseEstimator,
        ClassifierMixin,
        ClassNamePrefixFeaturesOutMixin,
        TransformerMixin,
    )
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError:
    raise ImportError(f"scikit-learn is missing: {places.pip_install('scikit-learn')}") from None


class _Classifier(ClassifierMixin, BaseEstimator):
    """Checks of the input, and labels of any type as codes from 0.

    A subclass has `_fit(X, codes)` and `_probabilities(X)`.
    """

    classes_: NDArray[Any]
    _dtype: Any = (np.float64, np.float32, np.uint8)  # other types are converted to the first

    def fit(self, X: ArrayLike, y: ArrayLike) -> "_Classifier":
        """Fit to samples (n_samples, n_features) and their labels (n_samples,)."""
        fewest = getattr(self, "n_neighbors", 1)
        samples, labels = validate_data(
            self, _rows(X), y, dtype=self._dtype, ensure_min_samples=fewest
        )
        check_classification_targets(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        self._fit(samples, codes)
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.floating[Any]]:
        """Class probabilities of samples, (n_samples, n_classes), in the order of `classes_`."""
        return self._probabilities(self._checked(X))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The label of each sample, (n_samples,)."""
        codes = self.predict_proba(X).argmax(axis=1)
        return self.classes_[codes]

    def _checked(self, X: ArrayLike) -> NDArray[Any]:
        check_is_fitted(self)
        return validate_data(self, _rows(X), dtype=self._dtype, reset=False)


class KNNClassifier(_Classifier):
    """Classification by the k nearest neighbours, as in `mnist_pipeline.knn`.

    Neighbours are exact. Bytes are compared in integer arithmetic, with an index, which is fastest.
    Distances of other numbers are float64 sums. Features are not scaled.

    Parameters
    ----------
    n_neighbors : int, default=3
        How many neighbours vote, from 1 to the number of training samples. A tied vote goes to the
        class of the nearest neighbour among those with the most votes.

    Examples
    --------
    >>> X, y = [[0, 0], [0, 3], [9, 9]], ["four", "four", "seven"]
    >>> model = KNNClassifier(n_neighbors=2).fit(X, y)
    >>> model.predict([[0, 1], [8, 8]])
    array(['four', 'seven'], dtype='<U5')
    >>> model.predict_proba([[0, 1], [8, 8]])  # shares of the votes
    array([[1. , 0. ],
           [0.5, 0.5]])
    """

    _dtype = "numeric"  # bytes stay bytes

    def __init__(self, n_neighbors: int = 3) -> None:
        self.n_neighbors = n_neighbors

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The label of each sample, (n_samples,)."""
        samples = self._checked(X)
        return self.classes_[self._search.predict(samples)]

    def _fit(self, X: NDArray[Any], codes: NDArray[np.int64]) -> None:
        self._search = knn.KNNClassifier(self.n_neighbors).fit(X, codes)
        self._codes = codes

    def _probabilities(self, X: NDArray[Any]) -> NDArray[np.float64]:
        _, indices = self._search.kneighbors(X)
        return vote_probabilities(
            self._codes[indices], smoothing=0.0, num_classes=len(self.classes_)
        )


class SoftmaxRegression(_Classifier):
    """Softmax regression by per-sample gradient descent, `mnist_pipeline.softmax.sgd`.

    The samples are visited in their order, so samples that are sorted by class need a shuffle
    before. Features should be in about [0, 1] or standardized. A FloatingPointError is raised if
    training diverges.

    Parameters
    ----------
    learning_rate : float, default=1e-3
        Step of every update.
    epochs : int, default=20
        Passes over the data.
    random_state : int, RandomState or None, default=0
        Seed of the initial parameters, uniform in [−0.5, 0.5).

    Attributes
    ----------
    coef_ : ndarray of shape (n_classes, n_features)
        Weights, one row per class.
    intercept_ : ndarray of shape (n_classes,)

    Examples
    --------
    >>> X, y = [[0.0], [0.1], [0.9], [1.0]], ["low", "low", "high", "high"]
    >>> SoftmaxRegression(learning_rate=1.0, epochs=100).fit(X, y).predict([[0.2], [0.8]])
    array(['low', 'high'], dtype='<U4')
    """

    def __init__(
        self, learning_rate: float = 1e-3, epochs: int = 20, random_state: Any = 0
    ) -> None:
        self.learning_rate = learning_rate
        self.epochs = epochs
        self.random_state = random_state

    def _fit(self, X: NDArray[Any], codes: NDArray[np.int64]) -> None:
        self.coef_, self.intercept_ = softmax.sgd(
            X,
            codes,
            num_classes=len(self.classes_),
            learning_rate=self.learning_rate,
            epochs=self.epochs,
            seed=_seed(self.random_state),
        )

    def _probabilities(self, X: NDArray[Any]) -> NDArray[np.float64]:
        return softmax.predict_probabilities(self.coef_, self.intercept_, X)


class CNNClassifier(_Classifier):
    """The convolutional network `mnist_pipeline.networks.CNN`.

    Samples are images of 28×28 pixels: 784 features, or (n_samples, 28, 28). Any other number of
    features raises a ValueError. Numbers that are not bytes should be in [0, 1]. With the recipe
    "default", probabilities are calibrated.

    Parameters
    ----------
    recipe : {"default", "fast", "notebook", "thorough"}, default="default"
        A recipe of `mnist_pipeline.training.RECIPES`. "default" holds out a twelfth of the
        samples, and adapts to the number of the others, see `mnist_pipeline.training.adapt`.
        Handwriting is deformed only if the images are bytes.
    epochs, learning_rate : int and float, optional
        Replace the values of the recipe.
    random_state : int, RandomState or None, default=0
        Seed of the weights, the order of the images, and their deformations.
    handwritten : bool, default=True
        Whether the images show handwriting. The recipe "default" trains other images in another
        way, see `mnist_pipeline.training.adapt`.

    Attributes
    ----------
    weights_ : dict of ndarray
        The parameters by their names in the network, float32.
    temperature_ : float
        Divisor of the logits that calibrates the probabilities; 1 without held-out samples.

    Examples
    --------
    >>> images = np.zeros((40, 28, 28), dtype=np.uint8)
    >>> images[20:, :, 10:18] = 255
    >>> model = CNNClassifier("fast", epochs=5).fit(images, ["empty"] * 20 + ["bar"] * 20)
    >>> model.predict(images[[0, -1]])
    array(['empty', 'bar'], dtype='<U5')
    """

    def __init__(
        self,
        recipe: str = "default",
        epochs: int | None = None,
        learning_rate: float | None = None,
        random_state: Any = 0,
        handwritten: bool = True,
    ) -> None:
        self.recipe = recipe
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.handwritten = handwritten

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # Rows of any number of features, as in scikit-learn's own checks, are not images.
        tags.input_tags.two_d_array, tags.input_tags.three_d_array = False, True
        return tags

    def _fit(self, X: NDArray[Any], codes: NDArray[np.int64]) -> None:
        images, seed = self._images(X), _seed(self.random_state)
        settings = {name: getattr(self, name) for name in ("recipe", "epochs", "learning_rate")}
        num_held_out = held_out_size(codes) if self.recipe == "default" else 0
        network, recipe = training.from_settings(
            "cnn",
            settings,
            num_classes=len(self.classes_),
            seed=seed,
            num_images=len(images) - num_held_out,
            handwritten=self.handwritten,
        )
        if images.dtype != np.uint8:
            recipe = replace(recipe, variation=None)  # deformations are defined for bytes
        history = training.train(
            network, images, codes, recipe, seed=seed, validation_size=num_held_out
        )
        self.temperature_ = history.temperature
        self.weights_ = training.weights(network)

    def _probabilities(self, X: NDArray[Any]) -> NDArray[np.float32]:
        network = modules.of_weights("cnn", self.weights_)
        return training.predict_probabilities(
            network, self._images(X), temperature=self.temperature_
        )

    def _images(self, X: NDArray[Any]) -> NDArray[Any]:
        if X.shape[1] != modules.SIDE**2:
            raise ValueError(
                f"X has {X.shape[1]} features; expected {modules.SIDE**2}, images of 28×28 pixels"
            )
        return X.reshape(-1, modules.SIDE, modules.SIDE)


class PCA(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Projection on the principal components: `mnist_pipeline.pca`.

    Any real numbers are accepted, and sums of integers are exact. Centred data and projections are
    float32, the covariance and its eigenvectors float64.

    Parameters
    ----------
    n_components : int, float or None, default=None
        The number of components, or, as a float in (0, 1), the smallest share of the variance that
        they must explain. None keeps all components.

    Attributes
    ----------
    mean_ : ndarray of shape (n_features,)
    components_ : ndarray of shape (n_components, n_features)
        Orthonormal rows, largest variance first; their entries of largest magnitude are positive.
    explained_variance_ : ndarray of shape (n_components,)
        Variance on each component, with the divisor n_samples − 1.
    explained_variance_ratio_ : ndarray of shape (n_components,)
        Share of the variance on each component; zero if there is no variance.

    Examples
    --------
    >>> model = PCA(n_components=1).fit([[0, 0], [2, 0], [4, 0]])
    >>> model.transform([[3, 5]])
    array([[1.]], dtype=float32)
    >>> model.inverse_transform([[1.0]])
    array([[3., 0.]])
    """

    def __init__(self, n_components: int | float | None = None) -> None:
        self.n_components = n_components

    def fit(self, X: ArrayLike, y: object = None) -> "PCA":
        """Compute the components of at least two samples (n_samples, n_features)."""
        samples = validate_data(self, _rows(X), ensure_min_samples=2)
        self.mean_ = pca.mean(samples)
        covariance = pca.covariance(pca.center(samples, self.mean_))
        eigenvalues, eigenvectors = pca.eigendecomposition(covariance)
        count = self._num_components(eigenvalues)
        self._n_features_out = count
        self.components_ = eigenvectors[:, :count].T
        self.explained_variance_ = eigenvalues[:count]
        self.explained_variance_ratio_ = eigenvalues[:count] / (eigenvalues.sum() or 1.0)
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Coordinates of samples on the components, float32 (n_samples, n_components)."""
        check_is_fitted(self)
        samples = validate_data(self, _rows(X), reset=False)
        return pca.project(samples, self.mean_, self.components_.T)

    def inverse_transform(self, X: ArrayLike) -> NDArray[np.float64]:
        """Samples (n_samples, n_features) from their coordinates (n_samples, n_components)."""
        check_is_fitted(self)
        return pca.reconstruct(np.asarray(X), self.mean_, self.components_.T)

    def _num_components(self, eigenvalues: NDArray[np.float64]) -> int:
        most = len(eigenvalues)
        count = most if self.n_components is None else self.n_components
        if 0 < count < 1:
            return pca.components_for_share(eigenvalues, count)
        if not (isinstance(count, int | np.integer) and 1 <= count <= most):
            raise ValueError(
                f"n_components is {count!r}; expected an integer in 1–{most}, a share in (0, 1), "
                "or None"
            )
        return int(count)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _seed(random_state: Any) -> int:
    """An integer as it is; another seed for each fit from a generator, or from None."""
    if not isinstance(random_state, int | np.integer):
        random_state = check_random_state(random_state).randint(2**31)
    return int(random_state)


def _rows(X: Any) -> Any:
    """Images (n, height, width) as rows of pixels; other samples unchanged."""
    are_images = isinstance(X, np.ndarray) and X.ndim == 3 and len(X)
    return X.reshape(len(X), -1) if are_images else X
