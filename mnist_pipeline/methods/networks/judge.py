"""The network of the judge: a digit in its surroundings, or something else."""

import torch
from torch import Tensor, nn


class JudgeNetwork(nn.Module):
    """Convolutional network that sees a candidate of the finder and what is around it.

    Bytes from `own` on belong to the candidate; the rest of a byte is ink, from 0 to `own` − 1.

    Examples
    --------
    >>> JudgeNetwork(12, 128)(torch.zeros(3, 48, 48)).shape
    torch.Size([3, 12])
    """

    def __init__(self, num_classes: int, own: int) -> None:
        super().__init__()
        self.own = own
        self.conv1 = nn.Conv2d(2, 16, kernel_size=5, stride=2, padding=2)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=3, padding=1)
        self.conv3 = nn.Conv2d(32, 48, kernel_size=3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.relu = nn.ReLU()
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(0.2)
        self.hidden = nn.Linear(48 * 6 * 6, 64)
        self.output = nn.Linear(64, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (N, num_classes) of surroundings (N, 48, 48), whose bytes were divided by 255."""
        levels = 255 * x  # (N, 48, 48)
        is_own = (levels > self.own - 0.5).float()
        ink = (levels - self.own * is_own) / (self.own - 1)
        x = torch.stack([ink, is_own], dim=1)  # (N, 2, 48, 48)
        x = self.relu(self.conv1(x))  # (N, 16, 24, 24)
        x = self.pool(self.relu(self.conv2(x)))  # (N, 32, 12, 12)
        x = self.pool(self.relu(self.conv3(x)))  # (N, 48, 6, 6)
        x = self.dropout(self.flatten(x))  # (N, 1728)
        x = self.dropout(self.relu(self.hidden(x)))  # (N, 64)
        return self.output(x)  # (N, num_classes)
