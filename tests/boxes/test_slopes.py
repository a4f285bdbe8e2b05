"""Proven slopes and directions in regions: under attack, in closed form, and of real models."""

import math

import numpy as np
import pandas as pd
import pytest

from spectral_interp import Pencil, SpectralRegressor, certify
from spectral_interp.boxes import slopes
from spectral_interp.boxes.directions import slope_in
from spectral_interp.commands.train import TEST_FRACTION
from spectral_interp.pencil import Total
from spectral_interp.tables.encoder import TableEncoder
from spectral_interp.training.partition import fingerprints, hold_out
from spectral_interp.view import HatsAxis, LevelsAxis, ModelView, NumberAxis, Output, Pair, Rows
from tests.boxes.test_ranges import SLACK, points, random_limits
from tests.certificates.attack_sums import draw
from tests.certificates.mixed import mixed
from tests.sums import encoded

NUMBERS = ("plain", "bent", "gappy", "logged")


def random_region(view, rng):
    """Return a column, and limits in which it moves between values or from level to level."""
    limits = random_limits(view, rng)
    name = str(rng.choice([*NUMBERS, "city"]))
    if name == "city":
        return name, limits | {name: rng.permutation(["Oslo", "Rome", "missing"])[:2].tolist()}
    if name in limits:
        limits[name] = limits[name][:2]
    else:
        u = np.sort(rng.normal(size=2))
        limits[name] = tuple(view.axis(name).values(u).tolist())
    return name, limits


def observed(view, name, limits, data, rng, n):
    """Return slopes at random points of a region, or between two of them, or steps, (n,)."""
    columns = points(view, data, limits, rng, n)
    place = view.columns.index(name)
    values = view.function.values
    if name == "city":
        ends = []
        for level in limits[name]:
            columns[place] = np.repeat(np.array([None if level == "missing" else level], dtype=object), n)
            ends.append(values(encoded(view, columns)))
        return ends[1] - ends[0]
    low, high = limits[name]
    inset = 1e-7 * (high - low)
    columns[place] = np.clip(np.asarray(columns[place], dtype=float), low + inset, high - inset)
    z = encoded(view, columns)
    gradients = view.input_slopes(z, view.function.values_and_gradients(z)[1])[:, view.input_firsts[place]]
    u = view.axes[place].coordinates(np.asarray(columns[place], dtype=float))
    columns[place] = rng.uniform(low, high, n)
    way = view.axes[place].coordinates(columns[place]) - u
    far = np.abs(way) > 1e-3
    secants = (values(encoded(view, columns)) - values(z))[far] / way[far]
    return np.concatenate([gradients, secants])


def attack(seed, n):
    """Check the slopes in a random region of a random total against points."""
    view, _, rows, rng = draw(seed, n=8)
    at, (name, limits) = int(rng.integers(8)), random_region(view, rng)
    cert = certify(view)
    found = cert.slopes(name, limits, rows.take([at]), max_evaluations=int(rng.choice([1, 20, 60])))
    seen = observed(view, name, limits, rows.data[at], rng, n)
    slack = SLACK * (1 + np.abs(seen).max())
    assert found.low - slack <= seen.min()
    assert seen.max() <= found.high + slack
    assert found.low <= found.attained_low <= found.attained_high <= found.high
    if found.monotone:
        assert (found.monotone * seen >= -slack).all()
    if name != "city":
        line = cert.column(name)
        assert line["low"] - slack <= found.low
        assert found.high <= line["high"] + slack
    return len(seen)


def test_24_random_totals_survive():
    for seed in range(24):
        attack(seed, 300)


@pytest.mark.long
def test_500_random_totals_survive(record_property):
    tried = sum(attack(seed, 2000) for seed in range(500))
    record_property("tally", ("proven slopes in regions", tried, 0, 0.0))


@pytest.mark.parametrize("shape", slopes.SHAPES)
def test_every_choice_of_x_holds_alone(monkeypatch, shape):
    """Without Rayleigh's interval, and whether its shape suits the box or not."""
    monkeypatch.setattr(slopes, "SHAPES", (shape,))
    monkeypatch.setattr(
        slopes, "bounds_of", lambda *_: slopes.Bounds(np.full(1, -np.inf), np.full(1, np.inf), None, None)
    )
    for seed in range(100, 115):
        view, _, rows, rng = draw(seed, n=8)
        name, limits = random_region(view, rng)
        slope, _ = slope_in(view, name, limits, rows.take([0]))
        found = slope.bounds([slope.region.root])
        seen = observed(view, name, limits, rows.data[0], rng, 300)
        slack = SLACK * (1 + np.abs(seen).max())
        assert np.isfinite(found.low[0])
        assert found.low[0] - slack <= seen.min()
        assert seen.max() <= found.high[0] + slack


