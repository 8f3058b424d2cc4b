"""Every figure shows its data in the project's own style, and has a preview small enough for an
event log.
"""

import io
import itertools
import os
import re
import subprocess
import sys
import warnings
from typing import Any
from xml.etree.ElementTree import fromstring

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from PIL import Image

from mnist_pipeline.data.catalogue import FASHION_MNIST
from mnist_pipeline.data.color import grey
from mnist_pipeline.evaluation import robustness, scores
from mnist_pipeline.evaluation.experiments import Curve
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.report import assembly, figures
from mnist_pipeline.report.content import Values
from mnist_pipeline.report.figures import encoding, style

ARC = "\N{ARC}"  # Matplotlib's default font has no such character
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (40, 28, 28)).astype(np.uint8)
NAMES = FASHION_MNIST.class_names
BY_SIZE = [
    Curve(name, "default", [100, 1_000, 55_000], [[0.7, 0.75], [0.88], [0.97]]) for name in MODELS
]


@pytest.fixture(scope="module")
def drawn(composed, values) -> dict[str, Figure]:
    """The figures, for tests that don't change them."""
    return draw(composed, values)


def draw(composed: dict[str, Any], values: Values) -> dict[str, Figure]:
    """The charts of the page, and other figures of assets."""
    digits, points = grey(values["digit_images"]), values["projections"][:, :2]
    rebuilt, counts = values["reconstructions"], values["softmax_evaluation"].confusion_matrix
    weights = values["softmax_model"].weights
    return {
        **assembly.merged("charts", composed, values),
        "image_grid": figures.image_grid(IMAGES, 10, title="The first training images"),
        "covariance": figures.covariance(values["covariance"]),
        "eigenvectors": figures.eigenvectors(*values["eigendecomposition"], 28),
        "scatter_of_names": figures.class_scatter(points, values["train_digits"].labels, NAMES),
        "reconstructions": figures.reconstructions(digits, rebuilt.images, [2] * len(rebuilt[0])),
        "corners": figures.harris_corners(digits, values["harris_corners"].corners),
        "templates": figures.templates(weights, np.ones(784), (28, 28), NAMES),
        "arrows": figures.arrows(RNG.normal(size=(12, 7, 7, 8)), NAMES),
        "confusion": figures.confusion_matrix(np.array(counts), "Confusion", NAMES),
        "learning": figures.side_by_side(
            *figures.learning_panels([2, 1], {"training": [0.7, 0.8]}, "Softmax").values()
        ),
        "by_size": figures.accuracy_by_size(BY_SIZE, 10_000),
    }


def test_a_figure_is_titled_not_cut_off_leaves_no_state_and_has_a_small_preview(drawn):
    settings_before = dict(mpl.rcParams)
    for name, figure in drawn.items():
        picture = figures.rendered(figure)
        assert all(axes.get_title() for axes in figure.axes), name
        assert _is_within(figure, figure.canvas.get_renderer()), name  # of this picture
        shown = Image.open(io.BytesIO(figures.preview(picture)))
        assert shown.width <= 480
        full, scaled = (
            image.convert("L").resize((12, 12), Image.Resampling.BOX) for image in (picture, shown)
        )
        assert np.abs(np.asarray(full, float) - np.asarray(scaled, float)).max() < 16, name
    assert dict(mpl.rcParams) == settings_before


def test_the_legend_of_many_classes_has_their_full_names_within_the_figure():
    names = [f"chevron_green-white-black-{k}" for k in range(10, 50)]
    figure = figures.class_scatter(RNG.normal(size=(80, 2)), np.arange(80) % 40, names)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == names
    assert _is_within(figure, _draw(figure))


DIGEST = """
import hashlib, sys
import numpy as np
from mnist_pipeline.report import assembly, figures
from mnist_pipeline.report.content import Values
figure = figures.confusion_matrix(np.eye(2, dtype=int), "title", ["a", "b"])
content = figures.encoded(figures.rendered(figure)) + figures.svg(figure, "name").encode()
print(hashlib.sha256(content).hexdigest())
assert "matplotlib.pyplot" not in sys.modules
"""


