"""A folder of work that is done in a second, for tests that disturb it."""

import json
import re
from pathlib import Path

import pandas as pd
import torch

from spectral_interp import analyze, artifact, train

FILES = {"rows.csv", "whole.pt", "whole.run"}
"""What :func:`begin` makes."""

SUMMARY, REPORT = Path("summary.json"), Path("report.html")


def begin(folder, rng, run):
    """Make a table and an undisturbed training of it; this also loads all that children need."""
    folder.mkdir()
    table = pd.DataFrame(rng.normal(size=(60, 3)), columns=["a", "b", "y"])
    table.to_csv(folder / "rows.csv", index=False)
    assert run(*training(folder, "whole"))[0] == 0


def training(folder, name, *, resume=False):
    """Return a short training with a checkpoint after every epoch, or going on from its checkpoint."""
    checkpoint = folder / f"{name}.run"
    files = ["--out", folder / f"{name}.pt", "--checkpoint", checkpoint, "--every", 1]
    files += ["--resume", checkpoint] if resume else []
    size = ["--dim", 3, "--epochs", 12, "--no-baselines"]
    return train, folder / "rows.csv", "--target", "y", *files, *size


def analysis(folder, seed):
    """Return an analysis of :func:`begin`'s model, written to ``out``."""
    options = ["--seed", seed, "--rows", 5, "--methods", "local", "--no-compare"]
    return analyze, folder / "whole.pt", "--out", folder / "out", *options


def analyses(folder, run):
    """Return the files of the analyses with seeds 0 and 1; the first stays in place."""
    found = []
    for seed in (1, 0):
        assert run(*analysis(folder, seed))[0] == 0
        found.append(contents(folder / "out"))
    return found[1], found[0]


def assert_whole(out, old, new):
    """The old analysis stands, untouched, or the new one in full; only the seconds that it took differ."""
    found = contents(out)
    if found != old:
        assert json.loads(found[SUMMARY])["seed"] == 1
        assert _untimed(found) == _untimed(new)


def _untimed(files):
    page = re.sub(rb"<dt>time</dt><dd>[^<]*</dd>|[0-9.]+ ms a row", b"", files[REPORT])
    return files | {SUMMARY: b"", REPORT: page}


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


def names(folder):
    return {path.name for path in folder.iterdir()}
