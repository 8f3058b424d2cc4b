"""Every plot of the project; each function returns a Matplotlib Figure and leaves no state behind."""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ParamSpec

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.rcsetup import cycler
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator
from PIL import Image

from mnist_pipeline.evaluation import MODEL_TITLES, Calibration, Evaluation, wilson_interval
from mnist_pipeline.harris import Place
from mnist_pipeline.robustness import Curves

# M. A. Petroff, "Accessible color sequences for data visualization", 2021: ten hues that stay apart for
# colour-blind readers.
COLORS = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
MARKERS = "osv^DPX<>*"
PAGE_COLORS = {"#24292f": "var(--ink)", "#d0d7de": "var(--line)"}  # what follows the reader's light or dark theme
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
PANEL = (4.4, 3.1)  # inches: readable on a phone, and two side by side on a page
NAMES_WIDTH = 1.75  # inches, for the names of models beside their axis
LEFT, RIGHT, TOP, BOTTOM = 0.92, 0.12, 0.34, 0.54  # margins of a panel, in inches
LABEL = 0.26  # inches, for the label of an axis at the outer end of its margin
MAX_INTERVALS = 5  # between the ticks of an axis: a tick takes a millisecond
INK = "#24292f"
GRID = "#d0d7de"
STYLE: Any = {
    "figure.dpi": 110,
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titley": 1.0,  # looking for a free place takes a tenth of the time
    "axes.edgecolor": GRID,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=COLORS),
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "xtick.bottom": False,  # the grid's lines are marks enough
    "xtick.major.size": 0,
    "ytick.left": False,
    "ytick.major.size": 0,
    "grid.color": GRID,
    "legend.frameon": False,
}
SHORT_NAME = 3  # characters of a class that fit in the place of a digit
NUM_LAYERS = 12
MATRIX_PIXELS = 400  # about as many as a matrix has in its figure
PNG_EFFORT = 3  # of 9: a tenth larger files in half the time
TIE_RULES = {"nearest": "ties to the nearest", "smallest": "ties to the smallest label"}
ENLARGED = 3 / STYLE["figure.dpi"]  # inches of a pixel of an image that is three pixels of the figure
SQUARE = (3.2, 3.2)  # inches, of a panel with equal axes
PREVIEW_WIDTHS = (480, 400, 320, 240, 160)
PREVIEW_BYTES = 16_000  # Dagster keeps several copies of what the metadata holds
PREVIEW_COLORS = 48


Panel = Callable[[Axes], None]
Parameters = ParamSpec("Parameters")


def _styled(draw: Callable[Parameters, Figure]) -> Callable[Parameters, Figure]:
    """Draw in the one style of the project."""

    @functools.wraps(draw)
    def drawn(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Figure:
        with mpl.rc_context(STYLE):
            return draw(*args, **kwargs)

    return drawn


@_styled
def side_by_side(
    *panels: Panel,
    size: tuple[float, float] = PANEL,
    left: float = LEFT,
    bottom: float = BOTTOM,
    below: float = 0.0,
    columns: int | None = None,
) -> Figure:
    """One figure of several panels, each a function that draws into its axes.

    Parameters
    ----------
    *panels : Panel
    size : tuple of two floats
        Width and height of each panel, in inches.
    left, bottom : float
        Room for labels, in inches. Fixed margins align the axes of panels, and cost half of what fitting them does.
    below : float
        Room for a legend below the labels, in inches.
    columns : int, optional
        Panels in a row; all by default.
    """
    width, height = size
    columns = columns or len(panels)
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(width * columns, height * rows))
    across, upwards = width - left - RIGHT, height - below - bottom - TOP  # inches, of the axes of each
    for place, panel in enumerate(panels):
        row, column = divmod(place, columns)
        corner = (column + left / width) / columns, (rows - 1 - row + (below + bottom) / height) / rows
        axes = figure.add_axes((*corner, across / (width * columns), upwards / (height * rows)))
        panel(axes)
        axes.xaxis.set_label_coords(0.5, (LABEL - bottom) / upwards)
        axes.yaxis.set_label_coords((LABEL - left) / across, 0.5)
        _with_few_ticks(axes)
    return figure


