from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import sampling, store

    roles = sampling.validation_roles(
        store.read_index(snakemake.input.images),
        snakemake.wildcards.dataset,
        snakemake.params.seed,
        store.read_metadata(snakemake.input.images)["classes"],
        **snakemake.params.cross_fitting,
    )
    store.write_rows(roles, snakemake.output[0])
