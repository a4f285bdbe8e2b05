"""The recipe of the sum form: what it finds, that it can be interrupted, and tables that are hard."""

import copy

import numpy as np
import pytest
import torch

from spectral_interp.training import selection
from spectral_interp.training.inputs import Inputs, SparseTable, finer, knots_of
from spectral_interp.training.partition import splits
from spectral_interp.training.run import EncodedRows, TrainingRows
from spectral_interp.training.selection import Tape, fit_sum
from spectral_interp.training.sums import SumOptions, SumRun
from spectral_interp.view import HatsAxis, LevelsAxis, NumberAxis
from tests.training.test_sums import features, total


def numbers(p, **kwargs):
    return tuple(NumberAxis(f"x{i}", **kwargs) for i in range(p))


def data(n=400, p=3, seed=0, target=lambda z: z[:, 0] - 0.5 * z[:, 1], noise=0.3):
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, p))
    y = target(z) + noise * rng.standard_normal(n)
    return z, (y - y.mean()) / y.std()


def coordinates(axes, z):
    """Return the coordinates of features (n, p)."""
    ends = np.cumsum([axis.n_features for axis in axes])[:-1]
    blocks = np.split(z, ends, axis=1)
    return np.column_stack([axis.locate(block) for axis, block in zip(axes, blocks, strict=True)])


def fit(axes, z, y, weight=None, **kwargs):
    weight = np.ones(len(y)) if weight is None else weight
    settings = {"loss": "squared", "groups": np.arange(len(y)), "seed": 0, "members": 2} | kwargs
    return fit_sum(EncodedRows(axes, coordinates(axes, z), y, weight), **settings)


def predictions(found, z):
    full = features(Inputs(found.axes, found.pairs), z)
    return np.mean([total(entries, found.k, full) for entries in found.entries], axis=0)


@pytest.fixture
def short(monkeypatch):
    """Fits of a few epochs."""
    monkeypatch.setattr(selection, "LEAST_STEPS", 100)
    monkeypatch.setattr(selection, "EPOCHS", 4)


def test_linear_data_stay_linear():
    z, y = data()
    found = fit(numbers(3), z, y)
    assert found.rung == "linear"
    assert found.axes == numbers(3)
    assert found.pairs == ()
    assert found.entries.shape == (2, 4, 16, 9)
    assert np.mean((predictions(found, z) - y) ** 2) < 0.12
    assert found.rungs[0]["rung"] == "linear"
    best = min(found.history, key=lambda event: event.validation_loss)
    assert (best.epoch, best.validation_loss) == (found.rungs[0]["epochs"], found.rungs[0]["loss"])


def test_a_knee_is_found():
    z, y = data(n=1500, target=lambda z: np.sin(4 * z[:, 0]) + z[:, 1])
    found = fit(numbers(3), z, y)
    assert found.rung != "linear"
    loss = {row["rung"]: row["loss"] for row in found.rungs}
    assert loss["hats"] < 0.5 * loss["linear"]


def test_a_difference_is_found():
    z, y = data(n=3000, p=4, target=lambda z: np.cos(4 * (z[:, 1] - z[:, 3])))
    found = fit(numbers(4), z, y)
    assert found.rung == "all"
    assert (1, 3, -1.0) in [(pair.first, pair.second, pair.sign) for pair in found.pairs]
    loss = {row["rung"]: row["loss"] for row in found.rungs}
    assert loss["all"] < 0.7 * loss["hats"]


def test_finer_knots_are_found():
    z, y = data(n=4000, p=2, target=lambda z: np.sign(np.sin(9 * z[:, 0])) + z[:, 1])
    found = fit(numbers(2), z, y)
    assert found.rung == "all"
    sizes = [len(axis.knots) for axis in found.axes]
    assert sizes[0] > 20 > sizes[1]


def test_classes():
    z, _ = data(n=600)
    y = (np.abs(z[:, 0]) + 0.3 * z[:, 1] > 0.8).astype(float)
    found = fit(numbers(3), z, y, loss="logistic")
    assert np.mean((predictions(found, z) > 0) == (y > 0.5)) > 0.93


def test_the_number_of_threads_does_not_matter(monkeypatch, short):
    z, y = data(n=300)
    found = []
    for threads in (1, 2):
        monkeypatch.setattr("spectral_interp.training.stages.allowed_threads", lambda n=threads: n)
        found.append(fit(numbers(3), z, y, members=3))
    assert found[0].entries.tobytes() == found[1].entries.tobytes()
    assert found[0].rungs == found[1].rungs


def test_the_seed_matters(short):
    z, y = data(n=300)
    assert not np.array_equal(fit(numbers(3), z, y).entries, fit(numbers(3), z, y, seed=1).entries)


