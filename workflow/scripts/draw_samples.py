from transfer_gain import job, sampling, store

with job.logged(snakemake.log[0]):
    samples = sampling.draw_samples(
        store.read_index(snakemake.input.images),
        snakemake.params.fraction,
        snakemake.wildcards.dataset,
        snakemake.params.replicates,
        snakemake.params.seed,
    )
    store.write_rows(samples, snakemake.output[0])
