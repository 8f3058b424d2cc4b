"""One method in a fresh process: `python -m benchmarks.one_peer METHOD FILE [--passes N] [--at-least SCORE]`.

It writes JSON. The seconds and the peak memory are those of fitting, with the images in memory and the libraries
imported. Our methods are fitted to a thousand images first, which loads their compiled code. The score is the test
accuracy in percent; for PCA it is the largest error of an eigenvalue, relative to the largest in float64.

The networks of Dagster's and PyTorch's examples are written anew, with the same settings:

- "dagster": `examples/docs_projects/project_ml` of dagster-io/dagster. Adam with a rate of 0.001 that is divided by 10
  every 10 epochs, weight decay 1e-5, batches of 64. A fifth of the images is held out, and the training stops after 7
  epochs without a better held-out accuracy, or after 30. The example names deformations, but does not apply them.
- "pytorch": `mnist/main.py` of pytorch/examples. Adadelta with a rate of 1 that is multiplied by 0.7 after each of 14
  epochs, batches of 64. The images are shuffled, as the example does on a GPU.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, TensorDataset

from benchmarks import memory
from benchmarks.bench import DATA
from benchmarks.notebook import PictureDataset
from benchmarks.pca import chain, notebook_chain
from benchmarks.timing import timed
from mnist_pipeline import networks, softmax, training
from mnist_pipeline.data.datasets import DigitSet, load_digits

Classify = Callable[[NDArray[np.uint8]], NDArray[Any]]  # images to labels
MEAN, DEVIATION = 0.1307, 0.3081  # of MNIST's pixels
BATCH_SIZE = 64
HELD_OUT, PATIENCE = 0.2, 7
WARM_UP_IMAGES = 1_000


class Peer:
    """A network of torch as others train it."""

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def train(self, batches: "DataLoader[Any]", optimizer: torch.optim.Optimizer) -> None:
        """Pass once over the images."""
        self.model.train()
        for pixels, targets in batches:
            optimizer.zero_grad()
            F.cross_entropy(self.model((pixels - MEAN) / DEVIATION), targets).backward()
            optimizer.step()

    def classify(self, images: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Labels of images."""
        self.model.eval()
        with torch.inference_mode():
            batches = torch.split(_pixels(images), 1_000)
            return torch.cat([self.model((batch - MEAN) / DEVIATION).argmax(dim=1) for batch in batches]).numpy()


def _pixels(images: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(np.array(images))[:, None].float() / 255  # (N, 1, 28, 28)


def _dagster_network() -> nn.Module:
    def block(channels: int, new_channels: int, side: int) -> Iterator[nn.Module]:
        yield nn.Conv2d(channels, new_channels, side, padding=side // 2)
        yield nn.BatchNorm2d(new_channels)
        yield nn.ReLU()

    return nn.Sequential(
        *block(1, 32, 5), nn.MaxPool2d(2),  # (N, 32, 14, 14)
        *block(32, 64, 5), nn.MaxPool2d(2), nn.Dropout2d(0.1),  # (N, 64, 7, 7)
        *block(64, 128, 3), nn.AdaptiveAvgPool2d(3), nn.Flatten(),  # (N, 1152)
        nn.Linear(1152, 256), nn.ReLU(), nn.Dropout(0.2), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10),  # (N, 10)
    )  # fmt: skip


def _pytorch_network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.Conv2d(32, 64, 3), nn.ReLU(),  # (N, 64, 24, 24)
        nn.MaxPool2d(2), nn.Dropout(0.25), nn.Flatten(),  # (N, 9216)
        nn.Linear(9216, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10),  # (N, 10)
    )  # fmt: skip


def dagster(train: DigitSet, passes: int) -> tuple[Classify, int]:
    kept, held_out = train_test_split(
        np.arange(len(train.images)), test_size=HELD_OUT, random_state=42, stratify=train.labels
    )
    pixels, labels = _pixels(train.images), torch.from_numpy(train.labels.astype(np.int64))
    peer = Peer(_dagster_network())
    optimizer = torch.optim.Adam(peer.model.parameters(), lr=1e-3, weight_decay=1e-5)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=10, gamma=0.1)
    batches = DataLoader(TensorDataset(pixels[kept], labels[kept]), BATCH_SIZE, shuffle=True)
    best, waited = 0.0, 0
    for number in range(1, passes + 1):
        peer.train(batches, optimizer)
        schedule.step()
        accuracy = _accuracy(peer.classify, train.images[held_out], train.labels[held_out])
        best, waited = (accuracy, 0) if accuracy > best + 0.001 else (best, waited + 1)
        print(f"dagster: pass {number}, {accuracy:.2f}% of the held-out images", file=sys.stderr, flush=True)
        if waited == PATIENCE:
            break
    return peer.classify, number


