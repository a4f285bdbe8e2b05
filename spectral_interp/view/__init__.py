"""What analyses see of a model and of rows: NumPy only."""

from .association import Association
from .axes import Axis, Directions, NumberAxis, Promise
from .dates import DateAxis
from .hats import HatsAxis, Pair
from .levels import LevelsAxis
from .model import ModelView, Output, view_of
from .rows import Rows, rows_of

__all__ = [
    "Association",
    "Axis",
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
    "rows_of",
    "view_of",
]
