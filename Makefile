# Two commands on a fresh machine: make study, make test. The rest is plain Snakemake.
# Every command first installs the environment if it is missing.
#   make study          run the study of config.yaml
#   make demo           run the smallest real study, in a few minutes
#   make own DATA=path/to/folder    run the comparison on your own images, in results/own
#   make own DATA=... RESULTS=results/birds     keep the results of a second folder separate
#   make own DATA=... UNLABELLED=path/to/others list which of other images to label next
#   make predict MODEL=results/own/model/mine IMAGES=path/to/images [OUT=predictions.csv]
#                       name the classes of new images with a model that a study made
#   make check          run style and type checks and the fast tests, in about two minutes
#   make test           run style and type checks and all tests
#   make test INSTALL=1     the same; install Chromium, for tests of the report, if it is missing (as
#                           root on Debian; make test-slurm installs Slurm). CI does so unasked
#   make test-slurm     run a study on a single-machine Slurm cluster (as root on Debian)
#   make test-storage   run the smoke study through an S3 server on this machine, without a shared disk
#   make test-faults    kill a run 50 times and damage every file in every way (KILLS=200 SEED=1)
#   make test-coverage  simulate studies and write how often intervals hold, in docs/validity.md
#   make bench          compare speed with other tools, in benchmarks/README.md (ONLY=..., QUICK=1)
#   make study GPU=1    use TensorFlow's CUDA libraries (Linux, NVIDIA); pass GPU=1 every time
#   make env PYTHON=python3.12      install the environment only

PYTHON ?= python3
ENV := .venv
PINS := envs/requirements$(if $(GPU),-gpu).txt
RUN := PATH="$(CURDIR)/$(ENV)/bin:$$PATH"
# Wheels of known digests only. The one package without a wheel is built with pinned tools.
PIP := pip install --quiet --disable-pip-version-check --require-hashes --only-binary=:all:
SOURCE := --no-binary=connection-pool --no-build-isolation
# Show progress and time left, without colors: workflow/snakemake_logger_plugin_progress.
SNAKEMAKE := PYTHONPATH="$(CURDIR)/workflow" $(RUN) snakemake --cores all --logger progress

# Packages of the system are installed only if INSTALL=1 asks for it, or in CI.
ifneq ($(origin INSTALL),command line)
override INSTALL := $(if $(value CI),1)
endif
install = $(if $(filter 1,$(INSTALL)),true,false) && test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
	  echo "installing $(1) with apt-get" >&2 && \
	  { apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
	    apt-get -qq install -y --no-install-recommends $(1); } >/dev/null 2>&1

# Keep compiled Python files. Compiling at every start takes ten seconds where TensorFlow is needed.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: study demo own ask predict ask-predict check test style unit test-slurm test-faults
.PHONY: test-coverage test-storage browser bench env

study: env
	@$(SNAKEMAKE)

demo: env
	@$(SNAKEMAKE) --configfile workflow/studies/demo.yaml

# Passed unexpanded through the environment, so that a path may contain any character except braces.
# Only the command line counts: in the environment, the same names mean something else.
ifneq ($(origin DATA),command line)
override DATA :=
endif
ifneq ($(origin RESULTS),command line)
override RESULTS := results/own
endif
ifneq ($(origin UNLABELLED),command line)
override UNLABELLED :=
endif
override DATA := $(value DATA)
override RESULTS := $(value RESULTS)
override UNLABELLED := $(value UNLABELLED)
export DATA RESULTS UNLABELLED
own: $(if $(DATA),env,ask)
	@quoted() { printf '"%s"' "$$(printf %s "$$1" | sed 's/[\\"]/\\&/g')"; }; \
	  $(SNAKEMAKE) --configfile workflow/studies/own.yaml --config results="$$RESULTS" \
	  "datasets={mine: {path: $$(quoted "$$DATA")$${UNLABELLED:+, unlabelled: $$(quoted "$$UNLABELLED")}}}"

ask:
	@echo "DATA is not set on the command line: make own DATA=path/to/folder" >&2; exit 2

# As for DATA and RESULTS.
ifneq ($(origin MODEL),command line)
override MODEL :=
endif
ifneq ($(origin IMAGES),command line)
override IMAGES :=
endif
ifneq ($(origin OUT),command line)
override OUT := predictions.csv
endif
override MODEL := $(value MODEL)
override IMAGES := $(value IMAGES)
override OUT := $(value OUT)
export MODEL IMAGES OUT
predict: $(if $(and $(MODEL),$(IMAGES)),env,ask-predict)
	@PYTHONPATH="$(CURDIR)/workflow" $(RUN) python -m transfer_gain.predict --out="$$OUT" -- "$$MODEL" "$$IMAGES"

