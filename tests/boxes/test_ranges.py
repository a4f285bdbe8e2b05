"""Proven ranges in regions: under attack, by brute force, in closed form, and how tight they are."""

import itertools

import numpy as np
import pandas as pd
import pytest

from spectral_interp import DensePencil, Pencil, SpectralRegressor, certify
from spectral_interp.boxes import bounds, ranges
from spectral_interp.boxes.limits import Region, free_columns
from spectral_interp.pencil import Total
from spectral_interp.view import ClassesView, DateAxis, HatsAxis, ModelView, NumberAxis, Output, Pair
from tests.certificates.attack_sums import draw
from tests.certificates.mixed import mixed
from tests.sums import encoded

SLACK = 1e-9
SIZES = (1e-6, 0.05, 0.5, 2.0, 10.0)
DAY_ZERO = np.datetime64("2021-01-01")


def random_limits(view, rng):
    """Return limits of some columns of a random total, of any size, gaps among them."""
    limits, size = {}, rng.choice(SIZES)
    for name in rng.choice(view.columns, int(rng.integers(1, 7)), replace=False):
        if name == "city":
            some = rng.choice(["Oslo", "Rome", None], int(rng.integers(1, 4)), replace=False)
            limits[name] = some.tolist()
            continue
        if name == "day":
            first = DAY_ZERO + int(rng.integers(0, 500))
            limits[name] = (first, first + int(rng.integers(0, 1 + int(200 * size))))
        else:
            u = rng.normal() + size * np.array([-rng.random(), rng.random()])
            limits[name] = tuple(view.axis(name).values(u).tolist())
        if view.axis(name).gap() is not None and rng.random() < 0.3:
            limits[name] = (*limits[name], None)
    return limits


def random_values(limit, rng, n):
    """Return values within limits, (n,), many of them at the ends."""
    legal = [value for value in limit if value is not None]
    if isinstance(legal[0] if legal else None, str) or None in limit[:1]:
        return rng.choice(np.array(limit, dtype=object), n)
    low, high = legal
    share = np.where(rng.random(n) < 0.3, rng.integers(0, 2, n), rng.random(n))
    if isinstance(low, np.datetime64):
        days = low + np.rint(share * (high - low).astype(int)).astype(int)
        return np.where((rng.random(n) < 0.2) & (len(limit) > 2), np.datetime64("NaT", "D"), days)
    values = np.clip(low + share * (high - low), low, high)
    return np.where((rng.random(n) < 0.2) & (len(limit) > 2), np.nan, values)


def points(view, data, limits, rng, n):
    """Return columns of n rows: within limits, and elsewhere as in one row of a table."""
    return [
        random_values(limits[axis.name], rng, n)
        if axis.name in limits
        else np.repeat(np.array([value], dtype=object), n)
        for axis, value in zip(view.axes, data, strict=True)
    ]


def climb(view, columns, limits, sign, rounds=6):
    """Return the largest ``sign · f`` found uphill: numbers move within limits with their gradient."""
    for step in 0.5 ** np.arange(rounds):
        z = encoded(view, columns)
        f, g = view.function.values_and_gradients(z)
        slopes = view.input_slopes(z, g)
        best = columns
        moved = list(columns)
        for place, axis in enumerate(view.axes):
            if axis.name not in limits or axis.name in ("city", "day"):
                continue
            low, high = limits[axis.name][:2]
            slope = slopes[:, view.input_firsts[place]]
            way = sign * np.sign(slope) * step * (high - low)
            moved[place] = np.clip(np.asarray(columns[place], dtype=float) + way, low, high)
        better = sign * view.function.values(encoded(view, moved)) > sign * f
        columns = [np.where(better, new, old) for new, old in zip(moved, best, strict=True)]
    return (sign * view.function.values(encoded(view, columns))).max()


