"""Every figure shows its data, leaves no state behind, and has a preview small enough for an event log."""

from __future__ import annotations

import io
import itertools
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from xml.etree.ElementTree import Element, fromstring

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib._pylab_helpers import Gcf
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox
from PIL import Image

from mnist_pipeline import evaluation, harris, pca
from mnist_pipeline.data.catalogue import FASHION_MNIST, KNOWN
from mnist_pipeline.data.datasets import CLASS_NAMES, DigitSet, first_of_each_class
from mnist_pipeline.report import figures
from mnist_pipeline.robustness import Curves

KS = [2, 3, 5, 10, 20, 50, 100]
PREVIEW_BYTES = 30_000

CALIBRATION = evaluation.Calibration(
    counts=[0, 40, 0, 160], confidence=[0, 0.4, 0, 0.95], accuracy=[0, 0.5, 0, 0.9], expected_error=0.06
)
CURVES = Curves("Scale", "factor", 1.0, [0.7, 1.0, 1.3], {"knn": [0.6, 0.97, 0.5], "cnn": [0.95, 0.99, 0.9]})
DRAWINGS: dict[str, Callable[[RealData], Figure]] = {}


class RealData:
    """What the figures are drawn from: the real digits, and what the methods make of them."""

    def __init__(self, train: DigitSet, test: DigitSet) -> None:
        self.train, self.test = train, test
        self.digits = first_of_each_class(train)
        self.mean = pca.mean(train.images)
        sample = train.images[:2_000]
        self.covariance = pca.covariance(pca.center(sample, pca.mean(sample)))
        self.values, self.vectors = pca.eigendecomposition(self.covariance)
        self.generator = np.random.default_rng(0)

    def reconstructions(self, k: int) -> np.ndarray:
        components = self.vectors[:, :k]
        back = pca.reconstruct(pca.project(self.digits, self.mean, components), self.mean, components)
        return back.reshape(self.digits.shape)

    def evaluation(self, share_of_errors: float) -> evaluation.Evaluation:
        wrong = self.generator.random(len(self.test.labels)) < share_of_errors
        shift = self.generator.integers(1, 10, len(wrong))
        return evaluation.evaluate(self.test.labels, np.where(wrong, (self.test.labels + shift) % 10, self.test.labels))


@pytest.fixture(scope="module")
def data(train: DigitSet, test: DigitSet) -> RealData:
    return RealData(train, test)


def _drawing(draw: Callable[[RealData], Figure]) -> Callable[[RealData], Figure]:
    DRAWINGS[draw.__name__.removeprefix("_draw_")] = draw
    return draw


@_drawing
def _draw_digit_row(data: RealData) -> Figure:
    return figures.digit_row(data.digits, CLASS_NAMES, "The first training image of each class")


@_drawing
def _draw_sample(data: RealData) -> Figure:
    return figures.image_grid(data.train.images[:40], columns=10, title="The first training images")


@_drawing
def _draw_mean(data: RealData) -> Figure:
    return figures.mean_image(data.mean, 28)


@_drawing
def _draw_covariance(data: RealData) -> Figure:
    return figures.matrix(data.covariance, "Covariance of the pixels", "covariance (grey levels squared)")


@_drawing
def _draw_eigenvalues(data: RealData) -> Figure:
    return figures.eigenvalues(data.values, pca.explained_share(data.values))


@_drawing
def _draw_eigenvectors(data: RealData) -> Figure:
    return figures.eigenvectors(data.vectors[:, :20], 28, pca.explained_share(data.values)[:20])


@_drawing
def _draw_scatter_of_all(data: RealData) -> Figure:
    points = pca.project(data.train.images, data.mean, data.vectors[:, :2])
    return figures.class_scatter(points, data.train.labels, CLASS_NAMES)


@_drawing
def _draw_scatter_of_few(data: RealData) -> Figure:
    points = pca.project(data.train.images[:500], data.mean, data.vectors[:, :2])
    return figures.class_scatter(points, data.train.labels[:500], CLASS_NAMES)


@_drawing
def _draw_reconstructions(data: RealData) -> Figure:
    return figures.reconstructions(data.digits, np.stack([data.reconstructions(k) for k in KS]), KS)


