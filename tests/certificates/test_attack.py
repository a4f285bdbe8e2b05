"""Every sentence of certificates and of their figures, against raw rows of random tables."""

import itertools
import re

import numpy as np
import pytest

from spectral_interp import certify, plots
from spectral_interp.view import LevelsAxis, NumberAxis
from tests.certificates.attack import encoded, random_rows, random_values, random_view, rows_of_columns

N, SLACK = 300, 1e-9
NUMBER = r"−?[\d,.]+(?:e−?\d+)?"


def parsed(text):
    return float(text.replace("−", "-").replace(",", ""))


class Attack:
    """Predictions of raw rows, and of the same rows with one column changed."""

    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.view = random_view(self.rng)
        self.columns = random_rows(self.view, self.rng, N)
        self.cert = certify(self.view, rows_of_columns(self.view, self.columns))
        self.slack = SLACK * (1 + np.abs(self.cert.margins.prediction).max())

    def f(self, **changed):
        return self.view.function.values(encoded(self.view, self.columns | changed))

    def moved(self, name, start, end):
        """Return how far predictions go as a column changes from start to end, the others as they are."""
        return self.f(**{name: end}) - self.f(**{name: start})

    def any_change(self, name):
        axis = self.view.axis(name)
        return self.moved(name, *(random_values(axis, self.rng, N) for _ in range(2)))

    def numbers(self, name):
        """Return two values of a number in every row, the second larger."""
        axis = self.view.axis(name)
        return axis.values(np.sort(self.rng.normal(size=(2, N)) * 3, axis=0).ravel()).reshape(2, N)

    def one_step(self, name):
        axis, u = self.view.axis(name), self.rng.normal(size=N)
        return self.moved(name, axis.values(u), axis.values(u + 1))

    def gap(self, name):
        return self.moved(name, np.full(N, self.view.axis(name).median), np.full(N, np.nan))


def no_effect(attack, name):
    np.testing.assert_allclose(attack.any_change(name), 0, atol=attack.slack)


def only_gaps(attack, name):
    np.testing.assert_allclose(attack.moved(name, *attack.numbers(name)), 0, atol=attack.slack)
    assert np.abs(attack.gap(name)).max() > 0


def direction(attack, way, name, where):
    axis = attack.view.axis(name)
    assert bool(where) == (axis.gap() is not None)
    change = attack.moved(name, *attack.numbers(name))
    assert (change >= -attack.slack).all() if way == "fall" else (change <= attack.slack).all()


def change_of_level(attack, name, source, target):
    change = attack.moved(name, np.full(N, source, dtype=object), np.full(N, target, dtype=object))
    assert (change >= -attack.slack).all()


def order_of_levels(attack, name, levels):
    levels, equal = re.split(" [≤=] ", levels), re.findall(" ([≤=]) ", levels)
    assert set(attack.view.axis(name).own) <= set(levels)
    for pair, sign in zip(itertools.pairwise(levels), equal, strict=True):
        change_of_level(attack, name, *pair)
        if sign == "=":
            change_of_level(attack, name, *pair[::-1])


def most_of_a_change(attack, name, most):
    assert np.abs(attack.any_change(name)).max() <= parsed(most) + attack.slack


def most_of_a_step(attack, step, log, name, most):
    axis = attack.view.axis(name)
    assert (step == "unit") == (axis.scale == 1)
    assert bool(log) == axis.log
    assert np.abs(attack.one_step(name)).max() <= parsed(most) + attack.slack


def ends_of_a_gap(attack, name, instead, low, high):
    change = attack.gap(name)
    if not instead:  # from any value
        change = attack.moved(name, attack.numbers(name)[0], np.full(N, np.nan))
    assert (change >= parsed(low) - attack.slack).all()
    assert (change <= parsed(high) + attack.slack).all()


def curvature(attack, shape, names, where):
    fixed = dict(attack.columns)
    named = [name.removeprefix("log ") for name in re.split(", | and ", names)]
    numbers = [axis for axis in attack.view.axes if isinstance(axis, NumberAxis)]
    assert named == [axis.name for axis in numbers]
    assert bool(where) == any(axis.gap() or isinstance(axis, LevelsAxis) for axis in attack.view.axes)
    u = {axis.name: attack.rng.normal(size=(2, N)) for axis in numbers}
    ends = [{axis.name: axis.values(u[axis.name][i]) for axis in numbers} for i in range(2)]
    middle = {axis.name: axis.values(u[axis.name].mean(axis=0)) for axis in numbers}
    bend = (attack.f(**fixed | ends[0]) + attack.f(**fixed | ends[1])) / 2 - attack.f(**fixed | middle)
    low, high = {"linear": (0, 0), "convex": (0, np.inf), "concave": (-np.inf, 0)}[shape]
    assert ((bend >= low - attack.slack) & (bend <= high + attack.slack)).all()