def attack(seed, n):
    """Check the range of a random region of a random total against points and climbs."""
    view, _, rows, rng = draw(seed, n=8)
    at, limits = int(rng.integers(8)), random_limits(view, rng)
    found = certify(view).range(limits, rows.take([at]), max_evaluations=int(rng.choice([1, 30, 200])))
    columns = points(view, rows.data[at], limits, rng, n)
    f = view.function.values(encoded(view, columns))
    slack = SLACK * (1 + np.abs(f).max())
    assert found.low - slack <= f.min()
    assert f.max() <= found.high + slack
    some = [column[:50] for column in columns]
    assert climb(view, some, limits, 1.0) <= found.high + slack
    assert climb(view, some, limits, -1.0) <= -found.low + slack
    assert found.low <= found.attained_low <= found.attained_high <= found.high
    at_points = [np.array(column, dtype=object) for column in found.points.T]
    np.testing.assert_allclose(
        view.function.values(encoded(view, at_points)), [found.attained_low, found.attained_high], atol=slack
    )
    return n


def test_36_random_totals_survive():
    for seed in range(36):
        attack(seed, 500)


@pytest.mark.long
def test_500_random_totals_survive(record_property):
    tried = sum(attack(seed, 2000) for seed in range(500))
    record_property("tally", ("proven ranges of regions", tried, 0, 0.0))


@pytest.mark.parametrize(("corners", "crossed"), [(128, 24), (1, 24), (1, 0), (8, 24)])
def test_every_bound_of_a_box_holds_alone(monkeypatch, corners, crossed):
    """Without corners the curvature, the gap and Weyl's inequality have to do, with products or norms."""
    monkeypatch.setattr(bounds, "CORNERS", corners)
    monkeypatch.setattr(bounds, "CROSSED", crossed)
    for seed in range(100, 112):
        view, _, rows, rng = draw(seed, n=8)
        limits = random_limits(view, rng)
        free = free_columns(view, limits, rows.take([0]))
        region = Region(view, free, ranges.coordinates(view, rows.take([0])))
        found = bounds.bounds_in(region, [region.root])
        f = view.function.values(encoded(view, points(view, rows.data[0], limits, rng, 300)))
        slack = SLACK * (1 + np.abs(f).max())
        assert found.low[0] - slack <= f.min()
        assert f.max() <= found.high[0] + slack


def test_bounds_close_with_the_square_of_a_box(random_pencil):
    """The curvature is of second order: half a box is four times as tight, without corners too."""
    view = certify(random_pencil(3, 5)).view
    for corners in (1, 128):
        loose = []
        for width in (1e-2, 5e-3):
            free = free_columns(view, {name: (0.3, 0.3 + width) for name in view.columns}, None)
            region = Region(view, free, np.zeros(3))
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(bounds, "CORNERS", corners)
                low, high, _, _ = bounds.bounds_in(region, [region.root])
            ends = np.array(list(itertools.product((0.3, 0.3 + width), repeat=3)))
            loose.append(float((high - low)[0] - np.ptp(view.function.values(ends))))
        assert loose[1] <= 0.3 * loose[0]


def test_ranges_of_single_neurons_are_tight(regressor, classifier, diabetes, breast_cancer):
    """A standard deviation in four columns: proven at most 1.05 times as wide as attained."""
    for est, (X, _) in ((regressor, diabetes), (classifier, breast_cancer)):
        cert, names = certify(est), [axis.name for axis in est.view().axes if axis.sloped][:4]
        for at in range(3):
            middle = {name: float(X[name].iloc[at]) for name in names}
            sd = X[names].std()
            limits = {name: (middle[name] - sd[name] / 2, middle[name] + sd[name] / 2) for name in names}
            found = cert.range(limits, X.iloc[[at]])
            assert found.reached
            assert found.high - found.low <= 1.05 * (found.attained_high - found.attained_low) + SLACK
            assert found.looseness == pytest.approx(
                found.high - found.low - (found.attained_high - found.attained_low)
            )


def test_a_grid_lies_inside_and_fills_the_range():
    """Logged and plain columns in the table's units, against ``predict``."""
    est, frame = mixed()
    row = frame.iloc[[3]]
    limits = {"age": (40.0, 60.0), "income": (5_000.0, 80_000.0)}
    low, high = certify(est).range(limits, row)
    grid = pd.concat([row] * 2500, ignore_index=True)
    ends = np.meshgrid(np.linspace(40, 60, 50), np.geomspace(5_000, 80_000, 50))
    grid["age"], grid["income"] = (end.ravel() for end in ends)
    f = est.predict(grid)
    assert low <= f.min() <= f.max() <= high
    assert np.ptp(f) >= 0.95 * (high - low)


