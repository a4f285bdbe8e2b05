"""Every public name documents its arguments, results and errors, with an example that the doctests run."""

import inspect

import pytest

import spectral_interp
from spectral_interp import eigen, tables, training
from spectral_interp.comparison import baselines
from spectral_interp.models import spectral as models
from spectral_interp.models.network import Baseline

PUBLIC = [
    *(getattr(spectral_interp, name) for name in spectral_interp.__all__),
    *(getattr(eigen, name) for name in eigen.__all__),
    *models.MODULES.values(),
    tables.read_table,
    tables.split_target,
    tables.TableEncoder,
    training.epochs,
    baselines.fit_baselines,
    Baseline,
]


@pytest.mark.parametrize("thing", PUBLIC, ids=lambda thing: thing.__qualname__)
def test_docstring(thing):
    doc = inspect.getdoc(thing)
    assert "\nExamples\n--------" in doc
    assert ">>>" in doc
    says_arguments = any(word in doc.lower() for word in ("parameters", "attributes", "build it with"))
    assert says_arguments, "document or refer to the parameters"


@pytest.mark.parametrize("module", [spectral_interp, eigen])
def test_exported_names_exist(module):
    assert sorted(module.__all__) == sorted(set(module.__all__))
    assert all(hasattr(module, name) for name in module.__all__)