def lipschitz(attack, most):
    z = encoded(attack.view, attack.columns)
    other = encoded(attack.view, random_rows(attack.view, attack.rng, N))
    difference = attack.view.function.values(z) - attack.view.function.values(other)
    assert (np.abs(difference) <= parsed(most) * np.linalg.norm(z - other, axis=1) + attack.slack).all()


def same_class(attack, who, radius):
    z, f = attack.cert.rows.z, attack.cert.margins.prediction
    step = attack.rng.normal(size=z.shape)
    step *= (0.999 * parsed(radius) if radius else 1e6) / np.linalg.norm(step, axis=1, keepdims=True)
    kept = np.sign(attack.view.function.values(z + step)) == np.sign(f)
    assert kept.mean() >= 0.5 if "Half" in who else kept.all()


CHECKS = {
    r"Predictions do not depend on (\w+)\.": no_effect,
    r"Predictions depend on (\w+) only by whether it is missing\.": only_gaps,
    r"Predictions never (fall|rise) when (\w+) rises(, between rows that have a value)?\.": direction,
    r"Changing (\w+) \((\w+) → (\w+)\) never lowers a prediction\.": change_of_level,
    r"Predictions never fall along the levels of (\w+): (.*)\.": order_of_levels,
    rf"No change of (\w+) moves a prediction by more than ({NUMBER}) \(u\)\.": most_of_a_change,
    rf"One (standard deviation|unit) of (log )?(\w+)(?: between rows that have a value)? never moves a "
    rf"prediction by more than ({NUMBER}) \(u\)\.": most_of_a_step,
    rf"A missing (\w+)( instead of its median)? moves a prediction by ({NUMBER}) to ({NUMBER}) "
    r"\(u\)\.": ends_of_a_gap,
    r"Predictions are (linear|convex|concave) in (.*?)(, between rows of the same levels and gaps)?"
    r"(?:: every tangent plane bounds them from (?:below|above))?\.": curvature,
    rf"Two rows at distance 1 in features never differ by more than ({NUMBER}) \(u\)\.": lipschitz,
    rf"(.*) class under every change of the features(?: by less than ({NUMBER}))?\.": same_class,
}


@pytest.mark.parametrize("ten", range(12))
def test_no_raw_row_contradicts_a_sentence(ten):
    for seed in range(10 * ten, 10 * ten + 10):
        attack = Attack(seed)
        for sentence in attack.cert.sentences():
            matches = [(check, re.fullmatch(pattern, sentence)) for pattern, check in CHECKS.items()]
            ((check, match),) = [(check, match) for check, match in matches if match]
            check(attack, *match.groups())


def test_the_attack_meets_every_sentence():
    said = "\n".join(s for seed in range(120) for s in Attack(seed).cert.sentences())
    for pattern in CHECKS:
        assert re.search(pattern, said), pattern


@pytest.mark.parametrize("ten", range(6))
def test_no_raw_row_contradicts_the_table_of_columns(ten):
    for seed in range(10 * ten, 10 * ten + 10):
        attack = Attack(seed)
        table = attack.cert.columns()
        assert table["column"].tolist() == list(attack.view.columns)
        for line in table.to_dict("records"):
            name, gaps = line["column"], attack.view.axis(line["column"]).gap() is not None
            if line["kind"] == "levels":
                most_of_a_change(attack, name, f"{line['norm']:.17g}")
            else:
                change = attack.one_step(name)
                assert (change >= line["low"] - attack.slack).all()
                assert (change <= line["high"] + attack.slack).all()
            assert gaps == (line.get("gap_step") == "median → missing")
            if gaps:
                assert (attack.gap(name) >= line["gap_low"] - attack.slack).all()
                assert (attack.gap(name) <= line["gap_high"] + attack.slack).all()
                assert line["gap_norm"] == max(-line["gap_low"], line["gap_high"])


@pytest.mark.parametrize("ten", range(4))
def test_no_raw_row_contradicts_the_figure_of_sensitivity(ten):
    for seed in range(10 * ten, 10 * ten + 10):
        attack = Attack(seed)
        table = plots.sensitivity_table(attack.cert)
        assert set(table["column"]) == set(attack.view.columns)
        for line in table.to_dict("records"):
            change = {"gap": attack.gap, "change of level": attack.any_change}.get(
                line["of"], attack.one_step
            )
            assert np.abs(change(line["column"])).max() <= line["bound"] + attack.slack
        finding = plots.sensitivity.finding(table)
        number = re.search(rf"by more than ({NUMBER}) \(", finding)
        most = parsed(number[1]) if number else 0.0
        assert table["bound"].max() * (1 - 1e-11) <= most <= table["bound"].max() * 1.011