def test_levels_gaps_and_rows_of_the_table():
    est, frame = mixed()
    cert, row = certify(est), frame[frame["dose"].notna()].iloc[[0]]
    found = cert.range(
        {"city": ["Oslo", "Rome"], "smoker": [True, False], "dose": (1.0, 1.0, None)}, row, rtol=1e-9
    )
    rows = pd.DataFrame(
        [
            row.iloc[0].to_dict() | {"city": city, "smoker": smoker, "dose": dose}
            for city, smoker, dose in itertools.product(("Oslo", "Rome"), (True, False), (1.0, None))
        ]
    ).astype({"dose": float})
    f = est.predict(rows)
    np.testing.assert_allclose([found.low, found.high], [f.min(), f.max()], rtol=1e-8)
    assert found.reached
    np.testing.assert_allclose(est.predict(found.to_frame()), [f.min(), f.max()], rtol=1e-9)
    assert found.to_frame()["age"].tolist() == row["age"].tolist() * 2
    gap = cert.range({"dose": None}, row)
    np.testing.assert_allclose(list(gap), est.predict(row.assign(dose=np.nan)).repeat(2), rtol=1e-9)


def test_without_a_row_the_other_columns_are_anywhere_in_training():
    est, frame = mixed()
    cert = certify(est)
    found = cert.range({"age": (45, 55)}, max_evaluations=300)
    inside = est.predict(frame[frame["age"].between(45, 55)])
    assert found.low <= inside.min() <= inside.max() <= found.high
    anywhere = cert.range({}, max_evaluations=300)
    assert anywhere.low <= est.predict(frame).min() <= est.predict(frame).max() <= anywhere.high
    assert anywhere.low <= found.attained_low
    assert found.attained_high <= anywhere.high
    nothing = cert.range({}, frame.iloc[[0]])
    np.testing.assert_allclose(list(nothing), est.predict(frame.iloc[[0]]).repeat(2), rtol=1e-9)


def test_of_one_latent_and_of_pairs_in_closed_form():
    """With d = 1 f is piecewise linear: |a − b| + a on 0 <= a <= 2, 1 <= b <= 3 is between 1 and 3."""
    pair = Pair(0, 1, sign=-1.0, mean=0.0, scale=1.0, knots=(-1.0, 0.0, 1.0))
    pencil = Pencil([[0.0], [1.0], [0.0], [1.0], [0.0], [1.0]], np.empty((6, 0)), 0)
    axes = NumberAxis("a"), NumberAxis("b")
    view = ModelView(Total([pencil] * 2, [0.5, 0.5]), axes, Output("u"), np.zeros((1, 5)), pairs=(pair,))
    found = certify(view).range({"a": (0.0, 2.0), "b": (1.0, 3.0)}, rtol=1e-6, max_evaluations=3000)
    np.testing.assert_allclose([found.attained_low, found.attained_high], [1.0, 3.0], atol=1e-9)
    np.testing.assert_allclose(list(found), [1.0, 3.0], atol=1e-5)


def test_a_dense_and_a_diagonal_neuron(rng):
    full = rng.normal(size=(3, 4, 4))
    full += full.transpose(0, 2, 1)
    diagonal = Pencil(rng.normal(size=(3, 4)), np.zeros((3, 3)), 2)
    z = rng.uniform(-1, 1, size=(3000, 2))
    for pencil in (DensePencil(full, 1), diagonal):
        found = certify(pencil).range({"z0": (-1, 1), "z1": (-1, 1)})
        f = pencil.values(z)
        assert found.reached
        assert found.low <= f.min() <= f.max() <= found.high
        assert np.ptp(f) >= 0.9 * (found.high - found.low)


def test_the_other_class_has_the_opposite_range():
    view, _, rows, _ = draw(5, n=4)
    limits = {"bent": (-1.0, 0.5), "city": ["Oslo", "Rome"]}
    yes, no = (certify(view, output=label).range(limits, rows.take([1])) for label in ("yes", "no"))
    np.testing.assert_allclose([yes.attained_low, yes.attained_high], [-no.attained_high, -no.attained_low])
    assert yes.low <= -no.attained_high
    assert no.low <= -yes.attained_high
    assert "no" in no.unit


