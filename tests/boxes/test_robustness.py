"""How far columns may move before a decision changes, and how far predictions move with one column."""

import numpy as np
import pandas as pd
import pytest

from spectral_interp import Pencil, certify
from spectral_interp.pencil import Total
from spectral_interp.view import ClassesView, LevelsAxis, ModelView, NumberAxis, Output, Rows
from tests.certificates.attack_sums import draw
from tests.certificates.mixed import mixed
from tests.sums import encoded

SLACK = 1e-9


def line(classes=()):
    """Return f = 2a − 3b, as a number or as log-odds."""
    axes = NumberAxis("a", low=0.0, high=4.0), NumberAxis("b", low=-1.0, high=1.0)
    pencil = Pencil([[0.0], [2.0], [-3.0]], np.empty((3, 0)), 0)
    view = ModelView(Total([pencil]), axes, Output("u", classes), np.zeros((1, 2)))
    z = np.array([[2.0, 1.0], [0.0, -1.0]])
    return certify(view), Rows(view, z, z.astype(object), np.arange(2))


def test_of_a_line_in_closed_form():
    """f = 1 at (2, 1): it moves by 0.4 with a, ±10 %, and by 0.3 with b for a tolerance."""
    cert, rows = line()
    found = cert.robustness(rows.take([0]), {"a": 0.1, "b": (0.1, 0.1)}, band=1.4, rtol=1e-4)
    assert found.proven == pytest.approx(2.0, rel=2e-4)
    assert found.proven <= 2.0 <= found.attained + SLACK
    assert found.attained == pytest.approx(2.0, rel=2e-4)
    one_way = cert.robustness(rows.take([0]), {"b": (0.0, 0.2)}, band=1.2, rtol=1e-4)
    assert one_way.proven <= 2.0 <= one_way.attained + SLACK
    assert one_way.to_frame()["b"].tolist() == pytest.approx([1.4], rel=1e-3)
    assert "times the tolerances breaks it" in str(one_way)
    decided, rows = line(("no", "yes"))
    found = decided.robustness(rows.take([0]), {"a": (0.25, 0.25)}, rtol=1e-4)
    assert found.proven <= 2.0 <= found.attained + SLACK <= 2.001
    assert found.band is None
    assert "the class stays the same: this is proven" in str(found)


def test_what_cannot_break_is_proven_as_far_as_is_tried():
    pencil = Pencil([[1.0, 2.0], [0.0, 0.0]], [[0.5], [0.0]], 0)
    found = certify(pencil).robustness([[3.0]], {"z0": 0.1}, band=0.1)
    assert found.proven == 1024
    assert found.attained == np.inf
    assert found.point is None
    assert len(found.to_frame()) == 0
    assert "No change that breaks this was found" in str(found)


def test_random_totals_keep_within_their_bands():
    for seed in range(6):
        view, _, rows, rng = draw(seed, n=4)
        row, names = rows.take([1]), ["bent", "logged"]
        tolerances = {"bent": (0.3, 0.2), "logged": 0.1}
        found = certify(view).robustness(row, tolerances, band=0.5, rtol=0.1, max_evaluations=60)
        value = {name: float(row.data[0][view.columns.index(name)]) for name in names}
        below, above = (
            {"bent": 0.3, "logged": 0.1 * value["logged"]},
            {"bent": 0.2, "logged": 0.1 * value["logged"]},
        )
        columns = [np.repeat(np.array([one], dtype=object), 2000) for one in row.data[0]]
        for name in names:
            share = rng.uniform(-1, 1, 2000)
            way = np.where(share < 0, below[name], above[name])
            columns[view.columns.index(name)] = value[name] + found.proven * share * way
        f, start = view.function.values(encoded(view, columns)), float(row.prediction[0])
        assert np.abs(f - start).max() <= 0.5 + 1e-9
        assert found.proven <= found.attained * (1 + 1e-9)
        if found.point is not None:
            broken = view.function.values(
                encoded(view, [np.array([one], dtype=object) for one in found.point])
            )
            assert abs(broken[0] - start) >= 0.5 - 1e-6


def test_a_class_of_a_fitted_model(classifier, breast_cancer):
    X = breast_cancer[0]
    row, names = X.iloc[[5]], list(X.columns[:3])
    found = certify(classifier).robustness(row, dict.fromkeys(names, 0.1), max_evaluations=100)
    assert 0 < found.proven <= found.attained
    rng = np.random.default_rng(0)
    cloud = pd.concat([row] * 500, ignore_index=True)
    for name in names:
        cloud[name] *= 1 + 0.1 * found.proven * rng.uniform(-1, 1, 500)
    assert (classifier.predict(cloud) == classifier.predict(row)[0]).all()
    if found.point is not None:
        assert classifier.predict(found.to_frame())[0] != classifier.predict(row)[0]


def test_a_class_stays_the_same_seen_from_either_class(classifier, breast_cancer):
    row, tolerances = breast_cancer[0].iloc[[5]], {"mean radius": 0.1}
    first, second = (
        certify(classifier, output=label).robustness(row, tolerances, max_evaluations=50)
        for label in classifier.classes_
    )
    assert first.proven == pytest.approx(second.proven, rel=0.1)
    assert first.proven > 0


