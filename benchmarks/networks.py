"""The networks with each recipe: mean test accuracy over 5 seeds (quick: 1), compared with the notebook's training.

All train on the same 60,000 images; "as the pipeline trains it" holds out a twelfth of them. The notebook's training is
its own loop, run once: a DataLoader of PIL images, float32, plain Adam, 5 passes (quick: 1). The recipes were chosen on
training images that were held out. The test images only report. It takes about half an hour.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import ToTensor

from benchmarks.bench import Bench
from benchmarks.table import Table, seconds, with_range
from benchmarks.timing import timed
from mnist_pipeline import networks, training
from mnist_pipeline.datasets import DigitSet

NUM_SEEDS = 5
WARM_UP_IMAGES = 1_024
RECIPES = {"cnn": ("fast", "thorough"), "mlp": ("default", "thorough")}
NETWORKS: dict[str, Callable[[], nn.Module]] = {"cnn": networks.CNN, "mlp": networks.MLP}
NOTEBOOK_PASSES, NOTEBOOK_BATCH = 5, 64
NOTEBOOK_RATES = {"cnn": 1e-3, "mlp": 5e-4}

Predict = Callable[[np.ndarray], np.ndarray]  # images to labels


def measure(bench: Bench) -> Table:
    """A row per network and recipe, and a row per network of the notebook."""
    table = Table("Networks", ("", "passes", "mean test accuracy", "training, median"))
    for network, names in RECIPES.items():
        for name in names[: bench.pick(len(names), 1)]:
            passes = training.RECIPES[network][name].epochs
            title = f"{network.upper()}, recipe {name.upper()}"
            table.rows.append(
                _row(bench, title, str(passes), lambda seed, at=(network, name): _train(bench, *at, seed))
            )
    title = "CNN, as the pipeline trains it"
    table.rows.append(_row(bench, title, "3, or more", lambda seed: _train_as_the_pipeline(bench, seed)))
    for network in NETWORKS:
        table.rows.append(_notebook_row(bench, network))
    table.notes.append("Accuracies are on all 10,000 test images. The notebook's training was run with one seed.")
    return table


def _row(bench: Bench, title: str, passes: str, train: Callable[[int], Predict]) -> tuple[str, str, str, str]:
    walls, accuracies = [], []
    for seed in range(bench.pick(NUM_SEEDS, 1)):
        elapsed, predict = timed(lambda seed=seed: train(seed))  # type: ignore[misc]
        walls.append(elapsed)
        accuracies.append(float(np.mean(predict(bench.test.images) == bench.test.labels)))
        bench.say(f"  {title}, seed {seed}: {accuracies[-1]:.2%} in {elapsed:.1f} s")
    mean = f"{np.mean(accuracies):.2%} ({min(accuracies):.2%} – {max(accuracies):.2%}, {len(accuracies)} seeds)"
    return title, passes, mean, with_range(walls, seconds)


def _train(bench: Bench, network: str, recipe: str, seed: int) -> Predict:
    model = training.build(NETWORKS[network], seed=seed)
    training.train(model, *bench.train, training.RECIPES[network][recipe], seed=seed)
    return lambda images: training.predict_probabilities(model, images).argmax(axis=1)


def _train_as_the_pipeline(bench: Bench, seed: int) -> Predict:
    """The default recipe, which adapts to the images."""
    from mnist_pipeline.estimators import CNNClassifier

    predict: Predict = CNNClassifier(random_state=seed).fit(*bench.train).predict
    return predict


def _notebook_row(bench: Bench, network: str) -> tuple[str, str, str, str]:
    passes = bench.pick(NOTEBOOK_PASSES, 1)
    loop = NotebookLoop(network, bench.train)
    elapsed = sum(timed(loop.train_once)[0] for _ in range(passes))
    accuracy = f"{loop.accuracy(bench.test):.2%} (1 seed)"
    bench.say(f"  the notebook's {network.upper()}: {accuracy} in {elapsed:.1f} s")
    return f"{network.upper()}, the notebook's training", str(passes), accuracy, seconds(elapsed)


class PictureDataset(Dataset[tuple[Tensor, int]]):
    """Digits as torchvision's `MNIST` with `ToTensor()` returns them: each digit becomes a PIL image."""

    def __init__(self, digits: DigitSet) -> None:
        self.data = torch.from_numpy(np.array(digits.images))
        self.targets = torch.from_numpy(digits.labels.astype(np.int64))
        self.transform = ToTensor()

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """The picture, float32 (1, 28, 28) in [0, 1], and its label."""
        image = Image.fromarray(self.data[index].numpy())
        return self.transform(image), int(self.targets[index])


def notebook_network(name: str) -> nn.Module:
    """The networks as the notebook wrote them: first ReLU, then pooling."""
    if name == "mlp":
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 1024), nn.ReLU(), nn.Linear(1024, 10))
    return nn.Sequential(
        nn.Conv2d(1, 32, 5), nn.ReLU(), nn.MaxPool2d(2),  # (N, 32, 12, 12)
        nn.Conv2d(32, 64, 5), nn.ReLU(), nn.MaxPool2d(2),  # (N, 64, 4, 4)
        nn.Flatten(), nn.Linear(1024, 10),  # (N, 10)
    )  # fmt: skip


class NotebookLoop:
    """The notebook's training, one pass per call."""

    def __init__(self, name: str, digits: DigitSet, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.model = notebook_network(name)
        self.loader: DataLoader[Any] = DataLoader(PictureDataset(digits), batch_size=NOTEBOOK_BATCH, shuffle=True)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=NOTEBOOK_RATES[name])
        self.criterion = nn.CrossEntropyLoss()

    def train_once(self) -> None:
        """Train on every image once."""
        self.model.train()
        for images, labels in self.loader:
            loss = self.criterion(self.model(images), labels)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()

    def accuracy(self, digits: DigitSet) -> float:
        """Correct ÷ total."""
        self.model.eval()
        pixels = torch.from_numpy(np.array(digits.images))[:, None].float() / 255
        with torch.inference_mode():
            predicted = torch.cat([self.model(batch).argmax(dim=1) for batch in torch.split(pixels, 250)])
        return float(np.mean(predicted.numpy() == digits.labels))
