"""Certificates of sums on columns of every kind, under attack, and in closed form."""

from dataclasses import replace

import numpy as np
import pytest

from spectral_interp import Pencil, certify, explain
from spectral_interp.boxes import segments
from spectral_interp.certificates import radii
from spectral_interp.pencil import Total
from spectral_interp.view import HatsAxis, ModelView, NumberAxis, Output, Pair, Rows
from tests.certificates.attack_sums import SLACK, Attack, attack_view, draw

NUMBERS = ("plain", "bent", "gappy", "logged")


@pytest.mark.parametrize("twenty", range(10))
def test_200_random_totals_survive(twenty):
    for seed in range(20 * twenty, 20 * twenty + 20):
        view, _, rows, rng = draw(seed)
        attack = Attack(view, rows, rng)
        attack.check_all(200, eps=10.0 ** rng.uniform(-2, 1))
        if seed % 10 == 0:
            attack.climb()


def test_radii_of_cells_are_those_of_the_slopes_of_matrices_there():
    """Slopes by finite differences: matrices are affine in a cell."""
    for seed in range(12):
        view, _, rows, _ = draw(seed, n=5)
        neurons, x, step = view.function.neurons, rows.inputs, 1e-4 * np.eye(rows.inputs.shape[1])
        there = neurons.at(view.from_inputs(x))
        moved = [neurons.at(view.from_inputs(x + one)) for one in step]
        slopes = (np.stack(moved, axis=1) - there[:, None]) / 1e-4
        balls = radii.Balls(view)
        expected = np.minimum(radii.cell_radii(neurons, slopes), balls.radii)
        np.testing.assert_allclose(balls.radii_at(rows.z) + np.zeros_like(expected), expected, rtol=1e-6)


@pytest.mark.parametrize("method", ["local", "path", "shapley"])
def test_contributions_of_random_totals_stay_in_their_range(method):
    for seed in range(12):
        view, table, rows, _ = draw(seed, n=12)
        att, cert = explain(view, rows, method=method), certify(view)
        slack = (2e-3 if method == "path" else SLACK) * (
            1 + np.abs(att.values).max() + np.ptp(att.prediction)
        )
        for at, axis in enumerate(view.axes):
            known = np.array([value != "Atlantis" for value in table[at]])
            low, high = cert.contribution_range(axis.name, table[at][known], method=method)
            assert (att.values[known, at] >= low - slack).all()
            assert (att.values[known, at] <= high + slack).all()


def test_changes_of_a_column_hold_whatever_the_others_are():
    for seed in range(60):
        view, _, rows, rng = draw(seed)
        attack, z = Attack(view, rows, rng), None
        for place, name in enumerate(view.columns):
            axis = view.axes[place]
            if not axis.sloped:
                continue
            u = rng.normal(size=(2, 6)) * rng.choice([0.3, 1.0, 4.0], 6)
            if axis.gap() is not None:
                u[1, 0] = np.nan
            low, high = attack.cert.change_range(name, *(axis.values(row) for row in u))
            for at in range(6):
                z = attack.points(60)
                change = attack.change(z, place, np.full(60, u[0, at]), np.full(60, u[1, at]))
                assert (change >= low[at] - attack.slack).all()
                assert (change <= high[at] + attack.slack).all()


def one_neuron(axes, diag, off=None, *, k=0, pairs=(), n=1, output=None):
    """Return the view of a single neuron on axes."""
    diag = np.array(diag, dtype=float)
    pencil = Pencil(diag, np.zeros((len(diag), diag.shape[1] - 1)) if off is None else off, k)
    return ModelView(
        Total([pencil] * n), axes, output or Output("u"), np.zeros((1, len(diag) - 1)), pairs=pairs
    )


def rows_at(view, columns):
    """Return rows at values of the columns."""
    z = view.with_pairs(np.hstack([a.encode(c) for a, c in zip(view.axes, columns, strict=True)]))
    return Rows(view, z, np.column_stack(columns), np.arange(len(z)))


