"""Adam, without the class that loads torch's compiler."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

EPSILON = 1e-8  # added to the root of the mean square


class Adam:
    """Adam [1]_: the update of `torch.optim.Adam`, whose base class loads torch's compiler, which takes 0.75 s.

    Parameters
    ----------
    parameters : iterable of Parameter
    betas : tuple of float
        Decay rates of the running means of the gradient and of its square.

    References
    ----------
    .. [1] D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], betas: tuple[float, float]) -> None:
        self.betas = betas
        self.state = [
            _State(parameter, torch.zeros_like(parameter), torch.zeros_like(parameter), parameter.new_zeros(()))
            for parameter in parameters
        ]

    def step(self, learning_rate: float) -> None:
        """Update the parameters that have a gradient, and delete their gradients."""
        updated = [state for state in self.state if state.parameter.grad is not None]
        with torch.no_grad():
            adam(
                [state.parameter for state in updated],
                [state.parameter.grad for state in updated if state.parameter.grad is not None],
                [state.mean for state in updated],
                [state.mean_square for state in updated],
                [],
                [state.num_steps for state in updated],
                fused=True,
                amsgrad=False,
                beta1=self.betas[0],
                beta2=self.betas[1],
                lr=learning_rate,
                weight_decay=0.0,
                eps=EPSILON,
                maximize=False,
            )
        for state in updated:
            state.parameter.grad = None


class _State(NamedTuple):
    """A parameter, the running means of its gradient and of the square, and its number of steps."""

    parameter: nn.Parameter
    mean: Tensor
    mean_square: Tensor
    num_steps: Tensor
