"""A folder of work that is done in a second, for tests that disturb it."""

import io
import json
import shutil
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from spectral_interp import analyze, train
from spectral_interp.files import artifact
from spectral_interp.report import writing

from ..conftest import undrawn

SUMMARY = Path("summary.json")


@dataclass(frozen=True)
class Work:
    """A folder with a table, a model and its checkpoint, and an analysis; and what may become of them.

    ``model`` is what the same training always ends in; ``old`` are the files of the analysis in place and
    ``new`` those of the analysis that :meth:`analysis` makes.
    """

    folder: Path
    model: dict
    old: dict
    new: dict

    @classmethod
    def begin(cls, folder):
        """Do the work undisturbed, without figures; this also loads all that forked children need."""
        rows = np.random.default_rng(0).normal(size=(60, 3))
        pd.DataFrame(rows, columns=["a", "b", "y"]).to_csv(folder / "rows.csv", index=False)
        work = cls(folder, {}, {}, {})
        call(*work.training())
        analyses = []
        for seed in (1, 0):
            call(*work.analysis(seed))
            analyses.append(contents(folder / "out"))
        return replace(work, model=state(folder / "whole.pt"), new=analyses[0], old=analyses[1])

    def copied(self, folder):
        shutil.copytree(self.folder, folder)
        return replace(self, folder=folder)

    def training(self, name="whole", *, resume=False):
        """Return a short training with a checkpoint after every epoch, or going on from its checkpoint."""
        checkpoint = self.folder / f"{name}.run"
        files = ["--out", self.folder / f"{name}.pt", "--checkpoint", checkpoint, "--every", 1]
        files += ["--resume", checkpoint] if resume else []
        size = ["--form", "single", "--dim", 3, "--epochs", 12, "--no-baselines"]
        return train, self.folder / "rows.csv", "--target", "y", *files, *size

    def analysis(self, seed=1):
        """Return an analysis of the model, written to ``out``."""
        options = ["--seed", seed, "--rows", 5, "--methods", "local", "--no-compare"]
        return analyze, self.folder / "whole.pt", "--out", self.folder / "out", *options

    def assert_tidy(self, *more):
        """There is nothing in the folder but the work."""
        assert {path.name for path in self.folder.iterdir()} == {
            "rows.csv",
            "whole.pt",
            "whole.run",
            "out",
            *more,
        }

    def assert_whole(self):
        """The model is the same, the checkpoint readable, the analysis the old one, untouched, or the new."""
        assert state(self.folder / "whole.pt") == self.model
        artifact.read(self.folder / "whole.run", kind=artifact.CHECKPOINT)
        found = contents(self.folder / "out")
        if found != self.old:
            assert json.loads(found[SUMMARY])["seed"] == 1
            assert tables(found) == tables(self.new)
            assert found.keys() == self.new.keys()

    def assert_refused(self, status, out, err):
        """One line, status 2, nothing lost, nothing new and no litter."""
        assert (status, out, err.count("\n")) == (2, "", 1), err
        self.assert_tidy()
        self.assert_whole()
        assert contents(self.folder / "out") == self.old


def call(module, *arguments):
    """Call a command line here, quietly and without figures."""
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()):
        patch.setattr(sys, "argv", [module.__name__, *map(str, arguments)])
        patch.setattr(writing, "draw_figure", undrawn)
        module.main()


def state(path):
    """Return all that training determines of a model, with bytes for tensors: equal is equal to the bit."""
    found = artifact.read(path)
    found["history"].pop("seconds")
    return _bits(found)


def _bits(value):
    if isinstance(value, dict):
        return {key: _bits(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_bits(entry) for entry in value]
    return (value.dtype, value.shape, value.numpy().tobytes()) if isinstance(value, torch.Tensor) else value


def contents(folder):
    """Return the bytes of all files."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def tables(files):
    return {path: content for path, content in files.items() if path.suffix == ".csv"}
