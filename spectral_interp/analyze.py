"""``python -m spectral_interp.analyze``."""

from functools import partial

from .commands.start import command, module

main = partial(command, "analyze")

if __name__ == "__main__":
    module("analyze")
