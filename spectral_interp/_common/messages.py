"""Values, names and lists in messages, cut to a length that can be read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

LIST_LENGTH = 300
"""Characters of a list in a message."""


def shown(value: Any) -> str:
    """Return a value or name as it goes into a message, cut to 60 characters."""
    text = repr(value.tolist() if isinstance(value, np.generic | np.ndarray) else value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def truncated_list(texts: Iterable[str]) -> str:
    """Return as many texts as fit into a message, and how many more there are.

    Examples
    --------
    >>> truncated_list(["a", "b"])
    'a, b'
    """
    texts = list(texts)
    ends = np.cumsum([len(text) + 2 for text in texts])
    most = max(1, int((ends <= LIST_LENGTH).sum()))
    return ", ".join(texts[:most]) + (f" and {len(texts) - most} more" if len(texts) > most else "")
