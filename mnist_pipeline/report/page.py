"""The HTML page of the report: one file that contains its style, script and images."""

import functools
import inspect
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import jinja2
import numpy as np
from latex2mathml.converter import convert
from markupsafe import Markup
from matplotlib.figure import Figure

from mnist_pipeline import harris, pca, softmax, versions
from mnist_pipeline.data import datasets
from mnist_pipeline.evaluation.robustness import CORRUPTED, DISTURBANCES, Curves, disturb
from mnist_pipeline.evaluation.scores import Calibration
from mnist_pipeline.harris import Place
from mnist_pipeline.knn import classifier
from mnist_pipeline.models import MODELS, number_in_words
from mnist_pipeline.report import figures, pictures, words
from mnist_pipeline.report.document import Values

TITLES = {model.name: model.title for model in MODELS.values()}
NUM_MISLED_SHOWN = 12
NUM_CORRUPTED_SHOWN = 8  # images of each corruption
NUM_CONFUSIONS_SHOWN = 30
NUM_CHANGED_SHOWN = 10  # images of each model
NUM_EIGENVECTORS_SHOWN = 20
PIXELS = range(4, 28, 5)  # rows and columns of the pixels whose covariances are shown
# HTML needs no namespace. Not every font has tall brackets, so those of a matrix are a border in the style sheet.
MATHML = {
    ' xmlns="http://www.w3.org/1998/Math/MathML"': "",
    "<mo>&#x00028;</mo><mtable>": '<mtable class="matrix">',
    "</mtable><mo>&#x00029;</mo>": "</mtable>",
    "<mi>&#x02032;</mi>": "<mo>&#x02032;</mo>",
}
FILTERS: dict[str, Callable[..., str]] = {
    "percent": words.percent,
    "level": "{:.1f}".format,
    "percents": lambda share: f"{100 * share:.1f}",
    "count": "{:,}".format,
    "in_words": number_in_words,
    "seconds": words.seconds,
    "power": words.power,
    "probability": words.probability,
    "short_titles": words.with_short_titles,
}


def render(document: Mapping[str, Any], values: Values) -> str:
    """The page of a document that `document.compose` returned, and of the values that it draws."""
    misread = [error["index"] for errors in document["errors"].values() for error in errors]
    since = document["since_last_run"]
    changed = versions.changed_answers(since, NUM_CHANGED_SHOWN) if since else []
    scattered = document["pca"]["scatter"]["index"]
    atlases = {
        "test": pictures.Atlas(values.test_digits.images, misread + [index for index, *_ in changed]),
        "train": pictures.Atlas(values.train_digits.images, scattered),
    }
    confusions = {model: _most_frequent(found["confusion_matrix"]) for model, found in document["models"].items()}
    template = _environment().get_template("page.html.j2")
    return template.render(
        **document,
        titles=TITLES,
        corrupted={key: name.replace("_", " ").capitalize() for key, name in CORRUPTED.items()},
        short_titles={model.name: model.short_title for model in MODELS.values()},
        sections=_sections(document),
        best=next(iter(document["comparison"]["models"])),
        confusions=confusions,
        long_names=figures.are_long(document["data"]["class_names"]),
        charts={name: Markup(svg) for name, svg in draw_charts(document, values).items()},
        pictures=_pictures(document, values),
        atlases=atlases,
        most_confused=max((confused[0][0] for confused in confusions.values() if confused), default=1),
        most_missed=max(map(max, document["comparison"]["by_class"]["models"].values())) or 1,
        code_of=_code(),
        changed_answers=changed,
        script_data=_script_data(document, atlases),
    )


def _sections(document: Mapping[str, Any]) -> dict[str, str]:
    """The titles of the sections by the name of their template, in the order of the page."""
    found = {"data": "The data", "pca": "Principal components", "harris": "Harris corners"}
    found |= {model.section: model.section_title for model in MODELS.values()}
    found["comparison"] = "Comparison"
    if document["across"]:
        found["across"] = "Across data sets"
    if document["since_last_run"]:
        found["since"] = "Since the last run"
    return {**found, "lineage": "Provenance"}


