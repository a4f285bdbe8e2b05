"""The gallery of the README and of docs/figures.md: figures of the demo model for the bundled patients.

``GALLERY`` lists the figures of ``analyze`` that are kept. The table here is that of the first figure, the
contributions by column; the tables of all figures are in the folder that ``make demo`` writes. All forms are
tried, for the price of readability; the single neuron is chosen, so the model is that of ``make demo``.
``--quick`` trains a single neuron for a few epochs, without the comparison with other models.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import study

from spectral_interp import load, report
from spectral_interp.commands.analyze import ROWS

GALLERY = {  # name of the file after "demo_" → name among the figures of an analysis
    "importance": "importance_local",
    "beeswarm": "beeswarm_local",
    "dependence": "dependence_1",
    "waterfall": "waterfall_high",
    "spectrum": "spectrum_2",
    "region_map": "region_map",
    "certified": "certified",
    "curves": "curves",
    "interactions": "interactions",
    "joint": "joint",
    "nearest_change": "nearest_change_high",
    "proven_ranges": "proven_ranges",
    "chain": "chain_high",
    "pieces": "pieces",
}
IN_FULL = {"rungs": "rungs", "agreement": "agreement"}
METHODS = ("local",)  # methods in the gallery; the first ranks the columns, as in ``make demo``
EPOCHS, QUICK_EPOCHS = 300, 10
COMPARED = 20  # rows of the comparison


def analysis_of_demo(*, quick: bool, seed: int) -> report.Analysis:
    """Train the demo model with the command line, and analyze it."""
    form = ["--form", "single", "--no-baselines"] if quick else ["--form", "auto"]
    epochs = QUICK_EPOCHS if quick else EPOCHS
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.pt"
        command = [sys.executable, "-m", "spectral_interp.train", "diabetes", "--out", str(model)]
        subprocess.run([*command, *form, "--epochs", str(epochs), "--seed", str(seed)], check=True)
        est = load(model)
    X, y = report.choose_rows(est, None, limit=ROWS, seed=seed)
    compared = 0 if quick else COMPARED
    return report.analyze(est, X, y, methods=METHODS, compare_rows=compared, seed=seed)


def main() -> None:
    """Train, analyze, print, save."""
    args = study.arguments(__doc__).parse_args()
    analysis = analysis_of_demo(quick=args.quick, seed=args.seed)
    table = analysis.tables[next(iter(GALLERY.values()))]
    study.print_table(table)
    study.write_table("demo", table, out=args.out, seed=args.seed)
    for name, figure in (GALLERY if args.quick else GALLERY | IN_FULL).items():
        draw, height = analysis.figures[figure], analysis.heights[figure]
        study.write_figure(f"demo_{name}", draw, out=args.out, height=height)


if __name__ == "__main__":
    main()
