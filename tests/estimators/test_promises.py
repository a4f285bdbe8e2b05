"""Promises of estimators: kept on raw tables, proven, saved; curvature; and what cannot be promised."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone

from spectral_interp import SpectralClassifier, SpectralRegressor, certify, load
from spectral_interp.estimators.promises import check_certified
from spectral_interp.view import Promise
from tests.estimators.made_up import GRADES, attacked, columns, made_up


def proven(cert, name, wanted):
    """Return whether the certificate has found a promise of a column that matters."""
    line = cert.column(name)
    if isinstance(wanted, int):
        return line["monotone"] == wanted or not line["norm"]
    if not line["norm"]:
        return "order" not in line
    groups = [set(group.split(" = ")) for group in line["order"].split(" ≤ ")]
    found, left = [], list(wanted)
    for group in groups:  # equal levels may stand in any order
        found.append(set(left[: len(group)]))
        left = left[len(group) :]
    return found == groups


LONG = [pytest.param(seed, marks=pytest.mark.long) for seed in (1, *range(5, 50))]


@pytest.mark.parametrize("seed", [0, 2, 3, 4, *LONG])
def test_no_raw_row_breaks_a_promise(tmp_path, seed, request):
    est, X, promises = made_up(seed)
    cert = certify(est)
    said = " ".join(cert.sentences())
    for name, wanted in promises.items():
        assert proven(cert, name, wanted)
        assert name in said
        pairs = 100_000 if request.config.getoption("--long") else 3000
        change, spread = attacked(est, X, name, wanted, pairs, seed)
        assert change.min() >= -1e-12 * spread
        if isinstance(wanted, int):
            assert set(cert.segments(name)["monotone"]) <= {wanted, 0}
    est.save(tmp_path / "m.pt")
    back = load(tmp_path / "m.pt")
    assert back.get_params()["monotone"] == {
        k: v if isinstance(v, int) else [*v] for k, v in promises.items()
    }
    values = getattr(est, "decision_function", est.predict)
    np.testing.assert_array_equal(getattr(back, "decision_function", back.predict)(X[:9]), values(X[:9]))


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = columns(rng, 300)
    y = X["a"] + 2 * X["a"] * X["flag"] + X["grade"].map({"A": 0, "B": 3, "C": 1, "D": 2})
    return X, (y + 0.1 * rng.normal(size=300)).rename("price")


@pytest.mark.parametrize("structure", ["tridiagonal", "diagonal", "dense"])
@pytest.mark.parametrize("penalty", [0.0, 0.01])
def test_a_single_neuron_keeps_promises_in_any_structure(table, structure, penalty):
    X, y = table
    promises = {"a": 1, "grade": list(GRADES), "skewed": -1, "day": 1}
    options = {"form": "single", "dim": 4, "n_epochs": 60, "random_state": 0, "norm_penalty": penalty}
    with pytest.warns(UserWarning, match="'day', which is in monotone, is used as elapsed time alone"):
        est = SpectralRegressor(structure=structure, monotone=promises, **options).fit(X, y)
    cert = certify(est)
    assert all(proven(cert, name, tuple(w) if isinstance(w, list) else w) for name, w in promises.items())
    assert est.score(X, y) > 0.5
    assert est.encoder_.axes[X.columns.get_loc("day")].linear


def test_a_single_neuron_with_promises_resumes_to_the_bit(tmp_path, table):
    X, y = table
    options = {"form": "single", "dim": 4, "n_epochs": 30, "random_state": 0, "monotone": {"a": -1}}
    whole = SpectralRegressor(**options).fit(X, y, checkpoint=tmp_path / "run.pt", every=7)
    again = SpectralRegressor(**options).fit(X, y, resume=tmp_path / "run.pt")
    np.testing.assert_array_equal(whole.predict(X), again.predict(X))
    with pytest.raises(ValueError, match="the options of this run"):
        SpectralRegressor(**options | {"monotone": {"a": 1}}).fit(X, y, resume=tmp_path / "run.pt")


def test_a_sum_with_promises_resumes_to_the_bit(tmp_path, table):
    X, y = table
    options = {"form": "sum", "members": 1, "random_state": 0, "monotone": {"a": -1, "grade": GRADES}}
    states, path = [], tmp_path / "run.pt"
    with pytest.MonkeyPatch.context() as patch:
        from spectral_interp.files import artifact

        write = artifact.write

        def keep(where, state, **rest):
            write(where, state, **rest)
            states.append(where.read_bytes())

        patch.setattr(artifact, "write", keep)
        whole = SpectralRegressor(**options).fit(X, y, checkpoint=path, every=7)
    for at in (0, len(states) // 2, -2):
        path.write_bytes(states[at])
        again = SpectralRegressor(**options).fit(X, y, resume=path)
        np.testing.assert_array_equal(whole.predict(X), again.predict(X))


def test_a_promise_of_a_class_is_one_of_its_log_odds(table):
    X, y = table
    labels = np.where(y > y.median(), "yes", "no")
    for positive, sign in (("yes", 1), ("no", -1)):
        est = SpectralClassifier(form="sum", members=1, positive=positive, monotone={"a": 1}, random_state=0)
        est.fit(X, labels)
        after = X.assign(a=X["a"] + 1)
        change = est.decision_function(after) - est.decision_function(X)
        assert (sign * change >= 0).all()
        assert certify(est).column("a")["monotone"] == 1


def test_rare_levels_stand_where_they_are_in_the_order():
    X = pd.DataFrame({"grade": ["A"] * 60 + ["B"] * 60 + ["C", "D"], "a": np.arange(122.0)})
    y = np.random.default_rng(0).normal(size=122)
    options = {"form": "single", "dim": 3, "n_epochs": 5, "random_state": 0}
    est = SpectralRegressor(monotone={"grade": ["A", "C", "D", "B"]}, **options).fit(X, y)
    assert certify(est).column("grade")["order"] == "A ≤ other ≤ B"
    with pytest.raises(ValueError, match=r"rare levels.*next to each other.*'C', 'D' apart"):
        SpectralRegressor(monotone={"grade": ["C", "A", "D", "B"]}, **options).fit(X, y)
    with pytest.raises(ValueError, match=r"all levels of training .*got none of 'D'"):
        SpectralRegressor(monotone={"grade": ["A", "B", "C"]}, **options).fit(X, y)


def test_missing_may_have_a_place_in_an_order():
    rng = np.random.default_rng(3)
    X = pd.DataFrame(
        {"grade": rng.choice(np.array(["A", "B", None], dtype=object), 200), "a": rng.normal(size=200)}
    )
    y = X["grade"].map({"A": 0.0, "B": 2.0}).fillna(1.0) + 0.1 * rng.normal(size=200)
    est = SpectralRegressor(form="sum", members=1, random_state=0, monotone={"grade": ["A", "missing", "B"]})
    assert certify(est.fit(X, y)).column("grade")["order"] == "A ≤ missing ≤ B"


@pytest.mark.parametrize(
    ("promises", "error", "message"),
    [
        ({"aa": 1}, ValueError, "did you mean 'a'"),
        (["a"], TypeError, "monotone as a dict"),
        ({"a": 2}, ValueError, "expected 1, .*or -1.*got 2"),
        ({"a": True}, ValueError, "expected 1, .*got True"),
        ({"a": "up"}, ValueError, "expected 1, .*got 'up'"),
        ({"a": None}, ValueError, "expected 1, .*got None"),
        ({"a": ["A", "B"]}, ValueError, "expected 1 or -1, for 'a'"),
        ({"grade": 1}, ValueError, "a list of all levels.* for the column of levels 'grade'.*'A'"),
        ({"grade": ["A"]}, ValueError, "a list of all levels.* at least two"),
        ({"grade": {"A", "B", "C", "D"}}, ValueError, "a list of all levels, in the order"),
        ({"grade": iter("ABCD")}, ValueError, "a list of all levels, in the order"),
        ({"grade": b"ABCD"}, ValueError, "a list of all levels, in the order"),
        ({"grade": ["A", "B", "C"]}, ValueError, "all levels of training in the order .*got none of 'D'"),
        ({"grade": ["A", "B", "C", "D", "E"]}, ValueError, "levels of training in the order .*got 'E'"),
        ({"grade": ["A", "B", "C", "D", "A"]}, ValueError, "each level once .*got 'A' twice"),
        ({"left": 1}, ValueError, "monotone.*'left' in both|'left' in both"),
        ({"still": 1}, ValueError, "'still', which is left out"),
        ({"a": 1, " a": -1}, ValueError, "each column once"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_what_cannot_be_promised(table, promises, error, message, monkeypatch):
    """It is refused before any training."""
    X, y = table
    from spectral_interp.estimators import forms

    monkeypatch.setattr(forms, "FITS", {})
    X = X.assign(left=X["a"], still=1.0)
    with pytest.raises(error, match=message):
        SpectralRegressor(monotone=promises, drop=["left"], random_state=0).fit(X, y)


def test_a_promise_that_is_not_kept_is_not_certified(table):
    X, y = table
    est = SpectralRegressor(form="single", dim=3, n_epochs=20, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="prove the promise about the column 'a'"):
        check_certified(est.view(), [Promise(0, -1)])


def test_files_that_claim_more_than_they_keep_are_refused(tmp_path, table):
    X, y = table
    est = SpectralRegressor(form="sum", members=1, monotone={"a": 1}, random_state=0).fit(X, y)
    est.save(tmp_path / "m.pt")
    state = torch.load(tmp_path / "m.pt", weights_only=True)
    assert state["parameters"]["monotone"] == {"a": 1}
    for monotone in (
        {"a": -1},
        {"b": 1},
        {"a": 2},
        {"a": {"b": 1}},
        {"grade": ["A"]},
        {"a": 1, "city": 1},
        [1],
    ):
        torch.save(state | {"parameters": state["parameters"] | {"monotone": monotone}}, tmp_path / "bad.pt")
        with pytest.raises(ValueError, match="undamaged model"):
            load(tmp_path / "bad.pt")
    older = {name: v for name, v in state["parameters"].items() if name not in ("monotone", "curvature")}
    torch.save(state | {"parameters": older}, tmp_path / "old.pt")
    assert load(tmp_path / "old.pt").monotone is None


@pytest.mark.parametrize(("curvature", "sign"), [("convex", 1), ("concave", -1)])
def test_curvature_is_kept_and_certified(tmp_path, table, curvature, sign):
    X, y = table
    est = SpectralRegressor(
        form="single", dim=5, n_epochs=40, curvature=curvature, log=["skewed"], random_state=0
    )
    est.fit(X[["a", "skewed", "flag"]], y)
    cert = certify(est)
    assert cert.curvature == curvature
    assert any(curvature in s and "log skewed" in s for s in cert.sentences())
    rng = np.random.default_rng(0)
    ends = [
        pd.DataFrame({"a": rng.normal(size=500), "skewed": 1.0, "flag": rng.random(500)}) for _ in range(2)
    ]
    middle = (ends[0] + ends[1]) / 2
    bend = (est.predict(ends[0]) + est.predict(ends[1])) / 2 - est.predict(middle)
    assert (sign * bend).min() >= -1e-9
    est.save(tmp_path / "m.pt")
    assert load(tmp_path / "m.pt").curvature == curvature
    np.testing.assert_array_equal(load(tmp_path / "m.pt").predict(middle), est.predict(middle))
    assert clone(est).curvature == curvature


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"curvature": "straight", "form": "single"}, "convex, concave or None; got 'straight'"),
        ({"curvature": "convex", "form": "sum"}, "curvature only with form='single'.*piecewise-linear"),
        ({"curvature": "convex"}, "form='auto'"),
        ({"curvature": "convex", "form": "single", "k": 0}, "k=14 of dim=15 for a convex model.*got k=0"),
        ({"curvature": "concave", "form": "single", "k": 3}, "k=0 of dim=15"),
    ],
)
def test_curvature_that_cannot_be_had(table, options, message):
    with pytest.raises(ValueError, match=message):
        SpectralRegressor(**options).fit(*table)


def test_an_index_that_agrees_with_the_curvature_is_taken(table):
    X, y = table
    options = {"form": "single", "dim": 3, "n_epochs": 3, "curvature": "convex"}
    assert SpectralRegressor(k=-1, **options).fit(X[["a"]], y).pencil_.k == 2


def test_the_number_of_threads_does_not_matter(table, monkeypatch):
    X, y = table
    found = []
    for threads in (1, 3):
        monkeypatch.setattr(
            "spectral_interp.training.stages.allowed_threads", lambda threads=threads: threads
        )
        est = SpectralRegressor(form="sum", members=3, monotone={"a": 1, "grade": GRADES}, random_state=0)
        found.append(est.fit(X, y).predict(X))
    np.testing.assert_array_equal(*found)
