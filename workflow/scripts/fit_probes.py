from transfer_gain import job, linear_probe

with job.logged(snakemake.log[0]):
    linear_probe.fit_files(
        snakemake.input.features,
        snakemake.input.samples,
        snakemake.input.halves,
        snakemake.output.runs,
        names=snakemake.wildcards,
        study_seed=snakemake.params.seed,
        penalties=snakemake.params.penalties,
    )
