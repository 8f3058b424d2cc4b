"""Batch normalization while a network trains, and the plain network that is left."""

import numpy as np
import pytest
import torch

from mnist_pipeline.methods.networks import prediction, training
from mnist_pipeline.methods.networks.modules import construct
from mnist_pipeline.methods.networks.normalized import add_batch_norm, fold_batch_norm
from mnist_pipeline.methods.table import MODELS

LABELS = np.arange(120) % 3
SETTINGS = {"recipe": "default", "epochs": 10, "batch_size": None, "learning_rate": None}


@pytest.fixture(params=[(28, 28), (28, 28, 3)], ids=["grey", "colour"])
def images(request: pytest.FixtureRequest) -> np.ndarray:
    """Images whose levels show the class; in colour, a channel is the same everywhere."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 60, (120, *request.param), np.uint8)
    images[:, 4:20, 4:20] += (60 * LABELS).astype(np.uint8).reshape(-1, *[1] * len(request.param))
    if images.ndim == 4:
        images[..., 2] = 7
    return images


@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_the_folded_network_alone_gives_the_same_logits(kind: str, images: np.ndarray) -> None:
    model = training.build(construct, kind, 3, images.shape[1:])
    pixels = torch.from_numpy(images)
    add_batch_norm(model)
    model.train()
    for _ in range(5):  # the running statistics
        model(prediction.scaled(pixels))
    expected = prediction.logits(model, pixels, "float32")
    fold_batch_norm(model)
    torch.testing.assert_close(
        prediction.logits(model, pixels, "float32"), expected, rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("batch_size", [1, None])
@pytest.mark.parametrize("kind", ["mlp", "cnn"])
def test_the_method_fits_pictures_with_any_size_of_a_batch(
    kind: str, batch_size: int | None, images: np.ndarray
) -> None:
    method, settings = MODELS[kind].method(), {**SETTINGS, "batch_size": batch_size}
    # 65 images are a batch and one more.
    fitted = method.fit(images[:65], LABELS[:65], settings, seed=0, handwritten=False)
    assert all(np.isfinite(array).all() for name, array in fitted.items() if "." in name)
    few, many = (method.answer(fitted, images[:count]).probabilities for count in (20, 120))
    np.testing.assert_allclose(few, many[:20], atol=1e-4)
