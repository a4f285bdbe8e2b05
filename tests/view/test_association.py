"""Association of whole columns against SciPy, closed forms and chance."""

import numpy as np
import pytest
from scipy.stats import f_oneway
from scipy.stats.contingency import association as plain_association

from spectral_interp.view import DateAxis, LevelsAxis, ModelView, NumberAxis, Output
from spectral_interp.view.association import association


def levels(name, count):
    return LevelsAxis(name, tuple(map(str, range(count))), (1 / count,) * count)


def corrected(table):
    """Return Bergsma's V of a table of counts, from SciPy's plain one."""
    table = table[table.any(axis=1)][:, table.any(axis=0)]
    n, (r, c) = table.sum(), table.shape
    phi2 = plain_association(table, method="cramer") ** 2 * (min(r, c) - 1)
    phi2 = max(0, phi2 - (r - 1) * (c - 1) / (n - 1))
    return np.sqrt(phi2 / (min(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1))


def test_every_pair_against_its_definition(rng):
    n, base = 400, rng.normal(size=400)
    a = base + rng.normal(size=n)
    b = np.where(rng.random(n) < 0.3, np.nan, 1e150 * (5 - base + 0.2 * rng.normal(size=n)))
    c = np.digitize(base + 0.5 * rng.normal(size=n), [-1, 0, 1]).astype(float)
    d = np.where(rng.random(n) < 0.2, np.nan, np.digitize(base, [0.3]))
    u = np.column_stack([a, c, b, d])
    axes = NumberAxis("a"), levels("c", 5), NumberAxis("b"), levels("d", 2)
    found = association(axes, u)
    np.testing.assert_array_equal(found.values, found.values.T)
    both = ~np.isnan(b)
    assert found.values[0, 2] == pytest.approx(np.corrcoef(a[both], b[both])[0, 1])
    assert found.values[0, 2] < -0.5
    known = ~np.isnan(d)
    counts = np.zeros((5, 2), dtype=int)
    np.add.at(counts, (c[known].astype(int), d[known].astype(int)), 1)
    assert found.values[1, 3] == pytest.approx(corrected(counts))
    for number, level in ((0, 1), (2, 1), (2, 3)):
        x, place = u[:, number], u[:, level]
        usable = ~np.isnan(x) & ~np.isnan(place)
        groups = [x[usable & (place == i)] / 1e150 ** (number == 2) for i in np.unique(place[usable])]
        k, m = len(groups), usable.sum()
        f = f_oneway(*groups).statistic
        epsilon2 = (k - 1) * (f - 1) / ((k - 1) * f + m - k)
        assert found.values[number, level] == pytest.approx(np.sqrt(max(0, epsilon2)))
    assert [found.text(*pair)[0] for pair in ((0, 2), (1, 3), (0, 1))] == ["r", "V", "η"]


def test_columns_that_share_one_level_are_not_the_same(rng):
    none = rng.random(2000) < 0.3
    internet = np.where(none, 0, rng.integers(1, 4, 2000)).astype(float)
    backup = np.where(none, 0, rng.integers(1, 3, 2000)).astype(float)
    found = association((levels("internet", 4), levels("backup", 3)), np.column_stack([internet, backup]))
    assert found.text(0, 1) == "V = 0.71"
    renamed = (internet + 1) % 4
    same = association((levels("a", 4), levels("b", 4)), np.column_stack([internet, renamed]))
    assert same.values[0, 1] == pytest.approx(1)


def test_chance_is_no_association(rng):
    u = np.column_stack([rng.integers(0, 20, (120, 2)), rng.normal(size=(120, 2))]).astype(float)
    found = association((levels("a", 20), levels("b", 20), NumberAxis("c"), NumberAxis("d")), u)
    assert np.abs(found.values[np.triu_indices(4, 1)]).max() < 0.4


def test_gaps_at_the_same_rows_are_an_association(rng):
    gaps = rng.random(200) < 0.3
    u = np.where(gaps[:, None], np.nan, rng.normal(size=(200, 2)))
    other = np.column_stack([u, np.where(rng.random(200) < 0.3, np.nan, 1.0)])
    found = association(tuple(map(NumberAxis, "abc")), other)
    assert found.text(0, 1) == "V of gaps = 1.00"
    assert abs(found.values[0, 2]) < 0.3


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_rows_and_constants_have_no_association(n, rng):
    axes = NumberAxis("a"), levels("b", 3), NumberAxis("c"), levels("d", 2)
    u = np.column_stack([np.full(n, 0.1), np.zeros(n), np.full(n, np.nan), np.full(n, np.nan)])
    np.testing.assert_array_equal(association(axes, u).values, 0)


def test_a_view_finds_coordinates_in_features(rng, random_pencil):
    axes = NumberAxis("a", median=0.5, missing=0.2), LevelsAxis("b", ("x", "y"), (0.3, 0.7))
    a, b = np.array([1.0, np.nan, 2.0, 3.0, 5.0]), np.array(["x", "y", "x", "y", "?"])
    view = ModelView(random_pencil(4, 3), axes, Output("u"), np.zeros((1, 4)))
    z = np.hstack([axis.encode(values) for axis, values in zip(axes, (a, b), strict=True)])
    u = np.column_stack([a, [0, 1, 0, 1, np.nan]])
    np.testing.assert_allclose(view.association(z).values, association(axes, u).values)


def test_a_date_goes_with_others_by_its_elapsed_days(rng):
    days = rng.integers(19_000, 20_000, 300).astype(float)
    days[rng.random(300) < 0.1] = np.nan
    year = (1 / 12,) * 12, (1 / 7,) * 7
    day = DateAxis("day", 19_500.0, 290.0, 19_000.0, 20_000.0, *year, median=19_500.0, missing=0.1)
    other = np.nan_to_num(days, nan=19_500.0) + rng.normal(0, 300, 300)
    place = rng.integers(0, 3, 300).astype(float)
    u = np.column_stack([day.locate(day.place((days - day.mean) / day.scale)), other, place])
    axes = NumberAxis("b"), levels("c", 3)
    found, plain = association((day, *axes), u), association((NumberAxis("a"), *axes), u)
    np.testing.assert_array_equal(found.values, plain.values)
    np.testing.assert_array_equal(found.measures, plain.measures)
    there = ~np.isnan(days)
    assert found.values[0, 1] == pytest.approx(np.corrcoef(days[there], other[there])[0, 1])
