# Two commands on a fresh machine: make study, make test. The rest is plain Snakemake.
#   make study          the study of config.yaml
#   make demo           a small true study, in minutes
#   make test           style checks and all tests
#   make study GPU=1    with TensorFlow's CUDA libraries (Linux, NVIDIA)
#   make env PYTHON=python3.12

PYTHON ?= python3
ENV := .venv
PINS := envs/requirements$(if $(GPU),-gpu).txt
RUN := PATH="$(CURDIR)/$(ENV)/bin:$$PATH"

.PHONY: study demo test env

study: env
	$(RUN) snakemake --cores all

demo: env
	$(RUN) snakemake --cores all --configfile workflow/studies/smoke.yaml

test: env
	$(RUN) ruff check --output-format concise
	$(RUN) ruff format --check
	$(RUN) snakefmt --check Snakefile workflow
	$(RUN) snakemake --lint
	$(RUN) pytest

env: $(ENV)/$(notdir $(PINS)).installed

$(ENV)/%.installed: envs/%
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || { \
	  echo "$$($(PYTHON) --version) found, Python 3.11, 3.12 or 3.13 expected: make PYTHON=..." >&2; \
	  exit 1; }
	$(PYTHON) -m venv --clear $(ENV)
	$(ENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@
