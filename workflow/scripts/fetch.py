from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from importlib import import_module
    from pathlib import Path

    from transfer_gain.data.sources import fetch

    module = import_module(f"transfer_gain.data.sources.{snakemake.params.artefact}")
    fetch.fetch(module.ARTEFACT, Path(snakemake.output[0]).parent)
