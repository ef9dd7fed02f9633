# The study that the config describes, and what every rule needs to know about it.
import os
import sys
from dataclasses import asdict
from itertools import product
from pathlib import Path

from snakemake.exceptions import WorkflowError

# Jobs import the package, too, wherever they run.
PACKAGE_PARENT = str(Path(workflow.basedir, "workflow"))
sys.path.insert(0, PACKAGE_PARENT)
os.environ["PYTHONPATH"] = os.pathsep.join(
    filter(None, [PACKAGE_PARENT, os.environ.get("PYTHONPATH")])
)

from transfer_gain.code import files_behind
from transfer_gain.study import PROTOCOLS, ConfigError, load, number

try:
    study = load(config)
except ConfigError as error:
    raise WorkflowError(f"the config is refused: {error}")

paths = study.paths
SIZES = [number(size.fraction) for size in study.sizes]
LONG_SIZES = [number(fraction) for fraction in study.long_runs.sizes]


def fetched(source):
    """Return the files that are fetched for a source of images."""
    return {"fashion-mnist": paths.fashion_mnist}.get(source, [])


def source_module(source):
    """Return the module, below the package, that a source's images come from."""
    return f"sources.{source.replace('-', '_')}"


wildcard_constraints:
    dataset="|".join(study.datasets),
    backbone="|".join(study.backbones),
    size=r"[0-9.]+",
    layers=r"[0-9-]+",
    activation="|".join(study.heads.activations),
    learning_rate=r"[0-9.]+",
    epochs=r"[0-9]+",
    protocol="|".join(PROTOCOLS),
