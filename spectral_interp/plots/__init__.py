"""Figures: for each, one function that builds its table and one that draws it on a given Axes."""

from .agreement import agreement, agreement_table
from .beeswarm import beeswarm, beeswarm_table
from .certified import certified, certified_table
from .deletion import deletion, deletion_table
from .dependence import dependence, dependence_table
from .dispute import dispute, dispute_table
from .faithfulness_cost import faithfulness_cost, faithfulness_cost_table
from .importance import importance, importance_table
from .importance_by_model import importance_by_model, importance_by_model_table
from .margins import margins, margins_table
from .pieces import pieces, pieces_table
from .region_map import region_map, region_map_table
from .sensitivity import sensitivity, sensitivity_table
from .spectrum import spectrum, spectrum_table
from .style import COLOURS, METHODS, MODELS, TOP, column_colours, height, style
from .training_curve import training_curve, training_curve_table
from .waterfall import waterfall, waterfall_table

__all__ = [
    "COLOURS",
    "METHODS",
    "MODELS",
    "TOP",
    "agreement",
    "agreement_table",
    "beeswarm",
    "beeswarm_table",
    "certified",
    "certified_table",
    "column_colours",
    "deletion",
    "deletion_table",
    "dependence",
    "dependence_table",
    "dispute",
    "dispute_table",
    "faithfulness_cost",
    "faithfulness_cost_table",
    "height",
    "importance",
    "importance_by_model",
    "importance_by_model_table",
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
    "waterfall",
    "waterfall_table",
]
