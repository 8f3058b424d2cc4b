"""Every figure shows its data, leaves no state behind, and has a preview small enough for an event log."""

import io
import itertools
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image

from mnist_pipeline import harris, pca
from mnist_pipeline.data.catalogue import FASHION_MNIST, KNOWN
from mnist_pipeline.data.datasets import CLASS_NAMES
from mnist_pipeline.evaluation import scores
from mnist_pipeline.evaluation.experiments import BEST, WITHIN_NOISE, Curve
from mnist_pipeline.evaluation.robustness import Curves
from mnist_pipeline.models import MODELS
from mnist_pipeline.report import figures
from mnist_pipeline.report.document import Values

KS = [2, 20, 100]
SHARES = np.array([0.5, 0.8, 0.85, 0.92, 0.96, 1.0])
VALUES = np.array([100.0, 10.0, 1e-3, 1e-14, -1e-15])
VOTES = {"k": [1, 2, 5], "nearest": [0.9, 0.91, 0.92], "smallest": [0.9, 0.85, 0.91]}
CALIBRATION = scores.Calibration(
    counts=[0, 40, 0, 160], confidence=[0, 0.4, 0, 0.95], accuracy=[0, 0.5, 0, 0.9], expected_error=0.06
)
CURVES = Curves("Scale", "factor", 1.0, [0.7, 1.0, 1.3], {"knn": [0.6, 0.97, 0.5], "cnn": [0.95, 0.99, 0.9]})
SCORES = {"b": (0.9, 0.85, 0.93), "c": (0.8, 0.75, 0.84), "a": (0.99, 0.97, 0.995)}
CORRUPTED = {title: dict.fromkeys(MODELS, score) for title, score in SCORES.items()}
BY_SIZE = [Curve(name, "default", [100, 1_000, 55_000], [[0.7, 0.75], [0.88], [0.97]]) for name in MODELS]
TRIALS = pd.DataFrame(
    [
        (f"mlp-size_all-seed_{n}-hidden_size_1024-recipe_notebook", -n, -n - 1, 1 - n, WITHIN_NOISE if n else BEST)
        for n in range(30)
    ],
    columns=["trial", "behind", "behind_low", "behind_high", "verdict"],
)
GRADIENTS = np.random.default_rng(0).normal(size=(9, 2)) @ [[30, 10], [0, 5]]
LEARNING = (np.array([3.0, 2.0, 1.0]), {"training": np.array([0.7, 0.8, 0.9]), "held-out": np.array([0.6, 0.7, 0.7])})


@pytest.fixture(scope="module")
def data(values: Values) -> dict[str, np.ndarray]:
    """Real digits, and what the methods compute from them."""
    digits, (eigenvalues, vectors) = values.digit_images, values.eigendecomposition
    projected = pca.project(digits, values.data_mean, vectors)
    back = [pca.reconstruct(projected[:, :k], values.data_mean, vectors[:, :k]).reshape(digits.shape) for k in KS]
    return {
        "images": values.train_digits.images,
        "labels": values.train_digits.labels,
        "digits": digits,
        "mean": values.data_mean,
        "values": eigenvalues,
        "vectors": vectors,
        "points": values.projections[:, :2],
        "back": np.stack(back),
        "responses": values.harris_corners.response,
    }