@_drawing
def _draw_harris(data: RealData) -> Figure:
    responses = np.stack([harris.corner_response(image) for image in data.digits])
    corners = np.stack([harris.corners(response) for response in responses])
    return figures.harris_corners(data.digits, responses, corners)


@_drawing
def _draw_templates(data: RealData) -> Figure:
    means = np.stack([pca.mean(data.train.images[data.train.labels == k]) for k in range(10)]) - data.mean
    deviations = data.train.images.reshape(-1, 784)[:2_000].std(axis=0)
    return figures.templates(means, deviations, 28, CLASS_NAMES)


@_drawing
def _draw_kernels(data: RealData) -> Figure:
    return figures.kernels(data.generator.normal(size=(32, 5, 5)))


@_drawing
def _draw_learning_curves(data: RealData) -> Figure:
    epochs = np.arange(1, 21)
    return figures.learning_curves(
        1 / epochs, {"training": 1 - 0.1 / epochs, "held-out": 1 - 0.2 / epochs}, "Convolutional network"
    )


@_drawing
def _draw_reliability(data: RealData) -> Figure:
    return figures.reliability(CALIBRATION, "Convolutional network")


@_drawing
def _draw_confusion(data: RealData) -> Figure:
    counts = np.array(data.evaluation(0.08).confusion_matrix)
    return figures.confusion_matrix(counts, "Softmax regression: confusion", CLASS_NAMES)


@_drawing
def _draw_accuracies(data: RealData) -> Figure:
    return figures.accuracies({f"model {share:.0%}": data.evaluation(share) for share in (0.03, 0.08, 0.02, 0.01)})


ACROSS = {
    title: {
        model: (accuracy - more, accuracy - more - 0.01, accuracy - more + 0.005) for model, accuracy in known.items()
    }
    for known in [{"knn": 0.97, "softmax": 0.92, "mlp": 0.985, "cnn": 0.99}]
    for title, more in (("MNIST", 0.0), ("Fashion-MNIST", 0.1), ("Kuzushiji-MNIST", 0.05))
}


@_drawing
def _draw_across(data: RealData) -> Figure:
    return figures.across(ACROSS)


@_drawing
def _draw_confusion_of_long_names(data: RealData) -> Figure:
    counts = np.array(data.evaluation(0.08).confusion_matrix)
    return figures.confusion_matrix(counts, "CNN: confusion", FASHION_MNIST.class_names)


@_drawing
def _draw_robustness(data: RealData) -> Figure:
    return figures.robustness([CURVES] * 7)


@_drawing
def _draw_all_panels(data: RealData) -> Figure:
    return figures.side_by_side(*_panels(data).values(), size=(3, 3))


def _panels(data: RealData) -> dict[str, figures.Panel]:
    """Each panel as the report draws it."""
    shares = np.array([0.5, 0.8, 0.9])
    points = pca.project(data.train.images[:300], data.mean, data.vectors[:, :2])
    response = harris.corner_response(data.digits[4])
    return {
        "eigenvalue_panel": figures.eigenvalue_panel(data.values, logarithmic=True),
        "share_panel": figures.share_panel(pca.explained_share(data.values)),
        "loss_panel": figures.loss_panel(1 - shares, "Softmax regression"),
        "accuracy_panel": figures.accuracy_panel({"training": shares, "held-out": shares / 2}, "MLP"),
        "votes_panel": figures.votes_panel([1, 2, 3], {"nearest": shares, "smallest": shares / 2}),
        "reliability_panel": figures.reliability_panel(CALIBRATION, "CNN: reliability"),
        "robustness_panel": figures.robustness_panel(CURVES),
        "across_panel": figures.across_panel(ACROSS),
        "gradients_panel": figures.gradients_panel(harris.places(data.digits[4], response)["corner"], "Gradients", 200),
        "glyph_scatter_panel": figures.glyph_scatter_panel(points, data.train.labels[:300], CLASS_NAMES),
        "accuracies_panel": figures.accuracies_panel({"CNN": data.evaluation(0.01), "kNN": data.evaluation(0.03)}),
    }


@_drawing
def _draw_neighbor_errors(data: RealData) -> Figure:
    return figures.neighbor_errors(
        data.test.images[:20],
        ["4 → 9"] * 20,
        data.train.images[:60].reshape(20, 3, 28, 28),
        [["9", "9", "4"]] * 20,
    )


