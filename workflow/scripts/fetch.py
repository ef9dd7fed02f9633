from importlib import import_module
from pathlib import Path

from transfer_gain import job
from transfer_gain.sources import fetch

with job.logged(snakemake.log[0]):
    module = import_module(f"transfer_gain.sources.{snakemake.params.artefact}")
    fetch.fetch(module.ARTEFACT, Path(snakemake.output[0]).parent)
