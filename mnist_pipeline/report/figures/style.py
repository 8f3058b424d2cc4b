"""The style that all figures share: colours, margins, axes, and panels side by side."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, Concatenate, ParamSpec

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from matplotlib.ticker import MaxNLocator

# Ten colours that colour-blind readers can distinguish:
# M. A. Petroff, "Accessible color sequences for data visualization", 2021.
COLORS = ["#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"]
MARKERS = "osv^DPX<>*"
PANEL = (4.4, 3.1)  # inches: readable on a phone, and two fit side by side on a page
SQUARE = (3.2, 3.2)  # inches, of a panel with equal axes
LEFT, RIGHT, TOP, BOTTOM = 0.92, 0.12, 0.34, 0.54  # margins of a panel, in inches
LABEL = 0.26  # inches from the outer end of a margin to the label of its axis
MAX_INTERVALS = 5  # between the ticks of an axis, where Matplotlib chooses them
INK = "#24292f"
GRID = "#d0d7de"
STYLE: Any = {
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
    "grid.color": GRID,
    "legend.frameon": False,
}
MAX_COLUMNS = 10  # images of classes side by side; of more classes, the first ones are drawn
MANY_CLASSES = 20  # above this number, tables and legends get another form
SHORT_NAME = 3  # characters of a class name that fit into the space of a digit
Panel = Callable[[Axes], None]
Parameters = ParamSpec("Parameters")


def panel(draw: Callable[Concatenate[Axes, Parameters], None]) -> Callable[Parameters, Panel]:
    """Turn a function of axes and arguments into a function of the arguments that returns a panel."""

    @functools.wraps(draw)
    def bind(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Panel:
        return lambda axes: draw(axes, *args, **kwargs)

    return bind


@mpl.rc_context(STYLE)
def side_by_side(
    *panels: Panel,
    size: tuple[float, float] = PANEL,
    left: float = LEFT,
    bottom: float = BOTTOM,
    legend: float = 0.0,
    columns: int = 4,
) -> Figure:
    """One figure of several panels, in rows of at most `columns`; lengths are in inches.

    `size` is that of a panel. It includes `left` and `bottom`, the space for the labels, and `legend`, the space
    below them: fixed margins align the axes of all panels.
    """
    width, height = size
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(width * columns, height * rows))
    axes_width, axes_height = width - left - RIGHT, height - legend - bottom - TOP
    for place, draw in enumerate(panels):
        row, column = divmod(place, columns)
        corner = (column + left / width) / columns, (rows - 1 - row + (legend + bottom) / height) / rows
        axes = figure.add_axes((*corner, axes_width / (width * columns), axes_height / (height * rows)))
        draw(axes)
        axes.xaxis.set_label_coords(0.5, (LABEL - bottom) / axes_height)
        axes.yaxis.set_label_coords((LABEL - left) / axes_width, 0.5)
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        locator = axis.get_major_locator()
        if isinstance(locator, MaxNLocator):
            locator.set_params(nbins=MAX_INTERVALS)
    return figure


def plain(name: str, length: int = 40) -> str:
    """A name as Matplotlib draws it letter by letter, cut to a length: `$` would begin a formula."""
    cut = name if len(name) <= length else f"{name[: length - 1]}…"
    return cut.replace("$", r"\$")


def are_long(names: Sequence[str]) -> bool:
    """Whether the names of the classes need more space than a digit."""
    return max(map(len, names)) > SHORT_NAME
