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

from mnist_pipeline import harris, networks, pca, softmax
from mnist_pipeline.data import datasets
from mnist_pipeline.evaluation import robustness, versions
from mnist_pipeline.evaluation.robustness import CORRUPTED
from mnist_pipeline.knn import classifier
from mnist_pipeline.models import MODELS
from mnist_pipeline.report import arrays, figures, pictures, words
from mnist_pipeline.report.document import NUM_EIGENVECTORS, Values

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
    "mlp": (networks.MLP,),
    "cnn": (networks.CNN,),
}
TITLES = {model.name: model.title for model in MODELS.values()}
SCRIPTS = (
    "page",
    "arrays",
    "models",
    "conversion",
    "canvas",
    "answers",
    "components",
    "corners",
    "draw",
    "errors",
    "start",
)
NUM_ERRORS_SHOWN = 84  # in the story
MAX_ERRORS = 200  # images of each model in the appendix
NUM_MISLED_SHOWN = 12
NUM_CORRUPTED_SHOWN = 8  # images of each corruption
NUM_CONFUSIONS_SHOWN = 30
NUM_CHANGED_SHOWN = 10  # images of each model
PIXELS = range(4, 28, 5)  # rows and columns of the pixels whose covariances are shown
# HTML needs no namespace. Not every font has tall brackets, so those of a matrix are a border in
# the style sheet.
MATHML = {
    ' xmlns="http://www.w3.org/1998/Math/MathML"': "",
    "<mo>&#x00028;</mo><mtable>": '<mtable class="matrix">',
    "</mtable><mo>&#x00029;</mo>": "</mtable>",
    "<mi>&#x02032;</mi>": "<mo>&#x02032;</mo>",
}


def render(document: Mapping[str, Any], values: Values) -> str:
    """The page of a document that `document.compose` returned, and of the values that it draws."""
    misread = [
        error["index"] for errors in document["errors"].values() for error in errors[:MAX_ERRORS]
    ]
    since = document["since_last_run"]
    changed = versions.changed_answers(since, NUM_CHANGED_SHOWN) if since else []
    shown = [*misread, *document["comparison"]["missed_by_all"], *(index for index, *_ in changed)]
    confusions = {
        model: _most_frequent(found["confusion_matrix"])
        for model, found in document["models"].items()
    }
    environment = words.environment(
        autoescape=True, tex=_tex, many_classes=figures.MANY_CLASSES, max_errors=MAX_ERRORS
    )
    return environment.get_template("page.html.j2").render(
        **document,
        titles=TITLES,
        corrupted={key: name.replace("_", " ").capitalize() for key, name in CORRUPTED.items()},
        short_titles={model.name: model.short_title for model in MODELS.values()},
        phrases={model.name: model.phrase for model in MODELS.values()},
        story=_story(document),
        sections=_sections(document),
        scripts=SCRIPTS,
        max_shown=NUM_ERRORS_SHOWN,
        best=next(iter(document["comparison"]["models"])),
        confusions=confusions,
        long_names=figures.are_long(document["data"]["class_names"]),
        charts={name: Markup(svg) for name, svg in draw_charts(document, values).items()},
        pictures=_pictures(document, values),
        atlas=pictures.Atlas(values.test_digits.images, shown),
        most_confused=max(
            (confused[0][0] for confused in confusions.values() if confused), default=1
        ),
        most_missed=max(map(max, document["comparison"]["by_class"]["models"].values())) or 1,
        code_of={name: "\n\n".join(map(inspect.getsource, steps)) for name, steps in CODE.items()},
        changed_answers=changed,
        script_data=_script_data(document, values),
        arrays=arrays.embed(document, values),
    )


def _story(document: Mapping[str, Any]) -> dict[str, str]:
    """The entries of the contents by the identifiers of the headings."""
    found = {
        "results": "Results",
        "bytes": "A byte bug",
        "components": "Components",
        "corners": "Corners",
    }
    found |= {
        "errors": "Errors",
        "draw": "Draw" if document["data"]["handwritten"] else "Try it",
        "trust": "Trust",
    }
    if "knn" not in document["notebook"]:
        del found["bytes"]
    return found


