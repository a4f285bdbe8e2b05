"""What is certified, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._common.text import at_most

if TYPE_CHECKING:
    pass


def is_change(line: Any) -> bool:
    """Return whether what is certified of a column is one named change of it, and no direction."""
    return line["kind"] == "levels" or line.get("own_step") == ""


def monotone_sentence(line: dict[str, Any]) -> str:
    """Return what is proven of the direction of a column; empty if nothing is."""
    name, verdict = line["column"], line["monotone"]
    if not line["norm"]:
        return f"Predictions do not depend on {name}."
    where = ", between rows that have a value" if line["kind"].endswith("with gaps") else ""
    if is_change(line):
        alone = "" if line["kind"] == "levels" else " alone"
        return f"Changing {name} ({line['step']}{alone}) never lowers a prediction{where}." if verdict else ""
    return (
        f"Predictions never {'fall' if verdict > 0 else 'rise'} when {name} rises{where}." if verdict else ""
    )


def norm_sentence(line: dict[str, Any]) -> str:
    """Return the most that a step of a column can do; empty if that is nothing."""
    if not line["norm"]:
        return ""
    most = f"{at_most(line['norm'])} ({line['unit']})"
    if line["kind"] == "levels":
        return f"No change of {line['column']} moves a prediction by more than {most}."
    if is_change(line):
        return (
            f"No step of {line['column']} moves a prediction by more than {most}: neither a standard "
            "deviation of elapsed time nor a change of month, weekday or hour, each of them alone."
        )
    return f"One {line['step']} never moves a prediction by more than {most}."
