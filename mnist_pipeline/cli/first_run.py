"""Compile kernels on a second core during the first run.

Run as a script, this module computes a little with each method that has kernels, in the order of a
run's steps. Numba stores the compiled code in the cache, where the run finds it.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from mnist_pipeline.utils import places

STEPS = ("cnn_model", "softmax_model", "knn_model")  # in the order of a run
NUM_IMAGES = 100  # fewer images are computed without compiled code


def compile_ahead() -> "subprocess.Popen[bytes] | None":
    """Start to compile in another process, unless there is compiled code from an earlier run.

    The process prints the name of each step of `STEPS` when the kernels of the step are ready.
    """
    cache = Path(os.environ.get("NUMBA_CACHE_DIR") or places.code_cache())
    if any(cache.glob("numba-*")):
        return None
    return subprocess.Popen(
        [sys.executable, "-m", __name__],
        env={**os.environ, "PYTHONSAFEPATH": "1"},  # import nothing from the current directory
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def wait_for_kernels(compiler: "subprocess.Popen[bytes]", step: str) -> None:
    """Wait until the process of `compile_ahead` has compiled a step's kernels, or has ended."""
    while compiler.stdout and compiler.stdout.readline().decode().strip() not in (step, ""):
        pass


def compute() -> None:
    """Call each kernel with the types that a run uses."""
    from mnist_pipeline.methods import softmax
    from mnist_pipeline.methods.knn import KNNClassifier
    from mnist_pipeline.methods.networks import modules, training

    images, labels = np.zeros((NUM_IMAGES, 28, 28), np.uint8), np.arange(NUM_IMAGES) % 10
    recipe = training.named_recipe("cnn", "default", epochs=1)
    training.train(modules.CNN(), images, labels, recipe)
    print(STEPS[0], flush=True)
    softmax.sgd(images, labels, epochs=1)
    print(STEPS[1], flush=True)
    KNNClassifier(algorithm="pca").fit(images, labels).predict(images)


if __name__ == "__main__":
    compute()
