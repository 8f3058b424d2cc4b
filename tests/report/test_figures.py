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
from collections.abc import Callable
from pathlib import Path
from xml.etree.ElementTree import fromstring

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox
from PIL import Image

from mnist_pipeline.data.catalogue import FASHION_MNIST
from mnist_pipeline.data.records import CLASS_NAMES
from mnist_pipeline.evaluation import scores
from mnist_pipeline.evaluation.experiments import Curve
from mnist_pipeline.evaluation.robustness import Curves
from mnist_pipeline.methods.harris import Place
from mnist_pipeline.methods.table import MODELS
from mnist_pipeline.report import figures
from mnist_pipeline.report.figures import encoding

ARC = "\N{ARC}"  # Matplotlib's default font has no such character
RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (40, 28, 28)).astype(np.uint8)
LABELS = np.arange(300) % 10
POINTS = RNG.normal(size=(300, 2)) + LABELS[:, None]
EIGENVALUES = np.array([100.0, 10.0, 1e-3, 1e-14, -1e-15])
SHARES = np.array([0.5, 0.8, 0.85, 0.92, 0.96, 1.0])
GRADIENTS = RNG.normal(size=(9, 2)) @ [[30, 10], [0, 5]]
LEARNING = (
    np.array([3.0, 2.0, 1.0]),
    {"training": np.array([0.7, 0.8, 0.9]), "held-out": np.array([0.6, 0.7, 0.7])},
)
CALIBRATION = scores.Calibration(
    counts=[0, 40, 0, 160],
    confidence=[0, 0.4, 0, 0.95],
    accuracy=[0, 0.5, 0, 0.9],
    expected_error=0.06,
)
SCALE = Curves("Scale", "factor", 1.0, [0.7, 1.0, 1.3], {name: [0.6, 0.97, 0.5] for name in MODELS})
BY_SIZE = [
    Curve(name, "default", [100, 1_000, 55_000], [[0.7, 0.75], [0.88], [0.97]]) for name in MODELS
]
VECTORS = np.linalg.qr(RNG.normal(size=(784, 20)))[0]


def _gradients() -> Figure:
    values, vectors = np.linalg.eigh(GRADIENTS.T @ GRADIENTS)
    corner = Place(3, 4, GRADIENTS, values[::-1], vectors[:, ::-1], 1.0)
    flat = Place(0, 0, np.zeros((9, 2)), np.zeros(2), np.eye(2), 0.0)
    return figures.side_by_side(
        *figures.gradients({"corner": corner, "flat": flat}).values(), size=figures.SQUARE
    )


DRAWINGS: dict[str, Callable[[], Figure]] = {
    "image_grid": lambda: figures.image_grid(IMAGES, 10, title="The first training images"),
    "covariance": lambda: figures.covariance(np.cov(POINTS)),
    "eigenvalues": lambda: figures.side_by_side(
        *figures.eigenvalue_panels(EIGENVALUES, SHARES).values()
    ),
    "eigenvectors": lambda: figures.eigenvectors(np.full(20, 0.05), VECTORS, 28),
    "class_scatter": lambda: figures.class_scatter(POINTS, LABELS, CLASS_NAMES),
    "class_scatter_names": lambda: figures.class_scatter(POINTS, LABELS, FASHION_MNIST.class_names),
    "reconstructions": lambda: figures.reconstructions(
        IMAGES[:10], np.stack([IMAGES[10:20]] * 2), [2, 20]
    ),
    "harris_corners": lambda: figures.harris_corners(IMAGES[:10], IMAGES[:10] > 250),
    "gradients": _gradients,
    "templates": lambda: figures.templates(VECTORS.T[:10], np.ones(784), (28, 28), CLASS_NAMES),
    "learning_curves": lambda: figures.learning_curves(*LEARNING, "Softmax regression"),
    "votes": lambda: figures.votes(
        {"k": [1, 2, 3], "nearest": [0.9, 0.91, 0.92], "smallest": [0.9, 0.85, 0.91]}
    ),
    "reliability": lambda: figures.reliability(CALIBRATION, "Convolutional network"),
    "confusion_matrix": lambda: figures.confusion_matrix(
        np.diag(range(9, 19)), "Confusion", CLASS_NAMES
    ),
    "accuracies": lambda: figures.accuracies(
        {"cnn": scores.Score(0.9, 10, [0.85, 0.93]), "knn": scores.Score(0.99, 1, [0.97, 0.995])}
    ),
    "robustness": lambda: figures.robustness({"scale": SCALE}, 100, "cnn"),
    "accuracy_by_size": lambda: figures.accuracy_by_size(BY_SIZE, 10_000),
}


@pytest.mark.parametrize("draw", DRAWINGS.values(), ids=DRAWINGS)
def test_a_figure_is_titled_not_cut_off_leaves_no_state_and_has_a_small_preview(
    draw: Callable[[], Figure],
) -> None:
    settings_before = dict(mpl.rcParams)
    figure = draw()
    picture = figures.rendered(figure)
    assert dict(mpl.rcParams) == settings_before
    assert all(axes.get_title() for axes in figure.axes if axes.get_label() != "<colorbar>")
    assert _is_within(figure)
    shown = Image.open(io.BytesIO(figures.preview(picture)))
    assert shown.width <= 480
    full, scaled = (
        image.convert("L").resize((12, 12), Image.Resampling.BOX) for image in (picture, shown)
    )
    assert np.abs(np.asarray(full, float) - np.asarray(scaled, float)).max() < 16


