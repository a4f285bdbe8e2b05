"""Fitting on tables that are read in batches, with small blocks and samples in place of large ones."""

import re
import signal
import time
import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spectral_interp import SpectralClassifier, SpectralRegressor, certify, load
from spectral_interp.estimators import single
from spectral_interp.files import artifact
from spectral_interp.streams import Source, blocks, passes, sample
from spectral_interp.streams.sample import KEYS, Extreme, Roles
from spectral_interp.training import selection
from spectral_interp.training.partition import row_keys
from tests.faults.children import fork

N = 1_500


def table(n=N, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.standard_normal((n, 3)).round(3), columns=["a", "b", "c"])
    frame["town"] = np.array(["Oslo", "Bergen", "Trondheim"], dtype=object)[rng.integers(0, 3, n)]
    frame.loc[rng.random(n) < 0.1, "c"] = np.nan
    frame["y"] = np.sin(2 * frame.a) + frame.b * (frame.town == "Oslo") + 0.1 * rng.standard_normal(n)
    return frame


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(sample, "SAMPLE_ROWS", 400)
    monkeypatch.setattr(sample, "HELD_ROWS", 200)
    monkeypatch.setattr(blocks, "LEAST_ROWS", 200)
    monkeypatch.setattr(blocks, "MOST_ROWS", 300)
    monkeypatch.setattr(passes, "VISITS", 10_000)
    monkeypatch.setattr(selection, "LEAST_STEPS", 200)


FORMS = {"single": {"form": "single", "dim": 4, "n_epochs": 8}, "sum": {"form": "sum", "members": 2}}


def fitted(source, form="single", kind=SpectralRegressor, *, own=None, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        est = kind(random_state=0, **FORMS[form], **(own or {}))
        return est.fit_batches(source, target="y", **options)


def write(frame, path):
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path)


def weights(est):
    return [tensor.numpy().tobytes() for tensor in est.module_.state_dict().values()]


# ------------------------------------------------------------------------------------------- sample


def test_extremes_are_those_of_all_rows_together():
    frame = pd.concat([table(), table()[:50]], ignore_index=True)
    part = Roles("y").part(frame, "t")
    keys, counts = np.unique(part.keys, return_counts=True)
    lowest, highest = Extreme(100, lambda keys: keys), Extreme(40, np.invert)
    for start in range(0, len(frame), 77):
        for drawn in (lowest, highest):
            drawn.add(part.take(np.arange(start, min(start + 77, len(frame)))))
    assert (lowest.settle().keys == keys[:100]).all()
    assert (lowest.settle().weight == counts[:100]).all()
    assert (highest.settle().keys == keys[::-1][:40]).all()


def test_keys_do_not_depend_on_how_columns_are_stored():
    frame = pd.DataFrame({"n": [1, 2], "t": ["x", "y"], "b": [True, False]})
    other = frame.astype({"n": np.float32, "t": "category", "b": object})
    targets = pd.Series([0.0, 1.0])
    for keys_of in (row_keys, sample.keys_of):
        assert (keys_of(frame, targets) != keys_of(frame[::-1], targets)).all()
        plain = keys_of(frame[["n", "t"]], targets)
        assert (plain == keys_of(other[["n", "t"]], targets)).all()
    assert (sample.keys_of(frame, targets) == sample.keys_of(other, targets.astype(int))).all()


