"""Models and rows as analyses use them; NumPy only."""

from .association import Association
from .axes import Axis, Directions, NumberAxis, Promise
from .dates import DateAxis
from .hats import HatsAxis, Pair
from .levels import LevelsAxis
from .model import ClassesView, ModelView, Output, view_of
from .rows import Rows, output_rows, rows_of

__all__ = [
    "Association",
    "Axis",
    "ClassesView",
    "DateAxis",
    "Directions",
    "HatsAxis",
    "LevelsAxis",
    "ModelView",
    "NumberAxis",
    "Output",
    "Pair",
    "Promise",
    "Rows",
    "output_rows",
    "rows_of",
    "view_of",
]