BENT = HatsAxis("bent", 10.0, 2.0, knots=(-1.0, 0.0, 2.0))
PLAIN = NumberAxis("plain", 1.0, 4.0)


def test_of_one_latent_every_bound_is_attained():
    """With d = 1 f is a piecewise linear function of the columns, and each interval a single slope."""
    pair = Pair(0, 1, sign=-1.0, mean=0.5, scale=2.0, knots=(-1.0, 0.0, 1.0))
    #        intercept, 3 hats (slopes 3 and −1), plain, 3 hats of the pair (slopes 2 and 6, in u 1 and 3)
    view = one_neuron((BENT, PLAIN), [[0.3], [0.0], [3.0], [1.0], [5.0], [0.0], [2.0], [8.0]], pairs=(pair,))
    cert = certify(view, rows_at(view, [np.array([9.0, 12.0]), np.array([0.0, 5.0])]))
    segments = cert.segments("bent")
    np.testing.assert_allclose(segments[["from", "to"]], [[-np.inf, 10.0], [10.0, np.inf]])
    np.testing.assert_allclose(segments[["low", "high"]], [[4.0, 6.0], [0.0, 2.0]], atol=1e-12)
    np.testing.assert_allclose(
        segments[["low_per_unit", "high_per_unit"]], [[2.0, 3.0], [0.0, 1.0]], atol=1e-12
    )
    assert segments["monotone"].tolist() == [1, 0]
    assert segments["rows"].tolist() == [1, 1]
    np.testing.assert_allclose(cert.segments("plain")[["low", "high"]], [[2.0, 4.0]], atol=1e-12)
    line = cert.columns().set_index("column").loc["bent"]
    np.testing.assert_allclose([line["low"], line["high"], line["norm"]], [0.0, 6.0, 6.0], atol=1e-12)
    assert cert.bend > 0
    assert cert.lipschitz == pytest.approx(np.hypot(6, 4))
    # rows (−0.5, −0.25) and (1, 1): knots of bent at 0.5 and 1, of the pair at 0.75 / √2 and 0.5 / √2
    tau, jumps = cert._balls.knots(cert.rows.z)
    np.testing.assert_allclose(tau, [[0.5, 0.75 / np.sqrt(2)], [1.0, 0.5 / np.sqrt(2)]])
    np.testing.assert_allclose(jumps, [4.0, 4 * np.sqrt(2) / 2])
    np.testing.assert_allclose(cert.linear_radius(1e-9), tau.min(axis=1), rtol=1e-8)
    eps = 0.4
    np.testing.assert_allclose(
        (jumps * np.maximum(cert.linear_radius(eps)[:, None] - tau, 0)).sum(axis=1), eps
    )


@pytest.mark.parametrize("value", [-1.0, 2.5])
def test_a_change_across_a_knot_of_a_pair_is_bounded_at_its_worst_shift(value):
    """|u − e| for the pair: it rises by at most the way of u and falls by at most as much, at the right e."""
    pair = Pair(0, 1, sign=-1.0, mean=0.0, scale=1.0, knots=(-1.0, 0.0, 1.0))
    axes = NumberAxis("a"), NumberAxis("b")
    view = one_neuron(axes, [[0.0], [0.0], [0.0], [1.0], [0.0], [1.0]], pairs=(pair,))
    low, high = certify(view).change_range("a", [1.0], [value])
    np.testing.assert_allclose([low[0], high[0]], [-abs(value - 1), abs(value - 1)])
    low, high = certify(view).change_range("b", [1.0], [value])
    np.testing.assert_allclose([low[0], high[0]], [-abs(value - 1), abs(value - 1)])


