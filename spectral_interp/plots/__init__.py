"""Figures: for each, one function that builds its table and one that draws it on a given Axes."""

from .beeswarm import beeswarm, beeswarm_table
from .certified import certified, certified_table
from .importance import importance, importance_table
from .margins import margins, margins_table
from .pieces import pieces, pieces_table
from .region_map import region_map, region_map_table
from .sensitivity import sensitivity, sensitivity_table
from .spectrum import spectrum, spectrum_table
from .style import COLOURS, style
from .training_curve import training_curve, training_curve_table

__all__ = [
    "COLOURS",
    "beeswarm",
    "beeswarm_table",
    "certified",
    "certified_table",
    "importance",
    "importance_table",
    "margins",
    "margins_table",
    "pieces",
    "pieces_table",
    "region_map",
    "region_map_table",
    "sensitivity",
    "sensitivity_table",
    "spectrum",
    "spectrum_table",
    "style",
    "training_curve",
    "training_curve_table",
]
