"""The style that all figures share: colours, margins, axes, and panels side by side."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.rcsetup import cycler
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator

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
SQUARE = (3.2, 3.2)  # inches, of a panel with equal axes
Panel = Callable[[Axes], None]
Parameters = ParamSpec("Parameters")


def styled(draw: Callable[Parameters, Figure]) -> Callable[Parameters, Figure]:
    """Draw in the one style of the project."""

    @functools.wraps(draw)
    def drawn(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Figure:
        with mpl.rc_context(STYLE):
            return draw(*args, **kwargs)

    return drawn


@styled
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
        use_few_ticks(axes)
    return figure


def single_axes(
    size: tuple[float, float], title: str, *, left: float, right: float = RIGHT, bottom: float = BOTTOM
) -> tuple[Figure, Axes]:
    """A figure of axes of so many inches, with margins in inches."""
    width, height = left + size[0] + right, bottom + size[1] + TOP
    figure = Figure(figsize=(width, height))
    axes = figure.add_axes((left / width, bottom / height, size[0] / width, size[1] / height))
    axes.set_title(title)
    return figure, axes


def add_color_scale(figure: Figure, drawn: ScalarMappable, label: str) -> None:
    """A scale of the colours in the margin right of the axes, a little lower than they are."""
    box, width = figure.axes[0].get_position(), figure.get_figwidth()
    scale = figure.add_axes((box.x1 + 0.14 / width, box.y0 + 0.08 * box.height, 0.12 / width, 0.84 * box.height))
    figure.colorbar(drawn, cax=scale, label=label)
    use_few_ticks(scale)


def use_few_ticks(axes: Axes) -> None:
    """Few ticks, where their places are left to Matplotlib."""
    for axis in (axes.xaxis, axes.yaxis):
        locator = axis.get_major_locator()
        if isinstance(locator, MaxNLocator):
            locator.set_params(nbins=MAX_INTERVALS)


def use_logarithmic_scale(axes: Axes) -> None:
    """A logarithmic ordinate with a tick every other decade."""
    axes.set_yscale("log")
    low, high = np.log10(axes.get_ylim())
    exponents = range(int(np.ceil(low)), int(np.floor(high)) + 1, 2)
    axes.yaxis.set_major_locator(FixedLocator([10.0**exponent for exponent in exponents]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_yticklabels(["10" + str(exponent).translate(SUPERSCRIPTS) for exponent in exponents])


def class_handles(names: Sequence[str], marks: Sequence[str] = "o") -> list[Line2D]:
    """What a legend shows of each class: its colour, its mark and its name."""
    return [
        Line2D([], [], color=COLORS[k % len(COLORS)], marker=marks[k % len(marks)], linestyle="", label=name)
        for k, name in enumerate(names)
    ]


def are_long(names: Sequence[str]) -> bool:
    """Whether names of classes need more room than a few characters."""
    return max(map(len, names)) > SHORT_NAME