def test_between_nodes_ranges_are_wider_and_at_nodes_the_same(monkeypatch):
    view, _, _, rng = draw(1)
    for name in ("bent", "gappy", "plain"):
        axis = view.axis(name)
        x = axis.values(rng.normal(size=90) * 2)
        if axis.gap() is not None:
            x[::9] = np.nan
        few = certify(view).contribution_range(name, x, method="path")
        monkeypatch.setattr("spectral_interp.certificates.contributions.NODES", 1000)
        every = certify(view).contribution_range(name, x, method="path")
        monkeypatch.undo()
        assert (few[0] <= every[0] + 1e-9).all()
        assert (few[1] >= every[1] - 1e-9).all()
        same = np.isclose(few[0], every[0], rtol=1e-9) & np.isclose(few[1], every[1], rtol=1e-9)
        assert 65 <= same.sum() < 90
        assert same[np.isnan(x)].all()


def test_contributions_of_one_latent_attain_their_range():
    """With d = 1 the local contribution of a paired column at its worst other value is the bound."""
    view, _, rows, rng = draw(1)
    seen = {"local": [], "path": []}
    pair = Pair(0, 1, sign=1.0, mean=0.2, scale=0.7, knots=(-1.0, 0.3, 1.0))
    view = one_neuron((BENT, PLAIN), rng.normal(size=(8, 1)), pairs=(pair,))
    x = np.column_stack([10 + 2 * rng.normal(size=5), 1 + 4 * rng.normal(size=5)])
    view = replace(view, background=rows_at(view, list(x.T)).z)
    other = np.linspace(-60, 60, 20_001)
    rows = rows_at(view, [np.full(len(other), 11.5), other])
    for method, found in seen.items():
        values = explain(view, rows, method=method).values[:, 0]
        low, high = certify(view).contribution_range("bent", [11.5], method=method)
        found += [values.min() - low[0], high[0] - values.max()]
        assert min(found) >= -1e-9
    np.testing.assert_allclose(seen["local"], 0, atol=5e-3)


def test_steps_of_one_are_bounded_tighter_than_slopes():
    """A narrow steep segment: a step of one crosses it, and rises by its height, not by its slope."""
    axis = HatsAxis("bent", knots=(-1.0, 0.0, 0.01, 1.0))
    view = one_neuron((axis,), [[0.0], [0.0], [0.0], [1.0], [1.0]])
    line = certify(view).column("bent")
    assert line["high"] == pytest.approx(100.0)
    assert line["norm"] == pytest.approx(1.0)
    assert line["monotone"] == 1


def semidefinite_steps(rng, k, d, singular=True):
    """Return hats (k, d), (k, d − 1) whose differences are integer L Lᵀ, singular ones."""
    lower = np.zeros((k - 1, d, d))
    lower[:, np.arange(d), np.arange(d)] = rng.integers(1, 3, (k - 1, d))
    lower[:, np.arange(1, d), np.arange(d - 1)] = rng.integers(-2, 3, (k - 1, d - 1))
    if singular:
        lower[:, 0, 0] = 0.0
    steps = lower @ lower.transpose(0, 2, 1)
    whole = np.concatenate([np.zeros((1, d, d)), np.cumsum(steps, axis=0)])
    return np.diagonal(whole, 0, 1, 2), np.diagonal(whole, 1, 1, 2)


@pytest.mark.parametrize("weight", [1.0, -1.0])
def test_monotone_by_construction_is_proven_and_a_little_less_is_not(rng, weight):
    pair = Pair(0, 1, sign=1.0, mean=0.0, scale=1.5, knots=(-1.0, 0.0, 1.0))
    pencils = []
    for _ in range(3):
        own, other = semidefinite_steps(rng, 3, 4), semidefinite_steps(rng, 3, 4)
        blocks = [
            np.concatenate([rng.normal(size=(1, width)), one, rng.normal(size=(1, width)), two])
            for width, one, two in zip((4, 3), own, other, strict=True)
        ]
        pencils.append(Pencil(*blocks, 2))
    view = ModelView(
        Total(pencils, np.full(3, weight)), (BENT, PLAIN), Output("u"), np.zeros((1, 7)), pairs=(pair,)
    )
    cert = certify(view)
    assert cert.column("bent")["monotone"] == weight
    assert cert.segments("bent")["monotone"].tolist() == [weight] * 2
    assert cert.column("plain")["monotone"] == 0
    assert any("bent" in sentence and "never" in sentence for sentence in cert.sentences())
    diag = pencils[0].diag.copy()
    diag[2:4, 0] -= 1e-9  # the first segment falls a little
    less = Total([Pencil(diag, pencils[0].off, 2), *pencils[1:]], np.full(3, weight))
    assert certify(replace(view, function=less)).column("bent")["monotone"] == 0


