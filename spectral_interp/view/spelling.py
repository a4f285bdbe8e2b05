"""What a text means: the same word, the same number or the same truth, however it is written."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Collection

BOOLEANS = (("true", "false"), ("t", "f"), ("yes", "no"), ("y", "n"), ("1", "0"), ("on", "off"))
"""Usual spellings of true and false; capitals do not matter."""

_TRUTHS = {word: word == yes for yes, no in BOOLEANS for word in (yes, no)}

_NUMBER = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]*))?")


def spelling(text: str) -> str:
    """Return the one spelling of a text: without blanks around it, decimal numbers in their shortest form.

    Examples
    --------
    >>> spelling(" Oslo "), spelling("01"), spelling("1.0"), spelling("-0.50"), spelling("1e3")
    ('Oslo', '1', '1', '-0.5', '1e3')
    """
    text = unicodedata.normalize("NFC", text.strip())
    found = _NUMBER.fullmatch(text)
    if not found:
        return text
    sign, whole, part = found.groups(default="")
    whole, part = whole.lstrip("0") or "0", part.rstrip("0")
    digits = f"{whole}.{part}" if part else whole
    return f"-{digits}" if sign == "-" and digits != "0" else digits


def truth(text: str) -> bool | None:
    """Return the truth value that a text spells, None for other texts.

    Examples
    --------
    >>> truth("TRUE"), truth("1.0"), truth(" no"), truth("maybe")
    (True, True, False, None)
    """
    return _TRUTHS.get(spelling(text).casefold())


def is_boolean(texts: Collection[str]) -> bool:
    """Return whether all texts spell truth values, among them both words of one pair of :data:`BOOLEANS`.

    Examples
    --------
    >>> is_boolean(["yes", "No"]), is_boolean(["y", "f"]), is_boolean(["True", "False", "0"])
    (True, False, True)
    """
    words = {spelling(text).casefold() for text in texts}
    return words <= _TRUTHS.keys() and any(words.issuperset(pair) for pair in BOOLEANS)


def nearest(text: str, known: Collection[str]) -> str | None:
    """Return the known text that looks most like another one, None if none does.

    Examples
    --------
    >>> nearest("Bregen", ["Oslo", "Bergen"]), nearest("Rome", ["Oslo", "Bergen"])
    ('Bergen', None)
    """
    folded = {other.casefold(): other for other in known}
    found = difflib.get_close_matches(text.strip().casefold(), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None
