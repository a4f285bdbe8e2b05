"""``python -m spectral_interp.analyze``."""

from .commands.analyze import main
from .commands.process import run

if __name__ == "__main__":
    run("spectral_interp.analyze", main)