def test_a_pair_that_falls_a_little_undoes_a_proof():
    """The slope of the column is singular, that of the pair below zero by less than rounding."""
    pair = Pair(0, 1, sign=1.0, mean=0.0, scale=1.0, knots=(-1.0, 1.0))
    axes = NumberAxis("a"), NumberAxis("b")
    for fall, proven in ((0.0, 1), (1e-15, 0)):
        rows = [[0.0, 0.0], [0.0, 1.0], [0.0, 0.0], [0.0, 0.0], [-fall, 0.0]]
        assert certify(one_neuron(axes, rows, pairs=(pair,))).column("a")["monotone"] == proven


def test_shapley_values_reach_beyond_what_halves_of_pairs_can_do():
    """One latent counts where the other column is the background's, and another where it is the row's."""
    pair = Pair(0, 1, sign=1.0, mean=0.0, scale=1.0, knots=(-1.0, 0.0, 1.0, 10.0, 11.0, 12.0))
    hats = [[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 3.0], [1.0, 3.0]]
    view = one_neuron(
        (NumberAxis("a"), NumberAxis("b")), [[0.0, -50.0], [0.0, 0.0], [0.0, 10.0], *hats], k=1, pairs=(pair,)
    )
    view = replace(view, background=rows_at(view, [np.zeros(1), np.zeros(1)]).z)
    rows = rows_at(view, [np.ones(1), np.full(1, 10.0)])
    assert explain(view, rows, method="shapley").values[0, 0] == pytest.approx(2.0)
    for method, most in (("shapley", 3.0), ("path", 1.5)):
        (high,) = certify(view).contribution_range("a", [1.0], method=method)[1]
        assert high == pytest.approx(most)


def test_opposite_pairs_undo_a_direction():
    """S = 1, T = ±2 in u: with the pair it may fall."""
    pair = Pair(0, 1, sign=1.0, mean=0.0, scale=1.0, knots=(-1.0, 0.0, 1.0))
    axes = NumberAxis("a"), NumberAxis("b")
    alone = one_neuron(axes, [[0.0], [1.0], [0.0]])
    paired = one_neuron(axes, [[0.0], [1.0], [0.0], [2.0], [0.0], [2.0]], pairs=(pair,))
    assert certify(alone).column("a")["monotone"] == 1
    line = certify(paired).column("a")
    np.testing.assert_allclose([line["low"], line["high"]], [-1.0, 3.0])
    assert line["monotone"] == 0
    assert certify(paired).sentences()[0].startswith("One unit")


def test_a_column_without_effect_and_one_that_cancels():
    """Neurons that undo each other leave no slope, but rounding proves nothing."""
    axes = (BENT, PLAIN)
    up = Pencil([[0.0, 0.0], [0.1, 0.1], [0.3, 0.3], [0.7, 0.7], [0.0, 0.0]], np.zeros((5, 1)), 0)
    view = ModelView(Total([up, up], [1.0, -1.0]), axes, Output("u"), np.zeros((1, 4)))
    cert = certify(view)
    assert cert.column("bent")["monotone"] == 0
    assert "Predictions do not depend on plain." in cert.sentences()
    nearly = Total([Pencil([[0.0], [slope]], [[], []], 0) for slope in (0.3, -(0.1 + 0.2))])
    assert certify(nearly).monotone.tolist() == [0]  # −5.6e-17, less than the rounding of either
    assert certify(nearly).column("z0")["monotone"] == 0
    still = one_neuron((BENT,), [[1.0, 2.0], [0.4, 0.1], [0.4, 0.1], [0.4, 0.1]])
    assert certify(still).sentences()[0] == "Predictions do not depend on bent."
    assert certify(still).bend == 0.0


