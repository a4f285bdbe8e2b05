"""Common style of all figures: sizes, fonts, and colours for colour-blind readers and greyscale print.

A part of a contribution, a model, a method and a column have the same colour in every figure. A hatch, a
marker, a line style, a position or a name repeats the information in the colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib as mpl
import seaborn as sns
from matplotlib.axis import Axis
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

DIAGONAL, COUPLING, NEUTRAL = "#0072B2", "#E69F00", "#333333"
GREEN, VERMILION, SKY, PURPLE = "#009E73", "#D55E00", "#56B4E9", "#CC79A7"

WHOLE = "#7A7A7A"
"""Colour of contributions without parts, of the sum of other columns, and of context."""

FAINT = "#D9D9D9"

COUPLING_HATCH = "///"

CERTIFIED, PROVEN, PROVEN_HATCH = "#C9D6DF", "#8CCFB7", "\\\\\\\\"
"""Colours of certified ranges and of ranges that prove a sign, and the hatch of the latter."""

COLOURS = (DIAGONAL, COUPLING, GREEN, PURPLE, NEUTRAL)
"""Colours of other categories, from the palette of Okabe and Ito."""

COLUMN_COLOURS = ("#AA1111", "#77DD77", "#4411AA", "#AAAADD", "#AA7777", "#441144")
"""Colours of the strongest columns: distinct from each other and from both parts, even if colour-blind."""

VALUE_MAP = "cividis"
"""Colour map for low to high values."""

SHARE_MAP = sns.blend_palette(["#004B76", DIAGONAL, COUPLING, "#F7C65B"], as_cmap=True)
"""Colour map for the coupling share of a contribution, from dark to light."""


DASHES: dict[str, str | tuple[float, ...]] = {
    "-": "",
    "--": (4, 2),
    ":": (1, 1.5),
    "-.": (5, 1.5, 1, 1.5),
}
"""Lengths of dashes and gaps, in line widths."""


@dataclass(frozen=True)
class Look:
    """Appearance of a model or a method: colour, line style, marker, hatch of its bars."""

    colour: str
    line: str = "-"
    marker: str = "o"
    hatch: str = ""

    @property
    def bars(self) -> dict[str, Any]:
        """Options for drawing bars."""
        return {"color": self.colour, "hatch": self.hatch, "edgecolor": "white", "linewidth": 0}


def line_looks(looks: Mapping[str, Look]) -> dict[str, Any]:
    """Return the options of seaborn's line plots that define the appearance of ``hue`` and ``style``.

    Examples
    --------
    >>> line_looks({"path": Look("#56B4E9", "--", "s")})
    {'palette': {'path': '#56B4E9'}, 'dashes': {'path': (4, 2)}, 'markers': {'path': 's'}}
    """
    return {
        "palette": {name: look.colour for name, look in looks.items()},
        "dashes": {name: DASHES[look.line] for name, look in looks.items()},
        "markers": {name: look.marker for name, look in looks.items()},
    }


MODEL_LOOKS = {
    "spectral": Look(GREEN),
    "linear": Look(NEUTRAL, "--", "s", "///"),
    "MLP": Look(PURPLE, ":", "^", "..."),
}

METHOD_LOOKS = {
    "local": Look(NEUTRAL, "-", "o"),
    "path": Look(SKY, "-", "s"),
    "shapley": Look(VERMILION, "-", "^", "///"),
    "SHAP Exact": Look(VERMILION, "--", "D"),
    "SHAP Permutation": Look(VERMILION, "-.", "v"),
    "SHAP Kernel": Look(VERMILION, ":", "P"),
    "Captum IG": Look(SKY, "--", "X"),
    "SHAP Gradient": Look(SKY, ":", "<"),
    "SHAP Linear": Look(WHOLE, "--", ">"),
    "SHAP Deep": Look(WHOLE, ":", "*"),
}
"""Appearance of each method. Methods that estimate the same quantity share a colour."""

TOP = 20
"""Number of columns with their own line. The other columns share one line."""

HEIGHT = 4.6
"""Height of a figure in inches."""

_SIZES: dict[str, dict[str, Any]] = {
    "screen": {"figure.dpi": 110, "savefig.dpi": 160}
    | sns.plotting_context(
        "notebook",
        rc={
            "font.size": 13,
            "axes.labelsize": 13,
            "axes.titlesize": 14,
            "xtick.labelsize": 12,
            "ytick.labelsize": 12,
            "legend.fontsize": 12,
            "legend.title_fontsize": 12,
            "lines.linewidth": 1.8,
        },
    ),
    "print": {"figure.dpi": 110, "savefig.dpi": 300} | sns.plotting_context("paper"),
}
"""Sizes for figures 7.2 inches wide. Text of "screen" is still 6 points high if the figure is scaled to 3.4
inches, half a page; "print" is for a figure across the page."""

_LOOK: dict[str, Any] = sns.axes_style("ticks") | {
    "font.sans-serif": ["DejaVu Sans"],  # included in matplotlib, hence the same on every machine
    "axes.edgecolor": NEUTRAL,
    "axes.formatter.limits": (-4, 8),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "figure.constrained_layout.use": True,
    "hatch.linewidth": 1.2,
    "legend.frameon": False,
    "patch.force_edgecolor": False,
    "pdf.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "spectral_interp",
    "text.parse_math": False,
}


@contextmanager
def style(context: Literal["screen", "print"] = "screen") -> Iterator[None]:
    """Apply the package's style inside a ``with`` block, with text and lines sized for screen or print."""
    settings: Any = _LOOK | _SIZES[context]
    with mpl.rc_context(settings):
        yield


