"""The networks of the pipeline: mean test accuracy over 5 seeds, and the notebook's training with
one seed.

A twelfth of the 60,000 images is held out. A network that this processor trains in bfloat16 is also
trained in float32, as other processors do. The notebook's training is its own loop on all images, a
single pass of its 5: a DataLoader of PIL images, float32, plain Adam. The recipes were chosen on
training images that were held out. The test images only report.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import ToTensor

from benchmarks import layers
from benchmarks.bench import Bench
from benchmarks.table import Table, mean_with_range, seconds, with_range
from benchmarks.timing import timed
from mnist_pipeline.data.datasets import DigitSet
from mnist_pipeline.methods.networks import devices, modules, training

NUM_SEEDS = 5
HEADER = ("", "passes", "mean test accuracy", "training, median", "compiled layers are faster by")
NETWORKS: dict[str, Callable[[], nn.Module]] = {"cnn": modules.CNN, "mlp": modules.MLP}
NOTEBOOK_BATCH = 64
NOTEBOOK_RATES = {"cnn": 1e-3, "mlp": 5e-4}


def measure(bench: Bench) -> Table:
    """A row per network and precision, and a row per network of the notebook."""
    table = Table("Networks", HEADER)
    for network, construct in NETWORKS.items():
        chosen = devices.choose_precision(construct(), devices.default_device(), "auto")
        table.rows += [
            _trained_row(bench, network, precision)
            for precision in dict.fromkeys((chosen, "float32"))
        ]
        table.rows.append(_notebook_row(bench, network))
    table.rows += layers.rows(bench)
    return table


def _trained_row(
    bench: Bench, network: str, precision: Literal["float32", "bfloat16"]
) -> tuple[str, ...]:
    """The trainings with the default recipe, in a precision."""
    recipe = replace(training.RECIPES[network]["default"], precision=precision)
    _, held_out = bench.train.divided()
    walls = []
    accuracies = []
    for seed in range(NUM_SEEDS):
        model = training.build(NETWORKS[network], seed=seed)
        train = partial(training.train, model, *bench.train, recipe, drawn=True)
        wall, history = timed(partial(train, seed=seed, held_out=held_out))
        predicted = training.predict_probabilities(model, bench.test.images).argmax(axis=1)
        accuracy = float(np.mean(predicted == bench.test.labels))
        bench.say(f"  {network.upper()}, seed {seed}: {accuracy:.2%} in {wall:.1f} s")
        walls.append(wall)
        accuracies.append(accuracy)
    title = f"{network.upper()}, recipe `DEFAULT`, {history.precision}"
    passes = f"{recipe.whole_passes:.1f}"
    return title, passes, mean_with_range(accuracies), with_range(walls, seconds), ""


def _notebook_row(bench: Bench, network: str) -> tuple[str, ...]:
    loop = NotebookLoop(network, bench.train)
    elapsed = timed(loop.train_once)[0]
    accuracy = f"{loop.accuracy(bench.test):.2%}"
    bench.say(f"  the notebook's {network.upper()}: {accuracy} in {elapsed:.1f} s")
    return f"{network.upper()}, the notebook's loop", "1 of 5", accuracy, seconds(elapsed), ""


class PictureDataset(Dataset[tuple[Tensor, int]]):
    """Digits as torchvision's `MNIST` with `ToTensor()` returns them, by way of PIL images."""

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
        nn.Conv2d(1, 32, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 32, 12, 12)
        nn.Conv2d(32, 64, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 64, 4, 4)
        nn.Flatten(),
        nn.Linear(1024, 10),  # (N, 10)
    )


class NotebookLoop:
    """The notebook's training, one pass per call."""

    def __init__(self, name: str, digits: DigitSet, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.model = notebook_network(name)
        self.loader: DataLoader[Any] = DataLoader(
            PictureDataset(digits), batch_size=NOTEBOOK_BATCH, shuffle=True
        )
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
            scores = torch.cat([self.model(batch) for batch in torch.split(pixels, 250)])
        predicted = scores.argmax(dim=1)
        return float(np.mean(predicted.numpy() == digits.labels))