def test_bounds_close_as_a_box_shrinks(random_pencil):
    """To first order in the box they are exact: half a box loses about a quarter."""
    view = certify(random_pencil(3, 5)).view
    loose = []
    for width in (2e-4, 1e-4):
        limits = {name: (0.3, 0.3 + width) for name in view.columns}
        slope, _ = slope_in(view, "z1", limits, None)
        found = slope.bounds([slope.region.root])
        ends = slope.values(
            np.array([[0.3 + width * (at >> bit & 1) for bit in range(3)] for at in range(8)])
        )
        loose.append(float(found.high[0] - ends.max() + ends.min() - found.low[0]))
    assert 0 <= loose[1] <= 0.3 * loose[0]


def test_of_two_latents_in_closed_form():
    """The larger eigenvalue of [[u, 1], [1, −u]] is √(1 + u²), with the slope u / √(1 + u²)."""
    pencil = Pencil([[0.0, 0.0], [1.0, -1.0]], [[1.0], [0.0]], 1)
    found = certify(pencil).slopes("z0", {"z0": (-0.5, 2.0)}, rtol=1e-4)
    ends = [u / np.hypot(1, u) for u in (-0.5, 2.0)]
    np.testing.assert_allclose([found.attained_low, found.attained_high], ends, atol=1e-8)
    np.testing.assert_allclose(list(found), ends, atol=2e-4)
    assert found.reached
    assert found.monotone == 0
    assert certify(pencil).slopes("z0", {"z0": (0.1, 2.0)}).monotone == 1
    assert certify(pencil).slopes("z0", {"z0": (-2.0, -0.1)}).monotone == -1


def test_of_one_latent_in_closed_form():
    """With d = 1 f is |a − b| + a: with a below b it stands still, above it rises by 2."""
    pair = Pair(0, 1, sign=-1.0, mean=0.0, scale=1.0, knots=(-1.0, 0.0, 1.0))
    pencil = Pencil([[0.0], [1.0], [0.0], [1.0], [0.0], [1.0]], np.empty((6, 0)), 0)
    axes = NumberAxis("a"), NumberAxis("b")
    view = ModelView(Total([pencil] * 2, [0.5, 0.5]), axes, Output("u"), np.zeros((1, 5)), pairs=(pair,))
    cert = certify(view)
    for limits, ends in (
        ({"a": (0, 1), "b": (1, 2)}, (0, 0)),
        ({"a": (2, 3), "b": (1, 2)}, (2, 2)),
        ({"a": (0, 3), "b": (1, 2)}, (0, 2)),
    ):
        np.testing.assert_allclose(list(cert.slopes("a", limits)), ends, atol=1e-9)
    np.testing.assert_allclose(list(cert.slopes("b", {"a": (2, 3), "b": (1, 2)})), [-1, -1], atol=1e-9)
    with pytest.raises(ValueError, match="expected limits of 'b', or a row"):
        cert.slopes("a", {"a": (2, 3)})
    rising = cert.direction("a", 1, {"a": (-3, 3), "b": (1, 2)}, max_evaluations=20)
    assert rising.low is None  # flat below, which is no proof beyond rounding
    assert "not proven" in str(rising)


def test_a_number_that_stands_at_a_knot_has_the_slopes_of_both_sides():
    axis = HatsAxis("x", knots=(-1.0, 0.0, 1.0))
    pencil = Pencil([[0.0], [-1.0], [0.0], [3.0]], np.empty((4, 0)), 0)
    cert = certify(ModelView(Total([pencil]), (axis,), Output("u"), np.zeros((1, 3))))
    np.testing.assert_allclose(list(cert.slopes("x", {"x": 0.0})), [1, 3], atol=1e-9)
    np.testing.assert_allclose(list(cert.slopes("x", {"x": (-2.0, 0.0)})), [1, 1], atol=1e-9)
    np.testing.assert_allclose(list(cert.slopes("x", {"x": (0.0, 5.0)})), [3, 3], atol=1e-9)


