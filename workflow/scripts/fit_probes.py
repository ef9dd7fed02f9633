from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.methods import linear_probe

    linear_probe.fit_files(
        snakemake.input.features,
        snakemake.input.samples,
        snakemake.input.validation_roles,
        dict(snakemake.output.items()),
        names=snakemake.wildcards,
        study_seed=snakemake.params.seed,
        penalties=snakemake.params.penalties,
        class_weights=snakemake.params.get("class_weights", "none"),
    )
