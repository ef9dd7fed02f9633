from transfer_gain.runtime import job

with job.monitored(*snakemake.log):
    from transfer_gain.few_shot import transforms

    variant = snakemake.wildcards.variant
    transforms.evaluate_files(
        snakemake.input.trained_on,
        snakemake.input.tested_on,
        snakemake.output.history,
        snakemake.output.few_shot,
        methods=transforms.CONTROLS if variant == "controls" else [variant],
        names=snakemake.params.names,
        study_seed=snakemake.params.seed,
        draws=snakemake.params.draws,
    )
