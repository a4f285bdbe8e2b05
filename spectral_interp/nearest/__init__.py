"""The nearest change of a row that reaches a target, with a proven lower bound of its cost."""

from .counterfactuals import Counterfactual, counterfactual

__all__ = ["Counterfactual", "counterfactual"]
