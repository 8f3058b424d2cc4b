"""Small changes of images that make the convolutional network take them for another class.

The page makes the same changes in `report/topics/robustness/attack.js`.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray

from mnist_pipeline.methods.networks import modules
from mnist_pipeline.methods.networks.fitted import FittedNetwork

SURE = 0.9  # the probability of the other class at which an attack ends
STEPS = 40
LONGEST, SHORTEST = 1 / 4, 1 / 40  # a step, as a share of the largest change


def attack(
    fitted: FittedNetwork, images: NDArray[np.uint8], targets: NDArray[np.int64], reach: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Change images (n, 28, 28), or in colour, by at most `reach` grey levels, in whole levels,
    until the fitted CNN takes each for its class in `targets`, (n,), with the certainty `SURE`.

    Returns the changed images, and whether the CNN is that sure, (n,). Each step moves all levels
    along the sign of the gradient of log p, where p is the probability of the target.

    References
    ----------
    A. Madry, A. Makelov, L. Schmidt, D. Tsipras, A. Vladu, "Towards deep learning models resistant
    to adversarial attacks", ICLR 2018.
    """
    network = modules.of_weights("cnn", fitted.weights)
    original = torch.from_numpy(images.astype(np.float32))
    levels = original
    is_sure = torch.zeros(len(images), dtype=torch.bool)
    rows, classes = torch.arange(len(images)), torch.from_numpy(targets.astype(np.int64))
    for step in range(STEPS + 1):
        levels = levels.detach().requires_grad_()
        logarithms = (network(levels / 255) / fitted.temperature).log_softmax(dim=1)
        reached = logarithms[rows, classes]
        is_sure |= reached.detach().exp() >= SURE
        (gradient,) = torch.autograd.grad(reached.sum(), levels)
        length = math.ceil(reach * max(SHORTEST, LONGEST * (1 - step / STEPS)))
        moved = levels + length * gradient.sign()
        moved = moved.clamp(original - reach, original + reach).clamp(0, 255)
        levels = torch.where(is_sure.reshape(-1, *[1] * (images.ndim - 1)), levels, moved)
    return levels.detach().numpy().astype(np.uint8), is_sure.numpy()
