from transfer_gain import job

with job.logged(*snakemake.log):
    from transfer_gain import contrastive, devices

    devices.configure(gpu=snakemake.resources.gpu > 0)

    contrastive.train_files(
        snakemake.input.trained_on,
        snakemake.input.tested_on,
        snakemake.output.history,
        snakemake.output.few_shot,
        method=snakemake.wildcards.variant,
        names=snakemake.params.names,
        study_seed=snakemake.params.seed,
        draws=snakemake.params.draws,
        settings=snakemake.params.settings,
    )
