"""The summary as dataclasses, and as the dictionary that becomes ``summary.json``."""

import json

import numpy as np
import pytest

from spectral_interp import report
from spectral_interp.report.summary import ComparedMethod, MarginsFound, MethodFound, PiecesFound

ALWAYS = [
    "made_by",
    "target",
    "unit",
    "form",
    "members",
    "neurons",
    "structure",
    "dim",
    "k",
    "bent_columns",
    "pairs",
    "rungs",
    "rows",
    "row_labels",
    "columns",
    "seed",
    "metrics",
    "rows_trained_on",
    "unknown_values",
    "provenance",
    "versions",
    "background",
    "top_columns",
    "methods",
    "background_stability",
    "certified",
    "changes",
    "ranges",
    "slices_at_row",
    "pieces",
    "skeleton",
    "margins",
    "left_out",
    "seconds",
]


def test_undefined_numbers_are_none():
    values = {"completeness_gap_relative": np.nan, "gain_over_random_deletion": np.inf}
    found = ComparedMethod(milliseconds_per_row=1.0, **values)
    assert found.to_dict() == {"milliseconds_per_row": 1.0, **dict.fromkeys(values)}


def test_optional_entries_have_no_key_where_they_are_absent():
    margins = {"eps": 0.1, "median_gap": 2.0, "median_linear_radius": 3.0}
    assert MarginsFound(**margins).to_dict() == margins
    assert MarginsFound(**margins, median_flip_radius=4.0).to_dict()["median_flip_radius"] == 4.0


@pytest.mark.parametrize("task", ["regressor", "classifier"])
def test_the_dictionary_of_an_analysis(request, task, diabetes, breast_cancer):
    X, y = diabetes if task == "regressor" else breast_cancer
    est = request.getfixturevalue(task)
    summary = report.analyze(est, X[:8], y[:8], methods=["local"], seed=0).summary
    plain = summary.to_dict()
    assert list(plain) == ALWAYS
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["pieces"] == summary.pieces.to_dict()
    assert PiecesFound(**plain["pieces"]) == summary.pieces
    assert MethodFound(**plain["methods"]["local"]) == summary.methods["local"]
    assert ("median_flip_radius" in plain["margins"]) == (task == "classifier")
    assert plain["certified"]["lipschitz"] == summary.certified.lipschitz
