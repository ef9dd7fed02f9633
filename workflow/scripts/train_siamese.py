from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.few_shot import siamese_training
    from transfer_gain.training import devices

    devices.configure(gpu=snakemake.resources.gpu > 0)

    siamese_training.train_files(
        snakemake.input.trained_on,
        snakemake.input.tested_on,
        snakemake.output.history,
        snakemake.output.few_shot,
        snakemake.output.network,
        names=snakemake.params.names,
        study_seed=snakemake.params.seed,
        draws=snakemake.params.draws,
        settings=snakemake.params.settings,
    )