# What holds of every figure


@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS.keys())
def test_a_figure_leaves_no_state_and_its_preview_stays_small(
    draw: Callable[[RealData], Figure], data: RealData
) -> None:
    settings_before = dict(mpl.rcParams)
    figure = draw(data)
    assert isinstance(figure, Figure)
    picture = figures.png(figure)
    assert not hasattr(figure, "number")  # pyplot numbers the figures that it keeps
    assert Gcf.get_all_fig_managers() == []
    assert dict(mpl.rcParams) == settings_before

    full = Image.open(io.BytesIO(picture))
    assert full.format == "PNG"
    assert len(np.unique(np.asarray(full.convert("L")))) > 2

    small = figures.preview(picture)
    assert len(small) < PREVIEW_BYTES
    shown = Image.open(io.BytesIO(small))
    assert shown.format == "PNG"
    assert shown.width <= 480
    assert abs(shown.height - full.height * shown.width / full.width) <= 1
    # The same picture: the two agree where both are smoothed down to a few pixels.
    thumbs = [np.asarray(image.convert("L").resize((12, 12), Image.Resampling.BOX), float) for image in (full, shown)]
    assert np.abs(thumbs[0] - thumbs[1]).max() < 16


def test_every_plot_and_every_panel_of_the_module_is_drawn_here() -> None:
    plots = {
        name
        for name, function in vars(figures).items()
        if not name.startswith("_") and getattr(function, "__annotations__", {}).get("return") in {"Figure", "Panel"}
    }
    drawn = {name for draw in (*DRAWINGS.values(), _panels) for name in draw.__code__.co_names}
    assert plots <= drawn


def test_gradients_of_several_places_have_the_same_axes(data: RealData) -> None:
    places = harris.places(data.digits[4], harris.corner_response(data.digits[4]))
    panels = figures.gradients(places)
    assert list(panels) == ["corner", "edge", "flat"]
    limits = {(axes.get_xlim(), axes.get_ylim()) for axes in figures.side_by_side(*panels.values()).axes}
    ((horizontal, vertical),) = limits
    assert horizontal == vertical[::-1]
    assert horizontal[1] > max(np.abs(place.gradients).max() for place in places.values())


def test_the_same_data_give_the_same_bytes(data: RealData) -> None:
    pictures = [figures.png(DRAWINGS["scatter_of_few"](data)) for _ in range(2)]
    assert pictures[0] == pictures[1]
    assert figures.preview(pictures[0]) == figures.preview(pictures[1])


def test_a_picture_narrower_than_the_preview_keeps_its_size() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (200, 90), "white").save(buffer, format="png")
    assert Image.open(io.BytesIO(figures.preview(buffer.getvalue()))).size == (200, 90)


