"""What a first run compiles on a second core."""

import subprocess
import sys
from functools import partial
from typing import Any

import numba
import pytest

from mnist_pipeline.cli.first_run import STEPS, compute, wait_for_kernels
from mnist_pipeline.data import deformations_kernel
from mnist_pipeline.data.records import DigitSet
from mnist_pipeline.methods import pca, softmax
from mnist_pipeline.methods.knn import KNNClassifier
from mnist_pipeline.methods.knn import kernel as knn_kernels
from mnist_pipeline.methods.networks import modules, training
from mnist_pipeline.methods.networks.compiled import convolution, winograd
from mnist_pipeline.methods.softmax import kernel as softmax_kernels

KERNELS: list[tuple[Any, str]] = [
    (convolution, "convolve_and_pool"),
    (convolution, "add_gradients"),
    (winograd, "convolve_and_pool"),
    (winograd, "add_gradients"),
    (deformations_kernel, "sample"),
    (softmax_kernels, "run_epoch"),
    (knn_kernels, "project"),
    (knn_kernels, "scan_tiles"),
]


def test_kernels_are_compiled_ahead_for_the_types_that_a_run_has(
    small_train: DigitSet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    called: dict[tuple[Any, str], set[Any]] = {kernel: set() for kernel in KERNELS}

    def record(kernel: tuple[Any, str], function: Any, *arguments: Any) -> Any:
        called[kernel].add(tuple(map(numba.typeof, arguments)))
        return function(*arguments)

    for module, name in KERNELS:
        function = partial(record, (module, name), getattr(module, name))
        monkeypatch.setattr(module, name, function)
    compute()
    assert capsys.readouterr().out.splitlines() == list(STEPS[:-1])
    ahead = {kernel: set(types) for kernel, types in called.items()}
    assert all(ahead.values())

    images, labels = small_train.images[:500], small_train.labels[:500]
    recipe = training.named_recipe("cnn", "default", epochs=1)
    training.train(modules.CNN(), images, labels, recipe, validation_size=100)
    training.predict_probabilities(modules.CNN(), images)
    softmax.method.fit(images, labels, {"learning_rate": 1e-3, "epochs": 1}, seed=0)
    found = pca.eigendecomposition(pca.covariance(pca.center(images, pca.mean(images))))
    index = (
        KNNClassifier(1, algorithm="pca")
        .fit(images, labels, pca.mean(images), found.eigenvectors)
        .to_arrays()
    )
    KNNClassifier.from_arrays(index, 3).kneighbors(images)
    assert called == ahead


def test_a_step_waits_for_its_kernels_or_for_the_end() -> None:
    program = "import sys; print('cnn_model', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as compiler:
        wait_for_kernels(compiler, "cnn_model")
        assert compiler.poll() is None
        assert compiler.stdin
        compiler.stdin.close()
        wait_for_kernels(compiler, "knn_model")
