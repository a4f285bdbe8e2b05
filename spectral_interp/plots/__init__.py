"""Figures: for each, one function that builds its table and one that draws it on a given Axes."""

from .beeswarm import beeswarm, beeswarm_table
from .importance import importance, importance_table
from .sensitivity import sensitivity, sensitivity_table
from .style import COLOURS, style
from .training_curve import training_curve, training_curve_table

__all__ = [
    "COLOURS",
    "beeswarm",
    "beeswarm_table",
    "importance",
    "importance_table",
    "sensitivity",
    "sensitivity_table",
    "style",
    "training_curve",
    "training_curve_table",
]