def test_the_step_between_two_levels_in_closed_form():
    """√(1 + u²) at the second level, |u| at the first: the step is largest where u is zero."""
    axes = NumberAxis("u"), LevelsAxis("kind", ("a", "b"), (0.5, 0.5))
    pencil = Pencil([[0.0, 0.0], [1.0, -1.0], [0.0, 0.0], [0.0, 0.0]], [[0.5], [0.0], [0.0], [1.0]], 1)
    view = ModelView(Total([pencil]), axes, Output("u"), np.zeros((1, 3)))
    cert = certify(view)
    found = cert.slopes("kind", {"u": (0.0, 2.0)}, max_evaluations=300)
    np.testing.assert_allclose([found.attained_low, found.attained_high], [np.hypot(1, 2) - 2, 1], atol=0.03)
    assert found.low <= np.hypot(1, 2) - 2
    assert found.high >= 1
    assert found.low > 0
    assert "When kind changes (a → b), predictions in the region never fall" in str(found)
    back = cert.slopes("kind", {"u": (0.0, 2.0), "kind": ["b", "a"]})
    assert back.monotone == -1
    assert back.high < 0
    row = pd.DataFrame({"u": [0.7], "kind": ["b"]})
    alone = cert.slopes("kind", row=Rows(view, np.array([[0.7, 0.0, 1.0]]), row.to_numpy(), row.index))
    exact = np.hypot(1, 0.7) - 0.7
    np.testing.assert_allclose([*alone, alone.attained_low, alone.attained_high], exact, atol=1e-9)
    assert alone.reached


def test_the_tables_own_units_gaps_and_rows():
    est, frame = mixed()
    cert, row = certify(est), frame.iloc[[3]]
    found = cert.slopes("income", {"income": (20_000.0, 60_000.0)}, row, rtol=1e-3)
    grid = pd.concat([row] * 200, ignore_index=True)
    grid["income"] = np.geomspace(20_000, 60_000, 200)
    rates = np.diff(est.predict(grid)) / np.diff(np.log(grid["income"]))
    assert found.low_per_unit - 1e-3 <= rates.min()
    assert rates.max() <= found.high_per_unit + 1e-3
    assert found.step == "standard deviation of log income"
    assert found.own_step == "unit of log income"
    assert found.to_frame()["city"].tolist() == row["city"].tolist() * 2
    steps = cert.slopes("city", {"city": ["Rome", "Oslo"]}, row)
    ends = [float(est.predict(row.assign(city=city))[0]) for city in ("Rome", "Oslo")]
    np.testing.assert_allclose(steps.attained_low, ends[1] - ends[0], rtol=1e-6)
    assert steps.low <= ends[1] - ends[0] + 1e-9
    assert steps.to_frame()["city"].tolist() == ["Rome", "Rome"]


@pytest.mark.parametrize("names", [("s3", "s6"), pytest.param(("bp", "s4"), marks=pytest.mark.long)])
def test_more_directions_are_proven_where_the_data_are_than_everywhere(diabetes, names):
    """The model of ``make demo``: bp and s6 too, in the central 40 % of all columns together."""
    X, y = diabetes
    held = math.ceil(TEST_FRACTION * len(X))
    kept, _ = hold_out(fingerprints(TableEncoder.fit(X).encode(X)), held, 0)
    est = SpectralRegressor(form="single", random_state=0).fit(X.iloc[kept], y.iloc[kept])
    cert, limits = certify(est), {name: (X[name].quantile(0.3), X[name].quantile(0.7)) for name in X}
    everywhere = cert.columns().set_index("column")["monotone"]
    most = 200 if "s6" in names else 320
    here = {name: cert.slopes(name, limits, max_evaluations=most) for name in names}
    assert everywhere[everywhere != 0].to_dict() == {"s3": -1, "s4": 1}
    ways = {"bp": 1, "s3": -1, "s4": 1, "s6": 1}
    assert {name: found.monotone for name, found in here.items()} == {name: ways[name] for name in names}
    if "s6" in names:
        assert "As s6 rises, predictions in the region never fall" in str(here["s6"])
    low, high = (
        np.array([float(est.view().axis(name).coordinates(limit[end])) for name, limit in limits.items()])
        for end in (0, 1)
    )
    z = np.random.default_rng(0).uniform(low, high, (3000, len(limits)))
    _, gradients = est.view().function.values_and_gradients(z)
    for name, found in here.items():
        slope = gradients[:, X.columns.get_loc(name)]
        assert found.low <= slope.min()
        assert slope.max() <= found.high