ask-predict:
	@echo "MODEL or IMAGES is not set on the command line:" \
	  "make predict MODEL=results/own/model/mine IMAGES=path/to/images" >&2; exit 2

check: env
	@$(MAKE) --no-print-directory -j 2 style unit

# Two tests at a time: each takes up to 3 GB, and most of them wait for Snakemake on one core.
test: env browser store-packages style
	$(RUN) pytest -n 2 --dist loadfile --durations 60

style: env
	$(RUN) ruff check --output-format concise
	$(RUN) ruff format --check
	$(RUN) snakefmt --check Snakefile workflow
	$(RUN) snakemake --lint
	$(RUN) mypy

unit: env
	$(RUN) pytest -q -m "not slow and not network and not slurm"

# If Slurm cannot be installed or started, the tests are skipped and say why.
test-slurm: env
	@command -v slurmctld >/dev/null || \
	  { $(call install,slurmctld slurmd slurm-client munge); } || \
	  echo "Slurm is not available: tests are skipped (as root on Debian: INSTALL=1)" >&2
	$(RUN) pytest -rs -m slurm tests/test_slurm.py

test-storage: env store-packages
	$(RUN) pytest -rs -m "storage or not storage" tests/test_storage.py

# An environment of the project's packages and, on top of them, those of some files.
define overlay
$(ENV)/bin/python -m venv --clear $(1)
$(ENV)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
  > "$$($(1)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/project.pth"
$(1)/bin/$(PIP) $(addprefix -r ,$(2))
touch $@
endef

# A store takes packages on top of the project's, and older ones (envs/README.md).
STORE := .venv-store
STORE_PINS := envs/requirements-store.txt tests/requirements.txt
.PHONY: store-packages
store-packages: $(STORE)/installed

$(STORE)/installed: $(STORE_PINS) $(ENV)/$(notdir $(PINS)).installed
	$(call overlay,$(STORE),$(STORE_PINS))

KILLS ?= 50
SEED ?= 2018
test-faults: env
	FAULTS_KILLS=$(KILLS) FAULTS_SEED=$(SEED) $(RUN) pytest tests/test_faults.py

STUDIES ?= 150
test-coverage: env
	PYTHONPATH="$(CURDIR)/workflow" $(RUN) python benchmarks/coverage.py --studies $(STUDIES) --write

# The report is tested in Chromium. Without it, those tests are skipped.
browser:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
	  { $(call install,chromium); } || \
	  echo "Chromium is not available: browser tests are skipped (as root on Debian: INSTALL=1)" >&2

# The tools to compare with are extra packages on top of the project's.
BENCH := .venv-bench
bench: env $(BENCH)/requirements.txt.installed
	PYTHONPATH="$(CURDIR)/workflow" $(BENCH)/bin/python benchmarks/run.py \
	  $(if $(QUICK),--quick,--write) $(ONLY)

$(BENCH)/requirements.txt.installed: benchmarks/requirements.txt $(ENV)/$(notdir $(PINS)).installed
	$(call overlay,$(BENCH),$<)

env: $(ENV)/$(notdir $(PINS)).installed

$(ENV)/%.installed: envs/%
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || { \
	  echo "$$($(PYTHON) --version) found, Python 3.11, 3.12 or 3.13 expected: make PYTHON=..." >&2; \
	  exit 1; }
	@test $(words $(CURDIR)) = 1 || { \
	  echo "this checkout is in '$(CURDIR)': Snakemake cannot use an environment in a path with spaces" >&2; \
	  exit 1; }
	@test ! -L $(ENV) || { echo "$(ENV) is a link: its target would be cleared" >&2; exit 1; }
	@echo "installing the packages of $< into $(ENV); this takes minutes the first time" >&2
	$(PYTHON) -m venv --clear $(ENV)
	$(ENV)/bin/$(PIP) -r envs/requirements-build.txt
	$(ENV)/bin/$(PIP) $(SOURCE) --no-compile -r $<
	@test -x $(ENV)/bin/snakemake || { \
	  echo "$< has no packages for this system; see envs/README.md" >&2; exit 1; }
	touch $@
