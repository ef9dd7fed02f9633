from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.methods import scratch
    from transfer_gain.training import devices

    devices.configure(gpu=snakemake.resources.gpu > 0)

    scratch.train_files(
        snakemake.input.images,
        snakemake.input.samples,
        snakemake.input.validation_roles,
        dict(snakemake.output.items()),
        names=snakemake.wildcards,
        study_seed=snakemake.params.seed,
        settings=snakemake.params.settings,
        ranges=snakemake.params.ranges,
    )