def column_colours(ranked: Sequence[str]) -> dict[str, str]:
    """Return a colour for each of the six strongest columns, from columns in decreasing order of strength.

    Examples
    --------
    >>> column_colours(["bmi", "age"])
    {'bmi': '#AA1111', 'age': '#77DD77'}
    """
    return dict(zip(ranked, COLUMN_COLOURS, strict=False))


def height(lines: int) -> float:
    """Return the height in inches of a figure with the given number of named lines.

    Examples
    --------
    >>> height(1), height(10), height(21)
    (3.2, 4.9, 8.2)
    """
    return max(3.2, round(1.9 + 0.3 * lines, 1))


def label_log(axis: Axis, *, narrow: bool = False) -> None:
    """Label a logarithmic axis with a few plain numbers, even below one decade. Set its limits before."""
    low, high = axis.get_view_interval()
    ratio, most = high / low, (10, 30) if narrow else (1e2, 1e3)
    steps = (1.0,) if ratio > most[1] else (1.0, 3.0) if ratio > most[0] else (1.0, 2.0, 5.0)
    axis.set_major_locator(
        LogLocator(subs=steps, numticks=9) if ratio > 4 else MaxNLocator(3 if narrow else 5)
    )
    axis.set_major_formatter(lambda value, _: f"{value:,.6g}")
    axis.set_minor_formatter(NullFormatter())


def bar_height(n: int) -> float:
    """Return the height of each of ``n`` bars. One bar is as thick in the figure as each of four.

    Examples
    --------
    >>> bar_height(1), bar_height(20)
    (0.2, 0.8)
    """
    return min(0.8, 0.2 * n)


def look_of(name: str, among: Iterable[str]) -> Look:
    """Return the appearance of "model (method)": the model's, or the method's if there is only one model.

    Examples
    --------
    >>> look_of("spectral (path)", ["spectral (path)", "MLP (SHAP Exact)"]) == MODEL_LOOKS["spectral"]
    True
    >>> look_of("spectral (path)", ["spectral (path)", "spectral (local)"]) == METHOD_LOOKS["path"]
    True
    """
    model, method = name.removesuffix(")").split(" (", 1)
    several = len({other.split(" (", 1)[0] for other in among}) > 1
    return MODEL_LOOKS[model] if several else METHOD_LOOKS[method]