def test_curvature_of_sums():
    rng = np.random.default_rng(0)
    pencils = [Pencil(rng.normal(size=(3, 3)), rng.normal(size=(3, 2)), 2) for _ in range(3)]
    assert certify(Total(pencils)).curvature == "convex"
    assert certify(Total(pencils, [-1.0, -2.0, -1.0])).curvature == "concave"
    assert certify(Total(pencils, [-1.0, 2.0, -1.0])).curvature is None
    view = one_neuron((BENT, PLAIN), rng.normal(size=(5, 3)), rng.normal(size=(5, 2)), k=2)
    assert certify(view).curvature is None
    straight = one_neuron((replace(BENT, knots=(-1.0, 1.0)), PLAIN), rng.normal(size=(4, 3)), k=2)
    assert certify(straight).curvature == "convex"
    assert any("convex in bent and plain" in sentence for sentence in certify(straight).sentences())


def test_a_total_of_one_is_the_single_neuron():
    rng = np.random.default_rng(3)
    for _ in range(20):
        p, d = int(rng.integers(1, 4)), int(rng.integers(1, 6))
        pencil = Pencil(rng.normal(size=(p + 1, d)), rng.normal(size=(p + 1, d - 1)), int(rng.integers(d)))
        z = rng.normal(size=(10, p))
        total, single = certify(Total([pencil]), z), certify(pencil, z)
        for name in ("lipschitz", "bend", "gap", "gradient_low", "feature_norm"):
            np.testing.assert_allclose(getattr(total, name), getattr(single, name), rtol=1e-12)
        np.testing.assert_allclose(total.linear_radius(0.2), single.linear_radius(0.2), rtol=1e-9)
        halves = certify(Total([pencil] * 2, [0.25, 0.75]), z)
        np.testing.assert_allclose(halves.lipschitz, single.lipschitz, rtol=1e-9)
        np.testing.assert_allclose(halves.linear_radius(0.2), single.linear_radius(0.2), rtol=1e-9)
        np.testing.assert_allclose(halves.gap, 0.25 * single.gap, atol=1e-12)


def test_two_segments_equal_the_plain_column():
    """Hats with equal slopes on both sides are the plain number, and certified like it, knots apart."""
    rng = np.random.default_rng(5)
    slope, base, plain = rng.normal(size=(3, 7))
    rows = np.stack([base, -1 * slope, 0 * slope, 2 * slope, plain])
    bent = one_neuron((BENT, PLAIN), rows[:, :4], rows[:, 4:], k=1)
    straight = one_neuron(
        (NumberAxis("bent", 10.0, 2.0), PLAIN),
        rows[[0, 3, 4], :4] / [[1], [2], [1]],
        rows[[0, 3, 4], 4:] / [[1], [2], [1]],
        k=1,
    )
    columns = [rng.normal(10, 2, 8), rng.normal(1, 4, 8)]
    one, other = (certify(view, rows_at(view, columns)) for view in (bent, straight))
    np.testing.assert_allclose(one.lipschitz, other.lipschitz, rtol=0.5)
    assert one.lipschitz >= other.lipschitz * (1 - 1e-12)
    radius = one.linear_radius(0.1)
    assert (radius <= other.linear_radius(0.1) * (1 + 1e-9)).all() or np.allclose(
        radius, other.linear_radius(0.1)
    )
    line, plain_line = one.column("bent"), other.column("bent")
    for name in ("low", "high", "norm", "low_per_unit", "observed_max"):
        assert line[name] == pytest.approx(plain_line[name], rel=1e-9)


