"""What the examples share: their command line, and how a picture is kept."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from matplotlib import pyplot as plt


def arguments(description: str | None) -> argparse.ArgumentParser:
    """Return a parser with the options that every example has."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a small run, to see that it works")
    parser.add_argument("--out", type=Path, default=Path(), help="folder for the picture (default: this one)")
    return parser


def save(args: argparse.Namespace) -> None:
    """Write the current figure to a PNG file that has the name of the example, and print its path."""
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / f"{Path(sys.argv[0]).stem}.png"
    plt.savefig(path, dpi=100, metadata={"Software": None})
    print(f"Picture: {path}")
