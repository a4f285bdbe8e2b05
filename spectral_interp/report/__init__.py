"""The analysis of one model: tables, figures, summary and page."""

from .analysis import Analysis, analyze, choose_rows, complete_baselines
from .writing import write

__all__ = ["Analysis", "analyze", "choose_rows", "complete_baselines", "write"]