def test_the_margin_between_two_of_three_classes(random_pencil):
    scores = tuple(random_pencil(2, 3) for _ in "abc")
    axes, output = (NumberAxis("x"), NumberAxis("y")), Output("log-odds", ("a", "b", "c"), "kind")
    view = ClassesView(None, axes, output, np.zeros((1, 2)), functions=scores)
    found = certify(view, output="a", against="c").range({"x": (-1.0, 1.0), "y": (0.0, 2.0)})
    z = np.column_stack([end.ravel() for end in np.meshgrid(np.linspace(-1, 1, 60), np.linspace(0, 2, 60))])
    margin = scores[0].values(z) - scores[2].values(z)
    assert found.low <= margin.min() <= margin.max() <= found.high
    assert np.ptp(margin) >= 0.94 * (found.high - found.low)
    assert "a against c" in found.unit


def test_moments_of_a_day(rng):
    """The hours of an interval count, and no others."""
    axis = DateAxis("t", 19000.0, 2.0, 18990.0, 19010.0, hour=(1 / 24,) * 24, time=True)
    p = axis.n_features
    pencil = Pencil(rng.normal(size=(p + 1, 2)), rng.normal(size=(p + 1, 1)), 0)
    view = ModelView(Total([pencil]), (axis,), Output("u"), np.zeros((1, p)))
    moments = np.datetime64("2022-01-08T06:30") + np.arange(601)
    found = certify(view).range({"t": (moments[0], moments[-1])})
    f = view.function.values(axis.encode(moments))
    assert found.low <= f.min() <= f.max() <= found.high
    np.testing.assert_allclose(list(found), [f.min(), f.max()], atol=0.06 * np.ptp(f))


def test_the_hour_that_begins_in_a_region_is_where_a_range_ends():
    """At 11:00 f falls by 3, and rises by 1 in an hour: closed form, in few boxes."""
    axis = DateAxis("t", 19000.0, 1.0, 18990.0, 19010.0, hour=(1 / 24,) * 24, time=True)
    diag = np.zeros((1 + axis.n_features, 1))
    diag[axis.feature_names.index("t hour = 11") + 1], diag[1] = -3.0, 24.0
    pencil = Pencil(diag, np.empty((len(diag), 0)), 0)
    view = ModelView(Total([pencil]), (axis,), Output("u"), np.zeros((1, axis.n_features)))
    day = np.datetime64("2022-01-08")
    eleven = float(view.function.values(axis.encode([day + np.timedelta64(11, "h")]))[0])
    for first, last in ((640, 665), (630, 670), (659, 685), (650, 660)):
        found = certify(view).range(
            {"t": (day + np.timedelta64(first, "m"), day + np.timedelta64(last, "m"))}
        )
        np.testing.assert_allclose(list(found), [eleven, eleven + 3], atol=1e-5)
        assert found.reached


def test_more_halves_are_never_looser_and_say_when_they_stop():
    view, _, rows, _ = draw(1, n=4)
    limits = {"bent": (-2.0, 2.0), "logged": (0.2, 9.0), "gappy": (2.0, 4.0)}
    cert = certify(view)
    found = [cert.range(limits, rows.take([0]), rtol=1e-3, max_evaluations=most) for most in (1, 50, 400)]
    widths = [one.high - one.low for one in found]
    assert widths == sorted(widths, reverse=True)
    assert [one.reached for one in found[:1]] == [False]
    assert f"{found[0].evaluations} box" in str(found[0])
    assert "(u)" in str(found[0])


def test_a_constant_has_a_range_of_one_number():
    view = ModelView(
        Total([Pencil([[1.0, 3.0]] + [[0.5, 0.5]] * 3, np.zeros((4, 1)), 0)]),
        (HatsAxis("flat", knots=(-1.0, 0.0, 1.0)),),
        Output("u"),
        np.zeros((1, 3)),
    )
    found = certify(view).range({"flat": (-3.0, 2.0)})
    np.testing.assert_allclose(list(found), [1.5, 1.5])
    assert found.reached


