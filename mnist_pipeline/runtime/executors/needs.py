"""What the heavy steps ask of a machine: hints by which executors place them, in one table.

What is not in it needs a core and next to no memory. A network trains on a GPU where there is one, with other last bits
than on a processor: a hint is followed only on clusters that have one.
"""

from __future__ import annotations

from mnist_pipeline.runtime.executors.workers import Needs

# A full run in one process stays below (docs/reliability.md), so each of its steps does.
MEMORY = 1_200_000_000

_computes = Needs(cores=None, memory=MEMORY)
_trains = Needs(cores=None, memory=MEMORY, gpu=True)
NEEDS = {
    "centered_data": Needs(cores=1, memory=MEMORY),
    "covariance": _computes,
    "eigendecomposition": _computes,
    "projections": _computes,
    "knn_index": _computes,
    "knn_predictions": _computes,
    "softmax_model": _computes,
    "mlp_model": _trains,
    "cnn_model": _trains,
    "mlp_predictions": _trains,
    "cnn_predictions": _trains,
    "robustness": _computes,
    "expanded_eigendecomposition": _computes,
    "expanded_cnn": _trains,
}


def of_step(step: str) -> Needs:
    """The needs of a step, which has the name of its asset, behind prefixes if it has some."""
    return NEEDS.get(step.rpartition("__")[2], Needs())
