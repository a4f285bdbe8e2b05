"""Arrow tables on disk, read in batches of bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq

from ..tables.readers import check_names, decoding, floats_for_decimals

READ_AHEAD = 2**20
"""Number of bytes of every column that are read at once, instead of the whole column of a row group."""


class ParquetFile:
    """A Parquet file that is read in batches."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with decoding("Parquet"), pq.ParquetFile(path) as file:
            self._schema, self.n_rows = file.schema_arrow, file.metadata.num_rows
        check_names(self._schema.names)
        self.empty = to_frame(self._schema.empty_table())

    def chunks(self, rows: int) -> Iterator[pd.DataFrame]:
        """Yield tables of at most ``rows`` rows."""
        options = {"pre_buffer": False, "buffer_size": READ_AHEAD}
        with decoding("Parquet"), pq.ParquetFile(self.path, **options) as file:
            yield from map(to_frame, system_memory(file.iter_batches(rows, use_threads=False)))


def dataset_batches(dataset: pa.dataset.Dataset, rows: int) -> Iterator[pa.RecordBatch]:
    """Yield batches of at most ``rows`` rows of a dataset, without reading ahead."""
    options: dict[str, Any] = {"batch_readahead": 0, "fragment_readahead": 0, "use_threads": False}
    if isinstance(getattr(dataset, "format", None), pa.dataset.ParquetFileFormat):
        options["fragment_scan_options"] = pa.dataset.ParquetFragmentScanOptions(
            use_buffered_stream=True, buffer_size=READ_AHEAD, pre_buffer=False
        )
    yield from dataset.to_batches(batch_size=rows, memory_pool=pa.system_memory_pool(), **options)


def to_frame(table: pa.Table | pa.RecordBatch) -> pd.DataFrame:
    """Return an Arrow table or batch as a DataFrame, with float64 for decimals.

    Examples
    --------
    >>> to_frame(pa.table({"a": [1.5, None]}))["a"].tolist()
    [1.5, nan]
    """
    frame: pd.DataFrame = table.to_pandas()
    return floats_for_decimals(frame, table.schema)


def system_memory(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield Arrow batches from the system's memory pool, which returns freed memory."""
    while True:
        with _system_pool():
            batch = next(batches, None)
        if batch is None:
            return
        yield batch


@contextmanager
def _system_pool() -> Iterator[None]:
    usual = pa.default_memory_pool()
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(usual)
