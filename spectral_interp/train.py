"""``python -m spectral_interp.train``."""

from .commands.process import run
from .commands.train import main

if __name__ == "__main__":
    run("spectral_interp.train", main)
