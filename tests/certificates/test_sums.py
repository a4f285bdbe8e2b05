"""Certificates of sums on columns of every kind, under attack, and in closed form."""

from dataclasses import replace

import numpy as np
import pytest

from spectral_interp import certify, explain
from spectral_interp.view import Output
from tests.sums import encoded, random_sum, random_table, rows_of_table

SLACK = 1e-9
NUMBERS = ("plain", "bent", "gappy", "logged")


def draw(seed, n=40):
    """Return one of the random totals, its table and its rows: all of its sizes vary."""
    rng = np.random.default_rng(seed)
    view = random_sum(
        rng,
        neurons=int(rng.integers(1, 4)),
        members=int(rng.integers(1, 3)),
        dim=int(rng.integers(1, 6)),
        diagonal=seed % 4 == 0,
        pairs=seed % 3 > 0,
    )
    if seed % 5 == 0:
        view = replace(view, output=Output("log-odds", ("no", "yes")))
    table, background = random_table(rng, n), random_table(rng, 4)
    view = replace(view, background=encoded(view, background))
    return view, table, rows_of_table(view, table), rng


class Attack:
    """Checks of one fitted view at rows: that no point, and no search, contradicts what is certified."""

    def __init__(self, view, rows, rng):
        self.view, self.rows, self.rng = view, rows, rng
        self.cert = certify(view, rows)
        self.f = view.function.values
        self.slack = SLACK * (1 + np.abs(self.cert.margins.prediction).max() + self.cert.feature_norm.max())

    def points(self, n):
        """Return features of points around the rows, some far away."""
        x = self.rows.inputs[self.rng.integers(len(self.rows), size=n)]
        return self.view.from_inputs(
            x + self.rng.normal(size=x.shape) * self.rng.choice([0.1, 1, 20], (n, 1))
        )

    def check_features(self, z):
        _, g = self.view.function.values_and_gradients(z)
        assert (g >= self.cert.gradient_low - self.slack).all()
        assert (g <= self.cert.gradient_high + self.slack).all()

    def check_slopes(self, z):
        """Check slopes against their segments and the table, steps against the table."""
        _, g = self.view.function.values_and_gradients(z)
        slopes_ = self.view.input_slopes(z, g)
        table = self.cert.columns().set_index("column")
        for place, axis in enumerate(self.view.axes):
            if not (axis.linear or axis.knots):
                continue
            slope, line = slopes_[:, self.cert._input(axis)], table.loc[axis.name]
            u, segments = self.view.positions(z, place), self.cert.segments(axis.name)
            assert line["low"] == segments["low"].min()
            assert line["high"] == segments["high"].max()
            at = np.zeros(len(u), dtype=int)
            if axis.knots:
                at = np.searchsorted(axis.knots[1:-1], u, side="right")
            assert (slope >= segments["low"].to_numpy()[at] - self.slack).all()
            assert (slope <= segments["high"].to_numpy()[at] + self.slack).all()
            for way, sign in ((1, 1.0), (-1, -1.0)):
                some = segments["monotone"].to_numpy()[at] == way
                assert (sign * slope[some] >= -self.slack).all()
            assert line["monotone"] == 0 or (line["monotone"] * slope >= -self.slack).all()
            # steps of a unit, across segments
            change = self.change(z, place, u, u + 1)
            assert (change >= line["low"] - self.slack).all()
            assert (change <= line["high"] + self.slack).all()

    def change(self, z, place, start, end):
        """Return how far f goes as a number goes from start to end at rows z."""
        name = self.view.columns[place]
        ends = []
        for u in (start, end):
            own = z[:, : len(self.view.column_of)].copy()
            own[:, self.view.own(name)] = self.view.axes[place].place(u)
            ends.append(self.f(self.view.with_pairs(own)))
        return ends[1] - ends[0]

    def check_named_changes(self, z):
        """Check changes of levels, parts of dates and gaps against the table."""
        for line in self.cert.columns().to_dict("records"):
            axis = self.view.axis(line["column"])
            if not line["own_step"]:
                steps = self.view.steps(axis.name, axis.directions().steps)
                step = steps[self.rng.integers(len(steps), size=len(z))]
                assert (np.abs(self.f(z + step) - self.f(z)) <= line["norm"] + self.slack).all()
            if axis.gap() is not None and axis.kind.startswith("number"):
                start = np.full(len(z), float(axis.coordinates(axis.median)))
                change = self.change(z, self.view.columns.index(axis.name), start, np.full(len(z), np.nan))
                assert (change >= line["gap_low"] - self.slack).all()
                assert (change <= line["gap_high"] + self.slack).all()

    def check_joint(self, z):
        """Check the Lipschitz constant and curvature between points, in the inputs."""
        x, f = self.view.inputs(z), self.f(z)
        far = np.linalg.norm(np.diff(x, axis=0), axis=1)
        assert (np.abs(np.diff(f)) <= self.cert.lipschitz * far + self.slack).all()
        _, g = self.view.function.values_and_gradients(z)
        norms = np.linalg.norm(self.view.input_slopes(z, g), axis=1)
        assert (norms <= self.cert.lipschitz * (1 + SLACK)).all()
        sign = {"convex": 1, "concave": -1, None: 0}[self.cert.curvature]
        middle = self.f(self.view.from_inputs((x[1:] + x[:-1]) / 2))
        assert (sign * ((f[1:] + f[:-1]) / 2 - middle) >= -self.slack).all()

    def check_radii(self, eps, rounds=5):
        """Check tangent planes and classes within their radii, in random directions and downhill."""
        cert, x = self.cert, self.rows.inputs
        f, g = cert.margins.prediction, cert.margins.slopes
        radius = np.minimum(cert.linear_radius(eps), 1e5)[:, None]
        flip = np.minimum(cert.flip_radius, 1e5)[:, None] if self.view.output.decides else None
        for around in range(rounds):
            s = self.rng.normal(size=x.shape)
            if around % 2:
                s[:, self.rng.integers(x.shape[1], size=x.shape[1] - 2)] = 0.0
            s /= np.maximum(np.linalg.norm(s, axis=1, keepdims=True), 1e-300)
            moved = radius * s * self.rng.uniform(0.5, 1, size=(len(x), 1))
            remainder = np.abs(self.f(self.view.from_inputs(x + moved)) - f - (g * moved).sum(axis=1))
            assert (remainder <= eps * (1 + SLACK) + self.slack * (1 + np.abs(moved).max())).all()
            if flip is not None:
                down = -np.sign(f)[:, None] * g + 0.3 * around * s
                down /= np.maximum(np.linalg.norm(down, axis=1, keepdims=True), 1e-300)
                reached = self.f(self.view.from_inputs(x + flip * down))
                assert (np.sign(f) * reached >= -self.slack * (1 + flip[:, 0])).all()

    def climb(self, steps=8):
        """Search the largest and the smallest slope of every number, uphill by coordinates."""
        for place, axis in enumerate(self.view.axes):
            if not (axis.linear or axis.knots):
                continue
            line, at = self.cert.column(axis.name), self.cert._input(axis)
            for sign in (1.0, -1.0):
                x, best = self.rows.inputs.copy(), np.full(len(self.rows), -np.inf)
                length = 1.0
                for _ in range(steps):
                    trial = x + length * self.rng.normal(size=x.shape)
                    z = self.view.from_inputs(trial)
                    _, g = self.view.function.values_and_gradients(z)
                    slope = sign * self.view.input_slopes(z, g)[:, at]
                    better = slope > best
                    x[better], best = trial[better], np.maximum(best, slope)
                    length *= 1.3 if better.mean() > 0.2 else 0.6
                bound = line["high"] if sign > 0 else -line["low"]
                assert best.max() <= bound + self.slack
                assert place >= 0

    def check_all(self, n, eps):
        z = self.points(n)
        self.check_features(z)
        self.check_slopes(z)
        self.check_named_changes(z)
        self.check_joint(z)
        self.check_radii(eps)


@pytest.mark.parametrize("twenty", range(10))
def test_200_random_totals_survive(twenty):
    for seed in range(20 * twenty, 20 * twenty + 20):
        view, _, rows, rng = draw(seed)
        attack = Attack(view, rows, rng)
        attack.check_all(200, eps=10.0 ** rng.uniform(-2, 1))
        if seed % 10 == 0:
            attack.climb()


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
