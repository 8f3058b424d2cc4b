"""The style that all figures share: colours, margins, axes, and panels side by side."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from matplotlib.ticker import MaxNLocator

from mnist_pipeline.utils.printable import shortened

# Ten colours that colour-blind readers can distinguish:
# M. A. Petroff, "Accessible color sequences for data visualization", 2021.
COLORS = [
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
]
MARKERS = "osv^DPX<>*"
PANEL = (3.8, 2.9)  # inches: its text has at least 10 pixels on a phone
SQUARE = (3.8, 3.6)  # inches, of a panel with equal axes
LEFT, RIGHT, TOP, BOTTOM = 0.92, 0.12, 0.34, 0.54  # margins of a panel, in inches
LINE_HEIGHT = 0.17  # inches, of a line of text
LABEL = 0.26  # inches from the outer end of a margin to the label of its axis
MAX_INTERVALS = 5  # between the ticks of an axis, where Matplotlib chooses them
INK = "#24292f"
SOFT = "#57606a"  # of lines that mark a place
GRID = "#d0d7de"
# With Matplotlib's own defaults, so that neither a user's matplotlibrc nor a notebook changes a
# figure. No figure uses Matplotlib's backend, so it stays as it is.
STYLE: Any = {
    **{name: value for name, value in mpl.rcParamsDefault.items() if name != "backend"},
    "figure.dpi": 110,
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titley": 1.0,  # a fixed place: searching for a free one is slow
    "axes.edgecolor": GRID,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=COLORS),
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "xtick.bottom": False,  # the lines of the grid mark the ticks
    "xtick.major.size": 0,
    "ytick.left": False,
    "ytick.major.size": 0,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.alpha": 0.6,
    "legend.frameon": False,
}
MAX_COLUMNS = 10  # images of classes side by side; of more classes, the first ones are drawn
MANY_CLASSES = 20  # above this number, tables and legends get another form
SHORT_NAME = 3  # characters of a class name that fit into the space of a digit
Panel = Callable[[Axes], None]


@mpl.rc_context(STYLE)
def side_by_side(
    *panels: Panel,
    size: tuple[float, float] = PANEL,
    left: float = LEFT,
    right: float = RIGHT,
    bottom: float = BOTTOM,
    legend: float = 0.0,
) -> Figure:
    """One figure of several panels, in rows of at most four; lengths are in inches.

    `size` is the size of a panel, with `left`, `right` and `bottom`, the space for the labels, and
    `legend`, the space below them: fixed margins align the axes of all panels.
    """
    width, height = size
    columns = min(4, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(width * columns, height * rows))
    axes_width = width - left - right
    axes_height = height - legend - bottom - TOP
    shares = (axes_width / (width * columns), axes_height / (height * rows))  # of the figure
    for place, draw in enumerate(panels):
        row, column = divmod(place, columns)
        x = (column + left / width) / columns
        y = (rows - 1 - row + (legend + bottom) / height) / rows
        axes = figure.add_axes((x, y, *shares))
        draw(axes)
        axes.xaxis.set_label_coords(0.5, (LABEL - bottom) / axes_height)
        axes.yaxis.set_label_coords((LABEL - left) / axes_width, 0.5)
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            locator = axis.get_major_locator()
            if isinstance(locator, MaxNLocator):
                locator.set_params(nbins=MAX_INTERVALS)
    return figure


def label_ends(axes: Axes, ends: Mapping[str, tuple[float, float, str]], bold: str = "") -> None:
    """Write the name of each line at the right of the axes, near its end (x, y).

    Names that would overlap are moved apart. A stroke in the colour of the line leads to its name.
    """
    height = axes.get_position().height * axes.figure.get_figheight()  # type: ignore[union-attr]
    axes.autoscale_view()
    to_axes = axes.transData + axes.transAxes.inverted()
    starts = {name: to_axes.transform((x, y)) for name, (x, y, _) in ends.items()}
    places = sorted((float(y), name) for name, (_, y) in starts.items())
    steps = {name: (name.count("\n") + 1) * LINE_HEIGHT / height for name in ends}
    heights: dict[str, float] = {}
    least = -np.inf
    for place, name in places:
        heights[name] = max(place, least)
        least = heights[name] + steps[name]
    most = 1.0
    for _, name in reversed(places):
        heights[name] = min(heights[name], most)
        most = heights[name] - steps[name]
    for name, y in heights.items():
        weight = "bold" if name == bold else "normal"
        axes.text(1.06, y, name, transform=axes.transAxes, va="center", fontweight=weight)
    lines: Any = [[starts[name], (1.05, y)] for name, y in heights.items()]
    strokes = LineCollection(
        lines,
        colors=[ends[name][2] for name in heights],
        transform=axes.transAxes,
        linewidths=1,
        clip_on=False,
    )
    axes.add_collection(strokes, autolim=False)


def plain(name: str, length: int) -> str:
    """A name cut to a length, for Matplotlib: `$` is escaped, because it begins a formula."""
    return shortened(name, length).replace("$", r"\$")


def are_long(names: Sequence[str]) -> bool:
    """Whether the names of the classes need more space than a digit."""
    return max(map(len, names)) > SHORT_NAME
