"""The assets of principal component analysis, called as functions."""

import numpy as np
import pytest
from support.calls import call

from assets import pca
from mnist_pipeline import read
from mnist_pipeline.data.values import ImageKind

NUM_PIXELS = 784


def test_the_error_of_reconstructions_is_that_of_test_images_centred_by_the_training_mean(
    small_train, small_test
):
    test = small_test.images[:20].reshape(20, NUM_PIXELS)
    mean = small_train.images.reshape(-1, NUM_PIXELS).mean(axis=0)
    order = np.random.default_rng(0).permutation(NUM_PIXELS)
    vectors = np.eye(NUM_PIXELS)[:, order]  # each component is a pixel
    found = pca.reconstructions(
        small_train.images[:2],
        small_test.images[:20],
        mean,
        pca.Eigendecomposition(np.ones(NUM_PIXELS), vectors),
        ImageKind(),
        pca.ReconstructionsConfig(num_components=[50, 3, 50]),
    ).value
    expected = []
    for k in (3, 50):
        errors = test - mean
        errors[:, order[:k]] = 0
        expected.append(np.sqrt(np.square(errors).mean()))
    assert found.num_components.tolist() == [3, 50]
    assert found.test_rmse == pytest.approx(expected)


@pytest.mark.parametrize("k", [2, NUM_PIXELS])
def test_the_share_of_the_variance_is_that_of_the_components_of_the_projections(k, finished):
    eigenvalues = read("eigendecomposition").eigenvalues
    share = call("projections", config={"num_components": k}).metadata["explained_share"]
    assert share == pytest.approx(eigenvalues[:k].sum() / eigenvalues.sum(), abs=1e-5)