def test_keys_do_not_depend_on_the_other_rows_of_a_frame():
    rng = np.random.default_rng(1)
    days = pd.Series(pd.to_datetime("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, 60), "D"))
    gap = rng.random(60) < 0.3
    frame = pd.DataFrame({"day": days.mask(gap), "zone": days.dt.tz_localize("Europe/Oslo")})
    frame["iso"] = days.dt.strftime("%Y-%m-%d").mask(gap, None)
    frame["text"] = days.dt.strftime("%d/%m/%Y").mask(days.index == 7, "unknown")
    frame["date"] = days.dt.date.mask(gap, None)
    frame["yes"] = pd.Series(rng.random(60) < 0.5, dtype=object).mask(gap, None)
    frame["mixed"] = pd.Series(rng.choice(np.array([1, 2.5, "x", None], dtype=object), 60))
    targets = pd.Series(rng.choice(["a", "b"], 60))
    keys = sample.keys_of(frame, targets)
    assert len(np.unique(keys)) == len(frame.assign(target=targets).drop_duplicates())
    for size in (1, 7):
        parts = [slice(start, start + size) for start in range(0, 60, size)]
        parts = [sample.keys_of(frame[part].infer_objects(), targets[part]) for part in parts]
        assert (np.concatenate(parts) == keys).all()


def test_rows_held_out_are_a_share_of_different_rows_and_in_no_sample():
    frame = pd.concat([table()] * 3, ignore_index=True)
    drawn = sample.draw([frame], Roles("y"), "t")
    assert 0.07 * N < len(drawn.held.keys) < 0.13 * N
    assert drawn.sample.keys[-1] < drawn.first_held
    assert (drawn.sample.weight == 3).all()
    assert drawn.n_rows == 3 * N
    assert drawn.sample.keys[-1] == pytest.approx(KEYS * 400 / N, rel=0.2)


def test_of_few_different_rows_all_are_drawn_or_held_out():
    frame = pd.concat([table(100)] * 6, ignore_index=True)
    drawn = sample.draw([frame], Roles("y"), "t")
    assert len(drawn.sample.keys) == 90
    assert len(drawn.held.keys) == 10


# ------------------------------------------------------------------------------------------- blocks


def test_blocks_are_the_different_rows_in_an_order_of_their_own(tmp_path):
    frame = pd.concat([table(), table()[:30]], ignore_index=True)
    found = {}
    for name, rows in {"one": frame, "other": frame.sample(frac=1, random_state=1)}.items():
        fitted(rows, scratch=tmp_path / name)
        files = sorted((tmp_path / name).glob("0*.npy"))
        assert len(files) > 3
        found[name] = [np.load(file) for file in files]
    for one, other in zip(*found.values(), strict=True):
        np.testing.assert_array_equal(one, other)
    rows = np.concatenate(found["one"])
    drawn = sample.draw([frame], Roles("y"), "t")
    part = Roles("y").part(frame, "t")
    assert len(rows) == len(np.unique(part.keys)) - len(drawn.held.keys)
    assert rows[:, -1].sum() == len(frame) - drawn.held.weight.sum()
    assert np.isin(rows[:, -2], frame.y).all()
    assert not np.isin(drawn.held.targets, rows[:, -2]).any()


def test_a_block_is_a_random_part_of_a_sorted_table(tmp_path):
    frame = table().sort_values("y")
    fitted(frame, scratch=tmp_path / "rows")
    means = [np.load(file)[:, -2].mean() for file in sorted((tmp_path / "rows").glob("0*.npy"))]
    spread = frame.y.std() / np.sqrt(len(frame) / len(means))
    assert np.ptp(means) < 6 * spread


# ------------------------------------------------------------------------------------------- fits


@pytest.mark.parametrize("form", FORMS)
def test_a_small_table_is_fitted_in_memory(form):
    frame = table(300)
    own, whole = fitted(Source.of(frame, rows=70), form), SpectralRegressor(random_state=0, **FORMS[form])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        whole.fit(frame.drop(columns="y"), frame.y)
    assert weights(own) == weights(whole)
    assert own.background_.equals(whole.background_)


@pytest.mark.parametrize("form", FORMS)
def test_a_fit_depends_on_the_content_of_the_rows_alone(form, tmp_path):
    frame = table()
    mixed = frame.sample(frac=1, random_state=2)
    for number in range(3):
        write(mixed[number::3], tmp_path / f"{number}.parquet")
    one, other = fitted(frame, form), fitted(Source.of(tmp_path, rows=111), form)
    assert weights(one) == weights(other)
    assert (one.trained_on_ == other.trained_on_).all()
    assert one.background_.equals(other.background_)
    held, again = one.heldout_, other.heldout_
    assert held[0].reset_index(drop=True).equals(again[0].reset_index(drop=True))


@pytest.mark.parametrize("form", FORMS)
def test_all_rows_train(form, monkeypatch):
    """A fit on a stream is as good as one in memory, and better than one on the sample."""
    monkeypatch.setattr(passes, "VISITS", 160_000)
    own = {"dim": 6, "n_epochs": 40} if form == "single" else {"members": 2}
    frame, fresh = table(4_000), table(2_000, seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        est = SpectralRegressor(random_state=0, form=form, **own)
        streamed = est.fit_batches(frame, target="y").evaluate(fresh.drop(columns="y"), fresh.y)["R²"]
        whole = est.fit(frame.drop(columns="y"), frame.y).evaluate(fresh.drop(columns="y"), fresh.y)["R²"]
        some = frame[:400]
        few = est.fit(some.drop(columns="y"), some.y).evaluate(fresh.drop(columns="y"), fresh.y)["R²"]
    assert streamed > whole - 0.01
    assert streamed > few


def test_the_best_start_of_one_neuron_goes_on_alone(monkeypatch):
    begun, train, seen = single.begun, passes.Passes.train, []

    def spoilt(est, rows):
        runs = begun(est, rows)
        for run in (runs[0], runs[2]):
            run.module.scale_features_(1e3)
        return runs

    def watching(self):
        before = self.state()
        seen.append((before, train(self), self.state()))
        return seen[-1][1]

    monkeypatch.setattr(single, "begun", spoilt)
    monkeypatch.setattr(passes.Passes, "train", watching)
    est = fitted(table())
    (_, _, starts), (begun_again, history, end) = seen
    assert begun_again["done"] == starts["done"] == end["done"] // 10 > 0
    assert begun_again["losses"] == starts["losses"][1:2]
    for name in passes.STATE:
        assert begun_again["fits"][0][name].equal(starts["fits"][1][name])
    assert len(est.history_) == len(history)


@pytest.mark.parametrize("form", FORMS)
def test_a_penalty_removes_a_column_that_is_noise(form):
    est = fitted(table(), form, own={"norm_penalty": 0.02 if form == "single" else 0.1})
    columns = [name.split()[0] for name in est.encoder_.feature_names]
    left = {column for column, size in zip(columns, est.feature_importances_, strict=True) if size}
    assert left == {"a", "b", "town"}
    assert est.evaluate(*est.heldout_)["R²"] > 0.5


@pytest.mark.parametrize("form", FORMS)
def test_classes_weights_and_promises(form):
    frame = table()
    frame["y"] = np.where(frame.y > 0.3, "high", "low")
    frame["w"] = np.random.default_rng(0).integers(0, 3, len(frame))
    est = fitted(frame, form, SpectralClassifier, own={"monotone": {"b": -1}}, weight="w")
    assert est.classes_.tolist() == ["high", "low"]
    assert est.encoder_.names == ("a", "b", "c", "town")
    assert certify(est).column("b")["monotone"] == -1
    assert est.evaluate(*est.heldout_)["AUC"] > 0.75
    three = frame.drop(columns="w").assign(y=pd.cut(table().y, 3, labels=["x", "y", "z"]).astype(object))
    many = fitted(three, form, SpectralClassifier)
    assert many.predict_proba(three.drop(columns="y")[:5]).shape == (5, 3)


def test_a_saved_model_is_the_fitted_one(tmp_path):
    est = fitted(table())
    est.save(tmp_path / "m.pt")
    again = load(tmp_path / "m.pt")
    X = table().drop(columns="y")
    assert (again.predict(X) == est.predict(X)).all()
    assert again.background_of_ == len(table()) - len(sample.draw([table()], Roles("y"), "t").held.keys)
    assert again.count_trained_on(X[:100]) > 50


# ------------------------------------------------------------------------------------------- going on


class StoppedError(Exception):
    pass


@pytest.mark.parametrize("form", FORMS)
def test_a_fit_goes_on_inside_a_pass(form, tmp_path, monkeypatch):
    frame, path = table(), tmp_path / "state.pt"
    whole = fitted(frame, form)
    visit, left = passes.Passes._visit, [7]

    def stopping(self, *given):
        left[0] -= 1
        if not left[0]:
            raise StoppedError
        visit(self, *given)

    monkeypatch.setattr(passes.Passes, "_visit", stopping)
    for more in (7, 1) if form == "sum" else (4, 7, 1, 12):  # one neuron: the fourth block ends the starts
        left[0] = more
        with pytest.raises(StoppedError):
            fitted(frame, form, checkpoint=path, every=3, resume=path if path.exists() else None)
    left[0] = -1
    seen = []

    def watching(self, *given):
        seen.append(self.done)
        visit(self, *given)

    monkeypatch.setattr(passes.Passes, "_visit", watching)
    again = fitted(frame, form, checkpoint=path, every=3, resume=path)
    assert seen[0] >= 6
    assert weights(again) == weights(whole)
    assert not (tmp_path / "state.pt-rows").exists()


def test_a_fit_that_goes_on_without_a_checkpoint_takes_up_the_rows_and_removes_them(tmp_path, monkeypatch):
    frame, path, rows = table(), tmp_path / "state.pt", tmp_path / "state.pt-rows"

    def stopping(self, *given):
        raise StoppedError

    with monkeypatch.context() as patched:
        patched.setattr(passes.Passes, "_end_pass", stopping)
        with pytest.raises(StoppedError):
            fitted(frame, checkpoint=path, every=1)
    assert rows.is_dir()
    with monkeypatch.context() as patched:
        patched.setattr(blocks, "_write", stopping)
        again = fitted(frame, resume=path)
    assert not rows.exists()
    assert weights(again) == weights(fitted(frame))


DAMAGES = {
    "a block more": (lambda passes: {"done": passes["done"] + 1}, r"expected \d+ steps on \d+ blocks"),
    "other steps": (
        lambda passes: {"fits": [fit | {"steps": fit["steps"] + 1} for fit in passes["fits"]]},
        r"expected \d+ steps on \d+ blocks",
    ),
    "a pass less": (lambda passes: {"history": passes["history"][1:]}, "expected a history of 1 passes"),
    "other losses": (lambda passes: {"losses": [1.0] * (len(passes["fits"]) + 1)}, "expected . losses; got"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_checkpoint_whose_parts_do_not_fit_together_is_refused(form, tmp_path, monkeypatch):
    states = []

    def stop(path, state, **kind):
        if len(state.get("stream", {"history": ()})["history"]) == 1:
            states.append(state)
            raise StoppedError

    with monkeypatch.context() as patched:
        patched.setattr(artifact, "write", stop)
        with pytest.raises(StoppedError):
            fitted(table(), form, checkpoint=tmp_path / "none.pt", every=1, scratch=tmp_path / "rows")
    for damage, reason in DAMAGES.values():
        passes = states[0]["stream"]
        damaged = states[0] | {"stream": passes | damage(passes)}
        artifact.write(tmp_path / "state.pt", damaged, kind=artifact.CHECKPOINT)
        with pytest.raises(ValueError, match=rf"checkpoint in .*state\.pt.* damaged one: {reason}"):
            fitted(table(), form, resume=tmp_path / "state.pt", scratch=tmp_path / "rows")


def test_a_checkpoint_of_other_rows_is_refused(tmp_path):
    path = tmp_path / "state.pt"
    fitted(table(), checkpoint=path, every=1)
    with pytest.raises(ValueError, match="the table of this run"):
        fitted(table(seed=1), resume=path)
    more = pd.concat([table(), table(50, seed=3).assign(a=0.0)])
    with pytest.raises(ValueError, match=r"the (whole )?table of this run"):
        fitted(more, resume=path)


def test_a_killed_fit_goes_on_to_the_same_bytes(tmp_path, monkeypatch):
    """Killed in a forked process after its first checkpoint."""
    monkeypatch.setattr(passes, "VISITS", 60_000)
    write(table(), tmp_path / "t.parquet")

    def fit(name):
        state = tmp_path / name
        est = SpectralRegressor(form="single", dim=5, n_epochs=40, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            resume = state if state.exists() else None
            return est.fit_batches(
                tmp_path / "t.parquet", target="y", checkpoint=state, every=5, resume=resume
            )

    one, child = fit("one"), fork(lambda: fit("two"), tmp_path)
    while not (tmp_path / "two").exists() and time.perf_counter() < child.start + 60:
        time.sleep(0.01)
    assert child.signal_after(0.0)[0] == 128 + signal.SIGKILL
    assert (tmp_path / "two").exists()
    two = fit("two")
    assert weights(one) == weights(two)
    assert (one.trained_on_ == two.trained_on_).all()
    losses = [[event["validation_loss"] for event in est.history_] for est in (one, two)]
    assert losses[0] == losses[1]


# ------------------------------------------------------------------------------------------- bad input


def test_what_the_sample_did_not_hold_is_said_with_its_column(monkeypatch):
    frame = table()
    rare = int(np.argsort(Roles("y").part(frame, "t").keys)[600])
    frame.loc[rare, "town"] = "Narvik"
    frame.loc[rare, "a"] = np.nan
    keys = Roles("y").part(frame, "t").keys
    assert np.sort(keys)[400] < keys[rare] < np.sort(keys)[-200]  # neither in the sample nor held out
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        SpectralRegressor(random_state=0, **FORMS["single"]).fit_batches(frame, target="y")
    messages = [str(warning.message) for warning in seen]
    assert any(
        re.search("beyond the sample, column 'town' has .* in 1 row of 1 batch.*'Narvik'", m)
        for m in messages
    )
    assert any(
        "beyond the sample, column 'a' has missing values (none in training) in 1 row of 1 batch" in m
        for m in messages
    )


def test_rows_without_a_target_are_left_out_and_counted():
    frame = table()
    frame.loc[::10, "y"] = np.nan
    with pytest.warns(UserWarning, match=r"150 of 1,500 rows of the table have no value of 'y'"):
        est = SpectralRegressor(random_state=0, **FORMS["single"]).fit_batches(frame, target="y")
    held = sample.draw([frame[frame.y.notna()]], Roles("y"), "t").held.weight.sum()
    assert est.made_by_["training rows"] == 1_350 - held


def test_frames_in_which_all_weights_are_zero():
    frame = table().assign(w=np.where(np.arange(N) < 500, 0.0, 1.0))
    est = fitted(Source.of(frame, rows=100), weight="w")
    assert weights(est) == weights(fitted(frame[500:], weight="w"))


@pytest.mark.parametrize("size", [1e300, 1e-300])
def test_weights_whose_sum_is_of_no_use(size):
    with pytest.raises(ValueError, match="a sum from 1e-100 to 1e"):
        fitted(table().assign(w=size), weight="w")


def test_a_class_that_the_sample_lacks():
    frame = table().assign(y=np.where(table().y > 0.3, "high", "low"))
    for row in range(N):
        rare = frame.assign(y=frame.y.mask(frame.index == row, "rare"))
        if not sample.draw([rare], Roles("y"), "t").sample.targets.eq("rare").any():
            break
    with pytest.raises(ValueError, match=r"got 'rare'.*a sample of 400 rows without this class"):
        fitted(rare, kind=SpectralClassifier)


def test_options_that_cannot_be_used_are_refused_before_the_table_is_read(tmp_path):
    def unread():
        raise AssertionError

    for options, message in (
        ({"checkpoint": tmp_path / "c.pt", "every": 0}, "expected every >= 1"),
        ({"resume": tmp_path / "c.pt"}, "expected a checkpoint file"),
        ({"scratch": tmp_path / "no" / "rows"}, "expected an existing folder"),
    ):
        with pytest.raises((ValueError, OSError), match=message):
            fitted(unread, **options)


def test_rows_that_are_others_in_the_second_pass():
    frames = iter([table(), table().assign(a=0.0)])
    with pytest.raises(ValueError, match="expected the same rows in every pass"):
        fitted(lambda: [next(frames)])


# ------------------------------------------------------------------------------------------- folders


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    for name, options in (
        ("own", {"scratch": tmp_path / "own"}),
        ("c.pt-rows", {"checkpoint": tmp_path / "c.pt"}),
    ):
        thesis = tmp_path / name / "thesis.txt"
        thesis.parent.mkdir()
        thesis.touch()
        with pytest.raises(ValueError, match=r"earlier fit; got .* which holds 'thesis.txt'"):
            fitted(table(), **options)
        assert thesis.is_file()


def test_rows_of_another_table_or_incomplete_ones_are_written_again(tmp_path):
    frame = table()
    other = frame.copy()
    keys = Roles("y").part(frame, "t").keys
    other.loc[np.argsort(keys)[600:900], "y"] += 5
    fitted([frame], scratch=tmp_path / "rows")
    found = fitted([other], scratch=tmp_path / "rows")
    assert weights(found) == weights(fitted([other]))
    (tmp_path / "rows" / "00001.npy").unlink()
    assert weights(fitted([other], scratch=tmp_path / "rows")) == weights(found)
    (tmp_path / "rows" / blocks.CONTENTS).write_text("{")
    assert weights(fitted([other], scratch=tmp_path / "rows")) == weights(found)


def test_a_full_disk_leaves_nothing_behind(tmp_path, monkeypatch):
    save = np.save

    def full(path, *given):
        if path.name == "00002.npy":
            raise OSError(28, "No space left on device")
        save(path, *given)

    monkeypatch.setattr(blocks.np, "save", full)
    with pytest.raises(OSError, match=r"encoded rows to .*c.pt-rows; got: .*No space left.*; make room"):
        fitted(table(), checkpoint=tmp_path / "c.pt")
    assert not list(tmp_path.iterdir())


def test_two_fits_do_not_share_a_folder(tmp_path):
    with (
        blocks.own_folder(tmp_path / "c.pt-rows", stays=True),
        pytest.raises(ValueError, match="expected only one process"),
    ):
        fitted(table(), checkpoint=tmp_path / "c.pt")


def test_a_checkpoint_serves_the_rows_in_any_order(tmp_path):
    whole = fitted(table(), checkpoint=tmp_path / "c.pt", every=1)
    again = fitted([table()[::-1]], resume=tmp_path / "c.pt")
    assert weights(again) == weights(whole)
    assert again.history_ == whole.history_


# ------------------------------------------------------------------------------------------- sources


def test_unusable_sources():
    est = SpectralRegressor(random_state=0, **FORMS["single"])
    with pytest.raises(ValueError, match=r"expected rows that can be read twice; got .*callable"):
        est.fit_batches(iter([table()]), target="y")
    with pytest.raises(ValueError, match="expected the target column 'z' in the table"):
        est.fit_batches(table(), target="z")
    with pytest.raises(ValueError, match="expected rows with a value of 'y' in the table; got none"):
        est.fit_batches(table().assign(y=np.nan), target="y")
    with pytest.raises(ValueError, match="expected numbers in the target 'y'"):
        est.fit_batches(table().assign(y="word"), target="y")
    with pytest.raises(ValueError, match=r"a weight > 0|weights that are numbers"):
        est.fit_batches(table().assign(w=-1.0), target="y", weight="w")


def test_a_file_that_changes_meanwhile(tmp_path):
    path = tmp_path / "t.parquet"
    write(table(), path)
    source = Source.of(path)
    frames = source.frames
    passed = []

    def changing():
        yield from frames()
        passed.append(True)
        write(table(N + 1), path)

    source.frames = changing
    with pytest.raises(ValueError, match=r"expected .*t.parquet as it was when reading began"):
        fitted(source)
    assert passed == [True]
