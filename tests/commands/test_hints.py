"""What is said of a table before training: only what is true, and nothing of tables without the fault."""

import warnings

import numpy as np
import pandas as pd
import pytest

from spectral_interp._common.messages import meant
from spectral_interp.commands.hints import warn_of_few_rows, warn_of_leaks
from spectral_interp.tables.encoder import TableEncoder
from spectral_interp.tables.reading import read_table, split_target

N = 400


def hints(frame, targets, name="y"):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        encoder = TableEncoder.fit(frame)
        seen.clear()
        warn_of_leaks(encoder.axes, encoder.encode(frame), np.asarray(targets, dtype=float), name)
    return [str(one.message) for one in seen]


@pytest.fixture
def noise(rng):
    return pd.DataFrame({"a": rng.normal(size=N), "b": rng.choice(list("uvw"), N)})


def leaking(rng):
    y, classes = rng.lognormal(size=N), rng.random(N) < 0.2
    shuffled, turn = rng.permutation(N), rng.uniform(0, 3, N)
    return {
        "in another unit": (y, y / 3.7 + 2),
        "its reverse, rounded": (y, -np.log(y).round(4)),
        "not monotone": (np.sin(3 * turn), turn),
        "with gaps": (y, np.where(rng.random(N) < 0.0005, np.nan, y)),
        "levels": (classes, np.where(classes, "paid", np.where(rng.random(N) < 0.5, "open", "sent"))),
        "number that orders classes": (classes, rng.normal(size=N) + 9 * classes),
        "a number of the row, in sorted rows": (shuffled < 60, shuffled),
        "given in some rows only": (classes, np.where(classes, "2024", None)),
    }


@pytest.mark.parametrize("case", leaking(np.random.default_rng(1)))
def test_a_column_that_gives_the_target_away_is_named(noise, case):
    targets, leak = leaking(np.random.default_rng(1))[case]
    (hint,) = hints(noise.assign(leak=leak), targets)
    assert "'leak' (" in hint
    assert hint.endswith("--drop leak")
    assert "'a'" not in hint
    assert hints(noise, targets) == []


def test_good_columns_and_small_tables_are_no_leaks(noise, rng):
    y = rng.normal(size=N)
    assert hints(noise.assign(good=y + rng.normal(scale=0.1, size=N)), y) == []
    assert hints(pd.DataFrame({"only": y}), y) == []  # there is nothing to leave out
    assert hints(noise.assign(leak=y)[:20], y[:20]) == []
    assert hints(noise.assign(rare=np.arange(N) < 5), np.arange(N) < 5) == []
    assert hints(noise.assign(id=np.arange(N)), rng.random(N) < 0.5) == []
    assert hints(noise, np.full(N, 7.0)) == []


@pytest.mark.parametrize("name", ["diabetes", "breast_cancer", "two_or_five"])
def test_bundled_data_sets_give_nothing_away(name):
    target = {"diabetes": "progression", "breast_cancer": "diagnosis", "two_or_five": "two_or_five"}[name]
    X, y = split_target(read_table(name), target, name)
    assert hints(X, pd.factorize(y)[0] if y.dtype.kind not in "fi" else y) == []


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((32, 8, 4, {}), "only 32 rows to train on and 8 to test on"),
        ((80, 20, 40, {}), "only 80 rows to train on for 40 features"),
        ((80, 20, 4, {"no": 97, "yes": 3}), "only 3 rows are of the class 'yes'"),
        ((80, 20, 4, {"no": 50, "yes": 50}), None),
        ((40, 10, 4, {}), None),
    ],
)
def test_few_rows(counts, expected):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        warn_of_few_rows(*counts)
    assert [expected in str(one.message) for one in seen] == ([True] if expected else [])


def test_what_a_name_may_have_meant():
    assert meant("sex ", ["age", "Sex"]) == "; did you mean 'Sex'?"
    assert meant("x", []) == meant("bmi", ["age", "price"]) == ""
