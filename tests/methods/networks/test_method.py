"""The networks in NumPy compute the logits of torch."""

import numpy as np
import pytest
import torch

from mnist_pipeline.methods.networks import training
from mnist_pipeline.methods.networks.modules import construct
from mnist_pipeline.methods.table import MODELS


@pytest.mark.parametrize("shape", [(28, 28), (28, 28, 3)], ids=["grey", "colour"])
@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_numpy_gives_the_logits_that_torch_gives(kind: str, shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (20, *shape), np.uint8)
    model = training.build(construct, kind, 10, shape, seed=1)
    with torch.inference_mode():
        expected = model(torch.from_numpy(images.astype(np.float32) / 255)).numpy()
    logits = MODELS[kind].method().logits
    np.testing.assert_allclose(logits(training.weights(model), images), expected, atol=1e-5)
