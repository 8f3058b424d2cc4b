"""The assets of models without a module of their own."""

from dataclasses import replace
from types import SimpleNamespace
from unittest.mock import Mock

from assets.models import model_asset
from mnist_pipeline.data.catalogue import MNIST
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.runtime.graph.configs import config_of
from mnist_pipeline.runtime.graph.resources import Seed


def test_a_model_is_fitted_to_all_images_with_its_settings_the_seed_and_the_kind(
    small_train,
):
    fit = Mock(return_value={})
    model = replace(MODELS["softmax"], method=lambda: SimpleNamespace(fit=fit))
    model_asset(model)(
        small_train, image_kind=MNIST.kind, config=config_of(model)(), mnist_seed=Seed(value=7)
    )
    digits, settings = fit.call_args.args
    assert digits is small_train
    assert settings == {name: setting.default for name, setting in model.settings.items()}
    assert fit.call_args.kwargs["seed"] == 7
    assert fit.call_args.kwargs["kind"] == MNIST.kind