def _code() -> dict[str, str]:
    """The source of the steps that the page explains, by their names."""
    from mnist_pipeline import networks  # imported here, because torch is slow to import

    steps: dict[str, tuple[Callable[..., Any], ...]] = {
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
    return {name: "\n\n".join(map(inspect.getsource, parts)) for name, parts in steps.items()}


def _most_frequent(matrix: list[list[int]]) -> list[tuple[int, int, int]]:
    """The most frequent confusions: number of images, true class, predicted class."""
    cells = ((n, i, j) for i, row in enumerate(matrix) for j, n in enumerate(row) if n and i != j)
    return sorted(cells, key=lambda cell: -cell[0])[:NUM_CONFUSIONS_SHOWN]


def num_outside_references(page: str) -> int:
    """The number of references to anything but the page itself and the data that it contains."""
    inside = r"(?![\"']?(?:#|data:))"
    pattern = rf"\b(?:src|srcset|href|poster|action)\s*=\s*{inside}|\burl\(\s*{inside}|@import|https?://"
    without_images = re.sub("base64,[A-Za-z0-9+/=]*", "", page)  # half of the page
    return len(re.findall(pattern, without_images, re.IGNORECASE))


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mnist_pipeline.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    environment.globals.update(tex=_tex, breakable=_breakable, zip=zip, many_classes=figures.MANY_CLASSES)
    return environment


def _tex(formula: str, display: str = "inline") -> Markup:
    """A formula in LaTeX as MathML."""
    converted = convert(formula, display=display)
    for written, meant in MATHML.items():
        converted = converted.replace(written, meant)
    return Markup(converted)


def _breakable(name: str) -> Markup:
    """A name that may continue on the next line after a slash."""
    return Markup("/<wbr>").join(str(name).split("/"))


def _pictures(document: Mapping[str, Any], values: Values) -> dict[str, Any]:
    """The images of the page by name, as data URIs; the places of the corners as coordinates."""
    digits, train = values.digit_images, values.train_digits
    side, misled = digits.shape[-1], document["knn"]["misled"]
    eigenvectors = values.eigendecomposition.eigenvectors.T[:NUM_EIGENVECTORS_SHOWN]
    half = len(values.covariance) // 2
    halved = values.covariance.reshape(half, 2, half, 2).mean(axis=(1, 3))
    templates = values.models["softmax"].weights * softmax.pixel_deviations(train.images)
    return {
        "digits": [pictures.grey(image) for image in digits],
        "class_means": [pictures.grey(image) for image in datasets.class_means(train)],
        "mean": pictures.grey(255 * values.data_mean.reshape(side, side) / (values.data_mean.max() or 1)),
        "covariance": pictures.diverging(figures.signed_root(halved)),
        "covariances": [
            (row, column, pictures.diverging(values.covariance[side * row + column].reshape(side, side)))
            for row in PIXELS
            for column in PIXELS
        ],
        "eigenvectors": [pictures.diverging(vector.reshape(side, side)) for vector in eigenvectors],
        "originals": pictures.strip(digits[: figures.MAX_COLUMNS]),
        "reconstructions": [pictures.strip(row[: figures.MAX_COLUMNS]) for row in values.reconstructions.images],
        "corners": [np.argwhere(found).tolist() for found in values.harris_corners.corners],
        "templates": [pictures.diverging(weights.reshape(side, side)) for weights in templates],
        "kernels": [pictures.diverging(kernel) for kernel in values.cnn_kernels],
        "disturbed": _disturbed(document["robustness"], values.test_digits.images),
        "misled": [pictures.strip(train.images[neighbors]) for neighbors in misled["neighbors"][:NUM_MISLED_SHOWN]],
    }


def _disturbed(measured: Mapping[str, Any], images: np.ndarray) -> dict[str, list[dict[str, Any]]]:
    """Pictures of disturbed images and what the champion answers, by disturbance.

    A corruption has several images, misread ones first. Another disturbance has the image that is misread most often,
    in each amount.
    """
    labels, drawn = np.array(measured["shown"]["labels"]), images[measured["shown"]["indices"]]
    found: dict[str, list[dict[str, Any]]] = {}
    for name, disturbance in measured["disturbances"].items():
        amounts, answers = disturbance["amounts"], np.array(disturbance["answers"])
        is_wrong = answers != labels
        if name in CORRUPTED:
            chosen = [(-1, place) for place in np.argsort(~is_wrong[-1], kind="stable")[:NUM_CORRUPTED_SHOWN].tolist()]
        else:
            chosen = [(at, int(is_wrong.sum(axis=0).argmax())) for at in range(len(amounts))]
        made = {at: disturb(drawn, name, DISTURBANCES[name].amounts[at]) for at, _ in chosen}
        found[name] = [
            {
                "picture": pictures.grey(made[at][place]),
                "amount": amounts[at],
                "label": int(labels[place]),
                "answer": int(answers[at][place]),
            }
            for at, place in chosen
        ]
    return found


def draw_charts(document: Mapping[str, Any], values: Values) -> dict[str, str]:
    """Every chart by name, as SVG to embed in the page."""
    drawn = _pca_charts(document, values) | _harris_charts(document)
    drawn |= _model_charts(document) | _comparison_charts(document)
    return {name: figures.svg(figure, name) for name, figure in drawn.items()}


def _pca_charts(document: Mapping[str, Any], values: Values) -> dict[str, Figure]:
    eigenvalues, scatter = np.array(document["pca"]["eigenvalues"]), document["pca"]["scatter"]
    points, labels = np.stack([scatter["x"], scatter["y"]], axis=1), np.array(scatter["label"])
    return {
        "eigenvalues_linear": figures.side_by_side(figures.eigenvalue_panel(eigenvalues)),
        "eigenvalues_logarithmic": figures.side_by_side(figures.eigenvalue_panel(eigenvalues, logarithmic=True)),
        "share": figures.side_by_side(figures.share_panel(pca.explained_share(eigenvalues))),
        "scatter": figures.class_scatter(points, labels, document["data"]["class_names"], glyphs=True),
    }


def _harris_charts(document: Mapping[str, Any]) -> dict[str, Figure]:
    places = {}
    for name, place in document["harris"]["places"].items():
        arrays = {field: np.array(place[field]) for field in ("gradients", "eigenvalues", "eigenvectors")}
        places[name] = Place(**place | arrays)
    panels = figures.gradients(places)
    return {f"gradients_{name}": figures.side_by_side(panel, size=figures.SQUARE) for name, panel in panels.items()}


def _model_charts(document: Mapping[str, Any]) -> dict[str, Figure]:
    drawn = {"votes": figures.votes(document["knn"]["accuracy_by_k"])}
    for name, curves in {"softmax": document["softmax"], **document["networks"]}.items():
        model = MODELS[name]
        title = model.title if model.section == model.name else model.short_title
        kinds = {"accuracy": "training", "held_out_accuracy": "held-out"}
        accuracies = {label: np.array(curves[kind]) for kind, label in kinds.items() if curves.get(kind)}
        parts = document["assets"].get(model.model_asset, {}).get("losses") or ()
        loss = figures.loss_panel(np.array(curves["loss"]), title, parts)
        drawn[f"{name}_loss"] = figures.side_by_side(loss)
        drawn[f"{name}_accuracy"] = figures.side_by_side(
            figures.accuracy_panel(accuracies, title), right=figures.LABELS
        )
    return drawn


def _comparison_charts(document: Mapping[str, Any]) -> dict[str, Figure]:
    models = document["models"]
    drawn = {"accuracies": figures.accuracies({MODELS[name].title: _score(found) for name, found in models.items()})}
    for name, found in models.items():
        if found["calibration"]:
            drawn[f"reliability_{name}"] = figures.reliability(Calibration(**found["calibration"]), MODELS[name].title)
    champion, num_images = document["champion"]["model"], document["robustness"]["num_images"]
    errors: dict[str, dict[str, Any]] = {}
    for name, found in document["robustness"]["disturbances"].items():
        if name in CORRUPTED:
            shares = found["accuracies"]
            row = {model: figures.error_score(1 - shares[model][-1], num_images) for model in shares}
            errors[CORRUPTED[name].replace("_", " ")] = row
        else:
            curves = Curves(*(found[field] for field in Curves._fields))
            drawn[f"robustness_{name}"] = figures.robustness([curves], champion, num_images)
    worst_first = sorted(errors, key=lambda name: -errors[name][champion][0])
    drawn["corruptions"] = figures.corruptions({name: errors[name] for name in worst_first})
    if document["across"]:
        drawn["across"] = figures.across(
            {
                data_set["title"]: {name: _score(found) for name, found in data_set["models"].items()}
                for data_set in document["across"].values()
            }
        )
    return drawn


def _score(found: Mapping[str, Any]) -> list[float]:
    return [found["accuracy"], *found["interval"]]


def _script_data(document: Mapping[str, Any], atlases: Mapping[str, pictures.Atlas]) -> Markup:
    """The data of the script: the errors of each model, the points of the scatter plot, the places in the atlases."""
    columns = ("index", "true_label", "predicted_label", "probability")
    errors = document["errors"]
    data = {
        "errors": {model: [[error.get(name) for name in columns] for error in errors[model]] for model in errors},
        "titles": TITLES,
        "names": document["data"]["class_names"],
        "scatter": {name: document["pca"]["scatter"][name] for name in ("index", "label")},
        "atlases": {
            name: {"indices": atlas.indices, "columns": atlas.columns, "rows": atlas.rows}
            for name, atlas in atlases.items()
        },
    }
    return Markup(json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"))
