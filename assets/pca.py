"""Principal component analysis of the training images in grey levels, each step an asset."""

from typing import Annotated

import dagster as dg
import numpy as np
import pandas as pd
from pydantic import Field

from mnist_pipeline.data.color import grey
from mnist_pipeline.data.conversion import IMAGE_SIDE
from mnist_pipeline.data.values import DigitSet, ImageKind, Reconstructions
from mnist_pipeline.methods import pca
from mnist_pipeline.methods.pca import Eigendecomposition
from mnist_pipeline.report import figures
from mnist_pipeline.runtime.graph.configs import Config
from mnist_pipeline.runtime.graph.results import STORAGE, result, stopwatch

GROUP = "pca"


class ProjectionsConfig(Config):
    """How many coordinates of the training images are stored."""

    num_components: int = Field(
        100, ge=2, le=784, description="Number of leading components to project on."
    )


class ReconstructionsConfig(Config):
    """From how many components the images are reconstructed."""

    num_components: list[Annotated[int, Field(ge=1, le=784)]] = Field(
        [2, 3, 5, 10, 20, 50, 100],
        min_length=1,
        description="Numbers of components k, each from 1 to 784.",
    )


@dg.asset(io_manager_key=STORAGE, group_name=GROUP, kinds={"numpy"})
def data_mean(train_digits: DigitSet, image_kind: ImageKind):
    """Mean of each pixel over the training images, m = Σ xᵢ / N, float64 (784,)."""
    with stopwatch():
        mean = pca.mean(train_digits.grey)
    image = mean.reshape(1, IMAGE_SIDE, IMAGE_SIDE)
    return result(
        mean,
        f"grey level {mean.mean():.2f} on average",
        figures={
            "mean": figures.image_grid(
                image_kind.shown(image), 1, title="Mean of the training images"
            )
        },
    )


@dg.asset(io_manager_key=STORAGE, group_name=GROUP, kinds={"numpy"})
def centered_data(train_digits: DigitSet, data_mean: np.ndarray):
    """Training images minus the mean, xᵢ − m, float32 (N, 784)."""
    with stopwatch():
        centered = pca.center(train_digits.grey, data_mean)
    return result(centered, f"{len(centered):,} images of {centered.shape[1]} pixels")


@dg.asset(io_manager_key=STORAGE, group_name=GROUP, kinds={"numpy"})
def covariance(centered_data: np.ndarray):
    """Sample covariance of the pixels, C = Xᵀ X / (N − 1), float64 (784, 784)."""
    with stopwatch():
        matrix = pca.covariance(centered_data)
    return result(
        matrix,
        f"total variance {np.trace(matrix):,.0f} of {len(matrix)} pixels",
        figures={"covariance": figures.covariance(matrix)},
    )


@dg.asset(io_manager_key=STORAGE, group_name=GROUP, kinds={"numpy"})
def eigendecomposition(covariance: np.ndarray):
    """Eigenvalues λ, descending, and eigenvectors V, as columns, of the covariance:

    C = V diag(λ) Vᵀ.
    """
    with stopwatch():
        decomposition = pca.eigendecomposition(covariance)
    values, vectors = decomposition
    panels = figures.eigenvalue_panels(
        values, pca.explained_variance_ratio(values, cumulative=True)
    )
    return result(
        decomposition,
        f"90% of the variance: {pca.components_for_share(values, 0.9)} of {len(values)} components",
        figures={
            "eigenvalues": figures.side_by_side(*panels.values()),
            "eigenvectors": figures.eigenvectors(values, vectors, IMAGE_SIDE),
        },
    )


@dg.asset(io_manager_key=STORAGE, group_name=GROUP, kinds={"numpy"})
def projections(
    centered_data: np.ndarray,
    eigendecomposition: Eigendecomposition,
    train_digits: DigitSet,
    config: ProjectionsConfig,
):
    """Coordinates of the training images on k components, P = (X − m) V_k, float32 (N, k)."""
    values, vectors = eigendecomposition
    with stopwatch():
        coordinates = pca.project(centered_data, None, vectors[:, : config.num_components])
    share = pca.explained_variance_ratio(values, cumulative=True)[config.num_components - 1]
    return result(
        coordinates,
        f"{share:.1%} of the variance on {config.num_components} components",
        numbers={"explained_share": float(share)},
        figures={
            "scatter": figures.class_scatter(
                coordinates[:, :2], train_digits.labels, train_digits.class_numbers
            )
        },
        config=config,
    )


@dg.asset(io_manager_key=STORAGE, group_name=GROUP, kinds={"numpy"})
def reconstructions(
    digit_images: np.ndarray,
    test_images: np.ndarray,
    data_mean: np.ndarray,
    eigendecomposition: Eigendecomposition,
    image_kind: ImageKind,
    config: ReconstructionsConfig,
):
    """The digit images from k components, x̂ = m + V_k V_kᵀ (x − m).

    Also the RMS error on the test images.
    """
    values, vectors = eigendecomposition
    ks = sorted(set(config.num_components))
    originals = grey(digit_images)
    with stopwatch():
        rows = [
            pca.reconstruct(pca.project(originals, data_mean, leading), data_mean, leading)
            for leading in (vectors[:, :k] for k in ks)
        ]
        images = np.reshape(rows, (len(ks), *originals.shape))
        shares = pca.explained_variance_ratio(values, cumulative=True)[np.array(ks) - 1]
        errors = pca.reconstruction_rmse(grey(test_images), data_mean, vectors, ks)
    shown = image_kind.shown
    value = Reconstructions(np.array(ks), images.astype(np.float32), shares, errors)
    return result(
        value,
        f"error {errors[-1]:.1f} grey levels with {ks[-1]} components",
        tables={"table": pd.DataFrame({"k": ks, "explained_share": shares, "test_rmse": errors})},
        figures={"reconstructions": figures.reconstructions(shown(originals), shown(images), ks)},
        config=config,
    )