Data = dict[str, np.ndarray]
DRAWINGS: dict[str, Callable[[Data], Figure]] = {
    "image_grid": lambda data: figures.image_grid(data["images"][:40], 10, title="The first training images"),
    "mean_image": lambda data: figures.mean_image(data["mean"], 28),
    "matrix": lambda data: figures.matrix(np.cov(data["points"][:100]), "Covariance", "covariance"),
    "eigenvalues": lambda data: figures.eigenvalues(data["values"], pca.explained_share(data["values"])),
    "eigenvectors": lambda data: figures.eigenvectors(data["vectors"][:, :20], 28, data["values"][:20]),
    "class_scatter": lambda data: figures.class_scatter(data["points"], data["labels"], CLASS_NAMES),
    "class_scatter_glyphs": lambda data: _glyphs(data, CLASS_NAMES),
    "class_scatter_names": lambda data: _glyphs(data, FASHION_MNIST.class_names),
    "reconstructions": lambda data: figures.reconstructions(data["digits"], data["back"], KS),
    "harris_corners": lambda data: figures.harris_corners(data["digits"], data["responses"], data["responses"] > 1e7),
    "gradients": lambda data: figures.side_by_side(*_gradients().values(), size=figures.SQUARE),
    "templates": lambda data: figures.templates(data["vectors"].T[:10], np.ones(784), 28, CLASS_NAMES),
    "learning_curves": lambda data: figures.learning_curves(*LEARNING, "Softmax regression"),
    "votes": lambda data: figures.votes(VOTES),
    "reliability": lambda data: figures.reliability(CALIBRATION, "Convolutional network"),
    "confusion_matrix": lambda data: figures.confusion_matrix(np.diag(range(9, 19)), "Confusion", CLASS_NAMES),
    "accuracies": lambda data: figures.accuracies(SCORES),
    "corruptions": lambda data: figures.corruptions(CORRUPTED),
    "robustness": lambda data: figures.robustness([CURVES] * 7),
    "accuracy_by_size": lambda data: figures.accuracy_by_size(BY_SIZE, 10_000),
    "trials": lambda data: figures.trials(TRIALS),
    "neighbor_errors": lambda data: _neighbor_errors(data),
}


def _glyphs(data: Data, names: Sequence[str]) -> Figure:
    return figures.class_scatter(data["points"][:300], data["labels"][:300], names, glyphs=True)


def _gradients() -> dict[str, figures.Panel]:
    values, vectors = np.linalg.eigh(GRADIENTS.T @ GRADIENTS)
    corner = harris.Place(3, 4, GRADIENTS, values[::-1], vectors[:, ::-1], 1.0)
    flat = harris.Place(0, 0, np.zeros((9, 2)), np.zeros(2), np.eye(2), 0.0)
    return figures.gradients({"corner": corner, "flat": flat})


def _neighbor_errors(data: Data) -> Figure:
    near = data["images"][10:16].reshape(2, 3, 28, 28)
    return figures.neighbor_errors(data["images"][:2], ["p", "q"], near, [["p1", "p2", "p3"], ["q1", "q2", "q3"]])


# All figures


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_figure_leaves_no_state_and_its_preview_stays_small(name: str, data: Data) -> None:
    settings_before = dict(mpl.rcParams)
    picture = figures.rendered(DRAWINGS[name](data))
    assert dict(mpl.rcParams) == settings_before
    assert len(np.unique(np.asarray(picture.convert("L")))) > 2
    small = figures.preview(figures.encoded(picture))
    assert len(small) < 30_000
    shown = Image.open(io.BytesIO(small))
    assert shown.format == "PNG"
    assert shown.width <= 480
    # Both show the same: they agree when scaled down to a few pixels.
    full, scaled = (image.convert("L").resize((12, 12), Image.Resampling.BOX) for image in (picture, shown))
    assert np.abs(np.asarray(full, float) - np.asarray(scaled, float)).max() < 16


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_figure_has_a_title_and_is_not_cut_off(name: str, data: Data) -> None:
    figure = DRAWINGS[name](data)
    assert all(axes.get_title() for axes in figure.axes if axes.get_label() != "<colorbar>")
    texts = [text for axes in figure.axes for text in (axes.title, axes.xaxis.label, axes.yaxis.label, *axes.texts)]
    for box in _boxes(figure, [text for text in texts if text.get_text() and text.get_visible()]):
        assert box.x0 > -3
        assert box.x1 < figure.bbox.x1 + 3