class Interrupt(Exception):
    pass


@pytest.mark.parametrize("after", [1, 7, 23, 40])
def test_a_resumed_recipe_is_the_same_to_the_bit(after, short):
    z, y = data(n=300)
    whole = fit(numbers(3), z, y)
    seen, states = [], []

    def progress(name, epoch, total):
        assert 1 <= epoch <= total
        seen.append(name)
        if len(seen) == after:
            raise Interrupt

    tape = Tape(every=1, changed=lambda: states.append(copy.deepcopy(tape.state())), progress=progress)
    with pytest.raises(Interrupt):
        fit(numbers(3), z, y, tape=tape)
    again = Tape(progress=lambda name, epoch, total: seen.append(name))
    if states:
        again.load_state(plain(states[-1]))
    seen.clear()
    found = fit(numbers(3), z, y, tape=again)
    assert found.entries.tobytes() == whole.entries.tobytes()
    assert found.rungs == whole.rungs
    seen.clear()
    assert fit(numbers(3), z, y, tape=again).entries.tobytes() == whole.entries.tobytes()
    assert not seen


def plain(state):
    """Return a state, of which every leaf is a tensor or a plain value."""
    if isinstance(state, dict):
        return {key: plain(value) for key, value in state.items()}
    if isinstance(state, list):
        return [plain(value) for value in state]
    assert isinstance(state, torch.Tensor | int | float | str)
    return state


def test_another_model_may_be_simpler(short):
    z, y = data(n=300)
    given = []

    def simpler(found):
        given.extend(found)
        return [{"rung": "single", "loss": 0.0, "parameters": 9, "epochs": 1}]

    found = fit(numbers(3), z, y, simpler=simpler)
    assert found.rung == "single"
    assert found.entries.shape == (0, 4, 16, 9)
    assert [row["rung"] for row in found.rungs][:2] == ["single", "linear"]
    for kept, held in given:
        assert np.union1d(kept, held).tolist() == list(range(300))
        assert not np.intersect1d(kept, held).size


@pytest.mark.parametrize(("loss", "chosen"), [("squared", "one"), ("logistic", "linear")])
def test_one_percent_of_a_log_loss_is_of_what_it_gains(loss, chosen, short):
    z = np.random.default_rng(2).standard_normal((300, 1))
    y = np.sign(z[:, 0]).clip(0) if loss == "logistic" else z[:, 0]

    def simpler(splits):
        lowest = fit(numbers(1), z, y, loss=loss, rungs=["linear"]).rungs[0]["loss"]
        gained = 0.0 if loss == "squared" else np.log(2) - lowest
        above = 0.009 * lowest if loss == "squared" else 0.011 * gained
        return [{"rung": "one", "loss": lowest + above, "parameters": 1, "epochs": 1}]

    assert fit(numbers(1), z, y, loss=loss, rungs=["linear"], simpler=simpler).rung == chosen


def test_only_the_rungs_that_are_asked_for(short):
    z, y = data(n=300)
    assert [row["rung"] for row in fit(numbers(3), z, y, rungs=["hats"]).rungs] == ["hats"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rungs": []}, "expected rungs"),
        ({"rungs": ["best"]}, "expected rungs"),
        ({"loss": "absolute"}, "expected loss"),
        ({"weight": np.ones(7)}, "expected y, weight and groups"),
    ],
)
def test_what_cannot_be_used(change, message):
    z, y = data(n=20)
    with pytest.raises(ValueError, match=message):
        fit(numbers(3), z, y, **change)


def test_numbers_that_are_not_finite():
    z, y = data(n=20)
    z[3, 1] = np.inf
    with pytest.raises(ValueError, match="expected finite numbers in u; got inf in row 3"):
        fit(numbers(3), z, y)


def hard(name):
    """Return axes, features and targets of a table that a recipe may stumble on."""
    rng = np.random.default_rng(0)
    z, y = data(n=200)
    axes = numbers(3)
    if name == "few rows":
        z, y = z[:20], y[:20]
    elif name == "two rows":
        z, y = z[:2], np.array([-1.0, 1.0])
    elif name == "constant":
        z[:, 1] = 0.0
    elif name == "gaps everywhere":
        axes = (NumberAxis("x", median=0.0, missing=0.99), *numbers(2))
        z = np.column_stack([np.zeros(200), (np.arange(200) > 1) - 0.99, z[:, :2]])
    elif name == "collinear":
        z = z[:, :1] * [1.0, 1.0, -1.0]
    elif name == "many columns":
        axes, z = numbers(1000), rng.standard_normal((200, 1000))
    elif name == "many columns, some rows":
        axes, z = numbers(60), rng.standard_normal((200, 60))
    elif name == "an outlier":
        z[0] = 1e6
    elif name == "a spike":
        z[rng.random(200) < 0.95] = 0.0
    elif name == "levels only":
        axes, z = (LevelsAxis("a", ("x", "y"), (0.5, 0.5)),), np.tile([[0.5, -0.5], [-0.5, 0.5]], (100, 1))
    elif name == "two values":
        z = np.sign(z)
    return axes, z, y


