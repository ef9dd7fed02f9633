from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.data import augmentation

    augmentation.write_example(
        snakemake.input.images,
        snakemake.output[0],
        ranges=snakemake.params.ranges,
        times=snakemake.params.times,
        study_seed=snakemake.params.seed,
        dataset=snakemake.wildcards.dataset,
    )
