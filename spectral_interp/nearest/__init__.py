"""The nearest change of a row that reaches a target: searched, and proven of all nearer ones."""

from .counterfactuals import Counterfactual, counterfactual

__all__ = ["Counterfactual", "counterfactual"]
