from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.methods import heads
    from transfer_gain.training import devices

    devices.configure(gpu=snakemake.resources.gpu > 0)

    files, names = snakemake.input, {**snakemake.wildcards, **snakemake.params.names}
    settings = snakemake.params.settings
    if files.get("selection"):
        settings = settings | heads.read_settings(files.selection, names["protocol"])
    heads.train_files(
        files.features,
        files.samples,
        files.validation_roles,
        snakemake.output.runs,
        snakemake.output.history,
        names=names,
        study_seed=snakemake.params.seed,
        settings=settings,
        copies=files.get("copies") or None,
        updates_of_copies=snakemake.params.get("updates_of_copies", 0),
    )
