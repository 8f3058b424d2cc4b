"""What a first run compiles on a second core."""

from functools import partial
from typing import Any

import numba
import pytest

from mnist_pipeline import pca, softmax
from mnist_pipeline.cli.first_run import compute
from mnist_pipeline.data.records import DigitSet
from mnist_pipeline.kernels import knn as knn_kernels
from mnist_pipeline.kernels import softmax as softmax_kernels
from mnist_pipeline.knn import KNNClassifier

KERNELS: dict[str, Any] = {
    "run_epoch": softmax_kernels,
    "project": knn_kernels,
    "scan_tiles": knn_kernels,
}


def test_kernels_are_compiled_ahead_for_the_types_that_a_run_has(
    small_train: DigitSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: dict[str, set[Any]] = {name: set() for name in KERNELS}

    def record(name: str, kernel: Any, *arguments: Any) -> Any:
        called[name].add(tuple(map(numba.typeof, arguments)))
        return kernel(*arguments)

    for name, module in KERNELS.items():
        monkeypatch.setattr(module, name, partial(record, name, getattr(module, name)))
    compute()
    ahead = {name: set(types) for name, types in called.items()}
    assert all(ahead.values())

    images, labels = small_train.images[:500], small_train.labels[:500]
    softmax.fit(images, labels, {"learning_rate": 1e-3, "epochs": 1}, seed=0)
    found = pca.eigendecomposition(pca.covariance(pca.center(images, pca.mean(images))))
    index = (
        KNNClassifier(1, algorithm="pca")
        .fit(images, labels, pca.mean(images), found.eigenvectors)
        .to_arrays()
    )
    KNNClassifier.from_arrays(index, 3).kneighbors(images)
    assert called == ahead
