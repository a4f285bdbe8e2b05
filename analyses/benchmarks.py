"""Write docs/benchmarks.md, docs/cost.md and blocks of other pages from the studies' tables.

Every number in these texts is computed here from a committed table in figures/, so the texts follow the
studies when these run again. The tests compare the files with the output of this script.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
from california_housing import PUBLISHED
from jinja2 import Environment, FileSystemLoader, StrictUndefined

ROOT = Path(__file__).parents[1]
TEMPLATES = Path(__file__).parent / "templates"
BLOCK = re.compile(r"(<!-- (\w+): written by analyses/benchmarks.py -->\n).*?(<!-- end -->)", re.S)


def table(name: str) -> pd.DataFrame:
    """Return the table of a study."""
    return pd.read_csv(ROOT / "figures" / f"{name}.csv")


def measured(name: str) -> str:
    """Return the date and the versions with which a study ran."""
    found = table(name)
    days = sorted(found["date"].unique())
    versions = ", ".join(
        f"{package.capitalize().replace('Numpy', 'NumPy').replace('Torch', 'PyTorch')} {version}"
        for package, version in re.findall(r"(\w+) (\S+)", found["versions"].iloc[-1])
    )
    return f"{' to '.join(dict.fromkeys([days[0], days[-1]]))}, {found['cores'].iloc[-1]} cores, {versions}"


def california() -> pd.DataFrame:
    """Return the median test error of every model over the seeds, and the published error."""
    names = {name: name.replace("dim", "one neuron, order") for name in PUBLISHED if name.startswith("dim")}
    found = (
        table("california_housing")
        .groupby("model", sort=False)
        .agg(rmse=("test_rmse", "median"), seeds=("fit_seed", "nunique"))
    )
    found["published"] = pd.Series(PUBLISHED)
    return found.rename(index=names | {"sum": "sum of neurons"}).sort_values("rmse")


def ground_truth() -> pd.DataFrame:
    """Return the distance of explanations from the true Shapley values, with noise, by training rows."""
    found = table("ground_truth")
    noisy = found[found["noise"] > 0]
    return noisy.pivot(index="rows", columns="method", values="error")


def explainers() -> dict[tuple[str, str], dict[str, float]]:
    """Return the measures of every explainer of the spectral model, by table and method."""
    found = table("explainers").query("model == 'spectral'")
    return {(line.pop("data"), line.pop("method")): line for line in found.to_dict("records")}


def explanation_speed() -> dict[tuple[str, str, str, int], dict[str, float]]:
    """Return milliseconds per row and gaps with one thread, by model, method, forward and rows per call."""
    found = (
        table("explanation_speed").query("threads == 1").set_index(["model", "method", "by", "rows_a_call"])
    )
    return found[["ms_per_row", "worst_gap"]].to_dict("index")


def large() -> dict[tuple[str, str], dict[str, float]]:
    """Return seconds and memory for a million rows with two threads, by model and method."""
    found = table("explanation_speed_large").query("threads == 2").set_index(["model", "method"])
    return found[["rows", "seconds", "peak_mb"]].to_dict("index")


def scale() -> dict[tuple[str, str, int], dict[str, float]]:
    """Return the cost of rows, by task, contestant and number of rows."""
    found = table("scale").query("sweep == 'rows'").set_index(["task", "contestant", "rows"])
    return found[["seconds", "peak_mb", "r2"]].to_dict("index")


def sizes() -> pd.DataFrame:
    """Return seconds and memory by task and contestant, with a column for every number of rows."""
    found = table("scale").query("sweep == 'rows'")
    wide = found.pivot(index=["task", "contestant"], columns="rows", values=["seconds", "peak_mb"])
    return wide.loc[found.set_index(["task", "contestant"]).index.unique()].sort_index(
        level=0, ascending=False, sort_remaining=False
    )


def solvers() -> pd.DataFrame:
    """Return microseconds for a batch of eigenpairs, a row per batch and order and a column per solver."""
    found = table("solver_speed").query("threads == 1 and task == 'pair'")
    return found.pivot(index=["batch", "order"], columns="contestant", values="us")


def glass_boxes() -> dict[tuple[str, str], dict[str, float]]:
    """Return the comparison of `auto` with each peer, by peer and source."""
    found = table("glass_boxes_duels").query("model == 'auto'").set_index(["peer", "source"])
    return found.to_dict("index")


def classes() -> pd.DataFrame:
    """Return accuracy and log loss on tables of several classes, a row per table."""
    found = table("classes_means")
    return found.pivot(index="table", columns="model", values=["accuracy", "log_loss"]).loc[
        found["table"].unique()
    ]


def promises() -> dict[tuple[str, str, str], dict[str, float]]:
    """Return the ratio of errors with and without promises, falls and pairs, by table, promises and model."""
    found = table("promises").set_index(["table", "promises", "model", "kept"]).sort_index()
    kept, free = (found.xs(kept, level="kept") for kept in (True, False))
    found = kept.assign(ratio=kept["error"] / free["error"], broken=free["broken"])
    return found[["ratio", "broken", "falls", "pairs"]].to_dict("index")


def promise_costs() -> pd.DataFrame:
    """Return the best and the worst ratio of errors with and without promises, and their number, by model."""
    lines = [(model, line["ratio"]) for (_, _, model), line in promises().items()]
    ratios = pd.DataFrame(lines, columns=["model", "ratio"]).groupby("model")["ratio"]
    return ratios.agg(best="min", worst="max", cases="size")


def provability() -> dict[tuple[str, float], dict[str, float]]:
    """Return error and width relative to no penalty, and directions proven, by table and strength."""
    found = table("provability").query("penalty == 'provability'")
    means = found.groupby(["table", "strength"])[["error", "width", "directions"]].mean()
    free = means.xs(0.0, level="strength").reindex(means.index.get_level_values("table"))
    for column in ("error", "width"):
        means[column] /= free[column].to_numpy()
    return means.to_dict("index")


def boxes() -> dict[tuple[str, str, int], dict[str, float]]:
    """Return the ratio of proven and attained width with up to 1,000 boxes, by table, form and columns."""
    found = table("boxes").query("method == 'branch and bound' and boxes == 1000")
    return found.set_index(["data", "form", "columns"]).to_dict("index")


def nearest() -> dict[tuple[str, str, str], dict[str, float]]:
    """Return distances of nearest changes, by table, form and method."""
    return table("nearest").set_index(["data", "form", "method"]).to_dict("index")


def collapse() -> pd.DataFrame:
    """Return median tangent planes and errors, by table and model."""
    found = table("diagonal_collapse").rename(columns={"pieces_at_0.01_sd": "pieces"})
    return found.groupby(["data", "model"])[["pieces", "error"]].median()


def toy() -> dict[int, dict[str, int]]:
    """Return wrong words of the 12-bit toy by dimension: minimum, median, and number of seeds without any."""
    found = table("two_or_five").query("quantity == 'wrong words'")
    wrong = found.groupby(["dim", "fit_seed"])["value"].sum()
    return {
        dim: {"least": int(errors.min()), "solved": int((errors == 0).sum()), "seeds": len(errors)}
        for dim, errors in wrong.groupby(level="dim")
    }


def training_speed() -> dict[str, dict[str, float]]:
    """Return the speed of training, by contestant."""
    return table("training_speed").set_index("contestant").to_dict("index")


STUDIES = (
    *(california, glass_boxes, classes, toy, ground_truth, explainers, collapse),
    *(promises, promise_costs, provability, boxes, nearest),
    *(explanation_speed, large, training_speed, scale, sizes, solvers),
)


def number(value: float, digits: int = 2) -> str:
    """Return a number with the given significant digits, and all digits before the decimal point."""
    if value == 0 or pd.isna(value):
        return "–" if pd.isna(value) else "0"
    if abs(value) < 1e-6:
        return f"{value:.0e}".replace("e-0", "e-")
    places = max(0, digits - 1 - int(f"{value:.{digits - 1}e}".partition("e")[2]))
    return f"{value:,.{places}f}"


def percent(share: float, digits: int = 2) -> str:
    """Return a share in per cent."""
    return f"{number(100 * share, digits)} %"


def rendered(template: str) -> str:
    """Return a template filled with the numbers of the studies."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters |= {"number": number, "percent": percent}
    values: dict[str, Any] = {study.__name__: study() for study in STUDIES}
    return environment.get_template(template).render(measured=measured, table=table, **values)


def filled(text: str) -> str:
    """Return a text with its blocks written from the templates of their names."""
    return BLOCK.sub(lambda block: block[1] + rendered(f"{block[2]}.md.jinja") + block[3], text)


def texts() -> dict[Path, str]:
    """Return the expected content of the files."""
    pages = {ROOT / "docs" / page: rendered(f"{page}.jinja") for page in ("benchmarks.md", "cost.md")}
    blocks = (ROOT / "README.md", ROOT / "docs" / "batches.md")
    return pages | {path: filled(path.read_text(encoding="utf-8")) for path in blocks}


def main() -> None:
    """Write the files."""
    for path, text in texts().items():
        path.write_text(text, encoding="utf-8")
        print(f"written: {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