def _sections(document: Mapping[str, Any]) -> dict[str, str]:
    """The titles of the parts of the appendix by the name of their template."""
    found = {"data": "The data", "pca": "Principal components", "harris": "Harris corners"}
    found |= {
        model.section: model.section_title
        for name, model in MODELS.items()
        if name in document["models"]
    }
    found["comparison"] = "Comparison"
    if document["since_last_run"]:
        found["since"] = "Since the last run"
    return {**found, "lineage": "Provenance"}


def _most_frequent(matrix: list[list[int]]) -> list[tuple[int, int, int]]:
    """The most frequent confusions: number of images, true class, predicted class."""
    cells = ((n, i, j) for i, row in enumerate(matrix) for j, n in enumerate(row) if n and i != j)
    return sorted(cells, key=lambda cell: -cell[0])[:NUM_CONFUSIONS_SHOWN]


def _tex(formula: str, display: str = "inline") -> Markup:
    """A formula in LaTeX as MathML."""
    converted = convert(formula, display=display)
    for written, meant in MATHML.items():
        converted = converted.replace(written, meant)
    return Markup(converted)


def _pictures(document: Mapping[str, Any], values: Values) -> dict[str, Any]:
    """The images of the page by name, as data URIs; the places of the corners as coordinates."""
    digits, train = values.digit_images, values.train_digits
    side, misled = digits.shape[-1], document["knn"]["misled"]
    nearest = values.predictions["knn"].nearest["indices"]
    first, partner = values.test_digits.images[0], train.images[nearest[0, 0]]
    eigenvectors = values.eigendecomposition.eigenvectors.T[:NUM_EIGENVECTORS]
    half = len(values.covariance) // 2
    halved = values.covariance.reshape(half, 2, half, 2).mean(axis=(1, 3))
    templates = values.models["softmax"]["weights"] * softmax.pixel_deviations(train.images)
    return {
        "digits": [pictures.grey(image) for image in digits],
        "class_means": [pictures.grey(image) for image in datasets.class_means(train)],
        "mean": pictures.grey(
            255 * values.data_mean.reshape(side, side) / (values.data_mean.max() or 1)
        ),
        "covariance": pictures.diverging(figures.signed_root(halved)),
        "covariances": [
            (
                row,
                column,
                pictures.diverging(values.covariance[side * row + column].reshape(side, side)),
            )
            for row in PIXELS
            for column in PIXELS
        ],
        "eigenvectors": [pictures.diverging(vector.reshape(side, side)) for vector in eigenvectors],
        "originals": pictures.strip(digits[: figures.MAX_COLUMNS]),
        "reconstructions": [
            pictures.strip(row[: figures.MAX_COLUMNS]) for row in values.reconstructions.images
        ],
        "corners": [np.argwhere(found).tolist() for found in values.harris_corners.corners],
        "bytes": {
            "test": pictures.grey(first),
            "train": pictures.grey(partner),
            "difference": pictures.grey(np.abs(first.astype(int) - partner)),
            "wrapped": pictures.grey(first - partner),
        },
        "templates": [pictures.diverging(weights.reshape(side, side)) for weights in templates],
        "kernels": []
        if values.cnn_kernels is None
        else [pictures.diverging(kernel) for kernel in values.cnn_kernels],
        "disturbed": _disturbed(document["robustness"], values.test_digits.images),
        "misled": [
            pictures.strip(train.images[neighbors])
            for neighbors in misled["neighbors"][:NUM_MISLED_SHOWN]
        ],
    }


def _disturbed(
    measured: Mapping[str, Any], images: np.ndarray
) -> dict[str, list[tuple[str, float, int, int]]]:
    """Pictures of disturbed images, the amount, the label and the answer of the champion, by
    disturbance.

    A corruption has several images, misread ones first. Another disturbance has the image that is
    misread most often, in each amount.
    """
    labels, drawn = np.array(measured["shown"]["labels"]), images[measured["shown"]["indices"]]
    found = {}
    for name, disturbance in measured["disturbances"].items():
        amounts, answers = (
            disturbance["amounts"],
            np.array(disturbance["answers"]),
        )  # (n_amounts, n_shown)
        is_wrong = answers != labels
        chosen, shown = range(len(amounts)), [int(is_wrong.sum(axis=0).argmax())]
        if name in CORRUPTED:
            chosen, shown = (
                chosen[-1:],
                np.argsort(~is_wrong[-1], kind="stable")[:NUM_CORRUPTED_SHOWN].tolist(),
            )
        made = {
            at: robustness.disturb(drawn, name, robustness.DISTURBANCES[name].amounts[at])
            for at in chosen
        }
        found[name] = [
            (
                pictures.grey(made[at][place]),
                amounts[at],
                int(labels[place]),
                int(answers[at][place]),
            )
            for at in chosen
            for place in shown
        ]
    return found