def svg(figure: Figure, name: str) -> str:
    """The figure as an SVG element to be put into a page, whose text and lines follow the page's theme.

    Parameters
    ----------
    figure : Figure
    name : str
        Begins the identifiers in it, so that they are unique on the page.
    """
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    for patch in (figure.patch, *(axes.patch for axes in figure.axes)):
        patch.set_visible(False)
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        # Not savefig, which draws everything once more beforehand.
        FigureCanvasSVG(figure).print_svg(buffer, metadata=nothing)  # type: ignore[no-untyped-call]
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r' (?:width|height)="[\d.]+pt"| xmlns(?::xlink)?="[^"]*"| version="1.1"', "", text, count=5)
    text = re.sub(r" font-family: [^;\"]*;", "", text)  # the page's own
    text = re.sub(r'(?<= )(?:d|x|y)="[^"]*"', lambda found: re.sub(r"(\.\d\d)\d+", r"\1", found[0]), text)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'\b(?:xlink:)?href="#', f'href="#{name}-', text).replace("url(#", f"url(#{name}-")
    for color, variable in PAGE_COLORS.items():
        text = text.replace(color, variable)
    return text


def png(figure: Figure) -> bytes:
    """The figure as a PNG file."""
    return encoded(rendered(figure))


def rendered(figure: Figure) -> Image.Image:
    """The figure as pixels."""
    canvas: Any = FigureCanvasAgg(figure)
    with mpl.rc_context({"text.hinting": "none"}):
        canvas.draw()  # not savefig, which draws everything once more beforehand
    size = canvas.get_width_height()
    return Image.frombuffer("RGBA", size, canvas.buffer_rgba(), "raw", "RGBA", 0, 1).convert("RGB")


