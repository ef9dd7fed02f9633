from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.methods import heads
    from transfer_gain.training import devices

    devices.configure(gpu=snakemake.resources.gpu > 0)

    files = snakemake.input
    heads.train_files(
        files.features,
        files.samples,
        files.validation_roles,
        dict(snakemake.output.items()),
        names={**snakemake.wildcards, **snakemake.params.names},
        study_seed=snakemake.params.seed,
        settings=snakemake.params.settings,
        selection=files.get("selection") or None,
        copies=files.get("copies") or None,
        updates_of_copies=snakemake.params.get("updates_of_copies", 0),
    )
