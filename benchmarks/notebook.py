"""The notebook's literal training loop, to be compared with: a DataLoader of PIL images, float32, plain Adam."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import ToTensor

from mnist_pipeline.data.datasets import DigitSet

EPOCHS = 5
BATCH_SIZE = 64
LEARNING_RATES = {"cnn": 1e-3, "mlp": 5e-4}


class PictureDataset(Dataset[tuple[Tensor, int]]):
    """Digits as torchvision's `MNIST` with `ToTensor()` returns them: through one PIL image per digit."""

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


def network(name: str) -> nn.Module:
    """The networks as the notebook wrote them: rectified, then pooled."""
    if name == "mlp":
        return nn.Sequential(nn.Flatten(), nn.Linear(784, 1024), nn.ReLU(), nn.Linear(1024, 10))
    return nn.Sequential(
        nn.Conv2d(1, 32, 5), nn.ReLU(), nn.MaxPool2d(2),  # (N, 32, 12, 12)
        nn.Conv2d(32, 64, 5), nn.ReLU(), nn.MaxPool2d(2),  # (N, 64, 4, 4)
        nn.Flatten(), nn.Linear(1024, 10),  # (N, 10)
    )  # fmt: skip


class Loop:
    """The notebook's training, an epoch a call."""

    def __init__(self, name: str, digits: DigitSet, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.model = network(name)
        self.loader: DataLoader[Any] = DataLoader(PictureDataset(digits), batch_size=BATCH_SIZE, shuffle=True)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=LEARNING_RATES[name])
        self.criterion = nn.CrossEntropyLoss()

    def epoch(self) -> None:
        """Train on every image once."""
        self.model.train()
        for images, labels in self.loader:
            outputs = self.model(images)
            loss = self.criterion(outputs, labels)
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
