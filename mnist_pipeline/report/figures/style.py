"""The style that all figures share: colours, axes, and panels side by side."""

from collections.abc import Callable, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
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
TITLE = 0.3  # inches, the height of a title
MAX_INTERVALS = 5  # between the ticks of an axis, where Matplotlib chooses them
# Of a legend, in inches: a line, a character, and the mark of a label with the space around it.
LINE, CHARACTER, HANDLE = 0.19, 0.085, 0.35
INK = "#24292f"
SOFT = "#57606a"  # of lines that mark a value
GRID = "#d0d7de"
# With Matplotlib's own defaults, so that neither a user's matplotlibrc nor a notebook changes a
# figure. No figure uses Matplotlib's backend, so it stays as it is.
STYLE: Any = {
    **{name: value for name, value in mpl.rcParamsDefault.items() if name != "backend"},
    "figure.dpi": 110,
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titley": 1.0,  # a fixed height: searching for a free one is slow
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
    "legend.handlelength": 1.2,
    "legend.columnspacing": 1.0,
    "legend.labelspacing": 0.3,
}
MAX_COLUMNS = 10  # images of classes side by side; of more classes, the first ones are drawn
MANY_CLASSES = 20  # above this number, tables and legends get another form
# Of a text in the middle of something inside the axes, which needs no space around them.
INSIDE: Any = {"ha": "center", "va": "center", "in_layout": False}
SHORT_NAME = 3  # characters of a class name that fit into the space of a digit
Panel = Callable[[Axes], None]


@mpl.rc_context(STYLE)
def side_by_side(*panels: Panel, size: tuple[float, float] = PANEL) -> Figure:
    """One figure of several panels of a size in inches, in rows of at most four.

    A legend below the panels has the labels of the last panel.
    """
    columns = min(4, len(panels))
    rows = -(-len(panels) // columns)
    width, height = size[0] * columns, size[1] * rows
    figure = Figure(layout="constrained")
    for index, draw in enumerate(panels):
        axes = figure.add_subplot(rows, columns, index + 1)
        draw(axes)
        for axis in (axes.xaxis, axes.yaxis):
            locator = axis.get_major_locator()
            if isinstance(locator, MaxNLocator):
                locator.set_params(nbins=MAX_INTERVALS)
    handles, labels = axes.get_legend_handles_labels()
    if labels:
        entry = HANDLE + CHARACTER * max(map(len, labels))
        ncols = max(1, min(len(labels), int(width / entry)))
        height += LINE * -(-len(labels) // ncols)
        figure.legend(handles, labels, loc="outside lower center", ncols=ncols)
    figure.set_size_inches(width, height)
    return figure


def hide_axis(axes: Axes) -> None:
    """Show an image without axes; ticks that nobody sees would be made and laid out."""
    axes.set_axis_off()
    axes.set(xticks=[], yticks=[])


def plain(name: str, length: int) -> str:
    """A name cut to a length, for Matplotlib: `$` is escaped, because it begins a formula."""
    return shortened(name, length).replace("$", r"\$")


def are_long(names: Sequence[str]) -> bool:
    """Whether the names of the classes need more space than a digit."""
    return max(map(len, names)) > SHORT_NAME
