"""The README's gallery: figures of the demo model, trained and analyzed as ``make demo`` does it.

``GALLERY`` says which of the figures of ``analyze`` are kept. The table here is that of the first, what
drives the predictions; those of all are in the folder that ``make demo`` writes. The comparison with SHAP is
left out. ``--quick`` trains for a few epochs.
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
}
METHODS = ("local",)  # those that the gallery shows; the first ranks the columns, as in ``make demo``
EPOCHS, QUICK_EPOCHS = 300, 10


def analysis_of_demo(*, epochs: int, seed: int) -> report.Analysis:
    """Train the demo model from the command line, and analyze it."""
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.pt"
        command = [sys.executable, "-m", "spectral_interp.train", "diabetes", "--out", str(model)]
        command += ["--form", "single", "--no-baselines", "--epochs", str(epochs), "--seed", str(seed)]
        subprocess.run(command, check=True)
        est = load(model)
    X, y = report.choose_rows(est, None, limit=ROWS, seed=seed)
    return report.analyze(est, X, y, methods=METHODS, seed=seed)


def main() -> None:
    """Train, analyze, print, save."""
    args = study.arguments(__doc__).parse_args()
    analysis = analysis_of_demo(epochs=QUICK_EPOCHS if args.quick else EPOCHS, seed=args.seed)
    table = analysis.tables[next(iter(GALLERY.values()))]
    study.print_table(table)
    study.write_table("demo", table, out=args.out, seed=args.seed)
    for name, figure in GALLERY.items():
        draw, height = analysis.figures[figure], analysis.heights[figure]
        study.write_figure(f"demo_{name}", draw, out=args.out, height=height)


if __name__ == "__main__":
    main()
