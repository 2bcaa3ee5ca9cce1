# Two commands do everything on a fresh machine:  make tour   and   make test
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP     = $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help tour lab course mutants test test-slow test-notebooks test-oldest fuzz export clean readme rooms run docs bench bench-state wheel

help:            ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit("mlops_nb needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..." if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: settings.ini setup.py | $(BIN)/python
	@echo "Installing mlops_nb and what it needs into $(VENV)"
	@$(PIP) -e . && touch $@

$(VENV)/.installed-lab: settings.ini setup.py | $(BIN)/python
	@echo "Installing mlops_nb and JupyterLab into $(VENV)"
	@$(PIP) -e '.[lab]' && touch $@ $(VENV)/.installed

$(VENV)/.installed-dev: settings.ini setup.py | $(BIN)/python
	@echo "Installing mlops_nb and its development tools into $(VENV)"
	@$(PIP) -e '.[dev]' && touch $@ $(VENV)/.installed $(VENV)/.installed-lab

# What the course hands out is made from the lessons, and made again when one of them has changed
COURSE := mlops_nb/_course/lessons.json
$(COURSE): tools/course.py mlops_nb/course/marks.py mlops_nb/course/editions.py $(wildcard nbs/[0-9]*/[0-9]*.ipynb) | $(BIN)/python
	@$(BIN)/python tools/course.py

course: $(COURSE)  ## Write the exercises and their checks into mlops_nb/_course/, from the marks in the lessons

tour: $(VENV)/.installed $(COURSE)  ## The main job: a model lives through the year 2013 (ARGS=--fast for a sample)
	$(BIN)/mlops-nb tour $(ARGS)

lab: $(VENV)/.installed-lab $(COURSE)  ## The course: a folder of your own, and JupyterLab at the lesson to go on with (ARGS=--no-browser)
	$(BIN)/mlops-nb course start $(ARGS)

test: $(VENV)/.installed-dev $(COURSE)  ## All tests: every notebook, then tests/
	$(BIN)/python tools/test.py

test-slow: $(VENV)/.installed-dev $(COURSE)  ## The tests that are long by their nature (about half an hour)
	$(BIN)/python tools/test.py --slow

test-notebooks: $(VENV)/.installed-dev $(COURSE)  ## The notebooks only
	$(BIN)/python tools/test.py --notebooks

test-oldest: .venv-oldest/.installed $(COURSE)  ## All tests with the oldest requirements that we allow
	.venv-oldest/bin/python tools/test.py --alone

mutants: $(VENV)/.installed-dev $(COURSE)  ## Put each wrong answer of the exercises into its lesson: the lesson's own tests must fail (ARGS=distance)
	$(BIN)/python tools/mutants.py $(ARGS)

SECONDS ?= 3600
fuzz: $(VENV)/.installed-dev  ## Forged model files, loaded and asked in child processes, for an hour (SECONDS=600, ARGS="--door own --seed 7")
	$(BIN)/python tests/fuzz_models.py --seconds $$(($(SECONDS)*2/3)) $(ARGS)
	$(BIN)/python tests/fuzz_models.py --seconds $$(($(SECONDS)/3)) --seed 1 --heap $(ARGS)

.venv-oldest/.installed: settings.ini setup.py | $(BIN)/python
	$(PYTHON) -m venv .venv-oldest
	$(BIN)/python tools/oldest.py > .venv-oldest/constraints.txt
	.venv-oldest/bin/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' -c .venv-oldest/constraints.txt && touch $@

export: $(VENV)/.installed-dev  ## Write mlops_nb/*.py from the notebooks
	$(BIN)/nbdev_export

run: $(VENV)/.installed-dev  ## Execute notebooks in place (NB=nbs/02_store/1_store.ipynb for one), so that their outputs are saved
	$(BIN)/python tools/execute.py $(NB)

clean: $(VENV)/.installed-dev  ## Remove from the notebooks what does not belong into git
	$(BIN)/nbdev_clean

readme: $(VENV)/.installed-dev  ## Write README.md from nbs/index.ipynb
	$(BIN)/python tools/readme.py

rooms: $(VENV)/.installed-dev  ## Draw the rooms of each wing from the code, and write the sidebar of the site
	$(BIN)/python tools/rooms.py

docs: $(VENV)/.installed-dev  ## Build the site into _docs/ (Quarto where it is installed, else the fallback)
	$(BIN)/python tools/docs.py

wheel: $(VENV)/.installed-dev  ## Build the wheel into dist/
	$(BIN)/python -m build --wheel --outdir dist .

bench: $(VENV)/.installed-dev  ## What imports and the tour cost, measured side by side
	$(BIN)/python bench/startup.py --tour

bench-state: $(VENV)/.installed-dev  ## Registry and data versions beside MLflow, DVC, joblib and Parquet, each in its own environment
	$(BIN)/python bench/state.py $(ARGS)
