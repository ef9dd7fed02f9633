from transfer_gain import job, sampling, store

with job.logged(snakemake.log[0]):
    halves = sampling.validation_halves(
        store.read_index(snakemake.input.images),
        snakemake.wildcards.dataset,
        snakemake.params.seed,
    )
    store.write_rows(halves, snakemake.output[0])
