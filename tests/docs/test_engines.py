"""The functions of docs/batches.md for engines, called as the engines call them."""

import inspect
import sys

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tests.docs.pages import ROOT, Page

PAGE = Page(ROOT / "docs" / "batches.md")


@pytest.fixture(scope="module")
def documented(ran):
    return ran(PAGE)


@pytest.fixture(scope="module")
def expected(documented):
    return documented["explain"](documented["est"], documented["X"]).values


def check_same(found, expected):
    np.testing.assert_allclose(found.filter(like="contribution_"), expected, rtol=1e-12, atol=1e-12)
    assert found["id"].tolist() == list(range(400))


def test_a_function_of_arrow_batches(documented, expected):
    """As Spark's mapInArrow calls it: an iterator of batches, results of the schema that was promised."""
    batches = pa.Table.from_pandas(documented["table"].drop(columns="risk")).to_batches(max_chunksize=70)
    found = list(documented["explained_in_arrow"](iter(batches)))
    assert all(batch.schema.equals(documented["schema"]) for batch in found)
    check_same(pa.Table.from_batches(found).to_pandas(), expected)


def test_a_function_of_frames(documented, expected):
    """As Spark's mapInPandas calls it."""
    rows = documented["table"].drop(columns="risk")
    frames = (rows[at : at + 70].reset_index(drop=True) for at in range(0, 400, 70))
    check_same(pd.concat(documented["explained_in_pandas"](frames)), expected)


def test_a_function_of_a_table(documented, expected):
    """As Ray's map_batches calls it."""
    rows = pa.Table.from_pandas(documented["table"].drop(columns="risk"))
    parts = [documented["explained_table"](rows.slice(at, 130)) for at in range(0, 400, 130)]
    check_same(pa.concat_tables(parts).to_pandas(), expected)


def test_two_processes_of_dask(documented, expected):
    """Over a cluster the results are those of one process; the workers load no PyTorch to explain."""
    distributed = pytest.importorskip("distributed")
    import dask

    dask.config.set({"distributed.worker.daemon": True})
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster, distributed.Client(cluster) as client:
        rows, model = documented["rows"], documented["model"]
        work = rows.map_partitions(explained, model, meta=explained(rows._meta, model))
        check_same(work.compute(), expected)
        assert not any(client.run(torch_is_loaded).values())


def explained(frame, model):
    """The function of the page, which processes can import here."""
    from spectral_interp import explain_batches

    (batch,) = explain_batches(model, [frame], keep=["id"])
    return batch.to_pandas()


def torch_is_loaded():
    return "torch" in sys.modules


def test_the_function_of_the_page_is_the_tested_one():
    source = inspect.getsource(explained).splitlines()
    assert "\n".join([source[0], *source[4:]]) in PAGE.text