def test_the_legend_of_many_classes_has_their_full_names_within_the_figure() -> None:
    names = [f"chevron_green-white-black-{k}" for k in range(10, 50)]
    figure = figures.class_scatter(RNG.normal(size=(80, 2)), np.arange(80) % 40, names)
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == names
    assert _is_within(figure)


DIGEST = """
import hashlib, sys
import numpy as np
from mnist_pipeline.report import figures
figure = figures.confusion_matrix(np.eye(2, dtype=int), "title", ["a", "b"])
content = figures.encoded(figures.rendered(figure)) + figures.svg(figure, "name").encode()
print(hashlib.sha256(content).hexdigest())
assert "matplotlib.pyplot" not in sys.modules
"""


def test_neither_a_users_settings_nor_the_backend_of_a_notebook_change_a_figure(
    tmp_path: Path,
) -> None:
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


def test_a_grid_holds_every_image_in_its_place() -> None:
    (axes,) = figures.image_grid(IMAGES[:7], columns=3, captions=list("abcdefg")).axes
    assert [text.get_text() for text in axes.texts] == list("abcdefg")
    mosaic = np.ma.filled(axes.images[0].get_array(), np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(mosaic, (28, 28))
    places = [tuple(np.argwhere((windows == image).all(axis=(2, 3)))[0]) for image in IMAGES[:7]]
    rows, columns = (sorted({place[axis] for place in places}) for axis in (0, 1))
    assert places == [(rows[i // 3], columns[i % 3]) for i in range(7)]


def test_names_of_classes_and_of_lines_do_not_overlap() -> None:
    names = [name * 3 for name in FASHION_MNIST.class_names]
    drawn = [
        figures.image_grid(IMAGES[:20], 10, names * 2),
        figures.confusion_matrix(np.full((2, 2), 1_000), "Confusion", names[:2]),
        *(DRAWINGS[name]() for name in ("accuracy_by_size", "robustness", "votes", "accuracies")),
    ]
    for figure in drawn:
        renderer = _draw(figure)
        axes = figure.axes[0]
        texts = [axes.title, axes.xaxis.label, *axes.texts, *axes.get_yticklabels()]
        texts += [text for legend in figure.legends for text in legend.get_texts()]
        boxes = [text.get_window_extent(renderer) for text in texts if text.get_text()]
        pairs = itertools.combinations(boxes, 2)
        assert not any(first.overlaps(second) for first, second in pairs)


def _draw(figure: Figure) -> RendererAgg:
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw(renderer)
    return renderer


def _is_within(figure: Figure) -> bool:
    """Whether nothing of a figure is cut off."""
    renderer = _draw(figure)
    parts = [*figure.axes, *figure.legends]
    box = Bbox.union([part.get_tightbbox(renderer) for part in parts])
    return bool(min(box.p0) > -3 and (box.p1 < figure.bbox.p1 + 3).all())


def _lines(axes: Axes) -> list[list[list[float]]]:
    return [np.round(line.get_xydata(), 9).tolist() for line in axes.lines]


def test_a_font_is_found_for_characters_that_the_default_font_lacks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
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


def test_the_confusion_matrix_prints_every_count_in_its_cell() -> None:
    counts = np.array([[9_801, 0, 3], [1, 50, 0], [0, 2, 7]])
    (axes,) = figures.confusion_matrix(counts, "title", ["a", "b", "c"]).axes
    printed = {tuple(map(int, text.get_position())): text.get_text() for text in axes.texts}
    assert printed == {
        (column, row): f"{count:,}" for (row, column), count in np.ndenumerate(counts) if count
    }


def test_curves_show_what_was_measured_with_its_intervals() -> None:
    loss, accuracy = DRAWINGS["learning_curves"]().axes
    assert _lines(loss) == [[[1, 3], [2, 2], [3, 1]]]
    assert _lines(accuracy) == [[[1, 70], [2, 80], [3, 90]], [[1, 60], [2, 70], [3, 70]]]
    linear, logarithmic, shares = DRAWINGS["eigenvalues"]().axes
    positive = [[1, 100], [2, 10], [3, 1e-3]]  # without eigenvalues that are zero up to rounding
    assert _lines(linear) == _lines(logarithmic) == [positive]
    labels = shares.get_legend_handles_labels()[1]
    assert labels == ["80%: 2", "90%: 4", "95%: 5"]
    (axes,) = DRAWINGS["reliability"]().axes
    assert _lines(axes) == [[[0, 0], [100, 100]], [[40, 50], [95, 90]]]
    low, high = scores.wilson_interval(20, 40)
    np.testing.assert_allclose(
        axes.collections[0].get_segments()[0], [[40, 100 * low], [40, 100 * high]]
    )
    (axes,) = DRAWINGS["robustness"]().axes
    assert _lines(axes)[1:] == [[[0.7, 60], [1, 97], [1.3, 50]]] * len(MODELS)


@pytest.mark.parametrize("name", DRAWINGS)
def test_an_svg_follows_the_theme_and_refers_to_nothing_outside_itself(name: str) -> None:
    text = figures.svg(DRAWINGS[name](), name)
    root = fromstring(text.replace("xlink:href", "href"))
    assert not {"width", "height"} & root.attrib.keys()  # the page's style sets them
    assert not re.search(
        rf"https?://|@import|font-family|<\?xml|\bid=\"(?!{name}-)|#24292f|#d0d7de|#000000", text
    )
    identifiers = {element.attrib["id"] for element in root.iter() if "id" in element.attrib}
    for reference in (
        first or second for first, second in re.findall(r'href="([^"]*)"|url\(([^)]*)\)', text)
    ):
        assert (
            reference.startswith("data:image/png;base64,")
            or reference.removeprefix("#") in identifiers
        )
