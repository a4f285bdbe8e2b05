"""Nearest changes: under attack, by brute force, in closed form, on tables, and what they say."""

import numpy as np
import pytest

from spectral_interp import DensePencil, Pencil, certify, counterfactual
from spectral_interp.nearest.goals import Goal
from spectral_interp.pencil import Total
from spectral_interp.view import (
    ClassesView,
    DateAxis,
    HatsAxis,
    LevelsAxis,
    ModelView,
    NumberAxis,
    Output,
    Pair,
    Rows,
)
from tests.boxes.test_ranges import points, random_limits
from tests.certificates.attack_sums import draw
from tests.certificates.mixed import mixed
from tests.sums import encoded

SLACK = 1e-9
NORMS = ("scaled l1", "l2", "columns")


def rows_at(view, values):
    """Return one row of a view of numbers, in its own units."""
    z = view.placed(
        np.array([[axis.coordinates(x) for axis, x in zip(view.axes, values, strict=True)]], float)
    )
    return Rows(view, z, np.array([values], dtype=object), np.arange(1))


def costs_of(view, start, columns, norm):
    """Return what changes from a row's values to columns of values cost: from the definition."""
    costs = []
    for axis, old, new in zip(view.axes, start, columns, strict=True):
        u, v = (
            axis.coordinates(np.array([old], dtype=object)),
            axis.coordinates(np.asarray(new, dtype=object)),
        )
        moved = ~((u == v) | (np.isnan(u) & np.isnan(v)))
        far = np.where(np.isnan(u - v), 1.0, np.abs(u - v)) if not isinstance(axis, LevelsAxis) else 1.0
        costs.append(np.where(moved, 1.0 if norm == "columns" else far, 0.0))
    return np.linalg.norm(costs, axis=0) if norm == "l2" else np.sum(costs, axis=0)


def with_row(axis, limit, value):
    """Return limits widened to a row's value."""
    missing = value is None or value != value
    if isinstance(axis, LevelsAxis):
        return [*limit, value]
    ends = [end for end in limit if end is not None]
    gap = [None] if missing or len(ends) < len(limit) else []
    if not missing:
        ends = [min([*ends, value]), max([*ends, value])]
    return tuple(ends + gap)


def attack(seed, n, norm):
    """Check the nearest change of a row of a random total against points and points on the way to them."""
    view, _, rows, rng = draw(seed, n=8)
    at = int(rng.integers(8))
    row, limits = rows.take([at]), random_limits(view, rng)
    limits = {
        name: with_row(view.axis(name), limit, row.data[0][view.columns.index(name)])
        for name, limit in limits.items()
        if name != "city" or row.data[0][view.columns.index(name)] != "Atlantis"
    }
    columns = points(view, row.data[0], limits, rng, n)
    f = view.function.values(encoded(view, columns))
    f0 = float(row.prediction[0])
    target = float(np.quantile(f, rng.choice([0.02, 0.3, 0.7, 0.98])))
    if not limits or abs(target - f0) < 1e-9 * (1 + abs(f0)) or f.max() - f.min() < 1e-9:
        return 0
    kind = {"output": "yes"} if view.output.classes else {}
    fixed = [name for name in view.columns if name not in limits]
    found = counterfactual(
        view, row, target=target, limits=limits, fixed=fixed, norm=norm, max_evaluations=12, **kind
    )
    sign = 1.0 if target > f0 else -1.0
    check_found(view, row, found, sign, target, norm)
    slack = SLACK * (1 + np.abs(f).max())
    starts = [np.array([value] * n, dtype=object) for value in row.data[0]]
    for _ in range(3):
        reached = sign * (view.function.values(encoded(view, columns)) - target) >= slack
        if reached.any():
            assert costs_of(view, row.data[0], columns, norm)[reached].min() >= found.lower * (1 - 1e-9)
        back = rng.random((len(columns), n)) < 0.4
        columns = [
            np.where(own, start, np.asarray(column, dtype=object))
            for own, start, column in zip(back, starts, columns, strict=True)
        ]
        columns = [typed(view.axes[i], column) for i, column in enumerate(columns)]
    return n


def typed(axis, column):
    if isinstance(axis, LevelsAxis):
        return column
    if isinstance(axis, DateAxis):
        return np.array(["NaT" if v is None else v for v in column], dtype="datetime64[us]")
    return column.astype(float)