def encoded(image: Image.Image) -> bytes:
    """Pixels as a PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, format="png", compress_level=PNG_EFFORT)
    return buffer.getvalue()


def preview(picture: Image.Image | bytes) -> bytes:
    """Pixels, or a PNG file, cut down to at most 480 pixels of width and 48 colours, narrower until 16 kB hold it."""
    image = Image.open(io.BytesIO(picture)).convert("RGB") if isinstance(picture, bytes) else picture
    for width in PREVIEW_WIDTHS:
        width = min(width, image.width)
        small = image.resize((width, round(image.height * width / image.width)), Image.Resampling.BOX)
        buffer = io.BytesIO()
        small.quantize(PREVIEW_COLORS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(buffer, "png")
        if buffer.tell() <= PREVIEW_BYTES:
            break
    return buffer.getvalue()


@_styled
def digit_row(images: np.ndarray, captions: Sequence[str], title: str) -> Figure:
    """Images side by side, a caption under each.

    Parameters
    ----------
    images : ndarray of shape (n_images, height, width)
    captions : sequence of n_images str
    """
    return image_grid(images, columns=len(images), captions=captions, title=title)


@_styled
def image_grid(
    images: np.ndarray,
    columns: int,
    captions: Sequence[str] = (),
    title: str = "",
    cmap: str = "gray_r",
    symmetric: bool = False,
) -> Figure:
    """Images in rows of `columns`, a caption under each.

    Parameters
    ----------
    images : ndarray of shape (n_images, height, width)
    columns : int
    captions : sequence of str, optional
        One an image.
    title : str
    cmap : str
    symmetric : bool
        Scale each image by its largest magnitude, so that zero is the middle of a diverging map.
    """
    if symmetric:
        images = images / np.maximum(np.abs(images).max(axis=(1, 2), keepdims=True), 1e-30)
    rows = -(-len(images) // columns)
    height, width = images.shape[1:]
    lines = max((caption.count("\n") + 1 for caption in captions), default=1)
    gap = 12 / 28 * height * lines if captions else height / 14
    step_y, step_x = height + round(gap), width + max(1, width // 14)
    mosaic = np.full((rows * step_y, columns * step_x), np.nan)
    for place, image in enumerate(images):
        top, left = step_y * (place // columns), step_x * (place % columns)
        mosaic[top : top + height, left : left + width] = image
    limits = (-1.0, 1.0) if symmetric else (0.0, 255.0)
    inches = min(11.0, max(5.0, 1.0 * columns))
    picture, room = inches * mosaic.shape[0] / mosaic.shape[1], TOP if title else 0.0
    figure = Figure(figsize=(inches, picture + room))
    axes = figure.add_axes((0, 0, 1, picture / (picture + room)))
    axes.imshow(mosaic, cmap=cmap, vmin=limits[0], vmax=limits[1], interpolation="nearest")
    axes.set_axis_off()
    if title:
        axes.set_title(title)
    for place, caption in enumerate(captions):
        x = step_x * (place % columns) + (width - 1) / 2
        y = step_y * (place // columns) + height + gap * 0.45
        axes.text(x, y, caption, ha="center", va="center", fontsize=min(10.0, 9.0 * inches / columns))
    return figure


@_styled
def mean_image(mean: np.ndarray, side: int) -> Figure:
    """The mean of all images, as an image."""
    figure, axes = _single((2.5, 2.5), "Mean of the training images", left=0.1, right=1.0, bottom=0.1)
    drawn = axes.imshow(mean.reshape(side, side), cmap="gray_r", vmin=0)
    axes.set_axis_off()
    _add_color_scale(figure, drawn, "grey level (0–255)")
    return figure


@_styled
def matrix(values: np.ndarray, title: str, label: str) -> Figure:
    """A symmetric matrix as an image, zero in the middle of the colour scale."""
    figure, axes = _single((3.8, 3.8), title, left=0.78, right=1.15)
    limit = np.abs(values).max() or 1.0
    extent = (-0.5, len(values) - 0.5, len(values) - 0.5, -0.5)
    drawn = axes.imshow(_coarse(values), cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest", extent=extent)
    axes.set(xlabel="pixel (row by row)", ylabel="pixel (row by row)")
    _with_few_ticks(axes)
    _add_color_scale(figure, drawn, label)
    return figure


def eigenvalues(values: np.ndarray, shares: np.ndarray) -> Figure:
    """Eigenvalues on a linear and a logarithmic scale, and the cumulative share of the variance."""
    return side_by_side(eigenvalue_panel(values), eigenvalue_panel(values, logarithmic=True), share_panel(shares))


def eigenvalue_panel(values: np.ndarray, *, logarithmic: bool = False) -> Panel:
    """The eigenvalues in their order, on a linear or a logarithmic scale."""

    def draw(axes: Axes) -> None:
        order = np.arange(1, len(values) + 1)
        positive = values > values[0] * 1e-12
        axes.plot(order[positive], values[positive])
        scale = "logarithmic" if logarithmic else "linear"
        axes.set(title=f"Eigenvalues, {scale} scale", xlabel="component", ylabel="variance (grey levels²)")
        if logarithmic:
            _logarithmic(axes)
        else:
            axes.set_ylim(bottom=0)
            axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.grid(alpha=0.6)

    return draw


def share_panel(shares: np.ndarray) -> Panel:
    """The share of the variance on the first k components, 80, 90 and 95% marked."""

    def draw(axes: Axes) -> None:
        order = np.arange(1, len(shares) + 1)
        axes.plot(order, 100 * shares)
        for share, below in ((0.8, 14), (0.9, 13), (0.95, 7)):  # points, so that the labels keep apart
            count = int(np.searchsorted(shares, share) + 1)
            axes.plot([count], [100 * shares[count - 1]], "o", color=COLORS[2], markersize=4)
            label, at = f"{share:.0%}: {count}", (count, 100 * share)
            axes.annotate(label, at, textcoords="offset points", xytext=(9, -below))
        axes.set(title="Variance on the first k components", xlabel="components k", ylabel="share of variance (%)")
        axes.set_ylim(0, 102)
        axes.grid(alpha=0.6)

    return draw


@_styled
def class_scatter(points: np.ndarray, labels: np.ndarray, names: Sequence[str], seed: int = 0) -> Figure:
    """Points in the plane of the first two components, one colour a class.

    Parameters
    ----------
    points : ndarray of shape (n_points, 2)
    labels : ndarray of shape (n_points,)
    names : sequence of str
        Of the classes.
    seed : int
        Of the order of drawing, so that no class covers the others.
    """
    title = f"{len(points):,} images on the first two principal components"
    figure, axes = _single((4.8, 4.5), title, left=LEFT, right=0.4 + 0.1 * max(map(len, [*names, "class"])))
    size = np.sqrt(14 if len(points) < 5_000 else 3)  # points across
    order = np.random.default_rng(seed).permutation(len(points))
    # In layers of all classes, so that none covers the others; markers of one colour at once are drawn fast.
    for layer in np.array_split(order, NUM_LAYERS):
        for k in range(len(names)):
            x, y = points[layer[labels[layer] == k]].T
            axes.plot(x, y, "o", color=COLORS[k % len(COLORS)], markersize=size, markeredgewidth=0, alpha=0.55)
    axes.legend(handles=_class_handles(names), title="class", loc="center left", bbox_to_anchor=(1, 0.5))
    axes.set(xlabel="first component (grey levels)", ylabel="second component (grey levels)")
    axes.grid(alpha=0.4)
    _with_few_ticks(axes)
    return figure


def glyph_scatter_panel(points: np.ndarray, labels: np.ndarray, names: Sequence[str]) -> Panel:
    """Points in the plane of the first two components, each drawn as the name of its class in its colour.

    Where names are too long for that, each class has a marker.

    The points of class k are the group `class-k` of an SVG, in their order.

    Parameters
    ----------
    points : ndarray of shape (n_points, 2)
    labels : ndarray of shape (n_points,)
    names : sequence of str
        Of the classes.
    """

    long = are_long(names)
    marks = [MARKERS[k % len(MARKERS)] if long else f"${name}$" for k, name in enumerate(names)]

    def draw(axes: Axes) -> None:
        for k in range(len(names)):
            of_class = points[labels == k]
            style: dict[str, Any] = {
                "s": 30,
                "color": COLORS[k % len(COLORS)],
                "marker": marks[k],
                "linewidths": 0.4,
            }
            axes.scatter(of_class[:, 0], of_class[:, 1], gid=f"class-{k}", **style)
        axes.set(title=f"{len(points):,} images on the first two components")
        axes.set(xlabel="first component (grey levels)", ylabel="second component (grey levels)")
        place: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14)}
        place["ncols"] = min(4 if long else 10, len(names))
        handles = _class_handles(names, marks if long else "o")
        axes.legend(handles=handles, title="class", columnspacing=0.8, handletextpad=0.1, **place)
        axes.grid(alpha=0.4)

    return draw


@_styled
def reconstructions(originals: np.ndarray, images: np.ndarray, num_components: Sequence[int]) -> Figure:
    """Digits in columns, numbers of components in rows, the originals on top.

    Parameters
    ----------
    originals : ndarray of shape (n_digits, height, width)
    images : ndarray of shape (n_values_of_k, n_digits, height, width)
    num_components : sequence of n_values_of_k int
    """
    rows = np.concatenate([originals[None].astype(float), np.clip(images, 0, 255)])
    num_rows, num_digits, height, width = rows.shape
    mosaic = rows.transpose(0, 2, 1, 3).reshape(num_rows * height, num_digits * width)
    size = (mosaic.shape[1] * ENLARGED, mosaic.shape[0] * ENLARGED)
    figure, axes = _single(size, "Ten digits from their first k components", left=0.8, bottom=0.1)
    axes.imshow(mosaic, cmap="gray_r", vmin=0, vmax=255, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks(
        [height * (row + 0.5) for row in range(num_rows)], ["original", *(f"k = {k}" for k in num_components)]
    )
    axes.spines[:].set_visible(False)
    return figure


@_styled
def harris_corners(images: np.ndarray, responses: np.ndarray, corners: np.ndarray) -> Figure:
    """Digits with their corners marked, above the Harris response that found them.

    Parameters
    ----------
    images, responses : ndarrays of shape (n_digits, height, width)
    corners : ndarray of shape (n_digits, height, width), bool
    """
    height, width = images.shape[1:]
    across, upwards = 10.0, 10.0 * height / (width * len(images))  # inches, of a row
    figure = Figure(figsize=(across, 2 * (upwards + TOP)))
    share = upwards / (2 * (upwards + TOP))
    top, bottom = figure.add_axes((0, 0.5, 1, share)), figure.add_axes((0, 0, 1, share))
    top.imshow(images.transpose(1, 0, 2).reshape(height, -1), cmap="gray_r")
    digit, y, x = np.nonzero(corners)
    top.plot(x + digit * width, y, "o", color=COLORS[2], markersize=4, fillstyle="none")
    top.set_title("Harris corners of one digit of each class")
    scale = np.abs(responses).max(axis=(1, 2), keepdims=True)
    scaled = np.cbrt(responses / np.where(scale == 0, 1, scale))
    bottom.imshow(scaled.transpose(1, 0, 2).reshape(height, -1), cmap="PuOr_r", vmin=-1, vmax=1)
    bottom.set_title("Response (cube root): dark orange at corners, purple along edges", fontsize=10)
    for axes in (top, bottom):
        axes.set_axis_off()
    return figure


@_styled
def templates(weights: np.ndarray, deviations: np.ndarray, side: int, names: Sequence[str]) -> Figure:
    """The weights of each class as an image: red speaks for the class, blue against it.

    Parameters
    ----------
    weights : ndarray of shape (n_classes, n_pixels)
    deviations : ndarray of shape (n_pixels,)
        Standard deviation of each pixel. A weight counts by it: a pixel that is never lit keeps its initial
        weight, and decides nothing.
    side : int
    names : sequence of n_classes str
    """
    return image_grid(
        (weights * deviations).reshape(len(weights), side, side),
        columns=min(5, len(weights)),
        captions=list(names) if are_long(names) else [f"class {name}" for name in names],
        title="Weights, each times its pixel's deviation",
        cmap="RdBu_r",
        symmetric=True,
    )


@_styled
def eigenvectors(vectors: np.ndarray, side: int, shares: np.ndarray) -> Figure:
    """The leading eigenvectors (as columns) as images, with the share of the variance of each."""
    return image_grid(
        vectors.T.reshape(-1, side, side),
        columns=10,
        captions=[f"{100 * share:.1f}%" for share in shares],
        title="The first 20 eigenvectors, and the share of the variance on each",
        cmap="RdBu_r",
        symmetric=True,
    )


@_styled
def kernels(weights: np.ndarray) -> Figure:
    """The first-layer kernels (n_kernels, 5, 5) as a grid of eight columns."""
    return image_grid(
        weights,
        columns=8,
        title=f"The {len(weights)} first-layer kernels: red adds, blue subtracts",
        cmap="RdBu_r",
        symmetric=True,
    )


def learning_curves(loss: np.ndarray, accuracies: Mapping[str, np.ndarray], title: str) -> Figure:
    """Training loss and accuracies by epoch.

    Parameters
    ----------
    loss : ndarray of shape (n_epochs,)
    accuracies : mapping from name to ndarray of shape (n_epochs,)
        Shares in 0–1.
    title : str
    """
    return side_by_side(loss_panel(loss, title), accuracy_panel(accuracies, title))


def loss_panel(loss: np.ndarray, title: str) -> Panel:
    """Training loss by epoch."""

    def draw(axes: Axes) -> None:
        axes.plot(np.arange(1, len(loss) + 1), loss, marker="o", markersize=3)
        axes.set(title=f"{title}: training loss", xlabel="epoch", ylabel="mean cross-entropy (nats)")
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.6)

    return draw


def accuracy_panel(accuracies: Mapping[str, np.ndarray], title: str) -> Panel:
    """Accuracies by epoch, shares in 0–1."""

    def draw(axes: Axes) -> None:
        for (name, values), marker in zip(accuracies.items(), MARKERS):
            axes.plot(np.arange(1, len(values) + 1), 100 * values, marker=marker, markersize=3, label=name)
        axes.set(title=f"{title}: accuracy", xlabel="epoch", ylabel="accuracy (%)")
        axes.legend(loc="lower right")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.6)

    return draw


def votes_panel(ks: Sequence[int], accuracies: Mapping[str, Sequence[float]]) -> Panel:
    """Accuracy of the vote of k neighbours, a line for each rule for ties."""

    def draw(axes: Axes) -> None:
        for (name, values), marker in zip(accuracies.items(), MARKERS):
            axes.plot(ks, [100 * value for value in values], marker=marker, markersize=4, label=name)
        axes.set(title="Accuracy by number of neighbours", xlabel="neighbours k", ylabel="accuracy (%)")
        axes.legend(loc="lower right")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.6)

    return draw


def reliability(calibration: Calibration, title: str) -> Figure:
    """The reliability diagram of a model."""
    return side_by_side(reliability_panel(calibration, f"{title}: reliability"))


def reliability_panel(calibration: Calibration, title: str) -> Panel:
    """Accuracy against confidence, with 95% intervals: on the diagonal, a model is as sure as it is right."""

    def draw(axes: Axes) -> None:
        counts, confidence, accuracy = map(np.array, (calibration.counts, calibration.confidence, calibration.accuracy))
        filled = counts > 0
        counts, confidence, accuracy = counts[filled], 100 * confidence[filled], 100 * accuracy[filled]
        ends = [wilson_interval(round(share * n / 100), n) for share, n in zip(accuracy.tolist(), counts.tolist())]
        low, high = 100 * np.array(ends).T
        axes.plot([0, 100], [0, 100], color=GRID, linestyle="--")
        axes.vlines(confidence, low, high, color=COLORS[0], linewidth=1.5)
        axes.plot(confidence, accuracy, "o", color=COLORS[2], markersize=4)
        axes.set(title=title, xlabel="confidence (%)", ylabel="accuracy (%)", xlim=(0, 102), ylim=(0, 102))
        axes.grid(alpha=0.6)

    return draw


def robustness(curves: Sequence[Curves]) -> Figure:
    """A panel of `robustness_panel` for each disturbance."""
    return side_by_side(*map(robustness_panel, curves), columns=4)


def robustness_panel(curves: Curves) -> Panel:
    """Accuracy of each model by the amount of a disturbance; where it disturbs nothing, a vertical line."""

    def draw(axes: Axes) -> None:
        axes.axvline(curves.neutral, color=GRID, linestyle="--")
        for (model, shares), color, marker in zip(curves.accuracies.items(), COLORS, MARKERS):
            percents = [100 * share for share in shares]
            axes.plot(curves.amounts, percents, color=color, marker=marker, markersize=4, label=MODEL_TITLES[model])
        # In the corner below the undisturbed accuracy, where no line ends.
        corners: dict[float, Any] = {curves.amounts[0]: "lower left", curves.amounts[-1]: "lower right"}
        axes.legend(loc=corners.get(curves.neutral, "lower center"), fontsize=8)
        axes.set(title=curves.title, xlabel=curves.unit, ylabel="accuracy (%)", ylim=(0, 102))
        axes.grid(alpha=0.6)

    return draw


def gradients(places: Mapping[str, Place]) -> dict[str, Panel]:
    """A panel of `gradients_panel` for each place, with the same axes."""
    limit = 1.1 * max(float(np.abs(place.gradients).max()) for place in places.values()) or 1.0
    return {name: gradients_panel(place, f"Gradients: {name}", limit) for name, place in places.items()}


def gradients_panel(place: Place, title: str, limit: float) -> Panel:
    """The nine gradients around a pixel, and the ellipse of their principal components.

    Parameters
    ----------
    place : Place
    title : str
    limit : float
        End of both axes, in grey levels per pixel, so that panels can be compared.
    """

    def draw(axes: Axes) -> None:
        angle = np.linspace(0, 2 * np.pi, 73)
        # Semi-axes are root mean squares along the eigenvectors: √(λ/9).
        semi_axes = np.sqrt(place.eigenvalues / len(place.gradients))
        ellipse = place.eigenvectors @ (semi_axes[:, None] * np.stack([np.cos(angle), np.sin(angle)]))
        axes.plot(*ellipse, color=COLORS[0])
        for semi_axis, direction in zip(semi_axes, place.eigenvectors.T):
            axes.plot(*np.outer(direction * semi_axis, [-1, 1]), color=COLORS[0], linewidth=1)
        axes.plot(*place.gradients.T, "o", color=COLORS[2], markersize=4, alpha=0.8)
        axes.set(title=title, xlabel="I_x (grey levels a pixel)", ylabel="I_y (grey levels a pixel)")
        axes.set(xlim=(-limit, limit), ylim=(limit, -limit), aspect="equal")  # downwards, as rows are counted
        axes.grid(alpha=0.6)

    return draw


def confusion_matrix(counts: np.ndarray, title: str, names: Sequence[str]) -> Figure:
    """Counts of true class (rows) against predicted class (columns); colour shows the errors."""
    long = are_long(names)
    turned: dict[str, Any] = {"rotation": 45, "ha": "right"} if long else {}

    def draw(axes: Axes) -> None:
        errors = np.where(np.eye(len(counts), dtype=bool), 0, counts)
        axes.imshow(errors, cmap="Oranges", vmin=0, vmax=max(1, errors.max()))
        for (row, column), count in np.ndenumerate(counts):
            dark = errors[row, column] > 0.6 * errors.max()
            if count:
                axes.text(
                    column,
                    row,
                    f"{count:,}",
                    ha="center",
                    va="center",
                    fontsize=8,
                    color="white" if dark and row != column else INK,
                    fontweight="bold" if row == column else "normal",
                )
        axes.set_xticks(range(len(names)), names, **turned)
        axes.set_yticks(range(len(names)), names)
        axes.set(title=title, xlabel="predicted class", ylabel="true class")
        axes.spines[:].set_visible(False)

    margin = 1.2 if long else BOTTOM
    side = 5.2 + margin - BOTTOM
    return side_by_side(draw, size=(side, side), left=margin, bottom=margin)


def accuracies(evaluations: Mapping[str, Evaluation]) -> Figure:
    """Accuracy of each model with its 95% interval."""
    return side_by_side(accuracies_panel(evaluations), size=(6.4, 0.5 * len(evaluations) + 1.1), left=NAMES_WIDTH)


def accuracies_panel(evaluations: Mapping[str, Evaluation]) -> Panel:
    """Accuracy of each model with its 95% interval, the best on top."""

    def draw(axes: Axes) -> None:
        axes.set_title("Accuracy on the test images, 95% interval")
        ranked = sorted(evaluations.items(), key=lambda item: item[1].errors, reverse=True)
        for row, (_, evaluation) in enumerate(ranked):
            low, high = evaluation.interval
            axes.plot([100 * low, 100 * high], [row, row], color=COLORS[0], linewidth=3, solid_capstyle="butt")
            axes.plot([100 * evaluation.accuracy], [row], "o", color=COLORS[2])
            axes.annotate(
                f"{100 * evaluation.accuracy:.2f}%",
                (100 * evaluation.accuracy, row),
                textcoords="offset points",
                xytext=(0, 7),
                ha="center",
            )
        axes.set_yticks(range(len(ranked)), [name for name, _ in ranked])
        axes.set_ylim(-0.5, len(ranked) - 0.3)
        axes.margins(x=0.08)
        axes.set_xlabel("accuracy (%)")
        axes.grid(axis="x", alpha=0.6)

    return draw


def across(scores: Mapping[str, Mapping[str, tuple[float, float, float]]]) -> Figure:
    """Accuracy of each model on each data set with its 95% interval, a row a data set.

    Parameters
    ----------
    scores : mapping from title to mapping from model to (accuracy, low, high)
        Shares in 0–1.
    """
    size = (5.2, 0.75 * len(scores) + 1.5)
    return side_by_side(across_panel(scores), size=size, left=1.35, below=0.51)


def across_panel(scores: Mapping[str, Mapping[str, tuple[float, float, float]]]) -> Panel:
    """Accuracy of each model on each data set with its 95% interval, the first data set on top."""

    def draw(axes: Axes) -> None:
        titles = list(scores)
        step = 0.6 / max(1, len(MODEL_TITLES) - 1)  # of the rows of models within that of a data set
        for place, (model, title) in enumerate(MODEL_TITLES.items()):
            style: dict[str, Any] = {"color": COLORS[place], "marker": MARKERS[place], "markersize": 5}
            axes.plot([], [], linestyle="", label=title, **style)
            for row, found in enumerate(scores.values()):
                accuracy, low, high = (100 * share for share in found[model])
                y = row - 0.3 + place * step
                axes.plot([low, high], [y, y], color=COLORS[place], linewidth=2, solid_capstyle="butt")
                axes.plot([accuracy], [y], **style)
        axes.set_yticks(range(len(titles)), titles)
        axes.set_ylim(len(titles) - 0.5, -0.5)
        axes.set(title="Accuracy on the test images, 95% interval", xlabel="accuracy (%)")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.margins(x=0.05)
        axes.grid(axis="x", alpha=0.6)
        place_below: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, 0), "ncols": 2}
        axes.legend(fontsize=8, borderaxespad=4.6, **place_below)  # below the label of the axis

    return draw


@_styled
def neighbor_errors(
    images: np.ndarray,
    captions: Sequence[str],
    neighbors: np.ndarray,
    neighbor_captions: Sequence[Sequence[str]],
) -> Figure:
    """Misread images on top, their nearest training images below, a caption under each.

    Parameters
    ----------
    images : ndarray of shape (n_images, height, width)
    captions : sequence of n_images str
    neighbors : ndarray of shape (n_images, n_neighbors, height, width)
    neighbor_captions : sequence of n_images sequences of n_neighbors str
    """
    rows = np.concatenate([images[:, None], neighbors], axis=1)  # (n_images, 1 + n_neighbors, height, width)
    texts = [[caption, *near] for caption, near in zip(captions, neighbor_captions, strict=True)]
    return image_grid(
        rows.swapaxes(0, 1).reshape(-1, *images.shape[1:]),
        columns=len(images),
        captions=[text for row in zip(*texts, strict=True) for text in row],
        title="Misread test images (true → predicted), and below each its nearest training images",
    )


def _coarse(values: np.ndarray) -> np.ndarray:
    """A square matrix with means of blocks in the place of more entries than are seen."""
    block = -(-len(values) // MATRIX_PIXELS)
    side = len(values) // block
    if block == 1 or side * block != len(values):
        return values
    return np.asarray(values.reshape(side, block, side, block).mean(axis=(1, 3)))


def misread(names: Sequence[str], true: int, predicted: int, told: str = "") -> str:
    """A caption that says what an image is, and what it was taken for; in lines where the names are long."""
    if are_long(names):
        return "\n".join(filter(None, (names[true], f"→ {names[predicted]}", told)))
    return ", ".join(filter(None, (f"{names[true]} → {names[predicted]}", told)))


def are_long(names: Sequence[str]) -> bool:
    """Whether names of classes need more room than a few characters."""
    return max(map(len, names)) > SHORT_NAME


def _class_handles(names: Sequence[str], marks: Sequence[str] = "o") -> list[Line2D]:
    """What a legend shows of each class: its colour, its mark and its name."""
    return [
        Line2D([], [], color=COLORS[k % len(COLORS)], marker=marks[k % len(marks)], linestyle="", label=name)
        for k, name in enumerate(names)
    ]


def _single(
    size: tuple[float, float], title: str, *, left: float, right: float = RIGHT, bottom: float = BOTTOM
) -> tuple[Figure, Axes]:
    """A figure of axes of so many inches, with margins in inches."""
    width, height = left + size[0] + right, bottom + size[1] + TOP
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((left / width, bottom / height, size[0] / width, size[1] / height))
    axes.set_title(title)
    return figure, axes


def _add_color_scale(figure: Figure, drawn: ScalarMappable, label: str) -> None:
    """A scale of the colours in the margin right of the axes, a little lower than they are."""
    box, width = figure.axes[0].get_position(), figure.get_figwidth()
    scale = figure.add_axes((box.x1 + 0.14 / width, box.y0 + 0.08 * box.height, 0.12 / width, 0.84 * box.height))
    figure.colorbar(drawn, cax=scale, label=label)
    _with_few_ticks(scale)


def _with_few_ticks(axes: Axes) -> None:
    """Few ticks, where their places are left to Matplotlib."""
    for axis in (axes.xaxis, axes.yaxis):
        locator = axis.get_major_locator()
        if isinstance(locator, MaxNLocator):
            locator.set_params(nbins=MAX_INTERVALS)


def _logarithmic(axes: Axes) -> None:
    """A logarithmic ordinate with a tick every other decade."""
    axes.set_yscale("log")
    low, high = np.log10(axes.get_ylim())
    exponents = range(int(np.ceil(low)), int(np.floor(high)) + 1, 2)
    axes.yaxis.set_major_locator(FixedLocator([10.0**exponent for exponent in exponents]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_yticklabels(["10" + str(exponent).translate(SUPERSCRIPTS) for exponent in exponents])
