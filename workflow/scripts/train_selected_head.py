from transfer_gain import job, selection

with job.logged(snakemake.log[0]):
    from transfer_gain import devices, heads  # TensorFlow greets: into the log

    devices.configure(gpu=snakemake.resources.gpu > 0)

    selected = selection.read_settings(snakemake.input.selection, snakemake.wildcards.protocol)
    heads.train_files(
        snakemake.input.features,
        snakemake.input.samples,
        snakemake.input.halves,
        snakemake.output.runs,
        snakemake.output.history,
        dataset=snakemake.wildcards.dataset,
        backbone=snakemake.wildcards.backbone,
        size=snakemake.wildcards.size,
        study_seed=snakemake.params.seed,
        settings={**snakemake.params.settings, **selected},
        run="long",
        protocol=snakemake.wildcards.protocol,
    )