def draw_charts(document: Mapping[str, Any], values: Values) -> dict[str, str]:
    """Every chart by name, as SVG to embed in the page."""
    drawn = _method_charts(values) | _model_charts(document) | _comparison_charts(values)
    return {name: figures.svg(figure, name) for name, figure in drawn.items()}


def _method_charts(values: Values) -> dict[str, Figure]:
    found, names = values.eigendecomposition.eigenvalues, values.raw_mnist.class_names
    panels = {
        "eigenvalues_linear": partial(figures.draw_eigenvalues, values=found),
        "eigenvalues_logarithmic": partial(
            figures.draw_eigenvalues, values=found, logarithmic=True
        ),
        "share": partial(figures.draw_shares, shares=pca.explained_share(found)),
    }
    drawn = {name: figures.side_by_side(panel) for name, panel in panels.items()}
    drawn["scatter"] = figures.class_scatter(
        values.projections[:, :2], values.train_digits.labels, names
    )
    _, places = harris.clearest_places(values.digit_images, values.harris_corners.response)
    for name, panel in figures.gradients(places).items():
        drawn[f"gradients_{name}"] = figures.side_by_side(panel, size=figures.SQUARE)
    return drawn


def _model_charts(document: Mapping[str, Any]) -> dict[str, Figure]:
    drawn = {"votes": figures.votes(document["knn"]["accuracy_by_k"])}
    for name, curves in {"softmax": document["softmax"], **document["networks"]}.items():
        model, title = MODELS[name], MODELS[name].title
        kinds = {"accuracy": "training", "held_out_accuracy": "held-out"}
        accuracies = {
            label: np.array(curves[kind]) for kind, label in kinds.items() if curves.get(kind)
        }
        parts = document["assets"].get(model.model_asset, {}).get("losses") or ()
        loss = partial(figures.draw_loss, loss=np.array(curves["loss"]), title=title, parts=parts)
        accuracy = partial(
            figures.draw_accuracies, accuracies=accuracies, title=f"{title}: accuracy"
        )
        drawn[f"{name}_loss"] = figures.side_by_side(loss)
        drawn[f"{name}_accuracy"] = figures.side_by_side(accuracy, right=figures.LABELS)
    return drawn


def _comparison_charts(values: Values) -> dict[str, Figure]:
    measured: Any = values.robustness.to_dict("list")
    evaluations, curves = values.evaluations, robustness.curves(measured)
    shown = int(values.robustness["count"].iloc[0]), values.champion.model
    scores = {
        MODELS[name].title: [found.accuracy, *found.interval] for name, found in evaluations.items()
    }
    drawn = {
        "accuracies": figures.accuracies(scores),
        "corruptions": figures.corruptions(curves, *shown),
    }
    for name, found in evaluations.items():
        if found.calibration:
            drawn[f"reliability_{name}"] = figures.reliability(
                found.calibration, MODELS[name].title
            )
    for name, curve in curves.items():
        if name not in CORRUPTED:
            drawn[f"robustness_{name}"] = figures.robustness({name: curve}, *shown)
    return drawn


def _script_data(document: Mapping[str, Any], values: Values) -> Markup:
    """What the scripts show besides the arrays."""
    data, shares = (
        document["data"],
        np.cumsum(document["pca"]["eigenvalues"]) / document["pca"]["total_variance"],
    )
    found = {
        "titles": TITLES,
        "short": {model.name: model.short_title for model in MODELS.values()},
        "names": data["class_names"],
        **{name: data[name] for name in ("noun", "handwritten", "doubted_labels")},
        "shares": [0, *shares.round(5).tolist()],
        "num_scattered": len(document["pca"]["scatter"]["index"]),
        "place_digit": document["harris"]["place_digit"],
        "corners": [np.argwhere(corners).tolist() for corners in values.harris_corners.corners],
    }
    return Markup(json.dumps(found, separators=(",", ":")).replace("<", "\\u003c"))