def check_found(view, row, found, sign, target, norm):
    assert found.lower <= found.distance
    if found.found is None:
        return
    at = [typed(axis, np.array([v], dtype=object)) for axis, v in zip(view.axes, found.found, strict=True)]
    value = view.function.values(encoded(view, at))[0]
    assert sign * (value - target) >= -SLACK * (1 + abs(target))
    assert value == pytest.approx(found.reached, abs=SLACK * (1 + abs(value)))
    cost = costs_of(view, row.data[0], at, norm)[0]
    assert cost == pytest.approx(found.distance, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("norm", NORMS)
def test_random_totals_survive(norm):
    tried = [attack(seed, 300, norm) for seed in (0, 1, 4, 80)]
    assert np.count_nonzero(tried) >= 2


@pytest.mark.long
def test_500_random_totals_survive(record_property):
    tried = sum(attack(seed, 2000, NORMS[seed % 3]) for seed in range(500))
    record_property("tally", ("nearest changes", tried, 0, 0.0))


@pytest.mark.parametrize("norm", NORMS)
def test_of_one_latent_in_closed_form(norm, rng):
    """With d = 1 f is linear: the distance is what is missing over the dual norm of the slopes."""
    slopes = np.array([0.5, -2.0, 1.0])
    pencil = Pencil([[1.0], *slopes[:, None]], np.empty((4, 0)), 0)
    limits = dict.fromkeys(("z0", "z1", "z2"), (-50.0, 50.0))
    found = counterfactual(pencil, [[0.0, 0.0, 0.0]], target=4.0, limits=limits, norm=norm)
    distance = {"scaled l1": 3 / 2, "l2": 3 / np.linalg.norm(slopes), "columns": 1.0}[norm]
    assert found.distance == pytest.approx(distance, rel=1e-6)
    assert found.lower == pytest.approx(distance, rel=2e-3)
    assert found.lower <= found.distance
    down = counterfactual(pencil, [[0.0, 0.0, 0.0]], target=-2.0, limits=limits, norm=norm)
    assert down.distance == pytest.approx(found.distance, rel=1e-6)


def test_limits_split_a_linear_change_in_closed_form():
    """The steepest column goes to its limit, the next one does the rest."""
    pencil = Pencil([[0.0], [3.0], [1.0]], np.empty((3, 0)), 0)
    found = counterfactual(pencil, [[0.0, 0.0]], target=7.0, limits={"z0": (-1.0, 2.0), "z1": (-9.0, 9.0)})
    np.testing.assert_allclose(found.found.astype(float), [2.0, 1.0], rtol=1e-6)
    assert found.lower == pytest.approx(3.0, rel=2e-3)
    assert found.changes["column"].tolist() == ["z0", "z1"]
    one_way = counterfactual(
        pencil, [[0.0, 0.0]], target=1.5, limits={"z0": (-1, 2), "z1": (-9, 9)}, directions={"z0": -1}
    )
    np.testing.assert_allclose(one_way.found.astype(float), [0.0, 1.5], rtol=1e-6)


@pytest.mark.parametrize("norm", ["scaled l1", "l2"])
def test_brute_force_on_a_grid(norm):
    """Two coupled columns and one with knots: no point of a fine grid is nearer than the proven bound."""
    for seed in range(2):
        rng = np.random.default_rng(seed)
        axes = NumberAxis("a"), HatsAxis("b", knots=(-1.0, 0.2, 1.0))
        pencils = [
            Pencil(rng.normal(size=(5, 3)), rng.normal(size=(5, 2)), int(rng.integers(3))) for _ in "ab"
        ]
        view = ModelView(Total(pencils, [1.0, -1.0]), axes, Output("u"), np.zeros((1, 4)))
        row = rows_at(view, [0.3, -0.4])
        grid = np.column_stack([end.ravel() for end in np.meshgrid(*[np.linspace(-2, 2, 801)] * 2)])
        f = view.function.values(view.placed(grid))
        f0 = float(row.prediction[0])
        target = (f0 + 3 * f.max()) / 4
        limits = {"a": (-2.0, 2.0), "b": (-2.0, 2.0)}
        found = counterfactual(
            view, row, target=target, limits=limits, norm=norm, rtol=0.1, max_evaluations=60
        )
        away = np.abs(grid - [0.3, -0.4])
        cost = (away.sum(axis=1) if norm == "scaled l1" else np.linalg.norm(away, axis=1))[f >= target].min()
        assert found.lower <= cost
        assert cost - 0.01 <= found.distance <= cost + 0.01
        assert found.proven
        assert found.distance <= 1.1 * found.lower * (1 + 1e-9)


def test_pairs_in_closed_form():
    """With d = 1 f = |a − b|: to reach 2 from (0, 0) either column moves by 2."""
    pair = Pair(0, 1, sign=-1.0, mean=0.0, scale=1.0, knots=(-1.0, 0.0, 1.0))
    pencil = Pencil([[0.0], [0.0], [0.0], [1.0], [0.0], [1.0]], np.empty((6, 0)), 0)
    axes = NumberAxis("a"), NumberAxis("b")
    view = ModelView(Total([pencil] * 2, [0.5, 0.5]), axes, Output("u"), np.zeros((1, 5)), pairs=(pair,))
    limits = {"a": (-5.0, 5.0), "b": (-5.0, 5.0)}
    found = counterfactual(view, rows_at(view, [0.0, 0.0]), target=2.0, limits=limits, max_evaluations=400)
    assert found.distance == pytest.approx(2.0, rel=1e-6)
    assert found.lower == pytest.approx(2.0, rel=0.1)
    apart = counterfactual(
        view, rows_at(view, [0.0, 0.0]), target=2.0, limits=limits, norm="l2", max_evaluations=400
    )
    assert apart.distance == pytest.approx(np.sqrt(2.0), rel=1e-4)
    assert apart.lower <= np.sqrt(2.0)


def test_a_target_that_only_the_end_of_the_limits_gives_is_reached():
    pencil = Pencil([[0.0], [2.0]], np.empty((2, 0)), 0)
    found = counterfactual(pencil, [[0.0]], target=3.0, limits={"z0": (-5.0, 1.5)})
    assert found.found.tolist() == [1.5]
    assert found.reached == pytest.approx(3.0)
    assert found.lower <= 1.5
    assert counterfactual(pencil, [[0.0]], target=3.0 + 1e-8, limits={"z0": (-5.0, 1.5)}).impossible


def test_what_cannot_be_reached_is_proven(random_pencil):
    pencil = random_pencil(2, 5)
    limits = {"z0": (-1.0, 1.0), "z1": (-1.0, 1.0)}
    grid = np.column_stack([end.ravel() for end in np.meshgrid(*[np.linspace(-1, 1, 200)] * 2)])
    f = pencil.values(grid)
    found = counterfactual(pencil, [[0.0, 0.0]], target=f.max() + 0.3 * np.ptp(f), limits=limits)
    assert found.impossible
    assert found.found is None
    assert (found.distance, found.lower) == (np.inf, np.inf)
    assert found.proven
    assert "proven" in str(found)
    assert not len(found.changes)
    assert len(found.to_frame()) == 1
    near = counterfactual(pencil, [[0.0, 0.0]], target=f.max() - 0.01 * np.ptp(f), limits=limits)
    assert near.found is not None


def test_an_interval_of_a_jump_over_it_is_not_reached_though_not_excluded():
    """Levels jump from 0 to 2 past the target: nothing is found, and what is proven is only the step up."""
    axis = LevelsAxis("city", ("Oslo", "Rome"), (0.5, 0.5))
    pencil = Pencil([[1.0], [-1.0], [1.0]], np.empty((3, 0)), 0)
    view = ModelView(pencil, (axis,), Output("u"), np.zeros((1, 2)))
    z = axis.encode(["Oslo"])
    row = Rows(view, z, np.array([["Oslo"]], dtype=object), np.arange(1))
    found = counterfactual(view, row, target=(0.5, 1.5))
    assert found.found is None
    up = counterfactual(view, row, target=(1.5, None))
    assert up.found.tolist() == ["Rome"]
    assert (up.distance, up.lower) == (1.0, 1.0)


def test_tables_with_levels_gaps_and_logs():
    est, frame = mixed()
    row = frame[frame["dose"].notna() & ~frame["smoker"]].iloc[[0]]
    f = float(est.predict(row)[0])
    found = counterfactual(est, row, target=f + 8.0, fixed=["age"])
    after = found.to_frame()
    assert est.predict(after)[1] >= f + 8.0
    assert est.predict(after)[1] == pytest.approx(found.reached)
    assert after["age"].nunique() == 1
    assert found.lower <= found.distance <= 1.1 * found.lower * (1 + 1e-9)
    sd = {"income": np.log(frame["income"]).std(ddof=0), "dose": frame["dose"].std(ddof=0)}
    by_hand = abs(np.diff(np.log(after["income"].to_numpy()))[0]) / sd["income"]
    by_hand += abs(np.diff(after["dose"].to_numpy())[0]) / sd["dose"]
    by_hand += (after["city"].nunique() > 1) + (after["smoker"].nunique() > 1)
    assert found.distance == pytest.approx(by_hand, rel=1e-6)
    gap = counterfactual(est, row, target=f - 3.0, limits={"dose": (0.0, 6.0, None)}, norm="columns")
    assert est.predict(gap.to_frame())[1] <= f - 3.0
    few = counterfactual(est, row, target=f + 8.0, fixed=["age"], most_columns=1)
    assert len(few.changes) == 1
    assert few.distance >= found.lower


def test_a_row_with_a_gap_of_pandas():
    est, frame = mixed()
    row = frame[frame["dose"].isna()].iloc[[0]]
    limits = {"dose": (1.0, 6.0, None)}
    target = float(est.predict(row.assign(dose=4.0))[0])
    plain, nullable = (
        counterfactual(est, one, target=target, limits=limits, fixed=["age"])
        for one in (row, row.convert_dtypes())
    )
    assert str(plain) == str(nullable)
    assert certify(est).robustness(row.convert_dtypes(), {"age": 0.1}, band=3.0).proven > 0
    alone = counterfactual(
        est, row.convert_dtypes(), target=target, limits=limits, fixed=row.columns.drop("dose")
    )
    assert "dose from missing to" in str(alone)


def test_several_answers_leave_the_strongest_columns_alone():
    est, frame = mixed()
    row = frame.iloc[[0]]
    found = counterfactual(est, row, target=float(est.predict(row)[0]) + 4.0, answers=3)
    answers = [found, *found.others]
    assert len(answers) == 3
    used = set()
    for one in answers:
        changed = set(one.changes["column"])
        assert not changed & used
        used.add(one.changes["column"].iloc[0])
    assert found.lower <= min(one.distance for one in answers)
    assert found.to_frame().index.tolist() == ["row", "answer 1", "answer 2", "answer 3"]


def test_whole_numbers_and_days_stay_so():
    axes = (
        NumberAxis("rooms", mean=5.0, scale=2.0, low=1.0, high=9.0),
        DateAxis("day", 19000.0, 100.0, 18900.0, 19100.0),
    )
    pencil = Pencil([[0.0], [1.0], [1.0]], np.empty((3, 0)), 0)
    background = np.column_stack([(np.arange(1.0, 10.0) - 5) / 2, np.zeros(9)])
    view = ModelView(pencil, axes, Output("u"), background)
    z = np.array([[0.0, 0.0]])
    row = Rows(view, z, np.array([[5, np.datetime64(19000, "D")]], dtype=object), np.arange(1))
    found = counterfactual(view, row, target=0.7, fixed=["day"])
    assert found.found[0] == 7.0
    assert found.distance == pytest.approx(1.0)
    assert found.lower == pytest.approx(1.0, rel=0.1)
    later = counterfactual(view, row, target=0.123, fixed=["rooms"])
    assert later.found[1] == np.datetime64(19013, "D")


def test_the_nearest_day_of_another_month_is_found():
    """Only in March is f above zero: a day of February goes on to the first of March."""
    axis = DateAxis("day", 19000.0, 500.0, 18000.0, 20000.0, month=(1 / 12,) * 12)
    diag = np.zeros((1 + axis.n_features, 1))
    diag[1 + axis.feature_names.index("day month = Mar")] = 1.0
    pencil = Pencil(diag, np.empty((len(diag), 0)), 0)
    view = ModelView(pencil, (axis,), Output("u"), np.zeros((1, axis.n_features)))
    for first, best in (("2022-02-05", "2022-03-01"), ("2022-04-25", "2022-03-31")):
        z = axis.encode(np.array([first], dtype="datetime64[D]"))
        row = Rows(view, z, np.array([[np.datetime64(first)]], dtype=object), np.arange(1))
        found = counterfactual(view, row, target=float(row.prediction[0]) + 0.5, max_evaluations=1)
        assert found.found[0] == np.datetime64(best)
        assert found.lower <= found.distance


def test_classes_of_a_table(breast_cancer, classifier):
    X, _ = breast_cancer
    for at in (0, 3):
        found = counterfactual(classifier, X.iloc[[at]], rtol=0.3, max_evaluations=5)
        before, after = classifier.predict(found.to_frame())
        assert before != after
        assert str(before) == found.now
        assert str(after) == found.target
        assert found.lower <= found.distance
    by_odds = counterfactual(classifier, X.iloc[[0]], output=classifier.classes_[0], target=0.5)
    assert abs(by_odds.reached) == pytest.approx(0.5, abs=1e-6)


def test_one_of_three_classes(random_pencil):
    scores = tuple(random_pencil(2, 3) for _ in "abc")
    axes, output = (NumberAxis("x"), NumberAxis("y")), Output("log-odds", ("a", "b", "c"), "kind")
    view = ClassesView(None, axes, output, np.zeros((1, 2)), functions=scores)
    z = np.column_stack([end.ravel() for end in np.meshgrid(*[np.linspace(-3, 3, 601)] * 2)])
    predicted = view.values(z).argmax(axis=1)
    row = rows_at(view, [0.0, 0.0])
    now = int(view.values(row.z)[0].argmax())
    for place in {*predicted.tolist()} - {now}:
        limits = {"x": (-3.0, 3.0), "y": (-3.0, 3.0)}
        found = counterfactual(view, row, target="abc"[place], limits=limits, max_evaluations=200)
        cost = np.abs(z)[predicted == place].sum(axis=1).min()
        assert found.lower <= cost + 1e-9
        assert found.distance <= cost + 0.02
        assert found.distance <= 1.1 * found.lower * (1 + 1e-9)
        assert view.values(found.found.astype(float)[None])[0].argmax() == place


def test_a_sentence_for_everyone():
    pencil = Pencil([[0.0], [2.0]], np.empty((2, 0)), 0)
    view = ModelView(
        pencil, (NumberAxis("income"),), Output("log-odds", ("no", "yes"), "sold"), np.zeros((1, 1))
    )
    row = rows_at(view, [-1.0])
    text = str(counterfactual(view, row, limits={"income": (-2.0, 2.0)}))
    for part in (
        "Predicted: no.",
        "gives yes: ",
        "income from −1 to",
        "(a change of 1 standard deviation)",
        "no allowed change of less than 0.99",
    ):
        assert part in text
    assert "1 column" in str(counterfactual(view, row, limits={"income": (-2.0, 2.0)}, norm="columns"))
    never = str(counterfactual(view, row, limits={"income": (-2.0, -0.5)}))
    assert never == "Predicted: no. No allowed change gives yes: this is proven."


def test_a_dense_pencil(rng):
    full = rng.normal(size=(3, 4, 4))
    pencil = DensePencil(full + full.transpose(0, 2, 1), 1)
    f0 = float(pencil.values([[0.0, 0.0]])[0])
    found = counterfactual(pencil, [[0.0, 0.0]], target=f0 + 0.5, limits={"z0": (-3, 3), "z1": (-3, 3)})
    assert pencil.values([found.found.astype(float)])[0] == pytest.approx(f0 + 0.5, abs=1e-6)
    assert found.proven


@pytest.mark.parametrize(
    ("given", "pattern"),
    [
        ({"target": np.nan}, "expected target to be a number.*got nan"),
        ({"target": None}, "expected target to be a number"),
        ({"target": "high"}, "expected target to be a number.*got 'high'"),
        ({"target": (3, 1)}, r"low < high; got \(3, 1\)"),
        ({"target": (1e9, 1e9)}, "low < high"),
        ({"target": (np.inf, None)}, r"low < high; got \(inf, None\)"),
        ({"target": (-1e9, None)}, "does not meet already"),
        ({"target": 1e9, "limits": {"age": (80, 20)}}, "low <= high"),
        ({"target": 1e9, "limits": {"age": ()}}, "expected limits of 'age'; got none"),
        ({"target": 1e9, "limits": {"age": (300, 400)}}, "a row within the limits of 'age'"),
        ({"target": 1e9, "limits": {"city": ["Osl"]}}, "expected levels of 'city'.*is it 'Oslo'"),
        (
            {"target": 1e9, "limits": {"dose": (0, 5)}},
            "within the limits of 'dose'.*None among them allows a gap",
        ),
        ({"target": 1e9, "fixed": ["aeg"]}, "is it 'age'"),
        ({"target": 1e9, "fixed": "aeg"}, "is it 'age'"),
        ({"target": 1e9, "fixed": 3}, "expected fixed to be names of columns .*; got 3"),
        (
            {"target": 1e9, "fixed": ["age", "income", "dose", "smoker", "city"]},
            "a column that may change; got none",
        ),
        ({"target": 1e9, "fixed": ["age"], "limits": {"age": (0, 99)}}, "either in fixed or in limits"),
        ({"target": 1e9, "directions": {"age": 2}}, r"1 \(only up\) or -1 .*got 2 for 'age'"),
        ({"target": 1e9, "directions": {"city": 1}}, "directions of numbers and dates; got 'city'"),
        ({"target": 1e9, "norm": "l3"}, "norm to be one of.*got 'l3'"),
        ({"target": 1e9, "most_columns": 0}, "most_columns to be a whole number >= 1; got 0"),
        ({"target": 1e9, "answers": 1.5}, "answers to be a whole number >= 1; got 1.5"),
        ({"target": 1e9, "rtol": 0}, "rtol > 0"),
        ({"target": 1e9, "rtol": "0.1"}, "rtol > 0.*got '0.1'"),
        ({"target": 1e9, "output": "yes"}, "only for a model of classes"),
    ],
)
def test_bad_input(given, pattern):
    est, frame = mixed()
    with pytest.raises(ValueError, match=pattern):
        counterfactual(est, frame[frame["dose"].isna()].iloc[[0]], **given)


@pytest.mark.filterwarnings("ignore:column 'age' has 1 missing value")
def test_a_gap_that_the_model_reads_as_the_median_stays():
    est, frame = mixed()
    row = frame.iloc[[0]].assign(age=np.nan)
    found = counterfactual(est, row, target=float(est.predict(row)[0]) + 3.0)
    assert np.isnan(found.to_frame()["age"]).all()
    for given in ({"limits": {"age": (30.0, 70.0)}}, {"directions": {"age": 1}}):
        with pytest.raises(ValueError, match=r"expected a value of 'age' in the row, .*got a gap"):
            counterfactual(est, row, target=1e9, **given)


@pytest.mark.parametrize("refused", [1, 2, 99])
def test_what_predict_does_not_confirm_is_no_answer(monkeypatch, refused):
    """Answers go further beyond the target until they are confirmed; the proven bound stays as it was."""
    pencil = Pencil([[0.0], [2.0]], np.empty((2, 0)), 0)
    asked = []
    monkeypatch.setattr(Goal, "met", lambda goal, seen: asked.append(seen) or len(asked) > refused)
    found = counterfactual(pencil, [[0.0]], target=3.0, limits={"z0": (-5.0, 5.0)})
    assert found.lower <= 1.5
    assert not found.impossible
    if refused == 99:
        assert found.found is None
        assert not found.proven
        assert (found.distance, found.costs.sum()) == (np.inf, 0.0)
        assert "was found. It is proven" in str(found)
    else:
        assert asked == sorted(asked)
        assert asked[-1] - 3.0 == pytest.approx(3.0 * (0.0, 1e-9, 1e-7)[refused], rel=1e-2)


def test_bad_rows_and_classes(classifier, breast_cancer):
    X, _ = breast_cancer
    with pytest.raises(ValueError, match="expected one row; got 2"):
        counterfactual(classifier, X[:2])
    now = classifier.predict(X[:1])[0]
    with pytest.raises(ValueError, match="other than the predicted class"):
        counterfactual(classifier, X[:1], target=now)
    with pytest.raises(ValueError, match="expected target to be a class"):
        counterfactual(classifier, X[:1], target="neither")
    with pytest.raises(ValueError, match="expected limits of 'z0', as its range in training is unknown"):
        counterfactual(Pencil([[0.0], [1.0]], np.empty((2, 0)), 0), [[0.0]], target=1)
