"""What is loaded when: the package starts at once, and what needs no PyTorch works without it."""

import pickle
import subprocess
import sys

import pytest

import spectral_interp
from spectral_interp import eigen

HEAVY = ["torch", "pandas", "matplotlib", "shap", "sklearn", "captum", "seaborn", "pyarrow"]


def python(text, *arguments):
    """Return what a new interpreter prints."""
    command = [sys.executable, "-c", text, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def loaded(text, names):
    """Return which modules a new interpreter has loaded after some lines."""
    return python(f"import sys\n{text}\nprint([name for name in {names} if name in sys.modules])").strip()


def test_the_package_loads_nothing_until_a_name_is_used():
    assert loaded("import spectral_interp", [*HEAVY, "numpy", "numba", "scipy", "tqdm"]) == "[]"
    assert loaded("from spectral_interp import Pencil", HEAVY) == "[]"
    assert loaded("import spectral_interp; spectral_interp.load", ["torch", "matplotlib"]) == "['torch']"


def test_analyses_of_pencils_need_neither_torch_nor_pandas_nor_matplotlib():
    rooms = "import " + ", ".join(
        f"spectral_interp.{room}"
        for room in ("attribution", "boxes", "certificates", "regions", "pencil", "view")
    )
    assert loaded(rooms, HEAVY) == "[]"
    work = """
import numpy as np
from spectral_interp import Pencil, certify, explain, interactions, linear_regions
rng = np.random.default_rng(0)
pencil, z = Pencil(rng.normal(size=(3, 5)), rng.normal(size=(3, 4)), 2), rng.normal(size=(20, 2))
for method in ("local", "path", "shapley"):
    att = explain(pencil, z, method=method)
    np.testing.assert_allclose(att.base_values + att.values.sum(axis=1), pencil.values(z), atol=1e-9)
certify(pencil, z), linear_regions(pencil, z), interactions(pencil, z)
"""
    assert loaded(work, HEAVY) == "[]"


@pytest.mark.parametrize("command", ["train", "analyze"])
def test_help_of_a_command_loads_no_library(command):
    text = f"""
import sys
from spectral_interp.{command} import main
sys.argv = ["{command}", "--help"]
try:
    main()
except SystemExit as stop:
    print("status", stop.code)
print([name for name in {[*HEAVY, "numpy"]} if name in sys.modules])
"""
    assert python(text).endswith("status 0\n[]\n")


@pytest.mark.parametrize("module", [spectral_interp, eigen])
def test_names_loaded_on_demand_are_those_exported(module):
    assert set(module.__all__) <= set(dir(module))
    assert set(spectral_interp._HOMES) == set(spectral_interp.__all__)
    for name in module.__all__:
        assert getattr(module, name).__name__ == name
        assert pickle.loads(pickle.dumps(getattr(module, name))) is getattr(module, name)
    with pytest.raises(AttributeError, match=f"module '{module.__name__}' has no attribute 'lod'"):
        module.lod  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'lod'"):
        exec(f"from {module.__name__} import lod")


def test_rooms_are_attributes_of_the_package():
    rooms = spectral_interp._ROOMS
    text = f"import spectral_interp\nfor room in {rooms}: print(getattr(spectral_interp, room).__name__)"
    assert python(text).split() == [f"spectral_interp.{room}" for room in rooms]