def pytorch(train: DigitSet, passes: int) -> tuple[Classify, int]:
    peer = Peer(_pytorch_network())
    optimizer = torch.optim.Adadelta(peer.model.parameters(), lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    batches: DataLoader[Any] = DataLoader(PictureDataset(train), BATCH_SIZE, shuffle=True)
    for number in range(1, passes + 1):
        peer.train(batches, optimizer)
        schedule.step()
        print(f"pytorch: pass {number}", file=sys.stderr, flush=True)
    return peer.classify, passes


def _with_sklearn(estimator: Any) -> Callable[[DigitSet, int], tuple[Classify, int]]:
    """A classifier of scikit-learn with its default settings, on pixels in [0, 1]."""

    def fit(train: DigitSet, passes: int) -> tuple[Classify, int]:
        model = estimator(random_state=0).fit(_rows(train.images), train.labels)
        return lambda images: model.predict(_rows(images)), int(np.max(model.n_iter_))

    return fit


def _rows(images: NDArray[np.uint8]) -> NDArray[Any]:
    return images.reshape(len(images), -1).astype(np.float32) / 255


def softmax_regression(train: DigitSet, passes: int) -> tuple[Classify, int]:
    W, b = softmax.sgd(train.images, train.labels, epochs=passes)
    return lambda images: softmax.predict_probabilities(W, b, images).argmax(axis=1), passes


def _with_recipe(network: str, name: str) -> Callable[[DigitSet, int], tuple[Classify, int]]:
    """Our network, trained by one of our recipes; 0 passes are as many as the recipe has."""

    def fit(train: DigitSet, passes: int) -> tuple[Classify, int]:
        named = training.RECIPES[network][name]
        recipe = replace(named, epochs=passes or named.epochs)
        model = training.build(networks.CNN if network == "cnn" else networks.MLP)
        training.train(model, train.images, train.labels, recipe)
        return lambda images: training.predict_probabilities(model, images).argmax(axis=1), recipe.epochs

    return fit


CLASSIFIERS: dict[str, Callable[[DigitSet, int], tuple[Classify, int]]] = {
    "dagster": dagster,
    "pytorch": pytorch,
    "logistic regression": _with_sklearn(LogisticRegression),
    "sklearn mlp": _with_sklearn(MLPClassifier),
    "softmax": softmax_regression,
    "mlp": _with_recipe("mlp", "default"),
    "fast": _with_recipe("cnn", "fast"),
    "default": _with_recipe("cnn", "default"),
    "thorough": _with_recipe("cnn", "thorough"),
}
EIGENVALUES: dict[str, Callable[[NDArray[np.uint8]], NDArray[Any]]] = {
    "sklearn pca": lambda rows: PCA(svd_solver="covariance_eigh").fit(rows.astype(np.float32)).explained_variance_,
    "pca": lambda rows: chain(rows)[3],
}
OURS = ("softmax", "mlp", "fast", "default", "thorough", "pca")


def _accuracy(classify: Classify, images: NDArray[np.uint8], labels: NDArray[np.uint8]) -> float:
    return 100 * float(np.mean(classify(images) == labels))


def measure(method: str, passes: int, at_least: float | None) -> dict[str, float]:
    """Seconds, peak memory, score and passes. With `at_least`: of the fewest passes that score so much."""
    train, test = (load_digits(DATA, part) for part in ("train", "test"))
    few = DigitSet(train.images[:WARM_UP_IMAGES], train.labels[:WARM_UP_IMAGES])
    torch.manual_seed(0)
    if method in EIGENVALUES:
        rows = train.images.reshape(len(train.images), -1)
        EIGENVALUES[method](rows[:WARM_UP_IMAGES])
        elapsed, eigenvalues = timed(lambda: EIGENVALUES[method](rows))
        peak = memory.peak()
        exact = notebook_chain(rows)[3]
        return {"seconds": elapsed, "peak": peak, "score": float(np.abs(eigenvalues - exact).max() / exact[0])}
    fit = CLASSIFIERS[method]
    if method in OURS:
        fit(few, 1)
    for tried in count(1) if at_least else (passes,):
        elapsed, (classify, made) = timed(lambda tried=tried: fit(train, tried))  # type: ignore[misc]
        peak, score = memory.peak(), _accuracy(classify, *test)
        if at_least is None or score >= at_least or tried == passes:
            break
    return {"seconds": elapsed, "peak": peak, "score": score, "passes": made}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method", choices=[*CLASSIFIERS, *EIGENVALUES])
    parser.add_argument("file", type=Path)
    parser.add_argument("--passes", type=int, default=0, help="how many, or at most how many with --at-least")
    parser.add_argument("--at-least", type=float, help="the test accuracy in percent that is to be reached")
    given = parser.parse_args()
    given.file.write_text(json.dumps(measure(given.method, given.passes, given.at_least)), encoding="utf-8")


if __name__ == "__main__":
    main()
