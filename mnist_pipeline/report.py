"""The evaluation report: its figures as one JSON document, and one self-contained HTML page of them."""

from __future__ import annotations

import base64
import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from mnist_pipeline import pca
from mnist_pipeline.evaluation import Comparison, Evaluation

SHARES = (0.8, 0.9, 0.95)
MODEL_TITLES = {
    "knn": "k-nearest neighbours",
    "softmax": "Softmax regression",
    "mlp": "Multi-layer perceptron",
    "cnn": "Convolutional network",
}


class Report(NamedTuple):
    """The page, and the JSON document of every number on it."""

    html: str
    document: dict[str, Any]


class Picture(NamedTuple):
    """A figure of the page.

    Attributes
    ----------
    asset, name : str
        Where it comes from.
    caption : str
        What to see in it.
    """

    asset: str
    name: str
    caption: str


SECTIONS: Mapping[str, Sequence[Picture]] = {
    "data": (
        Picture("digit_images", "digits", "One digit of each class: what the models have to tell apart."),
        Picture("train_digits", "sample", "The training set in its order: many hands, many slants."),
        Picture("test_digits", "sample", "The test set: images that no model is trained or tuned on."),
    ),
    "pca": (
        Picture("data_mean", "mean", "The mean of all digits: a blur in the middle, nothing at the border."),
        Picture(
            "covariance",
            "covariance",
            "Neighbouring pixels vary together (red, along the diagonal and one image row beside it); ink in "
            "one place means paper in another (blue).",
        ),
        Picture(
            "eigendecomposition",
            "eigenvalues",
            "The eigenvalues fall over several orders of magnitude: the curve on the right bends early.",
        ),
        Picture(
            "eigendecomposition",
            "eigenvectors",
            "The directions of largest variance: broad strokes first, finer detail later.",
        ),
        Picture(
            "projections",
            "scatter",
            "Two components separate a few classes; most overlap in the plane.",
        ),
        Picture(
            "reconstructions",
            "reconstructions",
            "A few components give a blur, each further row more detail, the last nearly the original.",
        ),
    ),
    "harris": (Picture("harris_corners", "corners", "Corners sit at the ends and bends of strokes, not along them."),),
    "knn": (
        Picture("knn_predictions", "errors", "Digits that are read wrongly, above the neighbours that misled."),
        Picture("knn_evaluation", "confusion", "The darkest cells are the pairs that are confused most."),
    ),
    "softmax": (
        Picture(
            "softmax_model",
            "templates",
            "Each class has one template; the score is its overlap with the image.",
        ),
        Picture("softmax_model", "learning", "The loss falls at every epoch, ever more slowly."),
        Picture(
            "softmax_evaluation",
            "confusion",
            "One template a class is too few: classes with similar outlines are confused.",
        ),
    ),
    "mlp": (
        Picture("mlp_model", "learning", "Training and held-out accuracy by epoch."),
        Picture("mlp_evaluation", "confusion", "The darkest cells are the pairs that are confused most."),
    ),
    "cnn": (
        Picture("cnn_model", "learning", "Training and held-out accuracy by epoch."),
        Picture("cnn_kernels", "kernels", "Most kernels answer to an edge or a stroke in one direction."),
        Picture("cnn_evaluation", "confusion", "What little is left to confuse."),
        Picture("cnn_errors", "errors", "The digits that the network reads wrongly; many leave a person in doubt."),
    ),
    "comparison": (
        Picture("model_comparison", "accuracies", "Intervals that lie apart are differences that will last."),
    ),
}


class Facts(NamedTuple):
    """What the report is made from, besides figures.

    Attributes
    ----------
    num_train, num_test : int
    class_counts : mapping from split to list of int
    eigenvalues : ndarray of shape (784,)
    reconstruction : mapping of columns
        `k`, `explained_share`, `test_rmse`.
    num_neighbors : int
    accuracy_by_k : mapping of columns
        `k`, and the accuracy under each tie rule.
    harris : mapping of str to number
    evaluations : mapping from model to Evaluation
    comparison : Comparison
    cnn_errors : list of dict
    seconds : mapping from model to float or None
        Training and prediction.
    assets : mapping from asset to its provenance
    versions : mapping from library to version
    """

    num_train: int
    num_test: int
    class_counts: Mapping[str, Sequence[int]]
    eigenvalues: np.ndarray
    reconstruction: Mapping[str, Sequence[float]]
    num_neighbors: int
    accuracy_by_k: Mapping[str, Sequence[float]]
    harris: Mapping[str, float]
    evaluations: Mapping[str, Evaluation]
    comparison: Comparison
    cnn_errors: Sequence[Mapping[str, float]]
    seconds: Mapping[str, float | None]
    assets: Mapping[str, Mapping[str, Any]]
    versions: Mapping[str, str]


def document(facts: Facts) -> dict[str, Any]:
    """Every number of the report as plain JSON values."""
    ks = [str(k) for k in facts.reconstruction["k"]]
    return {
        "data": {"train": facts.num_train, "test": facts.num_test, "class_counts": dict(facts.class_counts)},
        "pca": {
            "eigenvalues": facts.eigenvalues.tolist(),
            "explained_share": dict(zip(ks, facts.reconstruction["explained_share"])),
            "test_rmse": dict(zip(ks, facts.reconstruction["test_rmse"])),
            "components_for_share": {
                f"{share:g}": pca.components_for_share(facts.eigenvalues, share) for share in SHARES
            },
        },
        "harris": dict(facts.harris),
        "knn": {
            "num_neighbors": facts.num_neighbors,
            "accuracy_by_k": {name: list(values) for name, values in facts.accuracy_by_k.items()},
        },
        "models": {
            model: {**dataclasses.asdict(evaluation), "seconds": facts.seconds[model]}
            for model, evaluation in facts.evaluations.items()
        },
        "comparison": dataclasses.asdict(facts.comparison),
        "cnn_errors": list(facts.cnn_errors),
        "assets": dict(facts.assets),
        "versions": dict(facts.versions),
    }


def num_outside_references(page: str) -> int:
    """How many references of a page point outside of it: not into it, and not to data it carries."""
    attribute = r"\b(?:src|srcset|href)\s*=\s*[\"']?(?![\"'#]|data:)"
    return len(re.findall(rf"{attribute}|\burl\(\s*[\"']?(?!data:)|@import|https?://", page))


def render(document: Mapping[str, Any], pictures: Mapping[Picture, bytes]) -> str:
    """The HTML page, with everything it shows inside it.

    Parameters
    ----------
    document : mapping
        From `document`.
    pictures : mapping from Picture to bytes
        PNG files; a picture that is absent is left out.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mnist_pipeline", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    shown = {
        section: [
            {
                "caption": picture.caption,
                "asset": picture.asset,
                "source": "data:image/png;base64," + base64.b64encode(pictures[picture]).decode(),
            }
            for picture in wanted
            if picture in pictures
        ]
        for section, wanted in SECTIONS.items()
    }
    return environment.get_template("report.html.j2").render(
        **document, pictures=shown, titles=MODEL_TITLES, best=next(iter(document["comparison"]["models"]))
    )
