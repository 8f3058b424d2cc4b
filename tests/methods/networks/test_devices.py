"""Training and prediction on another device than the CPU give its results, with a stand-in for a
GPU, and torch has its threads again afterwards.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from support.stand_in import DEVICE, StandIn

from mnist_pipeline.methods.networks import devices, prediction, training
from mnist_pipeline.methods.networks.modules import CNN, MLP

BUILDERS = {"cnn": CNN, "mlp": MLP}
# Relative, of the losses. On the CPU, compiled layers of the CNN add in another order than torch's,
# and every update carries the difference on.
TOLERANCES = {"cnn": 1e-3, "mlp": 0.0}


@pytest.fixture
def device(monkeypatch) -> Iterator[torch.device]:
    """The stand-in, where a GPU would be."""
    for module in (training, prediction):
        monkeypatch.setattr(module, "default_device", lambda: DEVICE)
    monkeypatch.setattr(torch, "inference_mode", torch.no_grad)  # its tensors can't be wrapped
    torch.__future__.set_swap_module_params_on_conversion(
        True
    )  # lets a module move to another class of tensors
    with StandIn():
        yield DEVICE
    torch.__future__.set_swap_module_params_on_conversion(False)


def _train(name, digits):
    recipe = replace(training.RECIPES[name]["default"], epochs=1, precision="float32")
    model = training.build(BUILDERS[name])
    return model, training.train(
        model, digits.images[:600], digits.labels[:600], recipe, held_out=np.arange(100)
    )


@pytest.mark.parametrize("name", BUILDERS)
def test_a_network_trained_on_another_device_is_that_of_the_cpu(name, small_train, request):
    on_cpu, expected = _train(name, small_train)
    device = request.getfixturevalue("device")
    model, history = _train(name, small_train)
    assert (history.device, expected.device) == (device.type, "cpu")
    for measured, reference in zip(history.epochs, expected.epochs, strict=True):
        assert measured.losses == pytest.approx(reference.losses, rel=TOLERANCES[name])
        assert measured.validation_accuracy == pytest.approx(
            reference.validation_accuracy, abs=0.01
        )
    assert {parameter.device.type for parameter in model.parameters()} == {"cpu"}
    probabilities = [
        training.predict_probabilities(each, small_train.images[600:700])
        for each in (model, on_cpu)
    ]
    np.testing.assert_allclose(*probabilities, atol=1e-3)


@pytest.mark.parametrize("fails", [False, True])
def test_torch_has_its_threads_again_after_the_compiled_network_has_run(fails):
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with (
            contextlib.suppress(ArithmeticError),
            devices.placed(training.build(CNN), torch.device("cpu"), "float32"),
        ):
            assert torch.get_num_threads() == 1
            if fails:
                raise ArithmeticError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
