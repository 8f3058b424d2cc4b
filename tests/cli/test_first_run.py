"""What a first run compiles on a second core."""

from typing import Any

from mnist_pipeline import pca, softmax
from mnist_pipeline.cli.first_run import compute
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.handwriting import novelty
from mnist_pipeline.kernels import knn as knn_kernels
from mnist_pipeline.kernels import novelty as novelty_kernels
from mnist_pipeline.kernels import softmax as softmax_kernels
from mnist_pipeline.knn import KNNClassifier


def test_kernels_are_compiled_ahead_for_the_types_that_a_run_has(small_train: DigitSet) -> None:
    images, labels = small_train.images[:500], small_train.labels[:500]
    softmax.fit_model(images, labels, learning_rate=1e-3, epochs=1, seed=0, on_epoch=lambda *_: None)
    found = pca.eigendecomposition(pca.covariance(pca.center(images, pca.mean(images))))
    index = KNNClassifier(1, algorithm="pca").fit(images, labels, pca.mean(images), found.eigenvectors).to_arrays()
    KNNClassifier.from_arrays(index, 3).kneighbors(images)
    novelty.edges(images)
    compiled = _signatures()
    compute()
    assert _signatures() == compiled
    assert all(compiled)


def _signatures() -> list[set[Any]]:
    kernels: list[Any] = [softmax_kernels.run_epoch, knn_kernels.project, knn_kernels.scan_tiles]
    return [set(kernel.signatures) for kernel in [*kernels, novelty_kernels.edge_shares]]
