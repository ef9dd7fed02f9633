from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from pathlib import Path

    from transfer_gain.data.sources import fetch, keras_weights

    artefact = keras_weights.artefact(snakemake.params.architecture)
    fetch.fetch(artefact, Path(snakemake.output[0]).parent)
