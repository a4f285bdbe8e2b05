"""Values in other spellings, and values that training did not have: no silent change of a prediction."""

import warnings

import numpy as np
import pandas as pd

from spectral_interp.tables.encoder import TableEncoder
from spectral_interp.view import LevelsAxis

N = 60
PAIRS = [
    ("true", "false"),
    ("True", "False"),
    ("t", "f"),
    ("yes", "no"),
    ("Y", "N"),
    ("1", "0"),
    ("on", "off"),
]


def _pad(rng, text):
    return " " * rng.integers(3) + text + " " * rng.integers(3)


def _number(rng, text):
    x = float(text)
    forms = [
        text,
        f" {text}",
        x,
        f"{x}0" if "." in str(x) else text,
        text if text.startswith("-") else f"0{text}",
    ]
    return forms[rng.integers(len(forms))]


def _flag(rng, text):
    truth = any(text == yes for yes, _ in PAIRS)
    forms = [truth, int(truth), float(truth), *(pair[not truth] for pair in PAIRS)]
    value = forms[rng.integers(len(forms))]
    return _pad(rng, value) if isinstance(value, str) else value


def _gap(rng, text):
    return rng.choice(["?", "-", "NA", " n/a", "unknown", ""]) if not text else _number(rng, text)


def _kinds(rng):
    """Return kinds of columns: text values as a file holds them, and how else each of them may be written."""
    words = [f"{word} {i}" for i, word in enumerate(rng.permutation(["Oslo", "Großau", "new york", "x-1"]))]
    yes, no = PAIRS[rng.integers(len(PAIRS))]
    gaps = [
        str(x) if hit else "" for x, hit in zip(rng.normal(size=N).round(3), rng.random(N) < 0.8, strict=True)
    ]
    return {
        "words": (rng.choice(words, N), _pad),
        "flag": (np.where(rng.permutation(N) < N // 3, yes, no), _flag),
        "codes": (
            rng.choice(["1", "2", "007", "x"], N),
            lambda rng, text: text if text == "x" else _number(rng, text),
        ),
        "number": (rng.normal(size=N).round(3).astype(str), _number),
        "count": (rng.integers(0, 9, N).astype(str), _number),
        "gaps": (np.array(gaps, dtype=object), _gap),
    }


def _encoded(encoder, frame):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        z = encoder.encode(frame)
    return z, [str(warning.message) for warning in caught]


def _check_respelt(encoder, frame, kinds, rng):
    respelt = pd.DataFrame(
        {name: pd.Series([kinds[name][1](rng, str(v)) for v in frame[name]], dtype=object) for name in frame}
    )
    z, said = _encoded(encoder, respelt)
    np.testing.assert_array_equal(z, encoder.encode(frame, quiet=True))
    assert all("gaps" in text for text in said), said


def _check_new(encoder, frame, rng):
    """Change one value of a column: to a level or a number that training did not have."""
    axis = encoder.axes[rng.integers(len(encoder.axes))]
    levels = isinstance(axis, LevelsAxis)
    new = (
        str(rng.choice(["Olso 0", "new york", "", "99", "maybe"]))
        if levels
        else str(rng.choice(["1e6", "-1e5", "?"]))
    )
    changed = frame.assign(**{axis.name: frame[axis.name].astype(object)})
    changed.loc[rng.integers(N), axis.name] = new
    z, said = _encoded(encoder, changed)
    if (z != encoder.encode(frame, quiet=True)).any():
        known = new in axis.gaps or (not new and not levels and axis.median is not None)
        assert known or any(repr(axis.name) in text for text in said), (axis, new)


def test_respelt_tables(size, tally):
    rng = np.random.default_rng(0)
    with tally("tables: values respelt, values new") as counts:
        for trial in range(size(15, 2000)):
            kinds = _kinds(rng)
            frame = pd.DataFrame(
                {name: pd.Series(list(values), dtype=object) for name, (values, _) in kinds.items()}
            )
            with counts.trial(trial), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                encoder = TableEncoder.fit(frame, categorical=["codes"])
                _check_respelt(encoder, frame, kinds, rng)
                _check_new(encoder, frame, rng)
