from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import sampling, store

    samples = sampling.draw_samples(
        store.read_index(snakemake.input.images),
        snakemake.params.fraction,
        snakemake.wildcards.dataset,
        snakemake.params.replicates,
        snakemake.params.seed,
        store.read_metadata(snakemake.input.images)["classes"],
        store.read_rows(snakemake.input.validation_roles),
    )
    store.write_rows(samples, snakemake.output[0])