@pytest.mark.parametrize(
    "name",
    [
        *("few rows", "two rows", "constant", "gaps everywhere", "collinear", "many columns"),
        *("many columns, some rows", "an outlier", "a spike", "levels only", "two values"),
    ],
)
def test_hard_tables_have_a_model(name, short):
    axes, z, y = hard(name)
    found = fit(axes, z, y)
    assert np.isfinite(found.entries).all()
    assert np.isfinite(predictions(found, z)).all()
    for axis in found.axes:
        if isinstance(axis, HatsAxis):
            assert len(axis.knots) > 2


@pytest.mark.parametrize("positive", [1, 3, 100])
def test_a_class_that_is_nearly_absent(positive, short):
    z, _ = data(n=200)
    y = np.zeros(200)
    y[:positive] = 1
    assert np.isfinite(predictions(fit(numbers(3), z, y, loss="logistic"), z)).all()


@pytest.mark.parametrize(("sign", "low", "high"), [(1, 3, 1e3), (-1, 0, 0.3)])
def test_scores_of_an_input_with_a_promise_count_what_it_can_gain(sign, low, high):
    """At most 1 by chance; large where the data ask for a rise that was promised, and near 0 for a fall."""
    z, y = data(n=2000, target=lambda z: 2 * z[:, 0] + z[:, 1])
    inputs = Inputs(numbers(3))
    rows = SparseTable.of(inputs, TrainingRows(np.where([False, True, True], z, 0), y, np.ones(len(y))))
    options = SumOptions(loss="squared", n_epochs=10, stop=10, batch_size=32)
    scores = selection.Scores(Tape().play("", SumRun.start(inputs, options, rows, 0)), 0)
    assert scores.rows.size == 2000
    knots = np.linspace(-2, 2, 8)
    assert low <= scores.rising(z[:, 0], knots, sign).mean() <= high
    chance = [scores.rising(z[np.random.default_rng(i).permutation(2000), 2], knots, 1) for i in range(30)]
    assert 0.4 <= np.mean(chance) <= 1.1


def test_useless_inputs_are_zero():
    z, y = data(n=600, p=4, target=lambda z: np.abs(z[:, 0]) + z[:, 1])
    found = fit(numbers(4), z, y, norm_penalty=0.05, rungs=["hats"])
    sizes = [len(axis.knots) for axis in found.axes]
    norms = np.abs(found.entries[:, 1:]).sum(axis=(0, 2, 3))
    per_axis = np.add.reduceat(norms, np.cumsum([0, *sizes[:-1]]))
    assert (per_axis[2:] == 0).all()
    assert (per_axis[:2] > 0).all()


def test_knots_of_merged_rows_are_those_of_repeated_ones():
    rng = np.random.default_rng(0)
    u, weight = rng.standard_normal(100), rng.integers(1, 5, 100)
    repeated = np.repeat(u, weight)
    np.testing.assert_array_equal(
        knots_of(u, weight.astype(float), 8), knots_of(repeated, np.ones(len(repeated)), 8)
    )


def test_finer_knots_hold_the_old_ones():
    u = np.random.default_rng(0).standard_normal(1000)
    knots = knots_of(u, np.ones(1000), 8)
    fine = finer(knots, u)
    assert np.isin(knots, fine).all()
    assert len(fine) == 29
    assert (np.diff(fine) > 0).all()


@pytest.mark.parametrize("n", [2, 3, 9, 60, 2999, 3000])
def test_splits_hold_every_row_out_once_or_a_part(n):
    y = np.arange(n) % 2
    found = splits(y.astype(float), np.arange(n), loss="logistic", seed=0)
    held = np.concatenate([held for _, held in found])
    assert len(np.unique(held)) == len(held)
    assert len(held) == {2: 1, 3: 1, 3000: 450}.get(n, n)
    for kept, held in found:
        assert len(kept)
        np.testing.assert_array_equal(np.sort(np.concatenate([kept, held])), np.arange(n))


def test_equal_rows_are_not_divided():
    groups = np.repeat(np.arange(100), 3)
    for kept, held in splits(np.zeros(300), groups, loss="squared", seed=0):
        assert not np.intersect1d(groups[kept], groups[held]).size
