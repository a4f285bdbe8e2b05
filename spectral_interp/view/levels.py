"""Columns of levels: text, categories and booleans."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from typing_extensions import override

from .._common.arrays import FloatArray
from .._common.caching import cached_property
from .._common.messages import truncated_list
from .._common.text import class_text
from .axes import MISSING, Axis, Directions
from .spelling import is_boolean, nearest, spelling, truth

OTHER = "other"
"""Level of rare values and, if training had rare values, of unseen ones."""

SAME, CAPITALS, UNKNOWN = "same", "capitals", "unknown"
"""Ways in which the level of a text is found; see :meth:`LevelsAxis.find`."""


@dataclass(frozen=True)
class LevelsAxis(Axis):
    """A column of levels with one feature per level, its centred indicator.

    Values with the same meaning are the same level. Blanks around a text and the format of a number do not
    matter; if the levels are a pair of booleans, their spelling does not matter either. A text that differs
    from a single level only in capitals is that level.

    An unknown value counts as "other". If training had no rare values, there is no level "other", and an
    unknown value counts as the average training row, z = 0.

    Attributes
    ----------
    name : str
    levels : tuple of str
        The most frequent first, then "other" and "missing" if they occur in training.
    shares : tuple of float
        Share of the training rows in every level, which is the mean of its indicator.
    others : tuple of str
        Texts that counted as "other" in training; if there are many, the most frequent ones.
    gaps : tuple of str
        Texts that count as missing.

    Examples
    --------
    >>> city = LevelsAxis("city", ("Oslo", "Bergen", "missing"), (0.5, 0.25, 0.25))
    >>> city.encode(["Bergen", "Rome", None])
    array([[-0.5 ,  0.75, -0.25],
           [ 0.  ,  0.  ,  0.  ],
           [-0.5 , -0.25,  0.75]])
    >>> city.decode(city.encode([" Bergen", "bergen", "Rome"])).tolist()
    ['Bergen', 'Bergen', None]
    """

    name: str
    levels: tuple[str, ...]
    shares: tuple[float, ...]
    others: tuple[str, ...] = ()
    gaps: tuple[str, ...] = ()

    @property
    @override
    def kind(self) -> str:
        return "levels"

    @property
    @override
    def continuous(self) -> bool:
        return False

    @property
    @override
    def feature_names(self) -> tuple[str, ...]:
        return tuple(f"{self.name} = {level}" for level in self.levels)

    @property
    @override
    def value_features(self) -> int:
        return len(self.levels)

    @property
    @override
    def step(self) -> str:
        return "change of level"

    @override
    def directions(self) -> Directions:
        """Return the changes from every level to every other one; each change is next to its reverse."""
        if len(self.levels) < 2:
            return Directions(("no change",), np.zeros((1, len(self.levels))))
        a, b = np.triu_indices(len(self.levels), k=1)
        sources, targets = (np.column_stack(pair).ravel() for pair in ((a, b), (b, a)))
        one = np.eye(len(self.levels))
        labels = (
            f"{self.levels[source]} → {self.levels[target]}"
            for source, target in zip(sources, targets, strict=True)
        )
        return Directions(tuple(labels), one[targets] - one[sources])

    @property
    def own(self) -> tuple[str, ...]:
        """The levels that are values of the column: all but "other" and "missing"."""
        return tuple(level for level in self.levels if level not in (OTHER, MISSING))

    @cached_property
    def truths(self) -> dict[bool, float]:
        """The coordinates of true and false if the levels are a pair of booleans; otherwise empty.

        One of "True" and "False" is enough, because the other one is rare and thus "other".
        """
        own = self.own
        single = len(own) == 1 and own[0].casefold() in ("true", "false")
        if not single and not (len(own) == 2 and is_boolean(own)):
            return {}
        found = {truth(level) is True: self._exact[level] for level in own}
        if single and OTHER in self.levels:
            found[True not in found] = self._exact[OTHER]
        return found

    @cached_property
    def _exact(self) -> dict[str, float]:
        return {level: float(u) for u, level in enumerate(self.levels)}

    @cached_property
    def _places(self) -> dict[str, float]:
        """Normalised spelling → coordinate, for levels and for texts that counted as "other" in training."""
        unknown = self._unknown
        places = {} if np.isnan(unknown) else {spelling(text): unknown for text in self.others}
        return places | {spelling(level): u for level, u in reversed(self._exact.items())}

    @cached_property
    def _folded(self) -> dict[str, list[float]]:
        """Spelling in lower case → coordinates of the levels that differ only in capitals."""
        folded: dict[str, list[float]] = {}
        for level in self.own:
            folded.setdefault(spelling(level).casefold(), []).append(self._exact[level])
        return folded

    @property
    def _unknown(self) -> float:
        return self._exact.get(OTHER, float("nan"))

    def find(self, text: str) -> tuple[float, str]:
        """Return the coordinate of a text, NaN if it has none, and the way in which it was found.

        Returns
        -------
        u : float
        how : str
            :data:`SAME` for a level, or for a text that counted as "other" in training; :data:`CAPITALS` for
            a text that differs from one level in capitals; :data:`UNKNOWN` otherwise.

        Examples
        --------
        >>> flag = LevelsAxis("flag", ("True", "False"), (0.5, 0.5))
        >>> flag.find("1.0"), flag.find(" no"), flag.find("maybe")
        ((0.0, 'same'), (1.0, 'same'), (nan, 'unknown'))
        """
        if text in self._exact:
            return self._exact[text], SAME
        key = spelling(text)
        if key in self._places:
            return self._places[key], SAME
        meant = truth(key)
        if meant is not None and meant in self.truths:
            return self.truths[meant], SAME
        alike = self._folded.get(key.casefold(), [])
        return (alike[0], CAPITALS) if len(alike) == 1 else (self._unknown, UNKNOWN)

    @override
    def checked(self, values: Any) -> npt.NDArray[np.object_]:
        texts = _texts(values)
        found = [self.find(text) for text in texts]
        unknown = sorted({text for text, (_, how) in zip(texts, found, strict=True) if how == UNKNOWN})
        if unknown:
            near = nearest(unknown[0], self.own)
            known = truncated_list(self.levels)
            raise ValueError(
                f"expected levels of {self.name!r}: {known}; got {unknown[0]!r}"
                + (f"; is it {near!r}?" if near else "")
            )
        return self.values(np.array([u for u, _ in found], dtype=np.float64))

    @override
    def coordinates(self, values: npt.ArrayLike) -> FloatArray:
        return np.array([self.find(text)[0] for text in _texts(values)], dtype=np.float64)

    @override
    def values(self, u: FloatArray) -> npt.NDArray[np.object_]:
        return np.array([*self.levels, None], dtype=object)[np.where(np.isnan(u), -1, u).astype(np.intp)]

    @override
    def place(self, u: FloatArray) -> FloatArray:
        found = np.empty((len(u), len(self.levels)))
        self.put(u, found)
        return found

    @override
    def put(self, u: FloatArray, into: FloatArray) -> None:
        shares, missing = np.array(self.shares), np.isnan(u)
        into[:] = 0.0 - shares
        into[missing] = 0.0
        known = np.flatnonzero(~missing)
        level = u[known].astype(np.intp)
        into[known, level] = 1.0 - shares[level]

    @property
    @override
    def offset(self) -> FloatArray:
        return np.array(self.shares)

    @override
    def locate(self, z: FloatArray) -> FloatArray:
        present = z > 0
        return np.where(present.any(axis=1), present.argmax(axis=1), np.nan)

    @override
    def grid(self, u: FloatArray, points: int) -> FloatArray:
        return np.arange(len(self.levels), dtype=np.float64)


def _texts(values: Any) -> npt.NDArray[np.object_]:
    """Return values as the text of levels; a missing value becomes "missing"."""
    values = [values] if isinstance(values, str) or not isinstance(values, Iterable) else values
    return np.array([MISSING if is_missing(value) else text_of(value) for value in values], dtype=object)


def is_missing(value: Any) -> bool:
    """Return whether a value of a table is missing: None, NaN, NaT or pandas.NA.

    Examples
    --------
    >>> is_missing(None), is_missing(float("nan")), is_missing(np.datetime64("NaT", "D")), is_missing(0.0)
    (True, True, True, False)
    """
    try:
        return value is None or bool(value != value)
    except TypeError:  # comparisons with pandas.NA give pandas.NA
        return True


def text_of(value: Any) -> str:
    """Return a value as text; whole numbers have the same text as integers and as floats.

    Examples
    --------
    >>> text_of(2.0), text_of(2), text_of("x")
    ('2', '2', 'x')
    """
    whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return str(int(value)) if whole else str(value)


def class_place(label: Any, classes: Sequence[Any]) -> int:
    """Return the position of a label among the classes, matched by value or as text; -1 if it is unknown.

    Examples
    --------
    >>> class_place("1", [0, 1]), class_place(" yes", ["no", "yes"]), class_place("y", ["no", "yes"])
    (1, 1, -1)
    >>> class_place("1.0", [0.0, 1.0])
    1
    """
    if label in classes:
        return classes.index(label)
    for as_text in (text_of, class_text):
        texts, text = [as_text(one).strip() for one in classes], as_text(label).strip()
        if text in texts:
            return texts.index(text)
    return -1