def test_the_likelier_of_two_of_three_classes_stays_so(random_pencil):
    scores = tuple(random_pencil(2, 3) for _ in "abc")
    axes, output = (NumberAxis("x"), NumberAxis("y")), Output("log-odds", ("a", "b", "c"), "kind")
    view = ClassesView(None, axes, output, np.zeros((1, 2)), functions=scores)
    z = np.array([[0.4, 0.3]])
    row = Rows(view, z, z.astype(object), np.arange(1))
    found = certify(view, output="a", against="c").robustness(row, {"x": (0.1, 0.1), "y": (0.1, 0.1)})
    margin = view.of("a", "c")
    sign = np.sign(margin.values(z)[0])
    ends = np.meshgrid(*[np.linspace(-0.1, 0.1, 101) * found.proven] * 2)
    assert (sign * margin.values(z + np.column_stack([end.ravel() for end in ends])) > 0).all()
    assert sign * margin.values(found.point.astype(float)[None])[0] <= 0


@pytest.mark.filterwarnings("ignore:column 'age' has 1 missing value")
def test_tolerances_that_do_not_fit_are_refused():
    est, frame = mixed()
    cert, row = certify(est), frame[frame["dose"].notna()].iloc[[0]]
    for tolerances, band, message in (
        ({}, 1.0, r"expected tolerances by column.*got \{\}"),
        (0.1, 1.0, "expected tolerances by column"),
        ({"aeg": 0.1}, 1.0, "is it 'age'"),
        ({"city": 0.1}, 1.0, "expected columns of numbers in tolerances; got 'city'"),
        ({"age": 0.0}, 1.0, r"expected a tolerance of 'age'.*got 0\.0"),
        ({"age": -0.1}, 1.0, "expected a tolerance of 'age'"),
        ({"age": np.nan}, 1.0, "expected a tolerance of 'age'"),
        ({"age": "10 %"}, 1.0, "expected a tolerance of 'age'"),
        ({"age": (1.0, 2.0, 3.0)}, 1.0, "expected a tolerance of 'age'"),
        ({"age": 0.1}, None, "expected band.*got none"),
        ({"age": 0.1}, 0.0, "expected band > 0"),
        ({"age": 0.1}, np.nan, "expected band > 0"),
        ({"age": 0.1}, True, "expected band > 0.*got True"),
        ({"age": True}, 1.0, "expected a tolerance of 'age'.*got True"),
    ):
        with pytest.raises(ValueError, match=message):
            cert.robustness(row, tolerances, band=band)
    with pytest.raises(ValueError, match=r"expected a value of 'dose' in the row.*got a gap"):
        cert.robustness(row.assign(dose=np.nan), {"dose": 0.1}, band=1.0)
    with pytest.raises(ValueError, match=r"expected a value of 'age' in the row.*got a gap"):
        cert.robustness(row.assign(age=np.nan), {"age": 0.1}, band=1.0)
    with pytest.raises(ValueError, match="expected one row"):
        cert.robustness(frame.iloc[:2], {"age": 0.1}, band=1.0)
    decided, rows = line(("no", "yes"))
    with pytest.raises(ValueError, match="expected a tolerance of 'a'"):
        decided.robustness(rows.take([1]), {"a": 0.1})


def test_the_spread_of_levels_is_exact_at_rows():
    est, frame = mixed()
    rows = frame.iloc[:20]
    found = certify(est, rows).spread("city")
    f = np.array([est.predict(rows.assign(city=city)) for city in ("Oslo", "Bergen", "Rome")])
    np.testing.assert_allclose(found.per_row, np.ptp(f, axis=0), rtol=1e-9)
    assert found.per_row.max() <= found.most
    assert str(found).startswith("Changing city alone moves no prediction by more than")
    assert "For the 20 given rows it is at most" in str(found)
    assert "rows" not in str(certify(est).spread("city"))


def test_the_spread_of_numbers():
    est, frame = mixed()
    found = certify(est, frame.iloc[:3]).spread("income", rtol=1e-3)
    ages = np.geomspace(frame["income"].min(), frame["income"].max(), 400)
    for at in range(3):
        row = pd.concat([frame.iloc[[at]]] * 400, ignore_index=True).assign(income=ages)
        assert np.ptp(est.predict(row)) == pytest.approx(found.per_row[at], rel=2e-3)
    assert found.per_row.max() <= found.most
    straight = line()[0].spread("a")
    assert straight.most == pytest.approx(8.0)
    assert "Changing a alone between 0 and 4" in str(straight)
    with pytest.raises(ValueError, match="expected a column of levels, or of numbers"):
        certify(draw(1, n=4)[0]).spread("day")


def test_the_spread_of_one_level_is_nothing():
    axes = (LevelsAxis("only", ("a",), (1.0,)),)
    pencil = Pencil([[0.0], [1.0]], np.empty((2, 0)), 0)
    view = ModelView(Total([pencil]), axes, Output("u"), np.zeros((1, 1)))
    assert certify(view).spread("only").most == 0
