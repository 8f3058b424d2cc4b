"""Random distortion of pictures, for training: another angle, another distance, another place."""

import torch
from torch import Tensor
from torch.nn import functional as F

# Of the entries of an affine map [A t], in units of half a side: A turns, scales and slants by up
# to an eighth, and t shifts by up to three pixels.
LIMITS = torch.tensor([0.12, 0.12, 0.2])


def distort(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Map each picture by its own affine map, which differs little from the identity.

    The pictures are floating (n, rows, columns) or (n, rows, columns, channels). The levels of the
    border continue beyond it.
    """
    images = pixels.reshape(*pixels.shape[:3], -1).movedim(3, 1)  # (n, channels, rows, columns)
    differences = 2 * torch.rand(len(images), 2, 3, generator=generator) - 1
    maps = torch.eye(2, 3) + LIMITS * differences
    grid = F.affine_grid(maps.to(pixels.device), list(images.shape), align_corners=False)
    moved = F.grid_sample(images, grid, padding_mode="border", align_corners=False)
    return moved.movedim(1, 3).reshape(pixels.shape)
