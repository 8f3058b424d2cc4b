"""Principal components: eigenvalues, the plane of the first two, and reconstructions."""

import numpy as np

from mnist_pipeline.data.color import grey
from mnist_pipeline.methods import pca
from mnist_pipeline.report import figures
from mnist_pipeline.report import pictures as drawn
from mnist_pipeline.report.content import (
    Code,
    Document,
    Named,
    Packed,
    PackedArrays,
    PageImages,
    Part,
    Values,
    rounded,
)

READS = (
    *("data_set", "train_digits", "digit_images", "data_mean", "covariance"),
    *("eigendecomposition", "projections", "reconstructions"),
)
STORY = Part(50, "components", "Rebuild", "pca/story.html.j2")
APPENDIX = (Part(20, "pca", "Principal components", "pca/appendix.html.j2"),)
SHARES = (0.8, 0.9, 0.95)
PIXELS = range(4, 28, 5)  # rows and columns of the pixels whose covariances are shown
NUM_COMPONENTS = 256
NUM_CHOICES = 8  # components whose amount a reader changes
# With this step, an image rebuilt from all of these components is right to 0.1% of the range.
COMPONENT_STEP = 2.0**-15


def numbers(values: Values) -> Named:
    """Eigenvalues, shares of the variance, errors, and the points of the plane.

    `explained_share` and `test_rmse` are by number of components; the error is in grey levels.
    `components_for_share` has the number that a share of the variance needs, and `at_component`
    what comes next. `share_of_component` has the leading components, `share_of_two` the first two
    together.
    """
    eigenvalues = values["eigendecomposition"].eigenvalues
    reconstructions = values["reconstructions"]
    total = eigenvalues.sum()
    next_shares = np.append(eigenvalues / total, 0.0)
    ks = list(map(str, reconstructions.num_components))
    components = {f"{share:g}": pca.components_for_share(eigenvalues, share) for share in SHARES}
    labels = values["train_digits"].labels
    scattered = figures.scattered(labels)
    x, y = values["projections"][scattered, :2].T
    # With the most components.
    differences = reconstructions.images[-1] - grey(values["digit_images"])
    errors = np.sqrt(np.mean(differences**2, axis=(1, 2)))  # (n_digits,)
    return {
        "pca": {
            "eigenvalues": eigenvalues.tolist(),
            "total_variance": float(total),
            "explained_share": dict(zip(ks, reconstructions.explained_share.tolist())),
            "test_rmse": dict(zip(ks, reconstructions.test_rmse.tolist())),
            "worst_digit": {"class": int(errors.argmax()), "rmse": float(errors.max())},
            "largest_covariance": float(np.abs(values["covariance"]).max()),
            "share_of_component": (eigenvalues[: figures.NUM_EIGENVECTORS] / total).tolist(),
            "share_of_two": float(pca.explained_variance_ratio(eigenvalues, cumulative=True)[1]),
            "components_for_share": components,
            "at_component": {
                share: {
                    "share_of_next": float(next_shares[count]),
                    "times_smaller_than_first": float(eigenvalues[0] / eigenvalues[count - 1]),
                    "left": len(eigenvalues) - count,
                }
                for share, count in components.items()
            },
            "scatter": {
                "index": scattered.tolist(),
                "label": labels[scattered].tolist(),
                "x": x.tolist(),
                "y": y.tolist(),
                "mixed": _mixed(np.column_stack([x, y]), labels[scattered]),
            },
        }
    }


def _mixed(points: np.ndarray, labels: np.ndarray) -> float:
    """The share of points (n, 2) whose nearest other point has another label."""
    squared = np.square(points[:, np.newaxis] - points).sum(axis=2)
    np.fill_diagonal(squared, np.inf)
    return float(np.mean(labels[squared.argmin(axis=1)] != labels))


def charts(document: Document, values: Values) -> Named:
    """Eigenvalues, shares of the variance, and the plane of the first two components."""
    eigenvalues = values["eigendecomposition"].eigenvalues
    panels = figures.eigenvalue_panels(
        eigenvalues, pca.explained_variance_ratio(eigenvalues, cumulative=True)
    )
    scatter = figures.class_scatter(
        values["projections"][:, :2],
        values["train_digits"].labels,
        values["data_set"].class_names,
    )
    return {
        **{name: figures.side_by_side(panel) for name, panel in panels.items()},
        "scatter": scatter,
    }


def pictures(document: Document, values: Values) -> Named:
    """The mean, the covariance, the eigenvectors, and the images from k components."""
    mean, covariance = values["data_mean"], values["covariance"]
    originals = grey(values["digit_images"])
    shown = values["data_set"].shown
    side, half = originals.shape[-1], len(covariance) // 2
    halved = covariance.reshape(half, 2, half, 2).mean(axis=(1, 3))
    covariances = covariance.reshape(side, side, side, side)
    eigenvectors = values["eigendecomposition"].eigenvectors.T[: figures.NUM_EIGENVECTORS]
    return {
        "mean": drawn.picture(shown(255 * mean.reshape(side, side) / (mean.max() or 1))),
        "covariance": drawn.diverging(
            figures.signed_root(halved), document["pca"]["largest_covariance"] ** 0.5
        ),
        "covariances": [
            (row, column, drawn.diverging(covariances[row, column]))
            for row in PIXELS
            for column in PIXELS
        ],
        "eigenvectors": [drawn.diverging(vector.reshape(side, side)) for vector in eigenvectors],
        "originals": drawn.strip(shown(originals[: figures.MAX_COLUMNS])),
        "reconstructions": [
            drawn.strip(shown(row[: figures.MAX_COLUMNS]))
            for row in values["reconstructions"].images
        ],
    }


def code() -> Code:
    """The steps."""
    return {
        "center": (pca.mean, pca.center),
        "covariance": (pca.covariance,),
        "eigendecomposition": (pca.eigendecomposition,),
        "project": (pca.project,),
        "reconstruct": (pca.reconstruct,),
    }


def arrays(values: Values, images: PageImages) -> PackedArrays:
    """The mean, and the leading components as rows."""
    components = values["eigendecomposition"].eigenvectors.T[:NUM_COMPONENTS]
    return {
        "pca.mean": Packed(values["data_mean"].ravel().astype(np.float32)),
        "pca.components": rounded(components, COMPONENT_STEP),
    }


def facts(values: Values) -> Named:
    """The share of the variance in the first k components, the standard deviations along the
    first ones, and the range of each axis of the plane.
    """
    eigenvalues = values["eigendecomposition"].eigenvalues
    shares = pca.explained_variance_ratio(eigenvalues, cumulative=True)
    points = values["projections"][figures.scattered(values["train_digits"].labels), :2]
    return {
        "shares": [0, *shares.round(5).tolist()],
        "deviations": np.sqrt(eigenvalues[:NUM_CHOICES]).round(1).tolist(),
        "plane": np.stack([points.min(axis=0), points.max(axis=0)], axis=1).tolist(),
    }
