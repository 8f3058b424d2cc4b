"""The HTML page of the report: one file that contains its style, script and images."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from latex2mathml.converter import convert
from markupsafe import Markup

from mnist_pipeline.data import datasets
from mnist_pipeline.evaluation import robustness, versions
from mnist_pipeline.evaluation.robustness import CORRUPTED
from mnist_pipeline.methods import harris, pca, softmax
from mnist_pipeline.methods.knn import classifier
from mnist_pipeline.methods.networks import modules
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.report import arrays, figures, pictures, words
from mnist_pipeline.report.document import Values

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The steps whose source the page shows.
CODE: dict[str, tuple[Callable[..., Any], ...]] = {
    "center": (pca.mean, pca.center),
    "covariance": (pca.covariance,),
    "eigendecomposition": (pca.eigendecomposition,),
    "project": (pca.project,),
    "reconstruct": (pca.reconstruct,),
    "harris": (harris.gradients, harris.structure_tensor, harris.corner_response),
    "knn": (classifier.vote,),
    "softmax": (softmax.softmax, softmax.gradient, softmax.sgd_reference),
    "mlp": (modules.MLP,),
    "cnn": (modules.CNN,),
}
TITLES = {name: model.title for name, model in MODELS.items()}
SHORT_TITLES = {name: model.short_title for name, model in MODELS.items()}
SCRIPTS = (
    "page",
    "arrays",
    "algebra",
    "pca",
    "harris",
    "softmax",
    "knn",
    "networks",
    "conversion",
    "deformations",
    "pictures",
    "novelty",
    "recognizer",
    "models",
    "canvas",
    "answers",
    "reader",
    "draw",
    "neighbors",
    "scores",
    "training",
    "layers",
    "kernels",
    "components",
    "plane",
    "corners",
    "errors",
    "trust",
    "start",
)
# The parts of the story, and their entries in the contents.
STORY = {
    "results": "Results",
    "neighbors": "Neighbours",
    "scores": "Scores",
    "layers": "Networks",
    "components": "Components",
    "corners": "Corners",
    "errors": "Errors",
    "trust": "Trust",
}
NUM_ERRORS_SHOWN = 84  # in the story
MAX_ERRORS = 200  # images of each model in the appendix
NUM_MISLED_SHOWN = 12
NUM_CORRUPTED_SHOWN = 8  # images of each corruption
NUM_CONFUSIONS_SHOWN = 30
NUM_CHANGED_SHOWN = 10  # images of each model
PIXELS = range(4, 28, 5)  # rows and columns of the pixels whose covariances are shown
# HTML needs no namespace. Some fonts have no tall brackets, so matrices get borders from the style
# sheet.
MATHML = {
    ' xmlns="http://www.w3.org/1998/Math/MathML"': "",
    "<mo>&#x00028;</mo><mtable>": '<mtable class="matrix">',
    "</mtable><mo>&#x00029;</mo>": "</mtable>",
    "<mi>&#x02032;</mi>": "<mo>&#x02032;</mo>",
}


def render(document: Mapping[str, Any], values: Values) -> str:
    """The page of a document from `document.compose`, with drawings of the values."""
    since = document["since_last_run"]
    changed = versions.changed_answers(since, NUM_CHANGED_SHOWN) if since else []
    shown = [*document["comparison"]["missed_by_all"], *(index for index, *_ in changed)]
    for errors in document["errors"].values():
        shown += [error["index"] for error in errors[:MAX_ERRORS]]
    confusions = {
        name: _most_frequent(model["confusion_matrix"])
        for name, model in document["models"].items()
    }
    largest_confusions = [cells[0][0] for cells in confusions.values() if cells]
    misread_shares = document["comparison"]["by_class"]["models"].values()
    environment = words.environment(
        autoescape=True, tex=_tex, many_classes=figures.MANY_CLASSES, max_errors=MAX_ERRORS
    )
    return environment.get_template("page.html.j2").render(
        **document,
        titles=TITLES,
        corrupted={key: name.replace("_", " ").capitalize() for key, name in CORRUPTED.items()},
        short_titles=SHORT_TITLES,
        phrases={model.name: model.phrase for model in MODELS.values()},
        story=STORY,
        sections=_sections(document),
        scripts=SCRIPTS,
        max_shown=NUM_ERRORS_SHOWN,
        best=next(iter(document["comparison"]["models"])),
        confusions=confusions,
        long_names=figures.are_long(document["data"]["class_names"]),
        charts={name: Markup(svg) for name, svg in draw_charts(document, values).items()},
        pictures=_pictures(document, values),
        atlas=pictures.Atlas(values.test_digits.images, shown),
        most_confused=max(largest_confusions, default=1),
        most_missed=max(map(max, misread_shares)) or 1,
        code_of={name: "\n\n".join(map(inspect.getsource, steps)) for name, steps in CODE.items()},
        changed_answers=changed,
        script_data=_script_data(document),
        arrays=arrays.embed(document, values),
    )


def _sections(document: Mapping[str, Any]) -> dict[str, str]:
    """The titles of the parts of the appendix by the name of their template."""
    titles = {"data": "The data", "pca": "Principal components", "harris": "Harris corners"}
    for name, model in MODELS.items():
        if name in document["models"]:
            titles[model.section] = model.section_title
    titles["comparison"] = "Comparison"
    if document["since_last_run"]:
        titles["since"] = "Since the last run"
    titles["lineage"] = "Provenance"
    return titles


def _most_frequent(matrix: list[list[int]]) -> list[tuple[int, int, int]]:
    """The most frequent confusions: number of images, true class, predicted class."""
    counts = np.array(matrix)
    np.fill_diagonal(counts, 0)
    confusions = [(int(counts[i, j]), int(i), int(j)) for i, j in np.argwhere(counts)]
    return sorted(confusions, key=lambda cell: -cell[0])[:NUM_CONFUSIONS_SHOWN]


def _tex(formula: str, display: str = "inline") -> Markup:
    """A formula in LaTeX as MathML."""
    converted = convert(formula, display=display)
    for written, meant in MATHML.items():
        converted = converted.replace(written, meant)
    return Markup(converted)


def _pictures(document: Mapping[str, Any], values: Values) -> dict[str, Any]:
    """The images of the page by name, as data URIs; the places of the corners as coordinates."""
    digits = values.digit_images
    train = values.train_digits
    side = digits.shape[-1]
    largest_mean = values.data_mean.max() or 1
    half = len(values.covariance) // 2
    halved = values.covariance.reshape(half, 2, half, 2).mean(axis=(1, 3))
    covariances = values.covariance.reshape(side, side, side, side)
    eigenvectors = values.eigendecomposition.eigenvectors.T[: figures.NUM_EIGENVECTORS]
    templates = values.models["softmax"]["weights"] * softmax.pixel_deviations(train.images)
    misled = document["knn"]["misled"]["neighbors"][:NUM_MISLED_SHOWN]
    return {
        "digits": [pictures.grey(image) for image in digits],
        "class_means": [pictures.grey(image) for image in datasets.class_means(train)],
        "mean": pictures.grey(255 * values.data_mean.reshape(side, side) / largest_mean),
        "covariance": pictures.diverging(
            figures.signed_root(halved), document["pca"]["largest_covariance"] ** 0.5
        ),
        "covariances": [
            (row, column, pictures.diverging(covariances[row, column]))
            for row in PIXELS
            for column in PIXELS
        ],
        "eigenvectors": [pictures.diverging(vector.reshape(side, side)) for vector in eigenvectors],
        "originals": pictures.strip(digits[: figures.MAX_COLUMNS]),
        "reconstructions": [
            pictures.strip(row[: figures.MAX_COLUMNS]) for row in values.reconstructions.images
        ],
        "corners": [np.argwhere(mask).tolist() for mask in values.harris_corners.corners],
        "templates": [pictures.diverging(weights.reshape(side, side)) for weights in templates],
        "disturbed": _disturbed(document, values.test_digits.images),
        "misled": [pictures.strip(train.images[neighbors]) for neighbors in misled],
    }


def _disturbed(
    document: Mapping[str, Any], images: np.ndarray
) -> dict[str, list[tuple[str, float, int, int]]]:
    """For each disturbance some pictures, with the amount, the label and the champion's answer.

    A corruption has several images, misread images first. Any other disturbance has the image that
    is misread most often, in each amount. Corruptions are left out if the images are not
    handwriting.
    """
    measured = document["robustness"]
    labels = np.array(measured["shown"]["labels"])
    undisturbed = images[measured["shown"]["indices"]]
    by_disturbance = {}
    for name, disturbance in measured["disturbances"].items():
        if name in CORRUPTED and not document["data"]["handwritten"]:
            continue
        answers = np.array(disturbance["answers"])  # (n_amounts, n_shown)
        is_wrong = answers != labels
        if name in CORRUPTED:
            first_amount = len(answers) - 1
            shown = np.argsort(~is_wrong[-1], kind="stable")[:NUM_CORRUPTED_SHOWN].tolist()
        else:
            first_amount = 0
            shown = [int(is_wrong.sum(axis=0).argmax())]
        rows = []
        for amount, answered in list(zip(disturbance["amounts"], answers))[first_amount:]:
            disturbed = robustness.disturb(undisturbed, name, amount)
            for place in shown:
                picture = pictures.grey(disturbed[place])
                rows.append((picture, amount, int(labels[place]), int(answered[place])))
        by_disturbance[name] = rows
    return by_disturbance


def draw_charts(document: Mapping[str, Any], values: Values) -> dict[str, str]:
    """Every chart by name, as SVG to embed in the page."""
    charts = _method_charts(values) | _model_charts(document) | _comparison_charts(values)
    return {name: figures.svg(figure, name) for name, figure in charts.items()}


def _method_charts(values: Values) -> dict[str, Figure]:
    eigenvalues = values.eigendecomposition.eigenvalues
    panels = figures.eigenvalue_panels(eigenvalues, pca.explained_share(eigenvalues))
    charts = {name: figures.side_by_side(panel) for name, panel in panels.items()}
    charts["scatter"] = figures.class_scatter(
        values.projections[:, :2], values.train_digits.labels, values.raw_mnist.class_names
    )
    _, places = harris.clearest_places(values.digit_images, values.harris_corners.response)
    for name, panel in figures.gradients(places).items():
        charts[f"gradients_{name}"] = figures.side_by_side(panel, size=figures.SQUARE)
    return charts


def _model_charts(document: Mapping[str, Any]) -> dict[str, Figure]:
    charts = {"votes": figures.votes(document["knn"]["accuracy_by_k"])}
    for name, curves in {"softmax": document["softmax"], **document["networks"]}.items():
        title = TITLES[name]
        accuracies = {"training": curves["accuracy"]}
        if "held_out_accuracy" in curves:
            accuracies["held-out"] = curves["held_out_accuracy"]
        parts = document["assets"].get(MODELS[name].model_asset, {}).get("losses") or ()
        loss = partial(figures.draw_loss, loss=curves["loss"], title=title, parts=parts)
        accuracy = partial(
            figures.draw_accuracies, accuracies=accuracies, title=f"{title}: accuracy"
        )
        charts[f"{name}_loss"] = figures.side_by_side(loss)
        charts[f"{name}_accuracy"] = figures.side_by_side(accuracy, right=figures.LABELS)
    return charts


def _comparison_charts(values: Values) -> dict[str, Figure]:
    measured: Any = values.robustness.to_dict("list")
    curves = robustness.curves(measured)
    num_images = int(values.robustness["count"].iloc[0])
    champion = values.champion.model
    charts = {
        "accuracies": figures.accuracies(values.evaluations),
    }
    for name, evaluation in values.evaluations.items():
        charts[f"reliability_{name}"] = figures.reliability(evaluation.calibration, TITLES[name])
    for name, curve in curves.items():
        if name not in CORRUPTED:
            charts[f"robustness_{name}"] = figures.robustness({name: curve}, num_images, champion)
    return charts


def _script_data(document: Mapping[str, Any]) -> Markup:
    """The data that the scripts show besides the arrays."""
    data = document["data"]
    shares = np.cumsum(document["pca"]["eigenvalues"]) / document["pca"]["total_variance"]
    script_data = {
        "titles": TITLES,
        "short": SHORT_TITLES,
        "names": data["class_names"],
        "noun": data["noun"],
        "nouns": data["nouns"],
        "handwritten": data["handwritten"],
        "doubted_labels": data["doubted_labels"],
        "shares": [0, *shares.round(5).tolist()],
        "num_scattered": len(document["pca"]["scatter"]["index"]),
    }
    return Markup(json.dumps(script_data, separators=(",", ":")).replace("<", "\\u003c"))
