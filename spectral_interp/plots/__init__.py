"""Figures: each is an object that builds a table, draws it on Axes, and summarises it in a sentence.

``plots.NAME(...)`` draws and returns the Axes: ``plots.waterfall(att[0])`` on a new figure,
``plots.waterfall(att[0], ax=ax)`` on existing Axes. To get the numbers as well, take two steps:
``plots.NAME_table(...)``, the same function as ``plots.NAME.table(...)``, returns the table;
``plots.NAME(table, ax)`` draws it; ``plots.NAME.finding(table)`` returns a sentence. Some figures are
tables without a drawing.
"""

from .accuracy import accuracy, accuracy_table
from .agreement import agreement, agreement_table
from .background_stability import background_stability, background_stability_table
from .beeswarm import beeswarm, beeswarm_table
from .central_slopes import central_slopes, central_slopes_table
from .certified import certified, certified_table
from .chain import chain, chain_table
from .class_contrasts import class_contrasts, class_contrasts_table
from .class_importance import class_importance, class_importance_table
from .confusion import confusion, confusion_table
from .cost import cost, cost_table
from .curves import curves, curves_table
from .deletion import deletion, deletion_table
from .dependence import dependence, dependence_table
from .dispute import dispute, dispute_table
from .faithfulness import faithfulness, faithfulness_table
from .faithfulness_cost import faithfulness_cost, faithfulness_cost_table
from .figure import Exhibit, Figure
from .importance import importance, importance_table
from .importance_by_model import importance_by_model, importance_by_model_table
from .interactions import interactions, interactions_table
from .joint import joint, joint_table
from .latents import latents, latents_table
from .margins import margins, margins_table
from .nearest_change import nearest_change, nearest_change_table
from .pieces import pieces, pieces_table
from .proven_ranges import proven_ranges, proven_ranges_table
from .region_map import region_map, region_map_table
from .rungs import rungs, rungs_table
from .segments import segments, segments_table
from .sensitivity import sensitivity, sensitivity_table
from .spectrum import spectrum, spectrum_table
from .style import COLOURS, METHOD_LOOKS, MODEL_LOOKS, TOP, column_colours, height, style
from .training_curve import training_curve, training_curve_table
from .waterfall import waterfall, waterfall_table

__all__ = [
    "COLOURS",
    "METHOD_LOOKS",
    "MODEL_LOOKS",
    "TOP",
    "Exhibit",
    "Figure",
    "accuracy",
    "accuracy_table",
    "agreement",
    "agreement_table",
    "background_stability",
    "background_stability_table",
    "beeswarm",
    "beeswarm_table",
    "central_slopes",
    "central_slopes_table",
    "certified",
    "certified_table",
    "chain",
    "chain_table",
    "class_contrasts",
    "class_contrasts_table",
    "class_importance",
    "class_importance_table",
    "column_colours",
    "confusion",
    "confusion_table",
    "cost",
    "cost_table",
    "curves",
    "curves_table",
    "deletion",
    "deletion_table",
    "dependence",
    "dependence_table",
    "dispute",
    "dispute_table",
    "faithfulness",
    "faithfulness_cost",
    "faithfulness_cost_table",
    "faithfulness_table",
    "height",
    "importance",
    "importance_by_model",
    "importance_by_model_table",
    "importance_table",
    "interactions",
    "interactions_table",
    "joint",
    "joint_table",
    "latents",
    "latents_table",
    "margins",
    "margins_table",
    "nearest_change",
    "nearest_change_table",
    "pieces",
    "pieces_table",
    "proven_ranges",
    "proven_ranges_table",
    "region_map",
    "region_map_table",
    "rungs",
    "rungs_table",
    "segments",
    "segments_table",
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
