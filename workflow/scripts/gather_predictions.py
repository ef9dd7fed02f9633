from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import store
    from transfer_gain.evaluation import predictions

    gathered = predictions.gather(
        store.read_rows(snakemake.input.selected),
        store.read_rows(snakemake.input.validation_roles),
        store.read_index(snakemake.input.images),
        snakemake.wildcards.dataset,
        snakemake.input.predictions,
    )
    store.write_rows(gathered, snakemake.output[0])
