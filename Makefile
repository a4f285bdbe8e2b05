PYTHON ?= python3
BIN = .venv/bin

.PHONY: demo test faults lint wheel versions figures gallery clean

demo: .venv/installed
	$(BIN)/python -m spectral_interp.train diabetes --form single --out model.pt
	$(BIN)/python -m spectral_interp.analyze model.pt

test: .venv/installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal

faults: .venv/installed-test
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/faults tests/eigen tests/pencil tests/estimators/test_promises.py --long -n 2 --dist worksteal

lint: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

wheel: .venv/installed-test
	rm -rf dist build
	$(BIN)/uv build --quiet --out-dir dist
	$(BIN)/python .ci/check_dist.py

versions: wheel
	.ci/versions

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "expected Python 3.11 or newer; got " + sys.version.split()[0] + "; run make with PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt torch==2.13.0
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	touch $@

.venv/installed-test: .venv/installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@

.venv/installed-peers: .venv/installed-test
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[peers]'
	touch $@

# The studies of housing download California housing; without a network, name files with the same columns:
# make figures HOUSING="--train A.csv --test B.csv"
HOUSING ?=

# glass_boxes, promises and provability use scikit-learn's tables, or a folder of yours: make figures TABLES="--tables
# FOLDER". The first two keep the fits that figures/glass_boxes.csv and promises.csv have; remove them to measure anew.
TABLES ?=

figures: .venv/installed-peers
	for study in solver_speed ground_truth two_or_five demo scale; do \
	    $(BIN)/python analyses/$$study.py || exit 1; done
	for study in training_speed explanation_speed boxes nearest california_housing diagonal_collapse explainers; do \
	    $(BIN)/python analyses/$$study.py $(HOUSING) || exit 1; done
	for study in glass_boxes classes; do $(BIN)/python analyses/$$study.py $(TABLES) || exit 1; done
	for study in promises provability; do \
	    $(BIN)/python analyses/$$study.py $(HOUSING) $(TABLES) || exit 1; done
	$(BIN)/python analyses/benchmarks.py

# 02_housing downloads California housing; without a network: make gallery DISTRICTS="--data A.csv"
DISTRICTS ?=

gallery: .venv/installed
	for example in examples/[0-9]*.py; do \
	    case $$example in *housing*) data="$(DISTRICTS)";; *) data=;; esac; \
	    $(BIN)/python $$example $$data --out examples/images || exit 1; done

clean:
	rm -rf .venv .versions dist model.pt model-analysis
