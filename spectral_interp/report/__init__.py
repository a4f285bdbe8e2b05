"""Analysis of one model: tables, figures, summary and page."""

from .analysis import Analysis, analyze, choose_rows, complete_baselines
from .writing import Report, report_of, write

__all__ = ["Analysis", "Report", "analyze", "choose_rows", "complete_baselines", "report_of", "write"]