def test_drawing_does_not_import_pyplot() -> None:
    program = (
        "import sys; import numpy as np; from mnist_pipeline.report import figures\n"
        "figures.rendered(figures.confusion_matrix(np.eye(2, dtype=int), 'title', ['a', 'b']))\n"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# Images


def test_a_grid_holds_every_image_in_its_place(data: Data) -> None:
    (axes,) = figures.image_grid(data["images"][:7], columns=3, captions=list("abcdefg")).axes
    assert [text.get_text() for text in axes.texts] == list("abcdefg")
    places = [_place(axes, image) for image in data["images"][:7]]
    rows, columns = (sorted({place[axis] for place in places}) for axis in (0, 1))
    assert places == [(rows[i // 3], columns[i % 3]) for i in range(7)]


def test_neighbours_stand_below_the_image_that_they_mislead(data: Data) -> None:
    (axes,) = _neighbor_errors(data).axes
    assert [text.get_text() for text in axes.texts] == ["p", "q", "p1", "q1", "p2", "q2", "p3", "q3"]
    for column in (0, 1):
        places = [_place(axes, data["images"][index]) for index in (column, *range(10 + 3 * column, 13 + 3 * column))]
        assert len({x for _, x in places}) == 1
        assert [y for y, _ in places] == sorted({y for y, _ in places})


def test_reconstructions_stand_below_the_originals_and_are_clipped_when_drawn(data: Data) -> None:
    assert data["back"].min() < 0
    (axes,) = figures.reconstructions(data["digits"], data["back"], KS).axes
    mosaic = np.asarray(axes.images[0].get_array())
    np.testing.assert_array_equal(mosaic[:28, 3 * 28 : 4 * 28], data["digits"][3])
    np.testing.assert_array_equal(mosaic[2 * 28 : 3 * 28, :28], np.clip(data["back"][1, 0], 0, 255))


def test_every_corner_is_marked_on_its_digit(data: Data) -> None:
    corners = np.zeros((10, 28, 28), bool)
    corners[0, 3, 5] = corners[7, 20, 1] = True
    top, bottom = figures.harris_corners(data["digits"], np.zeros((10, 28, 28)), corners).axes
    assert top.lines[0].get_xydata().tolist() == [[5, 3], [7 * 28 + 1, 20]]
    assert np.isfinite(bottom.images[0].get_array()).all()


@pytest.mark.parametrize("values", [np.zeros((3, 3)), np.full((3, 3), 5.0)])
def test_a_matrix_has_zero_in_the_middle_of_its_colours(values: np.ndarray) -> None:
    low, high = figures.matrix(values, "title", "label").axes[0].images[0].get_clim()
    assert low == -high < 0


@pytest.mark.parametrize("name", KNOWN)
def test_names_of_classes_do_not_overlap(name: str, data: Data) -> None:
    names = KNOWN[name].class_names
    long = sorted(range(10), key=lambda k: -len(names[k]))[:2] * 10
    captions = [figures.misread(names, k, long[0], "100%") for k in long]
    grid = figures.image_grid(data["images"][:20], 10, captions)
    confusion = figures.confusion_matrix(np.full((10, 10), 1_000), "Confusion", names)
    for figure, labels in ((grid, grid.axes[0].texts), (confusion, confusion.axes[0].get_yticklabels())):
        assert not any(first.overlaps(second) for first, second in itertools.combinations(_boxes(figure, labels), 2))
    below = min(box.ymin for box in _boxes(confusion, confusion.axes[0].get_xticklabels()))
    assert _boxes(confusion, [confusion.axes[0].xaxis.label])[0].ymax <= below + 1


@pytest.mark.parametrize(
    "draw",
    [
        lambda: figures.accuracy_by_size(BY_SIZE, 10_000),
        lambda: figures.robustness([CURVES._replace(accuracies={name: [1.0, 1.0, 1.0] for name in MODELS})]),
    ],
    ids=["accuracy_by_size", "robustness"],
)
def test_the_labels_of_lines_that_end_together_do_not_overlap(draw: Callable[[], Figure]) -> None:
    figure = draw()
    (axes,) = figure.axes
    assert {text.get_text() for text in axes.texts} == {model.short_title for model in MODELS.values()}
    assert not any(first.overlaps(second) for first, second in itertools.combinations(_boxes(figure, axes.texts), 2))


def _boxes(figure: Figure, texts: Sequence[Text]) -> list[Bbox]:
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    return [Text.get_window_extent(text, renderer) for text in texts]  # without the stroke of an annotation


def _place(axes: Axes, image: np.ndarray) -> tuple[int, int]:
    """The only place of an image in a mosaic."""
    mosaic = np.ma.filled(axes.images[0].get_array(), np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(mosaic, image.shape)
    ((y, x),) = np.argwhere((windows == image).all(axis=(2, 3)))
    return int(y), int(x)


# Charts


def _lines(axes: Axes) -> list[list[list[float]]]:
    return [np.round(line.get_xydata(), 9).tolist() for line in axes.lines]


def test_the_scatter_shows_every_point_in_the_colour_of_its_class(data: Data) -> None:
    points, labels = data["points"][:200], data["labels"][:200]
    (axes,) = figures.class_scatter(points, labels, CLASS_NAMES).axes
    handles = axes.get_legend().legend_handles  # type: ignore[union-attr]
    colors = {handle.get_label(): mpl.colors.to_hex(handle.get_color()) for handle in handles}
    assert list(colors) == list(CLASS_NAMES)
    assert len(set(colors.values())) == 10
    drawn = {
        tuple(point): mpl.colors.to_hex(dots.get_color())
        for dots in axes.lines
        for point in np.asarray(dots.get_xydata()).tolist()
    }
    assert drawn == {tuple(point): colors[CLASS_NAMES[label]] for point, label in zip(points.tolist(), labels)}


def test_long_names_have_a_marker_each_in_the_scatter(data: Data) -> None:
    handles: Any = _glyphs(data, FASHION_MNIST.class_names).axes[0].get_legend().legend_handles  # type: ignore[union-attr]
    assert [handle.get_label() for handle in handles] == list(FASHION_MNIST.class_names)
    assert len({handle.get_marker() for handle in handles}) == 10


def test_the_confusion_matrix_prints_every_count_in_its_cell() -> None:
    counts = np.array([[9_801, 0, 3], [1, 50, 0], [0, 2, 7]])
    (axes,) = figures.confusion_matrix(counts, "title", ["a", "b", "c"]).axes
    printed = {tuple(map(int, text.get_position())): text.get_text() for text in axes.texts}
    assert printed == {(column, row): f"{count:,}" for (row, column), count in np.ndenumerate(counts) if count}


def test_models_stand_in_the_order_of_their_accuracy_with_their_interval() -> None:
    (axes,) = figures.accuracies(SCORES).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["c", "b", "a"]  # from below
    assert _lines(axes)[:2] == [[[75, 0], [84, 0]], [[80, 0]]]
    assert [text.get_text() for text in axes.texts] == ["80.00%", "90.00%", "99.00%"]


def test_learning_curves_show_each_epoch_from_the_first() -> None:
    left, right = figures.learning_curves(*LEARNING, "title").axes
    assert _lines(left) == [[[1, 3], [2, 2], [3, 1]]]
    assert _lines(right) == [[[1, 70], [2, 80], [3, 90]], [[1, 60], [2, 70], [3, 70]]]
    for axes in (left, right):
        ticks = axes.xaxis.get_majorticklocs()
        np.testing.assert_array_equal(ticks, np.round(ticks))


def test_eigenvalues_are_drawn_without_those_that_are_zero_up_to_rounding() -> None:
    linear, logarithmic, shares = figures.eigenvalues(VALUES, SHARES).axes
    assert (linear.get_yscale(), logarithmic.get_yscale()) == ("linear", "log")
    assert _lines(linear) == _lines(logarithmic) == [[[1, 100], [2, 10], [3, 1e-3]]]
    curve, *marks = _lines(shares)
    assert curve == [[place + 1, 100 * share] for place, share in enumerate(SHARES)]
    assert marks == [[[2, 80]], [[4, 92]], [[5, 96]]]
    assert [text.get_text() for text in shares.texts] == ["80%: 2", "90%: 4", "95%: 5"]


def test_reliability_shows_the_bins_that_are_not_empty_with_their_intervals() -> None:
    (axes,) = figures.reliability(CALIBRATION, "title").axes
    assert _lines(axes) == [[[0, 0], [100, 100]], [[40, 50], [95, 90]]]
    segments = axes.collections[0].get_segments()
    for segment, confidence, (right, count) in zip(segments, (40, 95), ((20, 40), (144, 160)), strict=True):
        low, high = scores.wilson_interval(right, count)
        np.testing.assert_allclose(segment, [[confidence, 100 * low], [confidence, 100 * high]])


def test_robustness_shows_each_model_by_amount_and_marks_the_neutral_amount() -> None:
    (axes,) = figures.robustness([CURVES], "cnn", 400).axes
    neutral, *lines = _lines(axes)
    assert {x for x, _ in neutral} == {1}
    assert lines == [[[0.7, 60], [1, 97], [1.3, 50]], [[0.7, 95], [1, 99], [1.3, 90]]]
    assert [line.get_color() for line in axes.lines[1:]] == [MODELS[name].color for name in ("knn", "cnn")]
    assert axes.lines[2].get_linewidth() > axes.lines[1].get_linewidth()
    low, high = scores.wilson_interval(380, 400)
    band = axes.collections[1].get_paths()[0].vertices
    assert {y for x, y in np.asarray(band) if x == 0.7} >= {100 * low, 100 * high}


def test_the_undisturbed_digits_stand_at_the_left() -> None:
    (axes,) = figures.robustness([CURVES._replace(neutral=1.3)]).axes
    assert axes.get_xlim()[0] > axes.get_xlim()[1]


def test_the_ellipse_has_the_root_mean_squares_of_the_gradients_as_its_semi_axes() -> None:
    corner, flat = figures.side_by_side(*_gradients().values()).axes
    ellipse, first, _, points = corner.lines
    np.testing.assert_array_equal(points.get_xydata(), GRADIENTS)
    # x is on the ellipse where xᵀ (GᵀG ÷ 9)⁻¹ x = 1.
    inverse = np.linalg.inv(GRADIENTS.T @ GRADIENTS / 9)
    for line in (ellipse, first):
        np.testing.assert_allclose(np.einsum("ij,jk,ik->i", line.get_xydata(), inverse, line.get_xydata()), 1)
    assert corner.get_ylim() == corner.get_xlim()[::-1] == flat.get_ylim()  # rows are counted downwards
    assert corner.get_xlim()[1] > np.abs(GRADIENTS).max()


# SVG


@pytest.fixture(scope="module")
def drawn(data: Data) -> dict[str, str]:
    return {name: figures.svg(draw(data), name) for name, draw in DRAWINGS.items()}


def _parsed(text: str) -> Element:
    return fromstring(text.replace("xlink:href", "href"))


def test_an_svg_is_one_element_that_refers_to_nothing_outside_itself(drawn: dict[str, str]) -> None:
    for name, text in drawn.items():
        root = _parsed(text)
        assert root.tag == "svg"
        assert not {"width", "height"} & root.attrib.keys()  # the page's style sets them
        assert not re.search(rf"https?://|@import|font-family|DejaVu|<!DOCTYPE|<\?xml|\bid=\"(?!{name}-)", text)
        identifiers = {element.attrib["id"] for element in root.iter() if "id" in element.attrib}
        for reference in (first or second for first, second in re.findall(r'href="([^"]*)"|url\(([^)]*)\)', text)):
            assert reference.startswith("data:image/png;base64,") or reference.removeprefix("#") in identifiers


def test_an_svg_follows_the_theme_and_keeps_words_as_text(drawn: dict[str, str], data: Data) -> None:
    for name, text in drawn.items():
        assert not re.search(r"#24292f|#d0d7de|#000000", text), name
    assert "var(--line)" in drawn["votes"]
    words = ["".join(element.itertext()).strip() for element in _parsed(drawn["learning_curves"]).iter("text")]
    assert {"epoch", "mean cross-entropy (nats)"} <= set(words)
    assert figures.svg(DRAWINGS["votes"](data), "votes") == drawn["votes"]


def test_the_marks_of_a_class_are_found_in_an_svg_in_the_order_of_its_points(drawn: dict[str, str], data: Data) -> None:
    root, labels = _parsed(drawn["class_scatter_glyphs"]), data["labels"][:300]
    groups = [root.find(f".//g[@id='class_scatter_glyphs-class-{k}']") for k in range(10)]
    marks = [use for group in groups if group is not None for use in group.iter("use")]
    placed = np.array([[float(use.attrib["x"]), -float(use.attrib["y"])] for use in marks])
    expected = data["points"][:300][np.argsort(labels, kind="stable")]
    for axis in (0, 1):
        slope, offset = np.polyfit(expected[:, axis], placed[:, axis], 1)
        assert slope > 0
        np.testing.assert_allclose(placed[:, axis], slope * expected[:, axis] + offset, atol=0.02)
