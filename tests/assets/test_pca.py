"""The assets of principal component analysis, called as functions on stored values."""

import numpy as np
import pytest
from support.calls import call

from mnist_pipeline import pca
from mnist_pipeline.runtime.storage.storage import read

pytestmark = pytest.mark.usefixtures("finished")


def test_pixels_that_are_blank_in_every_image_are_counted() -> None:
    assert call("data_mean").metadata["empty_pixels"] == (~read("train_digits").images.any(axis=0)).sum()


def test_centered_data_and_mean_give_the_images_back() -> None:
    images = np.rint(read("centered_data") + read("data_mean"))
    np.testing.assert_array_equal(images, read("train_digits").images.reshape(-1, 784))


@pytest.mark.parametrize("num_components", [2, 50, 784])
def test_projections_have_the_configured_number_of_coordinates_and_their_share_of_the_variance(
    num_components: int,
) -> None:
    values, vectors = read("eigendecomposition")
    result = call("projections", config={"num_components": num_components})
    expected = pca.project(read("train_digits").images, read("data_mean"), vectors[:, :num_components])
    np.testing.assert_allclose(result.value, expected, atol=1e-2)
    assert result.metadata["explained_share"] == pytest.approx(values[:num_components].sum() / values.sum(), rel=1e-5)
    assert result.metadata["config"].data == {"num_components": num_components}


def test_reconstructions_list_each_k_once_and_in_order() -> None:
    result = call("reconstructions", config={"num_components": [20, 3, 20]})
    assert result.value.num_components.tolist() == [3, 20]
    rows = [record.data for record in result.metadata["table"].records]
    assert [row["k"] for row in rows] == [3, 20]
    for column in ("test_rmse", "explained_share"):
        np.testing.assert_allclose([row[column] for row in rows], getattr(result.value, column), rtol=1e-5)
    assert result.metadata["config"].data == {"num_components": [20, 3, 20]}
