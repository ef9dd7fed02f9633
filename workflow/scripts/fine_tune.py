from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.methods import fine_tuning, heads
    from transfer_gain.training import devices

    devices.configure(gpu=snakemake.resources.gpu > 0)

    files, names = snakemake.input, {**snakemake.wildcards, **snakemake.params.names}
    fine_tuning.train_files(
        files.images,
        files.weights,
        files.features,
        files.samples,
        files.validation_roles,
        snakemake.output.runs,
        snakemake.output.history,
        names=names,
        study_seed=snakemake.params.seed,
        backbone=snakemake.params.backbone,
        settings=snakemake.params.settings
        | heads.read_settings(files.selection, names["protocol"]),
        **snakemake.params.fine_tuning,
    )