def test_the_interval_of_a_direction():
    """√(1 + u²) rises from zero on, and falls before."""
    pencil = Pencil([[0.0, 0.0], [1.0, -1.0]], [[1.0], [0.0]], 1)
    axis = NumberAxis("u", mean=10.0, scale=2.0, low=6.0, high=16.0)
    view = ModelView(Total([pencil]), (axis,), Output("u"), np.array([[0.5], [1.0], [1.5], [-1.0]]))
    rises, falls = (certify(view).direction("u", sign) for sign in (1, -1))
    assert rises.high == pytest.approx(16.0)
    assert rises.low == pytest.approx(10.0, abs=0.1)
    assert rises.low >= 10
    assert rises.limits == pytest.approx((6.0, 16.0))
    assert rises.share == 0.75
    assert "never fall as u rises from 10" in str(rises)
    assert falls.low is None


def test_flat_parts_of_a_proven_direction_belong_to_its_interval():
    """The matrices rise up to 0 and stand still beyond: the least slope is exactly zero there."""
    axis = HatsAxis("x", low=-2.0, high=2.0, knots=(-2.0, 0.0, 2.0))
    pencil = Pencil([[0.1, 0.3], [0.0, 0.0], [0.7, 0.2], [0.7, 0.2]], [[0.2], [0.0], [0.3], [0.3]], 0)
    cert = certify(ModelView(Total([pencil]), (axis,), Output("u"), np.eye(3)))
    assert cert.segments("x")["monotone"].tolist() == [1, 0]
    found = cert.direction("x", 1)
    assert (found.low, found.high) == pytest.approx((-2.0, 2.0))
    assert cert.direction("x", -1).low == pytest.approx(0.0)  # flat from the median on
    rises = cert.slopes("x", {"x": (-1.0, 1.0)})
    assert (rises.monotone, rises.low) == (1, 0.0)
    assert cert.slopes("x", {"x": (0.5, 1.0)}).monotone == 0


def test_usual_limits_are_where_the_background_is():
    est, frame = mixed()
    limits = certify(est).usual(0.5)
    low, high, gap = limits["dose"]
    assert gap is None
    assert set(limits["city"]) <= {"Oslo", "Bergen", "Rome"}
    inside = frame["dose"].between(low, high).sum() / frame["dose"].notna().sum()
    assert inside == pytest.approx(0.5, abs=0.15)
    with pytest.raises(ValueError, match=r"expected share .*\(0, 1\].*got 0"):
        certify(est).usual(0)


def test_what_does_not_fit_is_refused():
    est, frame = mixed()
    cert, row = certify(est), frame.iloc[[0]].assign(dose=np.nan)
    for name, limits, message in (
        ("aeg", {}, "is it 'age'"),
        ("age", {"age": (3, 2)}, r"low <= high.*got"),
        ("age", {"age": ()}, "expected limits of 'age'; got none"),
        ("age", {"age": (np.nan, 2)}, r"no gaps|finite"),
        ("age", {"city": ["Atlantis"]}, "Atlantis"),
        ("age", 3, "expected limits by column"),
        ("dose", {}, "expected a value of 'dose' in the row, or limits of it; got a gap"),
        ("dose", {"dose": (1, 2, None)}, "expected limits of 'dose' without None"),
        ("dose", {"dose": None}, "expected limits of 'dose' without None"),
        ("city", {}, r"expected two levels of 'city'.*got None"),
        ("city", {"city": ["Oslo"]}, "expected two levels of 'city'"),
        ("city", {"city": ["Oslo", "Oslo"]}, "expected two levels of 'city'"),
        ("city", {"city": ["Oslo", "Atlantis"]}, "Atlantis"),
    ):
        with pytest.raises(ValueError, match=message):
            cert.slopes(name, limits, row)
    view, _, rows, _ = draw(1, n=4)
    with pytest.raises(ValueError, match="'day', which has months"):
        certify(view).slopes("day", {}, rows.take([0]))
    with pytest.raises(ValueError, match=r"expected sign .*got 0"):
        cert.direction("age", 0)
    with pytest.raises(ValueError, match=r"expected a column of numbers.*'city'"):
        cert.direction("city", 1)
    with pytest.raises(ValueError, match="expected one row"):
        cert.slopes("age", {}, frame.iloc[:2])
    with pytest.raises(ValueError, match="expected rtol > 0"):
        cert.slopes("age", {}, row, rtol=0)
    nothing = cert.slopes("age", {}, frame.iloc[[0]])
    assert nothing.high - nothing.low <= 1e-6 * abs(nothing.high)
