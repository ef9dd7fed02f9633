from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.methods import fine_tuning
    from transfer_gain.training import devices

    devices.configure(gpu=snakemake.resources.gpu > 0)

    files = snakemake.input
    fine_tuning.train_files(
        files.images,
        files.weights,
        files.features,
        files.samples,
        files.validation_roles,
        files.selection,
        dict(snakemake.output.items()),
        names={**snakemake.wildcards, **snakemake.params.names},
        study_seed=snakemake.params.seed,
        backbone=snakemake.params.backbone,
        settings=snakemake.params.settings,
        **snakemake.params.fine_tuning,
    )
