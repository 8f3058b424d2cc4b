"""The networks in NumPy compute the logits of torch."""

import numpy as np
import pytest
import torch

from mnist_pipeline.data.records import DigitSet
from mnist_pipeline.methods.networks import method, training
from mnist_pipeline.methods.networks.modules import CNN, MLP


@pytest.mark.parametrize(
    ("build", "logits"),
    [(CNN, method.cnn_logits), (lambda: MLP(784, 64, 10), method.mlp_logits)],
    ids=["cnn", "mlp"],
)
def test_numpy_gives_the_logits_that_torch_gives(build, logits, small_test: DigitSet) -> None:
    model = training.build(build, seed=1)
    with torch.inference_mode():
        expected = model(torch.from_numpy(small_test.images.astype(np.float32) / 255)).numpy()
    np.testing.assert_allclose(
        logits(training.weights(model), small_test.images), expected, atol=1e-5
    )
