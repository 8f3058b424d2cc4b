"""The configuration of each asset refuses values outside its bounds and names the field."""

from __future__ import annotations

import dagster as dg
import pydantic
import pytest

from assets.harris import HarrisConfig
from assets.knn import KNNConfig
from assets.networks import NetworkConfig
from assets.pca import ProjectionsConfig, ReconstructionsConfig
from assets.robustness import RobustnessConfig
from assets.serving import ChampionConfig
from assets.softmax import SoftmaxConfig
from mnist_pipeline.runtime.graph.resources import Seed

OUTSIDE: dict[type[dg.Config] | type[Seed], dict[str, list[object]]] = {
    Seed: {"value": [-1, 2**32]},
    ProjectionsConfig: {"num_components": [1, 785, "many"]},
    ReconstructionsConfig: {"num_components": [[], [10, -1], [10, 0], [10, 785]]},
    HarrisConfig: {"kappa": [0, 0.25, "small"], "relative_threshold": [-0.1, 1]},
    KNNConfig: {"num_neighbors": [0, 1_001, "three"], "tie_break": ["random"]},
    SoftmaxConfig: {"learning_rate": [0, 11], "epochs": [0, 10_001, 1.5]},
    NetworkConfig: {
        "recipe": ["secret"],
        "epochs": [0, 1_001],
        "batch_size": [0],
        "learning_rate": [0, 11],
    },
    RobustnessConfig: {"num_images": [0, 10_001]},
    ChampionConfig: {"margin": [-0.1, 1.1]},
}
CASES = [
    pytest.param(config, field, value, id=f"{config.__name__}-{field}-{value}")
    for config, fields in OUTSIDE.items()
    for field, values in fields.items()
    for value in values
]


@pytest.mark.parametrize(("config", "field", "outside"), CASES)
def test_a_value_outside_the_bounds_is_refused(config: type[dg.Config], field: str, outside: object) -> None:
    with pytest.raises(pydantic.ValidationError, match=field):
        config(**{field: outside})


def test_every_field_has_a_description() -> None:
    for config in OUTSIDE:
        for name, field in config.model_fields.items():
            assert field.description, (config, name)
