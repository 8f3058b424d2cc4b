"""The assets of principal component analysis, called as functions on stored values."""

import numpy as np
import pytest
from support.calls import call

from mnist_pipeline.methods import pca
from mnist_pipeline.runtime.storage.storage import read

pytestmark = pytest.mark.usefixtures("finished")


@pytest.mark.parametrize("num_components", [2, 50, 784])
def test_projections_have_the_configured_number_of_coordinates_and_their_share_of_the_variance(
    num_components: int,
) -> None:
    values, vectors = read("eigendecomposition")
    result = call("projections", config={"num_components": num_components})
    expected = pca.project(
        read("train_digits").images, read("data_mean"), vectors[:, :num_components]
    )
    np.testing.assert_allclose(result.value, expected, atol=1e-2)
    assert result.metadata["explained_share"] == pytest.approx(
        values[:num_components].sum() / values.sum(), rel=1e-5
    )
