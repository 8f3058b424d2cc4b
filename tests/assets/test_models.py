"""The assets of models without a module of their own."""

from dataclasses import replace
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np

from assets.models import model_asset
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.runtime.graph.configs import config_of
from mnist_pipeline.runtime.graph.resources import Seed


def test_a_model_is_fitted_on_the_images_that_are_not_held_out(small_train):
    fit = Mock(return_value={})
    model = replace(MODELS["softmax"], method=lambda: SimpleNamespace(fit=fit))
    model_asset(model)(small_train, config=config_of(model)(), mnist_seed=Seed())
    kept, _ = small_train.divided()
    for found, expected in zip(fit.call_args.args, small_train):
        np.testing.assert_array_equal(found, expected[kept])