@pytest.mark.parametrize(
    ("limits", "pattern"),
    [
        ({"agee": (1, 2)}, "expected one of the 5 columns; got 'agee'; is it 'age'"),
        ({"age": (3, 2)}, r"\(low, high\) with low <= high.*got \(3, 2\)"),
        ({"age": ()}, "expected limits of 'age'; got none"),
        ({"age": (3, np.nan)}, "column 'age', which has no gaps; got NaN"),
        ({"age": (3, None)}, r"expected no None for 'age', which has no gaps; got \(3, None\)"),
        ({"age": {40, 50}}, r"one value of 'age'.*got \{.*\}"),
        ({"age": pd.Series(["a", "b"])}, r"one value of 'age'.*got 0\s+a 1\s+b"),
        ({"city": pd.DataFrame({"city": ["Oslo"]})}, r"limits of 'city' as a list.*array of shape \(1, 1\)"),
        ({"dose": (3, np.nan)}, r"both finite.*got \(3, nan\)"),
        ({"age": (3, np.inf)}, r"both finite.*got \(3, inf\)"),
        ({"age": (1, 2, 3)}, r"one value of 'age'.*got \(1, 2, 3\)"),
        ({"age": "old"}, "one value of 'age'.*got 'old'"),
        ({"income": (0.0, 5.0)}, "expected positive numbers in column 'income'; got 0"),
        ({"city": ["Oslo", "Rom"]}, "expected levels of 'city'.*got 'Rom'; is it 'Rome'"),
        ({"city": []}, "expected limits of 'city'; got none"),
        ([("age", (1, 2))], "expected limits by column"),
    ],
)
def test_limits_that_make_no_sense(limits, pattern):
    est, frame = mixed()
    with pytest.raises(ValueError, match=pattern):
        certify(est).range(limits, frame.iloc[[0]])


def test_rows_and_tolerances_that_make_no_sense(random_pencil):
    est, frame = mixed()
    cert = certify(est)
    with pytest.raises(ValueError, match=r"expected one row.*got 2"):
        cert.range({"age": (40, 50)}, frame.iloc[:2])
    with pytest.raises(ValueError, match=r"expected rtol > 0.*got 0"):
        cert.range({"age": (40, 50)}, frame.iloc[[0]], rtol=0)
    with pytest.raises(ValueError, match=r"expected max_evaluations >= 1.*got 0"):
        cert.range({"age": (40, 50)}, frame.iloc[[0]], max_evaluations=0)
    with pytest.raises(ValueError, match=r"expected limits of 'z1', or a row.*got neither"):
        certify(random_pencil(2, 3)).range({"z0": (0, 1)})


def test_a_gap_of_the_row_in_a_limited_column_does_not_matter():
    est, frame = mixed()
    gap = frame[frame["dose"].isna()].iloc[[0]]
    found = [certify(est).range({"dose": (1.0, 4.0)}, row) for row in (gap, gap.assign(dose=2.0))]
    np.testing.assert_allclose(list(found[0]), list(found[1]))


def test_rows_of_the_model_are_taken_as_they_are(regressor, diabetes):
    X, _ = diabetes
    cert, limits = certify(regressor, X[:5]), {"bmi": (22.0, 25.0)}
    assert list(cert.range(limits, cert.rows.take([2]))) == list(cert.range(limits, X[2:3]))


def test_a_fitted_sum(diabetes):
    """Knots and pairs of the recipe, against a cloud of predictions."""
    X, y = diabetes[0][["bmi", "bp", "s5"]][:150], diabetes[1][:150]
    est = SpectralRegressor(form="sum", members=1, random_state=0).fit(X, y)
    limits, rng = {"bmi": (22.0, 30.0), "bp": (80.0, 100.0), "s5": (4.0, 5.0)}, np.random.default_rng(0)
    found = certify(est).range(limits, max_evaluations=100)
    cloud = pd.DataFrame({name: rng.uniform(low, high, 2000) for name, (low, high) in limits.items()})
    f = est.predict(cloud)
    assert found.low <= f.min() <= f.max() <= found.high
    np.testing.assert_allclose(
        est.predict(found.to_frame()), [found.attained_low, found.attained_high], rtol=1e-6
    )
