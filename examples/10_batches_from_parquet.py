"""Explain a table that does not fit into memory: Parquet in, Arrow batches out, one summary.

A file of made-up machine readings is read and explained 50,000 rows at a time, so that memory does not grow
with the file. Every batch of results could be written or sent on. A ``Summary`` adds up what all rows show
together. The picture is drawn from the summary alone: mean contributions along each column.
"""

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from _gallery import arguments, save
from matplotlib import pyplot as plt

from spectral_interp import SpectralRegressor, explain_batches, plots
from spectral_interp.batches import Summary

args = arguments(__doc__).parse_args()
rng = np.random.default_rng(0)


def readings(n: int) -> pd.DataFrame:
    """Return made-up readings of ``n`` machines, and the wear that they cause."""
    table = pd.DataFrame({"speed": rng.uniform(10, 100, n), "heat": rng.uniform(20, 90, n)})
    table["site"] = rng.choice(["north", "south", "west"], n)
    wear = 0.02 * table["speed"] + 0.1 * np.maximum(table["heat"] - 60, 0) + (table["site"] == "west")
    return table.assign(wear=wear + rng.normal(0, 0.3, n))


training = readings(600)
est = SpectralRegressor(form="sum", members=1, random_state=0)
est.fit(training.drop(columns="wear"), training["wear"])

summary = Summary.of(est)
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "readings.parquet"
    rows = pa.Table.from_pandas(readings(2_000 if args.quick else 200_000).drop(columns="wear"))
    pq.write_table(rows, path)
    sizes = [len(batch) for batch in explain_batches(est, path, summary=summary)]
print(f"Explained {summary.n_rows:,} rows in {len(sizes)} batches of at most {max(sizes):,}.")
print(summary.importance()[["column", "mean_absolute", "mean"]].to_string(index=False))

dependence, units = summary.dependence(), {"speed": "revolutions per second", "heat": "°C", "site": ""}
with plots.style():
    figure, axes = plt.subplots(1, 3, figsize=(7.2, 3.6), sharey=True)
    for ax, column in zip(axes, summary.columns, strict=True):
        bins = dependence[dependence["column"] == column]
        ax.plot(bins["value"].tolist(), bins["mean_contribution"], "o", color=plots.COLOURS[0])
        ax.set(title=column, xlabel=units[column])
    axes[0].set_ylabel(f"mean contribution ({summary.unit})")
    save(args)