def test_neither_a_users_settings_nor_the_backend_of_a_notebook_change_a_figure(tmp_path):
    (tmp_path / "matplotlibrc").write_text(
        "text.usetex: True\nfont.size: 20\naxes.facecolor: red\nsavefig.dpi: 40\n"
    )
    backend = "module://matplotlib_inline.absent"
    user = {"MATPLOTLIBRC": str(tmp_path), "MPLBACKEND": backend}
    digests = {
        subprocess.run(
            [sys.executable, "-c", DIGEST],
            env=os.environ | settings,
            check=True,
            capture_output=True,
        ).stdout
        for settings in ({}, user)
    }
    assert len(digests) == 1


def test_a_grid_shows_the_images_in_their_order():
    (axes,) = figures.image_grid(IMAGES[:7], columns=3, captions=list("abcdefg")).axes
    assert [text.get_text() for text in axes.texts] == list("abcdefg")
    mosaic = np.ma.filled(axes.images[0].get_array(), np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(mosaic, (28, 28))
    positions = [tuple(np.argwhere((windows == image).all(axis=(2, 3)))[0]) for image in IMAGES[:7]]
    rows, columns = (sorted({position[axis] for position in positions}) for axis in (0, 1))
    assert positions == [(rows[i // 3], columns[i % 3]) for i in range(7)]


def test_a_weight_of_a_pixel_that_is_always_blank_is_not_shown():
    weights, deviations = np.random.default_rng(0).normal(size=(2, 784)), np.ones((28, 28))
    deviations[:, :14] = 0
    (axes,) = figures.templates(weights, deviations.ravel(), (28, 28), ["a", "b"]).axes
    first = np.ma.filled(axes.images[0].get_array(), np.nan)[:28, :28]
    assert (first[:, :14] == 0).all()
    shown = weights[0].reshape(28, 28)[:, 14:]
    np.testing.assert_allclose(first[:, 14:], shown / np.abs(shown).max())


def test_names_do_not_overlap(drawn):
    long = ["name with $_{$ in it", *(name * 3 for name in NAMES[1:])]
    for figure in (
        figures.image_grid(IMAGES[:20], 10, long * 2),
        figures.confusion_matrix(np.full((2, 2), 1_000), "Confusion", long[:2]),
        *(drawn[name] for name in ("by_size", "robustness_shift", "votes", "accuracies")),
    ):
        axes, renderer = figure.axes[0], _draw(figure)
        texts = [axes.title, axes.xaxis.label, *axes.texts, *axes.get_yticklabels()]
        texts += [text for legend in figure.legends for text in legend.get_texts()]
        boxes = [text.get_window_extent(renderer) for text in texts if text.get_text()]
        pairs = itertools.combinations(boxes, 2)
        assert not any(first.overlaps(second) for first, second in pairs)


def _draw(figure: Figure) -> RendererAgg:
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    return renderer


def _is_within(figure: Figure, renderer: RendererAgg) -> bool:
    """Whether nothing of a figure that was drawn is cut off."""
    parts = [*figure.axes, *figure.legends]
    box = Bbox.union([part.get_tightbbox(renderer) for part in parts])
    return bool(min(box.p0) > -3 and (box.p1 < figure.bbox.p1 + 3).all())


def test_a_font_is_found_for_characters_that_the_default_font_lacks(monkeypatch):
    def drawn(paths: list[str]) -> bytes:
        monkeypatch.setattr(encoding, "findSystemFonts", lambda: paths)
        encoding.fallback_fonts.cache_clear()
        figure = figures.confusion_matrix(np.eye(2, dtype=int), "title", [ARC, "b"])
        assert ARC in figures.svg(figure, "name")
        return figures.encoded(figures.rendered(figure))

    has_arc = mpl.font_manager.findfont("DejaVu Sans Mono")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert drawn([]) != drawn([__file__, has_arc])


def test_the_confusion_matrix_prints_every_count_in_its_cell():
    counts = np.array([[9_801, 0, 3], [1, 50, 0], [0, 2, 7]])
    (axes,) = figures.confusion_matrix(counts, "title", ["a", "b", "c"]).axes
    printed = {tuple(map(int, text.get_position())): text.get_text() for text in axes.texts}
    assert printed == {
        (column, row): f"{count:,}" for (row, column), count in np.ndenumerate(counts) if count
    }


@pytest.mark.parametrize("errors", [0, 30])
def test_counts_are_light_on_dark_cells_alone(errors):
    counts = np.array([[50, errors, 0], [errors // 30, 50, 0], [0, 0, 50]])
    (axes,) = figures.confusion_matrix(counts, "title", ["a", "b", "c"]).axes
    light = {text.get_text() for text in axes.texts if text.get_color() == "white"}
    assert light == ({"30"} if errors else set())


def test_each_of_many_classes_has_a_marker_and_a_colour_of_its_own():
    names = [f"long name {k}" for k in range(30)]
    labels = np.arange(30).repeat(2)
    (axes,) = figures.class_scatter(np.zeros((60, 2)), labels, names).axes
    looks = {(line.get_marker(), line.get_color()) for line in axes.lines}
    assert len(looks) == len(axes.lines) == 30


def test_curves_show_what_was_measured_with_its_intervals(drawn, values):
    def lines(name: str) -> list[np.ndarray]:
        return [np.array(line.get_xydata()) for line in drawn[name].axes[0].lines]

    model, calibration = values["cnn_model"], values["cnn_evaluation"].calibration
    for line, name in zip(lines("cnn_accuracy"), ("accuracy", "validation_accuracy"), strict=True):
        np.testing.assert_allclose(line[:, 1], 100 * getattr(model, name))
    eigenvalues = values["eigendecomposition"].eigenvalues
    (shown,) = lines("eigenvalues")
    np.testing.assert_array_equal(shown[:, 1], eigenvalues[: len(shown)])
    assert eigenvalues[len(shown)] < 1e-9 * eigenvalues[0]  # those that are zero are left out
    filled = np.flatnonzero(calibration.counts)
    points = 100 * np.array([calibration.confidence, calibration.accuracy]).T[filled]
    np.testing.assert_allclose(lines("reliability_cnn")[1], points)
    count, accuracy = calibration.counts[filled[0]], calibration.accuracy[filled[0]]
    (first, *_) = drawn["reliability_cnn"].axes[0].collections[0].get_segments()
    ends = 100 * np.array(scores.wilson_interval(count * accuracy, count))
    np.testing.assert_allclose(first[:, 1], ends)
    shift = robustness.curves(values["robustness"])["shift"]
    for line, accuracies in zip(lines("robustness_shift")[1:], shift.accuracies.values()):
        np.testing.assert_allclose(line.T, [shift.amounts, 100 * np.array(accuracies)])


def test_a_model_without_errors_is_still_shown_on_the_logarithmic_axis():
    curve = Curve("cnn", "default", [100, 1_000], [[0.9, 0.95], [1.0, 1.0]])
    (axes,) = figures.accuracy_by_size([curve], 500).axes
    (lowest, highest) = sorted(axes.get_ylim())
    for line in axes.lines:
        assert (np.asarray(line.get_ydata()) > 0).all()
    assert lowest <= np.min([line.get_ydata().min() for line in axes.lines]) < highest


def test_an_svg_follows_the_theme_and_refers_to_nothing_outside_itself(composed, values):
    for name, figure in draw(composed, values).items():
        text = figures.svg(figure, name)
        root = fromstring(text.replace("xlink:href", "href"))
        assert not {"width", "height"} & root.attrib.keys()  # the page's style sets them
        outside = rf"https?://|@import|font-family|<\?xml|\bid=\"(?!{name}-)"
        assert not re.search(f"{outside}|#24292f|#d0d7de|#000000", text)
        identifiers = {element.attrib["id"] for element in root.iter() if "id" in element.attrib}
        for pair in re.findall(r'href="([^"]*)"|url\(([^)]*)\)', text):
            reference = "".join(pair)
            is_image = reference.startswith("data:image/png;base64,")
            assert is_image or reference.removeprefix("#") in identifiers


def test_each_signed_image_has_the_whole_range_of_colours():
    images = np.eye(28) * np.array([1, -0.01, 0])[:, np.newaxis, np.newaxis]
    (axes,) = figures.image_grid(images, 3, signed=True).axes
    mosaic = np.ma.filled(axes.images[0].get_array(), np.nan)
    assert (np.nanmax(mosaic), np.nanmin(mosaic)) == (1, -1)


def test_a_small_picture_is_its_own_preview():
    picture = Image.new("RGB", (100, 40), "white")
    assert Image.open(io.BytesIO(figures.preview(picture))).size == picture.size


@pytest.mark.parametrize(("names", "expected"), [(["7", "cat"], False), (["7", "cats"], True)])
def test_names_of_more_than_three_characters_are_long(names, expected):
    assert style.are_long(names) is expected
