"""The table of models."""

from collections.abc import Mapping
from typing import Any

MODELS = {
    "knn": ("knn_index", "knn_predictions"),
    "softmax": ("softmax_model", "softmax_predictions"),
    "mlp": ("mlp_model", "mlp_predictions"),
    "cnn": ("cnn_model", "cnn_predictions"),
}


def model_seconds(origins: Mapping[str, Mapping[str, Any]], model: str) -> float | None:
    """Seconds that training and prediction of a model took, None where a step left none."""
    parts = [origins[asset]["seconds"] for asset in MODELS[model]]
    return None if None in parts else round(sum(parts), 3)
