"""Compile kernels on a second core during the first run, which waits only for the kernels of the
networks.

Run as a script, this module computes a little with the methods whose assets come later in a run.
Numba stores their compiled code in the cache, where the run finds it.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from mnist_pipeline.utils import places

NUM_IMAGES = 100  # fewer images are computed without compiled code


def compile_ahead() -> None:
    """Start to compile in another process, unless there is compiled code from an earlier run."""
    cache = Path(os.environ.get("NUMBA_CACHE_DIR") or places.code_cache())
    if not any(cache.glob("numba-*")):
        # Nothing is imported from the current directory.
        variables = {**os.environ, "PYTHONSAFEPATH": "1"}
        silent: Any = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        subprocess.Popen([sys.executable, "-m", __name__], env=variables, **silent)


def compute() -> None:
    """Call each kernel of softmax regression and of k-NN with the types that a run uses."""
    from mnist_pipeline import softmax
    from mnist_pipeline.knn import KNNClassifier

    images, labels = np.zeros((NUM_IMAGES, 28, 28), np.uint8), np.arange(NUM_IMAGES) % 10
    softmax.sgd(images, labels, epochs=1)
    KNNClassifier(algorithm="pca").fit(images, labels).predict(images)


if __name__ == "__main__":
    compute()