def test_drawing_does_not_import_pyplot() -> None:
    program = (
        "import sys; import numpy as np; from mnist_pipeline.report import figures\n"
        "figures.png(figures.confusion_matrix(np.eye(2, dtype=int), 'title', ['a', 'b']))\n"
        "sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


# What each shows


def test_a_grid_holds_every_image_in_its_place(data: RealData) -> None:
    images = data.train.images[:7]
    (axes,) = figures.image_grid(images, columns=3, captions=list("abcdefg")).axes
    mosaic = np.ma.filled(axes.images[0].get_array(), np.nan)
    assert [text.get_text() for text in axes.texts] == list("abcdefg")
    found = [(y, x) for image in images for y, x in [_place(mosaic, image)]]
    rows, columns = (sorted({place[axis] for place in found}) for axis in (0, 1))
    assert found == [(rows[i // 3], columns[i % 3]) for i in range(7)]


@pytest.mark.parametrize("name", KNOWN)
def test_captions_of_neighbours_in_a_grid_do_not_overlap(name: str, data: RealData) -> None:
    names = KNOWN[name].class_names
    long = sorted(range(10), key=lambda k: -len(names[k]))[:2] * 10
    for captions, columns in (
        ([figures.misread(names, k, long[0], "100%") for k in long], 10),
        ([figures.misread(names, k, long[0]) for k in long], 8),
        ([names[k] for k in long], 10),
    ):
        figure = figures.image_grid(data.train.images[:20], columns, captions)
        boxes = _boxes(figure, figure.axes[0].texts)
        assert not any(first.overlaps(second) for first, second in itertools.combinations(boxes, 2))


@pytest.mark.parametrize("name", KNOWN)
def test_names_of_classes_do_not_overlap_beside_a_confusion_matrix(name: str, data: RealData) -> None:
    names = KNOWN[name].class_names
    figure = figures.confusion_matrix(np.full((10, 10), 1_000), "Confusion", names)
    (axes,) = figure.axes
    for labels, axis in ((axes.get_xticklabels(), 0), (axes.get_yticklabels(), 1)):
        assert [label.get_text() for label in labels] == list(names)
        starts = [box.min[axis] for box in _boxes(figure, labels)]
        if axis == 1:
            boxes = _boxes(figure, labels)
            assert not any(first.overlaps(second) for first, second in itertools.combinations(boxes, 2))
        assert min(starts) >= 0
    bottom = min(box.ymin for box in _boxes(figure, axes.get_xticklabels()))
    (title,) = _boxes(figure, [axes.xaxis.label])
    assert title.ymax <= bottom + 1


def test_long_names_have_a_mark_in_the_scatter_and_the_legend_tells_which() -> None:
    labels = np.arange(10)
    points = np.stack([labels, labels], axis=1).astype(float)
    (axes,) = figures.side_by_side(figures.glyph_scatter_panel(points, labels, FASHION_MNIST.class_names)).axes
    legend = axes.get_legend()
    assert legend
    assert [text.get_text() for text in legend.get_texts()] == list(FASHION_MNIST.class_names)
    assert len({handle.get_marker() for handle in legend.legend_handles}) == 10  # type: ignore[union-attr]


def _boxes(figure: Figure, texts: Sequence[Text]) -> list[Bbox]:
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    return [text.get_window_extent(renderer) for text in texts]


def _place(mosaic: np.ndarray, image: np.ndarray) -> tuple[int, int]:
    """Where in the mosaic the image stands, in one place only."""
    windows = np.lib.stride_tricks.sliding_window_view(mosaic, image.shape)
    ((y, x),) = np.argwhere((windows == image).all(axis=(2, 3)))
    return int(y), int(x)


def test_a_symmetric_grid_scales_each_image_by_its_largest_magnitude() -> None:
    images = np.array([[[0.0, -4.0]], [[0.5, 0.25]], [[0.0, 0.0]]])
    (axes,) = figures.image_grid(images, columns=3, symmetric=True).axes
    values = np.ma.filled(axes.images[0].get_array(), np.nan)
    assert axes.images[0].get_clim() == (-1, 1)
    for scaled in ([[0, -1]], [[1, 0.5]], [[0, 0]]):
        _place(values, np.array(scaled))


def test_the_scatter_shows_every_point_in_the_colour_of_its_class() -> None:
    points = np.random.default_rng(0).normal(size=(200, 2))
    labels = np.arange(200) % 10
    (axes,) = figures.class_scatter(points, labels, CLASS_NAMES).axes
    legend = axes.get_legend()
    colors = {
        text.get_text(): mpl.colors.to_hex(handle.get_color())
        for text, handle in zip(legend.get_texts(), legend.legend_handles)
    }
    assert list(colors) == list(CLASS_NAMES)
    assert len(set(colors.values())) == 10
    drawn = {(x, y): mpl.colors.to_hex(line.get_color()) for line in axes.lines for x, y in line.get_xydata().tolist()}
    assert drawn == {tuple(point): colors[CLASS_NAMES[label]] for point, label in zip(points.tolist(), labels)}


def test_reconstructions_stand_below_the_originals_and_are_clipped_when_drawn(data: RealData) -> None:
    images = np.stack([data.reconstructions(k) for k in KS])
    assert images.min() < 0  # else there is nothing to clip
    (axes,) = figures.reconstructions(data.digits, images, KS).axes
    mosaic = np.asarray(axes.images[0].get_array())
    np.testing.assert_array_equal(mosaic[:28, 3 * 28 : 4 * 28], data.digits[3])
    np.testing.assert_array_equal(mosaic[2 * 28 : 3 * 28, :28], np.clip(images[1, 0], 0, 255))
    assert [label.get_text() for label in axes.get_yticklabels()] == ["original", *(f"k = {k}" for k in KS)]


def test_every_corner_is_marked_on_its_digit(data: RealData) -> None:
    corners = np.zeros((10, 28, 28), bool)
    corners[0, 3, 5] = corners[7, 20, 1] = True
    top, bottom = figures.harris_corners(data.digits, np.zeros((10, 28, 28)), corners).axes
    assert top.lines[0].get_xydata().tolist() == [[5, 3], [7 * 28 + 1, 20]]
    assert np.isfinite(bottom.images[0].get_array()).all()


def test_the_matrix_of_zeros_and_of_one_sign_keep_zero_in_the_middle() -> None:
    for values in (np.zeros((3, 3)), np.full((3, 3), 5.0)):
        low, high = figures.matrix(values, "title", "label").axes[0].images[0].get_clim()
        assert low == -high < 0


def test_the_confusion_matrix_prints_every_count_in_its_cell() -> None:
    counts = np.array([[9_801, 0, 3], [1, 50, 0], [0, 2, 7]])
    (axes,) = figures.confusion_matrix(counts, "title", ["a", "b", "c"]).axes
    printed = {tuple(map(int, text.get_position())): text.get_text() for text in axes.texts}
    assert printed == {(column, row): f"{count:,}" for (row, column), count in np.ndenumerate(counts) if count}
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted class", "true class")


def test_a_confusion_matrix_without_an_error_can_be_drawn() -> None:
    assert figures.png(figures.confusion_matrix(np.diag([3, 4]), "title", ["a", "b"]))


def test_models_stand_in_the_order_of_their_accuracy_with_interval_and_figure(data: RealData) -> None:
    evaluations = {name: data.evaluation(share) for name, share in {"b": 0.05, "c": 0.2, "a": 0.01}.items()}
    (axes,) = figures.accuracies(evaluations).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["c", "b", "a"]  # from below
    for row, name in enumerate("cba"):
        interval, point = axes.lines[2 * row : 2 * row + 2]
        np.testing.assert_allclose(interval.get_xdata(), 100 * np.array(evaluations[name].interval))
        np.testing.assert_allclose(point.get_xdata(), 100 * evaluations[name].accuracy)
        assert axes.texts[row].get_text() == f"{100 * evaluations[name].accuracy:.2f}%"


def test_learning_curves_show_each_epoch_from_the_first(data: RealData) -> None:
    loss = np.array([3.0, 2.0, 1.0])
    left, right = figures.learning_curves(loss, {"training": 1 - loss / 10, "held-out": loss / 10}, "title").axes
    assert left.lines[0].get_xydata().tolist() == [[1, 3], [2, 2], [3, 1]]
    np.testing.assert_allclose(right.lines[0].get_ydata(), [70, 80, 90])
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["training", "held-out"]


def test_curves_of_eigenvalues_name_the_components_for_each_share(data: RealData) -> None:
    linear, logarithmic, right = figures.eigenvalues(data.values, pca.explained_share(data.values)).axes
    assert (linear.get_yscale(), logarithmic.get_yscale()) == ("linear", "log")
    positive = data.values[data.values > 1e-12 * data.values[0]]
    for axes in (linear, logarithmic):
        np.testing.assert_array_equal(axes.lines[0].get_ydata(), positive)
        np.testing.assert_array_equal(axes.lines[0].get_xdata(), np.arange(1, len(positive) + 1))
    assert [text.get_text() for text in right.texts] == [
        f"{share:.0%}: {pca.components_for_share(data.values, share)}" for share in (0.8, 0.9, 0.95)
    ]


def test_neighbours_stand_below_the_image_that_they_mislead(data: RealData) -> None:
    images, neighbors = data.test.images[:2], data.train.images[:6].reshape(2, 3, 28, 28)
    (axes,) = figures.neighbor_errors(images, ["p", "q"], neighbors, [["p1", "p2", "p3"], ["q1", "q2", "q3"]]).axes
    assert [text.get_text() for text in axes.texts] == ["p", "q", "p1", "q1", "p2", "q2", "p3", "q3"]
    mosaic = np.ma.filled(axes.images[0].get_array(), np.nan)
    for image, near in zip(images, neighbors, strict=True):
        places = [_place(mosaic, picture) for picture in (image, *near)]
        assert len({x for _, x in places}) == 1
        assert [y for y, _ in places] == sorted({y for y, _ in places})


# Panels


UNITS = {
    "eigenvalue_panel": ("component", "variance (grey levels²)"),
    "share_panel": ("components k", "share of variance (%)"),
    "loss_panel": ("epoch", "mean cross-entropy (nats)"),
    "accuracy_panel": ("epoch", "accuracy (%)"),
    "votes_panel": ("neighbours k", "accuracy (%)"),
    "reliability_panel": ("confidence (%)", "accuracy (%)"),
    "robustness_panel": ("factor", "accuracy (%)"),
    "gradients_panel": ("I_x (grey levels a pixel)", "I_y (grey levels a pixel)"),
    "glyph_scatter_panel": ("first component (grey levels)", "second component (grey levels)"),
    "accuracies_panel": ("accuracy (%)", ""),  # models stand along its other axis
}


def _axes(panel: figures.Panel) -> Axes:
    (axes,) = figures.side_by_side(panel).axes
    return axes


@pytest.mark.parametrize("name", UNITS)
def test_a_panel_has_a_title_and_names_what_its_axes_count_in(name: str, data: RealData) -> None:
    axes = _axes(_panels(data)[name])
    assert axes.get_title()
    assert (axes.get_xlabel(), axes.get_ylabel()) == UNITS[name]


def test_panels_stand_side_by_side_in_their_order(data: RealData) -> None:
    panels = _panels(data)
    figure = figures.side_by_side(panels["loss_panel"], panels["votes_panel"], size=(3, 2))
    assert tuple(figure.get_size_inches()) == (6, 2)
    assert [axes.get_ylabel() for axes in figure.axes] == ["mean cross-entropy (nats)", "accuracy (%)"]


def test_panels_stand_in_rows_of_so_many() -> None:
    titles = ["first", "second", "third"]
    figure = figures.side_by_side(*(figures.loss_panel(np.ones(2), title) for title in titles), size=(3, 2), columns=2)
    assert tuple(figure.get_size_inches()) == (6, 4)
    first, second, third = (axes.get_position() for axes in figure.axes)
    assert first.y0 == second.y0 > third.y1
    assert first.x0 == third.x0 < second.x0
    assert len({(round(box.width, 9), round(box.height, 9)) for box in (first, second, third)}) == 1


def test_the_linear_and_the_logarithmic_eigenvalues_are_the_same_without_those_of_rounding() -> None:
    values = np.array([100.0, 10.0, 1e-3, 1e-14, -1e-15])
    for logarithmic in (False, True):
        axes = _axes(figures.eigenvalue_panel(values, logarithmic=logarithmic))
        assert axes.lines[0].get_xydata().tolist() == [[1, 100], [2, 10], [3, 1e-3]]
        assert ("logarithmic" in axes.get_title()) == logarithmic


def test_the_share_panel_marks_where_each_share_is_reached() -> None:
    shares = np.array([0.5, 0.8, 0.85, 0.92, 0.96, 1.0])
    axes = _axes(figures.share_panel(shares))
    curve, *marks = axes.lines
    np.testing.assert_allclose(curve.get_ydata(), 100 * shares)
    assert [mark.get_xydata().tolist()[0] for mark in marks] == [[2, 80], [4, 92], [5, 96]]
    assert [text.get_text() for text in axes.texts] == ["80%: 2", "90%: 4", "95%: 5"]


def test_votes_are_shown_for_each_k_and_each_rule() -> None:
    axes = _axes(figures.votes_panel([1, 2, 5], {"nearest": [0.9, 0.91, 0.92], "smallest": [0.9, 0.85, 0.91]}))
    assert [line.get_xdata().tolist() for line in axes.lines] == [[1, 2, 5]] * 2
    np.testing.assert_allclose([line.get_ydata() for line in axes.lines], [[90, 91, 92], [90, 85, 91]])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["nearest", "smallest"]
    assert len({line.get_marker() for line in axes.lines}) == 2


def test_epochs_and_neighbours_are_counted_in_whole_numbers() -> None:
    for panel in (
        figures.loss_panel(np.array([3.0, 1.0]), "title"),
        figures.accuracy_panel({"training": np.array([0.5, 0.9])}, "title"),
        figures.votes_panel([1, 2], {"nearest": [0.5, 0.9]}),
    ):
        ticks = _axes(panel).xaxis.get_majorticklocs()
        np.testing.assert_array_equal(ticks, np.round(ticks))


def test_reliability_shows_the_bins_that_are_not_empty_with_their_intervals() -> None:
    axes = _axes(figures.reliability_panel(CALIBRATION, "title"))
    diagonal, points = axes.lines
    assert diagonal.get_xydata().tolist() == [[0, 0], [100, 100]]
    np.testing.assert_allclose(points.get_xydata(), [[40, 50], [95, 90]])
    segments = axes.collections[0].get_segments()
    for (bottom, top), confidence, successes, count in zip(segments, (40, 95), (20, 144), (40, 160), strict=True):
        low, high = evaluation.wilson_interval(successes, count)
        np.testing.assert_allclose([bottom, top], [[confidence, 100 * low], [confidence, 100 * high]])


def test_robustness_shows_each_model_by_amount_and_where_nothing_is_disturbed() -> None:
    axes = _axes(figures.robustness_panel(CURVES))
    neutral, *lines = axes.lines
    assert set(neutral.get_xdata()) == {1}
    assert [line.get_xdata().tolist() for line in lines] == [[0.7, 1, 1.3]] * 2
    np.testing.assert_allclose([line.get_ydata() for line in lines], [[60, 97, 50], [95, 99, 90]])
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "k-nearest neighbours",
        "Convolutional network",
    ]
    assert len({line.get_color() for line in lines}) == len({line.get_marker() for line in lines}) == 2


def test_a_model_that_is_always_sure_and_right_has_a_reliability_panel() -> None:
    calibration = evaluation.calibrate(np.arange(10), np.eye(10))
    (figure,) = (figures.side_by_side(figures.reliability_panel(calibration, "title")),)
    assert figure.axes[0].lines[1].get_xydata().tolist() == [[100, 100]]


def test_the_ellipse_has_the_root_mean_squares_of_the_gradients_as_its_semi_axes() -> None:
    generator = np.random.default_rng(0)
    gradients = generator.normal(size=(9, 2)) @ [[30, 10], [0, 5]]
    values, vectors = np.linalg.eigh(gradients.T @ gradients)
    place = harris.Place(3, 4, gradients, values[::-1], vectors[:, ::-1], 1.0)
    axes = _axes(figures.gradients_panel(place, "title", limit=100))
    ellipse, first, second, points = axes.lines
    np.testing.assert_array_equal(points.get_xydata(), gradients)
    for axis, direction in zip((first, second), place.eigenvectors.T):
        along = np.sqrt(np.mean((gradients @ direction) ** 2))
        np.testing.assert_allclose(axis.get_xydata(), [-along * direction, along * direction])
    # x is on the ellipse where xᵀ (GᵀG ÷ 9)⁻¹ x = 1.
    on_it = np.einsum(
        "ij,jk,ik->i", *[ellipse.get_xydata(), np.linalg.inv(gradients.T @ gradients / 9)], ellipse.get_xydata()
    )
    np.testing.assert_allclose(on_it, 1)
    assert (axes.get_xlim(), axes.get_ylim()) == ((-100, 100), (100, -100))  # rows are counted downwards
    assert axes.get_aspect() == 1


def test_each_point_is_drawn_as_the_name_of_its_class_in_its_colour() -> None:
    points, labels = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 3
    axes = _axes(figures.glyph_scatter_panel(points, labels, ["a", "b", "c", "absent"]))
    assert len(axes.collections) == 4
    for k, drawn in enumerate(axes.collections):
        np.testing.assert_array_equal(np.asarray(drawn.get_offsets()).reshape(-1, 2), points[labels == k])
        assert drawn.get_gid() == f"class-{k}"
    assert "60 images" in axes.get_title()
    assert len({tuple(drawn.get_facecolors()[0]) for drawn in axes.collections[:3]}) == 3


# Figures as a part of a page


@pytest.fixture(scope="module")
def drawn(data: RealData) -> dict[str, str]:
    """Each panel as SVG, and a figure with a raster image."""
    panels = {name: figures.svg(figures.side_by_side(panel), name) for name, panel in _panels(data).items()}
    return {**panels, "mean": figures.svg(figures.mean_image(data.mean, 28), "mean")}


def test_an_svg_is_one_element_that_refers_to_nothing_outside_itself(drawn: dict[str, str]) -> None:
    for name, text in drawn.items():
        root = _parsed_svg(text)
        assert root.tag == "svg"
        assert "viewBox" in root.attrib
        assert not {"width", "height"} & root.attrib.keys()  # the page's style sets them
        assert not re.search(rf"https?://|@import|font-family|DejaVu|<!DOCTYPE|<\?xml|\bid=\"(?!{name}-)", text)
        references = re.findall(r'href="([^"]*)"|url\(([^)]*)\)', text)
        identifiers = {element.attrib["id"] for element in root.iter() if "id" in element.attrib}
        for reference in (first or second for first, second in references):
            assert reference.startswith("data:image/png;base64,") or reference.removeprefix("#") in identifiers


def _parsed_svg(text: str) -> Element:
    return fromstring(text.replace("xlink:href", "href"))


def test_several_svgs_of_one_page_share_no_identifier(drawn: dict[str, str], data: RealData) -> None:
    again = figures.svg(figures.side_by_side(_panels(data)["loss_panel"]), "another")
    page = [*drawn.values(), again]
    identifiers = [identifier for text in page for identifier in re.findall(r'\bid="([^"]*)"', text)]
    assert len(identifiers) == len(set(identifiers)) > 200


def test_text_and_lines_of_an_svg_follow_the_theme_and_data_keep_their_colours(drawn: dict[str, str]) -> None:
    for text in drawn.values():
        assert "var(--ink)" in text
        assert not re.search(r"#24292f|#d0d7de|#000000", text)
    assert "var(--line)" in drawn["loss_panel"]
    for color in figures.COLORS:
        assert color in drawn["glyph_scatter_panel"]


def test_words_of_an_svg_stay_words(drawn: dict[str, str]) -> None:
    told = ["".join(element.itertext()).strip() for element in _parsed_svg(drawn["loss_panel"]).iter("text")]
    assert {"epoch", "mean cross-entropy (nats)", "Softmax regression: training loss"} <= set(told)


def test_the_same_panel_gives_the_same_svg(drawn: dict[str, str], data: RealData) -> None:
    for name in ("glyph_scatter_panel", "gradients_panel", "votes_panel"):
        assert figures.svg(figures.side_by_side(_panels(data)[name]), name) == drawn[name]


def test_the_marks_of_a_class_are_found_in_an_svg_in_the_order_of_its_points(
    drawn: dict[str, str], data: RealData
) -> None:
    labels = data.train.labels[:300]
    points = pca.project(data.train.images[:300], data.mean, data.vectors[:, :2])
    groups = {
        element.attrib["id"]: element
        for element in _parsed_svg(drawn["glyph_scatter_panel"]).iter("g")
        if "id" in element.attrib
    }
    placed = np.concatenate(
        [
            [
                [float(use.attrib["x"]), -float(use.attrib["y"])]
                for use in groups[f"glyph_scatter_panel-class-{k}"].iter("use")
            ]
            for k in range(10)
        ]
    )
    expected = points[np.argsort(labels, kind="stable")]
    assert placed.shape == expected.shape
    for axis in (0, 1):
        slope, offset = np.polyfit(expected[:, axis], placed[:, axis], 1)
        assert slope > 0
        np.testing.assert_allclose(placed[:, axis], slope * expected[:, axis] + offset, atol=0.02)


def test_an_svg_is_rounded_to_hundredths_and_no_further() -> None:
    panel = figures.loss_panel(np.array([1.0, 0.123456789]), "title")
    text = figures.svg(figures.side_by_side(panel), "loss")
    decimals = [len(digits) for path in re.findall(r' d="([^"]*)"', text) for digits in re.findall(r"\.(\d+)", path)]
    assert max(decimals) == 2
