"""What is certified, in words."""

from __future__ import annotations

from typing import Any

from .._common.text import at_most


def monotone_sentence(line: dict[str, Any]) -> str:
    """Return what is proven of the direction of a column; empty if nothing is."""
    name, verdict = line["column"], line["monotone"]
    if not line["norm"]:
        return f"Predictions do not depend on {name}."
    if line["kind"] == "levels":
        return f"Changing {name} ({line['step']}) never lowers a prediction." if verdict else ""
    where = ", between rows that have a value" if line["kind"] == "number with gaps" else ""
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
    return f"One {line['step']} never moves a prediction by more than {most}."
