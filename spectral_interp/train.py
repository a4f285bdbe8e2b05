"""``python -m spectral_interp.train``."""

from functools import partial

from .commands.start import command, module

main = partial(command, "train")

if __name__ == "__main__":
    module("train")
