"""Results on disk: killed at any moment and resumed to the same bytes, no group done twice."""

import json
import os
import signal
import time
import warnings
from functools import partial

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from spectral_interp import explain
from spectral_interp.batches import explaining
from spectral_interp.batches.explaining import Explaining, Predicting
from spectral_interp.batches.writing import write_batches
from spectral_interp.files.staging import parts_of
from spectral_interp.streams import Source
from tests.batches.models import sum_model, table

OPTIONS = {"method": "local", "background": None, "output": None, "against": None}
ROWS = 40


@pytest.fixture(autouse=True)
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


@pytest.fixture
def place(tmp_path):
    """Return a folder with a table of 640 rows, and the model."""
    table(640).assign(name=[f"r{i}" for i in range(640)]).to_parquet(tmp_path / "t.parquet", index=False)
    return tmp_path


def write(
    place, target="out.parquet", *, model=None, source="t.parquet", rows=ROWS, keep=("name",), **options
):
    model = sum_model() if model is None else model
    work = Explaining(model, dict(OPTIONS), flip_radius=False, linear_radius=None)
    source = Source.of(place / source, rows=rows)
    found = []
    options.setdefault("identity", {"model": "m"})
    done = lambda n, summary: found.append((n, summary))  # noqa: E731
    write_batches(work, source, place / target, keep=keep, done=done, **options)
    return found[0]


def tidy(place):
    return sorted(path.name for path in place.iterdir())


def test_every_row_is_explained_in_groups(place):
    n_rows, summary = write(place)
    file = pq.ParquetFile(place / "out.parquet")
    assert n_rows == summary.n_rows == 640
    assert file.num_row_groups == 640 // ROWS
    found, X = file.read().to_pandas(), table(640)
    expected = explain(sum_model(), X)
    np.testing.assert_allclose(found.filter(like="contribution_"), expected.values, rtol=1e-12, atol=1e-12)
    assert found["row"].tolist() == list(range(640))
    assert found["name"].tolist() == [f"r{i}" for i in range(640)]
    assert "unit" in json.loads(file.schema_arrow.metadata[b"spectral_interp"])
    mean = summary.importance().set_index("column")["mean_absolute"]
    np.testing.assert_allclose(mean[list(expected.columns)], np.abs(expected.values).mean(axis=0))
    assert tidy(place) == ["out.parquet", "t.parquet"]


def test_predictions_alone(place):
    work = Predicting(sum_model())
    source = Source.of(place / "t.parquet", rows=ROWS)
    write_batches(work, source, place / "out.parquet", identity={}, keep=["name"])
    found = pd.read_parquet(place / "out.parquet")
    assert list(found) == ["row", "name", "prediction"]
    np.testing.assert_allclose(found["prediction"], explain(sum_model(), table(640)).prediction)


def killed_after(seconds, call):
    """Run a function in a forked process, and kill it so long after its start; return how it ended."""
    pid = os.fork()
    if not pid:
        try:
            call()
        finally:
            os._exit(0)
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]


def test_killed_at_random_moments_and_resumed_to_the_same_bytes(place, monkeypatch, rng):
    _, undisturbed = write(place, "whole.parquet")
    model = sum_model()
    begin = time.perf_counter()
    write(place, "whole.parquet", model=model)
    took = time.perf_counter() - begin
    counted, of = [], explaining.Results.of

    def counting(self, frame):
        counted.append(len(frame))
        return of(self, frame)

    stopped = 0
    for moment in rng.uniform(0, 1.3 * took, 8):
        killed_after(moment, partial(write, place, model=model))
        parts = len(list(parts_of(place / "out.parquet").glob("*.parquet")))
        unfinished = parts_of(place / "out.parquet").exists()
        stopped += 0 < parts < 640 // ROWS
        if not unfinished:
            (place / "out.parquet").unlink(missing_ok=True)
        counted.clear()
        monkeypatch.setattr(explaining.Results, "of", counting)
        _, summary = write(place, model=model)
        monkeypatch.undo()
        done = len(list(range(0, 640, ROWS))) - len(counted)
        assert done == min(parts, 640 // ROWS)
        assert (place / "out.parquet").read_bytes() == (place / "whole.parquet").read_bytes()
        assert summary.state() == undisturbed.state()
        assert tidy(place) == ["out.parquet", "t.parquet", "whole.parquet"]
        (place / "out.parquet").unlink()
    assert stopped, "no kill came in between; choose other moments"


class Stop(Exception):
    pass


def stopped(place, groups=3, **options):
    """Leave work unfinished after some groups."""

    def advance(rows):
        nonlocal groups
        groups -= 1
        if not groups:
            raise Stop

    with pytest.raises(Stop):
        write(place, advance=advance, **options)


def test_every_step_of_the_end_may_be_the_last(place, monkeypatch):
    """A kill after the results are in place and before the parts are gone ends in the same results."""
    write(place, "whole.parquet")

    def fail(*_):
        raise Stop

    with pytest.raises(Stop):
        write_batches(
            Explaining(sum_model(), dict(OPTIONS), flip_radius=False, linear_radius=None),
            Source.of(place / "t.parquet", rows=ROWS),
            place / "out.parquet",
            identity={"model": "m"},
            keep=["name"],
            done=fail,
        )
    assert parts_of(place / "out.parquet").exists()
    write(place)
    assert (place / "out.parquet").read_bytes() == (place / "whole.parquet").read_bytes()
    assert tidy(place) == ["out.parquet", "t.parquet", "whole.parquet"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"identity": {"model": "other"}}, "expected the model or options of the unfinished"),
        ({"rows": 50}, "expected the rows of a group of the unfinished"),
        ({"keep": ("name", "bent")}, "expected the columns to keep of the unfinished"),
        ({"source": "u.parquet"}, "expected the source of the unfinished"),
    ],
)
def test_other_work_is_not_gone_on_with(place, options, message):
    table(640, 5).assign(name="x").to_parquet(place / "u.parquet", index=False)
    stopped(place)
    with pytest.raises(ValueError, match=message):
        write(place, **options)
    write(place)


def test_a_changed_file_is_another_source(place):
    stopped(place)
    os.utime(place / "t.parquet", ns=(1, 1))
    with pytest.raises(ValueError, match="expected the source of the unfinished"):
        write(place)


def test_earlier_results_stay_until_all_is_done(place):
    write(place)
    before = (place / "out.parquet").read_bytes()
    stopped(place, model=sum_model(3), identity={"model": "new"})
    assert (place / "out.parquet").read_bytes() == before


def test_two_processes_do_not_write_the_same_file(place):
    def other(rows):
        with pytest.raises(ValueError, match=r"only one process to write .*; got another"):
            write(place)

    write(place, advance=other)


def test_a_source_that_is_read_once_is_refused(place):
    work = Predicting(sum_model())
    with pytest.raises(ValueError, match="expected a source that can be read again"):
        write_batches(work, Source.of(iter([table(3)])), place / "out.parquet", identity={})


def test_values_unknown_to_the_model_are_counted_over_all_runs(place):
    stopped(place)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        write(place)
    unknown = int((table(640)["city"] == "Atlantis").sum())
    (of_city,) = [str(one.message) for one in caught if "'city'" in str(one.message)]
    assert f"not levels of the model in {unknown} rows of {640 // ROWS} batches" in of_city