def test_many_pairs_are_added_by_their_extremes(monkeypatch):
    """With fewer joint choices the bounds widen, and stay bounds."""
    view, _, _, _ = draw(1)
    tight = [certify(view).column(name) for name in NUMBERS]
    ranges = certify(view).contribution_range("bent", [0.3, 2.0], method="local")
    monkeypatch.setattr(segments, "JOINT", 1)
    monkeypatch.setattr("spectral_interp.certificates.contributions.JOINT", 1)
    monkeypatch.setattr(segments.bounds_of, "__defaults__", (1,))
    for one, name in zip(tight, NUMBERS, strict=True):
        loose = certify(view).column(name)
        assert loose["low"] <= one["low"] + 1e-12
        assert loose["high"] >= one["high"] - 1e-12
    wide = certify(view).contribution_range("bent", [0.3, 2.0], method="local")
    assert (wide[0] <= ranges[0] + 1e-12).all()
    assert (wide[1] >= ranges[1] - 1e-12).all()


def test_rows_one_by_one_and_in_parts(monkeypatch):
    view, _, rows, _ = draw(11, n=9)
    whole = certify(view, rows).linear_radius(0.3)
    monkeypatch.setattr(radii, "ENTRIES", 1)
    np.testing.assert_allclose(certify(view, rows).linear_radius(0.3), whole, rtol=1e-12)
    for i in range(9):
        np.testing.assert_allclose(certify(view, rows.take([i])).linear_radius(0.3), whole[[i]], rtol=1e-9)
    ranges = certify(view).contribution_range("bent", rows.data[:, 1].astype(float))
    monkeypatch.setattr("spectral_interp.certificates.contributions.ENTRIES", 1)
    again = certify(view).contribution_range("bent", rows.data[:, 1].astype(float))
    np.testing.assert_allclose(again, ranges, rtol=1e-9)


def test_what_sentences_say_of_sums():
    view, _, rows, _ = draw(1)
    cert = certify(view, rows)
    (loose,) = [sentence for sentence in cert.sentences() if "wider than what was observed" in sentence]
    assert "40 rows" in loose
    assert any("distance 1 in inputs" in sentence for sentence in cert.sentences())
    assert not any("wider" in sentence for sentence in certify(view).sentences())


def test_segments_are_of_numbers():
    view, _, rows, _ = draw(2)
    cert = certify(view, rows)
    for name, has in (("city", "levels"), ("day", "months, weekdays or hours")):
        with pytest.raises(
            ValueError, match=f"column of numbers for segments; got '{name}', which has {has}"
        ):
            cert.segments(name)
    with pytest.raises(ValueError, match="is it 'bent'"):
        cert.segments("bend")
    gaps = cert.segments("gappy")["rows"].sum()
    assert gaps == np.isfinite(rows.data[:, 3].astype(float)).sum() < 40
    assert cert.segments("logged")["from"][0] == 0.0
    with pytest.raises(ValueError, match="as many starts as ends; got 1 and 2"):
        cert.change_range("bent", [0.0], [1.0, 2.0])


@pytest.mark.long
def test_a_million_points_of_trained_views(record_property):
    """Attack fitted sums; call :func:`attack_view` with those of a study."""
    for seed in range(3):
        view, _, rows, rng = draw(seed, n=200)
        record_property("tally", ("certificates of sums", attack_view(view, rows, rng), 0, 0.0))


def test_columns_of_which_all_have_knots():
    """No input has one slope everywhere; the gradients still lie in the ball."""
    rng = np.random.default_rng(0)
    axes = tuple(HatsAxis(name, knots=(-1.0, 0.2, 1.0)) for name in "ab")
    pencils = [Pencil(rng.normal(size=(7, 3)), rng.normal(size=(7, 2)), 1) for _ in range(2)]
    view = ModelView(Total(pencils), axes, Output("u"), np.zeros((1, 6)))
    z = view.from_inputs(rng.normal(size=(200, 2)))
    cert = certify(view)
    slopes = view.input_slopes(z, view.function.values_and_gradients(z)[1])
    assert 0 < np.hypot.reduce(slopes, axis=1).max() <= cert.lipschitz
    ends = np.array([cert.segments(name)[["low", "high"]].abs().max(axis=None) for name in "ab"])
    assert cert.lipschitz <= np.hypot(*ends) + 1e-12
